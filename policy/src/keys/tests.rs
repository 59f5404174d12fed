#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::json;

use super::*;
use crate::json::{Limits, parse, write};
use crate::test_world::{NOW, fields, key_of, object, recorded_keys, traffic, tree};

const DAY: i64 = 24 * 3600 * 1000;

/// The key document of `high.test`, changed, then signed.
fn document(change: impl FnOnce(&mut Object)) -> Object {
    let key = key_of("high.test");
    let mut document = fields(json!({
        "server_name": "high.test", "valid_until_ts": NOW + DAY, "old_verify_keys": {},
        "verify_keys": { key.id(): { "key": ids::to_base64(&key.public()) } },
    }));
    change(&mut document);
    key.sign_json("high.test", &mut document);
    document
}

fn set(name: &str, value: serde_json::Value) -> impl FnOnce(&mut Object) {
    move |object| drop(object.insert(name.to_owned(), tree(value)))
}

fn read(document: Object) -> Result<KeyDocument, Fault> {
    KeyDocument::read(document, "high.test", NOW)
}

#[test]
fn recorded_documents_are_read() {
    let keys = recorded_keys();
    assert_eq!(
        keys.keys().collect::<Vec<_>>(),
        ["alpha.test", "bravo.test"]
    );
    assert!(
        keys["alpha.test"]
            .request_key("ed25519:a_lab", NOW)
            .is_some()
    );
}

#[test]
fn a_document_of_the_wrong_shape_is_refused() {
    let key = json!({ "key": ids::to_base64(&key_of("low.test").public()) });
    let many: serde_json::Map<_, _> = (0..=MAX_VERIFY_KEYS)
        .map(|n| (format!("ed25519:k{n}"), key.clone()))
        .collect();
    let cases = [
        (
            set("server_name", json!("low.test")),
            Fault::KeyDocument("server_name"),
        ),
        (
            set("valid_until_ts", json!("soon")),
            Fault::KeyDocument("valid_until_ts"),
        ),
        (
            set("valid_until_ts", json!(-1)),
            Fault::KeyDocument("valid_until_ts"),
        ),
        (
            set("verify_keys", json!([])),
            Fault::KeyDocument("verify_keys"),
        ),
        (
            set("verify_keys", json!({ "rsa:a": key })),
            Fault::KeyDocument("verify_keys"),
        ),
        (
            set("verify_keys", json!({ "ed25519:a": { "key": "AAAA" } })),
            Fault::KeyDocument("verify_keys"),
        ),
        (
            set("verify_keys", json!(many)),
            Fault::KeyDocument("verify_keys"),
        ),
        (
            set("verify_keys", json!({ "ed25519:a": key })),
            Fault::KeySignature,
        ),
        (set("verify_keys", json!({})), Fault::KeySignature),
        (
            set("old_verify_keys", json!({ "ed25519:o": key })),
            Fault::KeyDocument("expired_ts"),
        ),
        (
            set("old_verify_keys", json!(null)),
            Fault::KeyDocument("old_verify_keys"),
        ),
    ];
    for (number, (change, fault)) in cases.into_iter().enumerate() {
        assert_eq!(read(document(change)), Err(fault), "case {number}");
    }
    assert_eq!(
        KeyDocument::read(document(|_| ()), "low.test", NOW),
        Err(Fault::KeyDocument("server_name"))
    );
}

#[test]
fn weak_keys_are_refused() {
    // The point of order 8 that has been used against homeservers, the neutral element, and the point of order 2.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    let order_eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_eight: Vec<u8> = (0..32)
        .map(|place| u8::from_str_radix(&order_eight[2 * place..2 * place + 2], 16).unwrap())
        .collect();
    for weak in [neutral, order_two, [0; 32], order_eight.try_into().unwrap()] {
        let key = json!({ "key": ids::to_base64(&weak), "expired_ts": 1 });
        assert_eq!(
            read(document(set(
                "old_verify_keys",
                json!({ "ed25519:w": key })
            ))),
            Err(Fault::WeakKey)
        );
        assert_eq!(
            read(document(set("verify_keys", json!({ "ed25519:w": key })))),
            Err(Fault::WeakKey)
        );
    }
}

#[test]
fn a_key_that_everybody_has_is_refused_and_as_an_old_key_unknown() {
    let key = json!({ "key": "l/O9hxMVKB6Lg+3Hqf0FQQZhVESQcMzbPN1Cz2nM3og", "expired_ts": NOW });
    assert_eq!(
        read(document(set("verify_keys", json!({ "ed25519:0": key })))),
        Err(Fault::WeakKey)
    );
    let document = read(document(set(
        "old_verify_keys",
        json!({ "ed25519:0": key }),
    )))
    .unwrap();
    assert_eq!(document.event_key("ed25519:0", 0), None);
}

