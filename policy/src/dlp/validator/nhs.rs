//! British health service number: weights 10 to 2, eleven less the remainder modulo 11.

use super::check::{digits, weighted};

const WEIGHTS: [u32; 10] = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

pub(super) fn nhs(value: &[u8]) -> bool {
    digits(value).is_some_and(|digits| {
        digits.len() == 10 && digits[0] != 0 && weighted(&digits, &WEIGHTS).is_multiple_of(11)
    })
}
