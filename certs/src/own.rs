//! Our own certificate and key, loaded from PEM and checked to belong together.

use std::fmt;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::facts::{self, CertificateFacts, FactsError};

/// A certificate chain with its private key, ready for TLS. Debug hides the key.
#[derive(Clone)]
pub struct OwnCertificate {
    key: Arc<CertifiedKey>,
    facts: CertificateFacts,
}

/// Why our own certificate cannot be used. All of them are mistakes of the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnError {
    /// The certificate file is unusable.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// The key file is unusable.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// Two files that were not made together.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

impl OwnCertificate {
    /// Loads a chain (leaf first) and its private key from PEM texts.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, OwnError> {
        let read = |error: FactsError| OwnError::Certificate(error.to_string());
        let chain = facts::certificates(certificate_pem).map_err(read)?;
        let leaf = chain
            .first()
            .ok_or(OwnError::Certificate(FactsError::None.to_string()))?;
        let facts = CertificateFacts::of_der(leaf).map_err(read)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| {
            OwnError::Key(
                "there is no private key in it; expected -----BEGIN PRIVATE KEY-----".into(),
            )
        })?;
        let key = CertifiedKey::from_der(chain, key, &crate::tls::provider())
            .map_err(|error| own_error(&error))?;
        Ok(Self {
            key: Arc::new(key),
            facts,
        })
    }

    /// What the leaf says about itself.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

impl fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCertificate")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

fn own_error(error: &rustls::Error) -> OwnError {
    match error {
        rustls::Error::InconsistentKeys(_) => OwnError::Mismatch,
        rustls::Error::InvalidCertificate(fault) => OwnError::Certificate(format!("{fault:?}")),
        other => OwnError::Key(other.to_string()),
    }
}
