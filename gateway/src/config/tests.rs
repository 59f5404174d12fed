//! Operators write `sluice.toml`, and make mistakes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests state what must hold"
)]

use std::net::SocketAddr;
use std::path::Path;

use super::*;

/// What `init` writes for zone high, and what the documentation shows.
const WHOLE: &str = include_str!("../../../docs/examples/sluice.toml");

fn parse(text: &str) -> Result<Config, Mistakes> {
    Config::parse(text, Path::new("/etc/sluice/sluice.toml"))
}

/// The file with one line changed, and the mistakes that follow, as they are printed.
fn mistakes(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from} is not in the example");
    match parse(&WHOLE.replacen(from, to, 1)) {
        Ok(_) => panic!("{to:?} was accepted"),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn the_shipped_example_says_what_it_seems_to_say() {
    let config = parse(WHOLE).unwrap();
    assert_eq!(config.zone, "high");
    assert_eq!(
        config.homeserver("high.test").unwrap().address,
        HsAddress::Unix("/run/synapse/federation.sock".into())
    );
    assert_eq!(
        config.inside.listen,
        Listen::Unix("/etc/sluice/hook.sock".into())
    );
    assert_eq!(config.inside.way, Way::Hook);
    assert_eq!(
        config.border.listen,
        "0.0.0.0:8443".parse::<SocketAddr>().unwrap()
    );
    assert_eq!(config.border.address, "gw.high.test:8443");
    assert_eq!(config.keys.audit, Path::new("/etc/sluice/keys/audit.key"));
    assert_eq!(
        config.state.admin,
        Path::new("/etc/sluice/state/admin.sock")
    );
    assert_eq!(config.operations.unwrap().listen.port(), 9090);
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Json,
            level: LogLevel::Info
        }
    );
    assert_eq!(config.danger, Danger::default());
}

