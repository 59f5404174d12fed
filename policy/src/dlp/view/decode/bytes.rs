//! From bytes to text: UTF-8, UTF-16, single bytes of Latin-1, and compressed data. What is not mostly readable is no text.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};

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

/// Unpacks gzip and zlib, as often as it is packed; what is cut off is read up to there.
fn unpack(bytes: &[u8], deep: usize, room: &mut Room) -> Result<Option<Vec<u8>>, ScanError> {
    let unpacked = match bytes {
        [0x1f, 0x8b, 8, ..] => drain(GzDecoder::new(bytes), room)?,
        [0x78, flags, ..] if (0x7800 + u16::from(*flags)) % 31 == 0 => {
            drain(ZlibDecoder::new(bytes), room)?
        }
        _ => return Ok(None),
    };
    if unpacked.is_empty() {
        return Ok(None);
    }
    match deep.checked_sub(1) {
        None => Err(room.full()),
        Some(deep) => Ok(unpack(&unpacked, deep, room)?.or(Some(unpacked))),
    }
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

fn is_text(signs: &[Sign]) -> bool {
    let bad = signs.iter().filter(|sign| is_bad(sign.c)).count();
    !signs.is_empty() && bad * ONE_BAD_IN <= signs.len()
}

/// What text has none of: controls, and what stands for a byte that is no character.
fn is_bad(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || c == char::REPLACEMENT_CHARACTER
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
