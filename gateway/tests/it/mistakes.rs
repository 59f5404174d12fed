//! An operator spoils a working gateway, one thing after the other, and is told what and how to mend it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use crate::operator::Operator;

#[test]
fn check_tells_every_mistake_of_the_file_at_once_with_lines() {
    let high = Operator::with_gateway("high");
    let file = high.file("sluice.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("\"high\"", "\"HIGH\"")
            .replace("\"hook\"", "\"hok\"")
            + "\n[bordr]\n",
    )
    .unwrap();

    let done = high.command(&["check", "--json"]);

    assert_eq!(done.code, 2, "{done:?}");
    let answer = done.json();
    let keys: Vec<_> = answer["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mistake| mistake["key"].clone())
        .collect();
    assert_eq!(keys, ["zone", "inside.way", "bordr"]);
    assert!(
        answer["mistakes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|mistake| mistake["line"].is_u64())
    );
    assert!(
        done.stderr
            .contains("sluice.toml:3: zone: \"HIGH\" is not a zone name; write"),
        "{done:?}"
    );
    assert!(done.stderr.contains("did you mean `border`?"), "{done:?}");
}

#[test]
fn check_tells_every_broken_file_at_once() {
    let high = Operator::with_gateway("high");
    fs::set_permissions(high.file("keys/signing.key"), Permissions::from_mode(0o644)).unwrap();
    fs::write(high.file("keys/injected.key"), "ed25519 x canary-secret\n").unwrap();
    fs::remove_file(high.file("keys/border.pem")).unwrap();
    fs::remove_file(high.file("bundle.tar.gz")).unwrap();

    let done = high.command(&["check"]);

    assert_eq!(done.code, 2, "{done:?}");
    for told in [
        "keys.signing: ",
        "has mode 0644, so that others may read it; run: chmod 600",
        "keys.injected: ",
        "border.certificate: ",
        "state.bundle: ",
    ] {
        assert!(done.stderr.contains(told), "wanted {told}: {}", done.stderr);
    }
    assert!(
        !done.stderr.contains("canary-secret"),
        "a secret is shown: {}",
        done.stderr
    );
}

#[test]
fn a_certificate_of_another_gateway_is_found() {
    let (high, low) = (
        Operator::with_gateway("high"),
        Operator::with_gateway("low"),
    );
    for name in ["keys/border.pem", "keys/border.key"] {
        fs::copy(low.file(name), high.file(name)).unwrap();
    }
    let done = high.command(&["check"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.stderr
            .contains("names \"gw.low.test\" and not the gateway \"gw.high.test\""),
        "{done:?}"
    );

    fs::copy(high.file("keys/ca.key"), high.file("keys/border.key")).unwrap();
    assert!(
        high.command(&["check"])
            .stderr
            .contains("the private key does not belong to the certificate")
    );
}

#[test]
fn the_doctor_finds_a_homeserver_that_is_down_and_a_peer_that_is_another() {
    let (high, low) = (
        Operator::with_gateway("high"),
        Operator::with_gateway("low"),
    );
    assert_eq!(high.import(&low.export()).code, 0);
    // A homeserver that accepts and says nothing is as good as none.
    let _silent = UnixListener::bind(high.dir().with_file_name("federation.sock")).unwrap();

    let done = high.command(&["doctor", "--json"]);

    assert_eq!(done.code, 1, "{done:?}");
    let findings = done.json();
    let state = |what: &str| {
        let all = findings["findings"].as_array().unwrap();
        all.iter()
            .find(|finding| finding["what"] == what)
            .unwrap_or_else(|| panic!("{what}: {findings}"))
            .clone()
    };
    assert_eq!(state("homeserver high.test")["state"], "fail");
    assert_eq!(state("peer low")["state"], "fail");
    assert_eq!(state("state.audit")["state"], "ok");
    assert_ne!(state("peer low")["remedy"], "");
}

#[test]
fn wrong_usage_is_told_with_exit_code_two() {
    let high = Operator::new("high");
    assert_eq!(high.sluice(&["no-such-command"]).code, 2);
    assert_eq!(high.sluice(&["check", "-c", "nowhere.toml"]).code, 2);
    assert_eq!(high.init(&["--way", "tunnel"]).code, 2);
    for command in ["init", "check", "doctor", "reload"] {
        let help = high.sluice(&[command, "--help"]);
        assert!(
            help.code == 0 && help.stdout.contains("Example"),
            "{command}: {help:?}"
        );
    }
}
