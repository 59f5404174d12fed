//! A factory of events: hashed, signed and chained as a homeserver would, so that a test shows only what is odd.

use ruma_common::canonical_json::redact;
use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};
use ruma_signatures::{content_hash, reference_hash};
use serde_json::{Value, json};
use sluice_policy::ids;
use sluice_policy::json::{Limits, parse_object, write};
use sluice_policy::keys::SigningKey;
use sluice_policy::pdu::RoomVersion;

/// The room versions that the gateway judges.
pub const VERSIONS: [RoomVersion; 3] = [RoomVersion::V10, RoomVersion::V11, RoomVersion::V12];

/// Generous bounds for what the tests themselves write.
const OURS: Limits = Limits {
    bytes: 16 * 1024 * 1024,
    depth: 100,
    nodes: 1_000_000,
};

/// A user with the key of her homeserver.
#[derive(Debug, Clone)]
pub struct Actor {
    /// User id.
    pub user: String,
    /// Her homeserver's signing key.
    pub key: SigningKey,
}

impl Actor {
    /// Her homeserver.
    #[must_use]
    pub fn server(&self) -> &str {
        self.user.split_once(':').map_or("", |(_, server)| server)
    }
}

/// A finished event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Event id, by its reference hash.
    pub id: String,
    /// The event as it stands in a transaction.
    pub json: Value,
}

impl Event {
    /// The event as canonical JSON.
    #[must_use]
    pub fn text(&self) -> String {
        self.json.to_string()
    }

    /// Its redacted form.
    #[must_use]
    pub fn redacted(&self, version: RoomVersion) -> Self {
        let rules = version.rules().redaction;
        let redacted = redact(object(&self.json), &rules, None)
            .unwrap_or_else(|error| panic!("redact: {error}"));
        Self {
            id: self.id.clone(),
            json: value(redacted),
        }
    }
}

/// A room and the end of its chain of events.
#[derive(Debug, Clone)]
pub struct Room {
    /// Room id.
    pub id: String,
    /// Its version.
    pub version: RoomVersion,
    /// The create event.
    pub create: Event,
    auth: Vec<String>,
    last: String,
    depth: i64,
}

impl Room {
    /// A room that `creator` made, and in which she is.
    #[must_use]
    pub fn create(version: RoomVersion, creator: &Actor) -> Self {
        let mut fields = json!({
            "type": "m.room.create", "state_key": "", "sender": creator.user, "depth": 1, "prev_events": [],
            "auth_events": [], "origin_server_ts": now_ms(), "content": {"room_version": version.as_str()},
        });
        let named = format!("!{}:{}", random_word(), creator.server());
        if version == RoomVersion::V10 {
            fields["content"]["creator"] = json!(creator.user);
        }
        if version == RoomVersion::V12 {
            fields["content"]["predecessor"] = json!({"room_id": format!("{named}x")});
        } else {
            fields["room_id"] = json!(named);
        }
        let create = seal(version, fields, &creator.key, creator.server());
        let id = if version == RoomVersion::V12 {
            create.id.replacen('$', "!", 1)
        } else {
            named
        };
        let auth = if version == RoomVersion::V12 {
            Vec::new()
        } else {
            vec![create.id.clone()]
        };
        Self {
            id,
            version,
            last: create.id.clone(),
            create,
            auth,
            depth: 1,
        }
    }

    /// The next event of the room.
    pub fn event(
        &mut self,
        sender: &Actor,
        kind: &str,
        state_key: Option<&str>,
        content: Value,
    ) -> Event {
        let mut fields = self.draft(sender, kind, content);
        if let Some(state_key) = state_key {
            fields["state_key"] = json!(state_key);
        }
        let event = seal(self.version, fields, &sender.key, sender.server());
        self.last.clone_from(&event.id);
        self.depth += 1;
        event
    }

    /// An event without hash and signature, for a test that adds what is odd before [`seal`].
    #[must_use]
    pub fn draft(&self, sender: &Actor, kind: &str, content: Value) -> Value {
        json!({
            "type": kind, "room_id": self.id, "sender": sender.user, "depth": self.depth + 1,
            "prev_events": [self.last], "auth_events": self.auth, "origin_server_ts": now_ms(), "content": content,
        })
    }

