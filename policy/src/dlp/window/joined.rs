//! Several texts as one, in the ways in which a value may be cut, and the way back.

use super::said::{Said, Shown};
use super::{Around, KEPT_BYTES, head, is_blank, tail};
use crate::unicode::ascii_digit;

/// Of a longer text than [`KEPT_BYTES`], begin and end of so many bytes are joined with the texts beside them, and up to
/// [`EDGE_BYTES`] more.
pub(super) const END_BYTES: usize = 256;
/// How far beyond its edge a begin or an end goes on to a gap: further than the longest account number. Half a word or number
/// might look like a value.
const EDGE_BYTES: usize = 48;

/// Texts put together.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// All of them.
    pub text: String,
    /// Those of the event itself.
    pub(super) pieces: Vec<Piece>,
}

/// A text of the event within a joined one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    start: usize,
    end: usize,
    /// Number of the text.
    current: usize,
    /// Where the piece begins in that text.
    offset: usize,
}

/// A place in a text of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the text.
    pub(super) current: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it is all that was found, and nothing of it stands elsewhere.
    pub(super) whole: bool,
}

/// Every way to read the texts of an event together with those around it; none where there is only one text.
#[must_use]
pub fn joined(around: &Around<'_>, current: &[Said<'_>]) -> Vec<Seen> {
    let mut seen = ways(&in_order(
        &around.before,
        current,
        Shown::Html,
        &around.after,
    ));
    let html_around = !around.html_before.is_empty() || !around.html_after.is_empty();
    let html = html_around || current.iter().any(|said| said.shown == Shown::Html);
    if html {
        let (before, after) = match html_around {
            true => (&around.html_before, &around.html_after),
            false => (&around.before, &around.after),
        };
        seen.extend(ways(&in_order(before, current, Shown::Plain, after)));
    }
    if current.iter().any(|said| said.shown == Shown::Field) {
        let all = current.iter().enumerate();
        let all: Vec<Text<'_>> = all.flat_map(own_texts).collect();
        // Not without a gap: ids and hashes side by side make account numbers and keys by chance. A run without such a
        // field was read before.
        for way in runs(&all).flat_map(ways_apart) {
            if !seen.contains(&way) {
                seen.push(way);
            }
        }
    }
    seen
}

fn ways(texts: &[Text<'_>]) -> Vec<Seen> {
    let of_run = |run| [ways_apart(run), vec![join(run, "")]].concat();
    runs(texts).flat_map(of_run).collect()
}

/// The texts between those parts of long ones that are not joined; a text by itself was looked at.
fn runs<'r, 'a>(texts: &'r [Text<'a>]) -> impl Iterator<Item = &'r [Text<'a>]> {
    let runs = texts.chunk_by(|_, next| !next.is_end);
    runs.filter(|run| run.len() > 1 && run.iter().any(|text| text.current.is_some()))
}

/// The ways in which the texts of a run stay words of their own.
fn ways_apart(texts: &[Text<'_>]) -> Vec<Seen> {
    let mut seen = vec![join(texts, "\n"), join(texts, " ")];
    // A number that goes on behind a "wait a moment".
    let numbers: Vec<Text<'_>> = texts.iter().copied().filter(Text::has_digit).collect();
    if numbers.len() > 1 && numbers.len() < texts.len() {
        let numbers = join(&numbers, " ");
        if !numbers.pieces.is_empty() {
            seen.push(numbers);
        }
    }
    seen
}

/// One text to be joined.
#[derive(Clone, Copy)]
struct Text<'a> {
    text: &'a str,
    /// Number and offset, where it is the event's own.
    current: Option<(usize, usize)>,
    /// Whether it is the end of a long text, whose middle is left out before it.
    is_end: bool,
}

impl Text<'_> {
    fn has_digit(&self) -> bool {
        self.text.chars().any(is_digit)
    }
}

fn in_order<'a>(
    before: &[&'a str],
    current: &'a [Said<'_>],
    not: Shown,
    after: &[&'a str],
) -> Vec<Text<'a>> {
    let other = |text: &&'a str| Text {
        text: text.trim(),
        current: None,
        is_end: false,
    };
    let mut texts: Vec<Text<'a>> = before.iter().map(other).collect();
    let read = current
        .iter()
        .enumerate()
        .filter(|(_, said)| said.shown != not && said.shown != Shown::Field);
    texts.extend(read.flat_map(own_texts));
    texts.extend(after.iter().map(other));
    texts
}

