//! An operator at a terminal: a folder of her own and the commands of `sluice`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A clearance of the sample policy, as it is given on the command line.
pub const CLEARANCE: &str =
    r#"{"PolicyIdentifier":{"name":"HAUS"},"ClassificationList":["OFFEN"],"Category":[]}"#;

/// An operator and her zone.
pub struct Operator {
    pub zone: &'static str,
    folder: tempfile::TempDir,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Operator {
    /// An operator before her first command.
    pub fn new(zone: &'static str) -> Self {
        Self {
            zone,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// An operator whose gateway was made by `init`, way `hook`, all ports free ones.
    pub fn with_gateway(zone: &'static str) -> Self {
        let operator = Self::new(zone);
        let done = operator.init(&[]);
        assert_eq!(done.code, 0, "{done:?}");
        operator
    }

    /// `sluice init` with the usual arguments and more.
    pub fn init(&self, more: &[&str]) -> Done {
        let dir = self.dir();
        let homeserver = format!(
            "{}.test=unix:{}/federation.sock",
            self.zone,
            self.folder.path().display()
        );
        let mut args = vec![
            "init",
            dir.to_str().unwrap(),
            "--zone",
            self.zone,
            "--homeserver",
            &homeserver,
        ];
        args.extend([
            "--way",
            "hook",
            "--listen-border",
            "127.0.0.1:0",
            "--listen-inside",
            "unix:hook.sock",
        ]);
        args.extend(more);
        self.sluice(&args)
    }

    /// Her gateway's folder.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join(self.zone)
    }

    /// A file in her gateway's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Runs a command about her gateway: `-c` is added.
    pub fn command(&self, args: &[&str]) -> Done {
        let config = self.file("sluice.toml");
        let mut all = args.to_vec();
        all.extend(["-c", config.to_str().unwrap()]);
        self.sluice(&all)
    }

    /// Takes a record from stdin, with both clearances.
    pub fn import(&self, record: &str) -> Done {
        let config = self.file("sluice.toml");
        let mut args = vec![
            "peer",
            "import",
            "-",
            "--send",
            CLEARANCE,
            "--receive",
            CLEARANCE,
            "--json",
            "-c",
        ];
        args.push(config.to_str().unwrap());
        sluice(&args, self.folder.path(), record)
    }

    /// Her own record.
    pub fn export(&self) -> String {
        let done = self.command(&["peer", "export"]);
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout
    }

    /// Runs `sluice` with just these arguments.
    pub fn sluice(&self, args: &[&str]) -> Done {
        sluice(args, self.folder.path(), "")
    }
}

impl Done {
    /// The answer of a command with `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn sluice(args: &[&str], folder: &Path, stdin: &str) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    Done {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
