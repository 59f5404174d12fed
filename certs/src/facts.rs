//! What a certificate says about itself, read without believing any of it: names, key, validity. Used by the pin check
//! and by the commands that show or check files.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::identity::Pin;

/// The facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Names in the subjectAltName extension, in order: DNS names as written, anything else as `other:KIND`.
    pub names: Vec<String>,
    /// SHA-256 of the SubjectPublicKeyInfo (DER).
    pub pin: Pin,
    /// The bit string of the public key, without its algorithm.
    pub public_key: Vec<u8>,
    /// First second of validity, seconds since 1970.
    pub not_before: u64,
    /// Last second of validity, seconds since 1970.
    pub not_after: u64,
    /// Whether basicConstraints call it a CA.
    pub is_ca: bool,
}

/// Why a certificate could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FactsError {
    /// No certificate in the PEM text.
    #[error("there is no certificate in it; expected -----BEGIN CERTIFICATE-----")]
    None,
    /// More than one certificate where exactly one is meant.
    #[error("there are {0} certificates in it; expected one")]
    Several(usize),
    /// Not PEM.
    #[error("it is not valid PEM")]
    Pem,
    /// Not an X.509 certificate.
    #[error("it is not a valid X.509 certificate")]
    Der,
}

impl CertificateFacts {
    /// Reads the facts of one DER certificate; bytes behind it are an error.
    pub fn of_der(der: &CertificateDer<'_>) -> Result<Self, FactsError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| FactsError::Der)?;
        if !rest.is_empty() {
            return Err(FactsError::Der);
        }
        Ok(Self {
            names: names(&certificate)?,
            pin: Pin::of_spki(certificate.public_key().raw),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
            is_ca: certificate.is_ca(),
        })
    }

    /// Reads the facts of a PEM text with exactly one certificate.
    pub fn of_pem(pem: &str) -> Result<Self, FactsError> {
        Self::of_der(&one_certificate(pem)?)
    }

    /// Whether `now` lies within the validity.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now.as_secs())
    }
}

/// All certificates of a PEM text, in order; at least one.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, FactsError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| FactsError::Pem)?;
    if all.is_empty() {
        Err(FactsError::None)
    } else {
        Ok(all)
    }
}

/// The one certificate of a PEM text.
pub fn one_certificate(pem: &str) -> Result<CertificateDer<'static>, FactsError> {
    let mut all = certificates(pem)?;
    match (all.len(), all.pop()) {
        (1, Some(only)) => Ok(only),
        (count, _) => Err(FactsError::Several(count)),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, FactsError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| FactsError::Der)?;
    let names = extension.map(|found| found.value.general_names.iter().map(name).collect());
    Ok(names.unwrap_or_default())
}

fn name(general: &GeneralName<'_>) -> String {
    match general {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(_) => "other:ip".to_owned(),
        GeneralName::URI(_) => "other:uri".to_owned(),
        GeneralName::RFC822Name(_) => "other:mail".to_owned(),
        _ => "other:name".to_owned(),
    }
}

/// Times before 1970 count as 1970: such a certificate is not valid now either way.
fn seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}
