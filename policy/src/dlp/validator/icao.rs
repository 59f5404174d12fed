//! Travel documents by the check digits of ICAO Doc 9303: weights 7, 3, 1.
//!
//! The check digit of a German identity card is the tenth sign, not the ninth; it is often only in the machine-readable
//! zone.

/// Signs of German serial numbers: no vowels and nothing that looks like another sign.
const SERIAL: &[u8] = b"0123456789CFGHJKLMNPRTVWXYZ";
/// First letters of identity cards, by issuing office.
const CARD_FIRST: &[u8] = b"LMNPRTVWXY";
/// First letters of passports, by issuing office.
const PASSPORT_FIRST: &[u8] = b"CFGHJK";
/// Places of the parts of the second line of a passport, each with its check digit behind it.
const CHECKED: [(usize, usize); 3] = [(0, 9), (13, 19), (21, 27)];
/// Signs of that line.
const LINE: usize = 44;

/// Identity card: nine signs and their check digit, then perhaps the D of the nationality.
pub(super) fn personalausweis(value: &[u8]) -> bool {
    match value {
        [number @ .., b'D'] if number.len() == 10 => serial(number, CARD_FIRST),
        number => number.len() == 10 && serial(number, CARD_FIRST),
    }
}

/// Passport: nine signs and their check digit.
pub(super) fn passport(value: &[u8]) -> bool {
    value.len() == 10 && serial(value, PASSPORT_FIRST)
}

/// The second line of a passport's machine-readable zone, of any country: number, birth and expiry check.
pub(super) fn second_line(text: &str) -> bool {
    let line = text.as_bytes();
    line.len() == LINE
        && CHECKED.iter().all(|(start, end)| {
            let part = &line[*start..*end];
            part.iter().any(u8::is_ascii_digit) && checks(part, line[*end])
        })
}

/// True for a number that is a letter and digits, as order numbers are; cards and passports rarely are.
pub(super) fn is_weak(value: &[u8]) -> bool {
    value
        .get(1..10)
        .is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
}

/// Signs of serial numbers, the first a letter of the issuing office, and the check digit.
fn serial(value: &[u8], first: &[u8]) -> bool {
    value.split_last().is_some_and(|(check, body)| {
        body.first().is_some_and(|sign| first.contains(sign))
            && body.iter().all(|sign| SERIAL.contains(sign))
            && checks(body, *check)
    })
}

fn checks(body: &[u8], check: u8) -> bool {
    let values = body.iter().map(|sign| match sign {
        b'<' => Some(0),
        sign => char::from(*sign).to_digit(36),
    });
    let sum = values
        .zip([7, 3, 1].iter().cycle())
        .try_fold(0, |sum, (value, weight)| Some(sum + value? * weight));
    sum.is_some() && sum.map(|sum| sum % 10) == char::from(check).to_digit(10)
}
