//! Bodies without hashes and signatures of their own: profiles, device lists, keys, claims and the ids asked for.
//!
//! Part of stage `collect`. Each is rebuilt from the keys that the specification names and the shapes that it gives
//! them; other keys are left behind. A user who does not belong to the server that answers is a fault. Key material is
//! carried over as it is, because signatures cover it, less `unsigned` and device names, which they do not cover.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};

use crate::collect::Condemned;
use crate::exchange::{Exchange, Way};
use crate::listing;
use crate::route::UnitKind;
use sluice_policy::ids;

/// Largest profile, in bytes of canonical JSON (specification).
const MAX_PROFILE: usize = 64 * 1024;
/// Longest time zone, in bytes.
const MAX_TIME_ZONE: usize = 255;
/// Keys of a device's or a cross-signing key object that are kept.
const KEY_OBJECT_FIELDS: [&str; 6] = [
    "algorithms",
    "device_id",
    "keys",
    "signatures",
    "usage",
    "user_id",
];
/// Most users in one key request or answer.
const MAX_USERS: usize = 1000;
/// Most keys, signatures or algorithms in one place.
const MAX_NAMES: usize = 32;
/// Longest device id, algorithm or key name, in bytes.
const MAX_WORD: usize = 64;
/// Most devices of one user.
const MAX_DEVICES: usize = 1000;

/// Rebuilds a plain unit from its known keys. Of a profile `profile_fields` cross, or all.
///
/// # Errors
/// [`Condemned`] with the rule that its shape broke.
pub fn check(
    exchange: &Exchange,
    way: Way,
    kind: UnitKind,
    object: Object,
    profile_fields: Option<&[String]>,
) -> Result<Object, Condemned> {
    let author = exchange.author(way);
    let asked = exchange.destination();
    let rebuilt = match kind {
        UnitKind::Profile => profile(object, profile_fields),
        UnitKind::DeviceList => exchange
            .route
            .params
            .get("user")
            .and_then(|user| device_list(object, user)),
        UnitKind::Keys => keys(object, author),
        UnitKind::Claim => claim(object, author),
        UnitKind::Ids => ids_asked_for(object, asked),
        UnitKind::Search => listing::search(object),
        UnitKind::Pdu
        | UnitKind::StrippedState
        | UnitKind::Template
        | UnitKind::Edu
        | UnitKind::Directory
        | UnitKind::Alias
        | UnitKind::Summary => None,
    };
    rebuilt.ok_or_else(|| Condemned::new(rule(kind)))
}

const fn rule(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Profile => "protocol.profile",
        UnitKind::DeviceList => "protocol.device_list",
        UnitKind::Keys => "protocol.keys",
        UnitKind::Claim => "protocol.claim",
        UnitKind::Search => "protocol.search",
        _ => "protocol.ids",
    }
}

/// The fields that the link lists. Those that the specification knows have its shape; any other is looked into as it is.
fn profile(mut object: Object, fields: Option<&[String]>) -> Option<Object> {
    object.retain(|name, _| fields.is_none_or(|fields| fields.contains(name)));
    let whole = object
        .iter()
        .all(|(name, value)| match (name.as_str(), value) {
            ("displayname" | "avatar_url", value) => {
                matches!(value, Value::String(_) | Value::Null)
            }
            ("m.tz", Value::String(zone)) => zone.len() <= MAX_TIME_ZONE,
            ("m.tz", _) => false,
            _ => true,
        });
    let fits = sluice_policy::json::write(&object).len() <= MAX_PROFILE;
    (whole && fits).then_some(object)
}

fn device_list(mut object: Object, user: &str) -> Option<Object> {
    let mut kept = Object::new();
    let user_id = object
        .remove("user_id")
        .filter(|value| is_text(value, user))?;
    let stream_id = object
        .remove("stream_id")
        .filter(|value| matches!(value, Value::Integer(_)))?;
    let Some(Value::Array(devices)) = object.remove("devices") else {
        return None;
    };
    if devices.len() > MAX_DEVICES {
        return None;
    }
    let devices: Option<Vec<Value>> = devices
        .into_iter()
        .map(|device| listed_device(device, user))
        .collect();
    kept.insert("user_id".to_owned(), user_id);
    kept.insert("stream_id".to_owned(), stream_id);
    kept.insert("devices".to_owned(), Value::Array(devices?));
    for name in ["master_key", "self_signing_key"] {
        match object.remove(name) {
            None => {}
            Some(Value::Null) => drop(kept.insert(name.to_owned(), Value::Null)),
            Some(key) => drop(kept.insert(name.to_owned(), key_object(key, user)?)),
        }
    }
    Some(kept)
}

fn listed_device(device: Value, user: &str) -> Option<Value> {
    let Value::Object(mut device) = device else {
        return None;
    };
    let mut kept = Object::new();
    kept.insert(
        "device_id".to_owned(),
        device.remove("device_id").filter(is_word)?,
    );
    if let Some(keys) = device.remove("keys") {
        kept.insert("keys".to_owned(), key_object(keys, user)?);
    }
    Some(Value::Object(kept))
}

