//! One pattern as it runs: compiled once, linear in the text, its spans always on character borders.

mod re2;

use regex::bytes::{Captures, Regex, RegexBuilder};
use regex_syntax::{
    ast::{Ast, ErrorKind, parse::ParserBuilder},
    hir::{Hir, HirKind, Repetition, translate::TranslatorBuilder},
};

use super::{
    budget::{Budget, ScanError},
    prefilter::Needs,
};

/// How much slower a search is that has to look at word borders of Unicode in text that is not ASCII.
const SLOW: usize = 32;

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
    /// Where the pattern has word borders of Unicode.
    core: Option<Core>,
    /// Length of a match at most, in bytes, where it is bounded.
    longest: Option<usize>,
    has_borders: bool,
    needs: Needs,
}

/// A pattern without its word borders.
///
/// With Unicode's borders no automaton runs over text that is not ASCII; the engine then takes a way that is many times
/// slower. So the pattern without them is looked for, which finds at least as much, and only there the whole pattern.
#[derive(Clone, Debug)]
struct Core {
    regex: Regex,
    longest: usize,
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
        Ok(Pattern {
            regex,
            core: Core::of(&hir, limit),
            has_borders: hir.properties().look_set().contains_word_unicode(),
            longest,
            needs: Needs::of(&hir),
        })
    }

    /// The pattern as the engine reads it.
    pub(super) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// What every match has.
    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The same, for those who number its words.
    pub(super) fn needs_mut(&mut self) -> &mut Needs {
        &mut self.needs
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
    ///
    /// # Errors
    /// Over a limit.
    pub(super) fn find_at(
        &self,
        text: &str,
        at: usize,
        group: Group,
        budget: &mut Budget,
    ) -> Result<Option<Match>, ScanError> {
        match &self.core {
            Some(core) if !text.is_ascii() => self.find_by_core(core, text, at, group, budget),
            _ => {
                let found = self.search(text, at, group);
                budget.searched(self.cost(text, at, found.as_ref()))?;
                Ok(found)
            }
        }
    }

    /// Looks for what the pattern is without its word borders, and holds the pattern against that place alone.
    fn find_by_core(
        &self,
        core: &Core,
        text: &str,
        mut at: usize,
        group: Group,
        budget: &mut Budget,
    ) -> Result<Option<Match>, ScanError> {
        while at <= text.len() {
            let found = core.regex.find_at(text.as_bytes(), at);
            let end = found.map_or(text.len(), |found| found.end());
            budget.searched(end - at + core.longest)?;
            let Some(found) = found else { break };
            let start = text.floor_char_boundary(found.start());
            // The longest match and a character after it, which a border looks at.
            let window = text.ceil_char_boundary(start + core.longest + 1);
            budget.searched(SLOW * (window - start))?;
            let here = self.search(&text[..window], start, group);
            if here.is_some_and(|here| here.start == start) {
                return Ok(here);
            }
            at = text.ceil_char_boundary(found.start() + 1);
        }
        Ok(None)
    }

    fn search(&self, text: &str, at: usize, group: Group) -> Option<Match> {
        if at > text.len() {
            return None;
        }
        if group == Group::Number(0) {
            let found = self.regex.find_at(text.as_bytes(), at)?;
            let (start, end) = outward(text, found.start(), found.end());
            let value = Some((start, end));
            return Some(Match { start, end, value });
        }
        let captures = self.regex.captures_at(text.as_bytes(), at)?;
        let all = captures.get(0)?;
        let (start, end) = outward(text, all.start(), all.end());
        let value = value(&captures, group).map(|(start, end)| outward(text, start, end));
        Some(Match { start, end, value })
    }

    /// What the search from `at` that gave `found` ran over at most, in bytes.
    fn cost(&self, text: &str, at: usize, found: Option<&Match>) -> usize {
        let left = text.len().saturating_sub(at);
        let slow = if self.has_borders && !text.is_ascii() {
            SLOW
        } else {
            1
        };
        match (found, self.longest) {
            (Some(found), Some(longest)) => slow * left.min(found.end.saturating_sub(at) + longest),
            _ => slow * left,
        }
    }

    /// True where it has word borders of Unicode, with which no automaton can run over text that is not ASCII.
    pub(super) fn has_borders(&self) -> bool {
        self.has_borders
    }

    /// Every match, from left to right, none over another.
    ///
    /// # Errors
    /// Over a limit.
    pub(super) fn all(
        &self,
        text: &str,
        budget: &mut Budget,
    ) -> Result<Vec<(usize, usize)>, ScanError> {
        let mut spans = Vec::new();
        let mut at = 0;
        while let Some(found) = self.find_at(text, at, Group::Number(0), budget)? {
            budget.candidate()?;
            spans.push((found.start, found.end));
            at = found.end.max(text.ceil_char_boundary(at + 1));
        }
        Ok(spans)
    }
}

impl Core {
    /// `None` where there is no need for it, or no bound for a match.
    fn of(hir: &Hir, limit: usize) -> Option<Core> {
        let longest = hir.properties().maximum_len()?;
        let text = without_borders(hir)?.to_string();
        let regex = RegexBuilder::new(&text).size_limit(limit).build().ok()?;
        Some(Core { regex, longest })
    }
}

/// The same pattern matching more: without what it says of word borders. `None` where it says nothing of them.
fn without_borders(hir: &Hir) -> Option<Hir> {
    if !hir.properties().look_set().contains_word_unicode() {
        return None;
    }
    let inner = |hir: &Hir| without_borders(hir).unwrap_or_else(|| hir.clone());
    Some(match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Capture(capture) => inner(&capture.sub),
        HirKind::Concat(list) => Hir::concat(list.iter().map(inner).collect()),
        HirKind::Alternation(list) => Hir::alternation(list.iter().map(inner).collect()),
        HirKind::Repetition(again) => Hir::repetition(Repetition {
            sub: Box::new(inner(&again.sub)),
            ..again.clone()
        }),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    })
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
