#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::bytes::Regex;

use super::*;
use crate::dlp::prefilter::{Digits, Facts, Needs, OnceCell, has_high_byte};

fn hir(pattern: &str) -> Hir {
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    parser.parse(pattern).unwrap()
}

fn may_match(pattern: &str, text: &str) -> bool {
    let steps = Steps::of(&hir(pattern));
    steps.is_none_or(|steps| Columns::of(text).may_match(&steps))
}

#[test]
fn kinds_stand_in_columns() {
    let text = "A1-é".repeat(40);
    let columns = Columns::of(&text);
    for (at, byte) in text.bytes().enumerate() {
        let word = |kind: usize| columns.kinds[kind * columns.words + at / 64];
        let kinds = (0..KINDS).map(|kind| ((word(kind) >> (at % 64) & 1) as u8) << kind);
        assert_eq!(kinds.sum::<u8>(), KINDS_OF[usize::from(byte)], "byte {at}");
    }
}

#[test]
fn a_text_without_the_kinds_in_a_row_cannot_match() {
    let iban = r"(?i)(?:^|[^0-9a-z])([a-z]{2}[0-9]{2}(?:[ .-]?[0-9a-z]){11,30})";
    let card = "[0-9](?:[ -]?[0-9]){12,18}";
    let passport = "(?:^|[^0-9A-Za-z])([CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8}[ -]?[0-9])";
    for (pattern, text, expected) in [
        (iban, "de89 3704 0044 0532", true),
        (iban, "de89 3704", false),
        (iban, "heute um 14:30 Uhr, Raum 4", false),
        (card, "4 1 1 1 1 1 1 1 1 1 1 1 1 ", true),
        (card, "4 1 1 1 1 1 1 1 1 1 1 1", false),
        (passport, "C01X00T478", true),
        (passport, "Pass C01X00T47-8", true),
        (passport, "aC01X00T478", false),
        (passport, "heute um 14:30 Uhr", false),
        (r"\d{3}", "1٢3", true),
        (r"\d{3}", "12 3", false),
        ("^ab", "ab", true),
        ("^ab", "-ab", false),
        ("(?:a1|b22)c", "b22c", true),
        ("(?:a1|b22)c", "z2c", false),
        ("[ä-ü]1", "Ä1 ö1", true),
        ("[ä-ü]1", "1 ö 1", false),
        (r"x\d*1", "x", true),
    ] {
        assert_eq!(may_match(pattern, text), expected, "{pattern} {text}");
    }
}

/// Patterns of every make, also such as no rule has.
const PATTERNS: [&str; 25] = [
    r"(?i)(?:^|[^0-9a-z])([a-z]{2}[0-9]{2}(?:[ .-]?[0-9a-z]){11,30})",
    "[0-9](?:[ -]?[0-9]){12,18}",
    r"\d{4,}",
    r"(?i)[skſ]{2,}",
    r"\PL{3}",
    "(?:^|[^0-9A-Za-z])(AC[0-9a-f]{32})(?:[^0-9A-Za-z]|$)",
    "(?:ATU|BE|BG|CY|CZ|DE)[ -]?[0-9A-Z](?:[ .-]?[0-9A-Z]){4,12}",
    "(?:(?:[0-9a-f]{2}:){2}[0-9a-f]{2}|(?:[0-9a-f]{2}-){2}[0-9a-f]{2})",
    "^a|b$",
    "(?m)^1.+x",
    r"\b\w+\b-",
    "(?:a|bc|é|)(?:x{2,3}|ü)*1",
    "[^a]{70}b",
    "(?s-u:a.b)",
    "(?:(?:ab?){2,3}c)?d",
    "[äöü]{1,2}[0-9]",
    r"\p{Cyrillic}{2} ?[0-9]",
    "(?:)a{0}b",
    "x{0,100}y",
    "1{65}",
    "(?:12345678){9}",
    r"(?:\b){3}a1",
    "[0-9]{3}$",
    r"\b[0-9]{3}\b",
    "(?:^|[^0-9])[0-9]{3}(?:[^0-9]|$)",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("de89 3704 0044 0532 0130 00".to_owned()),
        Just("BE 0123.456.789".to_owned()),
        Just("a0:1f:22".to_owned()),
        Just(" AC0123456789abcdef0123456789abcdef ".to_owned()),
        Just("٨٦٠٩\u{17f}\u{212a}".to_owned()),
        "[0-9]{1,70}",
        "[abcdxy1 :üé-]{0,12}",
        "[ -~]{0,80}",
        "\\PC{0,6}",
        (50_usize..70).prop_map(|count| "z".repeat(count)),
        (1950_usize..2100).prop_map(|count| ".".repeat(count)),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

static COMPILED: LazyLock<Vec<(Regex, Needs)>> = LazyLock::new(|| {
    let compiled = |pattern: &&str| (Regex::new(pattern).unwrap(), Needs::of(&hir(pattern)));
    PATTERNS.iter().map(compiled).collect()
});

/// All matches in these parts of a text, from left to right.
fn matches(regex: &Regex, text: &str, parts: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    for (start, end) in parts {
        at = at.max(*start);
        while let Some(next) = regex.find_at(&text.as_bytes()[..*end], at.min(*end)) {
            found.push((next.start(), next.end()));
            at = next.end();
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Also over the borders of blocks.
    #[test]
    fn what_matches_has_a_place(text in text()) {
        let columns = Columns::of(&text);
        for (pattern, needs) in COMPILED.iter() {
            if pattern.is_match(text.as_bytes()) {
                let may = needs.steps.as_ref().is_none_or(|steps| columns.may_match(steps));
                prop_assert!(may, "{} in {:?}", pattern, text);
            }
        }
    }
    #[test]
    fn a_search_around_digits_finds_what_one_of_all_the_text_finds(text in text()) {
        let facts = Facts {
            text: &text,
            words: Vec::new(),
            plain: false,
            digits: Digits::of_text(&text, has_high_byte(&text)),
            columns: OnceCell::new(),
        };
        for (pattern, needs) in COMPILED.iter() {
            let parts = needs.parts(&facts);
            let all = matches(pattern, &text, &[(0, text.len())]);
            prop_assert_eq!(matches(pattern, &text, &parts), all, "{} in {:?} of {:?}", pattern, parts, &text);
        }
    }
}
