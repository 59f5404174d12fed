#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::*;
use crate::link::RequireLabel;

/// Two throw-away key pairs, made for these tests alone.
const KEY: &str = include_str!("../../tests/fixtures/bundle.key");
const PUBLIC: &str = include_str!("../../tests/fixtures/bundle.pub");
const OTHER_KEY: &str = include_str!("../../tests/fixtures/other.key");

const SPIF: &str = include_str!("../../../rules/spif/de-sample.xml");
const DLP: &str = include_str!("../../../rules/dlp/payment.toml");
const WASM: &[u8] = include_bytes!("../../../rules/profiles/demo/compiled/policy.wasm");
const SETTINGS: &[u8] = include_bytes!("../../../rules/profiles/demo/compiled/data.json");

fn parts() -> BundleParts {
    let policy = LinkPolicy {
        edus: vec!["m.typing".to_owned()],
        ..LinkPolicy::new(RequireLabel::Event)
    };
    BundleParts {
        profile: Profile {
            name: "test".to_owned(),
            version: "1".to_owned(),
        },
        spifs: vec![("de-sample.xml".to_owned(), SPIF.to_owned())],
        dlp: vec![("payment.toml".to_owned(), DLP.to_owned())],
        links: BTreeMap::from([("high->low".to_owned(), policy)]),
        indexes: Vec::new(),
        index_key: None,
        labels: LabelSettings::default(),
        wasm: WASM.to_vec(),
        data: SETTINGS.to_vec(),
    }
}

fn key() -> BundleSigningKey {
    BundleSigningKey::from_pem(KEY).unwrap()
}

fn public() -> BundleVerifyKey {
    BundleVerifyKey::from_pem(PUBLIC).unwrap()
}

fn built() -> Vec<u8> {
    Bundle::build(&parts(), &key()).unwrap()
}

/// The bundle with its files changed after it was signed.
fn tampered(change: impl FnOnce(&mut Files)) -> BundleError {
    let mut files = archive::read(&built()).unwrap();
    change(&mut files);
    Bundle::open(&archive::write(&files).unwrap(), &public()).unwrap_err()
}

#[test]
fn what_was_built_opens_with_its_key() {
    let archive = built();
    let bundle = Bundle::open(&archive, &public()).unwrap();
    assert_eq!(bundle.profile, parts().profile);
    assert_eq!(bundle.id.len(), 64);
    assert_eq!(bundle.links, parts().links);
    assert!(bundle.spifs.by_name("DE-SAMPLE").is_some());
    assert!(bundle.link("high->low").is_some());
    assert!(
        bundle.link("low->high").is_none(),
        "no default, so nothing crosses"
    );
}

#[test]
fn the_same_parts_give_the_same_files() {
    let unsigned = |archive: &[u8]| {
        let mut files = archive::read(archive).unwrap();
        files.remove(SIGNATURES);
        archive::write(&files).unwrap()
    };
    assert_eq!(unsigned(&built()), unsigned(&built()));
}

#[test]
fn a_missing_a_broken_an_unsigned_and_a_foreign_bundle_are_told_apart() {
    assert!(matches!(
        Bundle::open(b"", &public()),
        Err(BundleError::Broken(_) | BundleError::Unsigned)
    ));
    assert!(matches!(
        Bundle::open(b"not gzip", &public()),
        Err(BundleError::Broken(_))
    ));
    let archive = built();
    assert!(matches!(
        Bundle::open(&archive[..archive.len() / 2], &public()),
        Err(BundleError::Broken(_))
    ));
    assert_eq!(
        tampered(|files| drop(files.remove(SIGNATURES))),
        BundleError::Unsigned
    );
    let foreign = Bundle::build(&parts(), &BundleSigningKey::from_pem(OTHER_KEY).unwrap()).unwrap();
    assert_eq!(
        Bundle::open(&foreign, &public()).unwrap_err(),
        BundleError::WrongKey
    );
    let mut incomplete = parts().files().unwrap();
    incomplete.remove(POLICY);
    incomplete.insert(
        SIGNATURES.to_owned(),
        signature::sign(&incomplete, &key()).unwrap(),
    );
    let incomplete = archive::write(&incomplete).unwrap();
    assert_eq!(
        Bundle::open(&incomplete, &public()).unwrap_err(),
        BundleError::Missing(POLICY)
    );
}

#[test]
fn a_change_to_any_file_is_found() {
    let names: Vec<String> = parts().files().unwrap().into_keys().collect();
    for name in names {
        let text = |files: &mut Files| {
            let bytes = files.get_mut(&name).unwrap();
            // A letter inside a name or text: the file stays readable, so only the signature can tell.
            let place = bytes.iter().rposition(u8::is_ascii_lowercase).unwrap();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
        };
        assert!(
            matches!(
                tampered(text),
                BundleError::Changed(_) | BundleError::Broken(_)
            ),
            "{name}"
        );
        assert!(
            matches!(
                tampered(|files| drop(files.remove(&name))),
                BundleError::Changed(_)
            ),
            "{name}"
        );
    }
    let added = tampered(|files| drop(files.insert("sluice/dlp/zz.toml".to_owned(), Vec::new())));
    assert!(matches!(added, BundleError::Changed(_)));
}

