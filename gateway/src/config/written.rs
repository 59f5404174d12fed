//! Stage one: what stands in the file. Types and key names are checked here, meaning is not.

use super::mistake::Mistakes;
use super::reader::{Located, Source, Table};

type Text = Option<Located<String>>;
type Number = Option<Located<u64>>;

/// The file as it was written; `None` where something required is missing, which has been noted as a mistake.
pub struct Written {
    pub zone: Text,
    pub clearance: Text,
    pub homeservers: Vec<WrittenHomeserver>,
    pub inside: Option<WrittenInside>,
    pub border: Option<WrittenBorder>,
    pub keys: Option<WrittenKeys>,
    pub state: Option<WrittenState>,
    pub operations: Option<Text>,
    pub hold: Option<WrittenHold>,
    pub checks: Vec<WrittenCheck>,
    pub notify: Option<WrittenNotify>,
    pub connector: Option<WrittenConnector>,
    pub log_format: Text,
    pub log_level: Text,
    pub limits: WrittenLimits,
    pub danger: WrittenDanger,
}

#[derive(Default)]
pub struct WrittenDanger {
    pub pause_after_record_ms: Number,
    pub plain_http_to: Option<Located<Vec<String>>>,
}

#[derive(Default)]
pub struct WrittenLimits {
    pub invites: Number,
    pub knocks: Number,
    pub joins: Number,
    pub key_claims: Number,
    pub to_device: Number,
    pub backfill: Number,
    pub transactions: Number,
    pub peer_requests: Number,
    pub peer_mib: Number,
    pub requests: Number,
    pub mib: Number,
}

pub struct WrittenHomeserver {
    pub name: Text,
    pub address: Text,
}

pub struct WrittenInside {
    pub line: usize,
    pub way: Text,
    pub listen: Text,
    pub secret: Text,
    pub certificate: Text,
    pub key: Text,
}

pub struct WrittenBorder {
    pub name: Text,
    pub listen: Text,
    pub address: Text,
    pub certificate: Text,
    pub key: Text,
    pub ca: Text,
}

pub struct WrittenKeys {
    pub signing: Text,
    pub injected: Text,
    pub audit: Text,
    pub bundle: Text,
    pub findings: Text,
    pub indexes: Text,
}

pub struct WrittenState {
    pub journal: Text,
    pub audit: Text,
    pub admin: Text,
    pub peers: Text,
    pub bundle: Text,
    pub windows: Text,
    pub window_keys: Text,
    pub held: Text,
}

pub struct WrittenCheck {
    pub name: Text,
    pub address: Text,
    pub timeout_seconds: Option<Located<u64>>,
}

pub struct WrittenNotify {
    pub webhook: Text,
    pub file: Text,
}

pub struct WrittenConnector {
    pub server: Text,
    pub address: Text,
    pub token: Text,
}

pub struct WrittenHold {
    pub days: Option<Located<u64>>,
    pub ticket_days: Option<Located<u64>>,
    pub wait_seconds: Option<Located<u64>>,
    pub two_persons: Option<Located<bool>>,
    pub reviewers: Option<Located<Vec<String>>>,
}

