//! What tells a secret from what stands for one in documentation: one mechanism for all tokens, so that no pattern has
//! to list placeholders by itself.
//!
//! Real keys are random. Text that repeats itself, counts up or says "example" is not, and nobody is harmed by it. But
//! whoever wants a key across may write such text beside it: it counts only where what is left without it is no key.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// Words that no random text has in it, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "your_",
    "your-",
    "yourtoken",
    "yourpassword",
    "_here",
    "-here",
    "xxxxx",
    "*****",
    ".....",
    "${",
    "{{",
    "$(",
    "%(",
];
/// What people write for a password that they do not mean, whole and in lower case.
const MEANT_FOR_NONE: &[&str] = &[
    "password",
    "passwort",
    "kennwort",
    "passwd",
    "pass",
    "secret",
    "token",
    "user",
    "null",
    "none",
    "true",
    "false",
    "undefined",
];
/// Signs that a key has at least where a placeholder stands beside it, separators not counted: more than services put
/// before their keys.
const LEAST_KEY_CHARS: usize = 10;
/// The same of a password, which has nothing before it.
const LEAST_PASSWORD_CHARS: usize = 8;
/// The same of all pieces of a key together: more than all that services put before, between and behind.
const LEAST_PIECES_CHARS: usize = 24;
/// Signs in a row that follow from those before them, from which on they part a text.
const REPEATED_CHARS: usize = 4;
/// Different signs that a key has at least where a placeholder stands beside it, and a password always.
const LEAST_DISTINCT: usize = 6;
/// Different signs that a password of [`LONG_PASSWORD_CHARS`] has at least.
const LEAST_DISTINCT_LONG: usize = 9;
/// Signs for each change between upper case, lower case and digits: random text has one every other sign or so, words
/// have one at their ends.
const CHARS_FOR_A_CHANGE: usize = 8;
/// Changes that a key has at least.
const LEAST_CHANGES: usize = 2;
/// Letters and digits in a row that are no words any more.
const LONG_RUN_CHARS: usize = 32;
/// Changes between digits and letters that code does not have.
const CODE_DIGIT_CHANGES: usize = 3;
/// Length from which on mixed letters without a digit are taken for a random password.
const LONG_PASSWORD_CHARS: usize = 20;
/// Changes between upper and lower case that words do not have.
const CASE_CHANGES: usize = 4;
/// Header of a JSON web token at most, in bytes of its base64.
const MAX_HEADER_BYTES: usize = 8192;
/// How much of a base64 text is read to see what it wraps, in bytes; a multiple of 4.
const HEAD_BYTES: usize = 64;

/// A text that can be a secret: no placeholder, not repeated, not counting up; or a key beside such text.
pub(super) fn body(text: &str) -> bool {
    !stands_for_one(text) || has_key(text, LEAST_KEY_CHARS)
}

/// A secret that looks like a password, and not like a word, a path or the name of a variable.
pub(super) fn password(text: &str) -> bool {
    let text = without_what_follows(text);
    (!stands_for_one(text) || has_key(text, LEAST_PASSWORD_CHARS))
        && is_mixed(text)
        && is_varied(text)
        && (!is_code(text) || is_no_code(text))
}

/// The text without the signs of the sentence around it.
fn without_what_follows(text: &str) -> &str {
    let ends: &[char] = if text.contains('(') {
        &[',', ';', '.']
    } else {
        &[',', ';', '.', ')']
    };
    text.trim_end_matches(ends)
}

fn is_code(text: &str) -> bool {
    text.starts_with(['$', '%', '(']) || text.ends_with(['(', ')'])
}

/// True where digits stand among the letters as in no name of a variable.
fn is_no_code(text: &str) -> bool {
    let signs = text.chars().filter(|c| c.is_alphanumeric());
    has_key(text, LEAST_PASSWORD_CHARS)
        && changes(signs.map(|c| c.is_ascii_digit())) >= CODE_DIGIT_CHANGES
}

fn is_varied(text: &str) -> bool {
    let left = unforeseen(text).concat();
    let least = if left.chars().count() >= LONG_PASSWORD_CHARS {
        LEAST_DISTINCT_LONG
    } else {
        LEAST_DISTINCT
    };
    distinct(&left) >= least
}

/// A JSON web token or encryption: its header is a JSON object that names an algorithm, and its last part is no
/// repeated sign.
pub(super) fn jwt(text: &str) -> bool {
    let header = text.split('.').next().unwrap_or_default();
    let names_algorithm = header.len() <= MAX_HEADER_BYTES
        && URL_SAFE_NO_PAD
            .decode(header)
            .ok()
            .and_then(|json| serde_json::from_slice::<Map<String, Value>>(&json).ok())
            .is_some_and(|header| header.get("alg").is_some_and(Value::is_string));
    let signature = text.rsplit('.').next().unwrap_or_default();
    names_algorithm && body(signature)
}