#[test]
fn a_signed_file_that_no_bundle_has_is_refused() {
    let mut files = parts().files().unwrap();
    files.insert("sluice/extra.sh".to_owned(), b"#!".to_vec());
    files.insert(
        SIGNATURES.to_owned(),
        signature::sign(&files, &key()).unwrap(),
    );
    let error = Bundle::open(&archive::write(&files).unwrap(), &public()).unwrap_err();
    assert!(matches!(error, BundleError::Broken(message) if message.contains("sluice/extra.sh")));
}

#[test]
fn a_token_that_is_not_es256_is_refused() {
    let mut files = parts().files().unwrap();
    let signatures = signature::sign(&files, &key()).unwrap();
    let signatures: serde_json::Value = serde_json::from_slice(&signatures).unwrap();
    let payload = signatures["signatures"][0]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let claims: serde_json::Value = {
        use base64::Engine as _;
        serde_json::from_slice(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD
                .decode(payload)
                .unwrap(),
        )
        .unwrap()
    };
    // The classic: the public key taken as the secret of a symmetric signature.
    let secret = EncodingKey::from_secret(public().point());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap();
    files.insert(
        SIGNATURES.to_owned(),
        serde_json::to_vec(&serde_json::json!({"signatures": [token]})).unwrap(),
    );
    let error = Bundle::open(&archive::write(&files).unwrap(), &public()).unwrap_err();
    assert_eq!(error, BundleError::WrongKey);
}

/// A tar with one entry of a free kind and path, which our own writer would not make.
fn raw_archive(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, kind) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, &b""[..]).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn paths_links_and_twins_are_refused() {
    let file = tar::EntryType::Regular;
    for entries in [
        &[("/policy.wasm", file)][..],
        &[("../policy.wasm", file)],
        &[("sluice//x", file)],
        &[("sluice/./x", file)],
        &[("data.json", tar::EntryType::Symlink)],
        &[("sluice", tar::EntryType::Directory)],
        &[("data.json", file), ("data.json", file)],
    ] {
        assert!(
            matches!(
                archive::read(&raw_archive(entries)),
                Err(BundleError::Broken(_))
            ),
            "{entries:?}"
        );
    }
    assert!(archive::read(&raw_archive(&[("data.json", file)])).is_ok());
}

#[test]
fn a_bundle_that_swells_is_refused() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0_u8; 1024 * 1024];
    for _ in 0..=UNPACKED_BYTES / zeros.len() {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < ARCHIVE_BYTES);
    assert!(matches!(archive::read(&bomb), Err(BundleError::Broken(_))));
    assert!(matches!(
        archive::read(&vec![0; ARCHIVE_BYTES + 1]),
        Err(BundleError::Broken(_))
    ));
}

