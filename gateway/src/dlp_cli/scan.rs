//! `sluice dlp scan`: what would have been found, line by line, and where; never the value.

use std::{fs::File, io::BufReader};

use serde_json::{Value, json};
use sluice_policy::{
    decide::without_label_names,
    dlp::{Detectors, Finding, Part, Said, Scan, ScanError, Windows, said},
    json::{Object, Tree},
    label::Spifs,
};
use time::OffsetDateTime;

use super::{
    Failure, ScanArgs, Streams,
    files::{is_stdin, unread},
    lines::{self, Asked, What},
};
use crate::cli::Exit;

/// What every line is scanned with.
struct Scanner {
    detectors: Detectors,
    spifs: Spifs,
    at: OffsetDateTime,
}

/// What came of all lines so far.
#[derive(Default)]
struct Total {
    lines: u64,
    findings: usize,
    bad: u64,
    /// What each sender said in each room, where lines are read together.
    windows: Option<Windows>,
}

pub(super) fn run(args: &ScanArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let scanner = Scanner {
        detectors: args.rules.load()?,
        spifs: args.rules.spifs()?,
        at: OffsetDateTime::now_utc(),
    };
    if is_stdin(&args.input) {
        return scanner.all(args, streams);
    }
    let file = File::open(&args.input).map_err(|error| unread(&args.input, &error))?;
    let streams = &mut Streams {
        input: &mut BufReader::new(file),
        out: streams.out,
        err: streams.err,
    };
    scanner.all(args, streams)
}

impl Scanner {
    /// Answers line by line, each at once.
    fn all(&self, args: &ScanArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
        let mut total = Total {
            windows: args.window.then(Windows::default),
            ..Total::default()
        };
        for number in 1_u64.. {
            let line = lines::next(streams.input).map_err(|error| unread(&args.input, &error))?;
            let Some(line) = line else { break };
            if line.trim_ascii().is_empty() {
                continue;
            }
            total.lines += 1;
            let (value, sentences) = self.answer(number, &line, &mut total);
            streams.say(args.json, &value, &sentences)?;
        }
        let Total {
            lines, findings, ..
        } = total;
        if !args.json {
            streams.say(
                false,
                &Value::Null,
                &format!("{findings} findings in {lines} lines"),
            )?;
        }
        Ok(match (total.bad, total.findings) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::No,
            _ => Exit::Usage,
        })
    }

    /// The answer to one line: for machines, and for people.
    fn answer(&self, number: u64, line: &[u8], total: &mut Total) -> (Value, String) {
        let asked = match lines::read(line) {
            Ok(asked) => asked,
            Err(error) => {
                total.bad += 1;
                return bad(&Tree::Null, number, &error);
            }
        };
        match self.scan(&asked, number, total.windows.as_mut()) {
            Ok(findings) => {
                total.findings += findings.len();
                (
                    json!({"id": asked.id, "findings": findings}),
                    shown(&asked.id, &findings),
                )
            }
            Err(error) => {
                total.bad += 1;
                bad(
                    &asked.id,
                    number,
                    &format!("{error}; a gateway would hold it"),
                )
            }
        }
    }

    fn scan(
        &self,
        asked: &Asked,
        number: u64,
        windows: Option<&mut Windows>,
    ) -> Result<Vec<Finding>, ScanError> {
        match &asked.what {
            What::Text(text) => {
                let tree = Tree::String(text.clone());
                let said = Said::new("/text", text);
                self.together((&tree, "/text"), &Place::of_line(number), &[said], windows)
            }
            What::Event(event) => {
                let spared = self.without_names(event);
                let event = spared.as_ref().unwrap_or(event);
                let content = event.get("content").and_then(Tree::as_object);
                let kind = event.get("type").and_then(Tree::as_str);
                let said = content
                    .map(|content| said(kind.unwrap_or_default(), content, "/event/content"));
                let place = Place::of_event(number, event);
                let tree = Tree::Object(event.clone());
                let said = said.unwrap_or_default();
                self.together((&tree, "/event"), &place, &said, windows)
            }
        }
    }

    /// What a line shows, alone and together with those before it.
    fn together(
        &self,
        (tree, pointer): (&Tree, &str),
        place: &Place<'_>,
        said: &[Said<'_>],
        windows: Option<&mut Windows>,
    ) -> Result<Vec<Finding>, ScanError> {
        let Some(windows) = windows else {
            return self.detectors.scan(tree, pointer);
        };
        let window = windows.get(place.room, place.sender);
        let around = window.map(|window| window.around(&place.id, place.sent_ms));
        let around = around.unwrap_or_default();
        let findings =
            self.detectors
                .scan_together(&Scan::default(), (tree, pointer), &around, said)?;
        let part = Part::new(&place.id, place.sent_ms, said);
        windows.push(place.room, place.sender, part);
        Ok(findings)
    }

    /// The event without the names of its label, which are no markings.
    fn without_names(&self, event: &Object) -> Option<Object> {
        let text = |key: &str| event.get(key).and_then(Tree::as_str);
        let content = event.get("content").and_then(Tree::as_object)?;
        let kind = (text("type").unwrap_or_default(), text("state_key"));
        let content = without_label_names(content, kind, &self.spifs, self.at)?;
        let mut event = event.clone();
        event.insert("content".to_owned(), Tree::Object(content));
        Some(event)
    }
}

/// Whose window a line belongs to, and where in it.
struct Place<'e> {
    id: String,
    room: &'e str,
    sender: &'e str,
    sent_ms: i64,
}

impl<'e> Place<'e> {
    /// A text was said by the one sender in the one room of all texts.
    fn of_line(number: u64) -> Self {
        Self {
            id: number.to_string(),
            room: "",
            sender: "",
            sent_ms: 0,
        }
    }

    fn of_event(number: u64, event: &'e Object) -> Self {
        let text = |key: &str| event.get(key).and_then(Tree::as_str);
        let sent = event.get("origin_server_ts").and_then(Tree::as_integer);
        Self {
            id: text("event_id").map_or_else(|| number.to_string(), str::to_owned),
            room: text("room_id").unwrap_or_default(),
            sender: text("sender").unwrap_or_default(),
            sent_ms: sent.map_or(0, i64::from),
        }
    }
}

fn bad(id: &Tree, line: u64, error: &str) -> (Value, String) {
    let answer = json!({"id": id, "line": line, "error": error});
    (answer, format!("line {line}: {error}"))
}

/// A line for each finding.
fn shown(id: &Tree, findings: &[Finding]) -> String {
    let id = serde_json::to_string(id).unwrap_or_default();
    let line = |finding: &Finding| {
        let place = if finding.key { "key of " } else { "" };
        format!(
            "{id}: {place}{} {}..{}: {} ({}, {})",
            finding.field,
            finding.start,
            finding.end,
            finding.detector,
            finding.strength.as_str(),
            finding.view,
        )
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}
