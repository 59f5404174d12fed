//! Blobs: words that are base64 or hex, in one piece or wrapped, with the text that they hold in their place.

mod digits;
mod word;

use super::{
    super::{
        map::Made,
        signs::{MIN_BLOB_CHARS, MIN_CHUNK_CHARS},
    },
    BORDER, Room,
    bytes::{self, Sign},
    encoded,
};
use crate::dlp::budget::{Budget, ScanError};
use digits::{Digit, digits, from_base64, from_hex, hex_digits, may_be_hex, placed};
use word::{Word, are_chunks, are_lines, parts, words};

/// The text with its blobs read, `None` where it has none. They stand in these parts.
pub(super) fn decode(
    text: &str,
    parts: &[(usize, usize)],
    room: &mut Room,
    budget: &mut Budget,
) -> Result<Option<Made>, ScanError> {
    let mut reader = Reader {
        text,
        room,
        budget,
        found: Vec::new(),
    };
    let nexts = parts.iter().skip(1).map(|(start, _)| *start);
    for ((from, to), next) in parts.iter().zip(nexts.chain([text.len()])) {
        let mut words = words(text, *from, *to);
        words.truncate(words.partition_point(|word| word.start < next));
        reader.part(&words)?;
    }
    let mut found = reader.found;
    found.sort_by_key(|blob| blob.start);
    if found.is_empty() {
        return Ok(None);
    }
    let mut made = Made::default();
    let mut copied = 0;
    for blob in found {
        made.copy(text, copied, blob.start);
        put(&blob, text, &mut made);
        copied = blob.end;
    }
    made.copy(text, copied, text.len());
    Ok(Some(made))
}

/// Encoded characters with the text that they hold.
struct Blob {
    start: usize,
    end: usize,
    /// Characters of the text, with the bytes of the source.
    signs: Vec<Sign>,
}

fn blob(words: &[Word], signs: Vec<Sign>) -> Option<Blob> {
    Some(Blob {
        start: words.first()?.start,
        end: words.last()?.padded,
        signs,
    })
}

/// The text of some words.
struct Held {
    signs: Vec<Sign>,
    /// Its end has signs that are no text.
    spoilt: bool,
}

/// Signs at the end of a text that are looked at: so many come of a short word.
const END_SIGNS: usize = 8;

impl Held {
    /// Characters with the places of the digits that hold them, each digit of `bits` bits.
    fn new(mut signs: Vec<Sign>, digits: &[Digit], bits: usize) -> Held {
        for sign in &mut signs {
            sign.c = encoded(sign.c);
        }
        Held {
            spoilt: signs.iter().rev().take(END_SIGNS).any(Sign::is_rubbish),
            signs: placed(signs, digits, bits),
        }
    }
}

/// Finds blobs, each word once, in order.
struct Reader<'t, 'r> {
    text: &'t str,
    room: &'r mut Room,
    budget: &'r mut Budget,
    found: Vec<Blob>,
}

impl Reader<'_, '_> {
    /// Words of one part of the text: on lines of their own, and those between.
    fn part(&mut self, words: &[Word]) -> Result<(), ScanError> {
        let text = self.text;
        let (mut at, mut left) = (0, 0);
        for lines in words.chunk_by(|a, b| are_lines(text, a, b)) {
            let done = match lines.len() {
                1 => 0,
                _ => self.wrapped(lines)?,
            };
            if done > 0 {
                self.chunks(&words[left..at])?;
                left = at + done;
            }
            at += lines.len();
        }
        self.chunks(&words[left..])
    }

    /// Words in chunks of one length, the last may be shorter; or single words.
    fn chunks(&mut self, words: &[Word]) -> Result<(), ScanError> {
        let mut at = 0;
        while let Some(first) = words.get(at) {
            let same = words[at..]
                .windows(2)
                .take_while(|pair| {
                    pair[1].length() == first.length() && are_chunks(self.text, &pair[0], &pair[1])
                })
                .count();
            let end = at + same + 1;
            let tail = words.get(end).is_some_and(|next| {
                next.length() < first.length() && are_chunks(self.text, &words[end - 1], next)
            });
            let done = match same + usize::from(tail) {
                0 => 0,
                _ => self.wrapped(&words[at..end + usize::from(tail)])?,
            };
            if done > 0 {
                at += done;
            } else {
                for word in &words[at..end] {
                    self.word(word)?;
                }
                at = end;
            }
        }
        Ok(())
    }

