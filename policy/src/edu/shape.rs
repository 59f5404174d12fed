//! The keys that each type of EDU knows. What is not listed is taken away; what is listed must fit.

use super::{EduKind, MAX_MESSAGE_ID_CHARS, to_device};
use crate::ids;
use crate::json::{Fault, Object, Tree};

/// A key, whether it must be there, and whether a value fits.
pub(super) type Key = (&'static str, bool, fn(&Tree) -> bool);

const TYPING: [Key; 3] = [
    ("room_id", true, room_id),
    ("typing", true, Tree::is_bool),
    ("user_id", true, user_id),
];

/// `status_msg` is free text, so it is not in the list.
const PRESENCE: [Key; 4] = [
    ("currently_active", false, Tree::is_bool),
    ("last_active_ago", false, natural),
    ("presence", true, |value| {
        text(value, |word| {
            ["online", "offline", "unavailable", "busy"].contains(&word)
        })
    }),
    ("user_id", true, user_id),
];

const RECEIPT: [Key; 2] = [
    ("data", true, Tree::is_object),
    ("event_ids", true, |value| list(value, event_id)),
];

const RECEIPT_DATA: [Key; 2] = [
    ("thread_id", false, |value| {
        text(value, |thread| thread == "main" || ids::is_event_id(thread))
    }),
    ("ts", false, natural),
];

/// `device_display_name` is free text, so it is not in the list.
const DEVICE: [Key; 6] = [
    ("deleted", false, Tree::is_bool),
    ("device_id", true, word),
    ("keys", false, Tree::is_object),
    ("prev_id", false, |value| list(value, natural)),
    ("stream_id", true, natural),
    ("user_id", true, user_id),
];

/// `unsigned` would repeat the display name.
const DEVICE_KEYS: [Key; 5] = [
    ("algorithms", true, |value| list(value, word)),
    ("device_id", true, word),
    ("keys", true, |value| map(value, word)),
    ("signatures", true, |value| {
        map(value, |by_key| map(by_key, word))
    }),
    ("user_id", true, user_id),
];

const SIGNING_KEYS: [Key; 3] = [
    ("master_key", false, Tree::is_object),
    ("self_signing_key", false, Tree::is_object),
    ("user_id", true, user_id),
];

const CROSS_SIGNING_KEY: [Key; 4] = [
    ("keys", true, |value| map(value, word)),
    ("signatures", false, |value| {
        map(value, |by_key| map(by_key, word))
    }),
    ("usage", true, |value| {
        list(value, |usage| {
            text(usage, |word| ["master", "self_signing"].contains(&word))
        })
    }),
    ("user_id", true, user_id),
];

const TO_DEVICE: [Key; 4] = [
    ("message_id", true, |value| {
        text(value, |id| {
            id.len() <= MAX_MESSAGE_ID_CHARS && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
    }),
    ("messages", true, Tree::is_object),
    ("sender", true, user_id),
    ("type", true, short),
];

/// Longest public key, signature, device id or other word made by a device, in bytes. A signature has 86.
const MAX_WORD_BYTES: usize = 128;

/// The content with known keys only.
pub(super) fn rebuild(kind: EduKind, content: Object) -> Result<Object, Fault> {
    match kind {
        EduKind::Typing => keep(content, &TYPING),
        EduKind::Receipt => receipts(content),
        EduKind::Presence => presence(content),
        EduKind::DeviceListUpdate => nested(keep(content, &DEVICE)?, &["keys"], &DEVICE_KEYS),
        EduKind::SigningKeyUpdate => nested(
            keep(content, &SIGNING_KEYS)?,
            &["master_key", "self_signing_key"],
            &CROSS_SIGNING_KEY,
        ),
        EduKind::DirectToDevice => to_device::rebuild(keep(content, &TO_DEVICE)?),
    }
}

/// Keeps the keys of a list, and checks them.
pub(super) fn keep(mut object: Object, keys: &[Key]) -> Result<Object, Fault> {
    object.retain(|key, _| keys.iter().any(|(name, ..)| name == key));
    for (name, required, fits) in keys {
        match object.get(*name) {
            Some(value) if !fits(value) => return Err(Fault::EduShape(name)),
            None if *required => return Err(Fault::EduShape(name)),
            _ => {}
        }
    }
    Ok(object)
}

/// Does the same to objects inside, and holds their user to be the outer one.
fn nested(mut object: Object, names: &[&'static str], keys: &[Key]) -> Result<Object, Fault> {
    let user = object.get("user_id").cloned();
    for name in names {
        let Some(Tree::Object(inner)) = object.remove(*name) else {
            continue;
        };
        let inner = keep(inner, keys)?;
        if inner.get("user_id") != user.as_ref() {
            return Err(Fault::EduShape("user_id"));
        }
        object.insert((*name).to_owned(), Tree::Object(inner));
    }
    Ok(object)
}

fn presence(mut content: Object) -> Result<Object, Fault> {
    let Some(Tree::Array(pushes)) = content.remove("push") else {
        return Err(Fault::EduShape("push"));
    };
    let push = |push| match push {
        Tree::Object(push) => keep(push, &PRESENCE).map(Tree::Object),
        _ => Err(Fault::EduShape("push")),
    };
    let pushes = pushes.into_iter().map(push).collect::<Result<_, _>>()?;
    Ok(Object::from([("push".to_owned(), Tree::Array(pushes))]))
}

/// Room by room; only public read receipts go on.
fn receipts(content: Object) -> Result<Object, Fault> {
    let mut rooms = Object::new();
    for (room, by_type) in content {
        let Tree::Object(mut by_type) = by_type else {
            return Err(Fault::EduShape("receipt"));
        };
        if !ids::is_room_id(&room) {
            return Err(Fault::EduShape("room_id"));
        }
        if let Some(users) = by_type.remove("m.read") {
            let kept =
                Object::from([("m.read".to_owned(), Tree::Object(receipts_of_users(users)?))]);
            rooms.insert(room, Tree::Object(kept));
        }
    }
    Ok(rooms)
}

fn receipts_of_users(users: Tree) -> Result<Object, Fault> {
    let Tree::Object(users) = users else {
        return Err(Fault::EduShape("receipt"));
    };
    let read = |(user, receipt): (String, Tree)| {
        let Tree::Object(receipt) = receipt else {
            return Err(Fault::EduShape("receipt"));
        };
        if !ids::is_user_id(&user) {
            return Err(Fault::EduShape("user_id"));
        }
        let mut receipt = keep(receipt, &RECEIPT)?;
        if let Some(Tree::Object(data)) = receipt.remove("data") {
            receipt.insert("data".to_owned(), Tree::Object(keep(data, &RECEIPT_DATA)?));
        }
        Ok((user, Tree::Object(receipt)))
    };
    users.into_iter().map(read).collect()
}

fn user_id(value: &Tree) -> bool {
    text(value, ids::is_user_id)
}

fn room_id(value: &Tree) -> bool {
    text(value, ids::is_room_id)
}

fn event_id(value: &Tree) -> bool {
    text(value, ids::is_event_id)
}

fn short(value: &Tree) -> bool {
    text(value, |word| word.len() <= ids::MAX_ID_BYTES)
}

/// A device id, an algorithm, a key or a signature: what a device makes, and nothing that people write.
fn word(value: &Tree) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/=".contains(&byte);
    text(value, |word| {
        word.len() <= MAX_WORD_BYTES && word.bytes().all(fits)
    })
}

pub(super) fn natural(value: &Tree) -> bool {
    value
        .as_integer()
        .is_some_and(|value| i64::from(value) >= 0)
}

pub(super) fn text(value: &Tree, fits: impl Fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(fits)
}

fn list(value: &Tree, fits: fn(&Tree) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(fits))
}

fn map(value: &Tree, fits: fn(&Tree) -> bool) -> bool {
    value
        .as_object()
        .is_some_and(|all| all.iter().all(|(key, value)| is_name(key) && fits(value)))
}

/// `algorithm:name`, or the user of signatures.
fn is_name(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/=:".contains(&byte);
    let is_key_name = key.len() <= MAX_WORD_BYTES && key.bytes().all(fits);
    is_key_name || ids::is_user_id(key)
}
