//! German identifiers by another road: decimal strings, tables and brute force, slow and plain. No line of the
//! validators is used here, so that a mistake must be made twice to go unseen.

/// True for a valid value of a kind, written without anything between its signs, in capitals.
pub fn valid(kind: &str, value: &str) -> bool {
    match kind {
        "steuer_id" => steuer_id(value),
        "iban" => iban(value),
        "card" => card(value),
        "kvnr" => kvnr(value),
        "rvnr" => rvnr(value),
        "personalausweis" => personalausweis(value),
        _ => false,
    }
}

fn only_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn steuer_id(value: &str) -> bool {
    if value.len() != 11 || !only_digits(value) || value.starts_with('0') {
        return false;
    }
    let mut sorted: Vec<char> = value[..10].chars().collect();
    sorted.sort_unstable();
    let runs: Vec<usize> = sorted
        .chunk_by(|one, other| one == other)
        .map(<[char]>::len)
        .collect();
    let longer: Vec<&usize> = runs.iter().filter(|run| **run > 1).collect();
    // Mod 11,10 as the standard words it: the product of the whole number leaves 1 modulo 10.
    let mut product = 10;
    for (place, c) in (1..).zip(value.chars()) {
        let mut sum = (c as u32 - '0' as u32 + product) % 10;
        if place == 11 {
            return sum == 1 && matches!(longer[..], [2 | 3]);
        }
        if sum == 0 {
            sum = 10;
        }
        product = sum * 2 % 11;
    }
    false
}

/// Twenty digits behind `DE`, as one number: account, then 1314 for the letters, then the check digits.
fn iban(value: &str) -> bool {
    value.len() == 22
        && value.starts_with("DE")
        && only_digits(&value[2..])
        && format!("{}1314{}", &value[4..], &value[2..4])
            .parse::<u128>()
            .is_ok_and(|all| all % 97 == 1)
}

fn card(value: &str) -> bool {
    let mut sum = 0;
    for (place, c) in value.chars().rev().enumerate() {
        sum += if place % 2 == 1 {
            "0516273849".find(c).unwrap_or(0)
        } else {
            "0123456789".find(c).unwrap_or(0)
        };
    }
    let lengths = match value.as_bytes() {
        [b'3', b'4' | b'7', ..] => value.len() == 15,
        [b'4', ..] | [b'5', b'1'..=b'5', ..] => value.len() == 16,
        _ => false,
    };
    lengths && only_digits(value) && sum % 10 == 0
}

fn kvnr(value: &str) -> bool {
    let insurer = |text: &str| only_digits(text) && text.starts_with("10");
    if value.len() == 20 && !(kvnr(&value[..10]) && insurer(&value[10..])) {
        return false;
    }
    let formed = matches!(value.len(), 10 | 20)
        && value.starts_with(|c: char| c.is_ascii_uppercase())
        && only_digits(&value[1..]);
    formed && {
        let (body, check) = value.split_at(value.len() - 1);
        let odd_even: String = with_numbers(body);
        let sum = crossed(&odd_even, &[1, 2]);
        sum.to_string().ends_with(check)
    }
}

fn rvnr(value: &str) -> bool {
    let formed = value.len() == 12
        && only_digits(&value[..8])
        && value[8..9].bytes().all(|byte| byte.is_ascii_uppercase())
        && only_digits(&value[9..]);
    let born = |text: &str| {
        let days: Vec<String> = (1..=31)
            .chain(51..=81)
            .map(|day| format!("{day:02}"))
            .collect();
        let months: Vec<String> = (1..=12).map(|month| format!("{month:02}")).collect();
        days.contains(&text[..2].to_owned()) && months.contains(&text[2..4].to_owned())
    };
    let areas: Vec<String> = (2..=89).map(|area| format!("{area:02}")).collect();
    formed && areas.contains(&value[..2].to_owned()) && born(&value[2..6]) && {
        let sum = crossed(
            &with_numbers(&value[..11]),
            &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1],
        );
        sum.to_string().ends_with(&value[11..])
    }
}

fn personalausweis(value: &str) -> bool {
    const SIGNS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if value.len() != 10 || !"LMNPRTVWXY".contains(&value[..1]) {
        return false;
    }
    let mut sum = 0;
    for (place, c) in value[..9].chars().enumerate() {
        if "ABDEIOQSU".contains(c) {
            return false;
        }
        let times = if place % 3 == 0 {
            7
        } else if place % 3 == 1 {
            3
        } else {
            1
        };
        sum += times * SIGNS.find(c).unwrap_or(0);
    }
    sum.to_string().ends_with(&value[9..])
}

/// Letters as two digits.
fn with_numbers(text: &str) -> String {
    text.chars()
        .map(|c| match c.to_digit(10) {
            Some(_) => c.to_string(),
            None => format!("{:02}", c as u32 - 'A' as u32 + 1),
        })
        .collect()
}

/// Sum of the digits that the products are written with.
fn crossed(digits: &str, factors: &[u32]) -> u32 {
    let mut written = String::new();
    for (digit, factor) in digits.chars().zip(factors.iter().cycle()) {
        written += &(digit.to_digit(10).unwrap_or(0) * factor).to_string();
    }
    written.chars().filter_map(|c| c.to_digit(10)).sum()
}
