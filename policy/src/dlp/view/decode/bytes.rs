//! From bytes to text: UTF-8, UTF-16, single bytes of Latin-1, and compressed data. What is not mostly readable is no text.

use std::io::Read;

use flate2::bufread::{GzDecoder, ZlibDecoder};

use super::{super::map::Made, Room};
use crate::dlp::budget::ScanError;

/// Of so many characters, one may be unreadable.
const ONE_BAD_IN: usize = 5;
/// Compressed data inside of compressed data at most.
const MAX_PACKED: usize = 3;

/// A character of decoded text, and the bytes that it comes from.
pub(super) struct Sign {
    pub(super) c: char,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The text in some bytes, `None` where they are none.
pub(super) fn text(bytes: &[u8], room: &mut Room) -> Result<Option<Vec<Sign>>, ScanError> {
    match unpack(bytes, MAX_PACKED, room)? {
        None => Ok(readable(bytes)),
        Some(unpacked) => {
            let whole = |sign: Sign| Sign {
                from: 0,
                to: bytes.len(),
                ..sign
            };
            Ok(readable(&unpacked).map(|signs| signs.into_iter().map(whole).collect()))
        }
    }
}

/// Unpacks gzip and zlib, all members of it, as often as it is packed; what is cut off is read up to there, and what stands
/// behind it as it is.
fn unpack(bytes: &[u8], deep: usize, room: &mut Room) -> Result<Option<Vec<u8>>, ScanError> {
    let mut unpacked = Vec::new();
    let mut rest = bytes;
    loop {
        let before = rest.len();
        let member = match rest {
            [0x1f, 0x8b, 8, ..] => drain(GzDecoder::new(&mut rest), room)?,
            [method, flags, ..] if is_zlib(*method, *flags) && !is_plain(rest) => {
                drain(ZlibDecoder::new(&mut rest), room)?
            }
            _ => break,
        };
        unpacked.extend(member);
        if rest.len() == before {
            break;
        }
    }
    if unpacked.is_empty() {
        return Ok(None);
    }
    match deep.checked_sub(1) {
        None => Err(room.full()),
        Some(deep) => {
            let mut all = unpack(&unpacked, deep, room)?.unwrap_or(unpacked);
            all.extend(rest);
            Ok(Some(all))
        }
    }
}

/// The head of a zlib stream, of any window size.
fn is_zlib(method: u8, flags: u8) -> bool {
    method & 0xf == 8
        && method >> 4 < 8
        && (u16::from(method) * 256 + u16::from(flags)).is_multiple_of(31)
}

/// True for plain text, a thirtieth of which begins like zlib.
fn is_plain(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(is_bad))
}

fn drain(reader: impl Read, room: &mut Room) -> Result<Vec<u8>, ScanError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(room.left)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    // An error is the end of what can be read.
    let _ = reader.take(limit).read_to_end(&mut unpacked);
    room.take(unpacked.len())?;
    Ok(unpacked)
}

fn readable(bytes: &[u8]) -> Option<Vec<Sign>> {
    let forms = [utf16_by_mark, utf16_by_zeros, utf8, utf16_by_block];
    forms
        .into_iter()
        .find_map(|form| form(bytes).filter(|signs| is_text(signs)))
}

/// True where few characters are none. Controls do not count, because a reader does not see them.
fn is_text(signs: &[Sign]) -> bool {
    let shown = signs.iter().filter(|sign| !is_bad(sign.c)).count();
    let broken = signs.iter().filter(|sign| is_broken(sign.c)).count();
    let controls = signs.len() - shown - broken;
    let all = if shown >= MIN_SHOWN {
        shown
    } else {
        shown.saturating_sub(controls * ONE_BAD_IN)
    };
    all > 0 && broken * ONE_BAD_IN <= all + broken
}

/// True where all of it is text of its encoding, and nothing was read byte by byte for want of one.
pub(super) fn is_exact(signs: &[Sign]) -> bool {
    let fits = |sign: &Sign| sign.c.is_ascii() || sign.to - sign.from > 1;
    signs.iter().all(|sign| fits(sign) && !is_bad(sign.c))
}

/// Characters that are text even with a control behind each.
const MIN_SHOWN: usize = 6;

fn is_broken(c: char) -> bool {
    c == char::REPLACEMENT_CHARACTER || ('\u{80}'..='\u{9f}').contains(&c)
}

/// What text has none of: controls, and what stands for a byte that is no character.
fn is_bad(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || is_broken(c)
}

fn utf8(bytes: &[u8]) -> Option<Vec<Sign>> {
    let bad: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    if bad * ONE_BAD_IN > bytes.len() {
        return None;
    }
    let mut signs = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            signs.push(Sign {
                c,
                from: at,
                to: at + c.len_utf8(),
            });
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            signs.push(Sign {
                c: char::from(*byte),
                from: at,
                to: at + 1,
            });
            at += 1;
        }
    }
    Some(signs)
}

fn utf16_by_mark(bytes: &[u8]) -> Option<Vec<Sign>> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => Some(utf16(rest, 2, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Some(utf16(rest, 2, u16::from_be_bytes)),
        _ => None,
    }
}

/// Latin text: every second byte is zero.
fn utf16_by_zeros(bytes: &[u8]) -> Option<Vec<Sign>> {
    let zeros = |odd: usize| {
        let every_second = bytes.iter().skip(odd).step_by(2);
        every_second.filter(|byte| **byte == 0).count() * 5 > bytes.len() / 2 * 3
    };
    if zeros(1) {
        Some(utf16(bytes, 0, u16::from_le_bytes))
    } else if zeros(0) {
        Some(utf16(bytes, 0, u16::from_be_bytes))
    } else {
        None
    }
}

/// Text of one script: every second byte is one of the first blocks (Latin, Greek, Cyrillic), or of general punctuation.
fn utf16_by_block(bytes: &[u8]) -> Option<Vec<Sign>> {
    let low = |odd: usize| {
        let mut bytes = bytes.iter().skip(odd).step_by(2);
        bytes.all(|byte| matches!(byte, 0..=5 | 0x20))
    };
    if bytes.len() < 8 {
        None
    } else if low(1) {
        Some(utf16(bytes, 0, u16::from_le_bytes))
    } else {
        low(0).then(|| utf16(bytes, 0, u16::from_be_bytes))
    }
}

fn utf16(bytes: &[u8], skipped: usize, unit: fn([u8; 2]) -> u16) -> Vec<Sign> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let mut at = skipped;
    char::decode_utf16(units)
        .map(|decoded| {
            let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            let from = at;
            at += c.len_utf16() * 2;
            Sign { c, from, to: at }
        })
        .collect()
}

/// Appends what octets with their places in `text` spell; those that are no UTF-8 as Latin-1, or as they are written.
pub(super) fn spell(octets: &[(u8, usize, usize)], text: &str, latin: bool, made: &mut Made) {
    let bytes: Vec<u8> = octets.iter().map(|(byte, ..)| *byte).collect();
    let place = |from: usize, to: usize| match (octets.get(from), octets.get(to - 1)) {
        (Some(first), Some(last)) => (first.1, last.2),
        _ => (0, 0),
    };
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let (start, end) = place(at, at + c.len_utf8());
            at += c.len_utf8();
            if is_bad(c) && c != '\0' {
                made.copy(text, start, end);
            } else {
                made.put(c, start, end);
            }
        }
        for byte in chunk.invalid() {
            let (start, end) = place(at, at + 1);
            at += 1;
            if latin && *byte >= 0xa0 {
                made.put(char::from(*byte), start, end);
            } else {
                made.copy(text, start, end);
            }
        }
    }
}
