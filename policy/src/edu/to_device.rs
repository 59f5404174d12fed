//! Messages to devices, in the only forms that encryption needs: Olm ciphertext, requests for keys and their refusals, and
//! the steps of a verification. Any other type is a channel for anything, so it does not cross.
//!
//! As everywhere in EDUs, a key that is not listed is taken away and what is listed must fit. No value is free text:
//! reasons are written anew from their codes.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::shape::{Key, keep, natural, text};
use crate::ids;
use crate::json::{Fault, Object, Tree};

/// Most messages of one EDU: devices, summed over its users. Synapse sends one user an EDU.
const MAX_MESSAGES: usize = 200;
/// Longest Olm ciphertext for one device, in characters of base64. A room key takes about 1 KiB, a forwarded one 2 KiB.
const MAX_CIPHERTEXT: usize = 16 * 1024;
/// Longest id that a device makes up (requests, transactions), in bytes.
const MAX_WORD: usize = 128;
/// Most words in one list.
const MAX_WORDS: usize = 16;
/// Most keys that one verification vouches for.
const MAX_MACS: usize = 16;

/// What is encrypted to one device.
const ENCRYPTED: [Key; 3] = [
    ("algorithm", true, |value| is(value, OLM)),
    ("ciphertext", true, ciphertext),
    ("sender_key", true, key),
];
const OLM: &str = "m.olm.v1.curve25519-aes-sha2";

const KEY_REQUEST: [Key; 4] = [
    ("action", true, |value| {
        one_of(value, &["request", "request_cancellation"])
    }),
    ("body", false, Tree::is_object),
    ("request_id", true, word),
    ("requesting_device_id", true, word),
];
/// `body` of a request for a key.
const REQUESTED: [Key; 4] = [
    ("algorithm", true, word),
    ("room_id", true, room_id),
    ("sender_key", false, key),
    ("session_id", true, word),
];

const WITHHELD: [Key; 7] = [
    ("algorithm", true, word),
    ("code", true, |value| one_of(value, &WITHHELD_CODES)),
    ("from_device", false, word),
    ("reason", false, Tree::is_string),
    ("room_id", false, room_id),
    ("sender_key", true, key),
    ("session_id", false, word),
];
const WITHHELD_CODES: [&str; 6] = [
    "m.blacklisted",
    "m.history_not_shared",
    "m.no_olm",
    "m.unauthorised",
    "m.unavailable",
    "m.unverified",
];

const REQUEST: [Key; 4] = [
    ("from_device", true, word),
    ("methods", true, words),
    ("timestamp", true, natural),
    ("transaction_id", true, word),
];
const READY: [Key; 3] = [
    ("from_device", true, word),
    ("methods", true, words),
    ("transaction_id", true, word),
];
const START: [Key; 9] = [
    ("from_device", true, word),
    ("hashes", false, words),
    ("key_agreement_protocols", false, words),
    ("message_authentication_codes", false, words),
    ("method", true, word),
    ("next_method", false, word),
    ("secret", false, short_base64),
    ("short_authentication_string", false, words),
    ("transaction_id", true, word),
];
const ACCEPT: [Key; 7] = [
    ("commitment", true, short_base64),
    ("hash", true, word),
    ("key_agreement_protocol", true, word),
    ("message_authentication_code", true, word),
    ("method", false, word),
    ("short_authentication_string", true, words),
    ("transaction_id", true, word),
];
const KEY: [Key; 2] = [("key", true, key), ("transaction_id", true, word)];
const MAC: [Key; 3] = [
    ("keys", true, short_base64),
    ("mac", true, macs),
    ("transaction_id", true, word),
];
const DONE: [Key; 1] = [("transaction_id", true, word)];
const CANCEL: [Key; 3] = [
    ("code", true, word),
    ("reason", false, Tree::is_string),
    ("transaction_id", true, word),
];

/// Every type that crosses, with its keys.
const TYPES: [(&str, &[Key]); 11] = [
    ("m.room.encrypted", &ENCRYPTED),
    ("m.room_key_request", &KEY_REQUEST),
    ("m.room_key.withheld", &WITHHELD),
    ("m.key.verification.request", &REQUEST),
    ("m.key.verification.ready", &READY),
    ("m.key.verification.start", &START),
    ("m.key.verification.accept", &ACCEPT),
    ("m.key.verification.key", &KEY),
    ("m.key.verification.mac", &MAC),
    ("m.key.verification.done", &DONE),
    ("m.key.verification.cancel", &CANCEL),
];

