#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};

use super::*;

fn inner() -> Value {
    json!({
        "PolicyIdentifier": {"name": "NATO", "uri": "urn:oid:1.3.26.1.3.1"},
        "Classification": "RESTRICTED",
        "Category": [{"TagName": "Context", "Type": "PERMISSIVE", "GenericValue": ["NATO"]}],
        "CreationDateTime": "2026-03-01T12:00:00Z",
        "ReviewDateTime": "2031-03-01T00:00:00Z"
    })
}

fn wire() -> Value {
    json!({"schema": LABEL_SCHEMA, "originator": inner(), "alternative": []})
}

fn read(value: Value) -> Result<Label, LabelError> {
    Label::from_tree(&value.try_into().unwrap())
}

/// The inner form with the member at `pointer` replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut label = inner();
    *label.pointer_mut(pointer).unwrap() = value;
    label
}

/// The inner form without the member `key` of the object at `pointer`.
fn without(pointer: &str, key: &str) -> Value {
    let mut label = inner();
    label
        .pointer_mut(pointer)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(key)
        .unwrap();
    label
}

#[test]
fn both_forms_are_one_label_and_come_back_as_the_inner_form() {
    let label = read(wire()).unwrap();
    assert_eq!(label, read(inner()).unwrap());
    assert_eq!(label.to_json(), inner());
    assert_eq!(
        serde_json::from_value::<Label>(label.to_json()).unwrap(),
        label
    );
}

#[test]
fn a_message_and_a_room_carry_their_labels() {
    let content = |value: Value| -> Object { serde_json::from_value(value).unwrap() };
    let alice = content(json!({"body": "hello bob", "org.sluice.confidentiality": wire()}));
    assert_eq!(
        Label::from_content(&alice)
            .unwrap()
            .unwrap()
            .classification(),
        "RESTRICTED"
    );
    assert_eq!(
        Label::from_content(&content(json!({"body": "hello"}))),
        Ok(None)
    );
    let room = content(json!({"label": inner(), "clearance": {}}));
    assert_eq!(
        Label::from_room_state(&room)
            .unwrap()
            .unwrap()
            .policy()
            .name,
        "NATO"
    );
    assert_eq!(
        Label::from_room_state(&content(json!({}))),
        Ok(None),
        "a redacted room label"
    );
}

#[test]
fn something_that_is_no_label_is_not_an_unlabelled_message() {
    for wrong in [json!(null), json!("RESTRICTED"), json!([]), json!({})] {
        let content =
            serde_json::from_value(json!({"org.sluice.confidentiality": wrong.clone()})).unwrap();
        assert!(Label::from_content(&content).is_err(), "{wrong}");
    }
}

#[test]
fn anti_pattern_1_nothing_missing_is_filled_in() {
    for (pointer, key) in [
        ("", "PolicyIdentifier"),
        ("", "Classification"),
        ("/PolicyIdentifier", "name"),
        ("/Category/0", "Type"),
        ("/Category/0", "TagName"),
        ("/Category/0", "GenericValue"),
    ] {
        assert!(
            matches!(read(without(pointer, key)), Err(LabelError::Missing { .. })),
            "{pointer} {key}"
        );
    }
    for kind in ["permissive", "UNKNOWN", ""] {
        assert!(matches!(
            read(with("/Category/0/Type", json!(kind))),
            Err(LabelError::Value { key: "Type", .. })
        ));
    }
}

#[test]
fn lb_2_unknown_keys_are_refused_everywhere() {
    for pointer in ["", "/PolicyIdentifier", "/Category/0"] {
        let mut label = inner();
        label.pointer_mut(pointer).unwrap()["URL"] = json!("urn:oid:1.2");
        assert!(
            matches!(read(label), Err(LabelError::UnknownKey { .. })),
            "{pointer}"
        );
    }
    let mut outer = wire();
    outer["PolicyIdentifier"] = json!({"name": "PUBLIC"});
    assert_eq!(
        read(outer),
        Err(LabelError::UnknownKey {
            within: "the label"
        })
    );
}

#[test]
fn schema_identifier_and_dates_have_one_format() {
    let mut other = wire();
    other["schema"] = json!("urn:nato:stanag:4774:confidentialitymetadatalabel:2:0");
    assert!(read(other).is_err());
    for uri in [
        "1.3.26.1.3.1",
        "urn:oid:",
        "urn:oid:NATO",
        "URN:OID:1.3.26.1.3.1",
    ] {
        assert!(
            read(with("/PolicyIdentifier/uri", json!(uri))).is_err(),
            "{uri}"
        );
    }
    assert!(read(with("/CreationDateTime", json!("yesterday"))).is_err());
    assert!(read(with("/ReviewDateTime", json!(1_772_366_400))).is_err());
}

#[test]
fn lb_2_a_label_is_small() {
    let values = |count: usize| with("/Category/0/GenericValue", json!(vec!["A"; count]));
    assert!(read(values(MAX_LABEL_VALUES)).is_ok());
    assert_eq!(
        read(values(MAX_LABEL_VALUES + 1)),
        Err(LabelError::TooLarge {
            limit: MAX_LABEL_VALUES,
            what: "values"
        })
    );
    let long = with("/Classification", json!("A".repeat(MAX_LABEL_BYTES)));
    assert_eq!(
        read(long),
        Err(LabelError::TooLarge {
            limit: MAX_LABEL_BYTES,
            what: "bytes"
        })
    );
}

#[test]
fn lb_4_invisible_characters_are_refused() {
    for name in ["SECRET \u{200b}", "SEC\u{ad}RET", "", " "] {
        assert_eq!(
            read(with("/Classification", json!(name))),
            Err(LabelError::Unclean {
                key: "Classification"
            }),
            "{name:?}"
        );
    }
    assert!(read(with("/Category/0/GenericValue/0", json!("NATO\u{2060}"))).is_err());
}

#[test]
fn a_wrong_alternative_spoils_the_label() {
    let mut label = wire();
    label["alternative"] = json!([inner()]);
    assert!(read(label.clone()).is_ok());
    label["alternative"] = json!([{"Classification": "PUBLIC"}]);
    assert!(read(label).is_err());
}

#[test]
fn no_error_quotes_the_label() {
    let canary = "canary-of-bob";
    let mut unknown = inner();
    unknown[canary] = json!(canary);
    for label in [
        unknown,
        with("/Category/0/Type", json!(canary)),
        with("/PolicyIdentifier/uri", json!(canary)),
        with("/CreationDateTime", json!(canary)),
        with("/PolicyIdentifier", json!(canary)),
    ] {
        assert!(!read(label).unwrap_err().to_string().contains(canary));
    }
}
