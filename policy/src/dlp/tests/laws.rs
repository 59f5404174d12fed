//! What holds for every text and every set of rules.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{super::budget::Budget, ordinary::packs, *};

/// Words, values, signs and oddities that rules care about, in any order.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("GEHEIM".to_owned()),
        Just("VS-NfD".to_owned()),
        Just("Steuer-ID".to_owned()),
        Just("IBAN ".to_owned()),
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("86095742719".to_owned()),
        Just("4111\u{a0}1111\u{2009}1111 1111".to_owned()),
        Just("٨٦٠٩٥٧٤٢٧١٩".to_owned()),
        Just("\u{200b}\u{308}ﬃ\u{17f}\u{212a}".to_owned()),
        "[0-9]{1,20}",
        "[ a-zA-Z.,;:äöüß-]{0,12}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Detectors of many makes, to be put in any order.
fn made() -> Vec<String> {
    [
        "regex = '(?i)(?:^|[^0-9a-z])([a-z]{2}[0-9]{2}(?:[ .-]?[0-9a-z]){11,30})'\nvalidator = 'iban'",
        "regex = '(?:^|[^0-9A-Za-z])([1-9][0-9](?:[ ./-]?[0-9]{3}){3})'\nvalidator = 'steuer_id'",
        "regex = '[0-9](?:[ -]?[0-9]){12,18}'\nvalidator = 'card'",
        "regex = '(?i)geheim'\nkeywords = ['geheim']",
        "phrases = ['GEHEIM', 'VS-NfD']",
        "any_of = ['VS[ -]NfD', '(?i)\\biban\\b']",
        "regex = '\\d{4,}'",
        "regex = '(?i)[skſ]{2,}'",
        "regex = '\\PL{3}'\nviews = ['raw']",
    ]
    .iter()
    .zip(0..)
    .map(|(lines, number)| {
        bare(&format!("strength = 'low'\n{lines}")).replace("test.word", &format!("test.n{number}"))
    })
    .collect()
}

static MADE: LazyLock<Detectors> = LazyLock::new(|| load(&made()));
/// The same in two views that never lack a keyword, without and with one.
static PLAIN: LazyLock<Detectors> = LazyLock::new(|| load(&in_two_views()));
static CALLED: LazyLock<Detectors> = LazyLock::new(|| {
    let rules = in_two_views();
    let with = |rule: &String| rule.replace("regex = ", "keywords = ['rüfw']\nregex = ");
    load(&rules.iter().map(with).collect::<Vec<_>>())
});

fn in_two_views() -> Vec<String> {
    let patterns = made().into_iter().filter(|rule| !rule.contains("views"));
    patterns
        .map(|rule| rule.replace("keywords = ['geheim']\n", "") + "views = ['raw', 'normalised']\n")
        .collect()
}

fn load(rules: &[String]) -> Detectors {
    one(&rules.concat()).unwrap_or_else(|errors| panic_with(&errors))
}

fn look(detectors: &Detectors, text: &str) -> Vec<Finding> {
    let key = HashKey::new(&[3; HASH_KEY_BYTES]);
    let options = Scan {
        key: Some(&key),
        ..Scan::default()
    };
    let tree = json!({ "body": text }).try_into().unwrap();
    detectors.scan_with(&options, &tree, "").unwrap()
}

/// The same text as it may also be written, some of it so that it is another one.
fn written(text: &str) -> [String; 11] {
    let digits = |c: char| match c.to_digit(10) {
        Some(digit) => char::from_u32(0x660 + digit).unwrap(),
        None => c,
    };
    [
        text.to_owned(),
        text.to_uppercase(),
        text.to_lowercase(),
        format!("Grüße{text}Ende"),
        format!("Übung: «{text}», да"),
        text.replace('s', "\u{17f}").replace('k', "\u{212a}"),
        text.chars().map(digits).collect(),
        text.replace(' ', ""),
        text.replace(' ', "-"),
        text.chars().flat_map(|c| [c, ' ']).collect(),
        // Over the end of what is looked at together.
        format!("{}{text}{text}", ".".repeat(1980)),
    ]
}

/// What a pattern of a shipped detector matches calls for it, in all of the detector's own examples, however written.
#[test]
fn what_the_prefilter_leaves_out_of_the_packs_does_not_match() {
    let packs = packs();
    let mut matched = 0;
    for (index, detector) in (0..).zip(&packs.list) {
        let Source::Text { patterns, .. } = &detector.source else {
            continue;
        };
        let examples = detector.examples.iter().chain(&detector.negative_examples);
        for text in examples.flat_map(|example| written(&example.text)) {
            let mut budget = Budget::default();
            budget.unit(text.len()).unwrap();
            let (facts, called) = packs.prefilter.look(&text, None, &mut budget).unwrap();
            let matching = patterns
                .iter()
                .filter(|(pattern, _)| pattern.is_match(&text).unwrap());
            for (pattern, _) in matching {
                matched += 1;
                let allowed = pattern.needs().allow(&facts, &mut budget).unwrap();
                assert!(allowed, "{} in {text:?}", detector.id);
                let by_author = !detector.keywords.is_empty() || detector.context.is_some();
                assert!(
                    by_author || called.contains(&index),
                    "{} in {text:?}",
                    detector.id
                );
            }
        }
    }
    assert!(matched > 5000, "{matched}");
}

proptest! {
    // Each case compiles all rules.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn ru_4_the_order_of_rules_shows_nowhere(
        texts in prop::collection::vec(text(), 20),
        shuffled in Just(made()).prop_shuffle(),
    ) {
        let other = load(&shuffled);
        for text in texts {
            prop_assert_eq!(look(&MADE, &text), look(&other, &text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_finding_stands_on_characters_of_the_original(text in text()) {
        for finding in look(&MADE, &text) {
            prop_assert!(finding.start < finding.end, "{:?}", finding);
            prop_assert!(text.get(finding.start..finding.end).is_some(), "{:?}", finding);
        }
    }

    /// Every pattern that matches by itself is found, whatever the prefilter read off it.
    #[test]
    fn what_the_prefilter_leaves_out_does_not_match(text in text()) {
        let found = look(&MADE, &text);
        for detector in MADE.list.iter().filter(|detector| detector.validator.is_none()) {
            let Source::Text { patterns, .. } = &detector.source else { continue };
            let seen = found.iter().any(|finding| finding.detector == detector.id);
            let matches = patterns.iter().any(|(pattern, _)| pattern.is_match(&text).unwrap());
            prop_assert!(seen || !matches, "{} in {:?}", detector.id, text);
        }
    }

    #[test]
    fn a_keyword_changes_nothing_where_it_stands(text in text(), at in 0_usize..40) {
        let at = text.floor_char_boundary(at.min(text.len()));
        let text = format!("{} rÜfWort {}", &text[..at], &text[at..]);
        prop_assert_eq!(look(&PLAIN, &text), look(&CALLED, &text));
    }
}