fn keys(mut object: Object, author: &str) -> Option<Object> {
    let mut kept = Object::new();
    if let Some(users) = object.remove("device_keys") {
        let by_device =
            |user: &str, devices| map_values(devices, MAX_DEVICES, |_, key| key_object(key, user));
        kept.insert(
            "device_keys".to_owned(),
            map_users(users, author, by_device)?,
        );
    }
    for name in ["master_keys", "self_signing_keys"] {
        if let Some(users) = object.remove(name) {
            kept.insert(
                name.to_owned(),
                map_users(users, author, |user, key| key_object(key, user))?,
            );
        }
    }
    Some(kept)
}

fn claim(mut object: Object, author: &str) -> Option<Object> {
    let by_device = |_: &str, devices| {
        map_values(devices, MAX_DEVICES, |_, keys| {
            map_values(keys, 1, claimed_key)
        })
    };
    let users = map_users(object.remove("one_time_keys")?, author, by_device)?;
    Some(Object::from([("one_time_keys".to_owned(), users)]))
}

/// `algorithm:id` to a key: plain text, or an object with key, signatures and the fallback mark.
fn claimed_key(id: &str, key: Value) -> Option<Value> {
    if !is_key_id(id) {
        return None;
    }
    match key {
        Value::String(_) => Some(key).filter(is_base64::<32>),
        Value::Object(mut key) => {
            key.retain(|name, _| matches!(name.as_str(), "key" | "signatures" | "fallback"));
            let whole = key.get("key").is_some_and(is_base64::<32>)
                && key.get("signatures").is_none_or(is_signatures)
                && key
                    .get("fallback")
                    .is_none_or(|mark| matches!(mark, Value::Bool(_)));
            whole.then_some(Value::Object(key))
        }
        _ => None,
    }
}

/// A request's `device_keys` (user to device ids) or `one_time_keys` (user to device to algorithm).
fn ids_asked_for(mut object: Object, asked: &str) -> Option<Object> {
    let mut kept = Object::new();
    if let Some(users) = object.remove("device_keys") {
        let devices = |_: &str, list| match list {
            Value::Array(list) if list.len() <= MAX_DEVICES && list.iter().all(is_word) => {
                Some(Value::Array(list))
            }
            _ => None,
        };
        kept.insert("device_keys".to_owned(), map_users(users, asked, devices)?);
    }
    if let Some(users) = object.remove("one_time_keys") {
        let devices =
            |_: &str, list| map_values(list, MAX_DEVICES, |_, name| Some(name).filter(is_word));
        kept.insert(
            "one_time_keys".to_owned(),
            map_users(users, asked, devices)?,
        );
    }
    (kept.len() == 1).then_some(kept)
}

/// Keys and signatures are base64 of their one length and names are short words, so that nothing else can hide there.
fn key_object(key: Value, user: &str) -> Option<Value> {
    let Value::Object(mut key) = key else {
        return None;
    };
    key.get("user_id").filter(|value| is_text(value, user))?;
    key.retain(|name, _| KEY_OBJECT_FIELDS.contains(&name.as_str()));
    let whole = key.iter().all(|(name, value)| match name.as_str() {
        "keys" => is_map(value, |id, key| is_key_id(id) && is_base64::<32>(key)),
        "signatures" => is_signatures(value),
        "algorithms" | "usage" => is_words(value),
        "device_id" => is_word(value),
        _ => true,
    });
    whole.then_some(Value::Object(key))
}

fn is_signatures(value: &Value) -> bool {
    is_map(value, |user, by_key| {
        ids::is_user_id(user)
            && is_map(by_key, |id, signature| {
                is_key_id(id) && is_base64::<64>(signature)
            })
    })
}

fn is_map(value: &Value, each: impl Fn(&str, &Value) -> bool) -> bool {
    matches!(value, Value::Object(map) if map.len() <= MAX_NAMES && map.iter().all(|(name, value)| each(name, value)))
}

fn is_words(value: &Value) -> bool {
    matches!(value, Value::Array(list) if list.len() <= MAX_NAMES && list.iter().all(is_word))
}

/// A device id, an algorithm or a usage.
fn is_word(value: &Value) -> bool {
    matches!(value, Value::String(text) if is_short_word(text))
}

/// `algorithm:name`; the name of a cross-signing key is the key itself.
fn is_key_id(id: &str) -> bool {
    id.split_once(':')
        .is_some_and(|(algorithm, name)| is_short_word(algorithm) && is_short_word(name))
}

fn is_short_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/=".contains(&byte);
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(fits)
}

fn is_base64<const N: usize>(value: &Value) -> bool {
    matches!(value, Value::String(text) if ids::base64_bytes::<N>(text).is_some())
}

fn map_users(
    users: Value,
    server: &str,
    each: impl Fn(&str, Value) -> Option<Value>,
) -> Option<Value> {
    map_values(users, MAX_USERS, |user, value| {
        let belongs = ids::is_user_id(user) && ids::user_server(user) == Some(server);
        if belongs { each(user, value) } else { None }
    })
}

fn map_values(
    object: Value,
    most: usize,
    each: impl Fn(&str, Value) -> Option<Value>,
) -> Option<Value> {
    let Value::Object(object) = object else {
        return None;
    };
    if object.len() > most {
        return None;
    }
    let mapped: Option<Object> = object
        .into_iter()
        .map(|(name, value)| each(&name, value).map(|value| (name, value)))
        .collect();
    mapped.map(Value::Object)
}

fn is_text(value: &Value, expected: &str) -> bool {
    matches!(value, Value::String(text) if text == expected)
}

#[cfg(test)]
mod tests;
