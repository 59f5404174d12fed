#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::json::write;
use crate::test_world::{
    EVENT, NOW, ROOM, event, fields, key_of, keys_of, recorded_keys, sealed, signed_pdu, traffic,
    tree,
};

mod outside;

const VERSIONS: [RoomVersion; 3] = [RoomVersion::V10, RoomVersion::V11, RoomVersion::V12];

fn read(version: RoomVersion, changes: Value) -> Result<Pdu, Fault> {
    Pdu::read(event(version, changes), version)
}

/// The objects in a recorded body that look like whole events.
fn events_in(tree: &Tree, found: &mut Vec<Object>) {
    match tree {
        Tree::Object(object)
            if object.contains_key("hashes") && object.contains_key("auth_events") =>
        {
            found.push(object.clone());
        }
        Tree::Object(object) => object.values().for_each(|value| events_in(value, found)),
        Tree::Array(items) => items.iter().for_each(|item| events_in(item, found)),
        _ => {}
    }
}

#[test]
fn recorded_events_verify_whole_and_redacted() {
    let keys = recorded_keys();
    let mut events = Vec::new();
    let mut known_ids = String::new();
    for exchange in traffic() {
        known_ids.push_str(&exchange.path.replace("%24", "$"));
        known_ids.push_str(&exchange.response);
        for body in [&exchange.request, &exchange.response] {
            if let Ok(body) = crate::json::parse(body.as_bytes(), &crate::json::Limits::SEND) {
                events_in(&body, &mut events);
            }
        }
    }
    assert!(events.len() > 30, "{}", events.len());
    let mut named = 0;
    for event in events {
        let pdu = Pdu::read(event, RoomVersion::V12).unwrap();
        named += usize::from(known_ids.contains(pdu.event_id()));
        assert_eq!(pdu.verify(&keys), Ok(Integrity::Whole), "{}", pdu.kind());
        assert_eq!(pdu.check_residue(), Ok(()), "{}", pdu.kind());
        let redacted = Pdu::read(pdu.redacted(), RoomVersion::V12).unwrap();
        assert_eq!(redacted.event_id(), pdu.event_id());
        assert_eq!(redacted.room_id(), pdu.room_id());
        let whole_anyway = pdu.redacted() == *pdu.object();
        let expected = if whole_anyway {
            Integrity::Whole
        } else {
            Integrity::Redacted
        };
        assert_eq!(redacted.verify(&keys), Ok(expected), "{}", pdu.kind());
        assert!(!pdu.object().contains_key("unsigned"));
    }
    assert!(
        named > 10,
        "ids are those that the homeservers use: {named}"
    );
}

