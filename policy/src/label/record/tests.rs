//! What is kept of a label or clearance, and what never is.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};

use crate::label::{
    Label, Spifs, Use, decide_across,
    test_kit::{
        Chosen, clearance, dated, label, level, now, policy, set, spifs, value, with_alternatives,
    },
};

const CANARY: &str = "KANARIE the plan";

/// A policy whose tag sets ask for texts: one that decides, one that does not, a date, and one that needs two.
fn asking() -> Spifs {
    let asks = |input: &str| format!(r#"<tagCategory name="X" lacv="1" userInput="{input}"/>"#);
    let informative = r#"tagType="tagType7" tag7Encoding="securityAttributes""#;
    let two = format!("{informative} maxSelection=\"2\"");
    let sets = [
        set(
            "Project",
            "2.25.1.1",
            r#"tagType="restrictive""#,
            &asks("string"),
        ),
        set("File", "2.25.1.2", informative, &asks("string")),
        set("Number", "2.25.1.3", informative, &asks("integer")),
        set(
            "Until",
            "2.25.1.4",
            r#"tagType="restrictive""#,
            &asks("date"),
        ),
        set("Two", "2.25.1.5", &two, &asks("string")),
    ];
    let level = level("LOW", 1, "");
    spifs(&[&policy("ASKS", "2.25.1", &level, &sets.concat(), "")])
}

fn kept(label: &Label) -> Option<String> {
    let kept = asking().recordable(label, now())?;
    Some(kept.to_wire().to_string())
}

#[test]
fn lb_7_a_free_text_that_decides_nothing_is_replaced_by_an_example_of_its_form() {
    for (set, text, example) in [("File", CANARY, "text"), ("Number", "4711", "1")] {
        let label = label("asks", " low ", &[(set, "INFORMATIVE", &[text])]);
        let kept = kept(&label).unwrap();
        assert!(
            !kept.contains(text) && kept.contains(&format!("[\"{example}\"]")),
            "{kept}"
        );
        assert!(
            kept.contains("\"ASKS\"") && kept.contains("\"LOW\""),
            "{kept}"
        );
    }
}

#[test]
fn lb_7_of_a_label_that_a_free_text_decides_nothing_is_kept_and_a_date_is() {
    let project = label("ASKS", "LOW", &[("Project", "RESTRICTIVE", &[CANARY])]);
    assert_eq!(kept(&project), None);
    let until = label("ASKS", "LOW", &[("Until", "RESTRICTIVE", &["2027-01-31"])]);
    assert!(kept(&until).unwrap().contains("2027-01-31"));
}

#[test]
fn lb_7_what_is_no_valid_label_is_not_kept() {
    for label in [
        label("OTHER", "LOW", &[]),
        label("ASKS", CANARY, &[]),
        label("ASKS", "LOW", &[(CANARY, "RESTRICTIVE", &["x"])]),
    ] {
        assert_eq!(kept(&label), None);
    }
}

#[test]
fn lb_7_marks_names_and_successors_are_not_kept_and_dates_lose_their_fractions() {
    let wire = json!({
        "PolicyIdentifier": {"name": "ASKS"}, "Classification": "LOW", "Category": [],
        "PrivacyMark": CANARY, "OriginatorID": {"IDType": "rfc822Name", "value": CANARY}, "Id": "KANARIE",
        "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z",
    });
    let label: Label = serde_json::from_value(wire).unwrap();
    let fractions = dated(
        &label,
        "2026-03-01T12:00:00.123456789Z",
        "2031-03-01T01:00:00.42+01:00",
    );
    for label in [label, fractions] {
        let kept = kept(&label).unwrap();
        assert!(!kept.contains("KANARIE"), "{kept}");
        for date in ["\"2026-03-01T12:00:00Z\"", "\"2031-03-01T00:00:00Z\""] {
            assert!(kept.contains(date), "{kept}");
        }
    }
}

#[test]
fn lb_7_a_clearance_keeps_names_and_dates_and_no_free_text() {
    let held = clearance(
        "ASKS",
        &["low"],
        &[
            ("Project", "RESTRICTIVE", &[CANARY]),
            ("Until", "RESTRICTIVE", &["2027-01-31"]),
        ],
    );
    let kept = asking()
        .recordable_clearance(&held)
        .unwrap()
        .to_json()
        .to_string();
    assert!(
        !kept.contains("KANARIE") && !kept.contains("Project"),
        "{kept}"
    );
    assert!(
        kept.contains("2027-01-31") && kept.contains("LOW"),
        "{kept}"
    );
    let foreign = clearance("ASKS", &[CANARY], &[]);
    assert_eq!(asking().recordable_clearance(&foreign), None);
}

/// Two policies, the second of which has a caveat that the first one does not know and a set that asks for texts.
fn alliance() -> Spifs {
    let equivalent = |number| {
        let inner = format!(
            r#"<equivalentClassification policyRef="OURS" lacv="{number}" applied="both"/>"#
        );
        level(&format!("THEIRS {number}"), number, &inner)
    };
    let other = r#"<equivalentPolicy name="OURS" id="2.25.2"/>"#;
    let restrictive = r#"tagType="restrictive""#;
    let informative = r#"tagType="tagType7" tag7Encoding="securityAttributes""#;
    let asks = r#"<tagCategory name="X" lacv="1" userInput="string"/>"#;
    let sets = [
        set(
            "Caveat",
            "2.25.2.1",
            restrictive,
            &value("OWN ONLY", "1", ""),
        ),
        set("Project", "2.25.2.2", restrictive, asks),
        set("File", "2.25.2.3", informative, asks),
    ];
    let levels = (1..=3)
        .map(|number| level(&format!("OURS {number}"), number, ""))
        .collect::<String>();
    let theirs: String = (1..=3).map(equivalent).collect();
    spifs(&[
        &policy("THEIRS", "2.25.1", &theirs, "", other),
        &policy("OURS", "2.25.2", &levels, &sets.concat(), ""),
    ])
}

fn is_granted(label: &Label) -> bool {
    let cleared = clearance("OURS", &["OURS 1", "OURS 2", "OURS 3"], &[]);
    decide_across(label, &cleared, &alliance(), Use::Encrypt, now()).grant
}

const OWN_ONLY: Chosen<'_> = ("caveat", "RESTRICTIVE", &["own only"]);

#[test]
fn mx_6_what_is_remembered_denies_by_an_alternative_as_the_label_did() {
    let restricted = label("ours", "ours 2", &[OWN_ONLY]);
    let label = with_alternatives(&label("THEIRS", "THEIRS 2", &[]), &[&restricted]);
    assert!(is_granted(&with_alternatives(&label, &[])) && !is_granted(&label));
    let kept = alliance().recordable(&label, now()).unwrap();
    for kept in [&kept, &kept.timeless()] {
        let record = kept.to_record();
        assert!(
            record.to_string().contains("OWN ONLY"),
            "in the policy's words: {record}"
        );
        let read: Label = serde_json::from_value(record).unwrap();
        assert_eq!(&read, kept);
        assert!(!is_granted(&read));
    }
}

#[test]
fn lb_7_of_an_alternative_only_the_words_of_a_loaded_policy_are_kept() {
    let own = label("THEIRS", "THEIRS 2", &[]);
    let kept = |alternatives: &[&Label]| -> Option<Value> {
        let label = with_alternatives(&own, alternatives);
        Some(alliance().recordable(&label, now())?.to_record())
    };
    let alone = own_record();
    for says_nothing in [
        label(CANARY, "OURS 2", &[]),
        label("OURS", CANARY, &[]),
        label("OURS", "OURS 2", &[("Caveat", "RESTRICTIVE", &[CANARY])]),
    ] {
        assert_eq!(kept(&[&says_nothing]), Some(alone.clone()));
    }
    let note = label("OURS", "OURS 3", &[("File", "INFORMATIVE", &[CANARY])]);
    let noted = kept(&[&note]).unwrap().to_string();
    assert!(
        noted.contains("OURS 3") && !noted.contains("KANARIE"),
        "{noted}"
    );
    let deciding = label("OURS", "OURS 3", &[("Project", "RESTRICTIVE", &[CANARY])]);
    assert_eq!(
        kept(&[&deciding]),
        None,
        "what decides and may not be kept denies everybody"
    );
}

fn own_record() -> Value {
    json!({"PolicyIdentifier": {"name": "THEIRS", "uri": "urn:oid:2.25.1"}, "Classification": "THEIRS 2", "Category": []})
}

#[test]
fn lb_7_an_alternative_that_is_not_valid_yet_is_kept() {
    let later = r#"notBefore="2030-01-01T00:00:00Z""#;
    let values = format!(r#"<tagCategory name="LATER" lacv="1" {later}/>"#);
    let ours = policy(
        "OURS",
        "2.25.2",
        &level("OURS 1", 1, ""),
        &set("Box", "2.25.2.1", r#"tagType="restrictive""#, &values),
        "",
    );
    let theirs = policy("THEIRS", "2.25.1", &level("THEIRS 1", 1, ""), "", "");
    let spifs = spifs(&[&ours, &theirs]);
    let later = label("OURS", "OURS 1", &[("Box", "RESTRICTIVE", &["LATER"])]);
    assert!(!spifs.is_valid(&later, now()));
    let label = with_alternatives(&label("THEIRS", "THEIRS 1", &[]), &[&later]);
    assert_eq!(
        spifs
            .recordable(&label, now())
            .unwrap()
            .alternatives()
            .len(),
        1
    );
}
