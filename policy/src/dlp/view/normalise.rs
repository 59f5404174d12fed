//! The normalised view: compatibility forms composed, nothing invisible, one dash, one space, one set of digits.

use std::sync::LazyLock;

use unicode_normalization::{
    IsNormalized, UnicodeNormalization,
    char::{canonical_combining_class, is_combining_mark},
    is_nfkc_quick,
};

use super::{BORDER, Borders, map::Made};
use crate::unicode::{Table, ascii_digit, is_dash, is_hidden, is_line_end, is_space};

/// Below this stand Latin, Greek and Cyrillic, whose letters need no mark that they do not compose with.
const NO_LOOSE_MARKS_BELOW: char = '\u{530}';

/// Makes the view of a text, in which borders may be ours and stay.
pub(super) fn normalise(text: &str, borders: Borders) -> Made {
    let mut builder = Builder {
        our_borders: borders == Borders::Ours,
        ..Builder::default()
    };
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let run = plain_run(&text.as_bytes()[at..]);
        if run > 0 && text.is_char_boundary(at + run) {
            builder.flush();
            builder.bare = false;
            builder.made.copy(text, at, at + run);
            at += run;
            continue;
        }
        builder.character(c, at);
        at += c.len_utf8();
    }
    builder.flush();
    builder.made
}

/// Bytes at the start that stay as they are, whatever follows them: ASCII, and letters of the first block.
fn plain_run(bytes: &[u8]) -> usize {
    let mut end = 0;
    let mut last = 0;
    while let Some(byte) = bytes.get(end) {
        let length = match byte {
            0xc3 => 2,
            byte if is_plain(*byte) => 1,
            // A mark may follow the last one.
            _ => return last,
        };
        last = end;
        end += length;
    }
    end
}

/// ASCII that stays as it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r')
}

/// Builds the view, one composed character at a time.
#[derive(Default)]
struct Builder {
    made: Made,
    /// A starter and what combines with it, and the bytes of the original that they take.
    segment: String,
    start: usize,
    end: usize,
    /// True where marks that do not compose are left out.
    bare: bool,
    our_borders: bool,
}

impl Builder {
    fn character(&mut self, c: char, at: usize) {
        if is_hidden(c) && !(self.our_borders && c == BORDER) {
            return;
        }
        if !continues(c) {
            self.flush();
            self.bare = false;
        } else if self.segment.len() > MAX_SEGMENT_BYTES {
            self.flush();
        }
        if self.segment.is_empty() {
            self.start = at;
        }
        self.segment.push(c);
        self.end = at + c.len_utf8();
    }

    fn flush(&mut self) {
        if self.segment.len() < 4
            && let Some(c) = single(&self.segment)
        {
            self.made.put(plain(c), self.start, self.end);
            self.bare = c < NO_LOOSE_MARKS_BELOW;
            self.segment.clear();
            return;
        }
        let segment = std::mem::take(&mut self.segment);
        for c in segment.nfkc().filter(|c| !is_hidden(*c)) {
            if self.bare && is_combining_mark(c) {
                continue;
            }
            self.bare = c < NO_LOOSE_MARKS_BELOW && !is_combining_mark(c);
            self.made.put(plain(c), self.start, self.end);
        }
        self.segment = segment;
        self.segment.clear();
    }
}

/// The only character of a segment, where nothing but its own form is to be chosen.
fn single(segment: &str) -> Option<char> {
    let mut characters = segment.chars();
    let c = characters
        .next()
        .filter(|c| c.is_ascii() || is_settled(*c))?;
    characters.next().is_none().then_some(c)
}

/// True for a starter that is in its compatibility form.
fn is_settled(c: char) -> bool {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        Table::of(|c| {
            !is_combining_mark(c) && is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes
        })
    });
    TABLE.has(c)
}

/// A starter with its marks is cut here, in bytes, so that a tower of marks costs no more than its length.
const MAX_SEGMENT_BYTES: usize = 128;

/// True for what composes with the character before it: marks, and the inner letters of a Hangul syllable.
fn continues(c: char) -> bool {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        Table::of(|c| {
            canonical_combining_class(c) != 0
                || is_combining_mark(c)
                || ('\u{1160}'..='\u{11ff}').contains(&c)
        })
    });
    !c.is_ascii() && TABLE.has(c)
}

fn plain(c: char) -> char {
    match c {
        '\n' | '\r' => c,
        c if is_line_end(c) => '\n',
        c if is_dash(c) => '-',
        c if is_space(c) => ' ',
        c => ascii_digit(c).or_else(|| circled_digit(c)).unwrap_or(c),
    }
}

/// Digits in circles that have no compatibility form.
fn circled_digit(c: char) -> Option<char> {
    let zero = match c {
        '\u{24ff}' | '\u{1f10b}' | '\u{1f10c}' => return Some('0'),
        '\u{24f5}'..='\u{24fd}' => 0x24f4,
        '\u{2776}'..='\u{277e}' => 0x2775,
        '\u{2780}'..='\u{2788}' => 0x277f,
        '\u{278a}'..='\u{2792}' => 0x2789,
        _ => return None,
    };
    char::from_digit(u32::from(c) - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evasions_that_the_normalised_view_undoes() {
        for (written, seen) in [
            ("VS\u{2011}NfD", "VS-NfD"),
            ("STRENG\u{a0}GEHEIM", "STRENG GEHEIM"),
            ("G\u{200b}EHEIM", "GEHEIM"),
            ("GE\u{ad}HEIM", "GEHEIM"),
            ("\u{ff27}\u{ff25}\u{ff28}\u{ff25}\u{ff29}\u{ff2d}", "GEHEIM"),
            ("4111\u{2009}1111", "4111 1111"),
            ("\u{664}\u{661}", "41"),
            ("FU\u{308}R", "FÜR"),
            ("FU\u{200b}\u{308}R", "FÜR"),
            ("a\tb\u{2028}c", "a b\nc"),
            ("straße", "straße"),
            ("G\u{336}E\u{336}H\u{336}", "GEH"),
            ("FU\u{308}\u{336}R", "FÜR"),
            ("4\u{20dd}1\u{fe0f}\u{20e3}", "41"),
            ("G\u{34f}E", "GE"),
            ("G\0E\0H\0", "GEH"),
            ("\u{2777}\u{24f5}\u{2460}", "211"),
            ("й é ε\u{301}", "й é έ"),
        ] {
            assert_eq!(normalise(written, Borders::Odd).text, seen, "{written:?}");
        }
    }

    #[test]
    fn one_character_that_becomes_several_maps_to_itself() {
        let made = normalise("a\u{fb03}b", Borders::Odd); // the ligature ffi
        assert_eq!(made.text, "affib");
        assert_eq!(made.map.original(1, 2), (1, 4));
        assert_eq!(made.map.original(3, 5), (1, 5));
    }
}
