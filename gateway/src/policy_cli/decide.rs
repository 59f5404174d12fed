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
    decide::{self, LinkContext, UnitDecision},
    facts::{Direction, LabelSource},
    label::Label,
    link::zones,
    verdict::{Decision, Verdict},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    AskArgs, COULD_NOT, DONE, Failure, NO, USAGE,
    line::{self, LINE_BYTES, Line},
    open_bundle,
};

/// Where `init` puts the public key of the bundle that lies beside.
const KEY_BESIDE: &str = "keys/bundle.pub";

/// How a line can be wrong.
type LineError = String;

/// The answer to one line.
struct Answer {
    id: Value,
    decision: Decision,
    label: Option<Label>,
    label_source: LabelSource,
    notes: Vec<&'static str>,
    findings: Value,
}

pub(super) fn run(arguments: &AskArgs) -> Result<u8, Failure> {
    let link = link(arguments)?;
    let at = instant(arguments.at.as_deref())?;
    let bundle = open_bundle(arguments, &key_path(arguments))?;
    let Source(mut input) = open(&arguments.input)?;
    let mut out = io::stdout().lock();
    let asked = Asked {
        bundle: &bundle,
        link,
        at,
        json: arguments.json,
    };
    asked.stream(&mut *input, &mut out, &arguments.input)
}

/// The link that is asked about; its clearances are the bundle's alone.
pub(super) fn link(arguments: &AskArgs) -> Result<LinkContext<'_>, Failure> {
    let (from, to) = zones(&arguments.link).ok_or_else(|| {
        Failure::usage(format!(
            "--link {:?}: write FROM->TO, such as 'high->low'",
            arguments.link
        ))
    })?;
    Ok(LinkContext {
        name: &arguments.link,
        from,
        to,
        direction: if arguments.inbound {
            Direction::Inbound
        } else {
            Direction::Outbound
        },
        clearances: Vec::new(),
    })
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

/// Decides one line.
fn answer(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    at: OffsetDateTime,
    line: &[u8],
) -> Result<Result<Answer, LineError>, Failure> {
    let event = match line::read(line) {
        Ok(Line::Event(event)) => event,
        Ok(Line::Refused { id, rule }) => return Ok(Ok(refused(id, &rule))),
        Err(error) => return Ok(Err(error)),
    };
    let units = [event.unit()];
    let decisions = decide::decide_units(bundle, link, &units, at).map_err(|error| Failure {
        code: COULD_NOT,
        message: error.to_string(),
    })?;
    Ok(decisions
        .into_iter()
        .next()
        .map(|decision| decided(event.id.clone(), decision))
        .ok_or_else(|| "no decision".to_owned()))
}

fn decided(id: Value, unit: UnitDecision) -> Answer {
    let findings = serde_json::to_value(&unit.findings).unwrap_or(Value::Null);
    Answer {
        id,
        decision: unit.decision,
        label: unit.label,
        label_source: unit.label_source,
        notes: unit.notes,
        findings,
    }
}

fn refused(id: Value, rule: &str) -> Answer {
    Answer {
        id,
        decision: Decision::new(Verdict::Redact, rule),
        label: None,
        label_source: LabelSource::None,
        notes: Vec::new(),
        findings: json!([]),
    }
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
            let Decision {
                verdict,
                rule,
                checks,
            } = answer.decision;
            let mut fields = json!({
                "id": answer.id, "verdict": verdict, "rule": rule, "label": label, "findings": answer.findings,
                "protocol": "unchecked", "label_source": answer.label_source, "notes": answer.notes,
            });
            if !checks.is_empty() {
                fields["checks"] = json!(checks);
            }
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

/// An input, opened.
pub(super) struct Source(pub(super) Box<dyn BufRead>);

/// Opens a file; `-` is stdin.
pub(super) fn open(path: &Path) -> Result<Source, Failure> {
    if path == Path::new("-") {
        return Ok(Source(Box::new(io::stdin().lock())));
    }
    let file = File::open(path).map_err(|error| Failure::could_not(path, &error))?;
    Ok(Source(Box::new(BufReader::new(file))))
}

/// The key that the bundle must be signed with.
pub(super) fn key_path(arguments: &AskArgs) -> PathBuf {
    let beside = || {
        arguments
            .bundle
            .parent()
            .unwrap_or(Path::new(""))
            .join(KEY_BESIDE)
    };
    arguments.key.clone().unwrap_or_else(beside)
}

/// The instant that labels are judged at.
pub(super) fn instant(at: Option<&str>) -> Result<OffsetDateTime, Failure> {
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
