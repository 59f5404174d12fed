//! Telephone numbers by E.164, and German ones with their trunk zero.

/// Digits of an international number.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;
/// Digits of a national number with its zero.
const NATIONAL: std::ops::RangeInclusive<usize> = 8..=13;

pub(super) fn phone(text: &str) -> bool {
    // The trunk zero that people put in brackets after the country is no part of the number.
    let text = text.replace("(0)", "");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let plus = text.trim_start_matches('(').starts_with('+');
    match (plus, digits.strip_prefix("00"), digits.strip_prefix('0')) {
        (true, ..) => !digits.starts_with('0') && INTERNATIONAL.contains(&digits.len()),
        (false, Some(rest), _) => !rest.starts_with('0') && INTERNATIONAL.contains(&rest.len()),
        (false, None, Some(_)) => NATIONAL.contains(&digits.len()),
        (false, None, None) => false,
    }
}
