//! The three TLS configurations of a gateway. TLS 1.3 only, no session resumption anywhere: a resumed session would
//! skip the certificate, and with it the check of the peer's identity.
//!
//! | function | who connects | what is checked |
//! |---|---|---|
//! | [`border_server`] | a peer gateway | a client certificate of one of the peers' CAs; then the caller asks [`PeerIdentity::check`] |
//! | [`peer_client`] | we, to one peer | its CA only, its name, its pinned key |
//! | [`inside_server`] | our homeserver in a CONNECT tunnel | nothing here: the tunnel has been authenticated |

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, OtherError,
    RootCertStore, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::identity::{self, IdentityError, PeerIdentity};
use crate::own::OwnCertificate;

/// The only application protocol that gateways speak.
pub const ALPN: &[u8] = b"http/1.1";

/// Why a TLS configuration could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// rustls refused; a mistake in our own certificate or CA files.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// The border's server side. A client certificate is required; trusted are exactly the CAs of `peers`. After the
/// handshake the caller must find the peer and call [`PeerIdentity::check`]; the handshake alone proves a CA, not a name.
/// Without peers the border serves, and refuses everybody, until the first one is imported.
pub fn border_server<'a>(
    own: &OwnCertificate,
    peers: impl IntoIterator<Item = &'a PeerIdentity>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let cas: Vec<_> = peers.into_iter().map(PeerIdentity::ca).collect();
    let verifier: Arc<dyn ClientCertVerifier> = if cas.is_empty() {
        Arc::new(Nobody)
    } else {
        identity::verifier(cas).map_err(TlsError::Setup)?
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .with_client_cert_verifier(verifier);
    Ok(server(builder.with_cert_resolver(Arc::new(
        OneCertificate(own.certified()),
    ))))
}

/// The client side towards one peer: our certificate is shown, and the handshake fails unless the peer's certificate
/// fits its record in chain, name, key and time. `ServerName` to connect with: the peer's gateway name.
pub fn peer_client(
    own: &OwnCertificate,
    peer: &PeerIdentity,
) -> Result<Arc<ClientConfig>, TlsError> {
    let verifier = PeerVerifier::new(peer.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(OneCertificate(own.certified())));
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The server side inside a CONNECT tunnel, for one Matrix server name. The certificate comes from
/// [`crate::Authority::issue_server`].
pub fn inside_server(certificate: &OwnCertificate) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .with_no_client_auth();
    Ok(server(builder.with_cert_resolver(Arc::new(
        OneCertificate(certificate.certified()),
    ))))
}

/// The cryptography of the whole program: aws-lc-rs, with its default suites.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn server(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

fn setup(error: rustls::Error) -> TlsError {
    TlsError::Setup(error.to_string())
}

/// Answers every handshake with the same certificate, whatever name the other side asked for.
#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl rustls::client::ResolvesClientCert for OneCertificate {
    fn resolve(
        &self,
        _root_hints: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// rustls' own verification against the peer's CA and name, then the pin. It can only refuse more than rustls does.
#[derive(Debug)]
struct PeerVerifier {
    webpki: Arc<WebPkiServerVerifier>,
    peer: PeerIdentity,
}

impl PeerVerifier {
    fn new(peer: PeerIdentity) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(peer.ca().clone()).map_err(setup)?;
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| TlsError::Setup(error.to_string()))?;
        Ok(Self { webpki, peer })
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .webpki
            .verify_server_cert(leaf, intermediates, name, ocsp, now)?;
        self.peer.check_leaf(leaf).map_err(refusal)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Refuses every client: what an empty set of trust anchors means.
#[derive(Debug)]
struct Nobody;

impl ClientCertVerifier for Nobody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer,
        ))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer,
        ))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn too_old() -> rustls::Error {
    rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled)
}

fn refusal(error: IdentityError) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}

/// What a failed TLS handshake with a peer was about, in the words of the audit record; `None` where it was about
/// something else than certificates.
pub fn identity_error(error: &rustls::Error) -> Option<IdentityError> {
    match error {
        rustls::Error::NoCertificatesPresented => Some(IdentityError::NoCertificate),
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<IdentityError>().cloned()
        }
        rustls::Error::InvalidCertificate(_) => Some(identity::chain_error(error)),
        _ => None,
    }
}
