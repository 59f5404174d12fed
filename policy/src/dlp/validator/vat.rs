//! VAT identification numbers of the European Union: the country's letters, then what that country checks.
//!
//! One short function a country, in the order of their codes; which numbers exist only the countries know.

use super::{
    check::{cross_sum, digits, ends_in_mod_11_10, letter, luhn, mod_97, number, weighted},
    netherlands, spain,
};

/// Lengths with the country's letters, longest first.
pub(super) const LENGTHS: &[usize] = &[14, 13, 12, 11, 10, 9, 8];

/// `DE` and nine digits, ISO 7064 Mod 11,10.
pub(super) fn german(value: &[u8]) -> bool {
    value.strip_prefix(b"DE").is_some_and(|body| {
        body.len() == 9
            && body[0] != b'0'
            && digits(body).is_some_and(|digits| ends_in_mod_11_10(&digits))
    })
}

/// A number of a member state other than Germany, or of Northern Ireland.
pub(super) fn of_another_country(value: &[u8]) -> bool {
    value.split_at_checked(2).is_some_and(|(country, body)| {
        COUNTRIES
            .iter()
            .any(|(code, valid)| code.as_bytes() == country && valid(body))
    })
}

type Body = fn(&[u8]) -> bool;

const COUNTRIES: [(&str, Body); 27] = [
    ("AT", austria),
    ("BE", belgium),
    ("BG", bulgaria),
    ("CY", cyprus),
    ("CZ", czechia),
    ("DK", denmark),
    ("EE", estonia),
    ("EL", greece),
    ("ES", |body| spain::nif(body) || spain::cif(body)),
    ("FI", finland),
    ("FR", france),
    ("HR", croatia),
    ("HU", hungary),
    ("IE", ireland),
    ("IT", italy),
    ("LT", lithuania),
    ("LU", luxembourg),
    ("LV", latvia),
    ("MT", malta),
    ("NL", netherlands),
    ("PL", poland),
    ("PT", portugal),
    ("RO", romania),
    ("SE", sweden),
    ("SI", slovenia),
    ("SK", slovakia),
    ("XI", britain),
];

/// True for `count` digits whose weighted sum leaves `rest` modulo `modulus`.
fn leaves(body: &[u8], weights: &[u32], modulus: u32, rest: u32) -> bool {
    digits(body).is_some_and(|digits| {
        digits.len() == weights.len()
            && digits.iter().any(|digit| *digit != 0)
            && weighted(&digits, weights) % modulus == rest
    })
}

/// `count` digits, the last apart.
fn split(body: &[u8], count: usize) -> Option<(Vec<u32>, u32)> {
    let mut digits = digits(body).filter(|digits| digits.len() == count)?;
    let check = digits.pop()?;
    Some((digits, check))
}

/// The remainder modulo 11 of weights that go up from `first`, after 9 again from 1.
fn rising(digits: &[u32], first: u32) -> u32 {
    let weights = (0..).map(|place| (first - 1 + place) % 9 + 1);
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum::<u32>()
        % 11
}

fn austria(body: &[u8]) -> bool {
    let Some((digits, check)) = body.strip_prefix(b"U").and_then(|rest| split(rest, 8)) else {
        return false;
    };
    let products = digits.iter().zip([1, 2].iter().cycle());
    let sum: u32 = products
        .map(|(digit, factor)| cross_sum(digit * factor))
        .sum();
    (10 - (sum + 4) % 10) % 10 == check
}

fn belgium(body: &[u8]) -> bool {
    let known = matches!(body.first(), Some(b'0' | b'1')) && body.len() == 10;
    known
        && matches!((number(&body[..8]), number(&body[8..])), (Some(all), Some(check)) if all > 0 && 97 - all % 97 == check)
}

