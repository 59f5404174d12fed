//! The keys that sign and check bundles: ECDSA over P-256, in PEM as `openssl` and `opa` read them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use thiserror::Error;

/// What stands before the point in every public P-256 key in DER: the algorithm and the curve.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Bytes of an uncompressed point.
const POINT_BYTES: usize = 65;

/// Bytes of a PEM text at most.
const PEM_BYTES: usize = 4096;

/// The private key that signs bundles.
pub struct BundleSigningKey {
    pkcs8: Vec<u8>,
}

/// The public key that bundles are checked with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BundleVerifyKey {
    point: Vec<u8>,
}

/// Why a key cannot be used. Never quotes the key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum KeyError {
    /// Not a private key in PKCS#8 PEM.
    #[error("not a private key in PKCS#8 PEM (BEGIN PRIVATE KEY)")]
    Private,
    /// Not a public P-256 key in PEM.
    #[error("not a public P-256 key in PEM (BEGIN PUBLIC KEY)")]
    Public,
}

impl BundleSigningKey {
    /// Reads PKCS#8 PEM. That it is a P-256 key shows when it signs.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        decode(pem, "PRIVATE KEY")
            .map(|pkcs8| Self { pkcs8 })
            .ok_or(KeyError::Private)
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl std::fmt::Debug for BundleSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BundleSigningKey(..)")
    }
}

impl BundleVerifyKey {
    /// Reads SubjectPublicKeyInfo PEM of an uncompressed P-256 point.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = decode(pem, "PUBLIC KEY").ok_or(KeyError::Public)?;
        let point = der
            .strip_prefix(&SPKI_PREFIX)
            .filter(|point| point.len() == POINT_BYTES && point[0] == 4);
        point
            .map(|point| Self {
                point: point.to_vec(),
            })
            .ok_or(KeyError::Public)
    }

    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }
}

/// The bytes between the two lines that name `kind`.
fn decode(pem: &str, kind: &str) -> Option<Vec<u8>> {
    if pem.len() > PEM_BYTES {
        return None;
    }
    let body = pem
        .trim()
        .strip_prefix(&format!("-----BEGIN {kind}-----"))?;
    let body = body.strip_suffix(&format!("-----END {kind}-----"))?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}
