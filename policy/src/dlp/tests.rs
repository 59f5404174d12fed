#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};

use super::*;
use crate::label::{Spif, Spifs};

const MARKING: &str = include_str!("../../../rules/dlp/marking.toml");
const DE: &str = include_str!("../../../rules/dlp/de.toml");
const PAYMENT: &str = include_str!("../../../rules/dlp/payment.toml");

fn spifs() -> Spifs {
    let samples = [
        include_str!("../../../rules/spif/de-sample.xml"),
        include_str!("../../../rules/spif/nato-sample.xml"),
    ];
    Spifs::new(samples.map(|xml| Spif::parse(xml).unwrap()).into()).unwrap()
}

fn shipped() -> Detectors {
    let files = [
        ("marking.toml", MARKING),
        ("de.toml", DE),
        ("payment.toml", PAYMENT),
    ];
    let files = files.map(|(name, toml)| (name.to_owned(), toml.to_owned()));
    Detectors::parse(&files, &spifs()).unwrap_or_else(|errors| panic_with(&errors))
}

#[allow(clippy::panic, reason = "shows all mistakes of the shipped rules")]
fn panic_with(errors: &[String]) -> Detectors {
    panic!("{}", errors.join("\n"))
}

fn one(toml: &str) -> Result<Detectors, Vec<String>> {
    Detectors::parse(&[("rules.toml".to_owned(), toml.to_owned())], &spifs())
}

/// A detector that loads, to be changed one place at a time.
const WORD: &str = r#"
[[detector]]
id = "test.word"
description = "the word"
keywords = ["geheimwort"]
regex = 'Geheimwort [0-9]+'
strength = "low"
examples = ["Geheimwort 1", "ein Geheimwort 22"]
negative_examples = ["Geheimwort", "Wort 1"]
"#;

fn refused(from: &str, to: &str) -> String {
    assert_eq!(
        WORD.matches(from).count(),
        1,
        "the mutation must change one place: {from}"
    );
    one(&WORD.replace(from, to))
        .err()
        .unwrap_or_default()
        .join("\n")
}

/// Detector and strength of everything in a text.
fn found(detectors: &Detectors, text: &str) -> Vec<(String, Strength)> {
    let findings = detectors
        .scan(&json!(text).try_into().unwrap(), "")
        .unwrap();
    findings
        .into_iter()
        .map(|finding| (finding.detector, finding.strength))
        .collect()
}

fn scan(tree: Value) -> Vec<Finding> {
    shipped()
        .scan(&tree.try_into().unwrap(), "/event/content")
        .unwrap()
}

#[test]
fn dl_11_the_shipped_rules_pass_their_own_examples() {
    let shipped = shipped();
    assert!(shipped.self_test().unwrap() >= 4 * shipped.ids().count());
    assert_eq!(
        shipped.marking("marking.geheim").unwrap().classification,
        "GEHEIM"
    );
    assert_eq!(shipped.marking("de.iban"), None);
}

#[test]
fn dl_2_validator_and_context_are_high_the_validator_alone_medium() {
    let shipped = shipped();
    let tax_id = |strength| vec![("de.steuer_id".to_owned(), strength)];
    assert_eq!(
        found(&shipped, "Meine Steuer-ID ist 86095742719"),
        tax_id(Strength::High)
    );
    assert_eq!(found(&shipped, "86095742719"), tax_id(Strength::Medium));
    assert_eq!(found(&shipped, "12345678903"), []);
    let far = format!("Steuer-ID {} 86095742719", "x".repeat(60));
    assert_eq!(
        found(&shipped, &far),
        tax_id(Strength::Medium),
        "the word is too far away"
    );
}

#[test]
fn dl_1_values_in_sentences_and_with_separators_and_evasions() {
    let shipped = shipped();
    for (text, detector) in [
        ("bob an DE89 3704 0044 0532 0130 00 BITTE HEUTE", "de.iban"),
        (
            "DE89\u{a0}3704\u{a0}0044\u{a0}0532\u{a0}0130\u{a0}00",
            "de.iban",
        ),
        ("DE89\u{200b}370400440532013000", "de.iban"),
        ("\u{ff24}\u{ff25}89370400440532013000", "de.iban"),
        ("86\u{2009}095\u{2009}742\u{2009}719", "de.steuer_id"),
        ("٨٦٠٩٥٧٤٢٧١٩", "de.steuer_id"),
        ("4111\u{2011}1111\u{2011}1111\u{2011}1111", "payment.card"),
        ("4111 1111 1111 1111 12/29", "payment.card"),
        ("11111111 4111111111111111", "payment.card"),
    ] {
        let names: Vec<String> = found(&shipped, text)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, [detector], "{text:?}");
    }
}

