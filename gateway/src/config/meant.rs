//! Stage two: what is meant. Names, addresses and paths become values; what contradicts itself is a mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::mistake::Mistakes;
use super::reader::{Located, Source};
use super::written::{
    Written, WrittenBorder, WrittenCheck, WrittenConnector, WrittenDanger, WrittenHold,
    WrittenHomeserver, WrittenInside, WrittenKeys, WrittenLimits, WrittenNotify, WrittenState,
};
use super::{
    Border, Check, Config, Connector, Danger, Endpoint, Hold, Homeserver, HsAddress, Inside, Keys,
    Listen, Log, LogFormat, LogLevel, Notify, Operations, Origin, State, Way, names,
};

/// Longest pause that a test may ask for, in milliseconds.
const MAX_PAUSE_MS: u64 = 60_000;
/// Most requests of a kind a minute that a limit may allow: beyond that it is none.
const MAX_PER_MINUTE: u64 = 10_000_000;
/// Most requests under way that a limit may allow; the connections of the listeners are as many.
const MAX_REQUESTS: u64 = 512;
/// Most bytes under way that a limit may allow, in MiB.
const MAX_MIB: u64 = 16 * 1024;
const MIB: u64 = 1024 * 1024;
const NOTHING_PASSES: &str =
    "write a number in these bounds; to let nothing pass, use `sluice link close`";
const TOO_FEW: &str = "write a number in these bounds: below, no pull would find a place";
const TOO_SMALL: &str = "write a number in these bounds: one transaction may have 10 MiB";
/// Longest path of a unix socket on Linux, without the closing zero.
pub const MAX_SOCKET_PATH: usize = 107;

/// How long an event may wait for checks, in seconds: less than a homeserver waits for a pull.
const WAIT_SECONDS: RangeInclusive<u64> = 5..=20;
/// Longest time that something may wait for a person, or a ticket for its use: as long as denials are remembered.
const MAX_HOLD_DAYS: u64 = 400;

mod plain_http;

use crate::traffic::{DEFAULT_LIMITS, Limits};
use plain_http::PlainHttp;

type Text = Option<Located<String>>;

/// Gives the file its meaning, or every mistake of both stages in the order of the lines.
pub fn mean(written: Written, source: Source<'_>) -> Result<Config, Mistakes> {
    let mut reading = Reading::new(source);
    let zone = reading.named(written.zone, names::zone);
    let clearance = written
        .clearance
        .map(|clearance| reading.path(Some(clearance)));
    let homeservers = reading.homeservers(written.homeservers);
    let inside = written.inside.and_then(|inside| reading.inside(inside));
    let border = written.border.and_then(|border| reading.border(border));
    let keys = written.keys.and_then(|keys| reading.keys(keys));
    let state = written.state.and_then(|state| reading.state(state));
    let operations = written.operations.map(|listen| reading.operations(listen));
    let danger = reading.danger(written.danger);
    let hold = reading.hold(written.hold);
    let checks = reading.checks(written.checks);
    let notify = reading.notify(written.notify);
    let connector = reading.connector(written.connector, &homeservers);
    reading.unused_plain_http();
    let log = reading.log(written.log_format, written.log_level);
    let limits = reading.limits(written.limits);
    let lines = std::mem::take(&mut reading.source.lines);
    let file = reading.source.file.clone();
    let mistakes = reading.finish();
    let whole = (zone, inside, border, keys, state);
    match whole {
        (Some(zone), Some(inside), Some(border), Some(keys), Some(state))
            if mistakes.0.is_empty() =>
        {
            Ok(Config {
                zone,
                clearance: clearance.flatten(),
                homeservers,
                inside,
                border,
                keys,
                state,
                operations: operations.flatten(),
                hold: hold.unwrap_or_default(),
                checks,
                notify,
                connector,
                log: log.unwrap_or_default(),
                limits,
                danger: danger.unwrap_or_default(),
                origin: Origin { file, lines },
            })
        }
        _ => Err(mistakes),
    }
}

/// Stage two under way: the folder that paths are relative to, and the listeners seen so far.
struct Reading<'t> {
    source: Source<'t>,
    folder: PathBuf,
    listeners: Vec<(String, Listen)>,
    plain_http: PlainHttp,
}

impl<'t> Reading<'t> {
    fn new(source: Source<'t>) -> Self {
        let folder = source.file.parent().map(Path::to_owned).unwrap_or_default();
        Self {
            source,
            folder,
            listeners: Vec::new(),
            plain_http: PlainHttp::default(),
        }
    }

