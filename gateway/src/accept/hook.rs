//! The way in that Synapse has for border gateways: absolute-form requests with a bearer secret.
//!
//! ```text
//! PUT matrix-federation://low.test/_matrix/federation/v1/send/1 HTTP/1.1
//! Proxy-Authorization: Bearer SECRET
//! Host: low.test:80                      (says nothing, ignored)
//! ```
//!
//! The destination is the authority of the request target. The socket is plain: it lies on this machine or on a wire
//! of its own.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Uri};

use crate::http::AnswerBody;
use crate::links::Carries;

use super::hygiene::{self, Refusal};
use super::serve::{self, Link};
use super::{Bounds, Face, Head, Listener, SECRET, Secret, Service, Shutdown};
use sluice_policy::ids::is_server_name;

const SCHEME: &str = "matrix-federation";

/// The hook listener.
#[derive(Debug)]
pub struct Hook {
    /// Where the homeserver connects.
    pub listener: Listener,
    /// What the homeserver shows.
    pub secret: Secret,
    /// Limits.
    pub bounds: Bounds,
}

impl Hook {
    /// Serves until the shutdown, and returns when what was under way has ended.
    pub async fn run<S: Service>(self, service: Arc<S>, shutdown: Shutdown) {
        let Self {
            listener,
            secret,
            bounds,
        } = self;
        let secret = Arc::new(secret);
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
            connection(stream, link, Arc::clone(&secret))
        };
        listener.run(bounds, shutdown.clone(), refused, serve).await;
    }
}

async fn connection<S: Service>(
    stream: super::listener::Stream,
    link: Link<S>,
    secret: Arc<Secret>,
) {
    let answer = |request| answer(request, &link, &secret);
    serve::http1(stream, &link, link.bounds.head, None, answer).await;
}

async fn answer<S: Service>(
    request: Request<Incoming>,
    link: &Link<S>,
    secret: &Secret,
) -> Response<AnswerBody> {
    if !secret.shown_as_bearer(request.headers()) {
        link.stranger(SECRET);
        return FORBIDDEN.answer();
    }
    match head(&request) {
        Ok(head) => link.hand_over(head, request.into_body()).await,
        Err(refusal) => link.refuse(refusal),
    }
}

fn head(request: &Request<Incoming>) -> Result<Head, Refusal> {
    let fields = hygiene::check(request)?;
    let (destination, target) = destination_and_target(request.uri())?;
    if request.method() == Method::CONNECT {
        return Err(NOT_A_HOOK_REQUEST);
    }
    Ok(Head {
        method: request.method().clone(),
        target,
        authorization: fields.authorization,
        content_length: fields.content_length,
        face: Face::Inside { destination },
    })
}

fn destination_and_target(uri: &Uri) -> Result<(String, String), Refusal> {
    let authority = uri.authority().map(|a| a.as_str());
    let target = uri.path_and_query().map(|p| p.as_str());
    match (uri.scheme_str(), authority, target) {
        (Some(SCHEME), Some(name), Some(target))
            if is_server_name(name) && target.starts_with('/') =>
        {
            Ok((name.to_owned(), target.to_owned()))
        }
        _ => Err(NOT_A_HOOK_REQUEST),
    }
}

const FORBIDDEN: Refusal = Refusal::new(
    StatusCode::FORBIDDEN,
    "M_FORBIDDEN",
    "the inside secret is missing or wrong",
);
const NOT_A_HOOK_REQUEST: Refusal = Refusal::new(
    StatusCode::BAD_REQUEST,
    "M_UNKNOWN",
    "expected a request for matrix-federation://SERVER/PATH",
);
