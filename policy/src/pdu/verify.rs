//! Signatures and content hash of a PDU.
//!
//! ruma's own `verify_event` is not used: it knows no time at which a key must be valid, accepts what strict Ed25519
//! verification refuses, and asks for an authorising server's signature on events of any type.

use std::collections::BTreeSet;

use ruma_common::canonical_json::RedactingSerializer;
use ruma_signatures::content_hash;

use super::{Pdu, RoomVersion};
use crate::ids;
use crate::json::{Fault, Object, Tree};
use crate::keys;

/// How much of an event its content hash vouches for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Integrity {
    /// The content hash matches: the event is as its server made it.
    Whole,
    /// The event has exactly the redacted form.
    Redacted,
}

/// Where signing keys are looked up.
pub trait Keys {
    /// The public key of a server that was valid for events at a time (milliseconds since 1970).
    fn verify_key(&self, server: &str, key_id: &str, at_ms: i64) -> Option<[u8; 32]>;
}

/// Knows no key.
#[derive(Clone, Copy, Debug)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn verify_key(&self, _: &str, _: &str, _: i64) -> Option<[u8; 32]> {
        None
    }
}

pub(super) fn verify(pdu: &Pdu, keys: &dyn Keys) -> Result<Integrity, Fault> {
    verify_without(pdu, keys, None)
}

/// Checks every required signature but that of `exempt`; the sender's server is never exempt.
pub(super) fn verify_without(
    pdu: &Pdu,
    keys: &dyn Keys,
    exempt: Option<&str>,
) -> Result<Integrity, Fault> {
    let signed = signed_bytes(&pdu.object, pdu.version)?;
    let exempt = exempt.filter(|server| *server != pdu.sender_server());
    for server in required_servers(&pdu.object)? {
        if exempt == Some(server.as_str()) {
            continue;
        }
        check_server(pdu, keys, &server, &signed)?;
    }
    if content_hash_matches(&pdu.object) {
        Ok(Integrity::Whole)
    } else if pdu.redacted() == pdu.object {
        Ok(Integrity::Redacted)
    } else {
        Err(Fault::Hash)
    }
}

/// What the servers sign: the redacted form without signatures, in canonical JSON.
pub(super) fn signed_bytes(object: &Object, version: RoomVersion) -> Result<String, Fault> {
    RedactingSerializer::new()
        .rules(&version.rules().redaction)
        .custom_redacted_root_fields(&["signatures", "unsigned"])
        .serialize(object)
        .map_err(|_| Fault::Shape("event"))
}

/// The servers that must have signed: the sender's, and on a restricted join that of the user who let it in.
///
/// The specification excepts invites that come from a third-party invite from the sender's signature. Here they need
/// it too: nothing else in such an event would be signed by anybody that a peer record names.
pub(super) fn required_servers(object: &Object) -> Result<BTreeSet<String>, Fault> {
    let mut servers = BTreeSet::new();
    let sender = object
        .get("sender")
        .and_then(Tree::as_str)
        .and_then(ids::user_server);
    servers.insert(sender.ok_or(Fault::Shape("sender"))?.to_owned());
    if member(object) == Some("join")
        && let Some(user) =
            content(object).and_then(|content| content.get("join_authorised_via_users_server"))
    {
        let server = user.as_str().and_then(ids::user_server);
        servers.insert(
            server
                .ok_or(Fault::Shape("join_authorised_via_users_server"))?
                .to_owned(),
        );
    }
    Ok(servers)
}

/// The servers whose signatures an event keeps: the required ones and, on an invite, the invited one.
pub(super) fn signers(object: &Object) -> Result<BTreeSet<String>, Fault> {
    let mut servers = required_servers(object)?;
    if member(object) == Some("invite") {
        let invited = object
            .get("state_key")
            .and_then(Tree::as_str)
            .and_then(ids::user_server);
        servers.extend(invited.map(str::to_owned));
    }
    Ok(servers)
}

/// At least one signature of the server is checked, and none that can be checked is wrong.
fn check_server(pdu: &Pdu, keys: &dyn Keys, server: &str, signed: &str) -> Result<(), Fault> {
    let by_key = pdu.object.get("signatures").and_then(Tree::as_object);
    let by_key = by_key
        .and_then(|all| all.get(server))
        .and_then(Tree::as_object)
        .ok_or(Fault::Signature)?;
    let mut checked = false;
    for (key_id, signature) in by_key {
        let Some(key) = keys.verify_key(server, key_id, pdu.origin_server_ts()) else {
            continue;
        };
        let signature = signature.as_str().ok_or(Fault::Signature)?;
        if !keys::verify_signature(&key, signed.as_bytes(), signature) {
            return Err(Fault::Signature);
        }
        checked = true;
    }
    if checked {
        Ok(())
    } else {
        Err(Fault::KeyUnknown)
    }
}

fn content_hash_matches(object: &Object) -> bool {
    let stated = object
        .get("hashes")
        .and_then(Tree::as_object)
        .and_then(|hashes| hashes.get("sha256"));
    let stated = stated
        .and_then(Tree::as_str)
        .and_then(ids::base64_bytes::<32>);
    content_hash(object).is_ok_and(|hash| stated.is_some_and(|stated| hash.as_bytes() == stated))
}

fn content(object: &Object) -> Option<&Object> {
    object.get("content").and_then(Tree::as_object)
}

fn member(object: &Object) -> Option<&str> {
    let kind = object.get("type").and_then(Tree::as_str);
    (kind == Some("m.room.member"))
        .then(|| content(object)?.get("membership")?.as_str())
        .flatten()
}
