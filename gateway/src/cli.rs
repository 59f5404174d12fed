//! The command line: one binary, one line a command. Exit codes mean the same everywhere, errors go to stderr and say
//! the remedy, `--json` puts the same answer on stdout for machines.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::admin::{AdminRequest, ask};
use crate::audit::AuditPublicKey;
use crate::config::{Config, Mistakes, material};
use crate::{
    audit_cli, check, dlp_cli, doctor, hold, init, label_cli, operator_cli, peers, policy_cli,
};

/// What the exit code of a command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done.
    Done,
    /// The answer is no.
    No,
    /// Wrong usage or configuration.
    Usage,
    /// It could not be done: I/O, network.
    CouldNot,
}

/// A secure border and cross-domain gateway for Matrix federation.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, propagate_version = true, after_help = FIRST_STEPS)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Two zones around real homeservers on this machine, real messages judged and shown.
    Demo(crate::demo::DemoArgs),
    /// Make a gateway's folder: configuration, keys, certificates, bundle, and the piece of homeserver.yaml.
    Init(init::InitArgs),
    /// Check configuration, keys, certificates, peers and bundle, without starting anything.
    Check(check::CheckArgs),
    /// Look at the surroundings: homeservers, peers, disk, clock, permissions.
    Doctor(doctor::DoctorArgs),
    /// Serve: judge and relay until told to stop.
    Run(crate::run::RunArgs),
    /// Tell the running gateway to read its files again, all or nothing.
    Reload(ReloadArgs),
    /// Exchange records with other gateways.
    #[command(subcommand)]
    Peer(peers::cli::PeerCommand),
    /// Build policies, and ask them.
    #[command(subcommand)]
    Policy(policy_cli::PolicyCommand),
    /// Security policies, labels and clearances in files: check, decide, combine, translate, convert.
    #[command(subcommand)]
    Label(label_cli::LabelCommand),
    /// Detectors: scan texts and events, run their examples, import rules.
    #[command(subcommand)]
    Dlp(dlp_cli::DlpCommand),
    /// The links of the running gateway: emergency stop, and its end.
    #[command(subcommand)]
    Link(operator_cli::LinkCommand),
    /// Rooms: their labels, and which of them are closed.
    #[command(subcommand)]
    Room(operator_cli::RoomCommand),
    /// What waits for a person: look at it, release or reject it.
    #[command(subcommand)]
    Hold(hold::cli::HoldCommand),
    /// Look into the audit log.
    #[command(subcommand)]
    Audit(audit_cli::AuditCommand),
}

/// Arguments of `sluice reload`.
#[derive(Debug, Args)]
#[command(after_help = "Example: sluice reload -c /etc/sluice/sluice.toml")]
pub struct ReloadArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Answer as JSON: {"ok","message","details"}.
    #[arg(long)]
    json: bool,
}

/// Which configuration a command is about.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        default_value = "sluice.toml"
    )]
    pub config: PathBuf,
}

const FIRST_STEPS: &str = "First steps:
  sluice init DIR --zone high --homeserver high.test=unix:/run/synapse/federation.sock \\
    --way hook --listen-border 0.0.0.0:8443 --address gw.high.test:8443 --listen-inside unix:hook.sock
  sluice check -c DIR/sluice.toml
  sluice peer export -c DIR/sluice.toml";

/// Runs the command that was given.
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Demo(args) => ExitCode::from(crate::demo::command(&args)),
        Command::Init(args) => init::command(&args).into(),
        Command::Check(args) => check::command(&args).into(),
        Command::Doctor(args) => doctor::command(&args).into(),
        Command::Run(args) => crate::run::command(&args).into(),
        Command::Reload(args) => reload(&args).into(),
        Command::Peer(command) => peers::cli::command(&command).into(),
        Command::Policy(command) => ExitCode::from(policy_cli::run(&command)),
        Command::Label(command) => with_streams(|streams| label_cli::run(&command, streams)).into(),
        Command::Dlp(command) => dlp(&command).into(),
        Command::Link(command) => operator_cli::link(command).into(),
        Command::Room(command) => operator_cli::room(command, |args| {
            with_streams(|streams| label_cli::room_label(args, streams))
        })
        .into(),
        Command::Hold(command) => hold::cli::command(&command).into(),
        Command::Audit(command) => audit(&command),
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::CouldNot => 3,
        })
    }
}

