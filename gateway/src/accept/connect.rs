//! The way in for homeservers that know HTTP proxies only: `CONNECT`, and TLS that ends here.
//!
//! ```text
//! CONNECT low.test:8448   Proxy-Authorization: Basic sluice:SECRET     -> 200
//!   └─ TLS, SNI low.test, certificate for low.test from the zone's own authority
//!        └─ any number of requests in origin form, Host low.test
//! ```
//!
//! Invariant: one tunnel has one destination. The name in `CONNECT`, in the TLS handshake and in every `Host` is the
//! same, so a kept-alive tunnel cannot carry a request for somebody else.
//!
//! On port 443 a homeserver asks for delegation only, and the gateway answers that itself; nothing else is served
//! there. The answer must never be 404: Synapse would then look for SRV records.

use std::fmt;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::border::{NOT_ORIGIN_FORM, origin_form};
use crate::links::Carries;

use super::hygiene::{self, Refusal};
use super::listener::Stream;
use super::serve::{self, Link};
use super::{
    Bounds, Face, Head, Listener, SECRET, SLOW_HANDSHAKE, SNI, Secret, Service, Shutdown, TLS,
};
use crate::http::{AnswerBody, full, json_answer};
use sluice_policy::ids::is_host_name;

/// Where federation is served when a name has no port.
const FEDERATION_PORT: u16 = 8448;
/// Where delegation is asked for.
const DELEGATION_PORT: u16 = 443;
const DELEGATION_PATH: &str = "/.well-known/matrix/server";
/// Seconds for which a homeserver may remember the delegation. Synapse asks a day later in any case.
const DELEGATION_MAX_AGE: &str = "max-age=86400";

/// Issues what a tunnel shows for a name. Called once a tunnel: the callee keeps what it issued, in bounded number,
/// and renews it in time.
pub trait LeafSource: Send + Sync + 'static {
    /// A TLS 1.3 configuration, without client certificates and for HTTP/1.1, that shows a certificate for `host`, a lower-case
    /// DNS name without a port.
    ///
    /// # Errors
    /// [`LeafRefused`] if none can be issued; the tunnel is then refused.
    fn tls(&self, host: &str) -> Result<Arc<ServerConfig>, LeafRefused>;
}

/// No certificate for this name. The text is for our log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no inside certificate: {0}")]
pub struct LeafRefused(pub String);

/// The proxy listener.
pub struct Connect {
    /// Where the homeserver connects.
    pub listener: Listener,
    /// Password of the proxy user `sluice`.
    pub secret: Secret,
    /// Certificates of the zone's own authority.
    pub leaves: Arc<dyn LeafSource>,
    /// Limits.
    pub bounds: Bounds,
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl Connect {
    /// Serves until the shutdown, and returns when what was under way has ended.
    pub async fn run<S: Service>(self, service: Arc<S>, shutdown: Shutdown) {
        let Self {
            listener,
            secret,
            leaves,
            bounds,
        } = self;
        let proxy = Arc::new(Proxy { secret, leaves });
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
            connection(stream, link, Arc::clone(&proxy))
        };
        listener.run(bounds, shutdown.clone(), refused, serve).await;
    }
}

struct Proxy {
    secret: Secret,
    leaves: Arc<dyn LeafSource>,
}

/// What `CONNECT` named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    host: String,
    port: u16,
}

impl Asked {
    /// Reads `HOST:PORT`; the port is never left out.
    fn read(authority: &str) -> Option<Self> {
        let (host, port) = authority.split_once(':')?;
        let number: u16 = port.parse().ok()?;
        let one_spelling = number != 0 && number.to_string() == port;
        (is_host_name(host) && one_spelling).then(|| Self {
            host: host.to_owned(),
            port: number,
        })
    }

    /// The server name: the port belongs to it only where it is not one of the two that names without a port use.
    fn server_name(&self) -> String {
        match self.port {
            DELEGATION_PORT | FEDERATION_PORT => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }

    fn is_host(&self, host: &str) -> bool {
        host == self.host || Self::read(host).as_ref() == Some(self)
    }
}

async fn connection<S: Service>(stream: Stream, link: Link<S>, proxy: Arc<Proxy>) {
    let answer = |request| {
        let answered = open(request, &link, &proxy);
        async move { answered }
    };
    serve::http1(stream, &link, link.bounds.head, None, answer).await;
}

/// Answers `CONNECT`, and starts the tunnel that opens once the answer is written.
fn open<S: Service>(
    mut request: Request<Incoming>,
    link: &Link<S>,
    proxy: &Proxy,
) -> Response<AnswerBody> {
    if !proxy.secret.shown_as_basic(request.headers()) {
        link.stranger(SECRET);
        return unauthenticated();
    }
    let asked = match asked(&request) {
        Ok(asked) => asked,
        Err(refusal) => return link.refuse(refusal),
    };
    match tls(&asked, proxy) {
        Err(refusal) => refusal.answer(),
        Ok(tls) => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(tunnel(upgrade, link.clone(), tls, asked));
            Response::new(full(Vec::new()))
        }
    }
}

