//! One cheap pass over a text: which views could show anything that the text itself does not.
//!
//! Most messages are plain, and for them this pass is all that views cost. It may see a sign where there is nothing, and
//! then a view turns out equal to another one; it must not miss one.

mod class;

use super::{BORDER, Borders, skeleton};
use crate::unicode::is_alphanumeric;
use class::{CLASS, DIGIT, ESCAPE, GLUE, LOWER, ODD, UPPER, WIDE, WORD, is_escape, is_odd, word};

/// Letters and digits of a number at least, with all its groups.
pub(super) const MIN_NUMBER_CHARS: usize = 9;
/// Digits among them at least; fewer only in a short one.
const MIN_NUMBER_DIGITS: usize = 5;
/// Letters and digits of a number that may be mostly letters, such as that of an identity card, at most.
const MAX_MIXED_CHARS: usize = 11;
/// Letters of a spelled word at least.
pub(super) const MIN_SPELLED_CHARS: usize = 4;
/// Encoded text is at least this long, in characters.
pub(super) const MIN_BLOB_CHARS: usize = 16;
/// Separators between two groups of a number, or two letters of a spelled word, at most, in bytes.
pub(super) const MAX_GAP_BYTES: usize = 8;

/// What a text has that makes a view worth while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// Something that the normalised view changes.
    pub(super) odd: bool,
    /// Groups that may be one number or one word.
    pub(super) join: bool,
    /// Something that looks like a Latin letter.
    pub(super) look: bool,
    /// A sign that begins an escape or a tag.
    pub(super) escapes: bool,
    /// Where something may be base64 or hex.
    pub(super) blobs: Parts,
}

/// Parts of a text, each from its first byte to the byte after it: in order, and none near another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    list: [(usize, usize); MAX_PARTS],
    count: usize,
}

/// Parts that are told apart, at most; with more, the last ones become one.
const MAX_PARTS: usize = 8;
/// Parts with fewer bytes between them are one: what is encoded may go on behind a word.
const NEAR_BYTES: usize = 64;

impl Parts {
    /// Adds a part that ends behind all others.
    fn add(&mut self, mut start: usize, end: usize) {
        while let Some(last) = self.list().last().copied()
            && (start <= last.1 + NEAR_BYTES || self.count == MAX_PARTS)
        {
            start = start.min(last.0);
            self.count -= 1;
        }
        self.list[self.count] = (start, end);
        self.count += 1;
    }

    pub(super) fn list(&self) -> &[(usize, usize)] {
        &self.list[..self.count]
    }
}

impl Signs {
    pub(super) fn of(text: &str, borders: Borders) -> Signs {
        let mut pass = Pass {
            our_borders: borders == Borders::Ours,
            ..Pass::default()
        };
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let class = CLASS[byte as usize];
            if class & WORD != 0 {
                let (classes, length) = word(&bytes[at..]);
                pass.word(&bytes[at..at + length], classes, at);
                at += length;
            } else if class == WIDE {
                let c = text[at..].chars().next().unwrap_or('\0');
                pass.wide(c, at);
                at += c.len_utf8();
            } else {
                pass.gap(byte, at, bytes);
                at += 1;
            }
        }
        pass.run.end(&mut pass.signs);
        pass.end_chunk(b'\n', bytes.len());
        pass.signs
    }

    pub(super) fn nothing(self) -> bool {
        self == Signs::default()
    }

    /// True where something may be encoded.
    pub(super) fn encoded(self) -> bool {
        self.escapes || !self.blobs.list().is_empty()
    }
}

#[derive(Default)]
struct Pass {
    signs: Signs,
    /// A border is no control character, but parts what stands around it.
    our_borders: bool,
    run: Run,
    /// Base64 characters up to here without a gap.
    glued: Chunk,
    /// The last chunk between gaps, and all chunks of its length in a row.
    last: usize,
    same: Chunk,
    /// All chunks in a row that stand on lines of their own.
    lines: Chunk,
    /// The last gap had a line end.
    newline: bool,
    /// The last chunk began a line.
    began: bool,
    /// First byte after the last word.
    word_end: usize,
    /// A capital was followed by nothing but a bar.
    bar: bool,
}

/// Characters that may be base64 or hex.
#[derive(Clone, Copy, Default)]
struct Chunk {
    start: usize,
    chars: usize,
    /// True where they are mixed as no word is.
    mixed: bool,
}

impl Chunk {
    /// The same with the characters of `next`.
    fn and(self, next: Chunk) -> Chunk {
        Chunk {
            start: self.start,
            chars: self.chars + next.chars,
            mixed: self.mixed || next.mixed,
        }
    }

    fn is_blob(self) -> bool {
        self.mixed && self.chars >= MIN_BLOB_CHARS
    }
}

/// Groups in a row that may be one number or one word.
#[derive(Default)]
struct Run {
    groups: usize,
    chars: usize,
    digits: usize,
    letters: usize,
}

impl Pass {
    fn word(&mut self, word: &[u8], classes: u8, at: usize) {
        if self.glued.chars == 0 {
            self.glued.start = at;
        }
        self.glued.chars += word.len();
        if classes == LOWER && word.len() > 1 {
            self.bar = false;
            self.run.end(&mut self.signs);
        } else if classes == UPPER | LOWER && !is_mixed(word) {
            // A word as sentences begin with, and as all nouns are in German.
            self.signs.look |= self.bar;
            self.bar = true;
            self.run.end(&mut self.signs);
        } else {
            self.glued.mixed |=
                classes & DIGIT != 0 || (classes == UPPER | LOWER && is_mixed(word));
            self.rare_word(word, classes, at);
        }
        self.word_end = at + word.len();
    }