/// A text of the event, or begin and end of a long one: all of it was looked at, and what goes on in another text goes on
/// from there. Spaces at its ends are none of it.
fn own_texts<'a>((number, said): (usize, &'a Said<'_>)) -> Vec<Text<'a>> {
    let text = said.text.trim_start();
    let offset = said.text.len() - text.len();
    let text = text.trim_end();
    if head(text, KEPT_BYTES).len() == text.len() {
        return vec![own(text, number, offset)];
    }
    let (begin, end) = (begin(text), end(text));
    vec![
        own(&text[..begin], number, offset),
        Text {
            is_end: true,
            ..own(&text[end..], number, offset + end)
        },
    ]
}

/// Where the begin of a long text stops: at a gap, where one is near, else inside a word. No gap is between two groups of a
/// number.
fn begin(text: &str) -> usize {
    let edge = head(text, END_BYTES).len();
    let more = head(&text[edge..], EDGE_BYTES);
    let mut gaps = more.match_indices(char::is_whitespace);
    let behind = |at| {
        text[edge + at..]
            .chars()
            .take(EDGE_BYTES)
            .find(|c| !is_blank(*c))
    };
    let gap = gaps.find(|(at, _)| !behind(*at).is_some_and(is_digit));
    edge + gap.map_or(0, |(at, _)| at)
}

/// Where the end of a long text starts, as [`begin`].
fn end(text: &str) -> usize {
    let edge = text.len() - tail(text, END_BYTES).len();
    let more = tail(&text[..edge], EDGE_BYTES);
    let start = edge - more.len();
    let mut gaps = more.rmatch_indices(char::is_whitespace);
    let before = |at| {
        let before = text[..start + at].chars().rev();
        before.take(EDGE_BYTES).find(|c| !is_blank(*c))
    };
    let gap = gaps.find(|(at, _)| !before(*at).is_some_and(is_digit));
    gap.map_or(edge, |(at, _)| start + at)
}

fn is_digit(c: char) -> bool {
    ascii_digit(c).is_some()
}

/// A text of the event, without the spaces around it: what separates is the join's to say.
fn own(text: &str, number: usize, offset: usize) -> Text<'_> {
    let leading = text.len() - text.trim_start().len();
    Text {
        text: text.trim(),
        current: Some((number, offset + leading)),
        is_end: false,
    }
}

fn join(texts: &[Text<'_>], separator: &str) -> Seen {
    let mut seen = Seen {
        text: String::new(),
        pieces: Vec::new(),
    };
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            seen.text.push_str(separator);
        }
        let start = seen.text.len();
        seen.text.push_str(text.text);
        if let Some((current, offset)) = text.current {
            seen.pieces.push(Piece {
                start,
                end: seen.text.len(),
                current,
                offset,
            });
        }
    }
    seen
}

impl Seen {
    /// Where what was found at `start..end` stands in the event: in the last of its texts that it reaches, cut to it.
    pub(super) fn place(&self, start: usize, end: usize) -> Option<Place> {
        let reached = |piece: &&Piece| start < piece.end && piece.start < end;
        let piece = self.pieces.iter().rev().find(reached)?;
        let (from, to) = (start.max(piece.start), end.min(piece.end));
        Some(Place {
            current: piece.current,
            start: from - piece.start + piece.offset,
            end: to - piece.start + piece.offset,
            whole: (from, to) == (start, end),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_stop_at_gaps_that_are_in_no_number_and_at_their_size_where_there_are_none() {
        let (before, behind) = ("x".repeat(END_BYTES - 3), "y".repeat(END_BYTES - 3));
        for near in ["word", "1234567", "DE89 3704 0044", "1234  567", "ä"] {
            let text = format!("{before} {near} in the middle {near} {behind}");
            assert_eq!(text[..begin(&text)], format!("{before} {near}"));
            assert_eq!(text[end(&text)..], format!(" {near} {behind}"));
        }
        for closed in ["9", "x", "ä"] {
            let text = closed.repeat(2 * KEPT_BYTES);
            assert_eq!(begin(&text), END_BYTES);
            assert_eq!(end(&text), text.len() - END_BYTES);
        }
    }
}
