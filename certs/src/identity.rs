//! The identity of a peer gateway, and the check of a certificate against it.
//!
//! ```text
//! chain to the peer's own CA ─▶ valid now ─▶ the one SAN is the gateway's name ─▶ the key is the pinned one
//! ```
//!
//! The four are checked in this order, each with an error of its own, so that the audit record says which one failed.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};

use crate::facts::{self, CertificateFacts, FactsError};

/// SHA-256 of the SubjectPublicKeyInfo of a leaf certificate: survives a renewal with the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

/// What the record of a peer says about its certificate.
#[derive(Clone)]
pub struct PeerIdentity {
    gateway: String,
    ca: CertificateDer<'static>,
    pin: Pin,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Why a certificate is not the one of the peer. Every variant is the peer's fault, except where it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The peer showed no certificate.
    #[error("no certificate was shown")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Malformed,
    /// The certificate was not issued by the CA in the peer's record.
    #[error("the certificate was not issued by the CA in the peer's record")]
    ForeignCa,
    /// The certificate has expired.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is not valid yet: renewed too early, or one of the two clocks is wrong.
    #[error("the certificate is not valid yet; compare the clocks of both gateways")]
    NotYetValid,
    /// The chain is right but the certificate may not be used for this.
    #[error("the certificate may not be used for TLS between gateways ({0})")]
    Usage(String),
    /// The right CA, but another name.
    #[error("the certificate names {found:?} instead of the gateway's name")]
    OtherName {
        /// The names found, joined by blanks; empty if there were none.
        found: String,
    },
    /// The right CA and name, but another key.
    #[error("the certificate has another key than the one in the peer's record")]
    OtherKey,
    /// No record has this certificate's key, name and CA.
    #[error("no peer record fits the certificate")]
    UnknownPeer,
}

/// Why the certificate part of a peer's record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The CA is not one PEM certificate.
    #[error("`ca` cannot be used: {0}")]
    Ca(String),
    /// The certificate given as CA is not a CA.
    #[error("`ca` is not a CA certificate; export the record again with `sluice peer export`")]
    NotACa,
    /// The fingerprint is not 64 lower-case hexadecimal digits.
    #[error("`key_sha256` is not 64 lower-case hexadecimal digits")]
    Pin,
    /// The gateway's name is not a DNS name in lower case.
    #[error("`gateway` is not a DNS name in lower case")]
    Gateway,
}

impl IdentityError {
    /// The rule id for audit records and metrics.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NoCertificate => "protocol.peer.no_certificate",
            Self::Malformed => "protocol.peer.certificate_malformed",
            Self::ForeignCa => "protocol.peer.foreign_ca",
            Self::Expired => "protocol.peer.certificate_expired",
            Self::NotYetValid => "protocol.peer.certificate_not_yet_valid",
            Self::Usage(_) => "protocol.peer.certificate_usage",
            Self::OtherName { .. } => "protocol.peer.other_name",
            Self::OtherKey => "protocol.peer.other_key",
            Self::UnknownPeer => "protocol.peer.unknown",
        }
    }
}

impl PeerIdentity {
    /// Builds the identity from the fields of a peer record: the gateway's name, its CA (PEM, one certificate), and the
    /// SHA-256 of its key (64 hexadecimal digits in lower case).
    pub fn new(gateway: &str, ca_pem: &str, key_sha256: &str) -> Result<Self, RecordError> {
        let ca_error = |error: FactsError| RecordError::Ca(error.to_string());
        let ca = facts::one_certificate(ca_pem).map_err(ca_error)?;
        if !CertificateFacts::of_der(&ca).map_err(ca_error)?.is_ca {
            return Err(RecordError::NotACa);
        }
        let pin = Pin::from_hex(key_sha256).ok_or(RecordError::Pin)?;
        if !is_gateway_name(gateway) {
            return Err(RecordError::Gateway);
        }
        let verifier = verifier([&ca]).map_err(RecordError::Ca)?;
        Ok(Self {
            gateway: gateway.to_owned(),
            ca,
            pin,
            verifier,
        })
    }

    /// The gateway's name, as it must stand in the certificate.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The peer's CA.
    pub fn ca(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    /// The pinned key.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Checks the certificates that a peer showed in its handshake as TLS client (leaf first).
    pub fn check(&self, shown: &[CertificateDer<'_>], now: UnixTime) -> Result<(), IdentityError> {
        let (leaf, intermediates) = shown.split_first().ok_or(IdentityError::NoCertificate)?;
        self.verifier
            .verify_client_cert(leaf, intermediates, now)
            .map_err(|error| chain_error(&error))?;
        self.check_leaf(leaf)
    }

    /// Name and key of a leaf whose chain has been verified; never enough alone.
    pub(crate) fn check_leaf(&self, leaf: &CertificateDer<'_>) -> Result<(), IdentityError> {
        let facts = CertificateFacts::of_der(leaf).map_err(|_| IdentityError::Malformed)?;
        // Exactly one name: a certificate for two gateways is two identities, and the record knows one.
        if facts.names != [self.gateway.as_str()] {
            return Err(IdentityError::OtherName {
                found: facts.names.join(" "),
            });
        }
        if facts.pin != self.pin {
            return Err(IdentityError::OtherKey);
        }
        Ok(())
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIdentity")
            .field("gateway", &self.gateway)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

impl Pin {
    /// The pin of a SubjectPublicKeyInfo in DER.
    pub fn of_spki(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// Reads 64 hexadecimal digits in lower case.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64
            || !digits
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// A verifier of client certificates whose trust anchors are exactly these CAs.
pub(crate) fn verifier<'a>(
    cas: impl IntoIterator<Item = &'a CertificateDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(ca.clone()).map_err(|error| error.to_string())?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crate::tls::provider())
        .build()
        .map_err(|error| error.to_string())
}

/// Sorts what rustls found wrong with a chain into our words.
pub(crate) fn chain_error(error: &rustls::Error) -> IdentityError {
    use rustls::CertificateError as Fault;
    let rustls::Error::InvalidCertificate(fault) = error else {
        return IdentityError::NoCertificate;
    };
    match fault {
        Fault::BadEncoding => IdentityError::Malformed,
        Fault::Expired | Fault::ExpiredContext { .. } => IdentityError::Expired,
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => IdentityError::NotYetValid,
        Fault::UnknownIssuer | Fault::BadSignature => IdentityError::ForeignCa,
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => IdentityError::OtherName {
            found: String::new(),
        },
        other => IdentityError::Usage(format!("{other:?}")),
    }
}

fn is_gateway_name(name: &str) -> bool {
    let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    lower && !name.ends_with('.') && rustls_pki_types::DnsName::try_from(name).is_ok()
}