#[test]
fn every_signature_of_a_listed_key_is_checked() {
    assert!(read(document(|_| ())).is_ok());
    let mut changed = document(|_| ());
    changed.insert("valid_until_ts".to_owned(), tree(json!(NOW + 2 * DAY)));
    assert_eq!(read(changed), Err(Fault::KeySignature));
    let mut unsigned = document(|_| ());
    unsigned.remove("signatures");
    assert_eq!(read(unsigned), Err(Fault::KeySignature));
    // A second listed key that did not really sign; one that is not listed is of no matter.
    let second = json!({ "key": ids::to_base64(&key_of("low.test").public()) });
    let ids = [
        key_of("high.test").id().to_owned(),
        "ed25519:second".to_owned(),
    ];
    let first = json!({ "key": ids::to_base64(&key_of("high.test").public()) });
    let mut two = document(set(
        "verify_keys",
        json!({ &ids[0]: first, &ids[1]: second }),
    ));
    assert!(read(two.clone()).is_ok());
    let own = two["signatures"].as_object().unwrap()["high.test"]
        .as_object()
        .unwrap()
        .clone();
    let mut forged = own.clone();
    forged.insert(ids[1].clone(), own[&ids[0]].clone());
    two.insert(
        "signatures".to_owned(),
        Tree::Object(Object::from([(
            "high.test".to_owned(),
            Tree::Object(forged),
        )])),
    );
    assert_eq!(read(two), Err(Fault::KeySignature));
}

#[test]
fn keys_end() {
    let old =
        json!({ "key": ids::to_base64(&key_of("low.test").public()), "expired_ts": NOW - DAY });
    let long = document(|document| {
        set("old_verify_keys", json!({ "ed25519:old": old }))(document);
        set("valid_until_ts", json!(NOW + 365 * DAY))(document);
    });
    let document = read(long).unwrap();
    let current = key_of("high.test").id().to_owned();
    assert_eq!(document.valid_until_ts, NOW + MAX_VALIDITY_MS);
    assert!(
        document
            .event_key(&current, NOW + MAX_VALIDITY_MS)
            .is_some()
    );
    assert!(
        document
            .event_key(&current, NOW + MAX_VALIDITY_MS + 1)
            .is_none()
    );
    assert!(
        document
            .request_key(&current, NOW + MAX_VALIDITY_MS + 1)
            .is_none()
    );
    assert!(document.event_key("ed25519:old", NOW - DAY).is_some());
    assert!(document.event_key("ed25519:old", NOW - DAY + 1).is_none());
    assert!(document.request_key("ed25519:old", NOW - DAY).is_none());
    assert!(document.event_key("ed25519:none", NOW).is_none());
}

#[test]
fn what_is_published_reads_back_with_the_injected_key() {
    let real = read(document(|_| ())).unwrap();
    let injected = SigningKey::from_seed("gw_1", &[9; 32]).unwrap();
    let published = real.publish("high.test", &injected, NOW);
    let signers = published["signatures"].as_object().unwrap()["high.test"]
        .as_object()
        .unwrap();
    assert_eq!(signers.keys().collect::<Vec<_>>(), ["ed25519:gw_1"]);
    let back = read(published).unwrap();
    assert_eq!(back.verify_keys.len(), 2);
    assert_eq!(back.verify_keys["ed25519:gw_1"], injected.public());
    assert_eq!(back.valid_until_ts, NOW + PUBLISHED_VALIDITY_MS);
    // It never outlives the real document.
    let short = KeyDocument {
        valid_until_ts: NOW + 5,
        ..real
    };
    assert_eq!(
        short.publish("high.test", &injected, NOW)["valid_until_ts"],
        tree(json!(NOW + 5))
    );
}

#[test]
fn a_key_file_is_one_line() {
    let key = SigningKey::from_seed("a_lab", &[3; 32]).unwrap();
    let line = key.to_line();
    assert!(line.starts_with("ed25519 a_lab ") && line.ends_with('\n'));
    assert_eq!(SigningKey::from_line(&line).unwrap().public(), key.public());
    let secret = line.split(' ').nth(2).unwrap().trim();
    assert!(!format!("{key:?}").contains(secret));
    let two = format!("{line}{line}");
    for bad in [
        "",
        "ed25519 a",
        "rsa a AAAA",
        "ed25519 a b c",
        "ed25519 a AAAA",
        &two,
        &line.replace("a_lab", "a-lab"),
    ] {
        assert!(
            matches!(SigningKey::from_line(bad), Err(Fault::SigningKey(_))),
            "{bad}"
        );
    }
}