#[test]
fn wrong_shapes_are_refused_by_name() {
    let ids = |count: usize| vec![EVENT; count];
    let cases: Vec<(Value, Fault)> = vec![
        (json!({"content": []}), Fault::Shape("content")),
        (json!({"content": null}), Fault::Shape("content")),
        (json!({"type": null}), Fault::Shape("type")),
        (json!({"type": 1}), Fault::Shape("type")),
        (json!({"type": "m".repeat(256)}), Fault::EventSize("type")),
        (json!({"state_key": 1}), Fault::Shape("state_key")),
        (
            json!({"state_key": "m".repeat(256)}),
            Fault::EventSize("state_key"),
        ),
        (json!({"sender": "alice"}), Fault::Shape("sender")),
        (
            json!({"sender": "@alice:High.test"}),
            Fault::Shape("sender"),
        ),
        (json!({"sender": "@alice:10.0.0.1"}), Fault::Shape("sender")),
        (
            json!({"sender": format!("@{}:high.test", "a".repeat(250))}),
            Fault::EventSize("sender"),
        ),
        (json!({"room_id": null}), Fault::Shape("room_id")),
        (json!({"room_id": "room"}), Fault::Shape("room_id")),
        (json!({"depth": -1}), Fault::Shape("depth")),
        (json!({"depth": "1"}), Fault::Shape("depth")),
        (
            json!({"origin_server_ts": null}),
            Fault::Shape("origin_server_ts"),
        ),
        (
            json!({"prev_events": ids(21)}),
            Fault::EventSize("prev_events"),
        ),
        (
            json!({"auth_events": ids(11)}),
            Fault::EventSize("auth_events"),
        ),
        (
            json!({"prev_events": [["$x", {}]]}),
            Fault::Shape("prev_events"),
        ),
        (
            json!({"auth_events": ["$free text"]}),
            Fault::Shape("auth_events"),
        ),
        (json!({"hashes": {}}), Fault::Shape("hashes")),
        (
            json!({"hashes": {"sha256": "AAAA"}}),
            Fault::Shape("hashes"),
        ),
        (
            json!({"hashes": {"sha256": "bjxYPTHQoppffzjihG9Jzgj9zWTPMQ1XpI/OumIYGPY", "x": "y"}}),
            Fault::Shape("hashes"),
        ),
        (json!({"signatures": null}), Fault::Shape("signatures")),
        (
            json!({"signatures": {"high.test": "x"}}),
            Fault::Shape("signatures"),
        ),
        (
            json!({"signatures": {"high.test": {}}}),
            Fault::Shape("signatures"),
        ),
        (
            json!({"signatures": {"high.test": {"ed25519:a": "short"}}}),
            Fault::Shape("signatures"),
        ),
        (
            json!({"signatures": {"high.test": {"rsa:a": "A".repeat(86)}}}),
            Fault::Shape("signatures"),
        ),
        (json!({"origin": "free text"}), Fault::Shape("origin")),
        (json!({"unknown": 1}), Fault::Shape("unknown key")),
        (json!({"outlier": true}), Fault::Shape("unknown key")),
        (
            json!({"redacts": EVENT, "type": "m.room.message"}),
            Fault::Shape("redacts"),
        ),
        (
            json!({"type": "m.room.member", "state_key": "free text"}),
            Fault::Shape("state_key of m.room.member"),
        ),
        (
            json!({"type": "m.room.member"}),
            Fault::Shape("state_key of m.room.member"),
        ),
        (
            json!({"type": "m.room.create", "state_key": "x"}),
            Fault::Shape("state_key of m.room.create"),
        ),
        (
            json!({"content": {"body": "x".repeat(65_536)}}),
            Fault::EventSize("event"),
        ),
    ];
    for version in VERSIONS {
        assert!(read(version, json!({})).is_ok());
        assert!(
            read(
                version,
                json!({"prev_events": ids(20), "auth_events": ids(10)})
            )
            .is_ok()
        );
        for (changes, fault) in &cases {
            let fault = match fault {
                // Only version 10 knows the key at all.
                Fault::Shape("redacts") if version != RoomVersion::V10 => {
                    Fault::Shape("unknown key")
                }
                fault => *fault,
            };
            assert_eq!(
                read(version, changes.clone()).map(|_| ()),
                Err(fault),
                "{version:?} {changes:.200}"
            );
        }
    }
}

#[test]
fn versions_differ_in_keys_and_room_ids() {
    let redaction = json!({"type": "m.room.redaction", "redacts": EVENT});
    assert!(read(RoomVersion::V10, redaction.clone()).is_ok());
    assert_eq!(
        read(RoomVersion::V11, redaction).map(|_| ()),
        Err(Fault::Shape("unknown key"))
    );
    for key in ["membership", "prev_state"] {
        assert!(read(RoomVersion::V10, json!({ key: "join" })).is_ok());
        assert_eq!(
            read(RoomVersion::V10, json!({ key: [] })).map(|_| ()),
            Err(Fault::Shape(key))
        );
        assert_eq!(
            read(RoomVersion::V12, json!({ key: "join" })).map(|_| ()),
            Err(Fault::Shape("unknown key"))
        );
    }
    assert_eq!(
        read(RoomVersion::V11, json!({"room_id": ROOM})).map(|_| ()),
        Err(Fault::Shape("room_id"))
    );
    assert_eq!(
        read(RoomVersion::V12, json!({"room_id": "!a:high.test"})).map(|_| ()),
        Err(Fault::Shape("room_id"))
    );
    assert_eq!(RoomVersion::parse("9"), None);
    assert_eq!(
        VERSIONS.map(|version| RoomVersion::parse(version.as_str())),
        VERSIONS.map(Some)
    );
}

#[test]
fn a_version_12_room_is_named_by_its_create_event() {
    let create = json!({"type": "m.room.create", "state_key": "", "content": {"room_version": "12"}, "room_id": null});
    let pdu = read(RoomVersion::V12, create).unwrap();
    assert_eq!(
        pdu.room_id().strip_prefix('!'),
        pdu.event_id().strip_prefix('$')
    );
    let named =
        json!({"type": "m.room.create", "state_key": "", "content": {"room_version": "12"}});
    assert_eq!(
        read(RoomVersion::V12, named).map(|_| ()),
        Err(Fault::Shape("room_id"))
    );
}