fn bulgaria(body: &[u8]) -> bool {
    if let Some((digits, check)) = split(body, 9) {
        let rest = match rising(&digits, 1) {
            10 => weighted(&digits, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10,
            rest => rest,
        };
        return rest == check;
    }
    let Some((digits, check)) = split(body, 10) else {
        return false;
    };
    let citizen = weighted(&digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    let foreigner = weighted(&digits, &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10;
    let other = (11 - weighted(&digits, &[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    [citizen, foreigner, other].contains(&check)
}

fn cyprus(body: &[u8]) -> bool {
    const ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let Some((check, rest)) = body.split_last().filter(|_| !body.starts_with(b"12")) else {
        return false;
    };
    digits(rest)
        .filter(|digits| digits.len() == 8)
        .is_some_and(|digits| {
            let sum: u32 = digits
                .iter()
                .enumerate()
                .map(|(at, digit)| {
                    if at % 2 == 0 {
                        ODD[*digit as usize]
                    } else {
                        *digit
                    }
                })
                .sum();
            letter(*check) == Some(sum % 26 + 1)
        })
}

/// Companies; people have their birth number, which eleven divides.
fn czechia(body: &[u8]) -> bool {
    if let Some((digits, check)) = split(body, 8) {
        let rest = (11 - weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        return digits[0] != 9 && (if rest == 0 { 1 } else { rest }) % 10 == check;
    }
    body.len() == 10 && birth_number(body)
}

fn birth_number(body: &[u8]) -> bool {
    let month = number(&body[2..4]).is_some_and(|month| (1..=12).contains(&(month % 50 % 20)));
    month && number(body).is_some_and(|all| all.is_multiple_of(11))
}

fn denmark(body: &[u8]) -> bool {
    body.first() != Some(&b'0') && leaves(body, &[2, 7, 6, 5, 4, 3, 2, 1], 11, 0)
}

fn estonia(body: &[u8]) -> bool {
    leaves(body, &[3, 7, 1, 3, 7, 1, 3, 7, 1], 10, 0)
}

fn greece(body: &[u8]) -> bool {
    split(body, 9).is_some_and(|(digits, check)| {
        let sum = weighted(&digits, &[256, 128, 64, 32, 16, 8, 4, 2]);
        sum > 0 && sum % 11 % 10 == check
    })
}

fn finland(body: &[u8]) -> bool {
    leaves(body, &[7, 9, 10, 5, 8, 4, 2, 1], 11, 0)
}

/// Two digits that check the company's number, which has Luhn's digit. Keys with letters are not checked, and not taken.
fn france(body: &[u8]) -> bool {
    let Some((key, company)) = body.split_at_checked(2).filter(|_| body.len() == 11) else {
        return false;
    };
    digits(company).is_some_and(|digits| luhn(&digits))
        && matches!((number(key), number(company)), (Some(key), Some(company)) if (company * 100 + 12) % 97 == key)
}

fn croatia(body: &[u8]) -> bool {
    body.len() == 11 && digits(body).is_some_and(|digits| ends_in_mod_11_10(&digits))
}

fn hungary(body: &[u8]) -> bool {
    leaves(body, &[9, 7, 3, 1, 9, 7, 3, 1], 10, 0)
}

fn ireland(body: &[u8]) -> bool {
    const LETTERS: &[u8] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let (Some(digits), Some(check)) = (body.get(..7).and_then(digits), body.get(7)) else {
        return false;
    };
    let second = match body.get(8..) {
        Some([]) => 0,
        Some([second]) => letter(*second).map_or(u32::MAX, |place| place % 23),
        _ => u32::MAX,
    };
    let sum = weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]);
    second < 23 && LETTERS.get(((sum + 9 * second) % 23) as usize) == Some(check)
}

fn italy(body: &[u8]) -> bool {
    let office = body.get(7..10).and_then(number);
    let known = matches!(office, Some(1..=100 | 120 | 121 | 888 | 999));
    body.len() == 11 && known && digits(body).is_some_and(|digits| luhn(&digits))
}

fn lithuania(body: &[u8]) -> bool {
    let Some((digits, check)) = split(body, 9).or_else(|| split(body, 12)) else {
        return false;
    };
    let rest = match rising(&digits, 1) {
        10 => rising(&digits, 3) % 10,
        rest => rest,
    };
    digits.last() == Some(&1) && rest == check
}

fn luxembourg(body: &[u8]) -> bool {
    body.len() == 8
        && matches!((number(&body[..6]), number(&body[6..])), (Some(all), Some(check)) if all > 0 && all % 89 == check)
}

/// Companies; the numbers of people have another rule and are not taken.
fn latvia(body: &[u8]) -> bool {
    body.first().is_some_and(|first| *first > b'3')
        && leaves(body, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1], 11, 3)
}

fn malta(body: &[u8]) -> bool {
    body.first() != Some(&b'0') && leaves(body, &[3, 4, 6, 7, 8, 9, 10, 1], 37, 0)
}

/// Nine digits, `B`, two digits: the eleven test, or, for one-man firms since 2020, remainder 1 modulo 97.
fn netherlands(body: &[u8]) -> bool {
    let formed = body.len() == 12
        && body[9] == b'B'
        && number(&body[..9]).is_some_and(|all| all > 0)
        && number(&body[10..]).is_some_and(|suffix| suffix > 0);
    let all = b"NL".iter().chain(body).copied();
    formed && (netherlands::bsn(&body[..9]) || mod_97(all) == Some(1))
}

fn poland(body: &[u8]) -> bool {
    // The check digit counts -1, which is 10 modulo 11.
    leaves(body, &[6, 5, 7, 2, 3, 4, 5, 6, 7, 10], 11, 0)
}

fn portugal(body: &[u8]) -> bool {
    split(body, 9).is_some_and(|(digits, check)| {
        let sum = weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
        digits[0] != 0 && (11 - sum % 11) % 11 % 10 == check
    })
}

/// Companies; shorter than six digits they are taken for nothing.
fn romania(body: &[u8]) -> bool {
    const WEIGHTS: [u32; 9] = [7, 5, 3, 2, 1, 7, 5, 3, 2];
    let Some((digits, check)) = (6..=10).find_map(|count| split(body, count)) else {
        return false;
    };
    let weights = &WEIGHTS[WEIGHTS.len() - digits.len()..];
    digits[0] != 0 && 10 * weighted(&digits, weights) % 11 % 10 == check
}

fn sweden(body: &[u8]) -> bool {
    body.len() == 12
        && body.ends_with(b"01")
        && digits(&body[..10]).is_some_and(|digits| luhn(&digits))
}

fn slovenia(body: &[u8]) -> bool {
    split(body, 8).is_some_and(|(digits, check)| {
        let rest = 11 - weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) % 11;
        digits[0] != 0 && rest < 11 && rest % 10 == check
    })
}

fn slovakia(body: &[u8]) -> bool {
    let formed =
        body.len() == 10 && body[0] != b'0' && matches!(body[2], b'2'..=b'4' | b'7'..=b'9');
    formed && number(body).is_some_and(|all| all.is_multiple_of(11))
}

/// Two check digits: 97 less the weighted sum, or that less 55.
fn britain(body: &[u8]) -> bool {
    let all = digits(body).filter(|digits| digits.len() == 9);
    all.is_some_and(|digits| {
        let sum = weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 10, 1]);
        sum > 0 && matches!(sum % 97, 0 | 42)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples that the countries, or the companies whose they are, publish.
    #[test]
    fn dl_1_vat_numbers_of_every_country() {
        for valid in VALID {
            assert!(of_another_country(valid.as_bytes()), "{valid}");
            let last = valid.trim_end_matches(|c: char| !c.is_ascii_digit()).len() - 1;
            let at = if valid.starts_with("NL") { 8 } else { last };
            let digit = valid[at..=at].parse::<u32>().unwrap_or(0);
            let mut broken = valid.to_string();
            broken.replace_range(at..=at, &((digit + 1) % 10).to_string());
            assert!(!of_another_country(broken.as_bytes()), "{broken}");
        }
        for (code, _) in COUNTRIES {
            assert!(VALID.iter().any(|valid| valid.starts_with(code)), "{code}");
        }
    }

    const VALID: [&str; 28] = [
        "ATU13585627",
        "BE0428759497",
        "BG175074752",
        "CY10259033P",
        "CZ25123891",
        "DK13585628",
        "EE100931558",
        "EL094259216",
        "ESB58378431",
        "FI20774740",
        "FR40303265045",
        "HR33392005961",
        "HU12892312",
        "IE6433435F",
        "IE6433435OA",
        "IT00743110157",
        "LT119511515",
        "LU15027442",
        "LV40003521600",
        "MT11679112",
        "NL004495445B01",
        "PL8567346215",
        "PT501964843",
        "RO18547290",
        "SE123456789701",
        "SI50223054",
        "SK2022749619",
        "XI980780684",
    ];
}
