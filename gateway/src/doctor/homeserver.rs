//! Our homeserver: does its federation listener answer, and is it who the configuration says?

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use sluice_certs::UnixTime;
use sluice_policy::json::{Limits, parse_object};
use sluice_policy::keys::KeyDocument;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::Finding;
use crate::config::{Homeserver, HsAddress};

/// How long a homeserver may take to give its key document.
pub const HOMESERVER_TIMEOUT: Duration = Duration::from_secs(5);
const KEY_PATH: &str = "/_matrix/key/v2/server";

/// Asks for the key document and reads it as strictly as the gateway will.
pub async fn examine(homeserver: &Homeserver, now: UnixTime) -> Finding {
    let what = format!("homeserver {}", homeserver.name);
    let document = match tokio::time::timeout(HOMESERVER_TIMEOUT, key_document(homeserver)).await {
        Ok(Ok(document)) => document,
        Ok(Err(error)) => {
            let detail = format!("gives no key document at {}: {error}", homeserver.address);
            let remedy = "start it, and give it the federation listener of the fragment that `sluice init` wrote";
            return Finding::fail(what, detail, remedy);
        }
        Err(_) => {
            let detail = format!(
                "does not answer at {} within {HOMESERVER_TIMEOUT:?}",
                homeserver.address
            );
            return Finding::fail(what, detail, "look at its log; it may be overloaded");
        }
    };
    let now_ms = i64::try_from(now.as_secs().saturating_mul(1000)).unwrap_or(i64::MAX);
    let read = parse_object(&document, &Limits::KEYS)
        .and_then(|tree| KeyDocument::read(tree, &homeserver.name, now_ms));
    match read {
        Ok(_) => Finding::ok(
            what,
            format!(
                "answers at {} with a sound key document",
                homeserver.address
            ),
        ),
        Err(fault) => {
            let remedy = "compare homeserver.name with its server_name, and the two clocks";
            Finding::fail(
                what,
                format!("its key document is refused: {fault}"),
                remedy,
            )
        }
    }
}

async fn key_document(homeserver: &Homeserver) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    match &homeserver.address {
        HsAddress::Unix(path) => {
            get(
                UnixStream::connect(path).await.map_err(text)?,
                &homeserver.name,
            )
            .await
        }
        HsAddress::Http(address) => {
            get(
                TcpStream::connect(address).await.map_err(text)?,
                &homeserver.name,
            )
            .await
        }
    }
}

async fn get<S>(stream: S, host: &str) -> Result<Vec<u8>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    tokio::spawn(connection);
    let request = Request::get(KEY_PATH)
        .header(hyper::header::HOST, host)
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(text)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("status {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), Limits::KEYS.bytes)
        .collect()
        .await;
    body.map(|body| body.to_bytes().to_vec())
        .map_err(|error| error.to_string())
}
