//! One pattern as it runs: compiled once, linear in the text, its spans always on character borders.

mod re2;

use regex::bytes::{Captures, Regex, RegexBuilder};
use regex_syntax::{
    ast::{Ast, ErrorKind, parse::ParserBuilder},
    hir::{Hir, translate::TranslatorBuilder},
};

/// How a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The `regex` crate's own, in Unicode.
    Rust,
    /// What RE2 means: `\w`, `\d`, `\s` and `\b` in ASCII.
    Re2,
}

/// What of a match is the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// This capture group; a match in which it takes no part is none. 0 is the whole match.
    Number(usize),
    /// The first group that took part and is not empty, else the whole match.
    First,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Length of a match at most, in bytes, where it is bounded.
    longest: Option<usize>,
}

/// A match: all of it, and the value in it where it is one; in bytes, on character borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: Option<(usize, usize)>,
}

impl Pattern {
    /// # Errors
    /// What is wrong with the pattern, and the remedy.
    pub(super) fn new(pattern: &str, dialect: Dialect, limit: usize) -> Result<Pattern, String> {
        let mut ast = parse(pattern)?;
        let mut text = pattern.to_owned();
        if dialect == Dialect::Re2 {
            re2::adopt(&mut ast);
            text = ast.to_string();
        }
        let hir = translate(&text, &ast)?;
        let built = RegexBuilder::new(&text).size_limit(limit).build();
        let regex = built.map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("larger than {limit} bytes when compiled; bound its repetitions")
            }
            error => last_line(&error.to_string()),
        })?;
        if hir
            .properties()
            .minimum_len()
            .is_none_or(|length| length == 0)
        {
            return Err("matches the empty text; demand at least one character".to_owned());
        }
        let longest = hir.properties().maximum_len();
        Ok(Pattern { regex, longest })
    }

    /// Capture groups that it has, without the whole match.
    pub(super) fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// True where it matches somewhere.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }

    /// The first match at or after `at`.
    pub(super) fn find_at(&self, text: &str, at: usize, group: Group) -> Option<Match> {
        if at > text.len() {
            return None;
        }
        if group == Group::Number(0) {
            let found = self.regex.find_at(text.as_bytes(), at)?;
            let (start, end) = outward(text, found.start(), found.end());
            return Some(Match {
                start,
                end,
                value: Some((start, end)),
            });
        }
        let captures = self.regex.captures_at(text.as_bytes(), at)?;
        let all = captures.get(0)?;
        let (start, end) = outward(text, all.start(), all.end());
        let value = value(&captures, group).map(|(start, end)| outward(text, start, end));
        Some(Match { start, end, value })
    }

    /// What the search from `at` that gave `found` ran over at most, in bytes.
    pub(super) fn cost(&self, text: &str, at: usize, found: Option<&Match>) -> usize {
        let left = text.len().saturating_sub(at);
        match (found, self.longest) {
            (Some(found), Some(longest)) => left.min(found.end.saturating_sub(at) + longest),
            _ => left,
        }
    }

    /// Every match, from left to right, none over another.
    pub(super) fn all<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        let spans = self.regex.find_iter(text.as_bytes());
        spans.map(|found| outward(text, found.start(), found.end()))
    }
}

fn value(captures: &Captures<'_>, group: Group) -> Option<(usize, usize)> {
    let span = |number| {
        captures
            .get(number)
            .map(|found| (found.start(), found.end()))
    };
    match group {
        Group::Number(number) => span(number),
        Group::First => (1..captures.len())
            .filter_map(span)
            .find(|(start, end)| start < end)
            .or_else(|| span(0)),
    }
}

/// The span with half characters made whole.
fn outward(text: &str, start: usize, end: usize) -> (usize, usize) {
    (
        text.floor_char_boundary(start),
        text.ceil_char_boundary(end),
    )
}

/// Reads the pattern, and names what no linear engine has.
fn parse(pattern: &str) -> Result<Ast, String> {
    let parsed = ParserBuilder::new().build().parse(pattern);
    parsed.map_err(|error| match error.kind() {
        ErrorKind::UnsupportedLookAround => {
            "look-around is not there, because it has no bound in time; write what stands around the value into the \
             pattern and the value into a group"
                .to_owned()
        }
        ErrorKind::UnsupportedBackreference => {
            "back-references are not there, because they have no bound in time; write the alternatives out".to_owned()
        }
        kind => format!("{kind}; correct the pattern"),
    })
}

fn translate(text: &str, ast: &Ast) -> Result<Hir, String> {
    let mut translator = TranslatorBuilder::new().utf8(false).build();
    translator
        .translate(text, ast)
        .map_err(|error| format!("{}; correct the pattern", error.kind()))
}

/// The parser draws the pattern over several lines and says the reason in the last one.
fn last_line(error: &str) -> String {
    error
        .lines()
        .last()
        .unwrap_or("not a pattern")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests;
