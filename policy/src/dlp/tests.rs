#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use ruma_common::CanonicalJsonValue;
use serde_json::{Value, json};

use super::{detector::Source, *};
use crate::label::{Spif, Spifs};

mod laws;
mod limits;
mod mistakes;
mod ordinary;
mod unpacked;

const MARKING: &str = include_str!("../../../rules/dlp/marking.toml");
const DE: &str = include_str!("../../../rules/dlp/de.toml");
const PAYMENT: &str = include_str!("../../../rules/dlp/payment.toml");

fn spifs() -> Spifs {
    let samples = [
        include_str!("../../../rules/spif/de-sample.xml"),
        include_str!("../../../rules/spif/eu-sample.xml"),
        include_str!("../../../rules/spif/fr-sample.xml"),
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
        // Both halves of a marking in two languages may be found.
        let mut seen = found(&shipped, text);
        seen.dedup();
        assert_eq!(seen, [(detector.to_owned(), Strength::High)], "{text:?}");
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
fn dl_8_a_value_cut_into_the_items_of_a_list_is_seen_once() {
    let findings = scan(json!({"x": ["4111", "1111", "1111", "1111"], "y": ["GEHEIM", "GEHEIM"]}));
    let places: Vec<_> = findings
        .iter()
        .map(|f| (f.field.as_str(), f.start, f.end))
        .collect();
    assert_eq!(
        places,
        [
            ("/event/content/x", 0, 19),
            ("/event/content/y/0", 0, 6),
            ("/event/content/y/1", 0, 6),
        ]
    );
    let letters: Vec<String> = "GEHEIM".chars().map(String::from).collect();
    assert_eq!(scan(json!(letters)).len(), 1);
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
        Err(ScanError::Pattern) => "a pattern",
        Ok(findings) => {
            assert_eq!(findings, []);
            "nothing"
        }
    };
    assert_eq!(limit(json!("a".repeat(MAX_UNIT_BYTES + 1))), "bytes");
    assert_eq!(limit(json!(vec!["GEHEIM"; MAX_FINDINGS + 1])), "findings");
    assert_eq!(limit(json!("GEHEIM ".repeat(MAX_FINDINGS + 1))), "findings");
    let deep = (0..=MAX_DEPTH).fold(json!("x"), |tree, _| json!([tree]));
    assert_eq!(limit(deep), "levels");
    assert_eq!(limit(json!("a".repeat(1000))), "nothing");
}

#[test]
fn too_many_places_that_are_no_values_are_over_budget() {
    let toml = bare(
        "strength = 'low'\nany_of = ['[0-9]', '[1]', '[12]']\nvalidator = 'luhn'\nviews = ['raw']",
    );
    let detectors = one(&toml).unwrap_or_else(|errors| panic_with(&errors));
    let scan = |text: String| detectors.scan(&json!(text).try_into().unwrap(), "");
    let over = scan("1 ".repeat(8 * FREE_CANDIDATES));
    assert!(
        matches!(
            over,
            Err(ScanError::Budget {
                what: "candidates",
                ..
            })
        ),
        "{over:?}"
    );
    assert_eq!(scan("1 ".repeat(1000)), Ok(Vec::new()));
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

/// A detector that loads, with other lines in it.
fn with(lines: &str) -> String {
    WORD.replace(
        "strength = \"low\"",
        &format!("strength = \"low\"\n{lines}"),
    )
}

/// A detector with these lines alone that needs no examples.
fn bare(lines: &str) -> String {
    format!("[[detector]]\nid = \"test.word\"\ndescription = \"d\"\norigin = \"import\"\n{lines}\n")
}

#[test]
fn ru_2_a_pattern_that_is_slow_on_one_repeated_sign_is_refused_and_a_bounded_one_is_not() {
    let load = |regex: &str, more: &str| {
        let toml = bare(&format!("strength = 'low'\nregex = '{regex}'\n{more}"));
        one(&toml).map(drop)
    };
    for (regex, more) in [
        ("[0-9]+", "validator = 'luhn'"),
        ("a[^x]*x|a", ""),
        ("(?s)1.*2|[0-9]", ""),
    ] {
        let errors = load(regex, more).unwrap_err().join("\n");
        assert!(errors.contains("bytes searched"), "{regex}: {errors}");
    }
    for (regex, more) in [
        ("[0-9]{12,19}", "validator = 'luhn'"),
        (r"\b[0-9]+\b", "validator = 'luhn'"),
        ("[a-z]+@[a-z]+", ""),
    ] {
        assert_eq!(load(regex, more), Ok(()), "{regex}");
    }
}

#[test]
fn a_smaller_size_limit_refuses_what_the_default_takes() {
    let files = [(
        "rules.toml".to_owned(),
        bare("strength = 'low'\nregex = '(?:\\w{20} ){3}'"),
    )];
    let load = |size_limit| {
        let options = LoadOptions {
            size_limit,
            ..LoadOptions::default()
        };
        Detectors::parse_with(&files, &spifs(), &options).map(drop)
    };
    assert_eq!(load(DEFAULT_SIZE_LIMIT), Ok(()));
    assert!(load(10_000).unwrap_err()[0].contains("larger than 10000 bytes"));
}

#[test]
fn a_trusted_pattern_is_compiled_when_it_is_called_and_fails_the_scan_if_it_cannot_be() {
    let large = "strength = 'low'\nkeywords = ['kennung']\nregex = 'kennung (?:\\w{20} ){3}'";
    let allowed =
        "strength = 'low'\nregex = 'kennung [a-z]+'\nallow = { regexes = ['(?:\\w{20} ){3}'] }";
    for rule in [large, allowed] {
        let files = [("rules.toml".to_owned(), bare(rule))];
        let load = |trusted| {
            let options = LoadOptions {
                size_limit: 10_000,
                trusted,
                ..LoadOptions::default()
            };
            Detectors::parse_with(&files, &spifs(), &options)
        };
        assert!(load(false).unwrap_err()[0].contains("larger than 10000 bytes"));
        let detectors = load(true).unwrap();
        let scan = |text: &str| detectors.scan(&json!(text).try_into().unwrap(), "");
        assert_eq!(scan("Die Nummer steht im Brief."), Ok(Vec::new()));
        let calling = format!("kennung abc{}", " abc".repeat(20));
        for _ in 0..2 {
            assert_eq!(scan(&calling), Err(ScanError::Pattern));
        }
    }
}

#[test]
fn trusted_rules_find_what_checked_ones_find() {
    let files = [("marking.toml", MARKING), ("de.toml", DE)];
    let files = files.map(|(name, toml)| (name.to_owned(), toml.to_owned()));
    let trusted = LoadOptions {
        trusted: true,
        ..LoadOptions::default()
    };
    let trusted = Detectors::parse_with(&files, &spifs(), &trusted).unwrap();
    assert_eq!(trusted.test_report().failures(), [] as [String; 0]);
}

#[test]
fn dl_11_the_report_says_what_became_of_each_example() {
    let toml = with("").replace(
        "\"ein Geheimwort 22\"",
        "{ text = \"Geheimwort 22\", strength = \"high\" }",
    );
    let files = [(
        "rules.toml".to_owned(),
        toml + &bare("strength = 'low'\nregex = 'x'").replace("test.word", "test.imported"),
    )];
    let options = LoadOptions {
        run_examples: false,
        ..LoadOptions::default()
    };
    let detectors = Detectors::parse_with(&files, &spifs(), &options).unwrap();
    let report = detectors.test_report();
    assert_eq!(report.passed(), 3);
    assert_eq!(
        report.failures(),
        ["rules.toml:2: test.word: example 2 is low and not high; correct the example or the rule"]
    );
    let untested: Vec<&str> = report.untested().map(|test| test.id.as_str()).collect();
    assert_eq!(untested, ["test.imported"]);
    assert!(Detectors::parse(&files, &spifs()).is_err());
}

/// What is found by one bare detector with these lines.
fn by(lines: &str, text: &str) -> Vec<(usize, usize, Strength)> {
    let detectors = one(&bare(lines)).unwrap_or_else(|errors| panic_with(&errors));
    let findings = detectors
        .scan(&json!(text).try_into().unwrap(), "")
        .unwrap();
    findings
        .iter()
        .map(|f| (f.start, f.end, f.strength))
        .collect()
}

#[test]
fn any_pattern_finds_and_all_of_must_stand_near() {
    let lines =
        "strength = 'low'\nany_of = ['ab[0-9]', 'cd[0-9]']\nall_of = ['Akte', 'nr']\nwithin = 10";
    let low = |start, end| vec![(start, end, Strength::Low)];
    assert_eq!(by(lines, "Akte nr ab1"), low(8, 11));
    assert_eq!(by(lines, "nr cd1 Akte"), low(3, 6));
    assert_eq!(by(lines, "ab1 Akte"), [], "one of two");
    assert_eq!(by(lines, "Akte nr .......... ab1"), [], "too far");
}

#[test]
fn strength_none_counts_only_beside_its_words() {
    let lines = "strength = 'none'\nregex = '[A-Z]{1,3}-[A-Z]{2} [0-9]{4}'\n\
                 context = { words = ['kennzeichen', 'größe'], within = 20, strength = 'medium' }";
    assert_eq!(by(lines, "B-AB 1234"), []);
    for text in [
        "KENNZEICHEN B-AB 1234",
        "B-AB 1234: GRÖßE",
        "Autokennzeichens B-AB 1234",
    ] {
        assert_eq!(by(lines, text)[0].2, Strength::Medium, "{text}");
    }
}

#[test]
fn allow_lists_by_value_word_match_and_line() {
    let found = |allow: &str, text: &str| {
        let lines = format!("strength = 'low'\nregex = 'key=([a-zA-Z0-9-]+)'\nallow = {allow}");
        by(&lines, text).len()
    };
    for (allow, text, count) in [
        ("{ values = ['AB-12'] }", "key=ab12", 0),
        ("{ values = ['AB-12'] }", "key=ab123", 1),
        ("{ words = ['Example'] }", "key=myEXAMPLEkey", 0),
        ("{ regexes = ['^key'] }", "key=abc", 1),
        ("{ regexes = ['^key'], target = 'match' }", "key=abc", 0),
        (
            "{ regexes = ['test'], target = 'line' }",
            "key=abc # test",
            0,
        ),
        (
            "{ regexes = ['test'], target = 'line' }",
            "key=abc\n# test",
            1,
        ),
        (
            "{ words = ['abc'], regexes = ['^x'], all = true }",
            "key=abc",
            1,
        ),
        (
            "{ words = ['abc'], regexes = ['^a'], all = true }",
            "key=abc",
            0,
        ),
        ("[{ words = ['zzz'] }, { words = ['abc'] }]", "key=abc", 0),
    ] {
        assert_eq!(found(allow, text), count, "{allow} {text}");
    }
}

#[test]
fn an_allow_list_of_the_file_holds_for_all_its_detectors() {
    let toml = format!(
        "[[allow]]\nwords = ['sample']\n{}",
        bare("strength = 'low'\nregex = 'key=[a-z]+'")
    );
    let detectors = one(&toml).unwrap();
    assert_eq!(found(&detectors, "key=sample"), []);
    assert_eq!(found(&detectors, "key=other").len(), 1);
}

#[test]
fn entropy_groups_and_phrases() {
    let lines = "strength = 'low'\nregex = '[a-z0-9]{8}'\nentropy = 2.5";
    assert_eq!(by(lines, "aaaabbbb"), []);
    assert_eq!(by(lines, "a1b2c3d4").len(), 1);
    let first = "strength = 'low'\nregex = 'a(x)?b(y)?'\ngroup = 'first'";
    assert_eq!(by(first, "aby")[0], (2, 3, Strength::Low));
    assert_eq!(by(first, "ab")[0], (0, 2, Strength::Low));
    let second = "strength = 'low'\nregex = 'a(x)?b(y)?'\ngroup = 2";
    assert_eq!(by(second, "ab"), []);
    let phrases = "strength = 'low'\nphrases = ['STRENG GEHEIM']";
    assert_eq!(by(phrases, "(STRENG GEHEIM)").len(), 1);
    assert_eq!(by(phrases, "STRENG GEHEIMES, streng geheim"), []);
    assert_eq!(
        by(&format!("{phrases}\nignore_case = true"), "streng geheim").len(),
        1
    );
}

#[test]
fn a_detector_runs_on_its_links_and_in_its_rooms_and_where_these_are_not_known() {
    let toml =
        bare("strength = 'low'\nregex = 'secret'\nlinks = ['high->low']\nrooms = ['!a', '!b']");
    let detectors = one(&toml).unwrap();
    let count = |link, room| {
        let options = Scan {
            link,
            room,
            key: None,
        };
        let text = json!("secret").try_into().unwrap();
        detectors.scan_with(&options, &text, "").unwrap().len()
    };
    assert_eq!(count(None, None), 1);
    assert_eq!(count(Some("high->low"), None), 1);
    assert_eq!(count(Some("high->low"), Some("!b")), 1);
    assert_eq!(count(Some("low->high"), Some("!b")), 0);
    assert_eq!(count(Some("high->low"), Some("!c")), 0);
}

#[test]
fn dl_5_distinct_values_are_counted_over_the_whole_unit_however_they_are_spelled() {
    let toml = bare("strength = 'low'\nregex = 'N-?[0-9]{3}'\nmin_distinct = 3");
    let detectors = one(&toml).unwrap();
    let scan = |tree: Value| detectors.scan(&tree.try_into().unwrap(), "").unwrap();
    assert_eq!(scan(json!(["N123", "N-123", "N456"])), []);
    let found = scan(json!(["N123", "N-123", {"x": "N456 N789"}]));
    assert_eq!(found.len(), 4);
    assert_eq!(found[0].values, found[1].values);
    assert_ne!(found[0].values, found[2].values);
}

#[test]
fn dl_7_hashes_differ_between_sets_unless_the_caller_gives_the_key() {
    let toml = bare("strength = 'low'\nregex = 'N[0-9]{3}'");
    let (one_set, other_set) = (one(&toml).unwrap(), one(&toml).unwrap());
    let text: CanonicalJsonValue = json!("N123").try_into().unwrap();
    let values = |set: &Detectors, key| {
        let options = Scan {
            key,
            ..Scan::default()
        };
        set.scan_with(&options, &text, "").unwrap()[0]
            .values
            .clone()
    };
    assert_ne!(values(&one_set, None), values(&other_set, None));
    let key = HashKey::new(&[1; HASH_KEY_BYTES]);
    assert_eq!(values(&one_set, Some(&key)), values(&other_set, Some(&key)));
    let finding = &one_set.scan(&text, "").unwrap()[0];
    assert!(!serde_json::to_string(finding).unwrap().contains("value"));
}
