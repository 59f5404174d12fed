//! One zone: a homeserver, its gateway, and the folder that holds both.
//!
//! The gateway is set up and driven through the command line only (`sluice init`, `peer export`, `peer import`, `run`), so
//! what the demo does can be typed by an operator.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_policy::label::OID_PREFIX;

use super::error::{DemoError, io};
use super::process::Supervised;
use super::synapse::{Synapse, SynapseOptions, free_port};

/// How a zone's homeserver reaches its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Synapse's own hook for border gateways, over a unix socket.
    Hook,
    /// HTTP CONNECT.
    Connect,
}

impl Way {
    /// As written on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Connect => "connect",
        }
    }
}

/// What a zone is made from.
#[derive(Debug, Clone)]
pub struct ZoneOptions<'a> {
    /// Zone name; its homeserver is `NAME.test`.
    pub name: &'a str,
    /// The way out.
    pub way: Way,
    /// The zone's folder.
    pub folder: &'a Path,
    /// The `sluice` binary.
    pub binary: &'a Path,
    /// Python with the pinned Synapse.
    pub python: &'a Path,
    /// The zone's own clearance, for `sluice init --clearance`; without it the links' clearances alone decide.
    pub clearance: Option<&'a Value>,
    /// Server names of further homeservers of the zone, behind the same gateway.
    pub others: &'a [&'a str],
}

/// A security policy of `rules/spif/`, as labels and clearances name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: &'static str,
    /// Its object identifier, dotted.
    pub oid: &'static str,
}

impl Policy {
    /// `PolicyIdentifier` of a label or a clearance.
    #[must_use]
    pub fn identifier(self) -> Value {
        json!({"name": self.name, "uri": format!("{OID_PREFIX}{}", self.oid)})
    }
}

/// A homeserver and its gateway. Dropping it kills both.
#[derive(Debug)]
pub struct Zone {
    name: String,
    way: Way,
    binary: PathBuf,
    gateway_folder: PathBuf,
    /// The homeserver.
    pub synapse: Synapse,
    /// Further homeservers.
    pub others: Vec<Synapse>,
    gateway: Option<Supervised>,
    listeners: Value,
}

impl Zone {
    /// Makes the folders, keys and configurations of homeserver and gateway; starts nothing.
    ///
    /// # Errors
    /// When `sluice init` refuses or a file cannot be written.
    pub fn prepare(options: &ZoneOptions<'_>) -> Result<Self, DemoError> {
        let gateway_folder = options.folder.join("gw");
        let others = options.others.iter().map(|name| (*name).to_owned());
        let names = [format!("{}.test", options.name)].into_iter().chain(others);
        let homeservers: Vec<(String, PathBuf)> = names
            .enumerate()
            .map(|(at, name)| (name, options.folder.join(homeserver_folder(at))))
            .collect();
        let fragments = init(options, &gateway_folder, &homeservers)?;
        let mut prepared = Vec::new();
        for ((server_name, folder), fragment) in homeservers.into_iter().zip(fragments) {
            prepared.push(Synapse::prepare(SynapseOptions {
                server_name,
                folder,
                python: options.python.to_owned(),
                fragment,
            })?);
        }
        let mut prepared = prepared.into_iter();
        let synapse = prepared
            .next()
            .ok_or_else(|| DemoError::Shape("`sluice init` made no fragment".to_owned()))?;
        Ok(Self {
            name: options.name.to_owned(),
            way: options.way,
            binary: options.binary.to_owned(),
            gateway_folder,
            synapse,
            others: prepared.collect(),
            gateway: None,
            listeners: Value::Null,
        })
    }

    /// The zone's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The way from homeserver to gateway.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// The homeserver's name.
    #[must_use]
    pub fn server_name(&self) -> &str {
        self.synapse.server_name()
    }

    /// The gateway's folder, as `sluice init` made it.
    #[must_use]
    pub fn gateway_folder(&self) -> &Path {
        &self.gateway_folder
    }

