//! Payment cards (ISO/IEC 7812) and what else has Luhn's check digit and nothing more.

use super::check::{self, digits, number};

/// Lengths that the plain check takes, longest first.
pub(super) const LUHN_LENGTHS: &[usize] = &[
    24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
];

/// Luhn's check digit over all digits.
pub(super) fn luhn(value: &[u8]) -> bool {
    digits(value).is_some_and(|digits| check::luhn(&digits))
}

/// A payment card: issuer range, a length that this issuer has, Luhn, and not one digit all along.
pub(super) fn card(value: &[u8]) -> bool {
    issuer_of(value).is_some_and(|issuer| issuer.lengths.contains(&value.len())) && luhn(value)
}

/// True for a card of a length or a range that few people have: more numbers of other kinds look like it than cards.
pub(super) fn is_weak(value: &[u8]) -> bool {
    let common = issuer_of(value).is_some_and(|issuer| issuer.common);
    !(common && matches!(value.len(), 15 | 16))
}

/// Equipment identity of a phone: type allocation, serial, Luhn. 00 begins those for tests.
pub(super) fn imei(value: &[u8]) -> bool {
    !value.starts_with(b"00") && luhn(value)
}

/// A range of first four digits.
struct Issuer {
    low: u64,
    high: u64,
    lengths: &'static [usize],
    common: bool,
}

const fn issuer(low: u64, high: u64, lengths: &'static [usize]) -> Issuer {
    Issuer {
        low,
        high,
        lengths,
        common: false,
    }
}

const fn common(low: u64, high: u64, lengths: &'static [usize]) -> Issuer {
    Issuer {
        common: true,
        ..issuer(low, high, lengths)
    }
}

fn issuer_of(value: &[u8]) -> Option<&'static Issuer> {
    let first = number(value.get(..4)?)?;
    ISSUERS
        .iter()
        .find(|issuer| (issuer.low..=issuer.high).contains(&first))
}

/// Card schemes by first four digits; the first that fits decides.
const ISSUERS: [Issuer; 20] = [
    issuer(2221, 2720, &[16]),             // Mastercard, since 2017
    issuer(3000, 3059, &[14]),             // Diners Club
    issuer(3095, 3095, &[14]),             // Diners Club
    common(3400, 3499, &[15]),             // American Express
    issuer(3528, 3589, &[16, 17, 18, 19]), // JCB
    issuer(3600, 3699, &[14, 19]),         // Diners Club
    common(3700, 3799, &[15]),             // American Express
    issuer(3800, 3999, &[14, 19]),         // Diners Club
    common(4000, 4999, &[13, 16, 19]),     // Visa
    issuer(5018, 5020, &[16, 17, 18, 19]), // Maestro
    issuer(5038, 5038, &[16, 17, 18, 19]), // Maestro
    common(5100, 5599, &[16]),             // Mastercard
    issuer(5893, 5893, &[16, 17, 18, 19]), // Maestro
    common(6011, 6011, &[16, 17, 18, 19]), // Discover
    issuer(6200, 6299, &[16, 17, 18, 19]), // UnionPay
    issuer(6304, 6304, &[16, 17, 18, 19]), // Maestro
    issuer(6440, 6499, &[16, 17, 18, 19]), // Discover
    issuer(6500, 6599, &[16, 17, 18, 19]), // Discover
    issuer(6759, 6759, &[16, 17, 18, 19]), // Maestro
    issuer(6761, 6763, &[16, 17, 18, 19]), // Maestro
];
