//! Values as keyed hashes: two findings can be told to be the same or not, and nobody without the key can say of what.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

/// Length of a value's hash, in bytes.
pub const VALUE_HASH_BYTES: usize = 16;
/// Length of the key, in bytes.
pub const HASH_KEY_BYTES: usize = 32;

/// The key of value hashes. It is never shown.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

/// HMAC-SHA-256 of a value's letters and digits in upper case, cut to 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueHash([u8; VALUE_HASH_BYTES]);

impl HashKey {
    /// A key of the caller's, for hashes that are to be compared over restarts or gateways.
    #[must_use]
    pub fn new(key: &[u8; HASH_KEY_BYTES]) -> HashKey {
        // HMAC fills a short key with zeros.
        let mut block = [0; 2 * HASH_KEY_BYTES];
        block[..HASH_KEY_BYTES].copy_from_slice(key);
        HashKey(Hmac::new(&block.into()))
    }

    /// A key that nobody knows.
    pub(super) fn random() -> Result<HashKey, String> {
        let mut key = [0; HASH_KEY_BYTES];
        getrandom::fill(&mut key).map_err(|_| {
            "the system gives no randomness for hashes of values; repair it".to_owned()
        })?;
        Ok(HashKey::new(&key))
    }

    /// The hash of `value`, however it is spelled.
    pub(super) fn hash(&self, value: &str) -> ValueHash {
        let mut mac = self.0.clone();
        mac.update(normal(value).as_bytes());
        let whole = mac.finalize().into_bytes();
        let mut short = [0; VALUE_HASH_BYTES];
        short.copy_from_slice(&whole[..VALUE_HASH_BYTES]);
        ValueHash(short)
    }
}

/// Letters and digits in upper case, in compatibility form; the text itself where it has none.
pub(super) fn normal(value: &str) -> String {
    let signs = value.nfkc().filter(|c| c.is_alphanumeric());
    let normal: String = signs.flat_map(char::to_uppercase).collect();
    if normal.is_empty() {
        value.to_owned()
    } else {
        normal
    }
}

impl fmt::Display for ValueHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ValueHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HashKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dl_7_spellings_of_one_value_have_one_hash_and_the_key_counts() {
        let key = HashKey::new(&[7; HASH_KEY_BYTES]);
        let hash = key.hash("DE89 3704");
        for other in ["de89-3704", "ＤＥ893704", "DE893704"] {
            assert_eq!(key.hash(other), hash, "{other}");
        }
        assert_ne!(key.hash("DE893705"), hash);
        assert_ne!(HashKey::new(&[8; HASH_KEY_BYTES]).hash("DE893704"), hash);
        assert_eq!(hash.to_string().len(), 2 * VALUE_HASH_BYTES);
        assert_ne!(key.hash("--"), key.hash("++"));
        assert!(!format!("{key:?}").contains('7'));
    }
}
