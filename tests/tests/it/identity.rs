//! Three names, one identity: whoever does not prove all of them is refused before a byte of the body is read, stands in
//! the audit log, and reaches nobody.

use serde_json::Value;
use sluice_certs::{Authority, UnixTime};
use sluice_tests::stub::peer::{
    StubPeer, certificate, client_config, dial, exchange, nobodys_config, x_matrix,
};
use sluice_tests::stub::room::new_key;
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{World, next_send};

/// A body that is announced and never sent. It fits the endpoint, so that its length is no reason to refuse.
const ANNOUNCED: &str = "Content-Length: 1000000";

/// The head of a `/send` with this authorisation and a body that never comes.
fn head_alone(target: &str, authorization: &str) -> Vec<u8> {
    format!("PUT {target} HTTP/1.1\r\nHost: high.test\r\n{authorization}\r\n{ANNOUNCED}\r\n\r\n")
        .into_bytes()
}

/// The one audit line about a request refused as a whole that was written since.
fn refusal(world: &World, before: usize) -> Value {
    let lines = world.gateway.audit();
    let refused: Vec<&Value> = lines
        .iter()
        .skip(before)
        .filter(|line| line["kind"] == "refused")
        .collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    refused[0].clone()
}

#[test]
fn whoever_is_not_whom_he_says_is_refused_before_the_body_is_read() {
    let world = World::new();
    let (peer, border) = (&world.peer, world.gateway.border());
    let signed_as = |origin: &str, destination: &str| {
        let target = next_send();
        let authorization = x_matrix(
            &peer.signing,
            "PUT",
            &target,
            origin,
            destination,
            Some(b"{}"),
        );
        (target, authorization)
    };
    let (good, foreign_key) = (signed_as("low.test", "high.test"), new_key("gw_mallory"));
    let cases = [
        (
            "a name that is somebody else's",
            &peer.own,
            signed_as("other.test", "high.test"),
            403,
            "protocol.origin",
        ),
        (
            "our own name",
            &peer.own,
            signed_as("high.test", "high.test"),
            403,
            "protocol.origin",
        ),
        (
            "another destination",
            &peer.own,
            signed_as("low.test", "other.test"),
            403,
            "protocol.destination",
        ),
        (
            "a signing key that is not in the record",
            &peer.own,
            (
                good.0.clone(),
                x_matrix(
                    &foreign_key,
                    "PUT",
                    &good.0,
                    "low.test",
                    "high.test",
                    Some(b"{}"),
                ),
            ),
            401,
            "protocol.signing_key",
        ),
        (
            "no authorisation",
            &peer.own,
            (good.0.clone(), "X-Nothing: x".to_owned()),
            401,
            "protocol.xmatrix",
        ),
        (
            "another scheme",
            &peer.own,
            (good.0.clone(), "Authorization: Bearer token".to_owned()),
            401,
            "protocol.xmatrix",
        ),
        (
            "a name in another case",
            &peer.own,
            (
                good.0.clone(),
                good.1.replace("origin=\"low.test\"", "origin=\"Low.test\""),
            ),
            401,
            "protocol.xmatrix",
        ),
    ];
    for (story, own, (target, authorization), status, rule) in cases {
        let before = world.gateway.audit().len();
        let mut line = dial(client_config(own, &world.record), &world.record, border).unwrap();
        let reply = exchange(&mut line, &head_alone(&target, &authorization))
            .unwrap_or_else(|e| panic!("{story}: {e}"));
        assert_eq!(reply.status, status, "{story}: {}", reply.text());
        let refused = refusal(&world, before);
        assert!(
            refused["rule"].as_str().unwrap().starts_with(rule),
            "{story}: {refused}"
        );
        assert_eq!(refused["status"], status, "{story}");
    }
    world.nothing_reached_the_homeserver("none of them was whom he said");
}

