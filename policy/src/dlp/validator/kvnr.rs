//! German health insurance number (section 290 SGB V).
//!
//! ```text
//!  A000500015 | 108310400 | M123456785 | 7
//!  the person   the insurer   who the person is insured with, where that is another   over all before it
//! ```
//! A person's ten signs end in a check digit too.

use super::check::{cross_sum, digit, digits, letter_digits};

/// What the number of an insurer begins with, among those of all institutions.
const INSURER: &[u8] = b"10";

/// The number of a person, alone or as on the card: with the insurer, with or without another person.
pub(super) fn kvnr(value: &[u8]) -> bool {
    match value.len() {
        10 => checks(value),
        20 => insured(value) && digits(&value[10..]).is_some(),
        30 => insured(value) && checks(&value[19..29]),
        _ => false,
    }
}

/// A person, an insurer, and the check digit over all.
fn insured(value: &[u8]) -> bool {
    checks(&value[..10]) && value[10..].starts_with(INSURER) && checks(value)
}

/// Letters as two digits, factors 1, 2, 1, 2, cross sums, modulo 10.
fn checks(value: &[u8]) -> bool {
    value.split_last().is_some_and(|(check, body)| {
        let begins = body.first().is_some_and(u8::is_ascii_uppercase);
        let sum = as_digits(body).map(|digits| {
            let products = digits.iter().zip([1, 2].iter().cycle());
            products
                .map(|(digit, factor)| cross_sum(digit * factor))
                .sum::<u32>()
                % 10
        });
        begins && sum.is_some() && sum == digit(*check)
    })
}

fn as_digits(body: &[u8]) -> Option<Vec<u32>> {
    let each = body.iter().map(|byte| match digit(*byte) {
        Some(digit) => Some(vec![digit]),
        None => letter_digits(*byte).map(Vec::from),
    });
    each.collect::<Option<Vec<_>>>().map(|parts| parts.concat())
}
