#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::{Value, json};

use super::*;
use crate::edu::Edu;
use crate::test_world::{ROOM, fields, tree};

const CURVE: &str = "Fm8X4ICxAtWdvb0fYyj0Qj1Vz9Jx6W1FQk0m1bI5Q3Q";

fn send(kind: &str, message: Value) -> Result<Value, Fault> {
    let content = json!({
        "sender": "@alice:high.test", "type": kind, "message_id": "m1",
        "messages": {"@bob:low.test": {"PHONE": message}}, "org.matrix.opentracing_context": "{}",
    });
    let edu = Edu::read(fields(
        json!({"edu_type": "m.direct_to_device", "content": content}),
    ))?;
    let written = Tree::Object(edu.outgoing()).to_string();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(
        written["content"].get("org.matrix.opentracing_context"),
        None
    );
    Ok(written["content"]["messages"]["@bob:low.test"]["PHONE"].clone())
}

/// An ordinary message of every type that crosses.
fn ordinary() -> Vec<(&'static str, Value)> {
    let mac = "jW1mZCnQVeBfVXjrmcJFVgSkzJ1jqNsrYZlRXG2bdwc";
    vec![
        (
            "m.room.encrypted",
            json!({"algorithm": OLM, "sender_key": CURVE, "ciphertext": {CURVE: {"type": 0, "body": "AwogZm9v"}}}),
        ),
        (
            "m.room_key_request",
            json!({"action": "request", "requesting_device_id": "PHONE", "request_id": "m1737.4", "body": {
                "algorithm": "m.megolm.v1.aes-sha2", "room_id": ROOM, "sender_key": CURVE, "session_id": CURVE,
            }}),
        ),
        (
            "m.room_key_request",
            json!({"action": "request_cancellation", "requesting_device_id": "PHONE", "request_id": "m1737.4"}),
        ),
        (
            "m.room_key.withheld",
            json!({
                "algorithm": "m.megolm.v1.aes-sha2", "code": "m.unverified", "reason": "m.unverified", "room_id": ROOM,
                "sender_key": CURVE, "session_id": CURVE,
            }),
        ),
        (
            "m.key.verification.request",
            json!({"from_device": "PHONE", "methods": ["m.sas.v1"], "timestamp": 1, "transaction_id": "t1"}),
        ),
        (
            "m.key.verification.ready",
            json!({"from_device": "PHONE", "methods": ["m.sas.v1", "m.reciprocate.v1"], "transaction_id": "t1"}),
        ),
        (
            "m.key.verification.start",
            json!({
                "from_device": "PHONE", "hashes": ["sha256"], "key_agreement_protocols": ["curve25519-hkdf-sha256"],
                "message_authentication_codes": ["hkdf-hmac-sha256.v2"], "method": "m.sas.v1",
                "short_authentication_string": ["decimal", "emoji"], "transaction_id": "t1",
            }),
        ),
        (
            "m.key.verification.accept",
            json!({
                "commitment": mac, "hash": "sha256", "key_agreement_protocol": "curve25519-hkdf-sha256",
                "message_authentication_code": "hkdf-hmac-sha256.v2", "short_authentication_string": ["decimal"],
                "transaction_id": "t1",
            }),
        ),
        (
            "m.key.verification.key",
            json!({"key": CURVE, "transaction_id": "t1"}),
        ),
        (
            "m.key.verification.mac",
            json!({"keys": mac, "mac": {"ed25519:PHONE": mac}, "transaction_id": "t1"}),
        ),
        ("m.key.verification.done", json!({"transaction_id": "t1"})),
        (
            "m.key.verification.cancel",
            json!({"code": "m.user", "reason": "m.user", "transaction_id": "t1"}),
        ),
    ]
}

#[test]
fn what_encryption_needs_goes_on_unchanged() {
    for (kind, message) in ordinary() {
        assert_eq!(send(kind, message.clone()), Ok(message), "{kind}");
    }
}

#[test]
fn the_table_has_a_message_for_each_of_its_types() {
    for (kind, _) in TYPES {
        assert!(ordinary().iter().any(|(name, _)| *name == kind), "{kind}");
    }
}