#[test]
fn lv_3_markings_are_found_by_their_shape_and_adjectives_are_not() {
    let shipped = shipped();
    for (text, detector) in [
        ("VS-NfD", "marking.vs_nfd"),
        ("VS - Nur für den Dienstgebrauch", "marking.vs_nfd"),
        ("VS\u{2011}NfD", "marking.vs_nfd"),
        ("STRENG\u{a0}GEHEIM", "marking.streng_geheim"),
        ("G\u{200b}EHEIM", "marking.geheim"),
        ("GE\u{ad}HEIM", "marking.geheim"),
        ("NATO SECRET", "marking.nato_secret"),
        ("COSMIC TOP SECRET", "marking.nato_cosmic"),
        ("SECRET UE/EU SECRET", "marking.eu_secret"),
        ("TRÈS SECRET UE/EU TOP SECRET", "marking.eu_top_secret"),
        ("Diffusion Restreinte", "marking.fr_diffusion_restreinte"),
    ] {
        assert_eq!(
            found(&shipped, text),
            [(detector.to_owned(), Strength::High)],
            "{text:?}"
        );
    }
    for text in [
        "das ist kein geheimer Plan",
        "Das bleibt geheim",
        "streng vertraulich und geheim",
        "Geheimtipp",
    ] {
        assert_eq!(found(&shipped, text), [], "{text:?}");
    }
}

#[test]
fn dl_8_every_string_key_and_number_is_scanned() {
    let findings = scan(json!({
        "body": "hello bob",
        "org.example.unknown": {"deep": [{"x": "DE89370400440532013000"}]},
        "number": 86_095_742_719_i64,
        "a/b~c": "4111111111111111",
        "DE89370400440532013000": true,
    }));
    let places: Vec<(&str, &str, bool)> = findings
        .iter()
        .map(|f| (f.detector.as_str(), f.field.as_str(), f.key))
        .collect();
    assert_eq!(
        places,
        [
            ("de.iban", "/event/content/*", true),
            ("payment.card", "/event/content/a~1b~0c", false),
            ("de.steuer_id", "/event/content/number", false),
            (
                "de.iban",
                "/event/content/org.example.unknown/deep/0/x",
                false
            ),
        ]
    );
}

#[test]
fn a_finding_never_holds_the_text() {
    let value = "DE89370400440532013000";
    let findings = scan(json!({"body": value, value: {"below": value}}));
    assert_eq!(findings.len(), 3);
    let shown = format!("{findings:?} {}", serde_json::to_string(&findings).unwrap());
    assert!(!shown.contains(value), "{shown}");
}

#[test]
fn offsets_are_bytes_of_the_original() {
    let text = "Grüße, DE89\u{a0}3704 0044 0532 0130 00!";
    let findings = scan(json!({ "body": text }));
    let [finding] = &findings[..] else {
        return assert_eq!(findings, []);
    };
    assert_eq!(
        &text[finding.start..finding.end],
        "DE89\u{a0}3704 0044 0532 0130 00"
    );
    assert_eq!(
        (finding.view, finding.field.as_str()),
        ("normalised", "/event/content/body")
    );
}

#[test]
fn one_finding_per_detector_field_and_span() {
    let findings =
        scan(json!({"body": "Straße: DE89370400440532013000 und \u{a0} DE89370400440532013000"}));
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.view == "raw"));
    assert!(findings[0].start < findings[1].start);
}

#[test]
fn over_budget_is_an_error_and_never_a_clean_result() {
    let shipped = shipped();
    let limit = |tree: Value| match shipped.scan(&tree.try_into().unwrap(), "") {
        Err(ScanError::Budget { what, .. }) => what,
        Ok(findings) => {
            assert_eq!(findings, []);
            "nothing"
        }
    };
    assert_eq!(limit(json!("a".repeat(MAX_UNIT_BYTES + 1))), "bytes");
    assert_eq!(limit(json!(vec!["GEHEIM"; MAX_FINDINGS + 1])), "findings");
    assert_eq!(limit(json!("GEHEIM ".repeat(MAX_FINDINGS + 1))), "findings");
    assert_eq!(limit(json!("3333 ".repeat(200_000))), "nothing");
    let deep = (0..=MAX_DEPTH).fold(json!("x"), |tree, _| json!([tree]));
    assert_eq!(limit(deep), "levels");
    assert_eq!(limit(json!("a".repeat(1000))), "nothing");
}

