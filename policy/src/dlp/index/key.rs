//! The key of indexes, and what is derived from it for each index.

use std::fmt;
use std::hash::Hasher;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use siphasher::sip::SipHasher13;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Block of SHA-256 in bytes: a key of this length is used as it is.
const BLOCK_BYTES: usize = 64;

/// The key of one or more indexes: 32 random bytes. Debug does not show it.
#[derive(Clone)]
pub struct IndexKey([u8; KEY_BYTES]);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key of indexes is 64 hexadecimal digits on one line; make one with `sluice dlp index --new-key FILE`"
)]
pub struct KeyError;

/// SipHash under its own key: tells fast that a value is in no index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sip(u64, u64);

/// HMAC-SHA-256 under a key.
pub(crate) type Keyed = Hmac<Sha256>;

impl IndexKey {
    /// A key of these bytes, which must be random.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads a key file's text: 64 hexadecimal digits; the line end is not part of it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let digits = text.trim_end_matches(['\r', '\n']);
        if digits.len() != 2 * KEY_BYTES || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(KeyError);
        }
        let mut bytes = [0; KEY_BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(KeyError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| KeyError)?;
        }
        Ok(Self(bytes))
    }

    /// The text of a key file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        digits + "\n"
    }

    /// Tells keys apart without telling the key.
    pub(super) fn id(&self) -> [u8; 8] {
        first(self.derive("key id", ""))
    }

    /// HMAC for one purpose in the index of this name.
    pub(crate) fn mac(&self, purpose: &str, index: &str) -> Keyed {
        keyed(&self.derive(purpose, index))
    }

    /// SipHash for one purpose in the index of this name.
    pub(crate) fn sip(&self, purpose: &str, index: &str) -> Sip {
        let bytes = self.derive(purpose, index);
        let half = |from: usize| u64::from_le_bytes(std::array::from_fn(|at| bytes[from + at]));
        Sip(half(0), half(8))
    }

    fn derive(&self, purpose: &str, index: &str) -> [u8; 32] {
        let mut mac = keyed(&self.0);
        mac.update(b"sluice dlp index 1\0");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(index.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(hidden)")
    }
}

impl Sip {
    /// A hash under way.
    pub(crate) fn start(self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }

    /// The hash of some bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> u64 {
        let mut hasher = self.start();
        hasher.write(bytes);
        hasher.finish()
    }
}

/// The first bytes of a hash.
pub(crate) fn first<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| hash[at])
}

/// What has been given so far and `bytes`, hashed.
pub(crate) fn hashed(mac: &Keyed, bytes: &[u8]) -> [u8; 32] {
    let mut mac = mac.clone();
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8; KEY_BYTES]) -> Keyed {
    let mut block = [0; BLOCK_BYTES];
    block[..KEY_BYTES].copy_from_slice(key);
    Keyed::new(&block.into())
}
