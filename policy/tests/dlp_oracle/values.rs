//! Values of German identifiers as people write them: half of them valid, the others with a sign changed, two signs
//! swapped, or one too many.

use super::{random::Random, slow};

/// One value in a sentence.
pub struct Written {
    pub kind: &'static str,
    /// Without anything between its signs, in capitals.
    pub plain: String,
    pub sentence: String,
    /// Where it stands in the sentence, in bytes.
    pub start: usize,
    pub end: usize,
}

/// Kinds and the detectors that find them.
pub const KINDS: [(&str, &str); 6] = [
    ("steuer_id", "de.steuer_id"),
    ("iban", "de.iban"),
    ("card", "payment.card"),
    ("kvnr", "de.kvnr"),
    ("rvnr", "de.rvnr"),
    ("personalausweis", "de.personalausweis"),
];

/// The next value of a kind.
pub fn value(kind: &'static str, random: &mut Random) -> Written {
    let valid = valid(kind, random);
    let plain = match random.between(0, 5) {
        0..=2 => valid,
        3 => changed(&valid, random),
        4 => swapped(&valid, random),
        _ => format!("{valid}{}", random.between(0, 9)),
    };
    let written = spelled(kind, &plain, random);
    let before = *random.one(&[&"", &"Nummer ", &"Hallo, meine ist ", &"("]);
    let after = *random.one(&[&"", &".", &", danke", &" und sonst nichts", &")"]);
    Written {
        kind,
        sentence: format!("{before}{written}{after}"),
        start: before.len(),
        end: before.len() + written.len(),
        plain,
    }
}

fn valid(kind: &'static str, random: &mut Random) -> String {
    loop {
        let body = body(kind, random);
        let checks: Vec<String> = match kind {
            "iban" => (0..100)
                .map(|check| format!("DE{check:02}{body}"))
                .collect(),
            _ => (0..10).map(|check| format!("{body}{check}")).collect(),
        };
        if let Some(found) = checks.into_iter().find(|value| slow::valid(kind, value)) {
            return found;
        }
    }
}

fn body(kind: &str, random: &mut Random) -> String {
    const SIGNS: [&str; 27] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "C", "F", "G", "H", "J", "K", "L", "M",
        "N", "P", "R", "T", "V", "W", "X", "Y", "Z",
    ];
    let letter = |random: &mut Random| {
        char::from_u32(65 + u32::try_from(random.between(0, 25)).unwrap_or(0)).unwrap_or('A')
    };
    match kind {
        "steuer_id" => ten_with_a_repeat(random),
        "iban" => random.digits(18),
        "card" => {
            let (head, length) = *random.one(&[&("4", 14), &("53", 13), &("34", 12), &("37", 12)]);
            format!("{head}{}", random.digits(length))
        }
        // The person's ten signs need a check digit of their own inside of the long form; an insurer's number begins with 10.
        "kvnr" if random.between(0, 3) == 0 => {
            format!(
                "{}{}{}",
                valid("kvnr", random).get(..10).unwrap_or_default(),
                random.one(&["10", "10", "10", "26"]),
                random.digits(7)
            )
        }
        "kvnr" => format!("{}{}", letter(random), random.digits(8)),
        "rvnr" => {
            let day = random.between(1, 31) + 50 * random.between(0, 1);
            let (area, month, year) = (
                random.between(2, 89),
                random.between(1, 12),
                random.between(0, 99),
            );
            format!(
                "{area:02}{day:02}{month:02}{year:02}{}{:02}",
                letter(random),
                random.between(0, 99)
            )
        }
        _ => {
            let rest: String = (0..8).map(|_| random.one(&SIGNS).to_owned()).collect();
            format!(
                "{}{rest}",
                random.one(&["L", "M", "N", "P", "R", "T", "V", "W", "X", "Y"])
            )
        }
    }
}

/// Ten digits in which one stands twice or three times.
fn ten_with_a_repeat(random: &mut Random) -> String {
    let mut digits: Vec<u64> = (0..10).collect();
    for place in (1..10).rev() {
        digits.swap(
            place,
            usize::try_from(random.between(0, place as u64)).unwrap_or(0),
        );
    }
    for place in 0..=usize::try_from(random.between(0, 1)).unwrap_or(0) {
        digits[place] = digits[9];
    }
    for place in (1..10).rev() {
        digits.swap(
            place,
            usize::try_from(random.between(0, place as u64)).unwrap_or(0),
        );
    }
    digits.iter().map(u64::to_string).collect()
}

fn changed(value: &str, random: &mut Random) -> String {
    let mut signs: Vec<char> = value.chars().collect();
    let place = usize::try_from(random.between(2, signs.len() as u64 - 1)).unwrap_or(2);
    signs[place] = char::from(b'0' + (signs[place] as u8 + 1) % 10);
    signs.into_iter().collect()
}

fn swapped(value: &str, random: &mut Random) -> String {
    let mut signs: Vec<char> = value.chars().collect();
    let place = usize::try_from(random.between(2, signs.len() as u64 - 2)).unwrap_or(2);
    signs.swap(place, place + 1);
    signs.into_iter().collect()
}

/// The usual spellings of a kind.
fn spelled(kind: &str, plain: &str, random: &mut Random) -> String {
    let sizes: &[usize] = match kind {
        "steuer_id" => &[2, 3, 3, 3],
        "iban" => &[4, 4, 4, 4, 4, 2],
        "card" if plain.len() == 15 => &[4, 6, 5],
        "card" => &[4, 4, 4, 4],
        "rvnr" => &[2, 6, 1, 3],
        _ => &[],
    };
    if kind == "personalausweis" && random.between(0, 2) == 0 {
        return format!("IDD<<{plain}<<<<<<<<<<<<<<<");
    }
    if sizes.is_empty() || sizes.iter().sum::<usize>() != plain.len() || random.between(0, 1) == 0 {
        return plain.to_owned();
    }
    let separator = *random.one(&[&" ", &" ", &"-"]);
    let mut rest = plain;
    let parts: Vec<&str> = sizes
        .iter()
        .map(|size| {
            let (part, behind) = rest.split_at(*size);
            rest = behind;
            part
        })
        .collect();
    parts.join(separator)
}
