//! Texts sealed with a minute's key: AES-256-GCM, each with its own random nonce, bound to speaker and event.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sha2::{Digest, Sha256};
use sluice_policy::dlp::Part;

use super::Speaker;

/// A speaker in the store.
pub(super) type Whose = [u8; 32];

/// Names do not stand in the store a second time; what they are is in the audit log.
pub(super) fn whose(speaker: &Speaker) -> Whose {
    let mut hash = Sha256::new();
    for part in [&speaker.link, &speaker.room, &speaker.sender] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Nonce, ciphertext and tag; `None` where the library fails.
pub(super) fn seal(key: &[u8; 32], whose: &Whose, part: &Part) -> Option<Vec<u8>> {
    let mut bytes = serde_json::to_vec(&(&part.texts, &part.html)).ok()?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let nonce = key
        .seal_in_place_append_tag(bound(whose, &part.event_id), &mut bytes)
        .ok()?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut bytes);
    Some(sealed)
}

/// Texts as read without HTML, and with it.
pub(super) type Texts = (Vec<String>, Vec<String>);

/// The texts; `None` where it is not what was sealed.
pub(super) fn open(key: &[u8; 32], whose: &Whose, event_id: &str, sealed: &[u8]) -> Option<Texts> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = rest.to_vec();
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let opened = key
        .open_in_place(Nonce::from(nonce), bound(whose, event_id), &mut bytes)
        .ok()?;
    serde_json::from_slice(opened).ok()
}

fn bound(whose: &Whose, event_id: &str) -> Aad<Vec<u8>> {
    Aad::from([whose, event_id.as_bytes()].concat())
}