    fn finish(mut self) -> Mistakes {
        self.source.mistakes.sort_by_key(|mistake| mistake.line);
        Mistakes(self.source.mistakes)
    }

    fn named(&mut self, text: Text, check: fn(&str) -> Result<(), String>) -> Option<String> {
        let text = text?;
        match check(&text.value) {
            Ok(()) => Some(text.value),
            Err(wrong) => {
                let (what, remedy) = wrong
                    .split_once("; ")
                    .unwrap_or((wrong.as_str(), "write it as it is published"));
                self.source
                    .wrong(&text, format!("{:?} {what}", text.value), remedy);
                None
            }
        }
    }

    fn path(&mut self, text: Text) -> Option<PathBuf> {
        let text = text?;
        if text.value.is_empty() {
            self.source.wrong(
                &text,
                "is empty",
                "write a path, relative to this file or absolute",
            );
            return None;
        }
        Some(self.folder.join(&text.value))
    }

    fn socket_path(&mut self, text: &Located<String>, path: &Path) -> Option<PathBuf> {
        let path = self.folder.join(path);
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            let message = format!(
                "is a socket path of more than {MAX_SOCKET_PATH} bytes: {}",
                path.display()
            );
            self.source
                .wrong(text, message, "use a folder with a shorter path");
            return None;
        }
        Some(path)
    }

    fn homeservers(&mut self, written: Vec<WrittenHomeserver>) -> Vec<Homeserver> {
        let mut names = BTreeSet::new();
        let mut homeservers = Vec::new();
        for homeserver in written {
            let name = self.own_name(homeserver.name, &mut names);
            let address = homeserver
                .address
                .and_then(|address| self.hs_address(&address));
            if let (Some(name), Some(address)) = (name, address) {
                homeservers.push(Homeserver { name, address });
            }
        }
        homeservers
    }

    fn own_name(&mut self, name: Text, seen: &mut BTreeSet<String>) -> Option<String> {
        let place = name.clone();
        let name = self.named(name, names::server_name)?;
        if !seen.insert(name.clone()) {
            self.source.wrong(
                &place?,
                format!("{name:?} stands twice"),
                "remove one of the two sections",
            );
            return None;
        }
        Some(name)
    }

    fn hs_address(&mut self, text: &Located<String>) -> Option<HsAddress> {
        match HsAddress::parse(&text.value) {
            Some(HsAddress::Unix(path)) => self.socket_path(text, &path).map(HsAddress::Unix),
            Some(HsAddress::Http(address)) if address.port() != 0 => Some(HsAddress::Http(address)),
            _ => {
                let message = format!("{:?} is not an address of a homeserver", text.value);
                self.source
                    .wrong(text, message, r#"write "unix:PATH" or "http://IP:PORT""#);
                None
            }
        }
    }

    fn inside(&mut self, written: WrittenInside) -> Option<Inside> {
        let line = written.line;
        let place = written.listen.clone();
        let listen = written.listen.and_then(|listen| self.listen(&listen));
        let secret = self.path(written.secret);
        let way = written.way.and_then(|way| match way.value.as_str() {
            "hook" => self.hook(written.certificate, written.key),
            "connect" => self.connect(line, written.certificate, written.key),
            other => {
                let message = format!("{other:?} is not a way in");
                self.source.wrong(
                    &way,
                    message,
                    r#"write "hook" (Synapse) or "connect" (any homeserver)"#,
                );
                None
            }
        });
        let inside = Inside {
            listen: listen?,
            secret: secret?,
            way: way?,
        };
        if let (
            Inside {
                listen: Listen::Unix(_),
                way: Way::Connect { .. },
                ..
            },
            Some(place),
        ) = (&inside, place)
        {
            self.source.wrong(
                &place,
                "is a unix socket, which no homeserver can use as proxy",
                "write \"IP:PORT\"",
            );
            return None;
        }
        Some(inside)
    }

    fn hook(&mut self, certificate: Text, key: Text) -> Option<Way> {
        for extra in [certificate, key].into_iter().flatten() {
            self.source.wrong(
                &extra,
                r#"belongs to way = "connect""#,
                "remove it, or change the way",
            );
        }
        Some(Way::Hook)
    }

    fn connect(&mut self, line: usize, certificate: Text, key: Text) -> Option<Way> {
        let wanted = [
            ("inside.certificate", &certificate, "keys/inside-ca.pem"),
            ("inside.key", &key, "keys/inside-ca.key"),
        ];
        for (name, found, example) in wanted {
            if found.is_none() && !self.source.lines.contains_key(name) {
                let remedy =
                    format!("write the file of the zone's own CA, for example {example:?}");
                self.source.note(
                    name,
                    line,
                    r#"is missing for way = "connect""#.to_owned(),
                    remedy,
                );
            }
        }
        let (certificate, key) = (self.path(certificate), self.path(key));
        Some(Way::Connect {
            certificate: certificate?,
            key: key?,
        })
    }

    fn border(&mut self, written: WrittenBorder) -> Option<Border> {
        let name = self.named(written.name, names::dns_name);
        let listen = written.listen.and_then(|listen| self.tcp_listen(&listen));
        let address = self.named(written.address, names::dial_address);
        let certificate = self.path(written.certificate);
        let key = self.path(written.key);
        let ca = self.path(written.ca);
        Some(Border {
            name: name?,
            listen: listen?,
            address: address?,
            certificate: certificate?,
            key: key?,
            ca: ca?,
        })
    }

    fn keys(&mut self, written: WrittenKeys) -> Option<Keys> {
        let signing = self.path(written.signing);
        let injected = self.path(written.injected);
        let audit = self.path(written.audit);
        let bundle = self.path(written.bundle);
        let findings = written.findings.map(|path| self.path(Some(path)));
        let indexes = written.indexes.map(|path| self.path(Some(path)));
        Some(Keys {
            signing: signing?,
            injected: injected?,
            audit: audit?,
            bundle: bundle?,
            findings: findings.flatten(),
            indexes: indexes.flatten(),
        })
    }

    fn state(&mut self, written: WrittenState) -> Option<State> {
        let admin = written.admin.and_then(|admin| {
            let path = PathBuf::from(&admin.value);
            let path = self.socket_path(&admin, &path)?;
            self.distinct(&admin, Listen::Unix(path.clone()))?;
            Some(path)
        });
        let journal = self.path(written.journal);
        let audit = self.path(written.audit);
        let peers = self.path(written.peers);
        let bundle = self.path(written.bundle);
        let journal = journal?;
        let beside = |given: Option<PathBuf>, name: &str| {
            given.unwrap_or_else(|| journal.with_file_name(name))
        };
        let windows = beside(self.path(written.windows), "windows.db");
        let window_keys = beside(self.path(written.window_keys), "windows.key");
        let held = beside(self.path(written.held), "held");
        Some(State {
            windows,
            window_keys,
            held,
            journal,
            audit: audit?,
            admin: admin?,
            peers: peers?,
            bundle: bundle?,
        })
    }

    fn operations(&mut self, listen: Text) -> Option<Operations> {
        let listen = self.tcp_listen(&listen?)?;
        Some(Operations { listen })
    }

    fn hold(&mut self, written: Option<WrittenHold>) -> Option<Hold> {
        let written = written?;
        let usual = Hold::default();
        let days = self.days(written.days, usual.days);
        let ticket_days = self.days(written.ticket_days, usual.ticket_days);
        let wait = (written.wait_seconds, usual.wait_seconds);
        let wait_seconds = self.seconds(wait.0, wait.1, WAIT_SECONDS);
        Some(Hold {
            wait_seconds: wait_seconds?,
            days: days?,
            ticket_days: ticket_days?,
            two_persons: written.two_persons.is_some_and(|given| given.value),
            reviewers: written
                .reviewers
                .map(|given| given.value)
                .unwrap_or_default(),
        })
    }

    fn checks(&mut self, written: Vec<WrittenCheck>) -> BTreeMap<String, Check> {
        let mut checks = BTreeMap::new();
        for check in written {
            let endpoint = check.address.and_then(|text| self.endpoint(&text));
            let longest = *WAIT_SECONDS.end();
            let timeout = self.seconds(check.timeout_seconds, longest, 1..=longest);
            let (Some(name), Some(endpoint), Some(timeout_seconds)) =
                (check.name, endpoint, timeout)
            else {
                continue;
            };
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if name.value.is_empty() || !name.value.bytes().all(plain) {
                let message = format!("{:?} is no name of a check", name.value);
                self.source.wrong(&name, message, "use a-z, 0-9 and _");
                continue;
            }
            let check = Check {
                endpoint,
                timeout_seconds,
            };
            if checks.insert(name.value.clone(), check).is_some() {
                let message = format!("{:?} stands twice", name.value);
                self.source
                    .wrong(&name, message, "remove one of the two sections");
            }
        }
        checks
    }

    fn seconds(
        &mut self,
        given: Option<Located<u64>>,
        usual: u64,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let Some(given) = given else {
            return Some(usual);
        };
        if range.contains(&given.value) {
            return Some(given.value);
        }
        let (from, to) = (range.start(), range.end());
        let message = format!(
            "{} is not a number of seconds from {from} to {to}",
            given.value
        );
        self.source
            .wrong(&given, message, format!("write {usual}, for example"));
        None
    }

    fn notify(&mut self, written: Option<WrittenNotify>) -> Notify {
        let Some(written) = written else {
            return Notify::default();
        };
        let webhook = written.webhook.and_then(|text| self.endpoint(&text));
        let file = written.file.and_then(|file| self.path(Some(file)));
        Notify { webhook, file }
    }

    fn endpoint(&mut self, text: &Located<String>) -> Option<Endpoint> {
        match Endpoint::parse(&text.value) {
            Some(Endpoint {
                address: HsAddress::Unix(socket),
                path,
            }) => {
                let address = HsAddress::Unix(self.socket_path(text, &socket)?);
                Some(Endpoint { address, path })
            }
            Some(endpoint) => {
                self.stays_here(text, &endpoint.address)?;
                Some(endpoint)
            }
            None => {
                let message = format!("{:?} is not an address to post to", text.value);
                let remedy = r#"write "http://IP:PORT/PATH" or "unix:PATH""#;
                self.source.wrong(text, message, remedy);
                None
            }
        }
    }

    /// Which homeserver it is of need not be said where there is one alone.
    fn connector(
        &mut self,
        written: Option<WrittenConnector>,
        homeservers: &[Homeserver],
    ) -> Option<Connector> {
        let written = written?;
        let address = written.address.and_then(|text| {
            let address = self.hs_address(&text)?;
            self.stays_here(&text, &address)?;
            Some(address)
        });
        let token = self.path(written.token);
        let server = match written.server {
            Some(given) if homeservers.iter().any(|one| one.name == given.value) => given.value,
            Some(given) => {
                let message = format!("{:?} is no homeserver of this zone", given.value);
                self.source
                    .wrong(&given, message, "write the name of a [[homeserver]]");
                return None;
            }
            None => homeservers.first()?.name.clone(),
        };
        Some(Connector {
            server,
            address: address?,
            token: token?,
        })
    }

    fn days(&mut self, given: Option<Located<u64>>, usual: u64) -> Option<u64> {
        let Some(given) = given else {
            return Some(usual);
        };
        if (1..=MAX_HOLD_DAYS).contains(&given.value) {
            return Some(given.value);
        }
        let message = format!(
            "{} is not a number of days from 1 to {MAX_HOLD_DAYS}",
            given.value
        );
        self.source.wrong(&given, message, "write 7, for example");
        None
    }

    fn log(&mut self, format: Text, level: Text) -> Option<Log> {
        let format = self.one_of(
            format,
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
        );
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
        ];
        let level = self.one_of(level, &levels);
        Some(Log {
            format: format?,
            level: level?,
        })
    }

    fn limits(&mut self, written: WrittenLimits) -> Limits {
        let usual = DEFAULT_LIMITS;
        let rate = |reading: &mut Self, number, usual| {
            reading.limit(number, u64::from(usual), 1..=MAX_PER_MINUTE, NOTHING_PASSES)
        };
        let requests = |reading: &mut Self, number, usual: u32| {
            reading.limit(number, u64::from(usual), 8..=MAX_REQUESTS, TOO_FEW)
        };
        let mib = |reading: &mut Self, number, usual: u64| {
            MIB * u64::from(reading.limit(number, usual / MIB, 11..=MAX_MIB, TOO_SMALL))
        };
        let peer_requests = written.peer_requests.clone();
        let limits = Limits {
            invites: rate(self, written.invites, usual.invites),
            knocks: rate(self, written.knocks, usual.knocks),
            joins: rate(self, written.joins, usual.joins),
            key_claims: rate(self, written.key_claims, usual.key_claims),
            to_device: rate(self, written.to_device, usual.to_device),
            backfill: rate(self, written.backfill, usual.backfill),
            transactions: rate(self, written.transactions, usual.transactions),
            peer_requests: requests(self, written.peer_requests, usual.peer_requests),
            peer_bytes: mib(self, written.peer_mib, usual.peer_bytes),
            requests: requests(self, written.requests, usual.requests),
            bytes: mib(self, written.mib, usual.bytes),
        };
        if limits.peer_requests > limits.requests
            && let Some(given) = peer_requests
        {
            let message = "is more than limits.requests, so that one peer could take all";
            let remedy = "write a smaller number, or a larger one for limits.requests";
            self.source.wrong(&given, message, remedy);
        }
        limits
    }

    /// A number within its bounds; the usual one where none is written.
    fn limit(
        &mut self,
        number: Option<Located<u64>>,
        usual: u64,
        bounds: RangeInclusive<u64>,
        remedy: &str,
    ) -> u32 {
        let value = match number {
            None => usual,
            Some(number) => {
                if !bounds.contains(&number.value) {
                    let (least, most) = (bounds.start(), bounds.end());
                    let message = format!("{} is not from {least} to {most}", number.value);
                    self.source.wrong(&number, message, remedy);
                }
                number.value
            }
        };
        u32::try_from(value).unwrap_or(u32::MAX)
    }

    fn danger(&mut self, written: WrittenDanger) -> Option<Danger> {
        let plain_http_to = written.plain_http_to.map(|given| self.plain_http_to(given));
        let pause = written.pause_after_record_ms;
        if let Some(pause) = pause.as_ref().filter(|pause| pause.value > MAX_PAUSE_MS) {
            let message = format!("is more than {MAX_PAUSE_MS} ms");
            self.source.wrong(
                pause,
                message,
                "write a smaller number, or remove the section [danger]",
            );
            return None;
        }
        Some(Danger {
            pause_after_record_ms: pause.map_or(0, |pause| pause.value),
            plain_http_to: plain_http_to.unwrap_or_default(),
        })
    }

    /// The value of a word; its default where the word is not there.
    fn one_of<T: Copy + Default>(&mut self, text: Text, words: &[(&str, T)]) -> Option<T> {
        let Some(text) = text else {
            return Some(T::default());
        };
        let found = words
            .iter()
            .find(|(word, _)| *word == text.value)
            .map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let message = format!("{:?} is not known here", text.value);
            self.source
                .wrong(&text, message, format!("write one of {}", known.join(", ")));
        }
        found
    }

    fn listen(&mut self, text: &Located<String>) -> Option<Listen> {
        let listen = match Listen::parse(&text.value) {
            Some(Listen::Unix(path)) => Listen::Unix(self.socket_path(text, &path)?),
            Some(Listen::Tcp(address)) => Listen::Tcp(self.with_port(text, address)?),
            None => {
                let message = format!("{:?} is not an address to listen on", text.value);
                self.source
                    .wrong(text, message, r#"write "unix:PATH" or "IP:PORT""#);
                return None;
            }
        };
        self.distinct(text, listen.clone())?;
        Some(listen)
    }

    fn tcp_listen(&mut self, text: &Located<String>) -> Option<SocketAddr> {
        let Ok(address) = text.value.parse::<SocketAddr>() else {
            let message = format!("{:?} is not an address to listen on", text.value);
            self.source.wrong(
                text,
                message,
                r#"write "IP:PORT", for example "127.0.0.1:8443""#,
            );
            return None;
        };
        let address = self.with_port(text, address)?;
        self.distinct(text, Listen::Tcp(address))?;
        Some(address)
    }

    fn with_port(&mut self, text: &Located<String>, address: SocketAddr) -> Option<SocketAddr> {
        if address.port() == 0 {
            let (what, remedy) = names::PORT_ZERO
                .split_once("; ")
                .unwrap_or((names::PORT_ZERO, ""));
            self.source.wrong(text, what, remedy);
            return None;
        }
        Some(address)
    }

    /// Two listeners on one address: the second would fail at start, or worse, a homeserver would meet the wrong one.
    fn distinct(&mut self, text: &Located<String>, listen: Listen) -> Option<()> {
        let taken = self
            .listeners
            .iter()
            .find(|(_, other)| collide(other, &listen))
            .map(|(key, _)| key.clone());
        self.listeners.push((text.key.clone(), listen));
        let Some(other) = taken else { return Some(()) };
        self.source.wrong(
            text,
            format!("is the same address as {other}"),
            "give each listener an address of its own",
        );
        None
    }
}

fn collide(one: &Listen, two: &Listen) -> bool {
    match (one, two) {
        (Listen::Unix(one), Listen::Unix(two)) => one == two,
        (Listen::Tcp(one), Listen::Tcp(two)) => {
            let everywhere = one.ip().is_unspecified() || two.ip().is_unspecified();
            one.port() == two.port() && (everywhere || one.ip() == two.ip())
        }
        _ => false,
    }
}
