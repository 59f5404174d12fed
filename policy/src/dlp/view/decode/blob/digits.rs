//! Digits of base64 and hex, what they say, and where each sign of it stands.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{MIN_BLOB_CHARS, Sign, word::Word};

/// Without padding, and with whatever stands in the bits behind the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A digit of an encoding with its place.
pub(super) type Digit = (u8, usize);

pub(super) fn digits(text: &str, words: &[Word], inner: fn(&str) -> (usize, &str)) -> Vec<Digit> {
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

pub(super) fn hex_digits(word: &str) -> (usize, &str) {
    match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) => (2, digits),
        None => (0, word),
    }
}

/// False where something else than hex stands in it.
pub(super) fn may_be_hex(written: &[u8]) -> bool {
    let may = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X' | b'-' | b'_');
    written.iter().all(may)
}

pub(super) fn from_hex(digits: &[Digit]) -> Option<Vec<u8>> {
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

pub(super) fn from_base64(digits: &[u8]) -> Option<Vec<u8>> {
    let standard = |digit: &u8| match digit {
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
pub(super) fn placed(mut signs: Vec<Sign>, digits: &[Digit], bits: usize) -> Vec<Sign> {
    let last = digits.len().saturating_sub(1);
    for sign in &mut signs {
        let (from, to) = (sign.from * 8 / bits, (sign.to * 8 - 1) / bits);
        sign.from = digits.get(from.min(last)).map_or(0, |digit| digit.1);
        sign.to = digits.get(to.min(last)).map_or(0, |digit| digit.1 + 1);
    }
    signs
}