#[test]
fn the_shipped_connect_example_is_accepted() {
    let config = parse(include_str!("../../../docs/examples/connect.toml")).unwrap();
    let way = Way::Connect {
        certificate: "/etc/sluice/keys/inside-ca.pem".into(),
        key: "/etc/sluice/keys/inside-ca.key".into(),
    };
    assert_eq!(config.inside.way, way);
    assert_eq!(config.homeservers.len(), 2);
    assert!(config.operations.is_none());
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    for (from, to, told) in [
        (
            "zone = \"high\"",
            "",
            "sluice.toml:1: zone: is missing; write zone = \"high\"",
        ),
        (
            "zone = \"high\"",
            "zone = \"High\"",
            ":4: zone: \"High\" is not a zone name; write 1 to 32 of a-z",
        ),
        (
            "zone = \"high\"",
            "zone = 7",
            ":4: zone: is of type integer; write a string in quotes",
        ),
        (
            "zone = \"high\"",
            "zone = \"high\"\nzoen = \"x\"",
            ":5: zoen: is not a known key; did you mean `zone`?",
        ),
        ("zone = \"high\"", "zone = \"high", ":4: is not TOML here"),
        (
            "\"high.test\"",
            "\"High.test\"",
            ": homeserver.name: \"High.test\" is not in lower case; write \"high.test\"",
        ),
        (
            "\"high.test\"",
            "\"10.0.0.1\"",
            ": homeserver.name: \"10.0.0.1\" is an IP address; write the server's DNS name",
        ),
        ("\"high.test\"", "\"[::1]:8448\"", "is an IP address"),
        (
            "\"high.test\"",
            "\"high.test:99999\"",
            "has a port that is not a number from 1 to 65535",
        ),
        ("\"high.test\"", "\"*.test\"", "is not a DNS name"),
        ("\"high.test\"", "\"high.test.\"", "is not a DNS name"),
        ("name = \"high.test\"", "", ": homeserver.name: is missing"),
        (
            "unix:/run/synapse/federation.sock",
            "https://10.0.0.1:1",
            ": homeserver.address: \"https://10.0.0.1:1\" is not an address",
        ),
        (
            "unix:/run/synapse/federation.sock",
            "unix:",
            "is not an address of a homeserver; write \"unix:PATH\"",
        ),
        (
            "\"hook\"",
            "\"hok\"",
            ": inside.way: \"hok\" is not a way in; write \"hook\" (Synapse) or \"connect\"",
        ),
        (
            "\"hook\"",
            "\"hook\"\ncertificate = \"a\"",
            ": inside.certificate: belongs to way = \"connect\"; remove it",
        ),
        (
            "\"hook\"",
            "\"connect\"",
            ": inside.key: is missing for way = \"connect\"; write the file",
        ),
        (
            "\"hook\"",
            "\"connect\"\ncertificate = \"a\"\nkey = \"b\"",
            ": inside.listen: is a unix socket, which no homeserver can use as proxy",
        ),
        (
            "unix:hook.sock",
            "unix:HOOK",
            "is a socket path of more than 107 bytes",
        ),
        (
            "0.0.0.0:8443",
            "8443",
            ": border.listen: \"8443\" is not an address to listen on; write \"IP:PORT\"",
        ),
        (
            "0.0.0.0:8443",
            "0.0.0.0:0",
            ": border.listen: has port 0; write the port",
        ),
        (
            "0.0.0.0:8443",
            "0.0.0.0:9090",
            ": operations.listen: is the same address as border.listen; give each",
        ),
        (
            "state/admin.sock",
            "hook.sock",
            ": state.admin: is the same address as inside.listen",
        ),
        (
            "\"gw.high.test:8443\"",
            "\"gw.high.test\"",
            ": border.address: \"gw.high.test\" has no port; write HOST:PORT",
        ),
        (
            "\"keys/border.key\"",
            "\"\"",
            ": border.key: is empty; write a path",
        ),
        (
            "audit = \"keys/audit.key\"",
            "",
            ": keys.audit: is missing; write audit = \"keys/audit.key\"",
        ),
        (
            "[keys]",
            "[key]",
            ": keys: is missing; add a section [keys]",
        ),
        (
            "[[homeserver]]",
            "[homeserver]",
            ": homeserver: is of type table; write sections, each written [[homeserver]]",
        ),
        (
            "\"json\"",
            "\"xml\"",
            ": log.format: \"xml\" is not known here; write one of \"text\", \"json\"",
        ),
        (
            "[operations]",
            "[danger]\npause_after_record_ms = -1\n[operations]",
            ": danger.pause_after_record_ms: is of type integer",
        ),
        (
            "[operations]",
            "[danger]\npause_after_record_ms = 60001\n[operations]",
            "is more than 60000 ms",
        ),
        (
            "[operations]",
            "[[homeserver]]\nname = \"high.test\"\naddress = \"unix:a\"\n[operations]",
            "\"high.test\" stands twice",
        ),
        (
            "[operations]",
            "[[homeserver]]\nadress = \"unix:a\"\n[operations]",
            ": homeserver.adress: is not a known key; did you mean `address`?",
        ),
    ] {
        let to = to.replace("HOOK", &"h".repeat(108));
        let found = mistakes(from, &to);
        assert!(
            found.contains(told),
            "{from:?} -> {to:?}\n  told:   {found}\n  wanted: {told}"
        );
        assert!(
            found.starts_with("/etc/sluice/sluice.toml:"),
            "no line in {found}"
        );
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_lines() {
    let text = WHOLE
        .replace("zone = \"high\"", "zone = \"HIGH\"")
        .replace("\"hook\"", "\"hok\"")
        .replace("ca = ", "cacert = ")
        .replace("signing = \"keys/signing.key\"", "signing = true");
    let found = parse(&text).unwrap_err();
    let keys: Vec<_> = found.0.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "zone",
            "inside.way",
            "border.ca",
            "border.cacert",
            "keys.signing"
        ]
    );
    let lines: Vec<_> = found
        .0
        .iter()
        .map(|mistake| mistake.line.unwrap())
        .collect();
    assert!(lines.is_sorted(), "{lines:?}");
    assert!(found.0.iter().all(|mistake| !mistake.remedy.is_empty()));
}

#[test]
fn an_empty_file_names_every_section_that_is_missing() {
    let found = parse("").unwrap_err();
    let keys: Vec<_> = found.0.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(
        keys,
        ["zone", "homeserver", "inside", "border", "keys", "state"]
    );
}

#[test]
fn a_file_that_is_not_there_or_too_large_is_one_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sluice.toml");
    assert!(
        Config::load(&file)
            .unwrap_err()
            .to_string()
            .contains("cannot be read")
    );
    std::fs::write(
        &file,
        "#".repeat(usize::try_from(MAX_CONFIG_BYTES).unwrap() + 1),
    )
    .unwrap();
    assert!(
        Config::load(&file)
            .unwrap_err()
            .to_string()
            .contains("is longer than 1048576 bytes")
    );
}

