//! The way in for other gateways: TLS 1.3 with a client certificate, then requests in origin form.
//!
//! The TLS configuration decides which certificates are good; who the peer is, and what it may say, is decided in
//! `identify` from the certificates that are handed on.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ServerConfig};
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http::AnswerBody;
use crate::links::Carries;

use super::crowd::Crowd;
use super::hygiene::{self, Refusal};
use super::listener::Stream;
use super::serve::{self, Link};
use super::{BAD_CERTIFICATE, NO_CERTIFICATE, SLOW_HANDSHAKE, TLS, TOO_MANY, UNKNOWN_ISSUER};
use super::{Bounds, Face, Head, Listener, Service, Shutdown};

/// The border listener.
#[derive(Debug)]
pub struct Border {
    /// Where peers connect.
    pub listener: Listener,
    /// Configuration that demands a client certificate. Read once a connection, so that a reload can replace it.
    pub tls: tokio::sync::watch::Receiver<Arc<ServerConfig>>,
    /// Limits.
    pub bounds: Bounds,
}

/// The peer at the other end of a connection.
struct Peer {
    key_sha256: String,
    certificates: Arc<[CertificateDer<'static>]>,
}

impl Border {
    /// Serves until the shutdown, and returns when what was under way has ended.
    pub async fn run<S: Service>(self, service: Arc<S>, shutdown: Shutdown) {
        let Self {
            listener,
            tls,
            bounds,
        } = self;
        let crowd = Crowd::default();
        let told = Arc::clone(&service);
        let refused = move |source, reason| told.stranger(source, reason);
        let serve = |stream, source, place| {
            let (service, shutdown) = (Arc::clone(&service), shutdown.clone());
            let link = Link {
                service,
                source,
                place,
                shutdown,
                bounds,
                carries: Carries::default(),
            };
            connection(stream, link, Arc::clone(&tls.borrow()), crowd.clone())
        };
        listener.run(bounds, shutdown.clone(), refused, serve).await;
    }
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo in lower-case hex, as peer records hold it; `None` if the
/// certificate cannot be read.
pub fn key_sha256(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let digest = Sha256::digest(parsed.subject_public_key_info());
    let mut hex = String::with_capacity(digest.len() * 2);
    for byte in digest {
        write!(hex, "{byte:02x}").ok()?;
    }
    Some(hex)
}

async fn connection<S: Service>(
    stream: Stream,
    link: Link<S>,
    tls: Arc<ServerConfig>,
    crowd: Crowd,
) {
    let (stream, peer) = match handshake(stream, &link, tls).await {
        Ok(met) => met,
        Err(reason) => return link.stranger(reason),
    };
    let Some(_entered) = crowd.enter(&peer.key_sha256, link.bounds.per_peer) else {
        return link.stranger(TOO_MANY);
    };
    let gate = link.service.gate(&peer.certificates);
    let answer = |request| answer(request, &link, &peer);
    serve::http1(stream, &link, link.bounds.head, gate, answer).await;
}

async fn handshake<S: Service>(
    stream: Stream,
    link: &Link<S>,
    tls: Arc<ServerConfig>,
) -> Result<(TlsStream<Stream>, Peer), &'static str> {
    let accepting = TlsAcceptor::from(tls).accept(stream);
    let stream = tokio::time::timeout(link.bounds.handshake, accepting)
        .await
        .map_err(|_| SLOW_HANDSHAKE)?
        .map_err(|error| reason(&error))?;
    let peer = peer(&stream).ok_or(NO_CERTIFICATE)?;
    Ok((stream, peer))
}

/// The leaf that the peer showed. A configuration that forgot to demand one ends here: no leaf, no peer.
fn peer(stream: &TlsStream<Stream>) -> Option<Peer> {
    let shown = stream.get_ref().1.peer_certificates()?;
    Some(Peer {
        key_sha256: key_sha256(shown.first()?)?,
        certificates: shown.iter().map(|one| one.clone().into_owned()).collect(),
    })
}

fn reason(error: &io::Error) -> &'static str {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::NoCertificatesPresented) => NO_CERTIFICATE,
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => UNKNOWN_ISSUER,
        Some(rustls::Error::InvalidCertificate(_)) => BAD_CERTIFICATE,
        _ => TLS,
    }
}

async fn answer<S: Service>(
    request: Request<Incoming>,
    link: &Link<S>,
    peer: &Peer,
) -> Response<AnswerBody> {
    match head(&request, peer) {
        Ok(head) => link.hand_over(head, request.into_body()).await,
        Err(refusal) => link.refuse(refusal),
    }
}

fn head(request: &Request<Incoming>, peer: &Peer) -> Result<Head, Refusal> {
    let fields = hygiene::check(request)?;
    let target = origin_form(request).ok_or(NOT_ORIGIN_FORM)?;
    Ok(Head {
        method: request.method().clone(),
        target,
        authorization: fields.authorization,
        content_length: fields.content_length,
        face: Face::Border {
            peer_key_sha256: peer.key_sha256.clone(),
            certificates: Arc::clone(&peer.certificates),
        },
    })
}

/// The target of a request that names a path only; `None` for the absolute, authority and asterisk forms.
pub(super) fn origin_form(request: &Request<Incoming>) -> Option<String> {
    let uri = request.uri();
    if uri.scheme().is_some() || uri.authority().is_some() || request.method() == Method::CONNECT {
        return None;
    }
    let target = uri.path_and_query()?.as_str();
    target.starts_with('/').then(|| target.to_owned())
}

pub(super) const NOT_ORIGIN_FORM: Refusal = Refusal::new(
    StatusCode::BAD_REQUEST,
    "M_UNKNOWN",
    "expected a request in origin form",
);
