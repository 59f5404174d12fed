//! Two operators join their gateways without editing a file.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::operator::{CLEARANCE, Operator};

#[test]
fn two_operators_join_their_gateways_without_editing_a_file() {
    let (high, low) = (
        Operator::with_gateway("high"),
        Operator::with_gateway("low"),
    );

    for (one, other) in [(&high, &low), (&low, &high)] {
        let done = one.import(&other.export());
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(done.json()["open"], true);

        let checked = one.command(&["check", "--json"]);
        assert_eq!(checked.code, 0, "{checked:?}");
        assert_eq!(checked.json()["peers"], json!([other.zone]));

        let shown = one.command(&["peer", "show", "--json", other.zone]).json();
        let peer = &shown["peers"][0];
        assert_eq!(
            peer["server_names"],
            json!([format!("{}.test", other.zone)])
        );
        assert_eq!(peer["gateway"], json!(format!("gw.{}.test", other.zone)));
        assert_eq!(peer["send"]["ClassificationList"], json!(["OFFEN"]));
        assert_eq!(peer["open"], true);
    }
}

#[test]
fn init_prints_every_path_and_the_piece_of_homeserver_yaml() {
    let high = Operator::new("high");
    let done = high.init(&["--listen-operations", "127.0.0.1:0"]);
    assert_eq!(done.code, 0, "{done:?}");
    for name in [
        "sluice.toml",
        "keys/signing.key",
        "keys/border.pem",
        "bundle.tar.gz",
        "homeserver-fragment.yaml",
    ] {
        let path = high.file(name);
        assert!(
            path.exists() && done.stdout.contains(path.to_str().unwrap()),
            "{name}: {done:?}"
        );
    }
    assert!(
        done.stdout
            .contains("outbound_federation_restricted_to: [gateway]")
    );
    assert!(
        done.stdout
            .contains("additional_event_types: [org.sluice.room_confidentiality]")
    );
    let secret = std::fs::read_to_string(high.file("keys/inside.secret")).unwrap();
    assert!(!done.stdout.contains(secret.trim()) && !done.stdout.contains("PRIVATE KEY"));

    let again = high.init(&[]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(
        again
            .stderr
            .contains("is not empty; give a folder that does not exist yet"),
        "{again:?}"
    );
}

#[test]
fn init_answers_machines_with_every_path() {
    let low = Operator::new("low");
    let answer = low.init(&["--json"]).json();
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["config"], json!(low.file("sluice.toml")));
    assert_eq!(
        answer["fragments"],
        json!([low.file("homeserver-fragment.yaml")])
    );
    for path in answer["written"].as_array().unwrap() {
        assert!(
            std::path::Path::new(path.as_str().unwrap()).exists(),
            "{path}"
        );
    }
}

#[test]
fn a_link_stays_closed_until_both_clearances_are_given_and_a_new_record_keeps_them() {
    let (high, low) = (
        Operator::with_gateway("high"),
        Operator::with_gateway("low"),
    );
    let record = high.file("low-record.json");
    std::fs::write(&record, low.export()).unwrap();
    let clearance = high.file("clearance.json");
    std::fs::write(&clearance, CLEARANCE).unwrap();
    let (record, clearance) = (record.to_str().unwrap(), clearance.to_str().unwrap());

    let half = high.command(&["peer", "import", record, "--send", clearance, "--json"]);
    assert_eq!(half.json()["open"], false);
    assert!(
        high.command(&["check"])
            .stdout
            .contains("the links with low are closed")
    );
    let whole = high.command(&["peer", "import", record, "--receive", clearance, "--json"]);
    assert_eq!(whole.json()["open"], true, "the earlier --send was lost");

    let mode = std::fs::metadata(high.file("peers/low.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(high.command(&["peer", "show", "third"]).code, 1);
}

#[test]
fn a_clearance_is_given_as_json_xml_or_claim_in_a_file_or_on_the_command_line() {
    let (high, low) = (
        Operator::with_gateway("high"),
        Operator::with_gateway("low"),
    );
    let record = high.file("low-record.json");
    std::fs::write(&record, low.export()).unwrap();
    let record = record.to_str().unwrap();
    let xml = r#"<ConfidentialityClearance xmlns="urn:nato:stanag:4774:confidentialityclearance:1:0" xmlns:l="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"><l:PolicyIdentifier>HAUS</l:PolicyIdentifier><ClassificationList><l:Classification>OFFEN</l:Classification></ClassificationList></ConfidentialityClearance>"#;
    let claim = base64url(xml.as_bytes());
    let payload = base64url(format!(r#"{{"sub":"bob","aciClr":"{claim}"}}"#).as_bytes());
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{payload}.c2ln");
    let object = format!(r#"{{"aciClr":"{claim}"}}"#);
    let wanted: serde_json::Value = serde_json::from_str(CLEARANCE).unwrap();
    for given in [CLEARANCE, xml, &claim, &token, &object] {
        let file = high.file("clearance");
        std::fs::write(&file, format!("{given}\n")).unwrap();
        for given in [given, file.to_str().unwrap()] {
            let both = ["--send", given, "--receive", given, "--json"];
            let done = high.command(&[&["peer", "import", record][..], &both].concat());
            assert_eq!(
                (done.code, &done.json()["open"]),
                (0, &true.into()),
                "{done:?}"
            );
            let shown = high.command(&["peer", "show", "low", "--json"]).json();
            assert_eq!(shown["peers"][0]["send"], wanted, "{given}");
            assert_eq!(shown["peers"][0]["receive"], wanted, "{given}");
        }
    }
    let before = std::fs::read(high.file("peers/low.json")).unwrap();
    let wrong = xml.replace("OFFEN", "");
    for (given, told) in [
        (wrong.as_str(), "--send: is no clearance"),
        ("<a/>", "--send: is no clearance"),
        (r#"{"aciClr":7}"#, "the claim aciClr is not a text"),
        ("no.such.file", "no.such.file: cannot be read"),
    ] {
        let done = high.command(&["peer", "import", record, "--send", given]);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.contains(told), "wanted {told}: {done:?}");
    }
    assert_eq!(std::fs::read(high.file("peers/low.json")).unwrap(), before);
}

/// BASE64URL without padding, as in tokens.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(char::from(DIGITS[digit as usize]));
        }
    }
    text
}

#[test]
fn a_record_that_claims_what_is_not_its_own_is_refused_and_changes_nothing() {
    let (high, low, third) = (
        Operator::with_gateway("high"),
        Operator::with_gateway("low"),
        Operator::with_gateway("third"),
    );
    assert_eq!(high.import(&low.export()).code, 0);
    let stolen = third
        .export()
        .replace("\"third.test\"", "\"third.test\", \"low.test\"");
    for (record, told) in [
        (
            high.export(),
            "claims the zone name \"high\", which is our own",
        ),
        (
            stolen,
            "claims the server name \"low.test\", which belongs to the peer \"low\"",
        ),
        (
            third.export().replacen('{', "{\"zone\":\"x\",", 1),
            "is not strict JSON",
        ),
        (
            third.export().replace("ed25519:", "rsa:"),
            "the id is not ed25519:NAME",
        ),
        ("not a record".to_owned(), "is not strict JSON"),
    ] {
        let done = high.import(&record);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.contains(told), "wanted {told}: {done:?}");
    }
    let shown = high.command(&["peer", "show", "--json"]).json();
    assert_eq!(shown["peers"].as_array().unwrap().len(), 1);

    let done = high.command(&["peer", "import", "x.json", "--send", r#"{"max":"GEHEIM"}"#]);
    assert_eq!(done.code, 2, "{done:?}");
}
