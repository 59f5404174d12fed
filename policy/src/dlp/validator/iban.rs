//! International bank account numbers: ISO 13616, with the lengths of the IBAN registry.

use super::check::{digits, mod_97};

/// Lengths that an IBAN of any country has, longest first.
pub(super) const LENGTHS: &[usize] = &[
    33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15,
];

/// Country, its length, two check digits, remainder 1 modulo 97.
pub(super) fn iban(value: &[u8]) -> bool {
    let (Some(code), Some((head, body))) = (value.get(..2), value.split_at_checked(4)) else {
        return false;
    };
    let known = COUNTRIES.binary_search_by(|(known, _)| known.as_bytes().cmp(code));
    let known = known.ok().and_then(|at| COUNTRIES.get(at));
    known.is_some_and(|(_, length)| *length == value.len())
        && digits(&head[2..]).is_some()
        && mod_97(body.iter().chain(head).copied()) == Some(1)
}

/// An IBAN of a country other than Germany.
pub(super) fn of_another_country(value: &[u8]) -> bool {
    !value.starts_with(b"DE") && iban(value)
}

/// Country codes and lengths of the IBAN registry.
const COUNTRIES: [(&str, usize); 89] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_possible_lengths() {
        assert!(COUNTRIES.is_sorted());
        assert!(
            COUNTRIES
                .iter()
                .all(|(code, length)| code.len() == 2 && LENGTHS.contains(length))
        );
    }
}
