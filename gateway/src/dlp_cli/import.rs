//! `sluice dlp import`: rules of a gitleaks file as detectors on stdout; what was refused, and why, on stderr.

use serde_json::{Value, json};
use sluice_policy::dlp::{
    MAX_FILE_BYTES,
    import::{self, ImportOptions, Remark},
};

use super::{Failure, ImportArgs, Streams, files::text_or_stdin};
use crate::cli::Exit;

pub(super) fn run(args: &ImportArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let written = text_or_stdin(&args.input, MAX_FILE_BYTES, streams)?;
    let options = ImportOptions {
        size_limit: args.size_limit,
    };
    let imported = import::import(&written, &options)
        .map_err(|error| Failure::usage(vec![format!("{}: {error}", args.input.display())]))?;
    let answer = json!({
        "toml": imported.toml,
        "kept": imported.kept,
        "refused": remarks(&imported.refused),
        "notes": remarks(&imported.notes),
    });
    streams.say(args.json, &answer, imported.toml.trim_end())?;
    for (word, list) in [("refused", &imported.refused), ("note", &imported.notes)] {
        for Remark { id, reason } in list {
            // Nobody may be reading; with --json the answer has them too.
            let _ = writeln!(streams.err, "{word} {id}: {reason}");
        }
    }
    let (kept, refused) = (imported.kept.len(), imported.refused.len());
    let _ = writeln!(streams.err, "{kept} kept, {refused} refused");
    Ok(match kept {
        0 => Exit::No,
        _ => Exit::Done,
    })
}

fn remarks(list: &[Remark]) -> Vec<Value> {
    let remark = |remark: &Remark| json!({"id": remark.id, "reason": remark.reason});
    list.iter().map(remark).collect()
}
