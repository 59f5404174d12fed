//! Words that may be encoded, and which of them may be chunks of one.

use super::{MIN_BLOB_CHARS, MIN_CHUNK_CHARS};

/// Separators between two chunks of a wrapped text at most, in bytes.
const MAX_WRAP_BYTES: usize = 8;

/// Characters of base64 without a gap, and the padding behind them.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) padded: usize,
}

impl Word {
    pub(super) fn length(&self) -> usize {
        self.end - self.start
    }
}

/// Words from the byte `from` to the first that begins after `to`.
pub(super) fn words(text: &str, from: usize, to: usize) -> Vec<Word> {
    let bytes = text.as_bytes();
    let count = |from: usize, test: fn(&u8) -> bool| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| test(byte)).count()
    };
    let mut words: Vec<Word> = Vec::new();
    let mut at = from;
    while at < bytes.len() && words.last().is_none_or(|last| last.start <= to) {
        let end = at + count(at, |byte| is_base64(*byte));
        if end == at {
            at += 1;
            continue;
        }
        let padded = end + count(end, |byte| *byte == b'=').min(2);
        words.push(Word {
            start: at,
            end,
            padded,
        });
        at = padded;
    }
    words
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// True where two words stand on lines of their own behind each other.
pub(super) fn are_lines(text: &str, a: &Word, b: &Word) -> bool {
    let gap = gap(text, a, b);
    is_wrap(gap, a) && gap.contains('\n') && a.length() >= MIN_CHUNK_CHARS
}

/// True where two words may be chunks of one.
pub(super) fn are_chunks(text: &str, a: &Word, b: &Word) -> bool {
    is_wrap(gap(text, a, b), a) && (a.length() == 2 || a.length() >= MIN_CHUNK_CHARS)
}

fn is_wrap(gap: &str, before: &Word) -> bool {
    let pairs = before.length() <= MIN_CHUNK_CHARS;
    before.padded == before.end
        && gap.len() <= MAX_WRAP_BYTES
        && gap
            .bytes()
            .all(|b| b.is_ascii_whitespace() || (pairs && matches!(b, b':' | b',' | b';')))
}

fn gap<'t>(text: &'t str, a: &Word, b: &Word) -> &'t str {
    text.get(a.end..b.start).unwrap_or_default()
}

/// Parts of a word between some signs.
pub(super) fn parts<'t>(
    text: &'t str,
    word: &Word,
    signs: &'t str,
) -> impl Iterator<Item = Word> + 't {
    let Word { start, end, padded } = *word;
    let whole = text.get(start..end).unwrap_or_default();
    let parts = whole.split(move |c| signs.contains(c));
    let mut at = start;
    parts
        .map(move |part| {
            let from = at;
            at += part.len() + 1;
            let to = from + part.len();
            Word {
                start: from,
                end: to,
                padded: if to == end { padded } else { to },
            }
        })
        .filter(move |part| part.length() >= MIN_BLOB_CHARS && part.length() < end - start)
}