    /// The gateway's configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.gateway_folder.join("sluice.toml")
    }

    /// The gateway's audit log.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.gateway_folder.join("state").join("audit")
    }

    /// The gateway's own log.
    #[must_use]
    pub fn gateway_log(&self) -> PathBuf {
        self.gateway_folder.join("gateway.log")
    }

    /// The gateway's journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.gateway_folder.join("state").join("journal.db")
    }

    /// The `listeners` object of the line that the running gateway printed.
    #[must_use]
    pub fn listeners(&self) -> &Value {
        &self.listeners
    }

    /// The gateway's process id, while it runs.
    #[must_use]
    pub fn gateway_pid(&self) -> Option<u32> {
        self.gateway.as_ref().map(Supervised::pid)
    }

    /// Exports this gateway's record and imports it at the other one.
    ///
    /// # Errors
    /// When one of the two commands fails.
    pub fn introduce_to(
        &self,
        other: &Self,
        send: &Value,
        receive: &Value,
    ) -> Result<(), DemoError> {
        let (send, receive) = (send.to_string(), receive.to_string());
        self.export_to(other, &["--send", &send, "--receive", &receive])
    }

    /// As [`Zone::introduce_to`], without clearances: each knows who the other is, and the link between them is closed.
    ///
    /// # Errors
    /// When one of the two commands fails.
    pub fn name_to(&self, other: &Self) -> Result<(), DemoError> {
        self.export_to(other, &[])
    }

    fn export_to(&self, other: &Self, clearances: &[&str]) -> Result<(), DemoError> {
        let record = self.sluice(&[
            "peer",
            "export",
            "--json",
            "-c",
            &shown(&self.configuration()),
        ])?;
        let path = other
            .gateway_folder
            .join(format!("{}.record.json", self.name));
        std::fs::write(&path, record).map_err(io("write", &path))?;
        let configuration = shown(&other.configuration());
        let path = shown(&path);
        let import = ["peer", "import", &path, "-c", &configuration];
        other.sluice(&[&import, clearances].concat()).map(drop)
    }

    /// Starts the gateway and waits until it says that it serves.
    ///
    /// # Errors
    /// With the end of its log, when it does not.
    pub fn start_gateway(&mut self) -> Result<(), DemoError> {
        let log = self.gateway_log();
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(io("open", &log))?;
        let mut command = Command::new(&self.binary);
        command
            .args(["run", "-c"])
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file);
        let mut process =
            Supervised::start(&format!("the gateway of {}", self.name), &mut command)?;
        let ready =
            first_line(&mut process).and_then(|line| serde_json::from_str::<Value>(&line).ok());
        match ready {
            Some(ready) if ready["ready"] == true => {
                self.listeners = ready["listeners"].clone();
                self.gateway = Some(process);
                Ok(())
            }
            _ => Err(DemoError::Setup(format!(
                "the gateway of {} did not start: {}",
                self.name,
                end_of(&log)
            ))),
        }
    }

    /// SIGTERM to the gateway, and wait: it finishes what is under way and closes its log.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop_gateway(&mut self) -> Result<(), DemoError> {
        self.gateway
            .take()
            .map_or(Ok(()), |mut process| process.stop().map(drop))
    }

    /// SIGKILL to the gateway.
    pub fn kill_gateway(&mut self) {
        self.gateway = None;
    }

    /// Runs the `sluice` binary and returns its stdout.
    ///
    /// # Errors
    /// [`DemoError::Command`] for every exit code but 0.
    pub fn sluice(&self, arguments: &[&str]) -> Result<String, DemoError> {
        checked(&self.binary, arguments)
    }

    /// Runs the `sluice` binary and returns exit code and JSON answer, whatever the code.
    ///
    /// # Errors
    /// When it cannot be started or its stdout is not JSON.
    pub fn ask_sluice(&self, arguments: &[&str]) -> Result<(i32, Value), DemoError> {
        let output = run(&self.binary, arguments)?;
        let answer = serde_json::from_slice(&output.stdout).map_err(|error| {
            DemoError::Shape(format!(
                "`sluice {}` printed no JSON: {error}",
                arguments.join(" ")
            ))
        })?;
        Ok((output.status.code().unwrap_or(-1), answer))
    }

    /// `sluice audit verify` over a log, this gateway's own or a copy: exit code and answer.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub fn verify_audit(&self, log: &Path, live: bool) -> Result<(i32, Value), DemoError> {
        let (log, configuration) = (shown(log), shown(&self.configuration()));
        let mut arguments = vec!["audit", "verify", &log, "-c", &configuration, "--json"];
        if live {
            arguments.push("--live");
        }
        self.ask_sluice(&arguments)
    }
}

