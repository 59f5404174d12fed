//! Character tables that labels and detectors share: what is invisible, what is a dash, a space, a digit.
//!
//! Names in labels may hold no invisible character, and detectors look through them; both must mean the same set. The
//! tables are checked in the tests against the Unicode properties that the `regex` crate carries, so that an update of
//! Unicode shows up as a failing test and not as a gap.

use std::sync::LazyLock;

/// True for `Default_Ignorable_Code_Point`: soft hyphen, zero-width and bidi controls, fillers, tags, variation
/// selectors and the like, which change nothing that a reader sees.
pub(crate) fn is_ignorable(c: char) -> bool {
    let within = |&(low, high): &(char, char)| (low..=high).contains(&c);
    !c.is_ascii() && IGNORABLE.iter().any(within)
}

/// True for what a reader does not see at all.
pub(crate) fn is_hidden(c: char) -> bool {
    is_ignorable(c) || (c.is_control() && !is_line_end(c) && !is_space(c))
}

/// False for most texts that hide nothing, which is seen at once: ASCII and letters of the first block.
pub(crate) fn may_hide(text: &[u8]) -> bool {
    let may = |byte: &u8| !matches!(byte, b' '..=b'~' | b'\t'..=b'\r' | 0x80..=0xbf | 0xc3);
    let any = |part: &[u8]| part.iter().fold(false, |any, byte| any | may(byte));
    text.chunks(64).any(any)
}

/// True for every dash that a reader takes for a hyphen: general category `Pd` and the minus signs.
pub(crate) fn is_dash(c: char) -> bool {
    c == '-' || (!c.is_ascii() && DASHES.contains(&c))
}

/// True for everything that separates words within a line: general category `Zs` and the tab.
pub(crate) fn is_space(c: char) -> bool {
    c == ' ' || c == '\t' || (!c.is_ascii() && c.is_whitespace() && !is_line_end(c))
}

/// [`char::is_alphanumeric`], which takes long for what is not Latin.
pub(crate) fn is_alphanumeric(c: char) -> bool {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(char::is_alphanumeric));
    TABLE.has(c)
}

/// A property of characters, for those of the Basic Multilingual Plane a bit each.
pub(crate) struct Table {
    bits: Vec<u64>,
    property: fn(char) -> bool,
}

impl Table {
    pub(crate) fn of(property: fn(char) -> bool) -> Table {
        let bit = |code: u32| u64::from(char::from_u32(code).is_some_and(property));
        let bits = |first: u32| (0..64).fold(0, |bits, at| bits | bit(first + at) << at);
        Table {
            bits: (0..0x400).map(|word| bits(word * 64)).collect(),
            property,
        }
    }

    pub(crate) fn has(&self, c: char) -> bool {
        let code = u32::from(c) as usize;
        match self.bits.get(code / 64) {
            Some(bits) => bits >> (code % 64) & 1 == 1,
            None => (self.property)(c),
        }
    }
}

/// True for everything that ends a line.
pub(crate) fn is_line_end(c: char) -> bool {
    matches!(
        c,
        '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// The ASCII digit of a decimal digit of any script (general category `Nd`), `None` for anything else.
pub(crate) fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    let code = u32::from(c);
    let after = ZEROS.partition_point(|zero| *zero <= code);
    let zero = *ZEROS.get(after.checked_sub(1)?)?;
    char::from_digit(code - zero, 10)
}

const IGNORABLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

const DASHES: [char; 30] = [
    '\u{58a}',
    '\u{5be}',
    '\u{1400}',
    '\u{1806}',
    '\u{2010}',
    '\u{2011}',
    '\u{2012}',
    '\u{2013}',
    '\u{2014}',
    '\u{2015}',
    '\u{2043}',
    '\u{207b}',
    '\u{208b}',
    '\u{2212}',
    '\u{2e17}',
    '\u{2e1a}',
    '\u{2e3a}',
    '\u{2e3b}',
    '\u{2e40}',
    '\u{2e5d}',
    '\u{301c}',
    '\u{3030}',
    '\u{30a0}',
    '\u{fe31}',
    '\u{fe32}',
    '\u{fe58}',
    '\u{fe63}',
    '\u{ff0d}',
    '\u{10d6e}',
    '\u{10ead}',
];

/// The zero of every run of ten decimal digits outside ASCII, in order.
const ZEROS: [u32; 75] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0,
    0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50,
    0x11da0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce, 0x1d7d8,
    0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use regex::Regex;

    use super::*;

    #[test]
    fn what_is_hidden_is_seen_by_its_bytes() {
        let characters = || '\0'..=char::MAX;
        let seen = |c: char| may_hide(c.encode_utf8(&mut [0; 4]).as_bytes());
        assert!(characters().filter(|c| is_hidden(*c)).all(seen));
        let letters = "Größe, été: 0-9 [A] {b} ~\n\r\t\u{b}\u{c}";
        assert!(!may_hide(letters.as_bytes()));
    }

    fn every(property: &str) -> Vec<char> {
        let class = Regex::new(&format!("^{property}$")).unwrap();
        let mut buffer = [0; 4];
        ('\0'..=char::MAX)
            .filter(|c| class.is_match(c.encode_utf8(&mut buffer)))
            .collect()
    }

    #[test]
    fn the_table_of_letters_and_digits_is_what_the_language_says() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_alphanumeric(c), c.is_alphanumeric(), "{c:?}");
        }
    }

    #[test]
    fn the_ignorable_table_is_the_unicode_property() {
        let table: Vec<char> = ('\0'..=char::MAX).filter(|c| is_ignorable(*c)).collect();
        assert_eq!(table, every(r"\p{Default_Ignorable_Code_Point}"));
    }

    #[test]
    fn every_decimal_digit_has_its_ascii_form() {
        let table: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| ascii_digit(*c).is_some())
            .collect();
        assert_eq!(table, every(r"\p{Nd}"));
        assert_eq!(ascii_digit('\u{663}'), Some('3'));
        assert_eq!(ascii_digit('\u{1d7d7}'), Some('9'));
    }

    #[test]
    fn every_dash_and_space_of_unicode_is_known() {
        let dashes: Vec<char> = every(r"\p{Pd}")
            .into_iter()
            .filter(|c| !is_dash(*c))
            .collect();
        assert_eq!(dashes, [] as [char; 0]);
        let spaces: Vec<char> = every(r"\p{Zs}")
            .into_iter()
            .filter(|c| !is_space(*c))
            .collect();
        assert_eq!(spaces, [] as [char; 0]);
    }
}
