//! The ordinary world of the tests: two zones `high` and `low`, alice at `high.test`, bob at `low.test`, their keys,
//! and the recorded traffic of two real homeservers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test may panic"
)]

use std::collections::BTreeMap;

use crate::json::{Limits, Object, Tree, parse_object};
use crate::keys::{KeyDocument, SigningKey};
use crate::pdu::{Pdu, RoomVersion};

/// A room of version 12; any hash will do.
pub(crate) const ROOM: &str = "!4h8mOMTHYK4Ow-JZZR1nofCR1CKZNXD-s7cXlOD164I";
/// Some event.
pub(crate) const EVENT: &str = "$8DPhpPgmGXyQ51vIJnNAIj3fMs37jr8cxG396OEHF-o";
/// When the tests take place.
pub(crate) const NOW: i64 = 1_795_297_500_000;

/// An object from JSON text.
pub(crate) fn object(text: &str) -> Object {
    parse_object(text.as_bytes(), &Limits::REQUEST).unwrap()
}

/// A tree from a `json!` value.
pub(crate) fn tree(value: serde_json::Value) -> Tree {
    value.try_into().unwrap()
}

/// An object from a `json!` value.
pub(crate) fn fields(value: serde_json::Value) -> Object {
    match tree(value) {
        Tree::Object(object) => object,
        _ => Object::new(),
    }
}

/// The signing key of a server: its name gives the seed.
pub(crate) fn key_of(server: &str) -> SigningKey {
    let mut seed = [7; 32];
    seed.iter_mut()
        .zip(server.bytes())
        .for_each(|(seed, byte)| *seed = byte);
    SigningKey::from_seed("a_test", &seed).unwrap()
}

/// The key documents of servers, valid for a day.
pub(crate) fn keys_of(servers: &[&str]) -> BTreeMap<String, KeyDocument> {
    let document = |server: &&str| KeyDocument {
        server_name: (*server).to_owned(),
        verify_keys: BTreeMap::from([(key_of(server).id().to_owned(), key_of(server).public())]),
        old_verify_keys: BTreeMap::new(),
        valid_until_ts: NOW + 24 * 3600 * 1000,
    };
    servers
        .iter()
        .map(|server| ((*server).to_owned(), document(server)))
        .collect()
}

/// A message of alice's: shows only what is odd, as changes to the ordinary event (`null` takes a key away).
pub(crate) fn event(version: RoomVersion, changes: serde_json::Value) -> Object {
    let room = if version == RoomVersion::V12 {
        ROOM
    } else {
        "!room:high.test"
    };
    let mut event = fields(serde_json::json!({
        "auth_events": [EVENT], "content": {"body": "hello", "msgtype": "m.text"}, "depth": 12,
        "hashes": {"sha256": "bjxYPTHQoppffzjihG9Jzgj9zWTPMQ1XpI/OumIYGPY"}, "origin_server_ts": NOW,
        "prev_events": [EVENT], "room_id": room, "sender": "@alice:high.test", "signatures": {},
        "type": "m.room.message",
    }));
    for (key, value) in fields(changes) {
        match value {
            Tree::Null => event.remove(&key),
            value => event.insert(key, value),
        };
    }
    event
}

/// Hashes an event and lets servers sign it.
pub(crate) fn sealed(mut event: Object, version: RoomVersion, servers: &[&str]) -> Object {
    let hash = ruma_signatures::content_hash(&event).unwrap();
    event.insert(
        "hashes".to_owned(),
        tree(serde_json::json!({ "sha256": hash.encode() })),
    );
    let mut redacted =
        ruma_common::canonical_json::redact(event.clone(), &version.rules().redaction, None)
            .unwrap();
    for server in servers {
        key_of(server).sign_json(server, &mut redacted);
    }
    event.insert(
        "signatures".to_owned(),
        redacted.remove("signatures").unwrap_or_default(),
    );
    event
}

/// An event of alice's, hashed and signed by her server.
pub(crate) fn signed_pdu(version: RoomVersion, changes: serde_json::Value) -> Pdu {
    Pdu::read(
        sealed(event(version, changes), version, &["high.test"]),
        version,
    )
    .unwrap()
}

/// One exchange of the recorded traffic.
pub(crate) struct Exchange {
    /// Method.
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) path: String,
    /// Parameters of the X-Matrix header.
    pub(crate) auth: BTreeMap<String, String>,
    /// Body of the request; may be empty.
    pub(crate) request: String,
    /// Body of the answer.
    pub(crate) response: String,
}

/// All recorded exchanges between two real homeservers.
pub(crate) fn traffic() -> Vec<Exchange> {
    let lines = include_str!("../tests/fixtures/matrix-traffic.jsonl");
    lines.lines().map(exchange).collect()
}

fn exchange(line: &str) -> Exchange {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| line[key].as_str().unwrap().to_owned();
    let auth = text("auth");
    let parameter = |parameter: &str| {
        let (name, value) = parameter.split_once('=').expect("name=value");
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    Exchange {
        method: text("m"),
        path: text("path"),
        auth: auth
            .strip_prefix("X-Matrix ")
            .unwrap()
            .split(',')
            .map(parameter)
            .collect(),
        request: text("req"),
        response: text("resp"),
    }
}

/// The key documents of the recorded homeservers.
pub(crate) fn recorded_keys() -> BTreeMap<String, KeyDocument> {
    let answers = traffic()
        .into_iter()
        .filter(|exchange| exchange.path == "/_matrix/key/v2/server");
    let read = |exchange: Exchange| {
        let server = exchange.auth["destination"].clone();
        let document = KeyDocument::read(object(&exchange.response), &server, NOW).unwrap();
        (server, document)
    };
    answers.map(read).collect()
}
