//! Blobs: words that are base64 or hex, in one piece or wrapped, with the text that they hold in their place.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    super::{
        map::Made,
        signs::{MIN_BLOB_CHARS, MIN_CHUNK_CHARS},
    },
    Room,
    bytes::{self, Sign},
};
use crate::dlp::budget::ScanError;

/// Without padding, and with whatever stands in the bits behind the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Separators between two chunks of a wrapped text at most, in bytes.
const MAX_WRAP_BYTES: usize = 8;

/// The text with its blobs read, `None` where it has none. They stand in the bytes `from..to`.
pub(super) fn decode(
    text: &str,
    (from, to): (usize, usize),
    room: &mut Room,
) -> Result<Option<Made>, ScanError> {
    let words = words(text, from, to);
    let mut reader = Reader {
        text,
        room,
        found: Vec::new(),
    };
    let (mut at, mut left) = (0, 0);
    for lines in words.chunk_by(|a, b| are_lines(text, a, b)) {
        let done = match lines.len() {
            1 => 0,
            _ => reader.wrapped(lines)?,
        };
        if done > 0 {
            reader.chunks(&words[left..at])?;
            left = at + done;
        }
        at += lines.len();
    }
    reader.chunks(&words[left..])?;
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

/// Characters of base64 without a gap, and the padding behind them.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    padded: usize,
}

impl Word {
    fn length(&self) -> usize {
        self.end - self.start
    }
}

/// Words from the byte `from` to the first that begins after `to`.
fn words(text: &str, from: usize, to: usize) -> Vec<Word> {
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

/// Encoded characters with the text that they hold.
struct Blob {
    start: usize,
    end: usize,
    /// Characters of the text, with the bytes of the source.
    signs: Vec<Sign>,
    /// True where every byte belongs to a character.
    exact: bool,
}

/// True where two words stand on lines of their own behind each other.
fn are_lines(text: &str, a: &Word, b: &Word) -> bool {
    let gap = gap(text, a, b);
    is_wrap(gap, a) && gap.contains('\n') && a.length() >= MIN_CHUNK_CHARS
}

/// True where two words may be chunks of one.
fn are_chunks(text: &str, a: &Word, b: &Word) -> bool {
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

/// Finds blobs, each word once, in order.
struct Reader<'t, 'r> {
    text: &'t str,
    room: &'r mut Room,
    found: Vec<Blob>,
}

impl Reader<'_, '_> {
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

    /// Reads words as one blob; returns how many of them it took. A word before the first chunk or behind the last may stand
    /// there by chance, so that a reading that is text in all its bytes goes before a longer one that is not.
    fn wrapped(&mut self, words: &[Word]) -> Result<usize, ScanError> {
        let count = words.len();
        let mut inexact = None;
        for (from, to) in [(0, count), (0, count - 1), (1, count), (2, count)] {
            let Some(blob) = words
                .get(from..to)
                .map_or(Ok(None), |words| self.blob(words))?
            else {
                continue;
            };
            if blob.exact {
                self.found.push(blob);
                return Ok(to);
            }
            if to > from + 1 {
                inexact.get_or_insert((blob, to));
            }
        }
        let Some((blob, to)) = inexact else {
            return Ok(0);
        };
        self.found.push(blob);
        Ok(to)
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
        let blob = self.blob(words)?;
        let is_one = blob.is_some();
        self.found.extend(blob);
        Ok(is_one)
    }

    fn blob(&mut self, words: &[Word]) -> Result<Option<Blob>, ScanError> {
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return Ok(None);
        };
        if last.end - first.start < MIN_BLOB_CHARS {
            return Ok(None);
        }
        let Some((signs, exact)) = self.signs(words)? else {
            return Ok(None);
        };
        Ok(Some(Blob {
            start: first.start,
            end: last.padded,
            signs,
            exact,
        }))
    }

    /// The characters that words hold, and whether they are exact.
    fn signs(&mut self, words: &[Word]) -> Result<Option<(Vec<Sign>, bool)>, ScanError> {
        let base64 = digits(self.text, words, |word| (0, word));
        // One digit again and again is a line or a number.
        if base64.windows(2).all(|pair| pair[0].0 == pair[1].0) {
            return Ok(None);
        }
        let mut hex = digits(self.text, words, hex_digits);
        hex.retain(|(digit, _)| !matches!(digit, b'-' | b'_'));
        if let Some(bytes) = from_hex(&hex)
            && let Some(signs) = bytes::text(&bytes, self.room)?
        {
            let exact = bytes::is_exact(&signs);
            return Ok(Some((placed(signs, &hex, 4), exact)));
        }
        let Some(bytes) = from_base64(&base64) else {
            return Ok(None);
        };
        let signs = bytes::text(&bytes, self.room)?;
        Ok(signs.map(|signs| {
            let exact = bytes::is_exact(&signs);
            (placed(signs, &base64, 6), exact)
        }))
    }
}

/// A digit of an encoding with its place.
type Digit = (u8, usize);

fn digits(text: &str, words: &[Word], inner: fn(&str) -> (usize, &str)) -> Vec<Digit> {
    let digits = |word: &Word| {
        let (skipped, digits) = inner(text.get(word.start..word.end).unwrap_or_default());
        let start = word.start + skipped;
        digits
            .bytes()
            .enumerate()
            .map(move |(at, digit)| (digit, start + at))
    };
    words.iter().flat_map(digits).collect()
}

fn hex_digits(word: &str) -> (usize, &str) {
    match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) => (2, digits),
        None => (0, word),
    }
}

fn from_hex(digits: &[Digit]) -> Option<Vec<u8>> {
    let mut values = Vec::with_capacity(digits.len());
    for (digit, _) in digits {
        values.push(char::from(*digit).to_digit(16)?);
    }
    if values.len() < MIN_BLOB_CHARS {
        return None;
    }
    let (pairs, _) = values.as_chunks::<2>();
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(high * 16 + low).ok())
        .collect()
}

fn from_base64(digits: &[Digit]) -> Option<Vec<u8>> {
    let standard = |(digit, _): &Digit| match digit {
        b'-' => b'+',
        b'_' => b'/',
        digit => *digit,
    };
    // One digit alone holds no byte.
    let count = digits.len() - usize::from(digits.len() % 4 == 1);
    if count < MIN_BLOB_CHARS {
        return None;
    }
    let digits: Vec<u8> = digits[..count].iter().map(standard).collect();
    BASE64.decode(digits).ok()
}

/// Signs with the places of the digits that hold their bytes, each digit of `bits` bits.
fn placed(mut signs: Vec<Sign>, digits: &[Digit], bits: usize) -> Vec<Sign> {
    let last = digits.len().saturating_sub(1);
    for sign in &mut signs {
        let (from, to) = (sign.from * 8 / bits, (sign.to * 8 - 1) / bits);
        sign.from = digits.get(from.min(last)).map_or(0, |digit| digit.1);
        sign.to = digits.get(to.min(last)).map_or(0, |digit| digit.1 + 1);
    }
    signs
}

/// Parts of a word between some signs.
fn parts<'t>(text: &'t str, word: &Word, signs: &'t str) -> impl Iterator<Item = Word> + 't {
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

/// Between text that was encoded and text beside it: no letter and no separator.
const BORDER: char = '\u{1f}';
