//! `sluice label translate`.

use serde_json::json;
use sluice_policy::label::{self, TranslateError};

use super::{Failure, Streams, TranslateArgs, Use, carried, files, sentences};
use crate::cli::Exit;

pub(super) fn run(args: &TranslateArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let policies = &args.policies;
    files::once_stdin(policies.spif.iter().chain([&args.label]))?;
    let at = files::instant(policies.at.as_deref())?;
    let spifs = files::policies(&policies.spif, &policies.compat, streams)?;
    let usage = match args.usage {
        Use::Encrypt => label::Use::Encrypt,
        Use::Decrypt => label::Use::Decrypt,
    };
    let read = files::label(&args.label, carried(policies.lenient), streams)?;
    let translated = match read {
        Ok(reading) => spifs.translate(&reading.label, &args.to, usage, at),
        Err(error) => Err(TranslateError {
            code: "label-invalid",
            message: error.to_string(),
        }),
    };
    let (answer, text, exit) = match &translated {
        Ok(label) => (
            json!({ "label": label.to_json() }),
            sentences::label(label),
            Exit::Done,
        ),
        Err(TranslateError { code, message }) => (
            json!({ "error": { "code": code, "message": message } }),
            format!("not translated: {message} [{code}]\n"),
            Exit::No,
        ),
    };
    streams.answer(policies.json, &answer, &text)?;
    Ok(exit)
}
