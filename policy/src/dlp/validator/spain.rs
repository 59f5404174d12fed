//! Spanish tax numbers: of citizens (NIF), of foreigners (NIE), of companies (CIF).

use super::check::{digits, luhn_sum, number};

/// By remainder modulo 23.
const PERSON: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";
/// By check digit, where a company's number ends in a letter.
const COMPANY: &[u8] = b"JABCDEFGHI";

/// A person's number.
pub(super) fn nif(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last().filter(|_| value.len() == 9) else {
        return false;
    };
    match body[0] {
        b'0'..=b'9' => person(0, body, *check),
        // Without a residence number, and old numbers of children and of those abroad.
        b'K' | b'L' | b'M' | b'X' => person(0, &body[1..], *check),
        b'Y' => person(10_000_000, &body[1..], *check),
        b'Z' => person(20_000_000, &body[1..], *check),
        _ => false,
    }
}

/// A company's number.
pub(super) fn cif(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last().filter(|_| value.len() == 9) else {
        return false;
    };
    let Some(mut digits) = digits(&body[1..]) else {
        return false;
    };
    digits.push(0);
    let expected = (10 - luhn_sum(&digits) % 10) % 10;
    let letter = COMPANY.get(expected as usize) == Some(check);
    let digit = char::from(*check).to_digit(10) == Some(expected);
    match body[0] {
        b'A' | b'B' | b'E' | b'H' => digit,
        b'N' | b'P' | b'Q' | b'R' | b'S' | b'W' => letter,
        b'C' | b'D' | b'F' | b'G' | b'J' | b'U' | b'V' => digit || letter,
        _ => false,
    }
}

fn person(base: u64, body: &[u8], check: u8) -> bool {
    number(body).is_some_and(|rest| PERSON.get(((base + rest) % 23) as usize) == Some(&check))
}