#[test]
fn right_ca_but_another_name_or_key_is_a_stranger_refused_before_the_body_is_read() {
    let mut world = World::new();
    let (target, border) = (next_send(), world.gateway.border().to_owned());
    let authorization = x_matrix(
        &world.peer.signing,
        "PUT",
        &target,
        "low.test",
        "high.test",
        Some(b"{}"),
    );
    for name in ["gw.other.test", "gw.low.test"] {
        let own = certificate(&world.peer.ca, name);
        let mut line = dial(client_config(&own, &world.record), &world.record, &border).unwrap();
        let reply = exchange(&mut line, &head_alone(&target, &authorization)).unwrap();
        assert_eq!(reply.status, 403, "{name}: {}", reply.text());
    }
    world.gateway.stop();
    let lines = world.gateway.audit();
    for rule in ["protocol.peer.other_name", "protocol.peer.other_key"] {
        let counted = lines.iter().filter(|line| line["kind"] == "strangers");
        let count: u64 = counted
            .filter_map(|line| line["counts"][rule].as_u64())
            .sum();
        assert_eq!(count, 1, "{rule}");
    }
    world.nothing_reached_the_homeserver("neither is the peer of the record");
}

#[test]
fn strangers_without_a_certificate_of_ours_are_one_line_a_minute_and_reach_nobody() {
    let mut world = World::new();
    let border = world.gateway.border().to_owned();
    let foreign = Authority::generate("CA of nobody", UnixTime::now()).unwrap();
    let foreign = certificate(&foreign, "gw.low.test");
    let (target, request) = (
        next_send(),
        world
            .peer
            .request("GET", "/_matrix/key/v2/server", "high.test", None),
    );
    for _ in 0..5 {
        for config in [
            nobodys_config(&world.record),
            client_config(&foreign, &world.record),
        ] {
            let mut line = dial(config, &world.record, &border).unwrap();
            exchange(&mut line, &request).expect_err("no handshake, no answer");
        }
    }
    let mut line = dial(nobodys_config(&world.record), &world.record, &border).unwrap();
    exchange(&mut line, &head_alone(&target, "X-Nothing: x")).expect_err("nor to this one");
    world.gateway.stop();
    let lines = world.gateway.audit();
    let strangers: Vec<&Value> = lines
        .iter()
        .filter(|line| line["kind"] == "strangers")
        .collect();
    let count = |reason: &str| {
        strangers
            .iter()
            .map(|line| line["counts"][reason].as_u64().unwrap_or(0))
            .sum::<u64>()
    };
    assert_eq!(
        (count("no_certificate"), count("unknown_issuer")),
        (6, 5),
        "{strangers:?}"
    );
    // A minute may end while the test runs.
    assert!((1..=2).contains(&strangers.len()), "{strangers:?}");
    assert!(lines.iter().all(|line| line["kind"] != "refused"));
    world.nothing_reached_the_homeserver("strangers");
}

#[test]
fn a_request_signed_with_the_wrong_key_or_changed_on_the_way_is_refused() {
    let world = World::new();
    let (peer, target) = (&world.peer, next_send());
    let body = br#"{"origin":"low.test","origin_server_ts":1,"pdus":[]}"#;
    let forged = sluice_policy::keys::SigningKey::from_seed("gw_low", &[7; 32]).unwrap();
    let good = peer.authorization("PUT", &target, "high.test", Some(body));
    let changed = br#"{"origin":"low.test","origin_server_ts":2,"pdus":[]}"#;
    let cases: [(&str, String, String, &[u8]); 3] = [
        (
            "the right key id, another key",
            target.clone(),
            x_matrix(&forged, "PUT", &target, "low.test", "high.test", Some(body)),
            body,
        ),
        ("another body", target.clone(), good.clone(), changed),
        ("another path", next_send(), good, body),
    ];
    for (story, target, authorization, body) in cases {
        let before = world.gateway.audit().len();
        let bytes = sluice_tests::stub::wire::request_bytes(
            "PUT",
            &target,
            "high.test",
            &[authorization],
            Some(body),
        );
        let reply: Reply = world.raw(&bytes);
        assert_eq!(reply.status, 401, "{story}: {}", reply.text());
        assert_eq!(
            refusal(&world, before)["rule"],
            "protocol.xmatrix_signature",
            "{story}"
        );
    }
    world.nothing_reached_the_homeserver("the signatures were wrong");
}

