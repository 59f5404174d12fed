//! German tax numbers (not the Steuer-ID): the forms of the states, and the federal form of 13 digits.
//!
//! The states' check digits follow a dozen rules that change with the office; only the form is looked at, so context
//! must say what the number is.

/// Lengths of the parts between slashes, by state: `93815/08152`, `181/815/08155`, `21/815/08150`, `133/8150/8159`.
const FORMS: [&[usize]; 4] = [&[5, 5], &[3, 3, 5], &[2, 3, 5], &[3, 4, 4]];
/// How the federal form begins, by state. Its fifth digit is zero.
const FEDERAL: [&str; 13] = [
    "10", "11", "21", "22", "23", "24", "26", "27", "28", "3", "4", "5", "9",
];

pub(super) fn stnr(text: &str) -> bool {
    let parts: Vec<usize> = text.split('/').map(count).collect();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let federal = digits.len() == 13
        && digits.as_bytes().get(4) == Some(&b'0')
        && FEDERAL.iter().any(|state| digits.starts_with(state));
    FORMS.contains(&&parts[..]) || (federal && !text.contains('/'))
}

fn count(part: &str) -> usize {
    part.chars().filter(char::is_ascii_digit).count()
}
