//! Dates inside of numbers, and the date-time group.

use super::check::number;

const MONTHS: [&[u8; 3]; 12] = [
    b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC",
];

/// A day and a month that can be, in any year.
pub(super) fn day_and_month(day: u64, month: u64) -> bool {
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Two digits at each place: a number of two digits.
pub(super) fn two(value: &[u8], at: usize) -> Option<u64> {
    number(value.get(at..at + 2)?)
}

/// `011200ZMAR26`: day, hour, minute, zone letter, month, year of two or four digits.
pub(super) fn dtg(value: &[u8]) -> bool {
    let part = |at| two(value, at);
    let (Some(day), Some(hour), Some(minute)) = (part(0), part(2), part(4)) else {
        return false;
    };
    let zone = value
        .get(6)
        .is_some_and(|c| c.is_ascii_uppercase() && *c != b'I' && *c != b'O');
    let month = value
        .get(7..10)
        .and_then(|name| MONTHS.iter().position(|month| name == *month))
        .is_some_and(|index| day_and_month(day, index as u64 + 1));
    zone && month && hour < 24 && minute < 60 && value.get(10..).and_then(number).is_some()
}
