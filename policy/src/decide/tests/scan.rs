//! A label's own names are no markings; whatever else stands in a label is text.

use super::*;

const MARKING: &str = "dlp.marking.geheim";

/// A label that is granted on `secret->low`, and whose names a detector of markings knows.
fn secret() -> serde_json::Value {
    let mut label = wire(TOO_HIGH);
    label["Category"] = json!([
        {"TagName": "Freigabe", "Type": "PERMISSIVE", "GenericValue": ["DEU", "FRA"]},
        {"TagName": "Hinweis", "Type": "INFORMATIVE", "GenericValue": ["EILT"]},
    ]);
    label
}

fn whole(label: serde_json::Value) -> serde_json::Value {
    json!({"schema": "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0", "originator": label})
}

fn said(content: serde_json::Value) -> Sent {
    sent("m.room.message", content).on("secret->low")
}

fn carrying(label: serde_json::Value) -> Sent {
    said(json!({"msgtype": "m.text", "body": "hello", LABEL_KEY: label}))
}

fn findings(sent: &Sent) -> Vec<String> {
    let findings = sent.judged().findings;
    findings.into_iter().map(|finding| finding.field).collect()
}

#[test]
fn lv_3_a_labels_own_names_are_no_markings_wherever_it_stands() {
    assert_eq!(findings(&carrying(secret())), [""; 0]);
    assert_eq!(carrying(secret()).rule(), RELEASED);
    assert_eq!(carrying(whole(secret())).rule(), RELEASED);
    let edit = said(json!({
        "msgtype": "m.text", "body": "* hello", LABEL_KEY: secret(),
        "m.new_content": {"msgtype": "m.text", "body": "hello", LABEL_KEY: secret()},
    }));
    assert_eq!(findings(&edit), [""; 0]);
    let content = json!({"label": secret(), "clearance": clearance("DE-SAMPLE", &["GEHEIM", "STRENG GEHEIM"])});
    let room = sent(ROOM_LABEL_TYPE, content.clone())
        .state()
        .on("secret->low");
    assert_eq!(findings(&room), [""; 0]);
    assert_eq!(room.rule(), RELEASED);
    let no_room = said(content);
    assert_eq!(
        findings(&no_room).len(),
        3,
        "a message has no label under that key"
    );
}

#[test]
fn lv_3_a_label_denies_by_its_level_and_not_by_its_name() {
    let judged = message("hello").labelled(TOO_HIGH).judged();
    assert_eq!(judged.decision.rule, "label.classification");
    assert!(judged.findings.is_empty(), "{:?}", judged.findings);
}

#[test]
fn lv_3_every_other_key_of_a_label_is_text() {
    for (key, value) in [
        ("PrivacyMark", json!("GEHEIM")),
        (
            "OriginatorID",
            json!({"IDType": "rfc822Name", "value": "GEHEIM"}),
        ),
        ("Id", json!("GEHEIM")),
    ] {
        let mut label = wire(GRANTED);
        label[key] = value;
        for label in [label.clone(), whole(label)] {
            assert_eq!(carrying(label).rule(), MARKING, "{key}");
        }
    }
    let mut alternative = whole(wire(GRANTED));
    alternative["alternative"] = json!([secret()]);
    assert_eq!(carrying(alternative).rule(), MARKING, "it does not decide");
}

#[test]
fn lv_3_a_label_that_is_not_in_its_policys_own_words_is_text() {
    let changed = |pointer: &str, value: &str| {
        let mut label = secret();
        *label.pointer_mut(pointer).unwrap() = json!(value);
        label
    };
    for label in [
        changed("/PolicyIdentifier/name", "UNKNOWN GEHEIM"),
        changed("/Category/0/GenericValue/1", "GEHEIM"),
        changed("/Category/0/TagName", "GEHEIM"),
        changed("/Category/1/GenericValue/0", "eilt"),
        changed("/Classification", "  GEHEIM"),
        changed("/PolicyIdentifier/uri", "urn:oid:2.25.1"),
    ] {
        let found = findings(&carrying(label.clone()));
        assert!(!found.is_empty(), "{label}");
    }
    let mut spelt = secret();
    spelt["note"] = json!("x");
    assert!(!findings(&carrying(spelt)).is_empty(), "it is no label");
}

#[test]
fn lv_3_a_text_in_a_label_that_asks_for_one_is_text() {
    let project = json!([{"TagName": "Akte", "Type": "INFORMATIVE", "GenericValue": ["GEHEIM"]}]);
    let mut label = wire(GRANTED);
    label["PolicyIdentifier"] = json!({"name": "ASKS"});
    label["Classification"] = json!("GEHEIM");
    label["Category"] = project;
    assert_eq!(findings(&carrying(label)).len(), 2, "level and text");
}

#[test]
fn lv_3_a_marking_in_a_text_may_stand_under_a_label_at_or_above_it_that_is_granted() {
    let marked = |text: &str, level: &str| {
        let content = json!({"msgtype": "m.text", "body": text, LABEL_KEY: wire(level)});
        said(content).rule()
    };
    let texts = [
        ("Anlage (VS-NfD)", "marking.vs_nfd"),
        ("Annex (NATO SECRET)", "marking.nato_secret"),
        ("Anlage (GEHEIM)", "marking.geheim"),
    ];
    for (text, detector) in texts {
        assert_eq!(marked(text, TOO_HIGH), RELEASED, "{text}");
        assert_eq!(marked(text, GRANTED), format!("dlp.{detector}"));
    }
    assert_eq!(
        marked("Anlage (STRENG GEHEIM)", TOO_HIGH),
        "dlp.marking.streng_geheim"
    );
}
