//! What is hidden: markings as they are written, and valid numbers made from the description of their format, each beside
//! a word that says what it is and without.

use super::random::Random;

/// A marking or a number.
pub struct Value {
    pub detector: &'static str,
    /// Detectors that may find it as well, for the same reason.
    pub also: &'static [&'static str],
    pub text: String,
    /// A word that says what the number is, empty for a marking.
    pub word: &'static str,
    pub number: bool,
    /// True for a number that is all of the message, so that nothing says what it is.
    pub alone: bool,
}

impl Value {
    /// A sentence with the value, or what it was made into.
    pub fn sentence(&self, value: &str) -> String {
        if self.alone {
            value.to_owned()
        } else {
            self.in_words(value)
        }
    }

    /// What is encoded as a whole: a sentence too where the value alone makes fewer signs than a decoder looks at.
    pub fn to_encode(&self) -> String {
        match self.alone {
            true if self.text.len() < SHORT => format!("Hallo bob, {}, danke dir", self.text),
            true => self.text.clone(),
            false => self.in_words(&self.text),
        }
    }

    fn in_words(&self, value: &str) -> String {
        if self.number {
            format!("Hallo bob, {}: {value}, danke dir", self.word)
        } else {
            format!("Vermerk {value} - bitte beachten")
        }
    }
}

/// Bytes that are 16 signs of base64.
const SHORT: usize = 12;

const MARKINGS: [(&str, &str); 17] = [
    ("marking.vs_nfd", "VS-NfD"),
    ("marking.vs_nfd", "VS-NUR FÜR DEN DIENSTGEBRAUCH"),
    ("marking.vs_vertraulich", "VS-VERTRAULICH"),
    ("marking.geheim", "GEHEIM"),
    ("marking.streng_geheim", "STRENG GEHEIM"),
    ("marking.nato_unclassified", "NATO UNCLASSIFIED"),
    ("marking.nato_restricted", "NATO RESTRICTED"),
    ("marking.nato_confidential", "NATO CONFIDENTIAL"),
    ("marking.nato_secret", "NATO SECRET"),
    ("marking.nato_cosmic", "COSMIC TOP SECRET"),
    ("marking.eu_restricted", "RESTREINT UE/EU RESTRICTED"),
    ("marking.eu_confidential", "CONFIDENTIEL UE/EU CONFIDENTIAL"),
    ("marking.eu_secret", "SECRET UE/EU SECRET"),
    ("marking.eu_top_secret", "TRÈS SECRET UE/EU TOP SECRET"),
    ("marking.eu_restricted", "EU RESTRICTED"),
    ("marking.fr_diffusion_restreinte", "DIFFUSION RESTREINTE"),
    ("marking.fr_diffusion_restreinte", "Diffusion Restreinte"),
];

/// Detector, others that may find it, the word for it, and how it is made.
type Kind = (
    &'static str,
    &'static [&'static str],
    &'static str,
    fn(&mut Random) -> String,
);

/// Every marking, and `count` numbers of every kind that a detector is sure of without a word nearby: with and without.
pub fn values(count: usize, random: &mut Random) -> Vec<Value> {
    let mut values: Vec<Value> = MARKINGS
        .iter()
        .map(|(detector, text)| Value {
            detector,
            also: &[],
            text: (*text).to_owned(),
            word: "",
            number: false,
            alone: false,
        })
        .collect();
    let kinds: [Kind; 10] = [
        ("de.steuer_id", &[], "Steuer-ID", steuer_id),
        ("de.iban", &[], "IBAN", |random| iban("DE", 18, random)),
        ("eu.iban", &["de.iban"], "IBAN", |random| {
            iban("AT", 16, random)
        }),
        ("payment.card", &[], "Kreditkarte", card),
        ("de.kvnr", &[], "Krankenversichertennummer", kvnr),
        ("de.rvnr", &[], "Rentenversicherungsnummer", rvnr),
        ("de.personalausweis", &[], "Personalausweis", |random| {
            serial("LMNPRTVWXY", random)
        }),
        ("de.reisepass", &[], "Reisepass", |random| {
            serial("CFGHJK", random)
        }),
        ("eu.ch_ahv", &[], "AHV", ahv),
        (
            "eu.it_codice_fiscale",
            &[],
            "codice fiscale",
            codice_fiscale,
        ),
    ];
    for (detector, also, word, make) in kinds {
        for alone in [false, true] {
            values.extend((0..count).map(|_| Value {
                detector,
                also,
                text: make(random),
                word,
                number: true,
                alone,
            }));
        }
    }
    values
}

fn number(c: char) -> u32 {
    c.to_digit(36).unwrap()
}

fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap()
}

