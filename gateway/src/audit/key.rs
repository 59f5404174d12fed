//! The audit key, and what a checkpoint signs.
//!
//! The secret file is a [`SigningKey`]'s line, `ed25519 ID BASE64`. The public file is one line, `ed25519:ID BASE64`. The
//! two differ, so that a secret key given as the public one is refused with the reason.

use ed25519_dalek::VerifyingKey;
use serde_json::json;
use sluice_policy::ids::{base64_bytes, to_base64};
use sluice_policy::keys::{SigningKey, verify_signature};

use super::chain::Head;
use super::entry::{CheckpointEntry, Closing};

/// The key that checks checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPublicKey {
    id: String,
    key: [u8; 32],
}

/// A file of a public key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the one-line form.
    #[error("not a public audit key: expected one line `ed25519:ID BASE64`")]
    Shape,
    /// A secret key where the public one belongs.
    #[error(
        "this is the secret audit key; give the public line `ed25519:ID BASE64` that `sluice init` writes beside it"
    )]
    Secret,
    /// 32 bytes that are no usable public key.
    #[error("not a valid Ed25519 public key: give the one that belongs to the audit key")]
    Invalid,
}

impl AuditPublicKey {
    /// The public half of the gateway's audit key.
    #[must_use]
    pub fn of(key: &SigningKey) -> Self {
        Self {
            id: key.id().to_owned(),
            key: key.public(),
        }
    }

    /// Reads the one-line public form.
    ///
    /// # Errors
    /// [`KeyError`]; a secret key is told apart and refused. The error never contains the line.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut words = text.split_whitespace();
        let (Some(id), Some(key), None) = (words.next(), words.next(), words.next()) else {
            return Err(if text.starts_with("ed25519 ") {
                KeyError::Secret
            } else {
                KeyError::Shape
            });
        };
        if id.strip_prefix("ed25519:").is_none_or(str::is_empty) {
            return Err(KeyError::Shape);
        }
        let key = base64_bytes::<32>(key).ok_or(KeyError::Shape)?;
        match VerifyingKey::from_bytes(&key) {
            Ok(point) if !point.is_weak() => Ok(Self {
                id: id.to_owned(),
                key,
            }),
            _ => Err(KeyError::Invalid),
        }
    }

    /// The one-line public form, without a newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{} {}", self.id, to_base64(&self.key))
    }

    /// Key id, `ed25519:ID`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this key signed that checkpoint, written at `time`.
    pub(crate) fn signed(&self, checkpoint: &CheckpointEntry, time: &str) -> bool {
        verify_signature(&self.key, &signed_bytes(checkpoint, time), &checkpoint.sig)
    }
}

/// The checkpoint that stands after `head` at `time` and closes `segment`.
pub(crate) fn checkpoint(
    key: &SigningKey,
    head: &Head,
    segment: u64,
    closing: Closing,
    time: &str,
) -> CheckpointEntry {
    let mut checkpoint = CheckpointEntry {
        head: head.hash.as_str().into(),
        entries: head.seq,
        segment,
        closing,
        key: key.id().into(),
        sig: "".into(),
    };
    checkpoint.sig = key.sign_bytes(&signed_bytes(&checkpoint, time)).into();
    checkpoint
}

/// What a checkpoint signs: a prefix of its own (the key signs nothing else by accident), then canonical JSON of all
/// its fields but the signature, and of its time.
fn signed_bytes(checkpoint: &CheckpointEntry, time: &str) -> Vec<u8> {
    // The keys stand in alphabetical order already, which `serde_json::Map` keeps in either of its two forms.
    let fields = json!({
        "closing": checkpoint.closing,
        "entries": checkpoint.entries,
        "head": checkpoint.head,
        "key": checkpoint.key,
        "segment": checkpoint.segment,
        "time": time,
    });
    format!("sluice audit checkpoint 1\n{fields}").into_bytes()
}
