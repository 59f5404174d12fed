//! `sluice room label`: the state event that labels a room, and the call that sets it. It sends nothing and asks for no
//! token: who may set it is the homeserver's to say.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use sluice_policy::{
    ids,
    label::{Clearance, Label, ROOM_LABEL_TYPE, Role},
};

use super::{Failure, RoomLabelArgs, Streams, carried, files};
use crate::cli::Exit;

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn run(args: &RoomLabelArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    check_names(args)?;
    let files = args.spif.iter().chain([&args.label]).chain(&args.clearance);
    files::once_stdin(files)?;
    let label = files::label(&args.label, carried(false), streams)?;
    let clearance = args
        .clearance
        .as_ref()
        .map(|path| files::clearance(path, streams))
        .transpose()?;
    let label = match label {
        Ok(reading) => reading.label,
        Err(error) => return refused("label-invalid", &error.to_string(), args, streams),
    };
    let clearance = match clearance.transpose() {
        Ok(clearance) => clearance,
        Err(error) => return refused("clearance-invalid", &error, args, streams),
    };
    if label.role() != Role::Originator {
        let message = "an alternative or metadata label labels no room; give the originator's";
        return refused("label-invalid", message, args, streams);
    }
    if !args.spif.is_empty()
        && let Some((code, message)) = untrue(&label, clearance.as_ref(), args, streams)?
    {
        return refused(code, &message, args, streams);
    }
    let content = content(&label, clearance.as_ref(), &args.may_lower);
    let path = format!(
        "/_matrix/client/v3/rooms/{}/state/{ROOM_LABEL_TYPE}",
        utf8_percent_encode(&args.room, SEGMENT)
    );
    let answer = json!({
        "type": ROOM_LABEL_TYPE,
        "state_key": "",
        "content": content,
        "request": { "method": "PUT", "path": path, "body": content },
    });
    streams.answer(args.json, &answer, &sentences(&content, &path, args))?;
    Ok(Exit::Done)
}

fn check_names(args: &RoomLabelArgs) -> Result<(), Failure> {
    if !ids::is_room_id(&args.room) {
        return Err(Failure::usage(
            "--room: not a room id; write one such as '!id:high.example'",
        ));
    }
    if !args.may_lower.iter().all(|user| ids::is_user_id(user)) {
        return Err(Failure::usage(
            "--may-lower: not a user id; write one such as @alice:high.example",
        ));
    }
    let scheme = args.homeserver.split_once("://").map(|(scheme, _)| scheme);
    let plain = args
        .homeserver
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"'\"\\".contains(&byte));
    if !matches!(scheme, Some("http" | "https")) || !plain {
        return Err(Failure::usage(
            "--homeserver: not a URL; write one such as https://matrix.high.example",
        ));
    }
    Ok(())
}

/// What the loaded policies have against the label, or against the clearance.
fn untrue(
    label: &Label,
    clearance: Option<&Clearance>,
    args: &RoomLabelArgs,
    streams: &mut Streams<'_>,
) -> Result<Option<(&'static str, String)>, Failure> {
    let at = files::instant(args.at.as_deref())?;
    let spifs = files::policies(&args.spif, &args.compat, streams)?;
    if let Err(fault) = spifs.validate(label, at) {
        return Ok(Some((fault.code, fault.message)));
    }
    let denial = clearance.and_then(|clearance| spifs.clear(clearance).err());
    Ok(denial.map(|denial| (denial.rule, denial.reason.into_owned())))
}

fn content(label: &Label, clearance: Option<&Clearance>, may_lower: &[String]) -> Value {
    let mut content = Map::new();
    let written = if label.alternatives().is_empty() {
        label.to_exact_json()
    } else {
        label.to_wire()
    };
    content.insert("label".to_owned(), written);
    if let Some(clearance) = clearance {
        content.insert("clearance".to_owned(), clearance.to_json());
    }
    if !may_lower.is_empty() {
        content.insert("may_lower".to_owned(), json!(may_lower));
    }
    Value::Object(content)
}

fn sentences(content: &Value, path: &str, args: &RoomLabelArgs) -> String {
    let base = args.homeserver.trim_end_matches('/');
    // In single quotes nothing has a meaning to the shell but the quote itself.
    let body = content.to_string().replace('\'', r"'\''");
    format!(
        "Content of the state event {ROOM_LABEL_TYPE}, state key \"\":\n{content:#}\n\n\
         The sender needs the power level that the room demands for this type: set it to that of its administrators.\n\
         Put the access token of such a user in place of ACCESS_TOKEN:\n\
         curl -X PUT -H 'Authorization: Bearer ACCESS_TOKEN' -H 'Content-Type: application/json' \\\n  \
         '{base}{path}' \\\n  -d '{body}'\n"
    )
}

fn refused(
    code: &'static str,
    message: &str,
    args: &RoomLabelArgs,
    streams: &mut Streams<'_>,
) -> Result<Exit, Failure> {
    if args.json {
        let answer = json!({ "error": { "code": code, "message": message } });
        streams.answer(true, &answer, "")?;
    } else {
        streams.note(&format!("{message} [{code}]"));
    }
    Ok(Exit::No)
}
