//! Ed25519 signatures over canonical JSON.

use std::fmt;

use ed25519_dalek::{Signature, Signer, VerifyingKey};

use crate::ids;
use crate::json::{Fault, Object, Tree, write};

/// A private Ed25519 key with its id (`ed25519:name`). Its text form is the one line of a Synapse signing key file.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key made of 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`Fault::SigningKey`] if the name has other characters than letters, digits and `_`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Fault> {
        if !ids::is_key_name(name) {
            return Err(Fault::SigningKey(
                "the name must be 1 to 64 letters, digits and _",
            ));
        }
        Ok(Self {
            id: format!("ed25519:{name}"),
            key: ed25519_dalek::SigningKey::from_bytes(seed),
        })
    }

    /// Reads `ed25519 NAME BASE64`, one line, 32 bytes in unpadded base64.
    ///
    /// # Errors
    ///
    /// [`Fault::SigningKey`], with what was expected.
    pub fn from_line(line: &str) -> Result<Self, Fault> {
        const EXPECTED: Fault = Fault::SigningKey(
            "expected one line: ed25519 NAME SEED, the seed 32 bytes in unpadded base64",
        );
        let line = line.trim_end_matches(['\r', '\n']);
        let mut words = line.split(' ');
        let (Some("ed25519"), Some(name), Some(seed), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(EXPECTED);
        };
        Self::from_seed(name, &ids::base64_bytes::<32>(seed).ok_or(EXPECTED)?)
    }

    /// The line that [`SigningKey::from_line`] reads, with its end of line. It holds the secret.
    #[must_use]
    pub fn to_line(&self) -> String {
        let name = self.id.strip_prefix("ed25519:").unwrap_or_default();
        format!("ed25519 {name} {}\n", ids::to_base64(self.key.as_bytes()))
    }

    /// The key id, `ed25519:name`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Signs bytes; the signature in unpadded base64.
    #[must_use]
    pub fn sign_bytes(&self, bytes: &[u8]) -> String {
        ids::to_base64(&self.key.sign(bytes).to_bytes())
    }

    /// Signs an object without `signatures` and `unsigned`, and puts the signature into `signatures` under the server.
    pub fn sign_json(&self, server: &str, object: &mut Object) {
        let signature = Tree::String(self.sign_bytes(&signed_bytes(object)));
        let mut all = take_object(object, "signatures");
        let mut own = take_object(&mut all, server);
        own.insert(self.id.clone(), signature);
        all.insert(server.to_owned(), Tree::Object(own));
        object.insert("signatures".to_owned(), Tree::Object(all));
    }
}

/// Shows the id only.
impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Whether a signature (unpadded base64) over bytes is right, by strict rules: no weak key, one spelling.
#[must_use]
pub fn verify_signature(key: &[u8; 32], bytes: &[u8], signature: &str) -> bool {
    let signature = ids::base64_bytes::<64>(signature).map(|bytes| Signature::from_bytes(&bytes));
    let key = VerifyingKey::from_bytes(key);
    match (key, signature) {
        (Ok(key), Some(signature)) => key.verify_strict(bytes, &signature).is_ok(),
        _ => false,
    }
}

/// What is signed of an object: its canonical form without `signatures` and `unsigned`.
pub(super) fn signed_bytes(object: &Object) -> Vec<u8> {
    let mut object = object.clone();
    object.remove("signatures");
    object.remove("unsigned");
    write(&object)
}

/// Public keys whose private key everybody can know. This one came out of an installer that drew no random numbers
/// (ELEMENTSEC-2025-1670).
const COMPROMISED: [&str; 1] = ["l/O9hxMVKB6Lg+3Hqf0FQQZhVESQcMzbPN1Cz2nM3og"];

/// Whether the private key of this public key is common knowledge.
pub(super) fn is_compromised(key: &[u8; 32]) -> bool {
    COMPROMISED.contains(&ids::to_base64(key).as_str())
}

/// Takes a public key if it is a point on the curve, not of small order, and its private key is not common knowledge.
///
/// # Errors
///
/// [`Fault::WeakKey`], or [`Fault::KeyDocument`] if it is no key at all.
pub fn check_public_key(key: [u8; 32]) -> Result<[u8; 32], Fault> {
    match VerifyingKey::from_bytes(&key) {
        Ok(point) if point.is_weak() || is_compromised(&key) => Err(Fault::WeakKey),
        Ok(_) => Ok(key),
        Err(_) => Err(Fault::KeyDocument("public key")),
    }
}

/// Takes the object under a key away; an empty one where it is missing or no object.
fn take_object(object: &mut Object, key: &str) -> Object {
    match object.remove(key) {
        Some(Tree::Object(inner)) => inner,
        _ => Object::new(),
    }
}
