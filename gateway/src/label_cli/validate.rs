//! `sluice label validate`.

use serde_json::{Value, json};
use sluice_policy::label::{Mode, Reading};

use super::{Failure, Streams, ValidateArgs, files};
use crate::cli::Exit;

pub(super) fn run(args: &ValidateArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let policies = &args.policies;
    files::once_stdin(policies.spif.iter().chain([&args.label]))?;
    let at = files::instant(policies.at.as_deref())?;
    let spifs = files::policies(&policies.spif, &policies.compat, streams)?;
    let mode = if policies.lenient {
        Mode::Lenient
    } else {
        Mode::Strict
    };
    let (error, warnings) = match files::label(&args.label, mode, streams)? {
        Err(error) => (Some(told(error.code(), &error)), Vec::new()),
        Ok(Reading { label, forgiven }) => {
            let fault = spifs.validate(&label, at).err();
            let warnings = forgiven.iter().map(|error| told(error.code(), error));
            (
                fault.map(|fault| told(fault.code, &fault.message)),
                warnings.collect(),
            )
        }
    };
    let valid = error.is_none();
    let errors: Vec<Told> = error.into_iter().collect();
    let answer = json!({
        "valid": valid,
        "errors": errors.iter().map(as_json).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(as_json).collect::<Vec<_>>(),
    });
    let file = args.label.display();
    let mut sentences = format!("{file}: {}\n", if valid { "valid" } else { "not valid" });
    let lines = [("error", &errors), ("warning", &warnings)];
    for (kind, (code, message)) in lines
        .iter()
        .flat_map(|(kind, told)| told.iter().map(move |told| (kind, told)))
    {
        sentences.push_str(&format!("{file}: {kind} [{code}] {message}\n"));
    }
    streams.answer(policies.json, &answer, &sentences)?;
    Ok(if valid { Exit::Done } else { Exit::No })
}

/// Code and message.
type Told = (&'static str, String);

fn told(code: &'static str, message: &impl ToString) -> Told {
    (code, message.to_string())
}

fn as_json((code, message): &Told) -> Value {
    json!({ "code": code, "message": message })
}
