//! Vehicle identification numbers (ISO 3779). The check digit is the law in North America only; elsewhere the ninth sign
//! is the maker's, so the form must do.

const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
const LETTERS: &[u8] = b"ABCDEFGH JKLMN P R STUVWXYZ";
const VALUES: &[u8] = b"12345678 12345 7 9 23456789";

/// Seventeen signs without I, O and Q, both letters and digits among them, the last four digits.
pub(super) fn vin(value: &[u8]) -> bool {
    let known = value.iter().all(|sign| transliterated(*sign).is_some());
    let mixed = value.iter().any(u8::is_ascii_uppercase);
    let serial = value.len() == 17 && value[13..].iter().all(u8::is_ascii_digit);
    let american = matches!(value.first(), Some(b'1'..=b'5'));
    known && mixed && serial && (!american || checks(value))
}

fn checks(value: &[u8]) -> bool {
    let values = value.iter().filter_map(|sign| transliterated(*sign));
    let rest = values
        .zip(WEIGHTS)
        .map(|(value, weight)| value * weight)
        .sum::<u32>()
        % 11;
    let expected = char::from_digit(rest, 10).unwrap_or('X');
    value
        .get(8)
        .is_some_and(|check| char::from(*check) == expected)
}

fn transliterated(sign: u8) -> Option<u32> {
    if sign.is_ascii_digit() {
        return Some(u32::from(sign - b'0'));
    }
    let at = LETTERS
        .iter()
        .position(|letter| *letter == sign && sign != b' ')?;
    VALUES.get(at).map(|value| u32::from(value - b'0'))
}
