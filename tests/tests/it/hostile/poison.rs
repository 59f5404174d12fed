//! The table of attacks by one element of a transaction: its text, and the rule that it meets.

use serde_json::{Value, json};
use sluice_tests::stub::room::{Actor, Room, new_key, object, seal, sign};

fn to_device(sender: &str, message: &str) -> String {
    format!(
        concat!(
            r#"{{"edu_type":"m.direct_to_device","content":{{"sender":"{}","type":"m.key.verification.done","message_id":"m1","#,
            r#""messages":{{"@alice:high.test":{{"DEV":{}}}}}}}}}"#
        ),
        sender, message
    )
}

/// One attack by one element of a transaction: its text, and the rule that it meets.
pub(super) fn poisoned_pdus(
    room: &mut Room,
    bob: &Actor,
) -> Vec<(&'static str, String, &'static str)> {
    let version = room.version;
    let message = room.message(bob, "MARK");
    let text = message.text();
    let swap = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        text.replacen(from, to, 1)
    };
    let mut changed = message.json.clone();
    changed["content"]["body"] = json!("changed");
    let draft = |content: Value| room.draft(bob, "m.room.message", content);
    let wrong_hash = {
        let mut event = object(&message.json);
        let hashes = object(&json!({"sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}));
        event.insert(
            "hashes".to_owned(),
            ruma_common::CanonicalJsonValue::Object(hashes),
        );
        sign(version, event, &bob.key, "low.test").text()
    };
    let levels = |content: Value| {
        let mut event = room.draft(bob, "m.room.power_levels", content);
        event["state_key"] = json!("");
        seal(version, event, &bob.key, "low.test").text()
    };
    let sent_by = |sender: &str, server: &str| {
        let mut event = draft(json!({"msgtype": "m.text", "body": "x"}));
        event["sender"] = json!(sender);
        seal(version, event, &bob.key, server).text()
    };
    let with = |key: &str, value: Value| {
        let mut event = draft(json!({"msgtype": "m.text", "body": "x"}));
        event[key] = value;
        seal(version, event, &bob.key, "low.test").text()
    };
    let nested = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let impostor = new_key("hs_low_2");
    let same_id = sluice_policy::keys::SigningKey::from_seed(
        bob.key.id().trim_start_matches("ed25519:"),
        &[9; 32],
    );
    vec![
        (
            "duplicate keys",
            swap(r#""body":"MARK""#, r#""body":"MARK","body":"x""#),
            "protocol.json.duplicate_key",
        ),
        (
            "an escaped duplicate",
            swap(r#""body":"MARK""#, r#""body":"MARK","\u0062ody":"x""#),
            "protocol.json.duplicate_key",
        ),
        (
            "a duplicate at the top",
            swap(r#""type":"#, r#""type":"m.room.member","type":"#),
            "protocol.json.duplicate_key",
        ),
        (
            "a float",
            swap(r#""body":"MARK""#, r#""body":"MARK","n":1.5"#),
            "protocol.json.float",
        ),
        (
            "an exponent",
            swap(r#""body":"MARK""#, r#""body":"MARK","n":1e3"#),
            "protocol.json.float",
        ),
        (
            "negative zero",
            swap(r#""body":"MARK""#, r#""body":"MARK","n":-0"#),
            "protocol.json.negative_zero",
        ),
        (
            "2^53",
            swap(r#""body":"MARK""#, r#""body":"MARK","n":9007199254740992"#),
            "protocol.json.integer_range",
        ),
        (
            "a lone surrogate",
            swap(r#""body":"MARK""#, r#""body":"\ud83d""#),
            "protocol.json.surrogate",
        ),
        (
            "a reversed pair",
            swap(r#""body":"MARK""#, r#""body":"\ude00\ud83d""#),
            "protocol.json.surrogate",
        ),
        (
            "depth",
            swap(r#""body":"MARK""#, &format!(r#""body":{nested}"#)),
            "protocol.json.depth",
        ),
        (
            "a key that the JSON library would swallow",
            swap(
                r#""body":"MARK""#,
                r#""x":{"$serde_json::private::RawValue":"{\"body\":\"hidden\"}"}"#,
            ),
            "protocol.json.reserved_key",
        ),
        ("no object", "[]".to_owned(), "protocol.json.not_an_object"),
        (
            "70 kB",
            swap("MARK", &"x".repeat(70_000)),
            "protocol.json.size",
        ),
        (
            "a stolen event with changed content",
            changed.to_string(),
            "protocol.hash",
        ),
        ("a wrong hash, well signed", wrong_hash, "protocol.hash"),
        (
            "data beside the hash",
            with("hashes", json!({"x": "y"})).replace(r#""hashes":{"#, r#""hashes":{"x":"y","#),
            "protocol.shape",
        ),
        (
            "an unknown key",
            with("extra", json!("x")),
            "protocol.shape",
        ),
        (
            "a name in another case",
            sent_by("@bob:LOW.test", "LOW.test"),
            "protocol.shape",
        ),
        (
            "an address for a name",
            sent_by("@bob:127.0.0.1", "127.0.0.1"),
            "protocol.shape",
        ),
        (
            "an event of a third server",
            sent_by("@carol:third.test", "third.test"),
            "protocol.sender",
        ),
        (
            "an event of our own server",
            sent_by("@alice:high.test", "high.test"),
            "protocol.sender",
        ),
        (
            "signed by a key that nobody published",
            seal(version, draft(json!({"body": "x"})), &impostor, "low.test").text(),
            "protocol.key_unknown",
        ),
        (
            "signed by another key of the same id",
            seal(
                version,
                draft(json!({"body": "x"})),
                &same_id.unwrap(),
                "low.test",
            )
            .text(),
            "protocol.signature",
        ),
        (
            "signed by another server alone",
            seal(version, draft(json!({"body": "x"})), &bob.key, "third.test").text(),
            "protocol.signature",
        ),
        (
            "21 previous events",
            with("prev_events", json!(vec![message.id.clone(); 21])),
            "protocol.size",
        ),
        (
            "a depth below zero",
            with("depth", json!(-1)),
            "protocol.shape",
        ),
        (
            "free text in what redaction keeps",
            levels(json!({"users": {"GEHEIM: the plan": 100}})),
            "protocol.residue",
        ),
        (
            "a room id with a path in it",
            with("room_id", json!("!../../x")),
            "protocol.room_version",
        ),
    ]
}

pub(super) fn poisoned_edus(room: &Room) -> Vec<(&'static str, String, &'static str)> {
    let of = |kind: &str, content: Value| json!({"edu_type": kind, "content": content}).to_string();
    vec![
        (
            "typing in another server's name",
            of(
                "m.typing",
                json!({"room_id": room.id, "user_id": "@alice:high.test", "typing": true}),
            ),
            "protocol.edu.user",
        ),
        (
            "to-device in a third server's name",
            to_device("@carol:third.test", r#"{"transaction_id":"t1"}"#),
            "protocol.edu.user",
        ),
        (
            "a float to a device",
            to_device("@bob:low.test", r#"{"n":1.5}"#),
            "protocol.json.float",
        ),
        (
            "a duplicate key to a device",
            to_device("@bob:low.test", r#"{"a":1,"a":2}"#),
            "protocol.json.duplicate_key",
        ),
        (
            "an unknown type",
            of("org.example.free", json!({"body": "x"})),
            "protocol.edu.unknown_type",
        ),
        (
            "a wrong shape",
            of(
                "m.typing",
                json!({"room_id": [], "user_id": "@bob:low.test"}),
            ),
            "protocol.edu.shape",
        ),
        (
            "a type that the link refuses",
            of(
                "m.presence",
                json!({"push": [{"user_id": "@bob:low.test", "presence": "online"}]}),
            ),
            "rego.sluice.release.edu_not_allowed",
        ),
    ]
}
