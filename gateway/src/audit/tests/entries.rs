//! What a line looks like, and that it stays bounded.

use super::world::{LINK, World, denied};
use crate::audit::chain::Head;
use crate::audit::entry::{Entry, EventEntry, FindingSummary, LabelValue, Line, RoomEntry, Text};
use crate::audit::scan::LINE_BYTES;
use crate::audit::{AuditPublicKey, KeyError};

#[test]
fn over_long_ids_are_cut_and_stay_different() {
    let (one, two) = ("$é".repeat(400) + "1", "$é".repeat(400) + "2");
    let (one, two) = (Text::from(one), Text::from(two));
    assert!(one.len() <= Text::BYTES && one.contains("~sha256:"));
    assert_ne!(one, two);
    assert_eq!(
        Text::from(one.as_str()),
        one,
        "what was cut stays as it is when it is read again"
    );
    assert_eq!(Text::from("x".repeat(255)).as_str(), "x".repeat(255));
}

#[tokio::test]
async fn a_newline_in_an_id_does_not_make_a_line() {
    let world = World::new();
    let audit = world.start();
    let forged = "$a\n{\"seq\":2,\"kind\":\"stop\"}\r\u{2028}";
    let entry = EventEntry {
        event_id: Some(forged.into()),
        link: LINK.into(),
        ..EventEntry::default()
    };
    audit.record(vec![Entry::Event(entry)]).await.unwrap();
    assert_eq!(world.lines(1).len(), 1);
    let line: Line = serde_json::from_str(&world.lines(1)[0]).unwrap();
    let Entry::Event(event) = line.entry else {
        panic!("an event was recorded")
    };
    assert_eq!(event.event_id.unwrap(), forged);
}

#[test]
fn the_longest_line_is_one_that_can_be_read() {
    let long = Text::from("\u{1}".repeat(1000));
    let findings = vec![
        FindingSummary {
            detector: long.clone(),
            strength: long.clone(),
            count: 1,
            field: long.clone(),
            view: long.clone(),
            value: long.clone(),
            ..FindingSummary::default()
        };
        500
    ];
    let event = EventEntry {
        event_id: Some(long.clone()),
        rule: long,
        findings,
        ..EventEntry::default()
    };
    let now = time::OffsetDateTime::UNIX_EPOCH;
    let sealed = crate::audit::chain::seal(Entry::Event(event), &Head::genesis(), now).unwrap();
    assert!((sealed.bytes.len() as u64) < LINE_BYTES);
    let Entry::Event(event) = sealed.line.entry else {
        panic!("an event was sealed")
    };
    assert_eq!(
        (event.findings.len(), event.findings_omitted),
        (Entry::FINDINGS, 500 - 64)
    );
}

#[test]
fn a_line_begins_with_its_place_in_the_chain() {
    let now = time::OffsetDateTime::from_unix_timestamp(1_770_000_000).unwrap();
    let sealed = crate::audit::chain::seal(denied(1), &Head::genesis(), now).unwrap();
    let text = String::from_utf8(sealed.bytes).unwrap();
    let begin = format!(
        r#"{{"seq":1,"time":"2026-02-02T02:40:00.000Z","prev":"{}","kind":"event","request":"r1","link":"high->low""#,
        "0".repeat(64)
    );
    assert!(text.starts_with(&begin), "{text}");
    assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), sealed.line);
}

#[test]
fn an_entry_that_nobody_decided_denies() {
    let entry = EventEntry::default();
    assert_eq!(entry.verdict, crate::audit::entry::Verdict::Drop);
}

#[test]
fn a_room_without_a_label_is_not_a_room_of_unknown_label() {
    let room = |text: &str| serde_json::from_str::<RoomEntry>(text).unwrap().label;
    assert_eq!(room(r#"{"room_id":"!a"}"#), None);
    assert_eq!(room(r#"{"room_id":"!a","label":null}"#), Some(None));
    let none = RoomEntry {
        room_id: "!a".into(),
        label: Some(None),
        ..RoomEntry::default()
    };
    assert_eq!(
        serde_json::to_string(&none).unwrap(),
        r#"{"room_id":"!a","label":null}"#
    );
}

#[test]
fn a_label_that_is_too_large_is_not_cut_but_refused() {
    assert!(LabelValue::new(serde_json::json!({"a": "x".repeat(LabelValue::BYTES)})).is_none());
    assert!(LabelValue::new(serde_json::json!({"a": "x"})).is_some());
}

#[test]
fn the_secret_key_is_not_taken_for_the_public_one() {
    let world = World::new();
    assert_eq!(
        AuditPublicKey::parse(&world.key().to_line()).unwrap_err(),
        KeyError::Secret
    );
    assert_eq!(
        AuditPublicKey::parse(&world.public().to_line()).unwrap(),
        world.public()
    );
    assert_eq!(
        AuditPublicKey::parse("ed25519:audit short").unwrap_err(),
        KeyError::Shape
    );
    let weak = format!("ed25519:audit {}", "A".repeat(43));
    assert_eq!(AuditPublicKey::parse(&weak).unwrap_err(), KeyError::Invalid);
}