impl Written {
    /// Reads the document; only text that is not TOML stops it here.
    pub fn read(source: &mut Source<'_>) -> Result<Self, Mistakes> {
        let mut top = source.document()?;
        let zone = top.string(source, "zone", r#"zone = "high""#);
        let clearance = top.optional_string(source, "clearance");
        let example =
            r#"a section [[homeserver]] with name = "high.test" and address = "unix:PATH""#;
        let homeservers = top.sections(source, "homeserver", example);
        let homeservers = homeservers
            .into_iter()
            .map(|table| homeserver(table, source))
            .collect();
        let inside = top
            .section(source, "inside")
            .map(|table| inside(table, source));
        let border = top
            .section(source, "border")
            .map(|table| border(table, source));
        let keys = top.section(source, "keys").map(|table| keys(table, source));
        let state = top
            .section(source, "state")
            .map(|table| state(table, source));
        let operations = top
            .optional_section(source, "operations")
            .map(|table| operations(table, source));
        let hold = top
            .optional_section(source, "hold")
            .map(|table| hold(table, source));
        let checks = top.optional_sections(source, "checks");
        let checks = checks
            .into_iter()
            .map(|table| check(table, source))
            .collect();
        let notify = top
            .optional_section(source, "notify")
            .map(|table| notify(table, source));
        let connector = top
            .optional_section(source, "connector")
            .map(|table| connector(table, source));
        let log = top
            .optional_section(source, "log")
            .map(|table| log(table, source));
        let (log_format, log_level) = log.unwrap_or_default();
        let limits = top
            .optional_section(source, "limits")
            .map(|table| limits(table, source));
        let danger = top
            .optional_section(source, "danger")
            .map(|table| danger(table, source));
        top.close(source);
        Ok(Self {
            zone,
            clearance,
            homeservers,
            inside,
            border,
            keys,
            state,
            operations,
            hold,
            checks,
            notify,
            connector,
            log_format,
            log_level,
            limits: limits.unwrap_or_default(),
            danger: danger.unwrap_or_default(),
        })
    }
}

fn homeserver<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenHomeserver {
    let name = table.string(source, "name", r#"name = "high.test""#);
    let address = table.string(
        source,
        "address",
        r#"address = "unix:PATH" or "http://127.0.0.1:8008""#,
    );
    // Each homeserver has these two keys; forget where this one had them, or the next would not be missed.
    source
        .lines
        .retain(|key, _| !key.starts_with("homeserver."));
    table.close(source);
    WrittenHomeserver { name, address }
}

fn inside<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenInside {
    let written = WrittenInside {
        line: table.line(),
        way: table.string(source, "way", r#"way = "hook" or way = "connect""#),
        listen: table.string(
            source,
            "listen",
            r#"listen = "unix:hook.sock" or "127.0.0.1:8009""#,
        ),
        secret: table.string(source, "secret", r#"secret = "keys/inside.secret""#),
        certificate: table.optional_string(source, "certificate"),
        key: table.optional_string(source, "key"),
    };
    table.close(source);
    written
}

fn border<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenBorder {
    let written = WrittenBorder {
        name: table.string(source, "name", r#"name = "gw.high.test""#),
        listen: table.string(source, "listen", r#"listen = "0.0.0.0:8443""#),
        address: table.string(source, "address", r#"address = "gw.high.test:8443""#),
        certificate: table.string(source, "certificate", r#"certificate = "keys/border.pem""#),
        key: table.string(source, "key", r#"key = "keys/border.key""#),
        ca: table.string(source, "ca", r#"ca = "keys/ca.pem""#),
    };
    table.close(source);
    written
}

fn keys<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenKeys {
    let written = WrittenKeys {
        signing: table.string(source, "signing", r#"signing = "keys/signing.key""#),
        injected: table.string(source, "injected", r#"injected = "keys/injected.key""#),
        audit: table.string(source, "audit", r#"audit = "keys/audit.key""#),
        bundle: table.string(source, "bundle", r#"bundle = "keys/bundle.pub""#),
        findings: table.optional_string(source, "findings"),
        indexes: table.optional_string(source, "indexes"),
    };
    table.close(source);
    written
}

fn state<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenState {
    let written = WrittenState {
        journal: table.string(source, "journal", r#"journal = "state/journal.db""#),
        audit: table.string(source, "audit", r#"audit = "state/audit""#),
        admin: table.string(source, "admin", r#"admin = "state/admin.sock""#),
        peers: table.string(source, "peers", r#"peers = "peers""#),
        bundle: table.string(source, "bundle", r#"bundle = "bundle.tar.gz""#),
        windows: table.optional_string(source, "windows"),
        window_keys: table.optional_string(source, "window_keys"),
        held: table.optional_string(source, "held"),
    };
    table.close(source);
    written
}

fn hold<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenHold {
    let written = WrittenHold {
        days: table.optional_number(source, "days"),
        ticket_days: table.optional_number(source, "ticket_days"),
        wait_seconds: table.optional_number(source, "wait_seconds"),
        two_persons: table.optional_bool(source, "two_persons"),
        reviewers: table.optional_strings(source, "reviewers"),
    };
    table.close(source);
    written
}

fn check<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenCheck {
    let written = WrittenCheck {
        name: table.string(source, "name", r#"name = "scanner""#),
        address: table.string(
            source,
            "address",
            r#"address = "http://127.0.0.1:9500/check""#,
        ),
        timeout_seconds: table.optional_number(source, "timeout_seconds"),
    };
    // Each check has these keys; forget where this one had them, or the next would not be missed.
    source.lines.retain(|key, _| !key.starts_with("checks."));
    table.close(source);
    written
}

fn notify<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenNotify {
    let written = WrittenNotify {
        webhook: table.optional_string(source, "webhook"),
        file: table.optional_string(source, "file"),
    };
    table.close(source);
    written
}

fn connector<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenConnector {
    let written = WrittenConnector {
        server: table.optional_string(source, "server"),
        address: table.string(source, "address", r#"address = "http://127.0.0.1:8008""#),
        token: table.string(source, "token", r#"token = "keys/connector.token""#),
    };
    table.close(source);
    written
}

fn operations<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> Text {
    let listen = table.string(source, "listen", r#"listen = "127.0.0.1:9090""#);
    table.close(source);
    listen
}

fn log<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> (Text, Text) {
    let found = (
        table.optional_string(source, "format"),
        table.optional_string(source, "level"),
    );
    table.close(source);
    found
}

fn limits<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenLimits {
    let mut number = |key| table.optional_number(source, key);
    let written = WrittenLimits {
        invites: number("invites_per_minute"),
        knocks: number("knocks_per_minute"),
        joins: number("joins_per_minute"),
        key_claims: number("key_claims_per_minute"),
        to_device: number("to_device_per_minute"),
        backfill: number("backfill_per_minute"),
        transactions: number("transactions_per_minute"),
        peer_requests: number("peer_requests"),
        peer_mib: number("peer_mib"),
        requests: number("requests"),
        mib: number("mib"),
    };
    table.close(source);
    written
}

fn danger<'t>(mut table: Table<'t>, source: &mut Source<'t>) -> WrittenDanger {
    let written = WrittenDanger {
        pause_after_record_ms: table.optional_number(source, "pause_after_record_ms"),
        plain_http_to: table.optional_strings(source, "plain_http_to"),
    };
    table.close(source);
    written
}
