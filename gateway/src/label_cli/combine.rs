//! `sluice label combine`.

use serde_json::json;
use sluice_policy::label::{Combined, Label};

use super::{CombineArgs, Failure, Streams, carried, files, sentences};
use crate::cli::Exit;

pub(super) fn run(args: &CombineArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let policies = &args.policies;
    files::once_stdin(policies.spif.iter().chain(&args.labels))?;
    let at = files::instant(policies.at.as_deref())?;
    let spifs = files::policies(&policies.spif, &policies.compat, streams)?;
    let combined = match labels(args, streams)? {
        Ok(labels) => spifs.combine(&labels, at),
        Err(reason) => Combined::Undecided(reason),
    };
    let (answer, text, exit) = match combined {
        Combined::Label {
            label,
            wider_than_parts,
        } => {
            let wider = if wider_than_parts {
                "wider than its parts: some clearance would grant it and deny one of them"
            } else {
                "not wider than its parts"
            };
            (
                json!({ "label": label.to_json(), "wider_than_parts": wider_than_parts }),
                format!("{}{wider}\n", sentences::label(&label)),
                Exit::Done,
            )
        }
        Combined::Undecided(reason) => (
            json!({ "undecided": reason }),
            format!("undecided: {reason}\n"),
            Exit::No,
        ),
    };
    streams.answer(policies.json, &answer, &text)?;
    Ok(exit)
}

/// All labels, or what is wrong with the first that is none.
fn labels(
    args: &CombineArgs,
    streams: &mut Streams<'_>,
) -> Result<Result<Vec<Label>, String>, Failure> {
    let mut labels = Vec::new();
    for path in &args.labels {
        match files::label(path, carried(args.policies.lenient), streams)? {
            Ok(reading) => labels.push(reading.label),
            Err(error) => return Ok(Err(format!("{}: {error}", path.display()))),
        }
    }
    Ok(Ok(labels))
}
