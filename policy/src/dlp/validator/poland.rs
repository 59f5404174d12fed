//! Polish PESEL: birth date with the century in the month, serial, check digit.

use super::{
    check::{digits, weighted},
    date::{day_and_month, two},
};

const WEIGHTS: [u32; 11] = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];

pub(super) fn pesel(value: &[u8]) -> bool {
    let born = matches!((two(value, 2), two(value, 4)), (Some(month), Some(day)) if day_and_month(day, month % 20));
    born && digits(value)
        .is_some_and(|digits| digits.len() == 11 && weighted(&digits, &WEIGHTS).is_multiple_of(10))
}
