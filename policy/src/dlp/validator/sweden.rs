//! Swedish personal identity number: birth date, serial, Luhn over the last ten digits.

use super::{
    check::{digits, luhn},
    date::{day_and_month, two},
};

/// Added to the day for those who are not in the register.
const COORDINATION: u64 = 60;

pub(super) fn personnummer(value: &[u8]) -> bool {
    let century = value.len() < 12 || matches!(value.get(..2), Some(b"18" | b"19" | b"20"));
    let Some(short) = value.len().checked_sub(10).and_then(|at| value.get(at..)) else {
        return false;
    };
    let born = matches!((two(short, 2), two(short, 4)), (Some(month), Some(day)) if day_and_month(day % COORDINATION, month));
    century && born && digits(short).is_some_and(|digits| luhn(&digits))
}