#[test]
fn what_nothing_vouches_for_is_thrown_away() {
    let mut odd = sealed(
        event(RoomVersion::V12, json!({})),
        RoomVersion::V12,
        &["high.test", "evil.test"],
    );
    for key in ["unsigned", "event_id", "age_ts", "age"] {
        odd.insert(key.to_owned(), tree(json!({"canary": 1})));
    }
    let pdu = Pdu::read(odd, RoomVersion::V12).unwrap();
    let text = String::from_utf8(write(&pdu.outgoing())).unwrap();
    assert!(
        !text.contains("canary") && !text.contains("evil.test"),
        "{text}"
    );
    assert_eq!(pdu.verify(&keys_of(&["high.test"])), Ok(Integrity::Whole));
}

#[test]
fn an_invite_keeps_the_signature_of_the_invited_server() {
    let invite = json!({"type": "m.room.member", "state_key": "@bob:low.test", "content": {"membership": "invite"}});
    let both = sealed(
        event(RoomVersion::V12, invite),
        RoomVersion::V12,
        &["high.test", "low.test", "evil.test"],
    );
    let pdu = Pdu::read(both, RoomVersion::V12).unwrap();
    let servers: Vec<_> = pdu.object()["signatures"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(servers, ["high.test", "low.test"]);
    assert_eq!(pdu.membership(), Some("invite"));
}

#[test]
fn a_changed_content_is_no_redacted_event() {
    let keys = keys_of(&["high.test"]);
    for version in VERSIONS {
        let pdu = signed_pdu(version, json!({}));
        assert_eq!(pdu.verify(&keys), Ok(Integrity::Whole));
        assert_eq!(
            Pdu::read(pdu.redacted(), version).unwrap().verify(&keys),
            Ok(Integrity::Redacted)
        );
        for content in [json!({"body": "other"}), json!({"body": "hello"})] {
            let mut changed = pdu.outgoing();
            changed.insert("content".to_owned(), tree(content));
            let changed = Pdu::read(changed, version).unwrap();
            assert_eq!(changed.event_id(), pdu.event_id());
            assert_eq!(changed.verify(&keys), Err(Fault::Hash));
        }
        let mut added = pdu.redacted();
        added.insert("origin".to_owned(), tree(json!("high.test")));
        // Version 10 signs `origin`, later versions only hash it.
        let fault = if version == RoomVersion::V10 {
            Fault::Signature
        } else {
            Fault::Hash
        };
        assert_eq!(Pdu::read(added, version).unwrap().verify(&keys), Err(fault));
    }
}

#[test]
fn signatures_are_required_and_strict() {
    let version = RoomVersion::V12;
    let keys = keys_of(&["high.test", "low.test"]);
    let pdu = signed_pdu(version, json!({}));
    assert_eq!(pdu.verify(&NoKeys), Err(Fault::KeyUnknown));
    let late = Pdu::read(
        sealed(
            event(version, json!({"origin_server_ts": NOW + (1_i64 << 40)})),
            version,
            &["high.test"],
        ),
        version,
    );
    assert_eq!(late.unwrap().verify(&keys), Err(Fault::KeyUnknown));

    let mut unsigned = pdu.outgoing();
    unsigned.insert("signatures".to_owned(), tree(json!({})));
    assert_eq!(
        Pdu::read(unsigned, version).unwrap().verify(&keys),
        Err(Fault::Signature)
    );

    let mut moved = pdu.outgoing();
    moved.insert("depth".to_owned(), tree(json!(13)));
    assert_eq!(
        Pdu::read(moved, version).unwrap().verify(&keys),
        Err(Fault::Signature)
    );

    // The signature of another server under the sender's name.
    let mut stolen = sealed(event(version, json!({})), version, &["low.test"]);
    let by_low = stolen["signatures"].as_object().unwrap()["low.test"].clone();
    stolen.insert(
        "signatures".to_owned(),
        Tree::Object(Object::from([("high.test".to_owned(), by_low)])),
    );
    assert_eq!(
        Pdu::read(stolen, version).unwrap().verify(&keys),
        Err(Fault::Signature)
    );

    // A key of small order "signs" everything under lax rules: R the neutral element, s zero.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    struct Weak([u8; 32]);
    impl Keys for Weak {
        fn verify_key(&self, _: &str, _: &str, _: i64) -> Option<[u8; 32]> {
            Some(self.0)
        }
    }
    let mut signature = [0; 64];
    signature[0] = 1;
    let forged =
        json!({"signatures": {"high.test": {"ed25519:w": crate::ids::to_base64(&signature)}}});
    assert_eq!(
        read(version, forged).unwrap().verify(&Weak(neutral)),
        Err(Fault::Signature)
    );
}

#[test]
fn a_restricted_join_needs_the_server_that_let_it_in() {
    let content =
        json!({"membership": "join", "join_authorised_via_users_server": "@carol:low.test"});
    let join =
        json!({"type": "m.room.member", "state_key": "@alice:high.test", "content": content});
    let keys = keys_of(&["high.test", "low.test"]);
    for version in VERSIONS {
        let one = sealed(event(version, join.clone()), version, &["high.test"]);
        assert_eq!(
            Pdu::read(one, version).unwrap().verify(&keys),
            Err(Fault::Signature)
        );
        let two = sealed(
            event(version, join.clone()),
            version,
            &["high.test", "low.test"],
        );
        assert_eq!(
            Pdu::read(two, version).unwrap().verify(&keys),
            Ok(Integrity::Whole)
        );
    }
    // Other memberships and types do not.
    let message = signed_pdu(
        RoomVersion::V12,
        json!({"content": {"join_authorised_via_users_server": 7}}),
    );
    assert_eq!(message.verify(&keys), Ok(Integrity::Whole));
    let bad = json!({"type": "m.room.member", "state_key": "@alice:high.test",
        "content": {"membership": "join", "join_authorised_via_users_server": "carol"}});
    assert_eq!(
        read(RoomVersion::V12, bad).map(|_| ()),
        Err(Fault::Shape("join_authorised_via_users_server"))
    );
}

#[test]
fn a_third_party_invite_needs_the_senders_signature_too() {
    let content = json!({"membership": "invite", "third_party_invite": {"signed": {}}});
    let invite = json!({"type": "m.room.member", "state_key": "@bob:low.test", "content": content});
    let by_low = sealed(
        event(RoomVersion::V12, invite),
        RoomVersion::V12,
        &["low.test"],
    );
    let keys = keys_of(&["high.test", "low.test"]);
    assert_eq!(
        Pdu::read(by_low, RoomVersion::V12).unwrap().verify(&keys),
        Err(Fault::Signature)
    );
}

#[test]
fn residue_carries_no_free_data() {
    use RoomVersion::{V10, V11, V12};
    let state =
        |kind: &str, content: Value| json!({"type": kind, "state_key": "", "content": content});
    let member = |content: Value| json!({"type": "m.room.member", "state_key": "@alice:high.test", "content": content});
    let create = |content: Value| json!({"type": "m.room.create", "state_key": "", "content": content, "room_id": null});
    let signature = "A".repeat(86);
    let signed = |token: Value| {
        json!({"membership": "invite", "third_party_invite": {"display_name": "free", "signed": {
            "mxid": "@bob:low.test", "token": token, "signatures": {"id.test": {"ed25519:0": signature}}}}})
    };
    let bad = |field| Err(Fault::Residue(field));
    let cases: Vec<(RoomVersion, Value, Result<(), Fault>)> = vec![
        (V10, json!({}), Ok(())),
        (
            V12,
            json!({"type": "m.anything", "content": {"free": "text"}}),
            Ok(()),
        ),
        (
            V10,
            json!({"membership": "join", "origin": "high.test"}),
            Ok(()),
        ),
        (V10, json!({"origin": "free.text.test"}), bad("origin")),
        (V11, json!({"origin": "free.text.test"}), Ok(())),
        (V10, json!({"membership": "free"}), bad("membership")),
        (V10, json!({"prev_state": "free"}), bad("prev_state")),
        (
            V12,
            member(json!({"membership": "join", "displayname": "free"})),
            Ok(()),
        ),
        (
            V12,
            member(json!({"membership": "free"})),
            bad("membership"),
        ),
        (V12, member(json!({})), bad("membership")),
        (V12, member(signed(json!("token"))), Ok(())),
        (V12, member(signed(json!(1))), bad("third_party_invite")),
        (
            V12,
            member(signed(json!("t".repeat(256)))),
            bad("third_party_invite"),
        ),
        (V10, member(signed(json!(1))), Ok(())),
        (
            V12,
            state(
                "m.room.power_levels",
                json!({"ban": 50, "users": {"@bob:low.test": 50}, "events": {"m.x": 1}, "notifications": {"free": "text"}}),
            ),
            Ok(()),
        ),
        (
            V12,
            state("m.room.power_levels", json!({"ban": "50"})),
            bad("power levels"),
        ),
        (
            V12,
            state("m.room.power_levels", json!({"users": {"free text": 50}})),
            bad("power levels"),
        ),
        (
            V12,
            state(
                "m.room.power_levels",
                json!({"users": {"@bob:low.test": "free"}}),
            ),
            bad("power levels"),
        ),
        (
            V12,
            state(
                "m.room.power_levels",
                json!({"events": {"m".repeat(256): 1}}),
            ),
            bad("power levels"),
        ),
        (
            V12,
            state("m.room.power_levels", json!({"invite": {"free": 1}})),
            bad("power levels"),
        ),
        (
            V10,
            state("m.room.power_levels", json!({"invite": {"free": 1}})),
            Ok(()),
        ),
        (
            V12,
            state(
                "m.room.join_rules",
                json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": ROOM}]}),
            ),
            Ok(()),
        ),
        (
            V12,
            state("m.room.join_rules", json!({"join_rule": "free"})),
            bad("join_rule"),
        ),
        (
            V12,
            state(
                "m.room.join_rules",
                json!({"join_rule": "restricted", "allow": [{"type": "free", "room_id": ROOM}]}),
            ),
            bad("allow"),
        ),
        (
            V12,
            state(
                "m.room.join_rules",
                json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": ROOM, "x": 1}]}),
            ),
            bad("allow"),
        ),
        (
            V12,
            state(
                "m.room.join_rules",
                json!({"join_rule": "restricted", "allow": [{}]}),
            ),
            bad("allow"),
        ),
        (
            V12,
            state(
                "m.room.history_visibility",
                json!({"history_visibility": "shared"}),
            ),
            Ok(()),
        ),
        (
            V12,
            state(
                "m.room.history_visibility",
                json!({"history_visibility": "free"}),
            ),
            bad("history_visibility"),
        ),
        (
            V11,
            json!({"type": "m.room.redaction", "content": {"redacts": EVENT, "reason": "free"}}),
            Ok(()),
        ),
        (
            V11,
            json!({"type": "m.room.redaction", "content": {"redacts": "free"}}),
            bad("redacts"),
        ),
        (
            V12,
            create(
                json!({"room_version": "12", "type": "m.space", "m.federate": true, "additional_creators": ["@bob:low.test"], "predecessor": {"room_id": "!a:high.test", "event_id": "$a:high.test"}}),
            ),
            Ok(()),
        ),
        (
            V12,
            create(json!({"room_version": "12", "free": "text"})),
            bad("unknown key"),
        ),
        (
            V12,
            create(json!({"room_version": "11"})),
            bad("room_version"),
        ),
        (V12, create(json!({})), bad("room_version")),
        (
            V12,
            create(json!({"room_version": "12", "type": "m".repeat(256)})),
            bad("type"),
        ),
        (
            V12,
            create(json!({"room_version": "12", "predecessor": {"free": "text"}})),
            bad("predecessor"),
        ),
        (
            V12,
            create(json!({"room_version": "12", "additional_creators": ["free"]})),
            bad("additional_creators"),
        ),
        (
            V10,
            state(
                "m.room.create",
                json!({"creator": "@alice:high.test", "room_version": "10", "free": "text"}),
            ),
            Ok(()),
        ),
        (
            V10,
            state("m.room.create", json!({"creator": "free"})),
            bad("creator"),
        ),
        (
            V10,
            state(
                "m.room.create",
                json!({"creator": "@alice:high.test", "room_version": "11"}),
            ),
            bad("room_version"),
        ),
    ];
    for (version, changes, expected) in cases {
        let pdu = read(version, changes.clone()).unwrap();
        assert_eq!(pdu.check_residue(), expected, "{version:?} {changes:.300}");
        if expected.is_ok() {
            let redacted = String::from_utf8(write(&pdu.redacted())).unwrap();
            assert!(!redacted.contains("free"), "{redacted}");
            assert_eq!(
                Pdu::read(pdu.redacted(), version).unwrap().check_residue(),
                Ok(())
            );
        }
    }
}

#[test]
fn state_that_a_room_hangs_on_is_never_redacted() {
    let kinds = [
        "server_acl",
        "policy",
        "encryption",
        "power_levels",
        "join_rules",
        "create",
    ];
    let empty = Object::new();
    for version in VERSIONS {
        for kind in kinds {
            let kind = format!("m.room.{kind}");
            assert!(
                never_redact(version, &kind, Some(""), &empty),
                "{version:?} {kind}"
            );
            assert!(!never_redact(version, &kind, None, &empty));
        }
        for kind in [
            "name",
            "topic",
            "message",
            "member",
            "history_visibility",
            "redaction",
        ] {
            assert!(
                !never_redact(version, &format!("m.room.{kind}"), Some(""), &empty),
                "{version:?} {kind}"
            );
        }
        let invite = fields(json!({"membership": "invite", "third_party_invite": {}}));
        let never = never_redact(version, "m.room.member", Some("@bob:low.test"), &invite);
        assert_eq!(never, version == RoomVersion::V10);
    }
}

#[test]
fn events_point_to_others() {
    use Relation::{Annotation, Redaction, Reference, Replace, Reply, Thread};
    let targets = |relation: Value| {
        let pdu = read(
            RoomVersion::V12,
            json!({"content": {"m.relates_to": relation}}),
        )
        .unwrap();
        let targets = pdu.targets().into_iter();
        targets
            .map(|(relation, event)| (relation, event.to_owned()))
            .collect::<Vec<_>>()
    };
    let one = |relation| vec![(relation, EVENT.to_owned())];
    for (kind, relation) in [
        ("m.thread", Thread),
        ("m.replace", Replace),
        ("m.annotation", Annotation),
        ("m.reference", Reference),
        ("org.example.new", Reference),
    ] {
        let found = targets(json!({"rel_type": kind, "event_id": EVENT}));
        assert_eq!(found, one(relation), "{kind}");
    }
    let answer = json!({"event_id": EVENT});
    assert_eq!(targets(json!({"m.in_reply_to": answer})), one(Reply));
    let in_thread = |fallback: bool| {
        targets(
            json!({"rel_type": "m.thread", "event_id": EVENT, "is_falling_back": fallback,
            "m.in_reply_to": answer}),
        )
    };
    assert_eq!(in_thread(true), one(Thread));
    assert_eq!(in_thread(false), [one(Thread), one(Reply)].concat());
    assert_eq!(targets(json!({})), []);
    assert_eq!(targets(json!({"rel_type": "m.replace"})), []);
    // What cannot be followed is a relation to something unknown, not none.
    let unknown = |relation| vec![(relation, String::new())];
    assert_eq!(targets(json!(7)), unknown(Reference));
    assert_eq!(targets(json!({"event_id": 7})), unknown(Reference));
    assert_eq!(targets(json!({"m.in_reply_to": EVENT})), unknown(Reply));
    let redaction = json!({"type": "m.room.redaction", "content": {"redacts": EVENT}});
    let redaction = read(RoomVersion::V12, redaction).unwrap();
    assert_eq!(redaction.targets(), [(Redaction, EVENT)]);
}

#[test]
fn the_room_label_is_state_with_an_empty_key() {
    let label = |state_key: Value| {
        read(
            RoomVersion::V12,
            json!({"type": ROOM_LABEL_TYPE, "state_key": state_key}),
        )
        .unwrap()
    };
    assert!(label(json!("")).is_label_state());
    assert!(!label(json!("x")).is_label_state() && !label(Value::Null).is_label_state());
}

#[test]
fn a_flood_of_signatures_is_refused() {
    let one = key_of("high.test").sign_bytes(b"x");
    let many: BTreeMap<_, _> = (0..=shape::MAX_SIGNATURES)
        .map(|n| (format!("ed25519:k{n}"), one.clone()))
        .collect();
    let event = json!({"signatures": {"high.test": many}});
    assert_eq!(
        read(RoomVersion::V12, event).map(|_| ()),
        Err(Fault::Shape("signatures"))
    );
}