#[test]
fn a_secret_is_never_shown_and_only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inside.secret");
    let secret = Secret::generate().unwrap();
    std::fs::write(&file, format!("{}\n", secret.expose())).unwrap();

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = secret::read_private(&file).unwrap_err().to_string();
    assert!(
        refused.contains("mode 0640") && refused.contains("chmod 600"),
        "{refused}"
    );
    assert!(!refused.contains(secret.expose()));

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let read = Secret::from_text(&secret::read_private(&file).unwrap()).unwrap();
    assert!(
        read.matches(secret.expose().as_bytes()) && !read.matches(b"guess") && !read.matches(b"")
    );
    assert!(!format!("{read:?}").contains(secret.expose()));
    assert!(Secret::from_text("short").is_err() && Secret::from_text(&"a b".repeat(20)).is_err());
}

#[test]
fn lb_8_the_zones_clearance_is_a_file_beside_the_configuration() {
    let text = format!("clearance = \"zone.xml\"\n{WHOLE}");
    let config = parse(&text).unwrap();
    assert_eq!(
        config.clearance.as_deref(),
        Some(Path::new("/etc/sluice/zone.xml"))
    );
    assert_eq!(parse(WHOLE).unwrap().clearance, None);
    let wrong = format!("clearance = 3\n{WHOLE}");
    assert!(parse(&wrong).unwrap_err().to_string().contains("clearance"));
}

#[test]
fn limits_are_taken_as_written_and_mistakes_in_them_name_bounds_and_remedy() {
    use crate::traffic::DEFAULT_LIMITS;
    assert_eq!(parse(WHOLE).unwrap().limits, DEFAULT_LIMITS);
    let with = |limits: &str| parse(&format!("{WHOLE}\n[limits]\n{limits}\n"));
    let limits = with("invites_per_minute = 5\npeer_mib = 20\nrequests = 100")
        .unwrap()
        .limits;
    assert_eq!((limits.invites, limits.requests), (5, 100));
    assert_eq!(limits.peer_bytes, 20 * 1024 * 1024);
    assert_eq!(limits.joins, DEFAULT_LIMITS.joins);
    for (wrong, told) in [
        ("invites_per_minute = 0", "0 is not from 1 to 10000000"),
        ("invites_per_minute = 0", "sluice link close"),
        ("transactions_per_minute = -1", "transactions_per_minute"),
        ("peer_mib = 10", "10 MiB"),
        ("peer_requests = 7", "7 is not from 8 to 512"),
        (
            "peer_requests = 90\nrequests = 80",
            "one peer could take all",
        ),
        ("invites = 5", "invites"),
        ("requests = 9999999999999", "is not from 8 to 512"),
    ] {
        let Err(mistakes) = with(wrong) else {
            panic!("{wrong:?} was accepted")
        };
        assert!(mistakes.to_string().contains(told), "{wrong}: {mistakes}");
    }
}

#[test]
fn plain_http_leaves_this_machine_only_where_the_operator_names_the_address() {
    let with = |lines: &str| parse(&format!("{WHOLE}\n{lines}\n"));
    let check = |address: &str| format!("[[checks]]\nname = \"scanner\"\naddress = \"{address}\"");
    let hook = |address: &str| format!("[notify]\nwebhook = \"{address}\"");
    let connector =
        |address: &str| format!("[connector]\naddress = \"{address}\"\ntoken = \"keys/t\"");
    for here in [
        "unix:scanner.sock",
        "http://127.0.0.1:9500",
        "http://127.9.8.7:9500",
        "http://[::1]:9500",
    ] {
        for lines in [check(here), hook(here), connector(here)] {
            assert!(with(&lines).is_ok(), "{lines}");
        }
    }
    for away in [
        "http://10.1.2.3:9500",
        "http://[2001:db8::1]:9500",
        "http://0.0.0.0:9500",
    ] {
        let address = &away["http://".len()..];
        for lines in [check(away), hook(away), connector(away)] {
            let told = with(&lines).map(drop).unwrap_err().to_string();
            let remedy = format!("plain_http_to = [\"{address}\"]");
            assert!(
                told.contains("in cleartext") && told.contains(&remedy),
                "{lines}: {told}"
            );
            let named = with(&format!("{lines}\n[danger]\n{remedy}")).unwrap();
            let notices = named.danger.notices();
            assert!(
                notices.len() == 1 && notices[0].contains(address),
                "{notices:?}"
            );
        }
    }
    let unused = with("[danger]\nplain_http_to = [\"10.1.2.3:9500\"]").map(drop);
    let told = unused.unwrap_err().to_string();
    assert!(told.contains("no check, webhook or connector"), "{told}");
    let wrong = with("[danger]\nplain_http_to = [\"scanner:9500\"]").map(drop);
    assert!(wrong.unwrap_err().to_string().contains("is no address"));
}
