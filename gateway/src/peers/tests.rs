//! Zone high knows zone low; others try to pass for it.
#![allow(clippy::unwrap_used, reason = "tests state what must hold")]

use serde_json::{Value, json};
use sluice_certs::{Authority, OwnCertificate};
use sluice_policy::ids;
use sluice_policy::keys::SigningKey;

use super::record::MAX_SERVER_NAMES;
use super::store::Stored;
use super::*;

/// A zone with its gateway `gw.ZONE.test` and its homeserver `ZONE.test`.
struct Zone {
    ca: Authority,
    own: OwnCertificate,
    signing: SigningKey,
    name: String,
}

impl Zone {
    fn new(name: &str) -> Self {
        let ca = Authority::generate(name, UnixTime::now()).unwrap();
        let own = certificate(&ca, &format!("gw.{name}.test"));
        let mut seed = [7; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        Self {
            ca,
            own,
            signing: SigningKey::from_seed("gw", &seed).unwrap(),
            name: name.to_owned(),
        }
    }

    fn record(&self) -> Value {
        json!({
            "zone": self.name,
            "gateway": format!("gw.{}.test", self.name),
            "address": "127.0.0.1:8443",
            "ca": self.ca.certificate_pem(),
            "key_sha256": self.own.facts().pin.to_string(),
            "server_names": [format!("{}.test", self.name)],
            "signing_key": { "id": self.signing.id(), "key": ids::to_base64(&self.signing.public()) },
        })
    }

    fn as_own(&self) -> Own {
        Own {
            zone: self.name.clone(),
            gateway: format!("gw.{}.test", self.name),
            server_names: BTreeSet::from([format!("{}.test", self.name)]),
            pin: self.own.facts().pin,
            signing_key: self.signing.public(),
        }
    }
}

fn certificate(ca: &Authority, name: &str) -> OwnCertificate {
    let issued = ca.issue_gateway(name, UnixTime::now()).unwrap();
    OwnCertificate::load(&issued.certificate_pem, &issued.key_pem).unwrap()
}

fn clearance() -> Value {
    json!({ "PolicyIdentifier": { "name": "HAUS" }, "ClassificationList": ["OFFEN"], "Category": [] })
}

fn read(record: &Value) -> Result<Peer, RecordFault> {
    Record::read(record.to_string().as_bytes())?.into_peer()
}

/// The record with one field changed.
fn changed(record: &Value, field: &str, value: Value) -> Value {
    let mut record = record.clone();
    record[field] = value;
    record
}

/// The peers of high, as they are loaded from a folder with these records.
fn folder_with(records: &[Value]) -> (tempfile::TempDir, Result<Peers, Mistakes>) {
    let folder = tempfile::tempdir().unwrap();
    for record in records {
        let record = serde_json::from_value(record.clone()).unwrap();
        store::write(
            folder.path(),
            &Stored {
                record,
                send: Some(clearance()),
                receive: None,
            },
        )
        .unwrap();
    }
    let peers = Peers::load(folder.path(), &Zone::new("high").as_own());
    (folder, peers)
}

#[test]
fn a_peer_is_found_by_zone_by_server_name_and_by_certificate() {
    let low = Zone::new("low");
    let (_folder, peers) = folder_with(&[low.record(), Zone::new("third").record()]);
    let peers = peers.unwrap();
    assert_eq!(peers.by_zone("low").unwrap().record.gateway, "gw.low.test");
    assert_eq!(peers.by_server("low.test").unwrap().zone(), "low");
    assert_eq!(
        peers
            .identify(low.own.chain(), UnixTime::now())
            .unwrap()
            .zone(),
        "low"
    );
    assert!(peers.by_server("Low.test").is_none() && peers.by_server("x.low.test").is_none());
    assert!(!peers.by_zone("low").unwrap().speaks_for("third.test"));
}

#[test]
fn a_certificate_that_was_good_is_judged_anew_the_next_second_and_no_other_borrows_from_it() {
    let low = Zone::new("low");
    let (_folder, peers) = folder_with(&[low.record()]);
    let peers = peers.unwrap();
    let now = UnixTime::now();
    let later = |seconds: u64| {
        let since = std::time::Duration::from_secs(now.as_secs() + seconds);
        UnixTime::since_unix_epoch(since)
    };
    for _ in 0..2 {
        assert_eq!(peers.identify(low.own.chain(), now).unwrap().zone(), "low");
        let forged = certificate(&low.ca, "gw.low.test");
        let refused = peers.identify(forged.chain(), now).unwrap_err();
        assert_eq!(refused, IdentityError::OtherKey);
    }
    assert_eq!(
        peers.identify(low.own.chain(), later(1)).unwrap().zone(),
        "low"
    );
    let century = later(100 * 366 * 24 * 3600);
    let refused = peers.identify(low.own.chain(), century).unwrap_err();
    assert_eq!(refused, IdentityError::Expired);
}

#[test]
fn who_is_not_the_recorded_gateway_is_told_apart() {
    let low = Zone::new("low");
    let (_folder, peers) = folder_with(&[low.record(), Zone::new("third").record()]);
    let peers = peers.unwrap();
    let identify =
        |shown: &[CertificateDer<'_>]| peers.identify(shown, UnixTime::now()).unwrap_err();
    assert_eq!(identify(&[]), IdentityError::NoCertificate);
    assert_eq!(
        identify(Zone::new("low").own.chain()),
        IdentityError::ForeignCa
    );
    assert_eq!(
        identify(certificate(&low.ca, "gw.low.test").chain()),
        IdentityError::OtherKey
    );
    let other = identify(certificate(&low.ca, "gw2.low.test").chain());
    assert_eq!(
        other,
        IdentityError::OtherName {
            found: "gw2.low.test".to_owned()
        }
    );
    assert_eq!(
        Peers::default()
            .identify(low.own.chain(), UnixTime::now())
            .unwrap_err(),
        IdentityError::UnknownPeer
    );
}

#[test]
fn a_link_is_open_only_with_both_clearances() {
    let record: Record = serde_json::from_value(Zone::new("low").record()).unwrap();
    let open = |send: Option<Value>, receive: Option<Value>| {
        Stored {
            record: record.clone(),
            send,
            receive,
        }
        .peer()
        .unwrap()
        .is_open()
    };
    assert!(open(Some(clearance()), Some(clearance())));
    assert!(!open(Some(clearance()), None) && !open(None, Some(clearance())) && !open(None, None));
    let broken = Stored {
        record,
        send: Some(json!({ "max": "GEHEIM" })),
        receive: None,
    }
    .peer()
    .unwrap_err();
    assert!(
        matches!(broken, RecordFault::Field { field: "send", .. }),
        "{broken}"
    );
}

#[test]
fn no_two_records_and_not_ours_share_a_name_or_a_key() {
    let (high, low) = (Zone::new("high"), Zone::new("low"));
    let third = Zone::new("third").record();
    let key = |zone: &Zone| zone.record()["signing_key"].clone();
    for (record, told) in [
        (
            changed(&third, "server_names", json!(["third.test", "low.test"])),
            "claims the server name \"low.test\", which belongs to the peer \"low\"",
        ),
        (
            changed(&third, "signing_key", key(&low)),
            "claims the signing key, which belongs to the peer \"low\"",
        ),
        (
            changed(&third, "gateway", json!("gw.low.test")),
            "claims the gateway name \"gw.low.test\"",
        ),
        (
            changed(&third, "key_sha256", low.record()["key_sha256"].clone()),
            "claims the certificate's key",
        ),
        (
            changed(&third, "zone", json!("high")),
            "claims the zone name \"high\", which is our own",
        ),
        (
            changed(&third, "server_names", json!(["high.test"])),
            "claims the server name \"high.test\", which is our own",
        ),
        (
            changed(&third, "signing_key", key(&high)),
            "claims the signing key, which is our own",
        ),
        (
            changed(&third, "gateway", json!("gw.high.test")),
            "claims the gateway name \"gw.high.test\", which is our own",
        ),
    ] {
        let (_folder, peers) = folder_with(&[low.record(), record]);
        let told_by_us = peers.unwrap_err().to_string();
        assert!(
            told_by_us.contains(told),
            "wanted {told}\ntold {told_by_us}"
        );
    }
}

#[test]
fn a_record_with_a_wrong_field_is_refused_by_name() {
    let record = Zone::new("low").record();
    // The neutral element of the curve: every message has a valid signature under it.
    let weak = json!({ "id": "ed25519:gw", "key": format!("AQ{}", "A".repeat(41)) });
    for (field, value, told) in [
        ("zone", json!("../../etc"), "is not a zone name"),
        ("zone", json!("Low"), "is not a zone name"),
        ("gateway", json!("*.low.test"), "wrong `gateway`"),
        ("address", json!("gw.low.test"), "has no port"),
        ("address", json!("gw.low.test:0"), "has port 0"),
        (
            "ca",
            json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "wrong `ca`",
        ),
        ("ca", json!(""), "there is no certificate in it"),
        ("key_sha256", json!("00"), "`key_sha256` is not 64"),
        ("server_names", json!([]), "must be 1 to"),
        (
            "server_names",
            json!(vec!["low.test"; MAX_SERVER_NAMES + 1]),
            "must be 1 to",
        ),
        (
            "server_names",
            json!(["low.test", "low.test"]),
            "\"low.test\" stands twice",
        ),
        ("server_names", json!(["LOW.test"]), "is not in lower case"),
        ("server_names", json!(["192.0.2.1"]), "is an IP address"),
        ("signing_key", weak, "a weak key"),
        (
            "signing_key",
            json!({ "id": "rsa:1", "key": "AAAA" }),
            "the id is not ed25519:NAME",
        ),
        (
            "signing_key",
            json!({ "id": "ed25519:gw", "key": "AAAA" }),
            "not 32 bytes",
        ),
        ("secret", json!("x"), "is no peer record"),
    ] {
        let refused = read(&changed(&record, field, value.clone()))
            .unwrap_err()
            .to_string();
        assert!(refused.contains(told), "{field} = {value}: {refused}");
    }
}

#[test]
fn a_record_that_two_parsers_could_read_differently_is_refused() {
    let text = Zone::new("low").record().to_string();
    let twice = text.replacen('{', r#"{"zone":"high","#, 1);
    let refused = Record::read(twice.as_bytes()).unwrap_err();
    assert!(matches!(refused, RecordFault::Json(_)), "{refused}");
    assert!(matches!(Record::read(b"[]"), Err(RecordFault::Json(_))));
    assert!(matches!(Record::read(b"{}"), Err(RecordFault::Shape(_))));
    assert!(matches!(
        Record::read(&[b' '; 300 * 1024]),
        Err(RecordFault::Json(_))
    ));
}

#[test]
fn every_bad_file_is_told_at_once() {
    let (folder, peers) = folder_with(&[Zone::new("low").record()]);
    peers.unwrap();
    std::fs::rename(
        folder.path().join("low.json"),
        folder.path().join("renamed.json"),
    )
    .unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a record, not read").unwrap();
    let told = Peers::load(folder.path(), &Zone::new("high").as_own()).unwrap_err();
    let files: Vec<_> = told
        .0
        .iter()
        .map(|mistake| mistake.file.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(files, ["broken.json", "renamed.json"], "{told}");
    assert!(
        told.to_string().contains("name the file after the zone"),
        "{told}"
    );
}