/// A clearance for these levels of a policy, without categories, as `peer import` takes it.
#[must_use]
pub fn clearance(policy: Policy, levels: &[&str]) -> Value {
    json!({
        "PolicyIdentifier": policy.identifier(),
        "ClassificationList": levels,
        "Category": [],
    })
}

/// The folder of a zone's first, second... homeserver.
fn homeserver_folder(at: usize) -> String {
    match at {
        0 => "hs".to_owned(),
        at => format!("hs{}", at + 1),
    }
}

/// Runs `sluice init` for homeservers, each with its folder, and returns the pieces of homeserver.yaml that it made.
fn init(
    options: &ZoneOptions<'_>,
    folder: &Path,
    homeservers: &[(String, PathBuf)],
) -> Result<Vec<String>, DemoError> {
    let sockets: Vec<String> = homeservers
        .iter()
        .map(|(name, folder)| format!("{name}=unix:{}", Synapse::socket_in(folder).display()))
        .collect();
    let border = format!("127.0.0.1:{}", free_port()?);
    let inside = match options.way {
        Way::Hook => format!("unix:{}", folder.join("hook.sock").display()),
        Way::Connect => format!("127.0.0.1:{}", free_port()?),
    };
    let operations = format!("127.0.0.1:{}", free_port()?);
    let given = given_clearance(options)?;
    let folder = shown(folder);
    let mut arguments = vec![
        "init",
        &folder,
        "--json",
        "--zone",
        options.name,
        "--way",
        options.way.as_str(),
        "--listen-border",
        &border,
        "--listen-inside",
        &inside,
        "--listen-operations",
        &operations,
    ];
    for socket in &sockets {
        arguments.extend(["--homeserver", socket]);
    }
    if let Some(given) = &given {
        arguments.extend(["--clearance", given]);
    }
    let printed = checked(options.binary, &arguments)?;
    let answer: Value = serde_json::from_str(&printed)
        .map_err(|error| DemoError::Shape(format!("`sluice init` printed no JSON: {error}")))?;
    fragments(&answer)
}

/// The zone's clearance in a file of its own, where it has one.
fn given_clearance(options: &ZoneOptions<'_>) -> Result<Option<String>, DemoError> {
    let Some(clearance) = options.clearance else {
        return Ok(None);
    };
    let path = options.folder.join("zone-clearance.json");
    std::fs::write(&path, clearance.to_string()).map_err(io("write", &path))?;
    Ok(Some(shown(&path)))
}

/// The pieces of homeserver.yaml, from the files that the answer of `sluice init --json` names.
fn fragments(answer: &Value) -> Result<Vec<String>, DemoError> {
    let paths = answer["fragments"].as_array().into_iter().flatten();
    let paths = paths.filter_map(Value::as_str).map(PathBuf::from);
    paths
        .map(|path| std::fs::read_to_string(&path).map_err(io("read", &path)))
        .collect()
}

fn checked(binary: &Path, arguments: &[&str]) -> Result<String, DemoError> {
    let output = run(binary, arguments)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(DemoError::Command {
        command: arguments
            .iter()
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join(" "),
        code: output
            .status
            .code()
            .map_or("a signal".to_owned(), |code| format!("exit code {code}")),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn run(binary: &Path, arguments: &[&str]) -> Result<Output, DemoError> {
    Command::new(binary)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(io("run", binary))
}

/// The first line on stdout; the rest is read on and thrown away, so that the child never blocks.
fn first_line(process: &mut Supervised) -> Option<String> {
    let pipe = process.child().stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        let _ = sender.send(line);
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    receiver.recv_timeout(READY_WITHIN).ok()
}

fn end_of(log: &Path) -> String {
    let mut text = String::new();
    let _ = File::open(log).and_then(|mut file| file.read_to_string(&mut text));
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default()
        .join("\n")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The policy of zone `high`: the sample with the German levels.
pub const GERMAN: Policy = Policy {
    name: "DE-SAMPLE",
    oid: "2.25.999001",
};
/// The policy of zone `low`: the sample in the shape of NATO's.
pub const NATO: Policy = Policy {
    name: "NATO",
    oid: "1.3.26.1.3.1",
};
const READY_WITHIN: Duration = Duration::from_secs(60);
