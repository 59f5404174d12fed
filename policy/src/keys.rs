//! Signing keys: our own, and the key documents of others.
//!
//! A homeserver publishes its public keys in a document that it signs itself (`/_matrix/key/v2/server`). The gateway
//! reads such documents strictly and publishes documents of its own making: the real keys of a homeserver together
//! with the injected key, signed by the injected key alone. No homeserver's private key is needed for that.

use std::collections::BTreeMap;

use crate::ids;
use crate::json::{Fault, Object, Tree, integer};
use crate::pdu::Keys;

pub use self::request::{
    request_json, sign_request, sign_request_raw, verify_request, verify_request_raw,
};
pub use self::signing::{SigningKey, check_public_key, verify_signature};

mod request;
mod signing;

#[cfg(test)]
mod tests;

/// A document is trusted for seven days at most, whatever it says of itself (specification, server-server API).
pub const MAX_VALIDITY_MS: i64 = 7 * 24 * 3600 * 1000;

/// How long a document that we publish is valid. Receivers store keys that long; the injected key can forge events
/// of its homeserver towards ours, so its life is short. An hour is the least that receivers accept without asking
/// again and again.
pub const PUBLISHED_VALIDITY_MS: i64 = 6 * 3600 * 1000;

/// Most current keys of one server.
const MAX_VERIFY_KEYS: usize = 16;

/// Most old keys of one server.
const MAX_OLD_VERIFY_KEYS: usize = 256;

/// The public keys of one server. Times are milliseconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyDocument {
    /// The server.
    pub server_name: String,
    /// Keys for requests and events, by key id.
    pub verify_keys: BTreeMap<String, [u8; 32]>,
    /// Keys for events only, each with the time of its end.
    pub old_verify_keys: BTreeMap<String, ([u8; 32], i64)>,
    /// The end of `verify_keys`, at most seven days after the document was read.
    pub valid_until_ts: i64,
}

/// What the specification puts into a key document.
const KEYS: [&str; 5] = [
    "old_verify_keys",
    "server_name",
    "signatures",
    "valid_until_ts",
    "verify_keys",
];

impl KeyDocument {
    /// Reads the document of the server `expect`.
    ///
    /// # Errors
    ///
    /// [`Fault::KeyDocument`] for a wrong shape or another server's name, [`Fault::WeakKey`] for a key of small order
    /// or a compromised one, [`Fault::KeySignature`] if no listed key signed it or a listed key's signature is wrong.
    pub fn read(tree: Object, expect: &str, now_ms: i64) -> Result<Self, Fault> {
        if tree.get("server_name").and_then(Tree::as_str) != Some(expect)
            || !ids::is_server_name(expect)
        {
            return Err(Fault::KeyDocument("server_name"));
        }
        let valid_until_ts =
            time(&tree, "valid_until_ts")?.min(now_ms.saturating_add(MAX_VALIDITY_MS));
        let verify_keys = read_keys(&tree, "verify_keys", MAX_VERIFY_KEYS, |_| Ok(()))?;
        let verify_keys: BTreeMap<_, _> = verify_keys
            .into_iter()
            .map(|(id, (key, ()))| (id, key))
            .collect();
        let mut old_verify_keys = match tree.contains_key("old_verify_keys") {
            true => read_keys(&tree, "old_verify_keys", MAX_OLD_VERIFY_KEYS, |key| {
                time(key, "expired_ts")
            })?,
            false => BTreeMap::new(),
        };
        // A server that gave up a compromised key lists it among its old ones: it stays unknown, the rest holds.
        old_verify_keys.retain(|_, (key, _)| !signing::is_compromised(key));
        for key in verify_keys
            .values()
            .chain(old_verify_keys.values().map(|(key, _)| key))
        {
            check_public_key(*key)?;
        }
        let document = Self {
            server_name: expect.to_owned(),
            verify_keys,
            old_verify_keys,
            valid_until_ts,
        };
        document.check_signatures(&tree)?;
        Ok(document)
    }

    /// The key that was valid for events at a time: a current one up to `valid_until_ts`, an old one up to its end.
    #[must_use]
    pub fn event_key(&self, key_id: &str, at_ms: i64) -> Option<[u8; 32]> {
        if let Some(key) = self.verify_keys.get(key_id) {
            return (at_ms <= self.valid_until_ts).then_some(*key);
        }
        self.old_verify_keys
            .get(key_id)
            .filter(|(_, end)| at_ms <= *end)
            .map(|(key, _)| *key)
    }

    /// The key that is valid for requests now; never an old one.
    #[must_use]
    pub fn request_key(&self, key_id: &str, now_ms: i64) -> Option<[u8; 32]> {
        self.verify_keys
            .get(key_id)
            .filter(|_| now_ms <= self.valid_until_ts)
            .copied()
    }

