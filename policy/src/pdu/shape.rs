//! The shape of a PDU: which keys it may have, of which type and size, and the id that follows from it.

use ruma_signatures::reference_hash;

use super::{MAX_PDU_BYTES, Pdu, RoomVersion, verify};
use crate::ids;
use crate::json::{Fault, Object, Tree, write};

/// Most events that one event may follow (specification, PDU format).
pub(super) const MAX_PREV_EVENTS: usize = 20;

/// Most events that may authorise one event (specification, PDU format).
pub(super) const MAX_AUTH_EVENTS: usize = 10;

/// Most signatures of one server on one event. One is usual, two during a change of keys; more is a place to hide data.
pub(super) const MAX_SIGNATURES: usize = 4;

/// What is thrown away unseen: no hash and no signature covers these keys.
const DROPPED: [&str; 4] = ["unsigned", "event_id", "age", "age_ts"];

/// A key at the top of an event, whether it must be there, and what it must be.
type Rule = (&'static str, bool, fn(&Tree) -> Result<(), Fault>);

/// The keys of every version but for `room_id`, which depends on version and type.
const KEYS: [Rule; 9] = [
    ("auth_events", true, |value| {
        event_ids(value, MAX_AUTH_EVENTS, "auth_events")
    }),
    ("content", true, |value| {
        value
            .is_object()
            .then_some(())
            .ok_or(Fault::Shape("content"))
    }),
    ("depth", true, |value| natural(value, "depth")),
    ("hashes", true, hashes),
    ("origin_server_ts", true, |value| {
        natural(value, "origin_server_ts")
    }),
    ("prev_events", true, |value| {
        event_ids(value, MAX_PREV_EVENTS, "prev_events")
    }),
    ("sender", true, |value| user_id(value)),
    ("state_key", false, |value| short_text(value, "state_key")),
    ("type", true, |value| short_text(value, "type")),
];

/// Keys that only version 10 knows. Redaction leaves the first three in place.
const LEGACY_KEYS: [Rule; 4] = [
    ("membership", false, |value| short_text(value, "membership")),
    ("prev_state", false, |value| short_text(value, "prev_state")),
    ("redacts", false, event_id),
    ("origin", false, origin),
];

/// From version 11 on redaction removes `origin`, but some homeservers still send it.
const MODERN_KEYS: [Rule; 1] = [("origin", false, origin)];

pub(super) fn read(mut object: Object, version: RoomVersion) -> Result<Pdu, Fault> {
    for key in DROPPED {
        object.remove(key);
    }
    check_keys(&object, version)?;
    check_type(&object, version)?;
    keep_signatures(&mut object)?;
    if write(&object).len() > MAX_PDU_BYTES {
        return Err(Fault::EventSize("event"));
    }
    let hash = reference_hash(&object, &version.rules())
        .map_err(|_| Fault::EventSize("redacted event"))?;
    let room_id = object
        .get("room_id")
        .and_then(Tree::as_str)
        .map_or_else(|| format!("!{hash}"), str::to_owned);
    Ok(Pdu {
        version,
        event_id: format!("${hash}"),
        room_id,
        object,
    })
}

/// Every key is known and right, and none is missing.
fn check_keys(object: &Object, version: RoomVersion) -> Result<(), Fault> {
    let extra: &[Rule] = if version == RoomVersion::V10 {
        &LEGACY_KEYS
    } else {
        &MODERN_KEYS
    };
    let rules = || KEYS.iter().chain(extra);
    for (key, required, check) in rules() {
        match object.get(*key) {
            Some(value) => check(value)?,
            None if *required => return Err(Fault::Shape(key)),
            None => {}
        }
    }
    let known = |key: &str| {
        matches!(key, "room_id" | "signatures") || rules().any(|(name, ..)| *name == key)
    };
    if object.keys().all(|key| known(key)) {
        Ok(())
    } else {
        Err(Fault::Shape("unknown key"))
    }
}

/// What hangs on the type: the room id, and the state keys of create and member events.
fn check_type(object: &Object, version: RoomVersion) -> Result<(), Fault> {
    let text = |key: &str| object.get(key).and_then(Tree::as_str);
    let kind = text("type").unwrap_or_default();
    let create = kind == "m.room.create" && text("state_key") == Some("");
    if kind == "m.room.create" && !create {
        return Err(Fault::Shape("state_key of m.room.create"));
    }
    if kind == "m.room.member" && !text("state_key").is_some_and(ids::is_user_id) {
        return Err(Fault::Shape("state_key of m.room.member"));
    }
    if object.contains_key("redacts") && kind != "m.room.redaction" {
        return Err(Fault::Shape("redacts"));
    }
    let room = match (version, create) {
        (RoomVersion::V12, true) => !object.contains_key("room_id"),
        (RoomVersion::V12, false) => text("room_id").is_some_and(ids::is_hash_room_id),
        _ => text("room_id").is_some_and(ids::is_domain_room_id),
    };
    if room {
        Ok(())
    } else {
        Err(Fault::Shape("room_id"))
    }
}

/// Removes signatures of servers that have no part in the event, and checks the others' shape.
fn keep_signatures(object: &mut Object) -> Result<(), Fault> {
    let signers = verify::signers(object)?;
    let signatures = object
        .get_mut("signatures")
        .and_then(Tree::as_object_mut)
        .ok_or(Fault::Shape("signatures"))?;
    signatures.retain(|server, _| signers.contains(server));
    for by_key in signatures.values() {
        let by_key = by_key.as_object().ok_or(Fault::Shape("signatures"))?;
        let fits = by_key.iter().all(|(key, signature)| {
            ids::is_key_id(key)
                && signature
                    .as_str()
                    .and_then(ids::base64_bytes::<64>)
                    .is_some()
        });
        if !fits || by_key.is_empty() || by_key.len() > MAX_SIGNATURES {
            return Err(Fault::Shape("signatures"));
        }
    }
    Ok(())
}

pub(super) fn natural(value: &Tree, name: &'static str) -> Result<(), Fault> {
    let fits = value
        .as_integer()
        .is_some_and(|value| i64::from(value) >= 0);
    if fits {
        Ok(())
    } else {
        Err(Fault::Shape(name))
    }
}

fn short_text(value: &Tree, name: &'static str) -> Result<(), Fault> {
    match value.as_str().ok_or(Fault::Shape(name))? {
        text if text.len() > ids::MAX_ID_BYTES => Err(Fault::EventSize(name)),
        _ => Ok(()),
    }
}

fn user_id(value: &Tree) -> Result<(), Fault> {
    short_text(value, "sender")?;
    let fits = value.as_str().is_some_and(ids::is_user_id);
    if fits {
        Ok(())
    } else {
        Err(Fault::Shape("sender"))
    }
}

fn origin(value: &Tree) -> Result<(), Fault> {
    let fits = value.as_str().is_some_and(ids::is_server_name);
    if fits {
        Ok(())
    } else {
        Err(Fault::Shape("origin"))
    }
}

fn event_id(value: &Tree) -> Result<(), Fault> {
    let fits = value.as_str().is_some_and(ids::is_event_id);
    if fits {
        Ok(())
    } else {
        Err(Fault::Shape("redacts"))
    }
}

pub(super) fn event_ids(value: &Tree, most: usize, name: &'static str) -> Result<(), Fault> {
    let items = value.as_array().ok_or(Fault::Shape(name))?;
    if items.len() > most {
        return Err(Fault::EventSize(name));
    }
    let fits = items
        .iter()
        .all(|item| item.as_str().is_some_and(ids::is_event_id));
    if fits {
        Ok(())
    } else {
        Err(Fault::Shape(name))
    }
}

/// Exactly one SHA-256 hash: other keys would be signed and would survive redaction.
fn hashes(value: &Tree) -> Result<(), Fault> {
    let hashes = value.as_object().filter(|hashes| hashes.len() == 1);
    let hash = hashes
        .and_then(|hashes| hashes.get("sha256"))
        .and_then(Tree::as_str);
    hash.and_then(ids::base64_bytes::<32>)
        .map(|_| ())
        .ok_or(Fault::Shape("hashes"))
}
