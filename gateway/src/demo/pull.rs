//! Asks a gateway as its own homeserver would: signed with the homeserver's key, by the zone's way out.
//!
//! A client cannot make Synapse ask for one event again that it holds already. But another homeserver, or a later
//! Synapse, could, so the scenes and tests that ask again for what was denied speak for the homeserver themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};

use super::error::{DemoError, io};
use super::synapse::Synapse;
use super::zone::{Way, Zone};

/// A federation request to make in the name of a zone's homeserver.
#[derive(Debug, Clone)]
pub struct Pull<'a> {
    /// The homeserver that is asked.
    pub destination: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Path and query, percent-encoded.
    pub uri: &'a str,
    /// JSON body, where the method has one.
    pub body: Option<Value>,
}

/// Makes the request through the zone's gateway: HTTP status and JSON answer (`null` where it is not JSON).
///
/// # Errors
/// When the gateway cannot be reached or does not answer in HTTP.
pub fn pull(zone: &Zone, pull: &Pull<'_>) -> Result<(u16, Value), DemoError> {
    pull_as(zone, &zone.synapse, pull)
}

/// As [`pull`], in the name of any homeserver of the zone.
///
/// # Errors
/// As [`pull`].
pub fn pull_as(
    zone: &Zone,
    homeserver: &Synapse,
    pull: &Pull<'_>,
) -> Result<(u16, Value), DemoError> {
    let key = homeserver.folder().join("signing.key");
    let authorization = x_matrix(homeserver.server_name(), &key, pull)?;
    let secret = read(&zone.gateway_folder().join("keys").join("inside.secret"))?
        .trim()
        .to_owned();
    let answer = match zone.way() {
        Way::Hook => {
            let head = format!("Proxy-Authorization: Bearer {secret}\r\n{authorization}");
            let socket = zone.gateway_folder().join("hook.sock");
            let stream = UnixStream::connect(&socket).map_err(io("connect to", &socket))?;
            stream
                .set_read_timeout(Some(ANSWERS_WITHIN))
                .map_err(io("use", &socket))?;
            exchange(
                stream,
                pull,
                &format!("matrix-federation://{}{}", pull.destination, pull.uri),
                &head,
            )?
        }
        Way::Connect => {
            let tunnel = tunnel(zone, pull.destination, &secret)?;
            let root = zone.gateway_folder().join("keys").join("inside-ca.pem");
            exchange(
                tls(tunnel, &root, pull.destination, None)?,
                pull,
                pull.uri,
                &authorization,
            )?
        }
    };
    Ok(read_json(answer))
}

/// Makes the request as the zone's gateway would, at the border of another one: what comes back is what that one wrote,
/// and nothing of it is rewritten on the way.
///
/// # Errors
/// When the border cannot be reached or does not answer in HTTP.
pub fn pull_at_border(
    zone: &Zone,
    other: &Zone,
    pull: &Pull<'_>,
) -> Result<(u16, Vec<u8>), DemoError> {
    let keys = zone.gateway_folder().join("keys");
    let authorization = x_matrix(zone.server_name(), &keys.join("signing.key"), pull)?;
    let border = other.listeners()["border"].as_str().unwrap_or_default();
    let root = other.gateway_folder().join("keys").join("ca.pem");
    let name = format!("gw.{}", other.server_name());
    let stream = tls(connect(border)?, &root, &name, Some(&keys))?;
    exchange(stream, pull, pull.uri, &authorization)
}

