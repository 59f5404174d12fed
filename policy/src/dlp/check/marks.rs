//! Marks that hide letters: towers of them, and those that strike out or enclose.

use unicode_normalization::char::is_combining_mark;

use super::Span;

/// Marks on one letter at most, in any script.
const MAX_MARKS: usize = 4;
/// Letters that may be struck out or enclosed in a text.
const MAX_STRUCK: usize = 2;

pub(super) fn spans(text: &str) -> Vec<Span> {
    let mut spans = towers(text);
    let struck: Vec<Span> = struck(text);
    if struck.len() > MAX_STRUCK
        && let (Some(first), Some(last)) = (struck.first(), struck.last())
    {
        spans.push((first.0, last.1));
    }
    spans
}

/// Letters with too many marks, with these.
fn towers(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    let mut marks = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if is_combining_mark(c) {
            marks += 1;
            continue;
        }
        if marks > MAX_MARKS {
            spans.push((start, at));
        }
        (start, marks) = (at, 0);
    }
    spans
}

/// Letters and digits under a mark that strikes out or encloses.
fn struck(text: &str) -> Vec<Span> {
    let mut before = None;
    let mut spans = Vec::new();
    for (at, c) in text.char_indices() {
        if is_stroke(c)
            && let Some(start) = before
        {
            spans.push((start, at + c.len_utf8()));
        }
        if !is_combining_mark(c) {
            before = c.is_alphanumeric().then_some(at);
        }
    }
    spans
}

/// Overlays and enclosing marks, but for the frame of a keycap.
fn is_stroke(c: char) -> bool {
    matches!(
        c,
        '\u{334}'..='\u{338}' | '\u{20d2}' | '\u{20d3}' | '\u{20d8}'..='\u{20da}' | '\u{20dd}'..='\u{20e0}'
            | '\u{20e2}' | '\u{20e4}'..='\u{20eb}'
    )
}
