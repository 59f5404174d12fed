//! `sluice policy decide`: the judgement of a bundle over events that were never on the wire. Label, detectors and
//! policy decide; signatures and hashes are not looked at, and the answer says so.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sluice_policy::{
    bundle::Bundle,
    decide::{self, LABEL_MALFORMED, LinkContext, Target, UnitDecision, UnitFacts},
    facts::{Direction, Kind},
    json::{Limits, Object, Tree, parse_envelope},
    label::Label,
    link::zones,
    pdu::RoomVersion,
    verdict::{Decision, Verdict},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{COULD_NOT, DONE, DecideArgs, Failure, NO, USAGE, open_bundle};

/// Bytes of one line at most.
const LINE_BYTES: usize = 1024 * 1024;

/// Where `init` puts the public key of the bundle that lies beside.
const KEY_BESIDE: &str = "keys/bundle.pub";

/// Rule: a room version that the gateway does not know.
const ROOM_VERSION_UNKNOWN: &str = "protocol.room_version";

/// How a line can be wrong.
type LineError = String;

/// The answer to one line.
struct Answer {
    id: Value,
    decision: Decision,
    label: Option<Label>,
    findings: Value,
}

pub(super) fn run(arguments: &DecideArgs) -> Result<u8, Failure> {
    let (from, to) = zones(&arguments.link).ok_or_else(|| {
        Failure::usage(format!(
            "--link {:?}: write FROM->TO, such as 'high->low'",
            arguments.link
        ))
    })?;
    let at = instant(arguments.at.as_deref())?;
    let bundle = open_bundle(&arguments.bundle, &key_path(arguments))?;
    let link = LinkContext {
        name: &arguments.link,
        from,
        to,
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let mut input = open(&arguments.input)?;
    let mut out = io::stdout().lock();
    let asked = Asked {
        bundle: &bundle,
        link,
        at,
        json: arguments.json,
    };
    asked.stream(&mut *input, &mut out, &arguments.input)
}

/// What every line is asked with.
struct Asked<'a> {
    bundle: &'a Bundle,
    link: LinkContext<'a>,
    at: OffsetDateTime,
    json: bool,
}

impl Asked<'_> {
    /// Answers line by line, each at once; gives the exit code. `path` is for messages.
    fn stream(
        &self,
        input: &mut dyn BufRead,
        out: &mut dyn Write,
        path: &Path,
    ) -> Result<u8, Failure> {
        let mut code = DONE;
        for line in 1_u64.. {
            let text = next_line(input).map_err(|error| Failure::could_not(path, &error))?;
            let Some(text) = text else { break };
            if text.trim_ascii().is_empty() {
                continue;
            }
            let answer = answer(self.bundle, &self.link, self.at, &text)?;
            code = code.max(match &answer {
                Ok(answer) if answer.decision.verdict == Verdict::Release => DONE,
                Ok(_) => NO,
                Err(_) => USAGE,
            });
            let written = print(out, line, answer, self.json);
            written.map_err(|error| Failure::could_not(Path::new("stdout"), &error))?;
        }
        Ok(code)
    }
}

/// Decides one line. A fault inside the event condemns the event; a line of another shape is a bad line.
fn answer(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    at: OffsetDateTime,
    line: &[u8],
) -> Result<Result<Answer, LineError>, Failure> {
    let limits = Limits {
        bytes: LINE_BYTES,
        ..Limits::REQUEST
    };
    let mut envelope =
        match parse_envelope(line, &["/event"], &limits, &Limits::PDU, Limits::PDU.nodes) {
            Ok(envelope) => envelope,
            Err(fault) => return Ok(Err(fault.rule().to_owned())),
        };
    let id = envelope.rest.get("id").map_or(Value::Null, |id| {
        serde_json::to_value(id).unwrap_or(Value::Null)
    });
    let element = match (envelope.elements.pop(), envelope.elements.pop()) {
        (Some(element), None) => element.value,
        _ => {
            return Ok(Err(
                "there is no event; write {\"id\",\"room_version\",\"event\",\"room\"}".to_owned(),
            ));
        }
    };
    let event = match element {
        Ok(Tree::Object(event)) => event,
        Ok(_) => return Ok(Err("event is not an object".to_owned())),
        Err(fault) => return Ok(Ok(refused(id, fault.rule()))),
    };
    judge(bundle, link, at, id, &envelope.rest, &event)
}

