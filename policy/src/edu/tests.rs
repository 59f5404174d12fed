#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::{Value, json};

use super::*;
use crate::test_world::{EVENT, ROOM, fields, object, traffic, tree};

fn read(kind: &str, content: Value) -> Result<Edu, Fault> {
    Edu::read(fields(json!({ "edu_type": kind, "content": content })))
}

fn device_keys() -> Value {
    json!({
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"], "device_id": "PHONE", "keys": {"ed25519:PHONE": "key"},
        "signatures": {"@alice:high.test": {"ed25519:PHONE": "sig"}}, "user_id": "@alice:high.test",
    })
}

fn receipt(event: &str) -> Value {
    json!({ "data": {"ts": 1, "thread_id": "main"}, "event_ids": [event] })
}

/// Every type: an ordinary content, and who speaks in it.
fn ordinary() -> Vec<(&'static str, Value)> {
    vec![
        (
            "m.typing",
            json!({ "room_id": ROOM, "typing": true, "user_id": "@alice:high.test" }),
        ),
        (
            "m.receipt",
            json!({ ROOM: {"m.read": {"@alice:high.test": receipt(EVENT)}} }),
        ),
        (
            "m.presence",
            json!({"push": [{"user_id": "@alice:high.test", "presence": "online", "last_active_ago": 5, "currently_active": true}]}),
        ),
        (
            "m.device_list_update",
            json!({ "device_id": "PHONE", "prev_id": [4], "stream_id": 5, "user_id": "@alice:high.test", "keys": device_keys() }),
        ),
        (
            "m.signing_key_update",
            json!({ "user_id": "@alice:high.test", "master_key": {
                "keys": {"ed25519:k": "k"}, "usage": ["master"], "user_id": "@alice:high.test",
            }}),
        ),
        (
            "m.direct_to_device",
            json!({ "sender": "@alice:high.test", "type": "m.key.verification.done", "message_id": "abc", "messages": {"@bob:low.test": {"*": {"transaction_id": "t"}}} }),
        ),
    ]
}

#[test]
fn ordinary_edus_go_on_unchanged() {
    for (kind, content) in ordinary() {
        let edu = read(kind, content.clone()).unwrap();
        assert_eq!(edu.kind().as_str(), kind);
        assert_eq!(
            Tree::Object(edu.outgoing()),
            tree(json!({ "edu_type": kind, "content": content }))
        );
        assert_eq!(
            edu.user_servers().into_iter().collect::<Vec<_>>(),
            ["high.test"]
        );
    }
}

