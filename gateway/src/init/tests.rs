//! An operator makes a gateway, and makes mistakes in the arguments.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests state what must hold"
)]

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::{Config, Listen, Material};

/// `init` for zone high, as the documentation shows it.
fn args(dir: &Path) -> InitArgs {
    InitArgs {
        dir: dir.join("high"),
        zone: "high".to_owned(),
        homeserver: vec!["high.test=unix:/run/synapse/federation.sock".to_owned()],
        way: WayIn::Hook,
        listen_border: "127.0.0.1:0".to_owned(),
        listen_inside: "unix:hook.sock".to_owned(),
        listen_operations: Some("127.0.0.1:0".to_owned()),
        address: None,
        gateway: None,
        clearance: None,
        json: false,
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_gateway_is_whole_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(&args(folder.path()), UnixTime::now()).unwrap();
    let config = Config::load(&made.config).unwrap();
    Material::load(&config, UnixTime::now()).unwrap();
    assert_eq!(config.border.name, "gw.high.test");
    assert_eq!(config.border.address, config.border.listen.to_string());
    assert_ne!(config.border.listen.port(), 0);
    assert_ne!(
        config.border.listen.port(),
        config.operations.as_ref().unwrap().listen.port()
    );
    for path in &made.written {
        let secret = path
            .extension()
            .is_some_and(|kind| kind == "key" || kind == "secret" || kind == "yaml");
        if path.is_dir() {
            assert_eq!(mode(path), 0o700, "{}", path.display());
        } else if secret {
            assert_eq!(mode(path), 0o600, "{}", path.display());
        }
        let text = std::fs::read(path).unwrap_or_default();
        assert!(
            secret || !String::from_utf8_lossy(&text).contains("PRIVATE KEY"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn two_gateways_share_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let one = init(&args(folder.path()), UnixTime::now()).unwrap();
    let two = init(
        &InitArgs {
            dir: folder.path().join("again"),
            ..args(folder.path())
        },
        UnixTime::now(),
    )
    .unwrap();
    for (one, two) in one
        .written
        .iter()
        .zip(&two.written)
        .filter(|(one, _)| one.parent().unwrap().ends_with("keys"))
    {
        assert_ne!(
            std::fs::read(one).unwrap(),
            std::fs::read(two).unwrap(),
            "{}",
            one.display()
        );
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_made_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(&args(folder.path()), UnixTime::now()).unwrap();
    let before = std::fs::read(made.config.with_file_name("keys").join("signing.key")).unwrap();
    assert!(matches!(
        init(&args(folder.path()), UnixTime::now()),
        Err(InitError::NotEmpty(_))
    ));
    assert_eq!(
        std::fs::read(made.config.with_file_name("keys").join("signing.key")).unwrap(),
        before
    );

    let dir = folder.path().join("half");
    let mut files = Files::start(&dir).unwrap();
    files.folder("keys").unwrap();
    files.secret("keys/signing.key", "secret").unwrap();
    assert!(files.secret("keys/signing.key", "twice").is_err());
    drop(files);
    assert!(!dir.exists());
}

#[test]
fn the_fragment_for_the_hook_sends_everything_to_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(&args(folder.path()), UnixTime::now()).unwrap();
    let text = std::fs::read_to_string(&made.fragments[0]).unwrap();
    let root = made.config.parent().unwrap().display().to_string();
    for line in [
        format!("instance_map: {{gateway: {{path: \"{root}/hook.sock\"}}}}\n"),
        "outbound_federation_restricted_to: [gateway]\n".to_owned(),
        format!("worker_replication_secret_path: \"{root}/keys/inside.secret\"\n"),
        "path: \"/run/synapse/federation.sock\"\n".to_owned(),
        "trusted_key_servers: []\n".to_owned(),
        "allow_device_name_lookup_over_federation: false\n".to_owned(),
        "additional_event_types: [org.sluice.room_confidentiality]\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
    let secret =
        std::fs::read_to_string(made.config.with_file_name("keys").join("inside.secret")).unwrap();
    assert!(
        !text.contains(secret.trim()),
        "the hook's secret is named by its path only"
    );
}

#[test]
fn the_fragment_for_connect_names_proxy_password_and_ca() {
    let folder = tempfile::tempdir().unwrap();
    let args = InitArgs {
        way: WayIn::Connect,
        listen_inside: "127.0.0.1:0".to_owned(),
        homeserver: vec![
            "high.test=http://127.0.0.1:18009".to_owned(),
            "b.high.test=unix:b.sock".to_owned(),
        ],
        ..args(folder.path())
    };
    let made = init(&args, UnixTime::now()).unwrap();
    let config = Config::load(&made.config).unwrap();
    let Listen::Tcp(proxy) = config.inside.listen else {
        panic!("not TCP")
    };
    let material = Material::load(&config, UnixTime::now()).unwrap();
    assert!(material.inside_authority.is_some());
    assert_eq!(made.fragments.len(), 2);
    let text = std::fs::read_to_string(&made.fragments[0]).unwrap();
    let secret = material.inside_secret.expose();
    assert!(
        text.contains(&format!(
            "https_proxy: \"http://sluice:{secret}@{proxy}\"\n"
        )),
        "{text}"
    );
    assert!(text.contains("keys/inside-ca.pem\"]\n"), "{text}");
    assert!(
        text.contains("port: 18009\n    bind_addresses: [\"127.0.0.1\"]\n"),
        "{text}"
    );
    assert_eq!(mode(&made.fragments[0]), 0o600);
}

#[test]
fn mistakes_in_the_arguments_are_told_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let whole = args(folder.path());
    for (wrong, told) in [
        (
            InitArgs {
                zone: "High".into(),
                ..whole.clone()
            },
            "\"High\" is not a zone name",
        ),
        (
            InitArgs {
                homeserver: vec!["high.test".into()],
                ..whole.clone()
            },
            "has no address; write NAME=unix:PATH",
        ),
        (
            InitArgs {
                homeserver: vec!["HIGH.test=unix:a".into()],
                ..whole.clone()
            },
            "is not in lower case",
        ),
        (
            InitArgs {
                listen_border: "0.0.0.0:8443".into(),
                ..whole.clone()
            },
            "add --address HOST:PORT",
        ),
        (
            InitArgs {
                listen_inside: "here".into(),
                ..whole.clone()
            },
            "is not an address to listen on",
        ),
        (
            InitArgs {
                way: WayIn::Connect,
                ..whole.clone()
            },
            "is a unix socket, which no homeserver can use as proxy",
        ),
        (
            InitArgs {
                gateway: Some("10.0.0.1".into()),
                ..whole.clone()
            },
            "is an IP address",
        ),
        (
            InitArgs {
                zone: "a\"\n[danger]\npause_after_record_ms=1\n#".into(),
                ..whole.clone()
            },
            "is not a zone name",
        ),
    ] {
        let error = init(&wrong, UnixTime::now()).unwrap_err().to_string();
        assert!(error.contains(told), "wanted {told}, told {error}");
        assert!(!wrong.dir.exists());
    }
}

#[test]
fn lb_8_the_zones_clearance_is_copied_checked_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.json");
    let held =
        r#"{"PolicyIdentifier":{"name":"DE-SAMPLE"},"ClassificationList":["OFFEN"],"Category":[]}"#;
    let with = |dir: &str| InitArgs {
        dir: folder.path().join(dir),
        clearance: Some(file.clone()),
        ..args(folder.path())
    };
    std::fs::write(&file, held).unwrap();
    let made = init(&with("good"), UnixTime::now()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let config = Config::load(&made.config).unwrap();
    let material = Material::load(&config, UnixTime::now()).unwrap();
    assert_eq!(material.clearance.unwrap().classifications, ["OFFEN"]);

    let own = config.clearance.unwrap();
    assert!(made.written.contains(&own), "every path is named");
    std::fs::write(&own, held.replace("ClassificationList", "Classifications")).unwrap();
    let config = Config::load(&made.config).unwrap();
    let told = Material::load(&config, UnixTime::now())
        .unwrap_err()
        .to_string();
    assert!(told.contains("clearance"), "{told}");

    std::fs::write(&file, "OFFEN and below").unwrap();
    let told = init(&with("bad"), UnixTime::now()).unwrap_err().to_string();
    assert!(
        told.contains("--clearance") && !folder.path().join("bad").exists(),
        "{told}"
    );
}

#[test]
fn without_a_clearance_the_zone_has_none_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(&args(folder.path()), UnixTime::now()).unwrap();
    let config = Config::load(&made.config).unwrap();
    assert_eq!(
        Material::load(&config, UnixTime::now()).unwrap().clearance,
        None
    );
}
