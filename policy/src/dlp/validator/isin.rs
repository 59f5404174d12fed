//! Securities numbers: ISO 6166, letters as 10 to 35, Luhn.

use super::{
    area,
    check::{digit, luhn},
};

/// Prefixes that are no country: securities of several, and those without one.
const OTHER: [&[u8; 2]; 4] = [b"XS", b"EU", b"XA", b"XF"];

pub(super) fn isin(value: &[u8]) -> bool {
    let known = value
        .get(..2)
        .is_some_and(|code| area::is_country(code) || OTHER.iter().any(|other| code == *other));
    let values: Option<Vec<u32>> = value
        .iter()
        .map(|sign| char::from(*sign).to_digit(36))
        .collect();
    let expanded = values.map(|values| values.into_iter().flat_map(spread).collect::<Vec<u32>>());
    known
        && value.last().is_some_and(|check| digit(*check).is_some())
        && expanded.is_some_and(|digits| luhn(&digits))
}

/// A value as the digits that write it.
fn spread(value: u32) -> impl Iterator<Item = u32> {
    [value / 10, value % 10]
        .into_iter()
        .skip(usize::from(value < 10))
}
