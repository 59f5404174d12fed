#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod lossless;
mod xml;

use serde_json::{Value, json};

use super::*;
use crate::label::LABEL_SCHEMA;

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

fn read_file(text: &str, mode: Mode) -> Result<Label, LabelError> {
    Label::read(text.as_bytes(), mode)
}

#[test]
fn a_file_holds_a_label_in_any_of_its_json_forms() {
    let label = read(inner()).unwrap();
    let under_key = json!({"org.sluice.confidentiality": wire()});
    let room = json!({"label": wire(), "clearance": {"any": ["thing"]}, "may_lower": []});
    for form in [inner(), wire(), under_key, room] {
        for text in [
            form.to_string(),
            format!("{form:#}").replace('\n', "\r\n"),
            format!("\u{feff} {form}\n"),
        ] {
            assert_eq!(read_file(&text, Mode::Strict), Ok(label.clone()), "{text}");
        }
    }
    for other in [
        "",
        "RESTRICTED",
        "[]",
        "null",
        "{}",
        r#"{"label": {}, "body": "hello"}"#,
    ] {
        assert!(read_file(other, Mode::Lenient).is_err(), "{other}");
    }
}

#[test]
fn lb_2_json_with_two_readings_is_refused() {
    let text = inner().to_string();
    for twice in [
        text.replacen(
            "\"Classification\"",
            "\"Classification\":\"PUBLIC\",\"Classification\"",
            1,
        ),
        text.replacen("\"name\"", "\"name\":\"PUBLIC\",\"na\\u006de\"", 1),
        format!("{text} {text}"),
        text.replacen("\"RESTRICTED\"", "1.5", 1),
    ] {
        assert_ne!(twice, text);
        let refused = read_file(&twice, Mode::Lenient);
        assert!(
            matches!(refused, Err(LabelError::Json(_))),
            "{twice}: {refused:?}"
        );
    }
    let padded = format!("{text}{}", " ".repeat(MAX_LABEL_BYTES));
    let too_large = LabelError::TooLarge {
        limit: MAX_LABEL_BYTES,
        what: "bytes",
    };
    assert_eq!(read_file(&padded, Mode::Lenient), Err(too_large));
}

#[test]
fn lb_2_json_categories_of_one_name_and_type_are_merged() {
    let mut split = inner();
    split["Category"] = json!([
        {"TagName": "Context", "Type": "PERMISSIVE", "GenericValue": ["NATO"]},
        {"TagName": "Context", "Type": "INFORMATIVE", "GenericValue": ["NATO"]},
        {"TagName": "CONTEXT ", "Type": "PERMISSIVE", "URI": "urn:oid:1.3.26.1.4.4", "GenericValue": ["EAPC", "NATO"]},
    ]);
    let label = read(split).unwrap();
    assert_eq!(label.categories().len(), 2);
    assert_eq!(label.categories()[0].values, ["NATO", "EAPC"]);
    assert_eq!(
        label.categories()[0].uri.as_deref(),
        Some("urn:oid:1.3.26.1.4.4")
    );
}

#[test]
fn dates_are_demanded_of_files_that_are_checked_and_not_of_events() {
    for key in ["CreationDateTime", "ReviewDateTime"] {
        let text = without("", key).to_string();
        assert_eq!(
            read_file(&text, Mode::Strict),
            Err(LabelError::Missing { key })
        );
        assert!(read_file(&text, Mode::Carried).is_ok());
        let lenient = Label::read_noting(text.as_bytes(), Mode::Lenient).unwrap();
        assert_eq!(lenient.forgiven, [LabelError::Missing { key }]);
    }
}

#[test]
fn alternatives_are_kept_beside_the_label_and_never_decide() {
    let mut other = inner();
    other["PolicyIdentifier"] = json!({"name": "XVS"});
    let mut form = wire();
    form["alternative"] = json!([other]);
    let label = read(form.clone()).unwrap();
    assert_eq!(label.policy().name, "NATO");
    assert_eq!(label.alternatives()[0].policy().name, "XVS");
    assert_eq!(label.alternatives()[0].role(), Role::Alternative);
    assert_eq!(label.to_wire(), form);
    assert!(!label.to_json().to_string().contains("XVS"));
    for (pointer, role) in [
        ("/originator", "alternative"),
        ("/alternative/0", "metadata"),
    ] {
        let mut wrong = form.clone();
        wrong.pointer_mut(pointer).unwrap()["Role"] = json!(role);
        assert!(read(wrong).is_err(), "{pointer}");
    }
}

#[test]
fn an_event_carries_its_originators_label_and_no_other() {
    for role in ["alternative", "metadata"] {
        let mut label = inner();
        label["Role"] = json!(role);
        assert!(read(label.clone()).is_ok(), "in a file");
        let message: Object =
            serde_json::from_value(json!({"org.sluice.confidentiality": label})).unwrap();
        assert!(Label::from_content(&message).is_err(), "{role}");
        let room: Object = serde_json::from_value(json!({"label": label})).unwrap();
        assert!(Label::from_room_state(&room).is_err(), "{role}");
    }
}