    /// The next message.
    pub fn message(&mut self, sender: &Actor, body: &str) -> Event {
        self.event(
            sender,
            "m.room.message",
            None,
            json!({"msgtype": "m.text", "body": body}),
        )
    }

    /// The next membership.
    pub fn member(&mut self, sender: &Actor, user: &str, membership: &str) -> Event {
        self.event(
            sender,
            "m.room.member",
            Some(user),
            json!({"membership": membership}),
        )
    }
}

/// Hashes and signs an event.
///
/// # Panics
/// Where it is not canonical JSON.
#[must_use]
pub fn seal(version: RoomVersion, fields: Value, key: &SigningKey, server: &str) -> Event {
    let mut event = object(&fields);
    let hash = content_hash(&event).unwrap_or_else(|error| panic!("content hash: {error}"));
    let hashes = Object::from([(
        "sha256".to_owned(),
        Tree::String(ids::to_base64(hash.as_bytes())),
    )]);
    event.insert("hashes".to_owned(), Tree::Object(hashes));
    sign(version, event, key, server)
}

/// Signs an event whose hash is what it is.
///
/// # Panics
/// Where it is not canonical JSON.
#[must_use]
pub fn sign(version: RoomVersion, mut event: Object, key: &SigningKey, server: &str) -> Event {
    let rules = version.rules();
    let mut signed = redact(event.clone(), &rules.redaction, None)
        .unwrap_or_else(|error| panic!("redact: {error}"));
    signed.remove("signatures");
    key.sign_json(server, &mut signed);
    if let Some(signatures) = signed.remove("signatures") {
        event.insert("signatures".to_owned(), signatures);
    }
    let hash =
        reference_hash(&event, &rules).unwrap_or_else(|error| panic!("reference hash: {error}"));
    Event {
        id: format!("${hash}"),
        json: value(event),
    }
}

/// A homeserver's key document, valid for a day.
#[must_use]
pub fn key_document(server: &str, key: &SigningKey) -> Value {
    key_document_until(server, key, now_ms() + 86_400_000)
}

/// As [`key_document`], valid until then, in milliseconds since 1970.
#[must_use]
pub fn key_document_until(server: &str, key: &SigningKey, until: i64) -> Value {
    let mut document = object(&json!({
        "server_name": server, "old_verify_keys": {}, "valid_until_ts": until,
        "verify_keys": {key.id(): {"key": ids::to_base64(&key.public())}},
    }));
    key.sign_json(server, &mut document);
    value(document)
}

/// A `/send` body of these events.
#[must_use]
pub fn transaction(origin: &str, events: &[Event]) -> Value {
    let pdus: Vec<&Value> = events.iter().map(|event| &event.json).collect();
    json!({"origin": origin, "origin_server_ts": now_ms(), "pdus": pdus})
}

/// A signing key of its own.
///
/// # Panics
/// Where `name` is no key name.
#[must_use]
pub fn new_key(name: &str) -> SigningKey {
    let seed = ed25519_dalek::SigningKey::from_bytes(&random_bytes()).to_bytes();
    SigningKey::from_seed(name, &seed).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// JSON as the canonical tree.
///
/// # Panics
/// Where it is no canonical object.
#[must_use]
pub fn object(value: &Value) -> Object {
    parse_object(value.to_string().as_bytes(), &OURS)
        .unwrap_or_else(|fault| panic!("{fault}: {value}"))
}

/// The canonical tree as JSON.
///
/// # Panics
/// Never for what [`object`] read.
#[must_use]
pub fn value(object: Object) -> Value {
    serde_json::from_slice(&write(&object)).unwrap_or_else(|error| panic!("{error}"))
}

/// Milliseconds since the epoch.
#[must_use]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A word that no other call gives.
#[must_use]
pub fn random_word() -> String {
    random_bytes()
        .iter()
        .take(9)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect()
}

fn random_bytes() -> [u8; 32] {
    use std::hash::{BuildHasher as _, Hasher as _};
    let mut bytes = [0; 32];
    for part in bytes.chunks_mut(8) {
        let random = std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish();
        part.copy_from_slice(&random.to_le_bytes());
    }
    bytes
}