/// Base64 of a PEM text whose label says private key.
pub(super) fn private_key_base64(text: &str) -> bool {
    let head = text.get(..HEAD_BYTES).unwrap_or_default();
    let plain = base64::engine::general_purpose::STANDARD
        .decode(head)
        .unwrap_or_default();
    let label = String::from_utf8_lossy(&plain);
    label.contains("PRIVATE KEY") && text.get(HEAD_BYTES..).is_some_and(body)
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let between = |open, close| text.starts_with(open) && text.ends_with(close);
    between('<', '>')
        || between('{', '}')
        || between('[', ']')
        || MEANT_FOR_NONE.contains(&lower.as_str())
        || PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

fn stands_for_one(text: &str) -> bool {
    is_placeholder(text) || is_monotonous(text)
}

/// True where at least half of the signs follow from the two before them.
fn is_monotonous(text: &str) -> bool {
    let all = text.chars().count();
    (all - unforeseen(text).concat().chars().count()) * 2 >= all
}

/// True where a key of so many signs at least stands between placeholders and repeated signs, or one in pieces.
fn has_key(text: &str, least: usize) -> bool {
    let between = without_words(text);
    let left: Vec<String> = between.iter().flat_map(|part| unforeseen(part)).collect();
    left.iter().any(|part| is_key(part, least)) || is_key(&left.concat(), LEAST_PIECES_CHARS)
}

/// The signs that do not follow from the two before them, parted where many do in a row.
fn unforeseen(text: &str) -> Vec<String> {
    let (mut last, mut last_but_one) = (None, None);
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut row = 0;
    for sign in text.chars() {
        let code = Some(u32::from(sign));
        if code == last || code == last.map(|last| last + 1) || code == last_but_one {
            row += 1;
        } else {
            if row >= REPEATED_CHARS {
                parts.push(std::mem::take(&mut part));
            }
            row = 0;
            part.push(sign);
        }
        (last, last_but_one) = (code, last);
    }
    parts.push(part);
    parts
}

/// What stands between the words that stand for a secret.
fn without_words(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let words = || PLACEHOLDERS.iter().chain(MEANT_FOR_NONE);
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut after_word = 0;
    for (at, sign) in text.char_indices() {
        let rest = lower.get(at..).unwrap_or_default();
        match words().find(|word| rest.starts_with(**word)) {
            _ if at < after_word => {}
            Some(word) => {
                after_word = at + word.len();
                parts.push(std::mem::take(&mut part));
            }
            None => part.push(sign),
        }
    }
    parts.push(part);
    parts
}

/// True for what is left beside a placeholder if it is random and long enough to be a key.
fn is_key(left: &str, least: usize) -> bool {
    let signs = left.chars().filter(|c| !matches!(c, '_' | '-')).count();
    let known: Vec<char> = left.chars().filter(|c| c.is_alphanumeric()).collect();
    let changes = changes(known.iter().map(|c| (c.is_uppercase(), c.is_ascii_digit())));
    let has_many = changes >= LEAST_CHANGES && changes * CHARS_FOR_A_CHANGE >= known.len();
    let is_number = known.iter().all(char::is_ascii_digit);
    signs >= least
        && distinct(left) >= LEAST_DISTINCT
        && (has_many || is_number || has_long_run(left))
}

fn has_long_run(text: &str) -> bool {
    let mut runs = text.split(|c: char| !c.is_alphanumeric());
    runs.any(|run| run.chars().count() >= LONG_RUN_CHARS)
}

fn distinct(text: &str) -> usize {
    text.chars().collect::<BTreeSet<char>>().len()
}

/// How often a sign is of another kind than the one before it.
fn changes<Kind: PartialEq>(kinds: impl Iterator<Item = Kind>) -> usize {
    let kinds: Vec<Kind> = kinds.collect();
    kinds.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

fn is_mixed(text: &str) -> bool {
    let has = |wanted: fn(char) -> bool| text.chars().any(wanted);
    let upper = has(|c| c.is_uppercase());
    let lower = has(|c| c.is_lowercase());
    has(|c| c.is_ascii_digit())
        || (upper && lower && has(|c| !c.is_alphanumeric()))
        || (text.chars().count() >= LONG_PASSWORD_CHARS && case_changes(text) >= CASE_CHANGES)
}

fn case_changes(text: &str) -> usize {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    changes(letters.map(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_is_a_secret_and_what_stands_for_one_is_not() {
        for text in [
            "ghp_8aZ2mQx7LwT4cV9kR1nB6yD3fH5jS0pG2eU4",
            "4f9c01d2e8b7a6530f1e2d3c4b5a6978",
            "7391046258",
            "Tr0ub4dor-9",
        ] {
            assert!(body(text), "{text}");
        }
        for text in [
            "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "ghp_0101010101010101010101010101010101",
            "xoxb-111111111111-1111111111111-aaaaaaaaaaaaaaaaaaaaaaaa",
            "0123456789abcdef0123456789abcdef",
            "abcdefghijklmnopqrstuvwxyz",
            "AKIAIOSFODNN7EXAMPLE",
            "your-token-goes-in-this-place",
            "${GITHUB_TOKEN}",
            "<token>",
            "{secret}",
            "[redigiert]",
            "password",
            "",
        ] {
            assert!(!body(text), "{text}");
        }
    }

    #[test]
    fn a_placeholder_counts_only_where_nothing_else_is_left() {
        let key = "8aZ2mQx7LwT4cV9kR1nB6yD3fH5jS0pG2eU4";
        for text in [
            format!("{key}example"),
            format!("{key}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            format!("your-{key}-here"),
            format!("{}{key}", "0".repeat(200)),
            format!("{key}{}", "01".repeat(200)),
            format!("<{key}>"),
            format!(
                "{}example{}example{}example{}",
                &key[..9],
                &key[9..18],
                &key[18..27],
                &key[27..]
            ),
            format!("{{{key}}}"),
            "qkzjvwmxrtbnplghdfscqkzjvwmxrtbnplghdfscexample".to_owned(),
            "73910462587391046258example".to_owned(),
        ] {
            assert!(body(&text), "{text}");
        }
        for text in [
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "your_32_character_api_key_here",
            "YOUR_API_KEY_GOES_HERE_PLEASE",
            "user-example-2024",
            "Password2024example",
            "exampleexampleexample",
            "<your-Token-1-here>",
            "{db_password_for_production_1}",
        ] {
            assert!(!body(text), "{text}");
        }
    }

    #[test]
    fn a_bracket_behind_a_password_does_not_hide_it() {
        for text in [
            "k9!vQz-tr)",
            "676+fY.MK1kL*I)",
            "676+fY.MK1kL*I(",
            "$676+fY.MK1kL*I",
            "k9!vQz-trexample",
        ] {
            assert!(password(text), "{text}");
        }
        for text in [
            "getPassword1()",
            "config.getString(",
            "loadKey2(path)",
            "${DB_PASS_1}",
            "aB1aB1aB1",
        ] {
            assert!(!password(text), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_a_word_a_path_or_a_variable() {
        for text in [
            "Sommer2024",
            "k9!vQz-tr",
            "Gruen-Blau!",
            "aBcQzRtYuPlKmNhGvFcDx",
        ] {
            assert!(password(text), "{text}");
        }
        for text in [
            "abgelaufen",
            "Sommerurlaub",
            "path/to/the/keyfile",
            "$DB_PASS_1",
            "getPassword1()",
            "Check::Text(2),",
            "changeme1",
        ] {
            assert!(!password(text), "{text}");
        }
    }

    #[test]
    fn a_web_token_is_known_by_its_header() {
        let signed = |header: &str, signature: &str| {
            format!(
                "{}.eyJzdWIiOiIxIn0.{signature}",
                URL_SAFE_NO_PAD.encode(header)
            )
        };
        let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(jwt(&signed(r#"{"alg":"HS256","typ":"JWT"}"#, signature)));
        assert!(!jwt(&signed(r#"{"typ":"JWT"}"#, signature)));
        assert!(!jwt(&signed(r#"["alg"]"#, signature)));
        assert!(!jwt(&signed(
            r#"{"alg":"HS256"}"#,
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        )));
    }

    #[test]
    fn base64_of_a_certificate_is_no_private_key() {
        let wrap = |label: &str| {
            let pem = format!(
                "-----BEGIN {label}-----\nMC4CAQAwBQYDK2VwBCIEIJx4Qm7Zt0bVd1yR8sKfUeW2aHgLpX5nO3cDvTqYjMkP\n"
            );
            base64::engine::general_purpose::STANDARD.encode(pem)
        };
        assert!(private_key_base64(&wrap("PRIVATE KEY")));
        assert!(private_key_base64(&wrap("OPENSSH PRIVATE KEY")));
        assert!(!private_key_base64(&wrap("CERTIFICATE")));
    }
}
