//! Reads a gateway's audit log while the gateway writes it: which rule decided, and what crossed.
//!
//! Only for showing and asserting; whether the log is genuine is `sluice audit verify`'s answer.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::{DemoError, io};
use super::world::VS_NFD;
use super::zone::{GERMAN, NATO};

/// The decision on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// `high->low`.
    pub link: String,
    /// `release`, `hold`, `redact` or `drop`.
    pub verdict: String,
    /// For example `dlp.de.iban`.
    pub rule: String,
    /// The whole line of the log.
    pub line: Value,
}

impl Ruling {
    /// Classification of the label that was decided on; empty where there was none.
    #[must_use]
    pub fn level(&self) -> &str {
        text(&self.line["label"]["classification"])
    }

    /// Where that label stands: `event`, `thread`, `target`, `room`, `link`, `marking`, `none`.
    #[must_use]
    pub fn source(&self) -> &str {
        text(&self.line["label_source"])
    }

    /// Classification of that label in the policy of the deciding clearance; empty where it was not translated.
    #[must_use]
    pub fn translated(&self) -> &str {
        text(&self.line["translated"]["classification"])
    }

    /// Object identifier of the policy that decided; empty where none did.
    #[must_use]
    pub fn policy(&self) -> &str {
        text(&self.line["spif"]["oid"])
    }

    /// Which label, where it stands, and what it is in the policy that decided, on part of one line.
    #[must_use]
    pub fn brief(&self) -> String {
        if self.level().is_empty() {
            return "none".to_owned();
        }
        let told = format!("{} from {}", short(self.level()), words(self.source()));
        match self.translated() {
            "" => told,
            translated => format!("{told} = {}", short(translated)),
        }
    }

    /// As [`Self::brief`], with the policy that decided and by whose clearance.
    #[must_use]
    pub fn told(&self) -> String {
        let brief = self.brief();
        if self.policy().is_empty() {
            return brief;
        }
        let policy = name(self.policy());
        let version = text(&self.line["spif"]["version"]);
        let whose = text(&self.line["clearance_of"]);
        format!("{brief} ({policy} version {version}, clearance of the {whose})")
    }
}

/// As people write it at the start of a paragraph.
fn short(level: &str) -> &str {
    if level == VS_NFD { "VS-NfD" } else { level }
}

fn name(oid: &str) -> &str {
    let policies = [GERMAN, NATO];
    let named = policies.iter().find(|policy| policy.oid == oid);
    named.map_or(oid, |policy| policy.name)
}

fn words(source: &str) -> &str {
    match source {
        "event" => "the event",
        "thread" => "its thread",
        "target" => "its target",
        "room" => "the room",
        "link" => "the link",
        "marking" => "a typed marking",
        other => other,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The segments of a log, oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<PathBuf>, DemoError> {
    let entries = std::fs::read_dir(folder).map_err(io("read", folder))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    paths.sort();
    Ok(paths)
}

/// All whole lines of a log. A line that is being written is left out.
///
/// # Errors
/// When the log cannot be read.
pub fn lines(folder: &Path) -> Result<Vec<Value>, DemoError> {
    let mut found = Vec::new();
    for path in segments(folder)? {
        let file = File::open(&path).map_err(io("read", &path))?;
        found.extend(
            BufReader::new(file)
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| serde_json::from_str(&line).ok()),
        );
    }
    Ok(found)
}

/// Lines of one kind, for example `event`, `request`, `edu`, `refused`.
///
/// # Errors
/// When the log cannot be read.
pub fn of_kind(folder: &Path, kind: &str) -> Result<Vec<Value>, DemoError> {
    Ok(lines(folder)?
        .into_iter()
        .filter(|line| line["kind"] == kind)
        .collect())
}

/// Every decision on an event, oldest first.
///
/// # Errors
/// When the log cannot be read.
pub fn rulings(folder: &Path, event_id: &str) -> Result<Vec<Ruling>, DemoError> {
    let part = |line: &Value, key: &str| text(&line[key]).to_owned();
    let ruling = |line: Value| Ruling {
        link: part(&line, "link"),
        verdict: part(&line, "verdict"),
        rule: part(&line, "rule"),
        line,
    };
    Ok(of_kind(folder, "event")?
        .into_iter()
        .filter(|line| line["event_id"] == event_id)
        .map(ruling)
        .collect())
}

/// The time that a gateway itself took for the request that carried an event, as its own log tells it; the waiting for
/// the far side is not in it. `None` where the gateway did not see the event, or has not written its line yet.
///
/// # Errors
/// When a log cannot be read.
pub fn own_time(
    audit: &Path,
    gateway_log: &Path,
    event_id: &str,
) -> Result<Option<Duration>, DemoError> {
    let carried = of_kind(audit, "event")?
        .into_iter()
        .find(|line| line["event_id"] == event_id);
    let Some(carried) = carried else {
        return Ok(None);
    };
    let mark = format!("reference={} ", carried["request"].as_str().unwrap_or("-"));
    let log = std::fs::read_to_string(gateway_log).map_err(io("read", gateway_log))?;
    let line = log
        .lines()
        .find(|line| line.contains(&mark) && line.contains(OWN_MICROS));
    let micros = line.and_then(|line| {
        line.split_once(OWN_MICROS)?
            .1
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    Ok(micros.map(Duration::from_micros))
}

/// The field of the gateway's log that holds its own time for a request.
const OWN_MICROS: &str = "own_micros=";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]
    use super::*;

    #[test]
    fn rulings_on_an_event_come_in_order_over_segments_and_half_a_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let line = |id: &str, verdict: &str, rule: &str| {
            format!(
                r#"{{"kind":"event","event_id":"{id}","link":"high->low","verdict":"{verdict}","rule":"{rule}"}}"#
            )
        };
        let first = format!(
            "{}\n{}\n",
            line("$a", "redact", "dlp.de.iban"),
            line("$b", "release", "rego.sluice.event")
        );
        std::fs::write(folder.path().join("0001.jsonl"), first).unwrap();
        let second = format!(
            "{}\n{{\"kind\":\"event\",\"event_id\":\"$a",
            line("$a", "redact", "journal")
        );
        std::fs::write(folder.path().join("0002.jsonl"), second).unwrap();
        let rules: Vec<String> = rulings(folder.path(), "$a")
            .unwrap()
            .into_iter()
            .map(|ruling| ruling.rule)
            .collect();
        assert_eq!(rules, ["dlp.de.iban", "journal"]);
    }
}