/// Rebuilds the messages of an EDU whose own keys were checked.
pub(super) fn rebuild(mut content: Object) -> Result<Object, Fault> {
    let kind = content.get("type").and_then(Tree::as_str);
    let keys = TYPES.iter().find(|(name, _)| Some(*name) == kind);
    let (_, keys) = keys.ok_or(Fault::EduShape("type"))?;
    let Some(Tree::Object(users)) = content.remove("messages") else {
        return Err(Fault::EduShape("messages"));
    };
    let mut count = 0;
    let mut rebuilt = Object::new();
    for (user, devices) in users {
        let Tree::Object(devices) = devices else {
            return Err(Fault::EduShape("messages"));
        };
        count += devices.len();
        let device = |(device, message): (String, Tree)| match message {
            Tree::Object(message) if device == "*" || is_word(&device) => {
                Ok((device, Tree::Object(one(message, keys)?)))
            }
            _ => Err(Fault::EduShape("messages")),
        };
        let devices: Object = devices.into_iter().map(device).collect::<Result<_, _>>()?;
        if !ids::is_user_id(&user) || count > MAX_MESSAGES {
            return Err(Fault::EduShape("messages"));
        }
        rebuilt.insert(user, Tree::Object(devices));
    }
    content.insert("messages".to_owned(), Tree::Object(rebuilt));
    Ok(content)
}

fn one(message: Object, keys: &[Key]) -> Result<Object, Fault> {
    let mut message = keep(message, keys)?;
    if let Some(Tree::Object(body)) = message.remove("body") {
        message.insert("body".to_owned(), Tree::Object(keep(body, &REQUESTED)?));
    }
    // What people read is made of the code, because the specification wants a reason and it could be any text.
    if message.remove("reason").is_some() {
        let code = message.get("code").cloned().unwrap_or(Tree::Null);
        message.insert("reason".to_owned(), code);
    }
    Ok(message)
}

/// The ciphertext of one recipient: by its identity key, a type and a body.
fn ciphertext(value: &Tree) -> bool {
    let message = |(recipient, message): (&String, &Tree)| {
        let Some(message) = message.as_object() else {
            return false;
        };
        let kind = message.get("type").and_then(Tree::as_integer);
        let body = message.get("body").and_then(Tree::as_str);
        is_key(recipient)
            && message.len() == 2
            && kind.is_some_and(|kind| matches!(i64::from(kind), 0 | 1))
            && body.is_some_and(|body| !body.is_empty() && is_base64(body, MAX_CIPHERTEXT))
    };
    value
        .as_object()
        .is_some_and(|all| all.len() == 1 && all.iter().all(message))
}

/// Authentication codes by the ids of the keys that they are for.
fn macs(value: &Tree) -> bool {
    value.as_object().is_some_and(|all| {
        (1..=MAX_MACS).contains(&all.len())
            && all
                .iter()
                .all(|(id, mac)| is_key_name(id) && short_base64(mac))
    })
}

/// `algorithm:name`; the name of a cross-signing key is the key itself.
fn is_key_name(id: &str) -> bool {
    id.split_once(':')
        .is_some_and(|(algorithm, name)| is_word(algorithm) && is_word(name))
}

fn key(value: &Tree) -> bool {
    text(value, is_key)
}

/// A Curve25519 or Ed25519 public key.
fn is_key(text: &str) -> bool {
    ids::base64_bytes::<32>(text).is_some()
}

fn short_base64(value: &Tree) -> bool {
    text(value, |text| is_base64(text, MAX_WORD))
}

/// Decodable, so that it is base64 and not text in its letters; with padding or without, as libraries differ.
fn is_base64(text: &str, longest: usize) -> bool {
    const EITHER: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    text.len() <= longest && EITHER.decode(text).is_ok()
}

fn room_id(value: &Tree) -> bool {
    text(value, ids::is_room_id)
}

fn word(value: &Tree) -> bool {
    text(value, is_word)
}

/// An id, an algorithm, a method: no spaces, nothing that is written in sentences.
fn is_word(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/=|:~".contains(&byte);
    (1..=MAX_WORD).contains(&word.len()) && word.bytes().all(fits)
}

fn words(value: &Tree) -> bool {
    value
        .as_array()
        .is_some_and(|words| words.len() <= MAX_WORDS && words.iter().all(word))
}

fn is(value: &Tree, expected: &str) -> bool {
    value.as_str() == Some(expected)
}

fn one_of(value: &Tree, words: &[&str]) -> bool {
    text(value, |word| words.contains(&word))
}

#[cfg(test)]
mod tests;
