//! `sluice label convert`: XML to JSON and back, without loss. What cannot be kept is refused, not left out.

use serde_json::{Value, json};
use sluice_policy::label::{Clearance, Label, Mode};

use super::{ConvertArgs, Failure, Form, Streams, files};
use crate::cli::Exit;

pub(super) fn run(args: &ConvertArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let Some(bytes) = files::either(&args.input, streams)? else {
        let message = "larger than any label or clearance; shorten it";
        return refused("too-large", message, args, streams);
    };
    match read(&bytes, streams) {
        Ok(Read::Label(label)) if args.to == Form::Xml && !label.alternatives().is_empty() => {
            let message = "XML holds one label a document; convert each alternative on its own";
            refused("alternatives", message, args, streams)
        }
        Ok(read) => {
            written(&read, args, streams)?;
            Ok(Exit::Done)
        }
        Err((code, message)) => refused(code, &message, args, streams),
    }
}

enum Read {
    Label(Box<Label>),
    Clearance(Clearance),
}

/// Code and message of a refusal.
type Refusal = (&'static str, String);

fn read(bytes: &[u8], streams: &mut Streams<'_>) -> Result<Read, Refusal> {
    if is_clearance(bytes) {
        let read = Clearance::read(bytes).map(Read::Clearance);
        return read.map_err(|error| ("clearance-invalid", error.to_string()));
    }
    let reading = Label::read_noting(bytes, Mode::Lenient)
        .map_err(|error| (error.code(), error.to_string()))?;
    for mistake in &reading.forgiven {
        streams.note(&format!("note: {mistake}"));
    }
    Ok(Read::Label(Box::new(reading.label)))
}

/// What is no label by its outside: another root, the key that only clearances have, or no XML or JSON at all.
fn is_clearance(bytes: &[u8]) -> bool {
    match Label::read(bytes, Mode::Lenient) {
        Ok(_) => false,
        Err(error) if error.code() == "root" || error.code() == "format" => true,
        Err(_) => serde_json::from_slice::<Value>(bytes).is_ok_and(|value| {
            value.get("ClassificationList").is_some() || value.get("aciClr").is_some()
        }),
    }
}

fn written(read: &Read, args: &ConvertArgs, streams: &mut Streams<'_>) -> Result<(), Failure> {
    match args.to {
        Form::Json => {
            let value = match read {
                Read::Label(label) if label.alternatives().is_empty() => label.to_exact_json(),
                Read::Label(label) => label.to_wire(),
                Read::Clearance(clearance) => clearance.to_json(),
            };
            let pretty = format!("{value:#}");
            streams.answer(args.json, &value, &pretty)
        }
        Form::Xml => {
            let xml = match read {
                Read::Label(label) => label.to_xml(),
                Read::Clearance(clearance) => clearance.to_xml(),
            };
            streams.answer(args.json, &json!({ "xml": xml }), &xml)
        }
    }
}

fn refused(
    code: &'static str,
    message: &str,
    args: &ConvertArgs,
    streams: &mut Streams<'_>,
) -> Result<Exit, Failure> {
    let file = args.input.display();
    if args.json {
        let answer = json!({ "error": { "code": code, "message": message } });
        streams.answer(true, &answer, "")?;
    } else {
        // Nothing on stdout: it is the converted document, or empty.
        streams.note(&format!("{file}: {message} [{code}]"));
    }
    Ok(Exit::No)
}