#[test]
fn recorded_requests_verify_over_the_tree_and_over_the_bytes() {
    let keys = recorded_keys();
    for exchange in traffic() {
        let auth = &exchange.auth;
        let key = keys[&auth["origin"]]
            .request_key(&auth["key"], NOW)
            .unwrap();
        let raw = (!exchange.request.is_empty()).then_some(exchange.request.as_bytes());
        let body = raw.map(|raw| parse(raw, &Limits::SEND).unwrap());
        let (origin, destination, signature) =
            (&auth["origin"], &auth["destination"], &auth["sig"]);
        let request = request_json(
            &exchange.method,
            &exchange.path,
            origin,
            destination,
            body.as_ref(),
        );
        assert_eq!(
            verify_request(&request, signature, &key),
            Ok(()),
            "{}",
            exchange.path
        );
        let by_bytes = |path: &str, raw| {
            verify_request_raw(
                &exchange.method,
                path,
                origin,
                destination,
                raw,
                signature,
                &key,
            )
        };
        assert_eq!(by_bytes(&exchange.path, raw), Ok(()), "{}", exchange.path);
        assert_eq!(by_bytes("/other", raw), Err(Fault::RequestSignature));
        assert_eq!(
            by_bytes(&exchange.path, Some(b"{\"x\":1}".as_slice())),
            Err(Fault::RequestSignature)
        );
    }
}

#[test]
fn a_body_with_a_float_verifies_over_its_bytes() {
    let key = key_of("high.test");
    let body =
        br#"{"edus":[{"content":{"a":1.5,"b":1e+300},"edu_type":"m.direct_to_device"}],"pdus":[]}"#;
    let rest = write(&request_json("PUT", "/x", "high.test", "low.test", None));
    let signed = [b"{\"content\":".as_slice(), body, b",", &rest[1..]].concat();
    let signature = key.sign_bytes(&signed);
    let check = |body: &[u8]| {
        verify_request_raw(
            "PUT",
            "/x",
            "high.test",
            "low.test",
            Some(body),
            &signature,
            &key.public(),
        )
    };
    assert_eq!(check(body), Ok(()));
    assert_eq!(check(&body[1..]), Err(Fault::Syntax));
    assert_eq!(
        check(br#"{},"destination":"other.test""#),
        Err(Fault::Syntax)
    );
    assert_eq!(check(b"{}"), Err(Fault::RequestSignature));
}

#[test]
fn our_own_requests_verify() {
    let key = key_of("high.test");
    let body = Tree::Object(object(r#"{"pdus":[]}"#));
    let request = request_json(
        "PUT",
        "/_matrix/federation/v1/send/1",
        "high.test",
        "low.test",
        Some(&body),
    );
    let signature = sign_request(&key, &request);
    let written = write(&object(r#"{"pdus":[]}"#));
    let (method, uri) = ("PUT", "/_matrix/federation/v1/send/1");
    assert_eq!(
        sign_request_raw(method, uri, "high.test", "low.test", Some(&written), &key),
        signature
    );
    assert_eq!(verify_request(&request, &signature, &key.public()), Ok(()));
    assert_eq!(
        verify_request(&request, &signature, &key_of("low.test").public()),
        Err(Fault::RequestSignature)
    );
    assert_eq!(
        verify_request(&request, "AAAA", &key.public()),
        Err(Fault::RequestSignature)
    );
}

#[test]
fn a_document_is_shown_to_peers_as_it_was_signed_or_not_at_all() {
    let plain = document(|_| ());
    let mut decorated = plain.clone();
    decorated.insert("unsigned".to_owned(), tree(json!({"note": "x"})));
    let foreign = json!({"ed25519:x": "free text"});
    let signatures = decorated.get_mut("signatures").unwrap();
    signatures
        .as_object_mut()
        .unwrap()
        .insert("low.test".to_owned(), tree(foreign));
    let known = read(decorated.clone()).unwrap();
    assert_eq!(known.as_signed(&decorated), Ok(plain));

    for exchange in traffic() {
        if exchange.path == "/_matrix/key/v2/server" {
            let real = object(&exchange.response);
            let server = exchange.auth["destination"].clone();
            let known = KeyDocument::read(real.clone(), &server, NOW).unwrap();
            assert_eq!(
                known.as_signed(&real),
                Ok(real),
                "what Synapse signs is shown"
            );
        }
    }

    let beside = [
        document(set("note", json!("x"))),
        document(|document| {
            let keys = document.get_mut("verify_keys").unwrap();
            for key in keys.as_object_mut().unwrap().values_mut() {
                let key = key.as_object_mut().unwrap();
                key.insert("note".to_owned(), tree(json!("x")));
            }
        }),
    ];
    for document in beside {
        let known = read(document.clone()).unwrap();
        let refused = known.as_signed(&document).unwrap_err();
        assert_eq!(refused.rule(), "protocol.keys.shape");
    }
}
