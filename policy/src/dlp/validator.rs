//! Validators: the arithmetic that tells a number of a kind from any other number. A closed list, named in rules.
//!
//! A pattern is greedy and may run into what follows the value, so a validator says how much of its text it accepts.

/// A validator by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validator {
    /// ISO 13616: country, length, remainder 1 modulo 97.
    Iban,
    /// Luhn's check digit over all digits.
    Luhn,
    /// A payment card: issuer range, length for the issuer, Luhn.
    Card,
    /// German tax identification number: digits 1 to 10 repeat one digit, ISO 7064 Mod 11,10.
    SteuerId,
}

impl Validator {
    /// Names as rule files write them.
    pub(super) const NAMES: &'static str = "iban, luhn, card, steuer_id";

    pub(super) fn from_name(name: &str) -> Option<Validator> {
        match name {
            "iban" => Some(Validator::Iban),
            "luhn" => Some(Validator::Luhn),
            "card" => Some(Validator::Card),
            "steuer_id" => Some(Validator::SteuerId),
            _ => None,
        }
    }

    /// Length in bytes of the valid value at the start of `text`, which `next` follows; `None` where there is none.
    pub(super) fn accept(self, text: &str, next: Option<char>) -> Option<usize> {
        let signs = signs(text);
        match self {
            Validator::Iban => iban(&signs, next),
            Validator::Luhn => whole(&signs, next, |digits| digits.len() >= 2 && luhn(digits)),
            Validator::Card => card(&signs, next),
            Validator::SteuerId => whole(&signs, next, steuer_id),
        }
    }
}

/// A letter or digit of the text, upper case, with the byte after it.
struct Sign {
    value: char,
    end: usize,
    /// True where the next character of the text is a letter or digit, so that no value can end here.
    joined: bool,
}

/// Letters and digits without what separates them.
fn signs(text: &str) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        if let Some(last) = signs.last_mut() {
            last.joined = last.end == at;
        }
        signs.push(Sign {
            value: c.to_ascii_uppercase(),
            end: at + c.len_utf8(),
            joined: false,
        });
    }
    signs
}

/// Length of the first `count` signs, where a value can end after them.
fn prefix(signs: &[Sign], count: usize, next: Option<char>) -> Option<usize> {
    let last = signs.get(count.checked_sub(1)?)?;
    let at_end = count == signs.len();
    let ends = if at_end {
        !next.is_some_and(char::is_alphanumeric)
    } else {
        !last.joined
    };
    ends.then_some(last.end)
}

fn digits(signs: &[Sign]) -> Option<Vec<u32>> {
    signs.iter().map(|sign| sign.value.to_digit(10)).collect()
}

/// Accepts all of the text or nothing.
fn whole(signs: &[Sign], next: Option<char>, valid: impl Fn(&[u32]) -> bool) -> Option<usize> {
    let end = prefix(signs, signs.len(), next)?;
    valid(&digits(signs)?).then_some(end)
}

fn iban(signs: &[Sign], next: Option<char>) -> Option<usize> {
    let country: String = signs.iter().take(2).map(|sign| sign.value).collect();
    let (_, length) = *IBAN_LENGTHS.iter().find(|(code, _)| *code == country)?;
    let end = prefix(signs, length, next)?;
    let (head, body) = signs[..length].split_at(4);
    let mut rest = 0;
    for sign in body.iter().chain(head) {
        let value = sign.value.to_digit(36).filter(|_| sign.value.is_ascii())?;
        rest = if value < 10 {
            rest * 10 + value
        } else {
            rest * 100 + value
        } % 97;
    }
    (rest == 1).then_some(end)
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let weighted = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ => doubled(*digit),
        });
    weighted.sum::<u32>() % 10 == 0 && digits.iter().any(|digit| *digit != 0)
}

fn card(signs: &[Sign], next: Option<char>) -> Option<usize> {
    let number = |count: usize| {
        digits(signs.get(..count)?).map(|list| list.iter().fold(0, |sum, d| sum * 10 + d))
    };
    let bin = number(4)?;
    let issuer = ISSUERS
        .iter()
        .find(|issuer| (issuer.low..=issuer.high).contains(&bin))?;
    issuer.lengths.iter().find_map(|length| {
        let end = prefix(signs, *length, next)?;
        luhn(&digits(&signs[..*length])?).then_some(end)
    })
}

/// Exactly one digit of the first ten occurs twice or three times, all others once or never; the eleventh checks.
fn steuer_id(digits: &[u32]) -> bool {
    let [body @ .., check] = digits else {
        return false;
    };
    if body.len() != 10 || body[0] == 0 {
        return false;
    }
    let count = |digit: u32| body.iter().filter(|other| **other == digit).count();
    let repeated: Vec<usize> = (0..10).map(count).filter(|count| *count > 1).collect();
    matches!(repeated[..], [2 | 3]) && *check == mod_11_10(body)
}

