//! The ordinary world: a service that remembers, certificates, and raw sockets.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::accept::{Bounds, Head, Service, Source};
use crate::http::{AnswerBody, Pace, json_answer, read_body};
use crate::links::Gate;

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Largest body that the service takes.
pub(crate) const CAP: usize = 64;

/// Answers every request with its target, and remembers who asked.
#[derive(Default)]
pub(crate) struct Desk {
    pub heads: Mutex<Vec<Head>>,
    pub bodies: Mutex<Vec<Vec<u8>>>,
    pub strangers: Mutex<Vec<&'static str>>,
    /// Requests that have come, answered or not.
    pub arrived: AtomicUsize,
    /// How long an answer takes.
    pub delay: Duration,
    /// Whether the link with everybody is open.
    pub gate: Arc<Gate>,
}

impl Desk {
    pub(crate) fn heads(&self) -> Vec<Head> {
        self.heads.lock().unwrap().clone()
    }

    /// Waits until a request has come.
    pub(crate) async fn arrival(&self) {
        while self.arrived.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a stranger was seen: it is told after the other side may have seen its end.
    pub(crate) async fn stranger(&self) -> &'static str {
        let told = async {
            loop {
                if let Some(reason) = self.strangers.lock().unwrap().pop() {
                    return reason;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told)
            .await
            .expect("nobody was told of a stranger")
    }
}

impl Service for Desk {
    async fn handle(&self, head: Head, _: Source, body: Incoming) -> Response<AnswerBody> {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        let body = match read_body(body, head.content_length, CAP, Pace::default()).await {
            Ok(body) => body,
            Err(error) => return json_answer(error.status(), Vec::new()),
        };
        let target = head.target.clone().into_bytes();
        self.bodies.lock().unwrap().push(body);
        self.heads.lock().unwrap().push(head);
        json_answer(StatusCode::OK, target)
    }

    fn gate(&self, _: &[CertificateDer<'static>]) -> Option<Arc<Gate>> {
        Some(Arc::clone(&self.gate))
    }

    fn stranger(&self, _: Source, reason: &'static str) {
        self.strangers.lock().unwrap().push(reason);
    }
}

/// Bounds that a test can wait for.
pub(crate) fn brisk() -> Bounds {
    Bounds {
        head: Duration::from_secs(1),
        tunnel_head: Duration::from_secs(5),
        handshake: Duration::from_secs(1),
        drain: Duration::from_secs(5),
        ..Bounds::default()
    }
}

/// A certificate authority.
pub(crate) struct Authority {
    pub certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A leaf with its key.
pub(crate) struct Leaf {
    pub certificate: CertificateDer<'static>,
    pub spki: Vec<u8>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("the federation's authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn leaf(&self, name: &str) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Leaf {
            certificate,
            spki,
            key,
        }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        Arc::new(roots)
    }

    /// A server that shows `leaf` and demands a certificate of this authority.
    pub(crate) fn mutual_server(&self, leaf: &Leaf) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(self.roots(), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![leaf.certificate.clone()], leaf.key.clone_key());
        Arc::new(config.unwrap())
    }

    /// A server that shows a fresh leaf for `name`.
    pub(crate) fn server(&self, name: &str) -> Arc<ServerConfig> {
        let leaf = self.leaf(name);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.certificate], leaf.key);
        Arc::new(config.unwrap())
    }

    /// A client that trusts this authority and shows `leaf`, if any.
    pub(crate) fn client(&self, leaf: Option<&Leaf>) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(self.roots());
        Arc::new(match leaf {
            None => builder.with_no_client_auth(),
            Some(leaf) => builder
                .with_client_auth_cert(vec![leaf.certificate.clone()], leaf.key.clone_key())
                .unwrap(),
        })
    }
}

/// Writes `text` and reads until the other side closes.
pub(crate) async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> String {
    let mut answer = Vec::new();
    let all = async {
        // The other side may have hung up before it took everything; what it said still counts.
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("the gateway neither answered nor hung up");
    String::from_utf8(answer).unwrap()
}

/// Reads one answer of a kept-alive connection: its head, and a body of the announced length.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = String::new();
    let all = async {
        while !answer.contains("\r\n\r\n") {
            answer.push(char::from(stream.read_u8().await.unwrap()));
        }
        let length = answer
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| {
                rest.split("\r\n").next().unwrap().parse::<usize>().unwrap()
            });
        for _ in 0..length {
            answer.push(char::from(stream.read_u8().await.unwrap()));
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("no answer");
    answer
}

/// The first line of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or("")
}
