//! Several texts as one, in the ways in which a value may be cut, and the way back.

use super::said::{Said, Shown};
use super::{Around, KEPT_BYTES, head, tail};
use crate::unicode::ascii_digit;

/// Of a longer text than [`KEPT_BYTES`], begin and end of so many bytes are joined with the texts beside them.
const END_BYTES: usize = 256;

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
        self.text.chars().any(|c| ascii_digit(c).is_some())
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
/// from there.
fn own_texts<'a>((number, said): (usize, &'a Said<'_>)) -> Vec<Text<'a>> {
    if said.text.len() <= KEPT_BYTES {
        return vec![own(&said.text, number, 0)];
    }
    let end = tail(&said.text, END_BYTES);
    let offset = said.text.len() - end.len();
    vec![
        own(head(&said.text, END_BYTES), number, 0),
        Text {
            is_end: true,
            ..own(end, number, offset)
        },
    ]
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
