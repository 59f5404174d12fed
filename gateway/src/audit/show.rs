//! Shows a log to people: one line an entry, escaped for a terminal; filters. It does not verify.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::scan::next_line;
use super::segment;

/// Which lines are shown: those that fit every filter that is given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Event id.
    pub event: Option<String>,
    /// Link, `high->low`.
    pub link: Option<String>,
    /// Rule, or with a `*` at its end the start of one (`dlp.*`).
    pub rule: Option<String>,
}

/// What was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Lines that fitted.
    pub lines: u64,
    /// Lines that are no JSON objects, and were left out.
    pub unreadable: u64,
}

/// Writes the lines of the log in `dir` that fit: as they stand in the log if `json`, else for people.
///
/// # Errors
/// The log cannot be read, or `out` cannot be written.
pub fn show(dir: &Path, filter: &Filter, json: bool, out: &mut dyn Write) -> io::Result<Shown> {
    let mut shown = Shown::default();
    for number in segment::list(dir)? {
        let mut reader = BufReader::new(File::open(dir.join(segment::file_name(number)))?);
        while let Some(raw) = next_line(&mut reader)? {
            let Ok(line) = serde_json::from_slice::<Map<String, Value>>(&raw.bytes) else {
                shown.unreadable += 1;
                continue;
            };
            if !filter.fits(&line) {
                continue;
            }
            shown.lines += 1;
            if json {
                // Read and written again: what is shown is JSON for sure, whatever stands in the file.
                writeln!(out, "{}", Value::Object(line))?;
            } else {
                writeln!(out, "{}", for_people(&line))?;
            }
        }
    }
    Ok(shown)
}

impl Filter {
    /// Whether anything is asked for.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.event.is_some() || self.link.is_some() || self.rule.is_some()
    }

    fn fits(&self, line: &Map<String, Value>) -> bool {
        let is = |wanted: &Option<String>, key: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| line.get(key).and_then(Value::as_str) == Some(wanted))
        };
        is(&self.event, "event_id") && is(&self.link, "link") && self.rule_fits(line)
    }

    fn rule_fits(&self, line: &Map<String, Value>) -> bool {
        let Some(wanted) = &self.rule else {
            return true;
        };
        let rule = line.get("rule").and_then(Value::as_str);
        rule.is_some_and(|rule| match wanted.strip_suffix('*') {
            Some(start) => rule.starts_with(start),
            None => rule == wanted,
        })
    }
}

/// `2026-01-31T12:00:00.000Z      7 event rule=dlp.iban ...`: number and time first, the hash of the chain left out.
fn for_people(line: &Map<String, Value>) -> String {
    let seq = line.get("seq").and_then(Value::as_u64).unwrap_or(0);
    let mut text = format!(
        "{} {seq:>6} {}",
        word(line.get("time")),
        word(line.get("kind"))
    );
    for (key, value) in line {
        if !["seq", "time", "prev", "kind"].contains(&key.as_str()) {
            text.push_str(&format!(" {}={}", printable(key), word(Some(value))));
        }
    }
    text
}

fn word(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(other) => printable(&other.to_string()),
    }
}

/// An id comes from a stranger: whatever could move a cursor or turn the direction of writing is escaped.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |char: char| char.is_ascii_graphic() || char.is_alphanumeric();
    text.chars()
        .map(|char| {
            if harmless(char) {
                char.to_string()
            } else {
                char.escape_default().to_string()
            }
        })
        .collect()
}
