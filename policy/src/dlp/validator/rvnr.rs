//! German pension insurance number (section 4 VKVV): `15 070649 C 103`, area, birth date, first letter, serial, check.

use super::check::{cross_sum, digits, letter_digits};

const WEIGHTS: [u32; 12] = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
/// Areas of the insurers, the first and the last; which of those between are used changes.
const AREAS: std::ops::RangeInclusive<u32> = 2..=89;
/// Added to the day of birth where the number of a person would otherwise be given twice.
const SECOND_DAY: u32 = 50;

/// An area and a birth date that can be, and the check digit.
pub(super) fn rvnr(value: &[u8]) -> bool {
    parts(value).is_some_and(|(digits, check)| {
        let [area, day, month] = [0, 2, 4].map(|at| digits[at] * 10 + digits[at + 1]);
        let born = (1..=31).contains(&(day % SECOND_DAY)) && day < 2 * SECOND_DAY;
        let products = digits
            .iter()
            .zip(WEIGHTS)
            .map(|(digit, weight)| digit * weight);
        AREAS.contains(&area)
            && born
            && (1..=12).contains(&month)
            && products.map(cross_sum).sum::<u32>() % 10 == check
    })
}

/// The letter as two digits among the others, and the check digit.
fn parts(value: &[u8]) -> Option<([u32; 12], u32)> {
    let before = digits(value.get(..8)?)?;
    let after = digits(value.get(9..)?)?;
    let (check, serial) = after.split_last()?;
    let all = [before, letter_digits(value[8])?.to_vec(), serial.to_vec()].concat();
    Some((all.try_into().ok()?, *check))
}
