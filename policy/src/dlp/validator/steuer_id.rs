//! German tax identification number (section 139b AO).

use super::check::{digits, ends_in_mod_11_10};

/// Exactly one digit of the first ten occurs twice or three times, all others once or never; ISO 7064 Mod 11,10.
pub(super) fn steuer_id(value: &[u8]) -> bool {
    let Some(digits) = digits(value).filter(|digits| digits.len() == 11 && digits[0] != 0) else {
        return false;
    };
    let count = |digit: u32| digits[..10].iter().filter(|other| **other == digit).count();
    let repeated: Vec<usize> = (0..10).map(count).filter(|count| *count > 1).collect();
    matches!(repeated[..], [2 | 3]) && ends_in_mod_11_10(&digits)
}
