//! Two gateways meet: `gw.high.test` and `gw.low.test`, each with the CA of its own zone. The handshakes are real, in
//! memory; every odd certificate is refused with an error of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests state what must hold"
)]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, ServerConnection};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::authority::{CLOCK_TOLERANCE, GATEWAY_VALIDITY};
use crate::identity::RecordError;
use crate::own::OwnError;
use crate::{
    Authority, AuthorityError, CertificateFacts, IdentityError, Issued, OwnCertificate,
    PeerIdentity, tls,
};

/// A gateway with its CA, as `init` makes it.
struct Gateway {
    name: &'static str,
    ca: Authority,
    own: OwnCertificate,
}

impl Gateway {
    fn new(name: &'static str) -> Self {
        let ca = Authority::generate(&format!("CA of {name}"), now()).unwrap();
        let own = load(&ca.issue_gateway(name, now()).unwrap());
        Self { name, ca, own }
    }

    /// The identity as it stands in the record that this gateway exports.
    fn record(&self) -> PeerIdentity {
        PeerIdentity::new(
            self.name,
            self.ca.certificate_pem(),
            &self.own.facts().pin.to_string(),
        )
        .unwrap()
    }
}

fn now() -> UnixTime {
    UnixTime::now()
}

fn later(than: UnixTime, by: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(than.as_secs()) + by)
}

fn load(issued: &Issued) -> OwnCertificate {
    OwnCertificate::load(&issued.certificate_pem, &issued.key_pem).unwrap()
}

/// Handshake and one message; what each side says about it, and the chain that the server saw.
fn meet(
    client: Arc<ClientConfig>,
    name: &str,
    server: Arc<rustls::ServerConfig>,
) -> (
    Result<(), rustls::Error>,
    Result<Vec<CertificateDer<'static>>, rustls::Error>,
) {
    let mut client =
        ClientConnection::new(client, ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    let (mut client_says, mut server_says) = (Ok(()), Ok(()));
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        feed(&wire, |bytes| server.read_tls(bytes).map(drop));
        server_says = server_says.and(server.process_new_packets().map(drop));
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        feed(&wire, |bytes| client.read_tls(bytes).map(drop));
        client_says = client_says.and(client.process_new_packets().map(drop));
    }
    if client_says.is_ok() && server_says.is_ok() {
        assert!(
            !client.is_handshaking() && !server.is_handshaking(),
            "neither side refused, yet they did not finish"
        );
        assert_eq!(
            server.protocol_version(),
            Some(rustls::ProtocolVersion::TLSv1_3)
        );
        assert_eq!(server.alpn_protocol(), client.alpn_protocol());
    }
    (
        client_says,
        server_says.map(|()| server.peer_certificates().unwrap_or_default().to_vec()),
    )
}

fn feed(mut wire: &[u8], mut read: impl FnMut(&mut &[u8]) -> std::io::Result<()>) {
    while !wire.is_empty() {
        read(&mut wire).unwrap();
    }
}

#[test]
fn two_gateways_that_hold_each_others_records_meet() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let client = tls::peer_client(&high.own, &low.record()).unwrap();
    let server = tls::border_server(&low.own, [&high.record()]).unwrap();

    let (client_says, server_says) = meet(client, "gw.low.test", server);

    client_says.unwrap();
    assert_eq!(high.record().check(&server_says.unwrap(), now()), Ok(()));
}

#[test]
fn a_client_without_a_certificate_is_refused_in_the_handshake() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(low.record().ca().clone()).unwrap();
    let anonymous = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = tls::border_server(&low.own, [&high.record()]).unwrap();

    let (_, server_says) = meet(Arc::new(anonymous), "gw.low.test", server);

    assert_eq!(
        tls::identity_error(&server_says.unwrap_err()),
        Some(IdentityError::NoCertificate)
    );
    assert_eq!(
        high.record().check(&[], now()),
        Err(IdentityError::NoCertificate)
    );
}

#[test]
fn a_gateway_without_peers_refuses_everybody() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let client = tls::peer_client(&high.own, &low.record()).unwrap();
    let (_, server_says) = meet(
        client,
        "gw.low.test",
        tls::border_server(&low.own, []).unwrap(),
    );
    assert_eq!(
        tls::identity_error(&server_says.unwrap_err()),
        Some(IdentityError::ForeignCa)
    );
}

#[test]
fn a_client_of_a_foreign_ca_is_refused_in_the_handshake() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let impostor = Gateway::new("gw.high.test");
    let client = tls::peer_client(&impostor.own, &low.record()).unwrap();
    let server = tls::border_server(&low.own, [&high.record()]).unwrap();

    let (_, server_says) = meet(client, "gw.low.test", server);

    assert_eq!(
        tls::identity_error(&server_says.unwrap_err()),
        Some(IdentityError::ForeignCa)
    );
    assert_eq!(
        high.record().check(impostor.own.chain(), now()),
        Err(IdentityError::ForeignCa)
    );
}

