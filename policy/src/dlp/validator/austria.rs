//! Austrian social insurance number: serial, check digit at the fourth place, birth date `ddmmyy`.

use super::{
    check::{digits, weighted},
    date::{day_and_month, two},
};

const WEIGHTS: [u32; 10] = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
/// Months 13 to 15 stand where all serials of a birth date are used up.
const EXTRA_MONTHS: std::ops::RangeInclusive<u64> = 13..=15;

pub(super) fn svnr(value: &[u8]) -> bool {
    let Some(digits) = digits(value).filter(|digits| digits.len() == 10 && digits[0] != 0) else {
        return false;
    };
    let born = match (two(value, 4), two(value, 6)) {
        (Some(day), Some(month)) if EXTRA_MONTHS.contains(&month) => (1..=31).contains(&day),
        (Some(day), Some(month)) => day_and_month(day, month),
        _ => false,
    };
    born && weighted(&digits, &WEIGHTS) % 11 == digits[3]
}
