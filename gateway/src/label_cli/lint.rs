//! `sluice label lint`.

use serde_json::json;
use sluice_policy::label::{LintFinding, LintReport, lint_at};

use super::{Failure, LintArgs, Streams, files};
use crate::cli::Exit;

pub(super) fn run(args: &LintArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    files::once_stdin(args.files.iter())?;
    let at = files::instant_given(args.at.as_deref())?;
    let (mut texts, mut unread) = (Vec::new(), Vec::new());
    for path in &args.files {
        let file = path.display().to_string();
        match String::from_utf8(files::policy(path, streams)?) {
            Ok(text) => texts.push((file, text)),
            Err(_) => unread.push(not_utf8(file)),
        }
    }
    let mut report = lint_at(&texts, files::options(&args.compat)?, at);
    report.errors.extend(unread);
    let ok = report.ok();
    streams.answer(args.json, &json!(report), &sentences(&report, texts.len()))?;
    Ok(if ok { Exit::Done } else { Exit::No })
}

fn not_utf8(file: String) -> LintFinding {
    LintFinding {
        code: "encoding",
        line: None,
        message: "not UTF-8; save it as UTF-8".into(),
        file,
    }
}

/// One finding a line, in the form that editors jump to.
fn sentences(report: &LintReport, read: usize) -> String {
    let mut text = String::new();
    for (kind, findings) in [("error", &report.errors), ("warning", &report.warnings)] {
        for LintFinding {
            code,
            line,
            message,
            file,
        } in findings
        {
            let place = line.map_or(String::new(), |line| format!("{line}:"));
            text.push_str(&format!("{file}:{place} {kind} [{code}] {message}\n"));
        }
    }
    let (errors, warnings) = (report.errors.len(), report.warnings.len());
    text.push_str(&format!(
        "policies: {read}, errors: {errors}, warnings: {warnings}\n"
    ));
    text
}