#[test]
fn the_plain_rule_loads_and_keywords_are_a_prefilter_in_any_case() {
    let detectors = one(WORD).unwrap();
    assert_eq!(
        found(&detectors, "Geheimwort 7"),
        [("test.word".to_owned(), Strength::Low)]
    );
    let loud = WORD
        .replace("[\"geheimwort\"]", "[\"ÜBERGEHEIM\"]")
        .replace("'Geheimwort", "'(?i)übergeheim");
    let loud = loud
        .replace("Geheimwort 1", "Übergeheim 1")
        .replace("ein Geheimwort 22", "übergeheim 22");
    assert_eq!(found(&one(&loud).unwrap(), "ÜberGEHEIM 3").len(), 1);
    let asleep = WORD.replace("[\"geheimwort\"]", "[\"anderes\"]");
    assert!(
        one(&asleep)
            .unwrap_err()
            .join("\n")
            .contains("test.word: example 1 is not found")
    );
}

#[test]
fn mistakes_in_rules_name_file_line_and_id() {
    for (from, to, part) in [
        (
            "strength = \"low\"",
            "strength = \"low\"\ncolour = \"red\"",
            "unknown key",
        ),
        (
            "'Geheimwort [0-9]+'",
            "'(?<!x)Geheimwort [0-9]+'",
            "look-around",
        ),
        (
            "'Geheimwort [0-9]+'",
            r"'(Geheimwort) [0-9]+\1'",
            "back-references",
        ),
        (
            "'Geheimwort [0-9]+'",
            r"'(?:\w{1000}){1000}'",
            "larger than",
        ),
        ("'Geheimwort [0-9]+'", "'[0-9]*'", "empty text"),
        (
            "strength = \"low\"",
            "strength = \"low\"\nvalidator = \"mod97\"",
            "use one of iban",
        ),
        ("strength = \"low\"", "strength = \"none\"", "add a context"),
        (
            "strength = \"low\"",
            "strength = \"low\"\ncontext = { words = [], within = 3 }",
            "name the words",
        ),
        (
            "strength = \"low\"",
            "strength = \"low\"\ncontext = { words = [\"a\"], within = 3000 }",
            "lower it",
        ),
        ("\"test.word\"", "\"word\"", "pack.name"),
        ("[\"geheimwort\"]", "[\"\"]", "keyword is empty"),
        (", \"ein Geheimwort 22\"", "", "at least 2"),
        (", \"Wort 1\"", "", "at least 2"),
        ("\"Wort 1\"", "\"Geheimwort 1\"", "negative example 2"),
        (
            "strength = \"low\"",
            "strength = \"low\"\nmarking = { policy = \"NATO\", classification = \"GEHEIM\" }",
            "no loaded SPIF",
        ),
    ] {
        let errors = refused(from, to);
        assert!(
            errors.contains(part) && errors.contains("rules.toml:2"),
            "{to}: {errors}"
        );
        assert!(errors.contains("word"), "{to}: {errors}");
    }
}

#[test]
fn mistakes_of_a_file_itself_have_its_line() {
    assert!(one("[[detector]\n").unwrap_err()[0].starts_with("rules.toml:1: "));
    assert!(one("\n\npolicy = 1\n").unwrap_err()[0].starts_with("rules.toml:3: unknown field"));
}

#[test]
fn one_id_stands_once() {
    let errors = one(&WORD.repeat(2)).unwrap_err();
    assert_eq!(
        errors,
        ["rules.toml:11: test.word: the id stands at rules.toml:2 too; rename one"]
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let second = WORD
        .replace("test.word", "test.other")
        .replace("\"low\"", "\"loud\"");
    let toml = WORD
        .replace("[0-9]+'", "(?=x)'")
        .replace(", \"Wort 1\"", "")
        + &second;
    assert_eq!(one(&toml).unwrap_err().len(), 3);
}

#[test]
fn ru_4_the_order_of_rules_does_not_change_what_is_found() {
    let files = |order: [(&str, &str); 3]| {
        let files = order.map(|(name, toml)| (name.to_owned(), toml.to_owned()));
        Detectors::parse(&files, &spifs()).unwrap()
    };
    let one = files([("m", MARKING), ("d", DE), ("p", PAYMENT)]);
    let other = files([("p", PAYMENT), ("d", DE), ("m", MARKING)]);
    let text = "GEHEIM 86095742719 und 4111111111111111";
    assert_eq!(found(&one, text), found(&other, text));
    assert_eq!(found(&one, text).len(), 3);
}