/// Ten digits of which one stands twice and one is missing, and the check digit of ISO 7064 Mod 11,10.
fn steuer_id(random: &mut Random) -> String {
    let mut digits: Vec<u32> = (0..10).collect();
    for at in (1..10).rev() {
        digits.swap(at, random.below(at + 1));
    }
    digits[9] = digits[random.below(9)];
    if digits[0] == 0 {
        let other = (1..9).find(|at| digits[*at] != 0).unwrap();
        digits.swap(0, other);
    }
    let mut rest = 10;
    for digit in &digits {
        let sum = (digit + rest) % 10;
        rest = if sum == 0 { 10 } else { sum } * 2 % 11;
    }
    let check = (11 - rest) % 10;
    digits.into_iter().chain([check]).map(digit).collect()
}

fn iban(country: &str, length: usize, random: &mut Random) -> String {
    let account = random.digits(length);
    let rest = format!("{account}{country}00").chars().fold(0, |rest, c| {
        let value = number(c);
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    });
    format!("{country}{:02}{account}", 98 - rest)
}

fn card(random: &mut Random) -> String {
    let start = random.pick(&["4", "51", "52", "53", "54"]);
    let body = format!("{start}{}", random.digits(15 - start.len()));
    let sum: u32 = body
        .chars()
        .enumerate()
        .map(|(at, c)| number(c) * if at % 2 == 0 { 2 } else { 1 })
        .map(|value| value / 10 + value % 10)
        .sum();
    format!("{body}{}", digit((10 - sum % 10) % 10))
}

/// Digit sums of products with `weights`.
fn weighted(digits: &str, weights: &[u32]) -> u32 {
    let products = digits.chars().zip(weights.iter().cycle());
    products
        .map(|(c, weight)| number(c) * weight)
        .map(|value| value / 10 + value % 10)
        .sum()
}

fn letter(random: &mut Random) -> (char, String) {
    let place = random.below(26);
    let letter = char::from(b'A' + u8::try_from(place).unwrap());
    (letter, format!("{:02}", place + 1))
}

fn kvnr(random: &mut Random) -> String {
    let (letter, value) = letter(random);
    let body = random.digits(8);
    let check = weighted(&format!("{value}{body}"), &[1, 2]) % 10;
    format!("{letter}{body}{}", digit(check))
}

fn rvnr(random: &mut Random) -> String {
    let area = random.pick(&["12", "15", "53", "65"]);
    let (day, month, year) = (
        1 + random.below(28),
        1 + random.below(12),
        random.below(100),
    );
    let (letter, value) = letter(random);
    let head = format!("{area}{day:02}{month:02}{year:02}");
    let serial = random.digits(2);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let check = weighted(&format!("{head}{value}{serial}"), &weights) % 10;
    format!("{head}{letter}{serial}{}", digit(check))
}

/// Nine signs, the first of an issuing office, and their check digit.
fn serial(first: &str, random: &mut Random) -> String {
    let signs: Vec<char> = "0123456789CFGHJKLMNPRTVWXYZ".chars().collect();
    let first: Vec<char> = first.chars().collect();
    let mut body = String::from(random.pick(&first));
    body.extend((0..8).map(|_| random.pick(&signs)));
    let weights = [7, 3, 1].iter().cycle();
    let sum: u32 = body
        .chars()
        .zip(weights)
        .map(|(c, weight)| number(c) * weight)
        .sum();
    format!("{body}{}", digit(sum % 10))
}

/// The country's digits, nine more and the check digit of EAN-13.
fn ahv(random: &mut Random) -> String {
    let body = format!("756{}", random.digits(9));
    let products = body.chars().zip([1, 3].iter().cycle());
    let sum: u32 = products.map(|(c, weight)| number(c) * weight).sum();
    format!("{body}{}", digit((10 - sum % 10) % 10))
}

/// Name, year, month and day of birth, place, and a check letter over all.
fn codice_fiscale(random: &mut Random) -> String {
    let name = random.pick(&["RSSMRA", "BNCLCU", "VRDGPP", "FRRNNA", "SPSTTR"]);
    let month = random.pick(&['A', 'B', 'C', 'D', 'E', 'H', 'L', 'M', 'P', 'R', 'S', 'T']);
    let (year, day, place) = (
        random.below(100),
        1 + random.below(28),
        100 + random.below(800),
    );
    let body = format!("{name}{year:02}{month}{day:02}H{place}");
    let sum: u32 = body
        .chars()
        .enumerate()
        .map(|(at, c)| if at % 2 == 0 { uneven(c) } else { even(c) })
        .sum();
    let check = char::from(b'A' + u8::try_from(sum % 26).unwrap());
    format!("{body}{check}")
}

/// A digit, or the place of a letter.
fn even(c: char) -> u32 {
    if c.is_ascii_digit() {
        number(c)
    } else {
        number(c) - 10
    }
}

/// The same by the table for uneven places; it is one table, because digits count as the first ten letters.
fn uneven(c: char) -> u32 {
    const TABLE: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    TABLE[even(c) as usize]
}