#[test]
fn a_peer_that_left_the_records_is_a_stranger_after_the_reload() {
    let world = World::new();
    let body = br#"{"origin":"low.test","origin_server_ts":1,"pdus":[]}"#;
    assert_eq!(world.from_peer("PUT", &next_send(), Some(body)).status, 200);
    let mut kept = world
        .peer
        .dial(&world.record, world.gateway.border())
        .unwrap();
    let keys = world
        .peer
        .request("GET", "/_matrix/key/v2/server", "high.test", None);
    assert_eq!(exchange(&mut kept, &keys).unwrap().status, 200);
    world.forget();
    std::fs::remove_file(world.gateway.file("peers/low.json")).unwrap();
    world.gateway.reload();
    let request = world
        .peer
        .request("PUT", &next_send(), "high.test", Some(body));
    let reply = exchange(&mut kept, &request).unwrap();
    assert_eq!(reply.status, 403, "an open connection: {}", reply.text());
    let mut fresh = world
        .peer
        .dial(&world.record, world.gateway.border())
        .unwrap();
    exchange(&mut fresh, &request).expect_err("a new connection");
    world.nothing_reached_the_homeserver("the peer has no record any more");
}

#[test]
fn the_hook_believes_only_the_secret_and_only_our_own_names() {
    let mut world = World::new();
    let (target, body) = (
        next_send(),
        br#"{"origin":"high.test","origin_server_ts":1,"pdus":[]}"#,
    );
    let signed = x_matrix(
        &world.homeserver.key,
        "PUT",
        &target,
        "high.test",
        "low.test",
        Some(body),
    );
    let secret = format!(
        "Proxy-Authorization: Bearer {}",
        world.gateway.inside_secret()
    );
    let ask = |fields: &[String], to: &str| {
        let absolute = format!("matrix-federation://{to}{target}");
        let bytes =
            sluice_tests::stub::wire::request_bytes("PUT", &absolute, "x:80", fields, Some(body));
        world.gateway.hook(&bytes)
    };
    assert_eq!(
        ask(std::slice::from_ref(&signed), "low.test").status,
        403,
        "no secret"
    );
    assert_eq!(
        ask(
            &[
                "Proxy-Authorization: Bearer guess".to_owned(),
                signed.clone()
            ],
            "low.test"
        )
        .status,
        403
    );
    assert_eq!(
        ask(&[secret.clone(), signed.clone()], "unlisted.test").status,
        403,
        "an unlisted destination"
    );
    let stranger = x_matrix(
        &world.homeserver.key,
        "PUT",
        &target,
        "other.test",
        "low.test",
        Some(body),
    );
    assert_eq!(
        ask(&[secret.clone(), stranger], "low.test").status,
        403,
        "an origin that is not ours"
    );
    let elsewhere = x_matrix(
        &world.homeserver.key,
        "PUT",
        &target,
        "high.test",
        "other.test",
        Some(body),
    );
    assert_eq!(
        ask(&[secret.clone(), elsewhere], "low.test").status,
        403,
        "a destination that does not fit"
    );
    assert!(
        world.peer.far.raw().is_empty(),
        "nothing of it reached the peer"
    );
    assert_eq!(
        ask(&[secret, signed], "low.test").status,
        200,
        "the right one"
    );
    assert_eq!(world.peer.far.requests_of("PUT ").len(), 1);
    world.gateway.stop();
    let rules = world.rules_since(0);
    for rule in [
        "protocol.unlisted",
        "protocol.origin",
        "protocol.destination",
    ] {
        assert!(rules.iter().any(|seen| seen == rule), "{rule}: {rules:?}");
    }
    assert!(world.gateway.audit_text().contains("\"inside_secret\":2"));
}

#[test]
fn a_stub_peer_is_taken_for_what_its_record_says() {
    // The control of this file: the same world, everything right, and a request crosses with our own key.
    let world = World::new();
    let stranger = StubPeer::new("other");
    assert_ne!(
        stranger.own.facts().pin.to_string(),
        world.peer.own.facts().pin.to_string()
    );
    let body = br#"{"origin":"low.test","origin_server_ts":1,"pdus":[]}"#;
    let reply = world.from_peer("PUT", &next_send(), Some(body));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = world
        .homeserver
        .far
        .requests_of("PUT /_matrix/federation/v1/send/");
    assert_eq!(sent.len(), 1);
    assert!(
        !sent[0].head.contains(world.peer.signing.id()),
        "the third hop has its own signature"
    );
}