impl ConfigFile {
    /// Loads the configuration, or tells every mistake and how to exit.
    pub fn load(&self, json: bool) -> Result<Config, Exit> {
        Config::load(&self.config).map_err(|mistakes| tell_mistakes(&mistakes, json))
    }
}

/// Tells mistakes on stderr, and with `json` also on stdout as `{"ok":false,"mistakes":[...]}`.
pub fn tell_mistakes(mistakes: &Mistakes, json: bool) -> Exit {
    if json {
        print_json(&serde_json::json!({ "ok": false, "mistakes": mistakes.0 }));
    }
    eprintln!("{mistakes}");
    Exit::Usage
}

/// Tells that something could not be done.
pub fn tell_failure(message: &str, json: bool) -> Exit {
    tell(message, json, Exit::CouldNot)
}

/// Tells that the command was used wrongly.
pub fn tell_misuse(message: &str, json: bool) -> Exit {
    tell(message, json, Exit::Usage)
}

/// Prints a value as one line of JSON.
pub fn print_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("the answer cannot be written as JSON: {error}"),
    }
}

fn tell(message: &str, json: bool, exit: Exit) -> Exit {
    if json {
        print_json(&serde_json::json!({ "ok": false, "error": message }));
    }
    eprintln!("sluice: {message}");
    exit
}

fn reload(args: &ReloadArgs) -> Exit {
    let config = match args.file.load(args.json) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    reload_at(&config.state.admin, args.json)
}

fn reload_at(socket: &Path, json: bool) -> Exit {
    let answer = match ask(socket, &AdminRequest::Reload {}) {
        Ok(answer) => answer,
        Err(error) => return tell_failure(&error.to_string(), json),
    };
    if json {
        print_json(&answer);
    } else if answer.ok {
        println!("{}", answer.message);
    } else {
        eprintln!("{}", answer.message);
        answer
            .details
            .iter()
            .for_each(|detail| eprintln!("{detail}"));
    }
    if answer.ok { Exit::Done } else { Exit::No }
}

fn with_streams(command: impl FnOnce(&mut label_cli::Streams<'_>) -> Exit) -> Exit {
    command(&mut label_cli::Streams {
        input: &mut std::io::stdin().lock(),
        out: &mut std::io::stdout().lock(),
        err: &mut std::io::stderr().lock(),
    })
}

fn dlp(command: &dlp_cli::DlpCommand) -> Exit {
    let mut streams = dlp_cli::Streams {
        input: &mut std::io::stdin().lock(),
        out: &mut std::io::stdout().lock(),
        err: &mut std::io::stderr().lock(),
    };
    dlp_cli::run(command, &mut streams)
}

/// `audit verify -c FILE` takes the key from the configuration; `audit show` needs none.
fn audit(command: &audit_cli::AuditCommand) -> ExitCode {
    let file = match command {
        audit_cli::AuditCommand::Verify(args) => args.config.as_deref(),
        audit_cli::AuditCommand::Show(_) => None,
    };
    let configured = match file.map(configured_audit_key).transpose() {
        Ok(configured) => configured,
        Err(mistakes) => return tell_mistakes(&mistakes, false).into(),
    };
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    ExitCode::from(audit_cli::run(
        command,
        configured.as_ref(),
        &mut out,
        &mut err,
    ))
}

fn configured_audit_key(file: &Path) -> Result<AuditPublicKey, Mistakes> {
    let config = Config::load(file)?;
    let key = material::signing_key(&config, "keys.audit", &config.keys.audit)?;
    Ok(AuditPublicKey::of(&key))
}
