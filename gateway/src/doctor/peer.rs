//! A peer gateway: does it answer, and is it the one in the record?

use std::time::Duration;

use rustls_pki_types::ServerName;
use sluice_certs::{OwnCertificate, tls};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Finding;
use crate::peers::Peer;

/// How long a peer may take for connection and handshake.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes the TLS handshake with our certificate, and checks the peer's against its record.
pub async fn examine(own: &OwnCertificate, peer: &Peer) -> Finding {
    let what = format!("peer {}", peer.zone());
    let address = &peer.record.address;
    match tokio::time::timeout(PEER_TIMEOUT, handshake(own, peer)).await {
        Ok(Ok(())) => Finding::ok(
            what,
            format!(
                "{} answers at {address} with the recorded certificate",
                peer.record.gateway
            ),
        ),
        Ok(Err(Trouble { detail, remedy })) => {
            Finding::fail(what, format!("{address}: {detail}"), remedy)
        }
        Err(_) => {
            let remedy = "ask its operator, and look at the firewalls between you";
            Finding::fail(
                what,
                format!("{address} does not answer within {PEER_TIMEOUT:?}"),
                remedy,
            )
        }
    }
}

struct Trouble {
    detail: String,
    remedy: &'static str,
}

async fn handshake(own: &OwnCertificate, peer: &Peer) -> Result<(), Trouble> {
    let ours = |detail: String| Trouble {
        detail,
        remedy: "run `sluice check`",
    };
    let config = tls::peer_client(own, &peer.identity).map_err(|error| ours(error.to_string()))?;
    let name = ServerName::try_from(peer.record.gateway.clone())
        .map_err(|error| ours(error.to_string()))?;
    let stream = TcpStream::connect(&peer.record.address).await.map_err(|error| Trouble {
        detail: format!("no connection: {error}"),
        remedy: "start the peer's gateway, compare the address with its record, look at the firewalls",
    })?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    // In TLS 1.3 the peer judges our certificate after our side has finished; its refusal comes with the first read.
    let mut stream = connected.map_err(|error| theirs(&error))?;
    let mut first = [0];
    match tokio::time::timeout(
        REFUSAL_WAIT,
        tokio::io::AsyncReadExt::read(&mut stream, &mut first),
    )
    .await
    {
        Err(_) => Ok(()),
        Ok(Ok(_)) => Err(Trouble {
            detail: "it closed the connection".to_owned(),
            remedy: IMPORT_OURS,
        }),
        Ok(Err(error)) => Err(Trouble {
            detail: format!("it refuses our certificate: {error}"),
            remedy: IMPORT_OURS,
        }),
    }
}

fn theirs(error: &std::io::Error) -> Trouble {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner.and_then(tls::identity_error) {
        Some(identity) => Trouble {
            detail: identity.to_string(),
            remedy: "compare with the peer's operator, and import a fresh record",
        },
        None => Trouble {
            detail: format!("no TLS: {error}"),
            remedy: "compare the address with the peer's record",
        },
    }
}

/// How long to wait for a refusal after the handshake; a peer that accepts us stays silent.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);
const IMPORT_OURS: &str = "let the peer import our record (`sluice peer export`) and reload";
