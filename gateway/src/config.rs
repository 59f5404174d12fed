//! The configuration file `sluice.toml`.
//!
//! ```text
//! text ── reader ──▶ Written (what stands there) ── meant ──▶ Config (what is meant) ── material ──▶ keys, certificates
//! ```
//!
//! Each step collects every mistake before it gives up, and each mistake names file, line, key and remedy. A key that
//! is not known is a mistake: a misspelt limit must not silently become no limit. Relative paths are relative to the
//! folder of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub mod material;
mod meant;
pub mod mistake;
pub mod names;
mod reader;
pub mod secret;
mod written;

pub use material::Material;
pub use mistake::{Mistake, Mistakes};
pub use secret::Secret;

use crate::traffic::Limits;

/// Largest configuration file that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// What the operator means. Every path is resolved, every name is checked, no two listeners collide.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our zone's name: a word of `a-z`, `0-9` and `-`.
    pub zone: String,
    /// File with the zone's own clearance: what it may originate and receive, on every link. Without one only the
    /// clearances of the links count.
    pub clearance: Option<PathBuf>,
    /// The homeservers of the zone; at least one, no name twice.
    pub homeservers: Vec<Homeserver>,
    /// The way in from the homeservers.
    pub inside: Inside,
    /// The face towards peers.
    pub border: Border,
    /// Key files.
    pub keys: Keys,
    /// What the gateway writes, and what it is told with.
    pub state: State,
    /// Health and metrics, if wanted.
    pub operations: Option<Operations>,
    /// What waits for people.
    pub hold: Hold,
    /// The checks that a policy may let an event wait for, by name.
    pub checks: BTreeMap<String, Check>,
    /// Who is told of it, beside the sender.
    pub notify: Notify,
    /// By which the senders are told.
    pub connector: Option<Connector>,
    /// The program's own log.
    pub log: Log,
    /// What each peer may have of everything.
    pub limits: Limits,
    /// What weakens the gateway.
    pub danger: Danger,
    /// Where each key stood, for mistakes that are found later.
    pub origin: Origin,
}

/// A homeserver of our zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Homeserver {
    /// Its Matrix server name: lower case, no IP literal.
    pub name: String,
    /// Its federation listener.
    pub address: HsAddress,
}

/// Where a homeserver's federation listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HsAddress {
    /// A unix socket, written `unix:PATH`.
    Unix(PathBuf),
    /// Plain HTTP, written `http://IP:PORT`.
    Http(SocketAddr),
}

/// Where the gateway listens for its homeservers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A unix socket, written `unix:PATH`.
    Unix(PathBuf),
    /// TCP, written `IP:PORT`.
    Tcp(SocketAddr),
}

/// The way in from the homeservers.
#[derive(Debug, Clone)]
pub struct Inside {
    /// Where the gateway listens.
    pub listen: Listen,
    /// File with the shared secret: the hook's bearer token, or the password of the proxy user `sluice`.
    pub secret: PathBuf,
    /// Which of the two ways.
    pub way: Way,
}

/// The two ways that a homeserver can be made to speak to its gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Synapse's hook for border gateways: absolute-form `matrix-federation://` requests.
    Hook,
    /// HTTP CONNECT; TLS inside the tunnel ends at the gateway, under a CA that only the zone's homeservers trust.
    Connect {
        /// The inside CA's certificate.
        certificate: PathBuf,
        /// The inside CA's key.
        key: PathBuf,
    },
}

/// The face towards peers.
#[derive(Debug, Clone)]
pub struct Border {
    /// The gateway's name: the one SAN of its certificate.
    pub name: String,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// What peers dial, `HOST:PORT`; goes into the exported record.
    pub address: String,
    /// Our certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The CA that issued it; goes into the exported record.
    pub ca: PathBuf,
}

/// Key files.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Signs requests to peer gateways; its public half stands in our record.
    pub signing: PathBuf,
    /// Signs requests to our own homeservers (key injection).
    pub injected: PathBuf,
    /// Signs the checkpoints of the audit log.
    pub audit: PathBuf,
    /// Public key that bundles must be signed with.
    pub bundle: PathBuf,
    /// Keys the hashes of found values; without it they are comparable until the next start only.
    pub findings: Option<PathBuf>,
    /// Opens the indexes of the bundle, where it has any.
    pub indexes: Option<PathBuf>,
}

/// What the gateway writes, and what it is told with.
#[derive(Debug, Clone)]
pub struct State {
    /// The journal's database file.
    pub journal: PathBuf,
    /// Folder of the audit log's segments.
    pub audit: PathBuf,
    /// The admin socket.
    pub admin: PathBuf,
    /// Folder of the peer records.
    pub peers: PathBuf,
    /// The signed policy bundle.
    pub bundle: PathBuf,
    /// What senders said lately, encrypted.
    pub windows: PathBuf,
    /// The keys of that, which are erased with it.
    pub window_keys: PathBuf,
    /// Folder of what waits for a reviewer, encrypted, and of its keys.
    pub held: PathBuf,
}

/// A program that looks at an event and says whether it may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Where it is asked.
    pub endpoint: Endpoint,
    /// Seconds that it may take.
    pub timeout_seconds: u64,
}

/// Who is told what became of events, beside their senders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notify {
    /// Gets each notice as JSON.
    pub webhook: Option<Endpoint>,
    /// Gets each notice as a line of JSON.
    pub file: Option<PathBuf>,
}