    /// The document as its server signed it, for a peer's gateway, written anew from the keys of the specification.
    ///
    /// # Errors
    ///
    /// [`Fault::KeyDocument`] where the server signed more than those: what is beside them cannot be left out without
    /// breaking the signature, and does not cross.
    pub fn as_signed(&self, received: &Object) -> Result<Object, Fault> {
        let mut document = received.clone();
        document.retain(|key, _| KEYS.contains(&key.as_str()));
        for list in ["verify_keys", "old_verify_keys"] {
            let keys = document.get_mut(list).and_then(Tree::as_object_mut);
            for key in keys.into_iter().flat_map(|keys| keys.values_mut()) {
                if let Some(key) = key.as_object_mut() {
                    key.retain(|name, _| matches!(name.as_str(), "key" | "expired_ts"));
                }
            }
        }
        if let Some(all) = document.get_mut("signatures").and_then(Tree::as_object_mut) {
            all.retain(|server, _| *server == self.server_name);
            let own = all.values_mut().filter_map(Tree::as_object_mut);
            own.for_each(|own| own.retain(|id, _| self.verify_keys.contains_key(id)));
        }
        let whole = self.check_signatures(&document);
        whole.map_err(|_| Fault::KeyDocument("it signs more than the specification's keys"))?;
        Ok(document)
    }

    /// The document that the gateway serves under the server's name: its real keys and the injected one, signed by
    /// the injected one only. It ends when the real document ends, and after [`PUBLISHED_VALIDITY_MS`] at the latest.
    ///
    /// The injected key's id must not be one that the server uses itself; if it is, the injected key takes its place,
    /// and the server's events no longer verify.
    #[must_use]
    pub fn publish(&self, name: &str, injected: &SigningKey, now_ms: i64) -> Object {
        let mut verify_keys: Object = self
            .verify_keys
            .iter()
            .map(|(id, key)| (id.clone(), key_tree(key)))
            .collect();
        verify_keys.insert(injected.id().to_owned(), key_tree(&injected.public()));
        let old = self
            .old_verify_keys
            .iter()
            .map(|(id, (key, end))| (id.clone(), old_key_tree(key, *end)))
            .collect();
        let end = self
            .valid_until_ts
            .min(now_ms.saturating_add(PUBLISHED_VALIDITY_MS));
        let mut document = Object::from([
            ("old_verify_keys".to_owned(), Tree::Object(old)),
            ("server_name".to_owned(), Tree::String(name.to_owned())),
            (
                "valid_until_ts".to_owned(),
                integer(end).unwrap_or_default(),
            ),
            ("verify_keys".to_owned(), Tree::Object(verify_keys)),
        ]);
        injected.sign_json(name, &mut document);
        document
    }

    /// At least one listed key signed the document, and each signature of a listed key is right.
    fn check_signatures(&self, tree: &Object) -> Result<(), Fault> {
        let own = tree
            .get("signatures")
            .and_then(Tree::as_object)
            .and_then(|all| all.get(&self.server_name));
        let own = own.and_then(Tree::as_object).ok_or(Fault::KeySignature)?;
        let signed = signing::signed_bytes(tree);
        let mut checked = false;
        for (id, signature) in own {
            let Some(key) = self.verify_keys.get(id) else {
                continue;
            };
            if !signature
                .as_str()
                .is_some_and(|signature| verify_signature(key, &signed, signature))
            {
                return Err(Fault::KeySignature);
            }
            checked = true;
        }
        if checked {
            Ok(())
        } else {
            Err(Fault::KeySignature)
        }
    }
}

/// Key documents by server name.
impl Keys for BTreeMap<String, KeyDocument> {
    fn verify_key(&self, server: &str, key_id: &str, at_ms: i64) -> Option<[u8; 32]> {
        self.get(server)?.event_key(key_id, at_ms)
    }
}

type KeysWith<T> = BTreeMap<String, ([u8; 32], T)>;

/// Reads a map of keys, each with something beside it.
fn read_keys<T>(
    tree: &Object,
    name: &'static str,
    most: usize,
    beside: impl Fn(&Object) -> Result<T, Fault>,
) -> Result<KeysWith<T>, Fault> {
    let keys = tree
        .get(name)
        .and_then(Tree::as_object)
        .ok_or(Fault::KeyDocument(name))?;
    if keys.len() > most {
        return Err(Fault::KeyDocument(name));
    }
    let read = |(id, value): (&String, &Tree)| {
        let value = value
            .as_object()
            .filter(|_| ids::is_key_id(id))
            .ok_or(Fault::KeyDocument(name))?;
        let key = value
            .get("key")
            .and_then(Tree::as_str)
            .and_then(ids::base64_bytes::<32>);
        Ok((
            id.clone(),
            (key.ok_or(Fault::KeyDocument(name))?, beside(value)?),
        ))
    };
    keys.iter().map(read).collect()
}

fn time(object: &Object, name: &'static str) -> Result<i64, Fault> {
    let time = object.get(name).and_then(Tree::as_integer).map(i64::from);
    time.filter(|time| *time >= 0)
        .ok_or(Fault::KeyDocument(name))
}

fn key_tree(key: &[u8; 32]) -> Tree {
    Tree::Object(Object::from([(
        "key".to_owned(),
        Tree::String(ids::to_base64(key)),
    )]))
}

fn old_key_tree(key: &[u8; 32], end: i64) -> Tree {
    Tree::Object(Object::from([
        ("expired_ts".to_owned(), integer(end).unwrap_or_default()),
        ("key".to_owned(), Tree::String(ids::to_base64(key))),
    ]))
}
