//! Italian tax code: name, year, month letter, day, place, check letter over two tables.

/// What a sign counts in an odd place: 0 to 9, then A to Z. In an even place it counts its own position.
const DIGIT_ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
const LETTER_ODD: [u32; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];
const MONTHS: &[u8] = b"ABCDEHLMPRST";
/// Places of the digits, which letters may replace where two people would have the same code.
const NUMERIC: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];
const REPLACES_DIGIT: &[u8] = b"LMNPQRSTUV";

pub(super) fn codice_fiscale(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last().filter(|_| value.len() == 16) else {
        return false;
    };
    let formed = body.iter().enumerate().all(|(at, sign)| match at {
        8 => MONTHS.contains(sign),
        at if NUMERIC.contains(&at) => sign.is_ascii_digit() || REPLACES_DIGIT.contains(sign),
        _ => sign.is_ascii_uppercase(),
    });
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(at, sign)| counts(at, *sign))
        .sum();
    formed && u32::from(*check) == u32::from(b'A') + sum % 26
}

/// `at` counts from 0, so that the first place, an odd one, is even here.
fn counts(at: usize, sign: u8) -> u32 {
    let (place, table): (u8, &[u32]) = if sign.is_ascii_digit() {
        (sign - b'0', &DIGIT_ODD)
    } else {
        (sign.saturating_sub(b'A'), &LETTER_ODD)
    };
    match at % 2 {
        0 => table.get(usize::from(place)).copied().unwrap_or(0),
        _ => u32::from(place),
    }
}