fn judge(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    at: OffsetDateTime,
    id: Value,
    line: &Object,
    event: &Object,
) -> Result<Result<Answer, LineError>, Failure> {
    let (Some(event_type), Some(Tree::Object(content))) =
        (text(event, "type"), event.get("content"))
    else {
        return Ok(Err("event has no type or no content".to_owned()));
    };
    let Some(version) = text(line, "room_version") else {
        return Ok(Err(
            "room_version is missing; write \"10\", \"11\" or \"12\"".to_owned(),
        ));
    };
    if RoomVersion::parse(version).is_none() {
        return Ok(Ok(refused(id, ROOM_VERSION_UNKNOWN)));
    }
    let Ok(room_label) = room_label(line) else {
        return Ok(Ok(refused(id, LABEL_MALFORMED)));
    };
    let unit = UnitFacts {
        kind: Kind::Pdu,
        event_type,
        sender: text(event, "sender"),
        state_key: text(event, "state_key"),
        room_id: text(event, "room_id"),
        room_version: Some(version),
        content,
        target: Target::Absent,
        room_label: room_label.as_ref(),
        redacted: false,
    };
    let decisions = decide::decide_units(bundle, link, &[unit], at).map_err(|error| Failure {
        code: COULD_NOT,
        message: error.to_string(),
    })?;
    Ok(decisions
        .into_iter()
        .next()
        .map(|decision| decided(id, decision))
        .ok_or_else(|| "no decision".to_owned()))
}

fn decided(id: Value, unit: UnitDecision) -> Answer {
    let findings = serde_json::to_value(&unit.findings).unwrap_or(Value::Null);
    Answer {
        id,
        decision: unit.decision,
        label: unit.label,
        findings,
    }
}

fn refused(id: Value, rule: &str) -> Answer {
    Answer {
        id,
        decision: Decision::new(Verdict::Redact, rule),
        label: None,
        findings: json!([]),
    }
}

/// The label in `room.label`, in the wire form or its inner object; `null` and nothing are no label.
fn room_label(line: &Object) -> Result<Option<Label>, ()> {
    match line.get("room") {
        None | Some(Tree::Null) => Ok(None),
        Some(Tree::Object(room)) => match room.get("label") {
            None | Some(Tree::Null) => Ok(None),
            Some(label) => Label::from_tree(label).map(Some).map_err(drop),
        },
        Some(_) => Err(()),
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Tree::as_str)
}

fn print(
    out: &mut dyn Write,
    line: u64,
    answer: Result<Answer, LineError>,
    as_json: bool,
) -> io::Result<()> {
    match (answer, as_json) {
        (Ok(answer), true) => {
            let label = answer.label.as_ref().map(Label::to_json);
            let Decision { verdict, rule } = answer.decision;
            let fields = json!({
                "id": answer.id, "verdict": verdict, "rule": rule, "label": label, "findings": answer.findings,
                "protocol": "unchecked",
            });
            writeln!(out, "{fields}")
        }
        (Ok(answer), false) => writeln!(
            out,
            "{} {} {}",
            answer.id,
            answer.decision.verdict.as_str(),
            answer.decision.rule
        ),
        (Err(error), true) => {
            writeln!(out, "{}", json!({"id": null, "line": line, "error": error}))
        }
        (Err(error), false) => writeln!(out, "line {line}: {error}"),
    }
}

/// One line without its end, `None` at the end. What is longer than a line may be is cut and will not parse.
fn next_line(input: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input
        .take(LINE_BYTES as u64 + 1)
        .read_until(b'\n', &mut line)?
        == 0
    {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && line.len() > LINE_BYTES {
        skip_line(input)?;
    }
    Ok(Some(line))
}

fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(place) => (place + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|error| Failure::could_not(path, &error))?;
    Ok(Box::new(BufReader::new(file)))
}

fn key_path(arguments: &DecideArgs) -> PathBuf {
    let beside = || {
        arguments
            .bundle
            .parent()
            .unwrap_or(Path::new(""))
            .join(KEY_BESIDE)
    };
    arguments.key.clone().unwrap_or_else(beside)
}

fn instant(at: Option<&str>) -> Result<OffsetDateTime, Failure> {
    let Some(text) = at else {
        return Ok(OffsetDateTime::now_utc());
    };
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        Failure::usage(format!(
            "--at {text:?}: write an instant such as 2026-03-01T12:00:00Z"
        ))
    })
}

#[cfg(test)]
mod tests;
