//! French registration number (NIR): sex, year, month, place, serial, and 97 less the remainder modulo 97.

use super::check::number;

pub(super) fn nir(value: &[u8]) -> bool {
    let Some((body, key)) = value.split_at_checked(13) else {
        return false;
    };
    let sexed = matches!(body.first(), Some(b'1'..=b'4' | b'7' | b'8'));
    sexed
        && month(&body[3..5])
        && matches!((plain(body), number(key)), (Some(all), Some(key)) if 97 - all % 97 == key)
}

/// 01 to 12; 20 to 42 and 50 to 99 where the month is not known.
fn month(text: &[u8]) -> bool {
    number(text).is_some_and(|month| matches!(month, 1..=12 | 20..=42 | 50..=99))
}

/// Corsica's 2A and 2B count as 19 and 18.
fn plain(body: &[u8]) -> Option<u64> {
    let mut all = body.to_vec();
    match body.get(5..7)? {
        b"2A" => all[5..7].copy_from_slice(b"19"),
        b"2B" => all[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    number(&all)
}