#[test]
fn the_right_ca_with_another_name_passes_the_handshake_but_not_the_check() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let other = load(&high.ca.issue_gateway("gw2.high.test", now()).unwrap());
    let client = tls::peer_client(&other, &low.record()).unwrap();
    let server = tls::border_server(&low.own, [&high.record()]).unwrap();

    let (_, server_says) = meet(client, "gw.low.test", server);

    let refused = high
        .record()
        .check(&server_says.unwrap(), now())
        .unwrap_err();
    assert_eq!(
        refused,
        IdentityError::OtherName {
            found: "gw2.high.test".to_owned()
        }
    );
    assert_eq!(refused.rule(), "protocol.peer.other_name");
}

#[test]
fn the_right_name_with_another_key_passes_the_handshake_but_not_the_check() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let twin = load(&high.ca.issue_gateway("gw.high.test", now()).unwrap());
    let client = tls::peer_client(&twin, &low.record()).unwrap();
    let server = tls::border_server(&low.own, [&high.record()]).unwrap();

    let (_, server_says) = meet(client, "gw.low.test", server);

    assert_eq!(
        high.record().check(&server_says.unwrap(), now()),
        Err(IdentityError::OtherKey)
    );
}

#[test]
fn a_certificate_of_another_peer_does_not_pass_for_this_one() {
    let (high, low, third) = (
        Gateway::new("gw.high.test"),
        Gateway::new("gw.low.test"),
        Gateway::new("gw.third.test"),
    );
    let client = tls::peer_client(&third.own, &low.record()).unwrap();
    let server = tls::border_server(&low.own, [&high.record(), &third.record()]).unwrap();

    let (_, server_says) = meet(client, "gw.low.test", server);

    let shown = server_says.unwrap();
    assert_eq!(third.record().check(&shown, now()), Ok(()));
    assert_eq!(
        high.record().check(&shown, now()),
        Err(IdentityError::ForeignCa)
    );
}

#[test]
fn the_client_refuses_a_server_with_another_key_another_name_or_another_ca() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let odd = [
        (
            load(&low.ca.issue_gateway("gw.low.test", now()).unwrap()),
            IdentityError::OtherKey,
        ),
        (
            load(&low.ca.issue_gateway("gw2.low.test", now()).unwrap()),
            IdentityError::OtherName {
                found: String::new(),
            },
        ),
        (Gateway::new("gw.low.test").own, IdentityError::ForeignCa),
    ];
    for (certificate, expected) in odd {
        let client = tls::peer_client(&high.own, &low.record()).unwrap();
        let server = tls::border_server(&certificate, [&high.record()]).unwrap();
        let (client_says, _) = meet(client, "gw.low.test", server);
        assert_eq!(
            tls::identity_error(&client_says.unwrap_err()),
            Some(expected)
        );
    }
}

#[test]
fn expired_and_future_certificates_are_told_apart() {
    let high = Gateway::new("gw.high.test");
    let (chain, record) = (high.own.chain(), high.record());
    let expired = later(now(), GATEWAY_VALIDITY + Duration::from_secs(60));
    let before =
        UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs()) - CLOCK_TOLERANCE * 2);
    assert_eq!(record.check(chain, expired), Err(IdentityError::Expired));
    assert_eq!(record.check(chain, before), Err(IdentityError::NotYetValid));
    assert!(!high.own.facts().is_valid_at(expired) && high.own.facts().is_valid_at(now()));
}

#[test]
fn a_server_only_certificate_does_not_authenticate_a_client() {
    let high = Gateway::new("gw.high.test");
    let server_only = load(&high.ca.issue_server("gw.high.test", now()).unwrap());
    let refused = high.record().check(server_only.chain(), now()).unwrap_err();
    assert!(matches!(refused, IdentityError::Usage(_)), "{refused:?}");
}

