//! Real shapes pass, less what no signature covers; anything else is condemned.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;

fn object(value: serde_json::Value) -> Object {
    match Value::try_from(value).unwrap() {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

const BOB: &str = "@bob:low.test";
/// 32 and 64 bytes.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const SIGNATURE: &str =
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn a_document_cannot_pass_as_keys() {
    for hidden in [
        json!({"user_id": BOB, "keys": {"ed25519:D": "VGhlIHdob2xlIHBsYW4"}}),
        json!({"user_id": BOB, "keys": {"ed25519:the whole plan": KEY}}),
        json!({"user_id": BOB, "keys": {"plan": {"text": "all of it"}}}),
        json!({"user_id": BOB, "algorithms": ["the whole plan, word by word"]}),
        json!({"user_id": BOB, "signatures": {BOB: {"ed25519:D": "the whole plan"}}}),
    ] {
        let answer = json!({"device_keys": {BOB: {"D": hidden}}});
        assert_eq!(keys(object(answer.clone()), "low.test"), None, "{answer}");
    }
    let hidden = json!({"one_time_keys": {BOB: {"D": {"signed_curve25519:A": "the whole plan"}}}});
    assert_eq!(claim(object(hidden), "low.test"), None);
}

#[test]
fn a_profile_keeps_the_fields_that_the_link_lists() {
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let bob = json!({"displayname": "Bob", "avatar_url": null, "m.tz": "Europe/Berlin", "org.example.rank": {"short": "Hptm"}});
    let kept = profile(
        object(bob.clone()),
        Some(&names(&["displayname", "avatar_url"])),
    );
    assert_eq!(
        kept,
        Some(object(json!({"displayname": "Bob", "avatar_url": null})))
    );
    let kept = profile(
        object(bob.clone()),
        Some(&names(&[
            "m.tz",
            "org.example.rank",
            "displayname",
            "avatar_url",
        ])),
    );
    assert_eq!(kept, Some(object(bob.clone())));
    assert_eq!(profile(object(bob.clone()), Some(&[])), Some(Object::new()));
    // Within our own zone no link has a list.
    assert_eq!(profile(object(bob.clone()), None), Some(object(bob)));
}

#[test]
fn a_profile_of_another_shape_or_size_is_none() {
    let names = ["displayname", "m.tz", "org.example.note"].map(str::to_owned);
    for (name, value) in [
        ("displayname", json!({"text": "Bob"})),
        ("m.tz", json!(["Europe/Berlin"])),
        ("m.tz", json!("x".repeat(MAX_TIME_ZONE + 1))),
        ("org.example.note", json!("x".repeat(MAX_PROFILE))),
    ] {
        assert_eq!(
            profile(object(json!({ name: value })), Some(&names)),
            None,
            "{name}"
        );
    }
}

#[test]
fn a_device_list_loses_device_names_and_unsigned_but_no_key() {
    let keys = json!({"user_id": BOB, "device_id": "D", "algorithms": ["m.olm.v1"], "keys": {"ed25519:D": KEY},
        "signatures": {BOB: {"ed25519:D": SIGNATURE}}});
    let mut sent = keys.clone();
    sent["unsigned"] = json!({"device_display_name": "Bob's telephone"});
    let list = json!({"user_id": BOB, "stream_id": 3, "master_key": null,
        "devices": [{"device_id": "D", "device_display_name": "Bob's telephone", "keys": sent}]});
    let kept = device_list(object(list), BOB).unwrap();
    let expected = json!({"user_id": BOB, "stream_id": 3, "master_key": null,
        "devices": [{"device_id": "D", "keys": keys}]});
    assert_eq!(kept, object(expected));
}

#[test]
fn a_server_answers_for_its_own_users_only() {
    let carol = "@carol:high.test";
    let key = json!({"user_id": carol, "keys": {}, "usage": ["master"], "signatures": {}});
    assert_eq!(
        keys(object(json!({"master_keys": {carol: key}})), "low.test"),
        None
    );
    assert!(keys(object(json!({"master_keys": {carol: key}})), "high.test").is_some());
    assert_eq!(
        device_list(
            object(json!({"user_id": carol, "stream_id": 1, "devices": []})),
            BOB
        ),
        None
    );
    assert_eq!(
        ids_asked_for(object(json!({"device_keys": {carol: []}})), "low.test"),
        None
    );
}

#[test]
fn a_key_that_names_another_user_than_its_place_is_condemned() {
    let key = json!({"user_id": "@mallory:low.test", "keys": {}, "signatures": {}});
    assert_eq!(
        keys(
            object(json!({"device_keys": {BOB: {"D": key}}})),
            "low.test"
        ),
        None
    );
}

#[test]
fn a_claim_carries_one_key_a_device() {
    let one = json!({"one_time_keys": {BOB: {"D": {"signed_curve25519:AAA": {"key": KEY, "signatures": {}, "x": 1}}}}});
    let expected = json!({"one_time_keys": {BOB: {"D": {"signed_curve25519:AAA": {"key": KEY, "signatures": {}}}}}});
    assert_eq!(claim(object(one), "low.test"), Some(object(expected)));
    let two = json!({"one_time_keys": {BOB: {"D": {"a:1": KEY, "a:2": KEY}}}});
    assert_eq!(claim(object(two), "low.test"), None);
}

#[test]
fn a_key_request_names_users_and_devices_only() {
    let asked = json!({"device_keys": {BOB: ["D"]}, "secret": "text"});
    assert_eq!(
        ids_asked_for(object(asked), "low.test"),
        Some(object(json!({"device_keys": {BOB: ["D"]}})))
    );
    assert_eq!(ids_asked_for(object(json!({})), "low.test"), None);
}

/// What signatures cover is not touched, whatever order it came in; what they do not cover stays behind.
#[test]
fn key_material_is_canonically_what_its_server_gave_less_what_no_signature_covers() {
    let device = json!({
        "user_id": BOB, "device_id": "D", "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {"curve25519:D": KEY, "ed25519:D": KEY}, "signatures": {BOB: {"ed25519:D": SIGNATURE, "ed25519:S": SIGNATURE}},
    });
    let master = json!({
        "user_id": BOB, "usage": ["master"], "keys": {format!("ed25519:{KEY}"): KEY},
        "signatures": {BOB: {"ed25519:D": SIGNATURE}},
    });
    let mut told = device.clone();
    told["unsigned"] = json!({"device_display_name": "Bob's telephone", "note": "x"});
    let answer = |device: &serde_json::Value| {
        json!({
            "device_keys": {BOB: {"D": device}}, "master_keys": {BOB: master}, "self_signing_keys": {BOB: master},
        })
    };
    assert_eq!(
        keys(object(answer(&told)), "low.test"),
        Some(object(answer(&device)))
    );
    let claimed = json!({"one_time_keys": {BOB: {"D": {"signed_curve25519:AAAAHg": {
        "key": KEY, "fallback": true, "signatures": {BOB: {"ed25519:D": SIGNATURE}},
    }}}}});
    let mut told = claimed.clone();
    told["failures"] = json!({"third.test": {"error": "x"}});
    assert_eq!(claim(object(told), "low.test"), Some(object(claimed)));
}