/// The client listener of one of our homeservers, for what a gateway has to ask or tell there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// The homeserver's name.
    pub server: String,
    /// Its client listener.
    pub address: HsAddress,
    /// File with the access token of an administrator.
    pub token: PathBuf,
}

/// Something that takes JSON by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: HsAddress,
    /// The path of the request.
    pub path: String,
}

/// How long what is held waits, and who may decide on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Days after which content that nobody decided on is destroyed.
    pub days: u64,
    /// Days in which what was released can be sent again.
    pub ticket_days: u64,
    /// Seconds that an event may wait for checks before it crosses in its redacted form.
    pub wait_seconds: u64,
    /// Whether two different users must release.
    pub two_persons: bool,
    /// Users of the machine, by name or number, who may use `sluice hold` beside the gateway's own user and root.
    pub reviewers: Vec<String>,
}

impl Hold {
    /// When what comes now expires, milliseconds since 1970.
    #[must_use]
    pub fn until(&self, now_ms: i64) -> i64 {
        later(now_ms, self.days)
    }

    /// How long an event may wait for checks, in milliseconds.
    #[must_use]
    pub fn wait_ms(&self) -> i64 {
        i64::try_from(self.wait_seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
    }

    /// When a ticket that is issued now expires, milliseconds since 1970.
    #[must_use]
    pub fn ticket_until(&self, now_ms: i64) -> i64 {
        later(now_ms, self.ticket_days)
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            days: 7,
            ticket_days: 7,
            wait_seconds: 10,
            two_persons: false,
            reviewers: Vec::new(),
        }
    }
}

fn later(now_ms: i64, days: u64) -> i64 {
    let ms = i64::try_from(days.saturating_mul(DAY_MS)).unwrap_or(i64::MAX);
    now_ms.saturating_add(ms)
}

const DAY_MS: u64 = 86_400_000;

/// The operations listener.
#[derive(Debug, Clone)]
pub struct Operations {
    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    pub listen: SocketAddr,
}

/// The program's own log, on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// From which level on lines are written.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// From which level on log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Only what needs an operator.
    Error,
    /// And what may need one.
    Warn,
    /// And the life of the program.
    #[default]
    Info,
    /// And each request's stages.
    Debug,
}

/// What weakens the gateway. `sluice check` points it out, and a gateway that runs with it says so at its start and at each
/// reload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Danger {
    /// Milliseconds to wait between the audit log's sync and the relay, so that a test can kill the gateway there.
    pub pause_after_record_ms: u64,
    /// Addresses beside this machine to which checks, webhook and connector are spoken to in cleartext.
    pub plain_http_to: Vec<SocketAddr>,
}

impl Danger {
    /// What an operator should know, a sentence each.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let pause = (self.pause_after_record_ms > 0)
            .then(|| "danger.pause_after_record_ms is set: for tests only".to_owned());
        let plain = self.plain_http_to.iter().map(|address| {
            format!(
                "danger.plain_http_to: what goes to {address} can be read and changed on the way"
            )
        });
        pause.into_iter().chain(plain).collect()
    }
}

/// Where each key stood in the file.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file, as it was named on the command line.
    pub file: PathBuf,
    pub(crate) lines: BTreeMap<String, usize>,
}

impl Config {
    /// Reads and understands a configuration file; the files that it names are not opened (see [`Material::load`]).
    pub fn load(file: &Path) -> Result<Self, Mistakes> {
        let text = mistake::read_bounded(file, MAX_CONFIG_BYTES)?;
        Self::parse(&text, file)
    }

    /// Understands the text of a configuration file. `file` is used in messages and as the base of relative paths.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Mistakes> {
        let mut source = reader::Source::new(text, file);
        let written = written::Written::read(&mut source)?;
        meant::mean(written, source)
    }

    /// Whether a Matrix server name is one of our own homeservers.
    pub fn homeserver(&self, name: &str) -> Option<&Homeserver> {
        self.homeservers
            .iter()
            .find(|homeserver| homeserver.name == name)
    }
}

impl Origin {
    /// A mistake about the value of `key`, for example `border.key`, found after the file was read.
    pub fn mistake(
        &self,
        key: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Mistake {
        Mistake {
            file: self.file.clone(),
            line: self.lines.get(key).copied(),
            key: key.to_owned(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl Listen {
    /// Reads `unix:PATH` or `IP:PORT`; a relative path stays relative.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix:") {
            Some("") => None,
            Some(path) => Some(Self::Unix(PathBuf::from(path))),
            None => text.parse().ok().map(Self::Tcp),
        }
    }
}

impl Endpoint {
    /// Reads `http://IP:PORT/PATH`, or `unix:SOCKET`, where the path is `/`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix("http://") else {
            let address = HsAddress::parse(text)?;
            let path = "/".to_owned();
            return Some(Self { address, path });
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%?=&".contains(&byte);
        let address = HsAddress::parse(&format!("http://{authority}"))?;
        path.bytes().all(plain).then(|| Self {
            address,
            path: format!("/{path}"),
        })
    }
}

impl HsAddress {
    /// Reads `unix:PATH` or `http://IP:PORT`; a relative path stays relative.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| Self::Unix(PathBuf::from(path)));
        }
        let address = text.strip_prefix("http://")?;
        address
            .strip_suffix('/')
            .unwrap_or(address)
            .parse()
            .ok()
            .map(Self::Http)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for HsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Http(address) => write!(f, "http://{address}"),
        }
    }
}

#[cfg(test)]
mod tests;
