//! From arguments to the text of `sluice.toml`, and that text understood by the code that will read it.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use sluice_policy::label::{Clearance, MAX_CLEARANCE_BYTES};

use super::{InitArgs, InitError, WayIn, absolute};
use crate::config::Config;
use crate::config::mistake::read_bounded;

/// The zone's own clearance in the gateway's folder.
pub const CLEARANCE_FILE: &str = "clearance.json";

/// What is going to be written.
pub struct Plan {
    /// The folder, absolute.
    pub dir: PathBuf,
    /// The zone's own clearance as JSON, where it is given one.
    pub clearance: Option<String>,
    /// The configuration file's text.
    pub text: String,
    /// What that text means.
    pub config: Config,
}

impl Plan {
    /// Chooses free ports, writes the text and reads it back.
    pub fn of(args: &InitArgs) -> Result<Self, InitError> {
        let dir = absolute(&args.dir)?;
        let mut ports = Ports::default();
        let border = ports.resolve("--listen-border", &args.listen_border)?;
        let inside = ports.resolve("--listen-inside", &args.listen_inside)?;
        let operations = args.listen_operations.as_deref();
        let operations = operations
            .map(|listen| ports.resolve("--listen-operations", listen))
            .transpose()?;
        let address = dialled(args, &border)?;
        let homeservers = homeservers(&args.homeserver)?;
        let gateway = gateway_name(args, &homeservers);
        let text = Text {
            args,
            homeservers,
            border,
            inside,
            operations,
            address,
            gateway,
        }
        .write();
        let config = Config::parse(&text, &dir.join("sluice.toml"))?;
        let clearance = args.clearance.as_deref().map(clearance).transpose()?;
        Ok(Self {
            dir,
            clearance,
            text,
            config,
        })
    }
}

/// Everything that goes into the file.
struct Text<'a> {
    args: &'a InitArgs,
    homeservers: Vec<(&'a str, &'a str)>,
    border: String,
    inside: String,
    operations: Option<String>,
    address: String,
    gateway: String,
}

impl Text<'_> {
    fn write(&self) -> String {
        let mut text = String::from(
            "# Written by `sluice init`. Relative paths are relative to this file's folder.\n\n",
        );
        line(&mut text, "zone", &self.args.zone);
        if self.args.clearance.is_some() {
            line(&mut text, "clearance", CLEARANCE_FILE);
        }
        for (name, address) in &self.homeservers {
            text.push_str("\n[[homeserver]]\n");
            line(&mut text, "name", name);
            line(&mut text, "address", address);
        }
        self.write_inside(&mut text);
        text.push_str("\n[border]\n");
        line(&mut text, "name", &self.gateway);
        line(&mut text, "listen", &self.border);
        line(&mut text, "address", &self.address);
        text.push_str(FIXED);
        if let Some(operations) = &self.operations {
            text.push_str("\n[operations]\n");
            line(&mut text, "listen", operations);
        }
        text
    }

    fn write_inside(&self, text: &mut String) {
        text.push_str("\n[inside]\n");
        let way = match self.args.way {
            WayIn::Hook => "hook",
            WayIn::Connect => "connect",
        };
        line(text, "way", way);
        line(text, "listen", &self.inside);
        line(text, "secret", "keys/inside.secret");
        if self.args.way == WayIn::Connect {
            line(text, "certificate", "keys/inside-ca.pem");
            line(text, "key", "keys/inside-ca.key");
        }
    }
}

const FIXED: &str = r#"certificate = "keys/border.pem"
key = "keys/border.key"
ca = "keys/ca.pem"

[keys]
signing = "keys/signing.key"
injected = "keys/injected.key"
audit = "keys/audit.key"
bundle = "keys/bundle.pub"
findings = "keys/findings.key"

[state]
journal = "state/journal.db"
audit = "state/audit"
admin = "state/admin.sock"
peers = "peers"
bundle = "bundle.tar.gz"
"#;

/// Listeners that keep their port until all are chosen, so that no two get the same.
#[derive(Default)]
struct Ports(Vec<TcpListener>);

impl Ports {
    fn resolve(&mut self, option: &str, given: &str) -> Result<String, InitError> {
        match given.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => self.free(option, address),
            // Anything else is written as given; reading it back says what is wrong with it.
            _ => Ok(given.to_owned()),
        }
    }

    fn free(&mut self, option: &str, address: SocketAddr) -> Result<String, InitError> {
        let cannot = |error| {
            InitError::Argument(format!(
                "{option}: no free port at {address}: {error}; name a port"
            ))
        };
        let listener = TcpListener::bind(address).map_err(cannot)?;
        let chosen = listener.local_addr().map_err(cannot)?;
        self.0.push(listener);
        Ok(chosen.to_string())
    }
}

/// A clearance in any of its forms, written as JSON.
fn clearance(file: &Path) -> Result<String, InitError> {
    let wrong =
        |error: String| InitError::Argument(format!("--clearance {}: {error}", file.display()));
    let text = read_bounded(file, MAX_CLEARANCE_BYTES as u64)
        .map_err(|mistake| wrong(format!("{}; {}", mistake.message, mistake.remedy)))?;
    let clearance = Clearance::read(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let mut json =
        serde_json::to_string_pretty(&clearance).map_err(|error| wrong(error.to_string()))?;
    json.push('\n');
    Ok(json)
}

fn dialled(args: &InitArgs, border: &str) -> Result<String, InitError> {
    if let Some(address) = &args.address {
        return Ok(address.clone());
    }
    let everywhere = border
        .parse::<SocketAddr>()
        .is_ok_and(|address| address.ip().is_unspecified());
    if everywhere {
        let message =
            format!("{border} is no address that a peer can dial; add --address HOST:PORT");
        return Err(InitError::Argument(message));
    }
    Ok(border.to_owned())
}

fn homeservers(given: &[String]) -> Result<Vec<(&str, &str)>, InitError> {
    let split = |text: &'_ String| {
        format!("--homeserver {text:?} has no address; write NAME=unix:PATH or NAME=http://IP:PORT")
    };
    given
        .iter()
        .map(|text| {
            text.split_once('=')
                .ok_or_else(|| InitError::Argument(split(text)))
        })
        .collect()
}

fn gateway_name(args: &InitArgs, homeservers: &[(&str, &str)]) -> String {
    let first = homeservers.first().map_or("", |(name, _)| name);
    let host = first.split(':').next().unwrap_or_default();
    args.gateway.clone().unwrap_or_else(|| format!("gw.{host}"))
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "{key} = {}", toml::Value::String(value.to_owned()));
}
