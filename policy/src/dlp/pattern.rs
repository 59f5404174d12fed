//! One pattern as it runs: compiled once, linear in the text, its spans always on character borders.

mod late;
mod re2;

use regex::bytes::Captures;
use regex_syntax::{
    ast::{Ast, ErrorKind, parse::ParserBuilder},
    hir::{Hir, HirKind, Repetition, translate::TranslatorBuilder},
};

use self::late::Late;
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

/// A pattern, compiled once.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Late,
    /// Where the pattern has word borders of Unicode.
    core: Option<Core>,
    /// Length of a match at most, in bytes, where it is bounded.
    longest: Option<usize>,
    /// Capture groups, without the whole match.
    groups: usize,
    has_borders: bool,
    needs: Needs,
}

/// A pattern without its word borders.
///
/// With Unicode's borders no automaton runs over text that is not ASCII; the engine then takes a way that is many times
/// slower. So the pattern without them is looked for, which finds at least as much, and only there the whole pattern.
#[derive(Clone, Debug)]
struct Core {
    regex: Late,
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
    /// Compiles a pattern, to `limit` bytes at most.
    ///
    /// # Errors
    /// What is wrong with the pattern, and the remedy.
    pub(super) fn new(pattern: &str, dialect: Dialect, limit: usize) -> Result<Pattern, String> {
        let pattern = Self::late(pattern, dialect, limit)?;
        pattern.regex.build()?;
        Ok(pattern)
    }

    /// The same, but compiled when a text first calls for it.
    ///
    /// # Errors
    /// What is wrong with the pattern apart from its size, and the remedy.
    pub(super) fn late(pattern: &str, dialect: Dialect, limit: usize) -> Result<Pattern, String> {
        let mut ast = parse(pattern)?;
        let mut text = pattern.to_owned();
        if dialect == Dialect::Re2 {
            re2::adopt(&mut ast);
            text = ast.to_string();
        }
        let hir = translate(&text, &ast)?;
        if hir
            .properties()
            .minimum_len()
            .is_none_or(|length| length == 0)
        {
            return Err("matches the empty text; demand at least one character".to_owned());
        }
        let longest = hir.properties().maximum_len();
        Ok(Pattern {
            regex: Late::new(text, limit),
            core: Core::of(&hir, limit),
            groups: hir.properties().explicit_captures_len(),
            has_borders: hir.properties().look_set().contains_word_unicode(),
            longest,
            needs: Needs::of(&hir),
        })
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
        self.groups
    }

    /// True where it matches somewhere.
    ///
    /// # Errors
    /// It does not compile.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, ScanError> {
        Ok(self.regex.get()?.is_match(text.as_bytes()))
    }

    /// The first match at or after `at`.
    ///
    /// # Errors
    /// Over a limit, or it does not compile.
    pub(super) fn find_at(
        &self,
        text: &str,
        at: usize,
        group: Group,
        budget: &mut Budget,
    ) -> Result<Option<Match>, ScanError> {
        match self.core.as_ref().filter(|_| !is_ascii_from(text, at)) {
            // A core that does not compile is a loss of speed only.
            Some(core) if core.regex.get().is_ok() => {
                self.find_by_core(core, text, at, group, budget)
            }
            _ => {
                let found = self.search(text, at, group)?;
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
            let found = core.regex.get()?.find_at(text.as_bytes(), at);
            let end = found.map_or(text.len(), |found| found.end());
            budget.searched(end - at + core.longest.min(text.len() - end))?;
            let Some(found) = found else { break };
            let start = text.floor_char_boundary(found.start());
            // The longest match and a character after it, which a border looks at.
            let window = text.ceil_char_boundary(start + core.longest + 1);
            budget.searched(SLOW * (window - start))?;
            let here = self.search(&text[..window], start, group)?;
            if here.is_some_and(|here| here.start == start) {
                return Ok(here);
            }
            at = text.ceil_char_boundary(found.start() + 1);
        }
        Ok(None)
    }

    fn search(&self, text: &str, at: usize, group: Group) -> Result<Option<Match>, ScanError> {
        let regex = self.regex.get()?;
        let bytes = text.as_bytes();
        let spans = match group {
            _ if at > bytes.len() => None,
            Group::Number(0) => regex.find_at(bytes, at).map(|found| {
                let span = (found.start(), found.end());
                (span, Some(span))
            }),
            _ => regex.captures_at(bytes, at).and_then(|captures| {
                let all = captures.get(0)?;
                Some(((all.start(), all.end()), value(&captures, group)))
            }),
        };
        let whole = |(start, end)| outward(text, start, end);
        Ok(spans.map(|(all, value)| {
            let (start, end) = whole(all);
            let value = value.map(whole);
            Match { start, end, value }
        }))
    }

    /// What the search from `at` that gave `found` ran over at most, in bytes.
    fn cost(&self, text: &str, at: usize, found: Option<&Match>) -> usize {
        let left = text.len().saturating_sub(at);
        let slow = if self.has_borders && !is_ascii_from(text, at) {
            SLOW
        } else {
            1
        };
        match (found, self.longest) {
            (Some(found), Some(longest)) => slow * left.min(found.end.saturating_sub(at) + longest),
            _ => slow * left,
        }
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

/// What decides how fast a search from `at` is.
fn is_ascii_from(text: &str, at: usize) -> bool {
    text.get(at..).is_none_or(str::is_ascii)
}

impl Core {
    /// `None` where there is no need for it, or no bound for a match.
    fn of(hir: &Hir, limit: usize) -> Option<Core> {
        let longest = hir.properties().maximum_len()?;
        let regex = Late::new(without_borders(hir)?.to_string(), limit);
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

#[cfg(test)]
mod tests;
