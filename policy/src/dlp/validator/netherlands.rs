//! Dutch citizen service number: the eleven test.

use super::check::{digits, weighted};

/// The last digit counts -1, which is 10 modulo 11.
const WEIGHTS: [u32; 9] = [9, 8, 7, 6, 5, 4, 3, 2, 10];

pub(super) fn bsn(value: &[u8]) -> bool {
    digits(value).is_some_and(|digits| {
        digits.len() == 9
            && digits.iter().any(|digit| *digit != 0)
            && weighted(&digits, &WEIGHTS).is_multiple_of(11)
    })
}
