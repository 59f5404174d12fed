//! The own CA of a zone and what it issues: the gateway's certificate towards peers, and, for the CONNECT way in, server
//! certificates in the name of the Matrix servers that the homeserver believes it speaks to.
//!
//! Two authorities are never mixed: peers pin the border CA, the homeserver trusts the inside CA. Keys are ECDSA P-256,
//! because every TLS stack that a homeserver may bring accepts it.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::UnixTime;
use time::OffsetDateTime;

/// How long a CA made by [`Authority::generate`] is valid.
pub const CA_VALIDITY: Duration = Duration::from_secs(3650 * DAY_SECONDS);
/// How long a gateway certificate is valid; its renewal changes neither the CA nor, with the same key, the pin.
pub const GATEWAY_VALIDITY: Duration = Duration::from_secs(730 * DAY_SECONDS);
/// How long a server certificate for the CONNECT way in is valid. The caller's cache must not outlive it.
pub const INSIDE_VALIDITY: Duration = Duration::from_secs(7 * DAY_SECONDS);
/// Certificates start this long before they are made, so that a peer whose clock is slow accepts them at once.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(3600);
/// Longest common name by X.520; the names that count stand in the SAN and may be longer.
const COMMON_NAME_CHARS: usize = 64;
const DAY_SECONDS: u64 = 86_400;

/// A CA: certificate and private key. Debug shows neither.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    key_pem: String,
}

/// A certificate and its private key, both PEM, as written to files. Debug hides the key.
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The private key, PKCS#8 PEM. Secret.
    pub key_pem: String,
}

/// What can go wrong while certificates are made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The CA's certificate file cannot be used to issue certificates.
    #[error("the CA certificate cannot be used: {0}; give a PEM file with one CA certificate")]
    Certificate(String),
    /// The CA's private key cannot be used.
    #[error(
        "the CA key cannot be used: {0}; give a PKCS#8 PEM file with the key of this CA certificate"
    )]
    Key(String),
    /// The key is not the one of the certificate.
    #[error(
        "the CA key does not belong to the CA certificate; give the two files that were made together"
    )]
    Mismatch,
    /// The name cannot stand in a certificate.
    #[error("{0:?} cannot stand in a certificate; give a DNS name in lower case or an IP address")]
    Name(String),
    /// The time is outside what a certificate can express.
    #[error("the clock gives a time that no certificate can carry; set the clock")]
    Clock,
    /// The cryptographic library refused.
    #[error("the certificate could not be made: {0}")]
    Crypto(String),
}

impl Authority {
    /// Makes a new CA. `name` is shown to people only (common name); `now` is the start of its validity.
    pub fn generate(name: &str, now: UnixTime) -> Result<Self, AuthorityError> {
        let mut params = params(name, now, CA_VALIDITY)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = generate_key()?;
        let certificate_pem = params.self_signed(&key).map_err(crypto)?.pem();
        let key_pem = key.serialize_pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem,
            key_pem,
        })
    }

    /// Loads a CA from its two PEM files.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let key =
            KeyPair::from_pem(key_pem).map_err(|error| AuthorityError::Key(error.to_string()))?;
        let facts = crate::facts::CertificateFacts::of_pem(certificate_pem)
            .map_err(|error| AuthorityError::Certificate(error.to_string()))?;
        if !facts.is_ca {
            return Err(AuthorityError::Certificate(
                "it is not a CA certificate".to_owned(),
            ));
        }
        if facts.public_key != rcgen::PublicKeyData::der_bytes(&key) {
            return Err(AuthorityError::Mismatch);
        }
        let key_copy = key.serialize_pem();
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key)
            .map_err(|error| AuthorityError::Certificate(error.to_string()))?;
        Ok(Self {
            issuer,
            certificate_pem: certificate_pem.to_owned(),
            key_pem: key_copy,
        })
    }

    /// The CA certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The CA's private key, PKCS#8 PEM. Secret: for writing to a file of mode 0600 only.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Issues the certificate of a gateway: `name` is the one SAN, usable as TLS server and client.
    pub fn issue_gateway(&self, name: &str, now: UnixTime) -> Result<Issued, AuthorityError> {
        let usages = [
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.issue(name, now, GATEWAY_VALIDITY, &usages)
    }

    /// Issues a server certificate for a Matrix server name as the homeserver writes it: the port, if any, is left out,
    /// an IP literal becomes an IP address SAN. Making one costs a key pair; the caller keeps them in a bounded cache.
    pub fn issue_server(&self, server_name: &str, now: UnixTime) -> Result<Issued, AuthorityError> {
        self.issue(
            host_of(server_name),
            now,
            INSIDE_VALIDITY,
            &[ExtendedKeyUsagePurpose::ServerAuth],
        )
    }

    fn issue(
        &self,
        host: &str,
        now: UnixTime,
        validity: Duration,
        usages: &[ExtendedKeyUsagePurpose],
    ) -> Result<Issued, AuthorityError> {
        let mut params = params(host, now, validity)?;
        params.subject_alt_names = vec![subject(host)?];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        let key = generate_key()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(crypto)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

fn params(
    name: &str,
    now: UnixTime,
    validity: Duration,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    let common: String = name.chars().take(COMMON_NAME_CHARS).collect();
    subject.push(DnType::CommonName, common);
    params.distinguished_name = subject;
    params.not_before = instant(now.as_secs().saturating_sub(CLOCK_TOLERANCE.as_secs()))?;
    params.not_after = instant(now.as_secs().saturating_add(validity.as_secs()))?;
    Ok(params)
}

fn instant(seconds: u64) -> Result<OffsetDateTime, AuthorityError> {
    let seconds = i64::try_from(seconds).map_err(|_| AuthorityError::Clock)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| AuthorityError::Clock)
}

fn generate_key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)
}

fn subject(host: &str) -> Result<SanType, AuthorityError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let refused = || AuthorityError::Name(host.to_owned());
    rustls_pki_types::DnsName::try_from(host).map_err(|_| refused())?;
    Ok(SanType::DnsName(host.try_into().map_err(|_| refused())?))
}

fn host_of(server_name: &str) -> &str {
    let end_of_host = server_name.find(']').unwrap_or(0);
    match server_name.rfind(':') {
        Some(colon) if colon > end_of_host => &server_name[..colon],
        _ => server_name,
    }
}

fn crypto(error: rcgen::Error) -> AuthorityError {
    AuthorityError::Crypto(error.to_string())
}