    /// A word with capitals or digits, or a single letter.
    fn rare_word(&mut self, word: &[u8], classes: u8, at: usize) {
        let count = |of: u8| {
            word.iter()
                .filter(|byte| CLASS[**byte as usize] == of)
                .count()
        };
        let upper = count(UPPER);
        self.signs.look |= (self.bar && upper > 0)
            || (upper < word.len() && upper * 2 >= word.len() && skeleton::has_stand_in(word));
        self.bar = upper > 0;
        self.group(word, classes, count(DIGIT), at);
    }

    fn group(&mut self, word: &[u8], classes: u8, digits: usize, at: usize) {
        let letters = word.len() - digits;
        let groupable = match classes {
            DIGIT => true,
            UPPER => word.len() <= MAX_WORD_LETTERS,
            _ => word.len() == 1 || (digits > 0 && letters <= MAX_LETTERS),
        };
        if !groupable || at - self.word_end > MAX_GAP_BYTES {
            self.run.end(&mut self.signs);
        }
        if groupable {
            self.run.groups += 1;
            self.run.chars += word.len();
            self.run.digits += digits;
            self.run.letters += if digits == 0 { letters } else { 0 };
        }
    }

    fn wide(&mut self, c: char, at: usize) {
        self.bar = false;
        self.end_chunk(b' ', at);
        if skeleton::is_kept(c) {
            self.run.end(&mut self.signs);
            return;
        }
        self.signs.odd |= is_odd(c);
        self.signs.look |= skeleton::look(c).is_some();
        if is_alphanumeric(c) {
            // Letters of other scripts may be spelled too.
            self.run.groups += 1;
            self.run.chars += 1;
            self.run.letters += 1;
            self.word_end = at + c.len_utf8();
        }
    }

    #[inline]
    fn gap(&mut self, byte: u8, at: usize, bytes: &[u8]) {
        match CLASS[byte as usize] {
            GLUE => {
                if self.glued.chars == 0 {
                    self.glued.start = at;
                }
                self.glued.chars += 1;
            }
            ODD if self.our_borders && char::from(byte) == BORDER => self.end_chunk(byte, at),
            ODD => self.signs.odd = true,
            ESCAPE => {
                self.signs.escapes |= is_escape(byte, &bytes[at + 1..]);
                self.end_chunk(byte, at);
            }
            _ => self.end_chunk(byte, at),
        }
        self.bar &= byte == b'|';
    }

    /// Chunks of one length in a row, or alone on their lines, may be one encoded text.
    fn end_chunk(&mut self, gap: u8, at: usize) {
        let breaks = matches!(gap, b'\n' | b'\r');
        let chunk = std::mem::take(&mut self.glued);
        if chunk.chars == 0 {
            // Blanks may stand behind a line.
            if breaks && self.began && self.lines.is_blob() {
                let start = self.lines.start.min(self.same.start);
                self.signs.blobs.add(start, at);
            }
            self.newline |= breaks;
            return;
        }
        self.began = self.newline;
        let usual = !chunk.mixed && !self.same.mixed && chunk.chars != self.last;
        if usual && !breaks && !self.newline {
            (self.same, self.lines, self.last) = (chunk, chunk, chunk.chars);
            return;
        }
        let short = chunk.chars == 2 || chunk.chars >= MIN_CHUNK_CHARS;
        let goes_on = chunk.chars == self.last && short;
        let tail = chunk.chars < self.last;
        let with_tail = self.same.and(chunk);
        self.same = if goes_on { with_tail } else { chunk };
        self.lines = if self.newline {
            self.lines.and(chunk)
        } else {
            chunk
        };
        let alone = self.newline && (breaks || gap == b'=');
        if self.same.is_blob() || (alone && self.lines.is_blob()) {
            let start = if alone {
                self.lines.start
            } else {
                self.same.start
            };
            self.signs.blobs.add(start.min(self.same.start), at);
        } else if tail && with_tail.is_blob() && with_tail.chars > self.last + chunk.chars {
            self.signs.blobs.add(with_tail.start, at);
        }
        self.last = chunk.chars;
        self.newline = breaks;
    }
}

/// True for capitals behind small letters or in a row before them.
fn is_mixed(word: &[u8]) -> bool {
    word.iter().skip(1).any(u8::is_ascii_uppercase)
}

/// Letters of a piece of a word in capitals at most.
pub(super) const MAX_WORD_LETTERS: usize = 12;
/// Letters in a group of a number at most.
pub(super) const MAX_LETTERS: usize = 4;
/// Characters of a line of wrapped base64 at least.
pub(super) const MIN_CHUNK_CHARS: usize = 4;

impl Run {
    #[inline]
    fn end(&mut self, signs: &mut Signs) {
        if self.groups == 0 {
            return;
        }
        let run = std::mem::take(self);
        let number = run.chars >= MIN_NUMBER_CHARS && is_numeric(run.chars, run.digits);
        signs.join |= run.groups > 1 && (number || run.letters >= MIN_SPELLED_CHARS);
    }
}

/// True where so many of the signs are digits that they may be a number, or a number of letters and digits.
pub(super) fn is_numeric(chars: usize, digits: usize) -> bool {
    digits >= MIN_NUMBER_DIGITS || (digits > 0 && (digits < chars && chars <= MAX_MIXED_CHARS))
}

#[cfg(test)]
mod tests;