#[test]
fn recorded_edus_are_read() {
    let mut seen = BTreeSet::new();
    for exchange in traffic()
        .into_iter()
        .filter(|exchange| exchange.path.contains("/v1/send/"))
    {
        let body = object(&exchange.request);
        for edu in body
            .get("edus")
            .and_then(Tree::as_array)
            .unwrap_or_default()
        {
            let read = Edu::read(edu.as_object().unwrap().clone());
            let to_device = edu.to_string().contains("m.direct_to_device");
            // The recorded one is of a type that encryption does not need.
            assert_eq!(read.is_err(), to_device);
            let Ok(edu) = read else { continue };
            assert_eq!(
                edu.user_servers().into_iter().collect::<Vec<_>>(),
                [exchange.auth["origin"].as_str()]
            );
            let text = Tree::Object(edu.outgoing()).to_string();
            assert!(!text.contains("device_display_name") && !text.contains("opentracing"));
            seen.insert(edu.kind());
        }
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[test]
fn free_text_and_unknown_keys_do_not_go_on() {
    let canary = json!("canary");
    for (kind, mut content) in ordinary() {
        if kind == "m.receipt" {
            content[ROOM]["m.read.private"] = json!({ "@alice:high.test": receipt(EVENT) });
            content[ROOM]["m.read"]["@alice:high.test"]["canary"] = canary.clone();
            content[ROOM]["m.read"]["@alice:high.test"]["data"]["canary"] = canary.clone();
        } else {
            for key in [
                "canary",
                "device_display_name",
                "org.matrix.opentracing_context",
            ] {
                content[key] = canary.clone();
            }
        }
        for place in ["/keys", "/master_key", "/push/0"] {
            if let Some(Value::Object(inner)) = content.pointer_mut(place) {
                inner.insert(
                    "unsigned".to_owned(),
                    json!({ "device_display_name": "canary" }),
                );
                inner.insert("status_msg".to_owned(), canary.clone());
            }
        }
        let mut whole = fields(json!({ "edu_type": kind, "content": content }));
        whole.insert("canary".to_owned(), tree(canary.clone()));
        let text = Tree::Object(Edu::read(whole).unwrap().outgoing()).to_string();
        assert!(
            !text.contains("canary") && !text.contains("private"),
            "{text}"
        );
    }
}

#[test]
fn wrong_shapes_are_refused() {
    // Type, place in the ordinary content, what is put there (null takes the key away), the field that is named.
    let long = "m".repeat(33);
    let cases: Vec<(&str, &str, Value, &str)> = vec![
        ("m.typing", "room_id", json!("room"), "room_id"),
        ("m.typing", "typing", json!("yes"), "typing"),
        ("m.typing", "user_id", Value::Null, "user_id"),
        ("m.typing", "user_id", json!("@alice:HIGH.test"), "user_id"),
        ("m.presence", "push", json!({}), "push"),
        ("m.presence", "push", json!([1]), "push"),
        (
            "m.presence",
            "push",
            json!([{"user_id": "@alice:high.test", "presence": "free text"}]),
            "presence",
        ),
        ("m.receipt", ROOM, json!([]), "receipt"),
        ("m.receipt", "room", json!({}), "room_id"),
        (
            "m.receipt",
            ROOM,
            json!({"m.read": {"alice": receipt(EVENT)}}),
            "user_id",
        ),
        (
            "m.receipt",
            ROOM,
            json!({"m.read": {"@alice:high.test": receipt("free text")}}),
            "event_ids",
        ),
        (
            "m.receipt",
            ROOM,
            json!({"m.read": {"@alice:high.test": {"data": {"ts": "x"}, "event_ids": []}}}),
            "ts",
        ),
        ("m.device_list_update", "device_id", json!(1), "device_id"),
        ("m.device_list_update", "stream_id", json!(-1), "stream_id"),
        ("m.device_list_update", "prev_id", json!(["x"]), "prev_id"),
        ("m.device_list_update", "keys", json!("x"), "keys"),
        (
            "m.device_list_update",
            "keys",
            json!({"user_id": "@alice:high.test"}),
            "algorithms",
        ),
        (
            "m.signing_key_update",
            "master_key",
            json!({"keys": {}, "usage": ["master"], "user_id": "@bob:low.test"}),
            "user_id",
        ),
        (
            "m.signing_key_update",
            "master_key",
            json!({"keys": {}, "usage": ["x"], "user_id": "@alice:high.test"}),
            "usage",
        ),
        ("m.direct_to_device", "sender", json!("alice"), "sender"),
        (
            "m.direct_to_device",
            "message_id",
            json!(long),
            "message_id",
        ),
        (
            "m.direct_to_device",
            "messages",
            json!({"bob": {}}),
            "messages",
        ),
        (
            "m.direct_to_device",
            "messages",
            json!({"@bob:low.test": {"*": 1}}),
            "messages",
        ),
    ];
    for (kind, key, value, field) in cases {
        let (_, mut content) = ordinary()
            .into_iter()
            .find(|(name, _)| *name == kind)
            .unwrap();
        let members = content.as_object_mut().unwrap();
        match &value {
            Value::Null => drop(members.remove(key)),
            value => drop(members.insert(key.to_owned(), value.clone())),
        }
        match read(kind, content).unwrap_err() {
            Fault::EduShape(named) => assert_eq!(named, field, "{kind} {key} {value}"),
            other => assert_eq!(other, Fault::EduShape("x"), "{kind} {key} {value}"),
        }
    }
}

#[test]
fn unknown_types_are_refused() {
    for kind in ["m.unknown", "", "M.TYPING", "m.room.message"] {
        assert_eq!(read(kind, json!({})), Err(Fault::EduUnknownType));
    }
    assert_eq!(Edu::read(object("{}")), Err(Fault::EduShape("edu_type")));
    assert_eq!(
        Edu::read(object(r#"{"edu_type":"m.typing","content":[]}"#)),
        Err(Fault::EduShape("content"))
    );
}

#[test]
fn a_message_id_is_printable_ascii() {
    let (_, mut content) = ordinary().pop().unwrap();
    content["message_id"] = json!("m".repeat(MAX_MESSAGE_ID_CHARS));
    assert!(read("m.direct_to_device", content.clone()).is_ok());
    for text in ["two words", "é", "\u{0}"] {
        content["message_id"] = json!(text);
        let refused = read("m.direct_to_device", content.clone());
        assert_eq!(refused, Err(Fault::EduShape("message_id")), "{text:?}");
    }
}

#[test]
fn the_older_name_of_a_signing_key_update_is_kept() {
    let edu = read(
        "org.matrix.signing_key_update",
        json!({ "user_id": "@alice:high.test" }),
    )
    .unwrap();
    assert_eq!(edu.kind(), EduKind::SigningKeyUpdate);
    assert_eq!(
        edu.outgoing()["edu_type"].as_str(),
        Some("org.matrix.signing_key_update")
    );
}

#[test]
fn a_stranger_among_the_users_is_seen() {
    let content = json!({ ROOM: {"m.read": {"@alice:high.test": receipt(EVENT), "@mallory:evil.test": receipt(EVENT)}} });
    let edu = read("m.receipt", content).unwrap();
    assert_eq!(
        edu.user_servers().into_iter().collect::<Vec<_>>(),
        ["evil.test", "high.test"]
    );
}

#[test]
fn rooms_are_kept_one_by_one() {
    let reads = json!({ "m.read": {"@alice:high.test": receipt(EVENT)} });
    let mut edu = read("m.receipt", json!({ ROOM: reads, "!b:high.test": reads })).unwrap();
    assert_eq!(edu.room_ids(), [ROOM, "!b:high.test"]);
    assert!(edu.retain_rooms(|room| room == ROOM));
    assert_eq!(edu.room_ids(), [ROOM]);
    assert!(!edu.retain_rooms(|_| false));

    let mut typing = read("m.typing", ordinary().remove(0).1).unwrap();
    assert_eq!(typing.room_ids(), [ROOM]);
    assert!(typing.retain_rooms(|room| room == ROOM) && !typing.retain_rooms(|_| false));

    let mut presence = read("m.presence", json!({ "push": [] })).unwrap();
    assert!(presence.room_ids().is_empty() && presence.retain_rooms(|_| false));
}
