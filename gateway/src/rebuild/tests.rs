//! What leaves is written from nothing, and errors say what a homeserver can act on.
#![allow(clippy::unwrap_used, reason = "tests")]

use ruma_common::CanonicalJsonValue;
use serde_json::json;

use super::*;
use sluice_policy::keys::request_json;

fn object(value: serde_json::Value) -> Object {
    match CanonicalJsonValue::try_from(value).unwrap() {
        CanonicalJsonValue::Object(object) => object,
        _ => Object::new(),
    }
}

fn sent(event_id: &str, whole: bool) -> SentPdu {
    SentPdu {
        event_id: event_id.to_owned(),
        whole,
    }
}

#[test]
fn a_transaction_is_answered_event_by_event() {
    let far_side = object(json!({
        "$crossed": {}, "$refused": {"error": "alice wrote an IBAN"}, "$redacted": {}, "$invented": {}
    }));
    let events = [
        sent("$crossed", true),
        sent("$refused", true),
        sent("$redacted", false),
    ];
    let answer: serde_json::Value =
        serde_json::from_slice(&send_results(&events, Some(&far_side))).unwrap();
    assert_eq!(
        answer,
        json!({"pdus": {
            "$crossed": {},
            "$refused": {"error": "M_FORBIDDEN: refused by the other side"},
            "$redacted": {"error": "M_FORBIDDEN: refused by the policy of the border gateway"},
        }})
    );
}

#[test]
fn units_return_to_the_places_that_they_came_from() {
    let mut body = Object::new();
    body.insert("pdus".to_owned(), Value::Array(Vec::new()));
    place(&mut body, "/pdus/*", object(json!({"n": 1})));
    place(&mut body, "/pdus/*", object(json!({"n": 2})));
    place(&mut body, "/event", object(json!({"n": 3})));
    assert_eq!(
        body,
        object(json!({"pdus": [{"n": 1}, {"n": 2}], "event": {"n": 3}}))
    );
}

#[test]
fn a_far_sides_error_keeps_a_known_code_and_nothing_else() {
    for (body, code) in [
        (
            r#"{"errcode":"M_FORBIDDEN","error":"secret text"}"#,
            "M_FORBIDDEN",
        ),
        (r#"{"errcode":"M_SECRET_TEXT"}"#, "M_UNKNOWN"),
        (r#"{"errcode":{"a":1}}"#, "M_UNKNOWN"),
        ("<html>", "M_UNKNOWN"),
        ("", "M_UNKNOWN"),
    ] {
        assert_eq!(errcode(body.as_bytes()), code, "{body}");
    }
    let version = br#"{"errcode":"M_INCOMPATIBLE_ROOM_VERSION","room_version":"6"}"#;
    assert_eq!(room_version(version), "6");
    assert_eq!(room_version(br#"{"room_version":"a b"}"#), "");
}

#[test]
fn no_status_is_passed_on_that_silences_the_destination_for_a_policy_reason() {
    for (far, near) in [
        (400, 400),
        (403, 403),
        (404, 404),
        (405, 404),
        (413, 400),
        (401, 502),
        (429, 403),
        (500, 502),
        (503, 502),
        (302, 502),
    ] {
        assert_eq!(status(Op::Backfill, far).as_u16(), near, "{far}");
    }
    // A transaction that was shed must come again, so its sender has to know.
    assert_eq!(status(Op::Send, 429).as_u16(), 429);
    assert_eq!(status(Op::Send, 403).as_u16(), 403);
}

#[test]
fn a_request_is_signed_over_exactly_what_is_sent() {
    let key = SigningKey::from_seed("gw", &[7; 32]).unwrap();
    let body = object(json!({"pdus": [], "origin": "high.test"}));
    let target = "/_matrix/federation/v1/send/1";
    let outgoing = signed(
        "PUT",
        target,
        "high.test",
        "low.test",
        Some(body.clone()),
        &key,
    )
    .unwrap();
    assert_eq!(outgoing.body, Some(json::write(&body)));
    let header = XMatrix::parse(&outgoing.authorization.unwrap()).unwrap();
    assert_eq!(
        (header.origin.as_str(), header.destination.as_str()),
        ("high.test", "low.test")
    );
    let to_sign = request_json(
        "PUT",
        target,
        "high.test",
        "low.test",
        Some(&Value::Object(body)),
    );
    sluice_policy::keys::verify_request(&to_sign, &header.sig, &key.public()).unwrap();
}
