#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

const LIMIT: usize = 10 * 1024 * 1024;

fn pattern(text: &str, dialect: Dialect) -> Pattern {
    Pattern::new(text, dialect, LIMIT).unwrap()
}

fn matches(text: &str, dialect: Dialect, haystack: &str) -> bool {
    pattern(text, dialect).is_match(haystack).unwrap()
}

fn find(pattern: &Pattern, text: &str, at: usize, group: Group) -> Option<Match> {
    pattern
        .find_at(text, at, group, &mut Budget::default())
        .unwrap()
}

#[test]
fn word_borders_mean_the_same_whether_the_text_is_ascii_or_not() {
    for regex in [
        r"\bgeheim\b",
        r"\b[0-9]{3}\b",
        r"(?i)\b(?:vs|nfd)\B",
        r"\b([a-z]{2}) ?x\b|q\b",
        r"[a-z]{1,3}\b",
    ] {
        let pattern = pattern(regex, Dialect::Rust);
        assert!(pattern.core.is_some(), "{regex}");
        for text in [
            "geheim geheimer geheim",
            "1234 123 a123 123b 1 123",
            "vsx VSnfd nfd vs",
            "abx ab x cd xq q",
            "a",
        ] {
            for text in [text.to_owned(), format!("ü {text}"), text.replace(' ', "ü")] {
                for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                    for group in [Group::Number(0), Group::First] {
                        let plain = pattern.search(&text, at, group).unwrap();
                        assert_eq!(
                            find(&pattern, &text, at, group),
                            plain,
                            "{regex} {text} {at}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn ru_3_re2_classes_are_ascii_and_the_rest_are_characters() {
    for (regex, text, rust, re2) in [
        (r"^\w+$", "Grüße", true, false),
        (r"^[\w-]+$", "Grüße", true, false),
        (r"^\W$", "ü", false, true),
        (r"^[^\w]$", "ü", false, true),
        (r"^\d+$", "٤٢", true, false),
        (r"a\sb", "a\u{a0}b", true, false),
        (r"\bber", "über", false, true),
        (r"^.$", "ü", true, true),
        (r"^[^x]{2}$", "üü", true, true),
        (r"(?i)^GRÜSSE$", "grüsse", true, true),
        (r"^(?:\w|[\d.])+$", "a1.", true, true),
    ] {
        assert_eq!(matches(regex, Dialect::Rust, text), rust, "{regex} {text}");
        assert_eq!(
            matches(regex, Dialect::Re2, text),
            re2,
            "re2 {regex} {text}"
        );
    }
}

#[test]
fn a_span_in_half_a_character_is_made_whole() {
    let half = pattern(r"(?-u:\xc3)", Dialect::Rust);
    let found = find(&half, "aüb", 0, Group::Number(0)).unwrap();
    assert_eq!((found.start, found.end), (1, 3));
}

#[test]
fn the_value_is_the_group_that_is_asked_for() {
    let two = pattern("(a)|(b)", Dialect::Rust);
    let value = |text, group| find(&two, text, 0, group).unwrap().value;
    assert_eq!(value("xb", Group::Number(1)), None);
    assert_eq!(value("xb", Group::Number(2)), Some((1, 2)));
    assert_eq!(value("xb", Group::First), Some((1, 2)));
    assert_eq!(value("xb", Group::Number(0)), Some((1, 2)));
}

#[test]
fn a_bounded_pattern_is_charged_for_what_it_can_have_read() {
    let text = "1".repeat(1000);
    let bounded = pattern("[0-9]{4}", Dialect::Rust);
    let found = find(&bounded, &text, 0, Group::Number(0));
    assert_eq!(bounded.cost(&text, 0, found.as_ref()), 8);
    let open = pattern("[0-9]+?", Dialect::Rust);
    let found = find(&open, &text, 0, Group::Number(0));
    assert_eq!(open.cost(&text, 0, found.as_ref()), 1000);
}
