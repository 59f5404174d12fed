//! Swiss social insurance number: 756 and ten digits, the last checks as in an EAN-13.

use super::check::{digits, weighted};

const WEIGHTS: [u32; 13] = [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1];

pub(super) fn ahv(value: &[u8]) -> bool {
    value.starts_with(b"756")
        && digits(value).is_some_and(|digits| {
            digits.len() == 13 && weighted(&digits, &WEIGHTS).is_multiple_of(10)
        })
}
