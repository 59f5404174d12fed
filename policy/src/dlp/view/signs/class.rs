//! What kind of sign a byte or character is, before anybody looks at its neighbours.

use unicode_normalization::{IsNormalized, char::is_combining_mark, is_nfkc_quick};

use crate::unicode::{is_dash, is_ignorable, is_line_end, is_space};

pub(super) const UPPER: u8 = 1;
pub(super) const LOWER: u8 = 2;
pub(super) const DIGIT: u8 = 4;
pub(super) const WORD: u8 = UPPER | LOWER | DIGIT;
/// Control characters and the tab.
pub(super) const ODD: u8 = 8;
/// May begin something encoded.
pub(super) const ESCAPE: u8 = 16;
/// Part of base64 beside letters and digits.
pub(super) const GLUE: u8 = 32;
/// Not ASCII.
pub(super) const WIDE: u8 = 64;

pub(super) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'0'..=b'9' => DIGIT,
            b'+' | b'/' | b'-' | b'_' => GLUE,
            b'&' | b'%' | b'=' | b'\\' | b'<' => ESCAPE,
            b'\n' | b'\r' => 0,
            0..=0x1f | 0x7f => ODD,
            0x80.. => WIDE,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// Classes and length of the letters and digits at the start.
pub(super) fn word(bytes: &[u8]) -> (u8, usize) {
    let mut classes = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let class = CLASS[*byte as usize];
        if class & WORD == 0 {
            return (classes, at);
        }
        classes |= class;
    }
    (classes, bytes.len())
}

/// True where `byte` and what follows it may be an escape.
pub(super) fn is_escape(byte: u8, rest: &[u8]) -> bool {
    let next = rest.first().copied().unwrap_or(0);
    match byte {
        b'&' => next == b'#' || next.is_ascii_alphabetic(),
        b'<' => matches!(next, b'/' | b'!' | b'?') || next.is_ascii_alphabetic(),
        b'\\' => matches!(next, b'u' | b'U' | b'x' | b'0'..=b'7'),
        b'=' => next.is_ascii_hexdigit() || ends_line(rest),
        _ => next.is_ascii_hexdigit() || next == b'u',
    }
}

/// True where nothing but blanks stands before the end of the line.
fn ends_line(rest: &[u8]) -> bool {
    let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    matches!(next, Some(b'\n' | b'\r'))
}

/// True for what the normalised view changes.
pub(super) fn is_odd(c: char) -> bool {
    is_ignorable(c)
        || is_dash(c)
        || is_space(c)
        || is_line_end(c)
        || c.is_control()
        || is_combining_mark(c)
        || c.is_numeric()
        || is_nfkc_quick(std::iter::once(c)) != IsNormalized::Yes
}
