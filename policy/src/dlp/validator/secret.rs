//! What tells a secret from what stands for one in documentation: one mechanism for all tokens, so that no pattern has
//! to list placeholders by itself.
//!
//! Real keys are random. Text that repeats itself, counts up or says "example" is not, and nobody is harmed by it.

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
/// Length from which on mixed letters without a digit are taken for a random password.
const LONG_PASSWORD_CHARS: usize = 20;
/// Changes between upper and lower case that words do not have.
const CASE_CHANGES: usize = 4;
/// Header of a JSON web token at most, in bytes of its base64.
const MAX_HEADER_BYTES: usize = 8192;
/// How much of a base64 text is read to see what it wraps, in bytes; a multiple of 4.
const HEAD_BYTES: usize = 64;

/// A text that can be a secret: neither a placeholder, nor repeated, nor counting up.
pub(super) fn body(text: &str) -> bool {
    !is_placeholder(text) && !is_monotonous(text)
}

/// A secret that looks like a password, and not like a word, a path or the name of a variable.
pub(super) fn password(text: &str) -> bool {
    let text = text.trim_end_matches([',', ';', '.']);
    body(text)
        && !text.starts_with(['$', '%', '('])
        && !text.ends_with(['(', ')'])
        && is_mixed(text)
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

/// True where at least half of the signs follow from the two before them.
fn is_monotonous(text: &str) -> bool {
    let signs: Vec<u32> = text.chars().map(u32::from).collect();
    let expected = (1..signs.len())
        .filter(|at| {
            let before = signs[at - 1];
            let last_but_one = at.checked_sub(2).map(|at| signs[at]);
            signs[*at] == before || signs[*at] == before + 1 || Some(signs[*at]) == last_but_one
        })
        .count();
    expected * 2 >= signs.len()
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
    let upper: Vec<bool> = text
        .chars()
        .filter(|c| c.is_alphabetic())
        .map(char::is_uppercase)
        .collect();
    upper.windows(2).filter(|pair| pair[0] != pair[1]).count()
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
