//! Arithmetic that several kinds of number share.

/// Digits of `text`; `None` where it has anything else.
pub(super) fn digits(text: &[u8]) -> Option<Vec<u32>> {
    text.iter().map(|byte| digit(*byte)).collect()
}

/// The value of a digit.
pub(super) fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(10)
}

/// The number that digits write; at most 18 of them.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    Some(
        digits(text)?
            .iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(*digit)),
    )
}

/// 1 for A to 26 for Z.
pub(super) fn letter(byte: u8) -> Option<u32> {
    byte.is_ascii_uppercase()
        .then(|| u32::from(byte - b'A') + 1)
}

/// A letter as two digits, 01 for A to 26 for Z.
pub(super) fn letter_digits(byte: u8) -> Option<[u32; 2]> {
    letter(byte).map(|place| [place / 10, place % 10])
}

/// Sum of the digits of a number under 100.
pub(super) fn cross_sum(number: u32) -> u32 {
    number / 10 + number % 10
}

/// Sum of digits times weights, as many as both have.
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum()
}

/// Luhn's sum: from the right, every second digit doubled, cross sums. A valid number has a multiple of ten.
pub(super) fn luhn_sum(digits: &[u32]) -> u32 {
    let places = digits.iter().rev().enumerate();
    places
        .map(|(place, digit)| cross_sum(if place % 2 == 0 { *digit } else { 2 * digit }))
        .sum()
}

/// Luhn's check over all digits, the last of which checks. Zeros alone are no number.
pub(super) fn luhn(digits: &[u32]) -> bool {
    digits.len() >= 2
        && luhn_sum(digits).is_multiple_of(10)
        && digits.iter().any(|digit| *digit != 0)
}

/// The check digit of ISO 7064 Mod 11,10.
pub(super) fn mod_11_10(digits: &[u32]) -> u32 {
    let product = digits.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

/// True where the last digit is the check digit of ISO 7064 Mod 11,10.
pub(super) fn ends_in_mod_11_10(digits: &[u32]) -> bool {
    digits
        .split_last()
        .is_some_and(|(check, body)| *check == mod_11_10(body))
}

/// Remainder modulo 97 of digits and letters, a letter standing for 10 to 35.
pub(super) fn mod_97(text: impl IntoIterator<Item = u8>) -> Option<u32> {
    text.into_iter().try_fold(0, |rest, byte| {
        let value = char::from(byte).to_digit(36)?;
        Some((if value < 10 { rest * 10 } else { rest * 100 } + value) % 97)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_two_digits_and_a_number_has_at_most_eighteen() {
        assert_eq!(letter_digits(b'A'), Some([0, 1]));
        assert_eq!(letter_digits(b'Z'), Some([2, 6]));
        assert_eq!(letter_digits(b'5'), None);
        assert_eq!(number(b"007"), Some(7));
        assert_eq!(number(b""), None);
        assert_eq!(number(&[b'1'; 19]), None);
    }

    #[test]
    fn zeros_and_a_single_digit_have_no_check_digit() {
        assert!(luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]));
        assert!(!luhn(&[0, 0, 0]));
        assert!(!luhn(&[0]));
    }
}