#[test]
fn any_other_type_is_refused() {
    for kind in [
        "m.dummy",
        "m.test",
        "m.room_key",
        "m.secret.send",
        "m.secret.request",
        "m.key.verification.",
        "m.key.verification.note",
        "",
    ] {
        let message = json!({"body": "the canteen closes at two"});
        assert_eq!(send(kind, message), Err(Fault::EduShape("type")), "{kind}");
    }
}

#[test]
fn keys_that_no_type_knows_are_taken_away_and_reasons_are_written_anew() {
    for (kind, ordinary) in ordinary() {
        let mut message = ordinary.clone();
        message["org.matrix.msgid"] = json!("canary");
        message["note"] = json!({"canary": "canary"});
        if message.get("reason").is_some() {
            message["reason"] = json!("canary, in many words");
        }
        if let Some(body) = message.get_mut("body").and_then(Value::as_object_mut) {
            body.insert("note".to_owned(), json!("canary"));
        }
        assert_eq!(send(kind, message), Ok(ordinary), "{kind}");
    }
}

/// Every string of every message, one at a time.
#[test]
fn no_string_of_any_message_may_be_a_text() {
    for (kind, message) in ordinary() {
        for place in strings(&message, "") {
            let mut changed = message.clone();
            *changed.pointer_mut(&place).unwrap() = json!("the canteen closes at two");
            let read = send(kind, changed);
            let silent = read
                .as_ref()
                .map_or(true, |sent| !sent.to_string().contains("canteen"));
            assert!(silent, "{kind} {place}: {read:?}");
        }
    }
}

fn strings(value: &Value, at: &str) -> Vec<String> {
    let below = |(name, value): (String, &Value)| {
        let name = name.replace('~', "~0").replace('/', "~1");
        strings(value, &format!("{at}/{name}"))
    };
    match value {
        Value::String(_) => vec![at.to_owned()],
        Value::Array(list) => {
            let list = list.iter().enumerate();
            list.map(|(index, value)| (index.to_string(), value))
                .flat_map(below)
                .collect()
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), value));
            members.flat_map(below).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn olm_ciphertext_has_one_recipient_and_a_bound() {
    let of = |ciphertext: Value| {
        send(
            "m.room.encrypted",
            json!({"algorithm": OLM, "sender_key": CURVE, "ciphertext": ciphertext}),
        )
    };
    let body = |characters: usize| json!({CURVE: {"type": 1, "body": "A".repeat(characters)}});
    assert!(of(body(MAX_CIPHERTEXT)).is_ok());
    let other = CURVE.replace('F', "G");
    for wrong in [
        body(MAX_CIPHERTEXT + 4),
        body(0),
        json!({}),
        json!({CURVE: {"type": 1, "body": "AAAA"}, other: {"type": 1, "body": "AAAA"}}),
        json!({"bob": {"type": 1, "body": "AAAA"}}),
        json!({CURVE: {"type": 2, "body": "AAAA"}}),
        json!({CURVE: {"type": 1, "body": "AAAA", "note": "x"}}),
        json!("AAAA"),
    ] {
        assert_eq!(
            of(wrong.clone()),
            Err(Fault::EduShape("ciphertext")),
            "{wrong}"
        );
    }
    let megolm =
        json!({"algorithm": "m.megolm.v1.aes-sha2", "sender_key": CURVE, "ciphertext": body(4)});
    assert_eq!(
        send("m.room.encrypted", megolm),
        Err(Fault::EduShape("algorithm"))
    );
}

#[test]
fn an_edu_has_so_many_messages_and_no_more() {
    let edu = |count: usize| {
        let devices: serde_json::Map<String, Value> = (0..count)
            .map(|device| (format!("D{device}"), json!({"transaction_id": "t1"})))
            .collect();
        let content = json!({
            "sender": "@alice:high.test", "type": "m.key.verification.done", "message_id": "m1",
            "messages": {"@bob:low.test": devices},
        });
        rebuild(match tree(content) {
            Tree::Object(content) => content,
            _ => Object::new(),
        })
    };
    assert!(edu(MAX_MESSAGES).is_ok());
    assert_eq!(edu(MAX_MESSAGES + 1), Err(Fault::EduShape("messages")));
}