fn asked(request: &Request<Incoming>) -> Result<Asked, Refusal> {
    if request.method() != Method::CONNECT {
        return Err(CONNECT_ONLY);
    }
    hygiene::check_connect(request)?;
    let authority = request.uri().authority().map_or("", |a| a.as_str());
    Asked::read(authority).ok_or(BAD_NAME)
}

fn tls(asked: &Asked, proxy: &Proxy) -> Result<Arc<ServerConfig>, Refusal> {
    proxy.leaves.tls(&asked.host).map_err(|error| {
        tracing::error!(%error, "tunnel refused");
        NO_LEAF
    })
}

async fn tunnel<S: Service>(
    upgrade: OnUpgrade,
    link: Link<S>,
    tls: Arc<ServerConfig>,
    asked: Asked,
) {
    // The answer may never be written: then there is no tunnel, and nothing to tell.
    let Ok(stream) = upgrade.await else { return };
    let shaken = handshake(TokioIo::new(stream), tls, &asked);
    let stream = match tokio::time::timeout(link.bounds.handshake, shaken).await {
        Err(_) => return link.stranger(SLOW_HANDSHAKE),
        Ok(Err(reason)) => return link.stranger(reason),
        Ok(Ok(stream)) => stream,
    };
    let answer = |request| answer(request, &link, &asked);
    serve::http1(stream, &link, link.bounds.tunnel_head, None, answer).await;
}

/// Reads the client's greeting first, so that no certificate is shown to one that asks for another name.
async fn handshake(
    stream: TokioIo<Upgraded>,
    tls: Arc<ServerConfig>,
    asked: &Asked,
) -> Result<TlsStream<TokioIo<Upgraded>>, &'static str> {
    let greeting = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let greeting = greeting.await.map_err(|_| TLS)?;
    if greeting.client_hello().server_name() != Some(&asked.host) {
        return Err(SNI);
    }
    greeting.into_stream(tls).await.map_err(|_| TLS)
}

async fn answer<S: Service>(
    request: Request<Incoming>,
    link: &Link<S>,
    asked: &Asked,
) -> Response<AnswerBody> {
    let head = match head(&request, asked) {
        Ok(head) => head,
        Err(refusal) => return link.refuse(refusal),
    };
    if asked.port != DELEGATION_PORT {
        return link.hand_over(head, request.into_body()).await;
    }
    match head.target.as_str() {
        DELEGATION_PATH if head.method == Method::GET => delegation(asked),
        _ => DELEGATION_ONLY.answer(),
    }
}

fn head(request: &Request<Incoming>, asked: &Asked) -> Result<Head, Refusal> {
    let fields = hygiene::check(request)?;
    if !asked.is_host(&fields.host) {
        return Err(WRONG_HOST);
    }
    Ok(Head {
        method: request.method().clone(),
        target: origin_form(request).ok_or(NOT_ORIGIN_FORM)?,
        authorization: fields.authorization,
        content_length: fields.content_length,
        face: Face::Inside {
            destination: asked.server_name(),
        },
    })
}

fn delegation(asked: &Asked) -> Response<AnswerBody> {
    let server = format!("{}:{FEDERATION_PORT}", asked.host);
    let body = serde_json::json!({ "m.server": server }).to_string();
    let mut answer = json_answer(StatusCode::OK, body.into_bytes());
    let max_age = HeaderValue::from_static(DELEGATION_MAX_AGE);
    answer.headers_mut().insert(header::CACHE_CONTROL, max_age);
    answer
}

fn unauthenticated() -> Response<AnswerBody> {
    let mut answer = UNAUTHENTICATED.answer();
    let basic = HeaderValue::from_static(r#"Basic realm="sluice""#);
    answer
        .headers_mut()
        .insert(header::PROXY_AUTHENTICATE, basic);
    answer
}

const UNAUTHENTICATED: Refusal = Refusal::new(
    StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    "M_FORBIDDEN",
    "the inside secret is missing or wrong",
);
const CONNECT_ONLY: Refusal = Refusal::new(
    StatusCode::METHOD_NOT_ALLOWED,
    "M_UNRECOGNIZED",
    "CONNECT only",
);
const BAD_NAME: Refusal = Refusal::new(
    StatusCode::FORBIDDEN,
    "M_FORBIDDEN",
    "CONNECT takes a lower-case DNS name and a port",
);
const NO_LEAF: Refusal = Refusal::new(
    StatusCode::BAD_GATEWAY,
    "M_UNKNOWN",
    "no certificate for this name; see the gateway's log",
);
const WRONG_HOST: Refusal = Refusal::new(
    StatusCode::MISDIRECTED_REQUEST,
    "M_UNKNOWN",
    "Host is not the name that CONNECT asked for",
);
const DELEGATION_ONLY: Refusal = Refusal::new(
    StatusCode::NOT_FOUND,
    "M_UNRECOGNIZED",
    "only delegation is answered on port 443",
);
