//! Numbers of the German health system: physician (LANR), practice (BSNR), pharmaceutical product (PZN).

use super::check::{digits, weighted};

const LANR: [u32; 6] = [4, 9, 4, 9, 4, 9];
const PZN: [u32; 7] = [1, 2, 3, 4, 5, 6, 7];

/// Six digits, a check digit, and two digits of the specialty, which begin at 01.
pub(super) fn lanr(value: &[u8]) -> bool {
    digits(value).is_some_and(|digits| {
        digits.len() == 9
            && digits[..6].iter().any(|digit| *digit != 0)
            && digits[7..] != [0, 0]
            && (10 - weighted(&digits[..6], &LANR) % 10) % 10 == digits[6]
    })
}

/// Nine digits; no check digit is published, so context must say what it is.
pub(super) fn bsnr(value: &[u8]) -> bool {
    digits(value)
        .is_some_and(|digits| digits.len() == 9 && digits[2..].iter().any(|digit| *digit != 0))
}

/// Eight digits, the last of which is the weighted sum modulo 11; ten is given to none.
pub(super) fn pzn(value: &[u8]) -> bool {
    digits(value).is_some_and(|digits| {
        digits.len() == 8
            && digits.iter().any(|digit| *digit != 0)
            && weighted(&digits, &PZN) % 11 == digits[7]
    })
}
