//! A doctor's view of healthy and of sick surroundings: disk, clock, homeserver, peer.
#![allow(clippy::unwrap_used, reason = "tests state what must hold")]

use std::path::Path;
use std::time::Duration;

use super::disk::{LOW_SPACE_BYTES, NO_SPACE_BYTES, OLDEST_SANE_CLOCK};
use super::*;
use crate::config::{Homeserver, HsAddress};
use crate::peers::{Peer, Record};
use serde_json::{Value, json};
use sluice_certs::{Authority, OwnCertificate, tls};
use sluice_policy::ids;
use sluice_policy::json::{Limits, parse_object, write};
use sluice_policy::keys::SigningKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

#[test]
fn a_disk_that_fills_up_is_told_before_nothing_crosses() {
    let folder = Path::new("state/audit");
    assert_eq!(disk::judge_space(folder, LOW_SPACE_BYTES).state, State::Ok);
    assert_eq!(
        disk::judge_space(folder, LOW_SPACE_BYTES - 1).state,
        State::Warn
    );
    assert_eq!(
        disk::judge_space(folder, NO_SPACE_BYTES - 1).state,
        State::Fail
    );
}

#[test]
fn a_clock_that_was_never_set_fails() {
    let before = UnixTime::since_unix_epoch(Duration::from_secs(OLDEST_SANE_CLOCK - 1));
    assert_eq!(disk::clock(before).state, State::Fail);
    assert_eq!(disk::clock(UnixTime::now()).state, State::Ok);
}

/// The key document of `name`, valid for a day, with its own signature.
fn key_document(name: &str, now: UnixTime) -> Vec<u8> {
    let key = SigningKey::from_seed("a_lab", &[3; 32]).unwrap();
    let document = json!({
        "server_name": name,
        "valid_until_ts": (now.as_secs() + 86_400) * 1000,
        "verify_keys": { key.id(): { "key": ids::to_base64(&key.public()) } },
        "old_verify_keys": {},
    });
    let mut document = parse_object(document.to_string().as_bytes(), &Limits::KEYS).unwrap();
    key.sign_json(name, &mut document);
    write(&document)
}

/// A homeserver on a unix socket that answers one request with this body.
async fn homeserver_that_says(body: Vec<u8>) -> Finding {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("federation.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await.unwrap();
        assert!(request[..length].starts_with(b"GET /_matrix/key/v2/server HTTP/1.1\r\n"));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream
            .write_all(&[head.into_bytes(), body].concat())
            .await
            .unwrap();
    });
    let address = HsAddress::Unix(path);
    homeserver::examine(
        &Homeserver {
            name: "high.test".to_owned(),
            address,
        },
        UnixTime::now(),
    )
    .await
}

#[tokio::test]
async fn a_homeserver_is_well_only_with_its_own_sound_key_document() {
    let now = UnixTime::now();
    let well = homeserver_that_says(key_document("high.test", now)).await;
    assert_eq!(well.state, State::Ok, "{well:?}");
    let another = homeserver_that_says(key_document("low.test", now)).await;
    assert_eq!(another.state, State::Fail, "{another:?}");
    assert!(another.remedy.contains("homeserver.name"), "{another:?}");
    assert_eq!(
        homeserver_that_says(b"{}".to_vec()).await.state,
        State::Fail
    );
}

/// A gateway's CA and certificate.
fn gateway(name: &str) -> (Authority, OwnCertificate) {
    let ca = Authority::generate(name, UnixTime::now()).unwrap();
    let issued = ca.issue_gateway(name, UnixTime::now()).unwrap();
    let own = OwnCertificate::load(&issued.certificate_pem, &issued.key_pem).unwrap();
    (ca, own)
}

/// The peer as it stands in our folder, dialled at `address`.
fn peer(zone: &str, address: &str, ca: &Authority, own: &OwnCertificate) -> Peer {
    let key = SigningKey::from_seed("gw", &[9; 32]).unwrap();
    let record: Value = json!({
        "zone": zone,
        "gateway": format!("gw.{zone}.test"),
        "address": address,
        "ca": ca.certificate_pem(),
        "key_sha256": own.facts().pin.to_string(),
        "server_names": [format!("{zone}.test")],
        "signing_key": { "id": key.id(), "key": ids::to_base64(&key.public()) },
    });
    Record::read(record.to_string().as_bytes())
        .unwrap()
        .into_peer()
        .unwrap()
}

#[tokio::test]
async fn a_peer_is_well_only_if_each_side_accepts_the_other() {
    let ((high_ca, high), (low_ca, low)) = (gateway("gw.high.test"), gateway("gw.low.test"));
    let (_, impostor) = gateway("gw.low.test");
    let knows_us = [peer("high", "127.0.0.1:1", &high_ca, &high).identity];
    for (certificate, known, state, told) in [
        (
            &low,
            &knows_us[..],
            State::Ok,
            "with the recorded certificate",
        ),
        (&low, &[], State::Fail, "it refuses our certificate"),
        (
            &impostor,
            &knows_us[..],
            State::Fail,
            "was not issued by the CA in the peer's record",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor =
            tokio_rustls::TlsAcceptor::from(tls::border_server(certificate, known).unwrap());
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // A gateway that accepts us waits for our request.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _closed = stream.read(&mut [0]).await;
            }
        });
        let finding = super::peer::examine(&high, &peer("low", &address, &low_ca, &low)).await;
        assert_eq!(finding.state, state, "{finding:?}");
        assert!(finding.detail.contains(told), "{finding:?}");
        serving.abort();
    }
}