/// The check digit of ISO 7064 Mod 11,10.
fn mod_11_10(digits: &[u32]) -> u32 {
    let product = digits.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

/// A range of first four digits, with the lengths that its cards have.
struct Issuer {
    low: u32,
    high: u32,
    lengths: &'static [usize],
}

const fn issuer(low: u32, high: u32, lengths: &'static [usize]) -> Issuer {
    Issuer { low, high, lengths }
}

/// Card schemes by first four digits; the first that fits decides. Longest first, so that no card is cut short.
const ISSUERS: [Issuer; 18] = [
    issuer(2221, 2720, &[16]),             // Mastercard
    issuer(3000, 3059, &[14]),             // Diners Club
    issuer(3095, 3095, &[14]),             // Diners Club
    issuer(3400, 3499, &[15]),             // American Express
    issuer(3528, 3589, &[19, 18, 17, 16]), // JCB
    issuer(3600, 3699, &[19, 16, 14]),     // Diners Club
    issuer(3700, 3799, &[15]),             // American Express
    issuer(3800, 3999, &[19, 16, 14]),     // Diners Club
    issuer(4000, 4999, &[19, 16, 13]),     // Visa
    issuer(5018, 5020, &[19, 18, 17, 16]), // Maestro
    issuer(5038, 5038, &[19, 18, 17, 16]), // Maestro
    issuer(5100, 5599, &[16]),             // Mastercard
    issuer(5893, 5893, &[19, 18, 17, 16]), // Maestro
    issuer(6011, 6011, &[19, 18, 17, 16]), // Discover
    issuer(6200, 6299, &[19, 18, 17, 16]), // UnionPay
    issuer(6304, 6304, &[19, 18, 17, 16]), // Maestro
    issuer(6440, 6599, &[19, 18, 17, 16]), // Discover
    issuer(6759, 6763, &[19, 18, 17, 16]), // Maestro
];

/// Country codes and lengths of the IBAN registry.
const IBAN_LENGTHS: [(&str, usize); 89] = [
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

    fn accepts(validator: Validator, text: &str) -> bool {
        validator.accept(text, None) == Some(text.len())
    }

    #[test]
    fn published_values_are_valid() {
        for (validator, value) in [
            (Validator::SteuerId, "86095742719"),
            (Validator::SteuerId, "65929970489"),
            (Validator::SteuerId, "47036892816"),
            (Validator::SteuerId, "36574261809"),
            (Validator::SteuerId, "86 095 742 719"),
            (Validator::Iban, "DE89370400440532013000"),
            (Validator::Iban, "DE89 3704 0044 0532 0130 00"),
            (Validator::Iban, "de89 3704 0044 0532 0130 00"),
            (Validator::Iban, "GB82 WEST 1234 5698 7654 32"),
            (Validator::Luhn, "4111111111111111"),
            (Validator::Card, "4111111111111111"),
            (Validator::Card, "4111-1111-1111-1111"),
            (Validator::Card, "378282246310005"),
            (Validator::Card, "5555 5555 5555 4444"),
        ] {
            assert!(accepts(validator, value), "{validator:?} {value}");
        }
    }

    #[test]
    fn published_wrong_values_are_not() {
        for (validator, value) in [
            // The checksum holds, but no digit is repeated.
            (Validator::SteuerId, "12345678903"),
            (Validator::SteuerId, "98765432106"),
            (Validator::SteuerId, "11112345678"),
            (Validator::SteuerId, "02476291358"),
            (Validator::SteuerId, "86095742718"),
            (Validator::SteuerId, "8609574271"),
            (Validator::Iban, "DE88370400440532013000"),
            (Validator::Iban, "DE8937040044053201300"),
            (Validator::Iban, "XX89370400440532013000"),
            (Validator::Luhn, "4111111111111112"),
            (Validator::Luhn, "0000000000000000"),
            (Validator::Card, "4111111111111112"),
            // Luhn holds, but no issuer has this range.
            (Validator::Card, "1111111111111117"),
            // A length that the issuer does not have.
            (Validator::Card, "37828224631000"),
        ] {
            assert_eq!(validator.accept(value, None), None, "{validator:?} {value}");
        }
    }

    #[test]
    fn a_value_ends_where_its_kind_ends() {
        let text = "DE89 3704 0044 0532 0130 00 BITTE";
        assert_eq!(
            Validator::Iban.accept(text, None),
            Some("DE89 3704 0044 0532 0130 00".len())
        );
        let text = "4111 1111 1111 1111 12";
        assert_eq!(
            Validator::Card.accept(text, None),
            Some("4111 1111 1111 1111".len())
        );
    }

    #[test]
    fn a_value_inside_a_longer_number_is_none() {
        assert_eq!(
            Validator::Iban.accept("DE893704004405320130001", None),
            None
        );
        assert_eq!(Validator::SteuerId.accept("86095742719", Some('3')), None);
        assert_eq!(Validator::Card.accept("4111111111111111", Some('1')), None);
    }

    #[test]
    fn the_iban_table_is_sorted_and_has_possible_lengths() {
        assert!(IBAN_LENGTHS.is_sorted());
        assert!(
            IBAN_LENGTHS
                .iter()
                .all(|(code, length)| code.len() == 2 && (15..=34).contains(length))
        );
    }
}