#[test]
fn a_session_is_never_resumed() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let client = tls::peer_client(&high.own, &low.record()).unwrap();
    let server = tls::border_server(&low.own, [&high.record()]).unwrap();
    for _ in 0..2 {
        let mut one = ClientConnection::new(
            Arc::clone(&client),
            ServerName::try_from("gw.low.test").unwrap(),
        )
        .unwrap();
        let mut two = ServerConnection::new(Arc::clone(&server)).unwrap();
        let mut wire = Vec::new();
        for _ in 0..4 {
            wire.clear();
            one.write_tls(&mut wire).unwrap();
            feed(&wire, |bytes| two.read_tls(bytes).map(drop));
            two.process_new_packets().unwrap();
            two.writer().write_all(b"").unwrap();
            wire.clear();
            while two.wants_write() {
                two.write_tls(&mut wire).unwrap();
            }
            feed(&wire, |bytes| one.read_tls(bytes).map(drop));
            one.process_new_packets().unwrap();
        }
        assert_eq!(one.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(two.peer_certificates().map(<[_]>::len), Some(1));
        assert_eq!(one.tls13_tickets_received(), 0);
        let mut nothing = [0];
        assert!(
            one.reader().read(&mut nothing).is_err(),
            "no bytes were sent"
        );
    }
}

#[test]
fn the_inside_ca_names_any_matrix_server() {
    let ca = Authority::generate("inside CA of high", now()).unwrap();
    let ca = Authority::load(ca.certificate_pem(), ca.key_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(crate::facts::one_certificate(ca.certificate_pem()).unwrap())
        .unwrap();
    let homeserver = Arc::new(
        ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    );
    let long = format!("{}.low.test", "a".repeat(60) + "." + &"b".repeat(60));
    for (server_name, asked) in [
        ("low.test", "low.test"),
        ("low.test:8448", "low.test"),
        ("127.0.0.1:8448", "127.0.0.1"),
        ("[::1]:8448", "::1"),
        (long.as_str(), long.as_str()),
    ] {
        let certificate = load(&ca.issue_server(server_name, now()).unwrap());
        let server = tls::inside_server(&certificate).unwrap();
        let (client_says, server_says) = meet(Arc::clone(&homeserver), asked, server);
        assert!(
            client_says.is_ok() && server_says.is_ok(),
            "{server_name}: {client_says:?}"
        );
    }
    assert!(matches!(
        ca.issue_server("no name", now()),
        Err(AuthorityError::Name(_))
    ));
    assert!(matches!(
        ca.issue_server("*.low.test", now()),
        Err(AuthorityError::Name(_))
    ));
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (high, low) = (Gateway::new("gw.high.test"), Gateway::new("gw.low.test"));
    let (one, two) = (
        high.ca.issue_gateway("a.test", now()).unwrap(),
        high.ca.issue_gateway("a.test", now()).unwrap(),
    );
    assert_eq!(
        OwnCertificate::load(&one.certificate_pem, &two.key_pem).unwrap_err(),
        OwnError::Mismatch
    );
    assert!(matches!(
        OwnCertificate::load(&one.certificate_pem, "no key"),
        Err(OwnError::Key(_))
    ));
    assert!(matches!(
        OwnCertificate::load("", &one.key_pem),
        Err(OwnError::Certificate(_))
    ));
    let swapped = Authority::load(high.ca.certificate_pem(), low.ca.key_pem());
    assert!(matches!(swapped, Err(AuthorityError::Mismatch)));
    assert!(matches!(
        Authority::load(&one.certificate_pem, &one.key_pem),
        Err(AuthorityError::Certificate(_))
    ));
}

#[test]
fn a_record_needs_one_ca_a_lower_case_name_and_a_whole_fingerprint() {
    let high = Gateway::new("gw.high.test");
    let (ca, pin) = (high.ca.certificate_pem(), high.own.facts().pin.to_string());
    let leaf = high
        .ca
        .issue_gateway("gw.high.test", now())
        .unwrap()
        .certificate_pem;
    let refused =
        |gateway: &str, ca: &str, pin: &str| PeerIdentity::new(gateway, ca, pin).unwrap_err();
    assert_eq!(refused("GW.high.test", ca, &pin), RecordError::Gateway);
    assert_eq!(refused("gw.high.test.", ca, &pin), RecordError::Gateway);
    assert_eq!(refused("", ca, &pin), RecordError::Gateway);
    assert_eq!(refused("gw.high.test", &leaf, &pin), RecordError::NotACa);
    assert!(matches!(
        refused("gw.high.test", &format!("{ca}{leaf}"), &pin),
        RecordError::Ca(_)
    ));
    assert_eq!(
        refused("gw.high.test", ca, &pin.to_uppercase()),
        RecordError::Pin
    );
    assert_eq!(refused("gw.high.test", ca, &pin[1..]), RecordError::Pin);
}

#[test]
fn debug_output_hides_every_private_key() {
    let high = Gateway::new("gw.high.test");
    let issued = high.ca.issue_gateway("gw.high.test", now()).unwrap();
    let shown = format!("{:?} {:?} {:?}", high.ca, issued, load(&issued));
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    assert_eq!(
        CertificateFacts::of_pem(&issued.certificate_pem)
            .unwrap()
            .names,
        ["gw.high.test"]
    );
}