/// Knocks at a gateway's border without a certificate. Returns what it sent back after the handshake, if anything.
///
/// # Errors
/// When the border cannot even be reached.
pub fn knock_without_certificate(
    zone: &Zone,
    uri: &str,
) -> Result<Option<(u16, Value)>, DemoError> {
    let border = zone.listeners()["border"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let stream = connect(&border)?;
    let root = zone.gateway_folder().join("keys").join("ca.pem");
    let stranger = Pull {
        destination: zone.server_name(),
        method: "GET",
        uri,
        body: None,
    };
    let name = format!("gw.{}", zone.server_name());
    Ok(tls(stream, &root, &name, None)
        .and_then(|stream| exchange(stream, &stranger, uri, ""))
        .map(read_json)
        .ok())
}

/// The `Authorization` header line, signed with the key of a file.
fn x_matrix(origin: &str, key: &Path, pull: &Pull<'_>) -> Result<String, DemoError> {
    let (key_id, key) = signing_key(key)?;
    let mut signed = json!({"method": pull.method, "uri": pull.uri, "origin": origin, "destination": pull.destination});
    if let (Some(body), Some(signed)) = (&pull.body, signed.as_object_mut()) {
        signed.insert("content".to_owned(), body.clone());
    }
    // serde_json keeps keys sorted and writes no spaces; with integers and ASCII alone that is canonical JSON.
    let signature = STANDARD_NO_PAD.encode(key.sign(signed.to_string().as_bytes()).to_bytes());
    Ok(format!(
        "Authorization: X-Matrix origin=\"{origin}\",destination=\"{}\",key=\"{key_id}\",sig=\"{signature}\"\r\n",
        pull.destination
    ))
}

/// Key id and key of a homeserver's one-line key file.
fn signing_key(path: &Path) -> Result<(String, SigningKey), DemoError> {
    let text = read(path)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let seed: Option<[u8; 32]> = words
        .get(2)
        .and_then(|word| STANDARD_NO_PAD.decode(word).ok())
        .and_then(|bytes| bytes.try_into().ok());
    match (words.get(1), seed) {
        (Some(name), Some(seed)) => Ok((format!("ed25519:{name}"), SigningKey::from_bytes(&seed))),
        _ => Err(DemoError::Shape(format!(
            "{} is not a signing key",
            path.display()
        ))),
    }
}

fn tunnel(zone: &Zone, destination: &str, secret: &str) -> Result<TcpStream, DemoError> {
    let mut stream = connect(zone.listeners()["inside"].as_str().unwrap_or_default())?;
    let credentials = STANDARD.encode(format!("sluice:{secret}"));
    let request = format!(
        "CONNECT {destination}:8448 HTTP/1.1\r\nHost: {destination}:8448\r\nProxy-Authorization: Basic {credentials}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(network)?;
    // Byte by byte, so that nothing of the TLS handshake behind the head is taken.
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") && head.len() < LARGEST_HEAD {
        stream.read_exact(&mut byte).map_err(network)?;
        head.extend(byte);
    }
    match status(&head) {
        Some(200) => Ok(stream),
        other => Err(DemoError::Shape(format!(
            "CONNECT was answered with {other:?}"
        ))),
    }
}

fn connect(address: &str) -> Result<TcpStream, DemoError> {
    let stream = TcpStream::connect(address).map_err(network)?;
    stream
        .set_read_timeout(Some(ANSWERS_WITHIN))
        .map_err(network)?;
    Ok(stream)
}

/// TLS to a server of this name under this root; with the border certificate of a folder of keys, if one is given.
fn tls(
    stream: TcpStream,
    root: &Path,
    name: &str,
    keys: Option<&Path>,
) -> Result<rustls::StreamOwned<rustls::ClientConnection, TcpStream>, DemoError> {
    let fail = |error: &dyn std::fmt::Display| DemoError::Network {
        what: format!("TLS to {name}"),
        detail: error.to_string(),
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(root).map_err(|error| fail(&error))? {
        roots
            .add(certificate.map_err(|error| fail(&error))?)
            .map_err(|error| fail(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| fail(&error))?
        .with_root_certificates(roots);
    let config = match keys {
        None => config.with_no_client_auth(),
        Some(keys) => {
            let chain = CertificateDer::pem_file_iter(keys.join("border.pem"))
                .and_then(Iterator::collect)
                .map_err(|error| fail(&error))?;
            let key = PrivateKeyDer::from_pem_file(keys.join("border.key"));
            config
                .with_client_auth_cert(chain, key.map_err(|error| fail(&error))?)
                .map_err(|error| fail(&error))?
        }
    };
    let server = ServerName::try_from(name.to_owned()).map_err(|error| fail(&error))?;
    let connection =
        rustls::ClientConnection::new(Arc::new(config), server).map_err(|error| fail(&error))?;
    Ok(rustls::StreamOwned::new(connection, stream))
}

/// Writes one request and reads the answer to the end of the connection.
fn exchange(
    mut stream: impl Read + Write,
    pull: &Pull<'_>,
    target: &str,
    head: &str,
) -> Result<(u16, Vec<u8>), DemoError> {
    let body = pull.body.as_ref().map(Value::to_string).unwrap_or_default();
    let length = match pull.body {
        Some(_) => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ),
        None => String::new(),
    };
    let request = format!(
        "{} {target} HTTP/1.1\r\nHost: {}\r\n{head}{length}Connection: close\r\n\r\n{body}",
        pull.method, pull.destination
    );
    stream.write_all(request.as_bytes()).map_err(network)?;
    stream.flush().map_err(network)?;
    let mut answer = Vec::new();
    // A peer that closes without TLS's closing message has still answered: what counts is whether the JSON is whole.
    if let Err(error) = stream.take(LARGEST_ANSWER).read_to_end(&mut answer)
        && answer.is_empty()
    {
        return Err(network(error));
    }
    parse(&answer).ok_or_else(|| DemoError::Shape("the gateway's answer is not HTTP".to_owned()))
}

fn read_json((status, body): (u16, Vec<u8>)) -> (u16, Value) {
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = answer.split_at(end);
    let body = body.get(4..)?;
    let chunked = String::from_utf8_lossy(head)
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    let body = if chunked {
        join_chunks(body)?
    } else {
        body.to_vec()
    };
    Some((status(head)?, body))
}

fn join_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length =
            usize::from_str_radix(std::str::from_utf8(rest.get(..end)?).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(joined);
        }
        rest = rest.get(end + 2..)?;
        joined.extend(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

fn read(path: &Path) -> Result<String, DemoError> {
    std::fs::read_to_string(path).map_err(io("read", path))
}

fn network(error: std::io::Error) -> DemoError {
    DemoError::Network {
        what: "a request in the homeserver's name".to_owned(),
        detail: error.to_string(),
    }
}

const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
const LARGEST_ANSWER: u64 = 32 * 1024 * 1024;
const LARGEST_HEAD: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]
    use super::*;

    #[test]
    fn answers_with_length_and_in_chunks_are_read() {
        let plain = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parse(plain).unwrap(), (404, b"{}".to_vec()));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n";
        let (status, body) = parse(chunked).unwrap();
        assert_eq!(read_json((status, body)), (200, json!({"a": 1})));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
    }
}