    /// Reads words as one blob; returns how many of them it took.
    fn wrapped(&mut self, words: &[Word]) -> Result<usize, ScanError> {
        let count = words.len();
        // A word before the first chunk or behind the last may stand there by chance.
        for (from, to) in [(0, count), (0, count - 1), (1, count), (2, count)] {
            if to > from + 1 && self.lines(&words[from..to])? {
                return Ok(to);
            }
        }
        Ok(0)
    }

    /// Reads words as one blob, and where its end is no text, also without the last word: that may be no part of it, and would
    /// hide where a value ends.
    fn lines(&mut self, words: &[Word]) -> Result<bool, ScanError> {
        let Some(Held { mut signs, spoilt }) = self.held(words)? else {
            return Ok(false);
        };
        if spoilt
            && let Some((last, before)) = words.split_last()
            && let Some(fewer) = self.held(before)?
        {
            signs.push(Sign {
                c: BORDER,
                from: last.start,
                to: last.end,
            });
            signs.extend(fewer.signs);
        }
        self.found.extend(blob(words, signs));
        Ok(true)
    }

    /// Reads one word, or those parts of it that stand between signs which base64 has too.
    fn word(&mut self, word: &Word) -> Result<(), ScanError> {
        if word.length() < MIN_BLOB_CHARS || self.read(std::slice::from_ref(word))? {
            return Ok(());
        }
        for signs in ["/", "-_", "/+-_"] {
            let mut found = false;
            for part in parts(self.text, word, signs) {
                found |= self.read(&[part])?;
            }
            if found {
                return Ok(());
            }
        }
        // A letter or two in front shift all that follows.
        for start in word.start + 1..word.start + 4 {
            let rest = Word { start, ..*word };
            if rest.length() >= MIN_BLOB_CHARS && self.read(&[rest])? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn read(&mut self, words: &[Word]) -> Result<bool, ScanError> {
        let held = self.held(words)?;
        let read = held.and_then(|held| blob(words, held.signs));
        let any = read.is_some();
        self.found.extend(read);
        Ok(any)
    }

    /// The text that words hold together, `None` where they hold none.
    fn held(&mut self, words: &[Word]) -> Result<Option<Held>, ScanError> {
        let length = match (words.first(), words.last()) {
            (Some(first), Some(last)) => last.end - first.start,
            _ => 0,
        };
        if length < MIN_BLOB_CHARS {
            return Ok(None);
        }
        self.budget.tried(length)?;
        let written = written(self.text, words, length);
        // One digit again and again is a line or a number.
        if written.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(None);
        }
        let name = self
            .budget
            .in_vain
            .name_of(&written, words.iter().map(Word::length));
        if self.budget.in_vain.has(name) {
            return Ok(None);
        }
        let held = self.read_as(words, &written)?;
        if held.is_none() {
            self.budget.in_vain.add(name);
        }
        Ok(held)
    }

    /// As hex, else as base64. Where each digit stands is asked only of what is text.
    fn read_as(&mut self, words: &[Word], written: &[u8]) -> Result<Option<Held>, ScanError> {
        if may_be_hex(written) {
            let mut hex = digits(self.text, words, hex_digits);
            hex.retain(|(digit, _)| !matches!(digit, b'-' | b'_'));
            if let Some(bytes) = from_hex(&hex)
                && let Some(signs) = bytes::text(&bytes, self.room)?
            {
                return Ok(Some(Held::new(signs, &hex, 4)));
            }
        }
        let Some(bytes) = from_base64(written) else {
            return Ok(None);
        };
        let signs = bytes::text(&bytes, self.room)?;
        Ok(signs.map(|signs| {
            let base64 = digits(self.text, words, |word| (0, word));
            Held::new(signs, &base64, 6)
        }))
    }
}

/// The digits of some words, `length` at most.
fn written(text: &str, words: &[Word], length: usize) -> Vec<u8> {
    let mut written = Vec::with_capacity(length);
    for word in words {
        written.extend_from_slice(&text.as_bytes()[word.start..word.end]);
    }
    written
}

/// Appends the text of a blob, with a border to letters beside it.
fn put(blob: &Blob, text: &str, made: &mut Made) {
    if made.text.ends_with(char::is_alphanumeric) {
        made.put(BORDER, blob.start, blob.end);
    }
    for sign in &blob.signs {
        made.put(sign.c, sign.from, sign.to);
    }
    if text[blob.end..].starts_with(char::is_alphanumeric) {
        made.put(BORDER, blob.start, blob.end);
    }
}