#[test]
fn parts_with_mistakes_are_not_signed() {
    let mut wrong_link = parts();
    let policy = wrong_link.links["high->low"].clone();
    wrong_link.links.insert("high-low".to_owned(), policy);
    let mut wrong_spif = parts();
    wrong_spif.spifs[0].1 = "<SPIF>".to_owned();
    let mut wrong_wasm = parts();
    wrong_wasm.wasm.truncate(100);
    for (parts, word) in [
        (wrong_link, "high-low"),
        (wrong_spif, "de-sample.xml"),
        (wrong_wasm, "policy.wasm"),
    ] {
        let error = Bundle::build(&parts, &key()).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn keys_are_read_strictly_and_never_shown() {
    assert_eq!(
        BundleSigningKey::from_pem(PUBLIC).unwrap_err(),
        KeyError::Private
    );
    assert_eq!(
        BundleVerifyKey::from_pem(KEY).unwrap_err(),
        KeyError::Public
    );
    assert_eq!(format!("{:?}", key()), "BundleSigningKey(..)");
}

/// The mistakes of a bundle whose one link differs by this.
fn mistakes(difference: serde_json::Value) -> String {
    let mut policy = serde_json::json!({"require_label": "event"});
    for (key, value) in difference.as_object().unwrap() {
        policy[key] = value.clone();
    }
    let mut parts = parts();
    let policy: LinkPolicy = serde_json::from_value(policy).unwrap();
    parts.links = [("high->low".to_owned(), policy)].into();
    match parts.check() {
        Err(BundleError::Parts(mistakes)) => mistakes.join("\n"),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_a_link_names_must_be_loaded_and_the_message_says_the_remedy() {
    let label = |level: &str| serde_json::json!({"default_label": {"PolicyIdentifier": {"name": "DE-SAMPLE"}, "Classification": level, "Category": []}});
    assert_eq!(mistakes(label("OFFEN")), "Ok(())");
    let wrong = mistakes(label("SECRET SQUIRREL"));
    assert!(
        wrong.contains("links.\"high->low\".default_label") && !wrong.contains("SQUIRREL"),
        "{wrong}"
    );
    for (difference, names) in [
        (
            serde_json::json!({"typed_markings": ["NATO"]}),
            "typed_markings: policy \"NATO\" is not loaded",
        ),
        (
            serde_json::json!({"room_label_authorities": ["not a server"]}),
            "room_label_authorities: \"not a server\"",
        ),
        (
            serde_json::json!({"high_water": {"events": 0, "hours": 0}}),
            "high_water: neither",
        ),
    ] {
        let wrong = mistakes(difference);
        assert!(wrong.contains(names), "{wrong}");
    }
    let right = serde_json::json!({"typed_markings": ["DE-SAMPLE", "2.25.999001"], "encryption": "label-only",
        "room_label_authorities": ["@chief:high.test", "high.test"], "high_water": {"events": 50, "hours": 0}});
    assert_eq!(mistakes(right), "Ok(())");
}

/// Two policies of which the second maps both levels of the first onto its lower one, so that GEHEIM comes back as OFFEN.
fn lossy() -> BundleParts {
    let policy = |name: &str, arc: u32, levels: &str, other: &str, other_arc: u32| {
        format!(
            r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" version="1" creationDate="20260301120000Z"
 originatorDN="CN=Example" keyIdentifier="00" privilegeId="1.3.26.0.4774.5.24.1" rbacId="1.3.26.0.4774.5.24.1">
 <securityPolicyId name="{name}" id="2.25.{arc}"/>
 <securityClassifications>{levels}</securityClassifications>
 <equivalentPolicies><equivalentPolicy name="{other}" id="2.25.{other_arc}"/></equivalentPolicies>
</SPIF>"#
        )
    };
    let level = |name: &str, lacv: u32, color: &str, inside: &str| {
        format!(
            r#"<securityClassification name="{name}" lacv="{lacv}" hierarchy="{lacv}" color="{color}">{inside}</securityClassification>"#
        )
    };
    let to = |other: &str, lacv: u32, applied: &str| {
        format!(
            r#"<equivalentClassification policyRef="{other}" lacv="{lacv}" applied="{applied}"/>"#
        )
    };
    let ours = level("OFFEN", 1, "green", &to("THEIRS", 1, "both"))
        + &level("GEHEIM", 2, "red", &to("THEIRS", 1, "encrypt"));
    let theirs = level("OPEN", 1, "green", &to("OURS", 1, "both"));
    BundleParts {
        spifs: vec![
            (
                "ours.xml".to_owned(),
                policy("OURS", 1001, &ours, "THEIRS", 1002),
            ),
            (
                "theirs.xml".to_owned(),
                policy("THEIRS", 1002, &theirs, "OURS", 1001),
            ),
        ],
        dlp: Vec::new(),
        ..parts()
    }
}

#[test]
fn lb_9_policies_that_take_restriction_off_a_label_are_refused_unless_switched_on() {
    let Err(BundleError::Parts(wrong)) = lossy().check() else {
        panic!("a lossy pair was accepted");
    };
    let wrong = wrong.join("\n");
    assert!(
        wrong.contains("lossy_round_trips = [[\"OURS\", \"THEIRS\"]]"),
        "{wrong}"
    );
    for (one, other) in [("OURS", "THEIRS"), ("THEIRS", "2.25.1001")] {
        let mut switched = lossy();
        switched.labels.lossy_round_trips = vec![(one.to_owned(), other.to_owned())];
        let archive = Bundle::build(&switched, &key()).unwrap();
        let public = BundleVerifyKey::from_pem(PUBLIC).unwrap();
        assert!(Bundle::open(&archive, &public).is_ok());
    }
    let mut unknown = lossy();
    unknown.labels.lossy_round_trips = vec![("OURS".to_owned(), "NOBODY".to_owned())];
    let Err(BundleError::Parts(wrong)) = unknown.check() else {
        panic!("an unknown policy was accepted");
    };
    assert!(
        wrong
            .iter()
            .any(|wrong| wrong.contains("\"NOBODY\" is not loaded"))
    );
}

#[test]
fn sp_1_a_policy_that_needs_a_switch_loads_only_where_the_profile_has_it() {
    let mut three = lossy();
    three.labels.lossy_round_trips = vec![("OURS".to_owned(), "THEIRS".to_owned())];
    for (_, xml) in &mut three.spifs {
        *xml = xml.replace("schemaVersion=\"2.1\"", "schemaVersion=\"3.0\"");
    }
    let wrong = |parts: &BundleParts| match parts.check() {
        Err(BundleError::Parts(wrong)) => wrong.join("\n"),
        other => panic!("{other:?}"),
    };
    assert!(wrong(&three).contains("schema-version"));
    three.labels.spif_compat = vec!["version-4".to_owned()];
    assert!(wrong(&three).contains("\"version-4\" is no switch"));
    three.labels.spif_compat = vec!["version-3".to_owned()];
    three.labels.discard = crate::label::Discard::Any;
    let archive = Bundle::build(&three, &key()).unwrap();
    let public = BundleVerifyKey::from_pem(PUBLIC).unwrap();
    let opened = Bundle::open(&archive, &public).unwrap();
    assert_eq!(
        opened.spifs.discard(),
        crate::label::Discard::Any,
        "the archive keeps it"
    );
}
