//! `sluice peer export`, `import` and `show`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sluice_certs::UnixTime;
use sluice_policy::label::Clearance;

use super::record::RECORD_LIMITS;
use super::store::{self, Stored};
use super::{Own, Peer, Peers, Record};
use crate::cli::{ConfigFile, Exit, print_json, tell_failure, tell_mistakes};
use crate::config::mistake::read_bounded;
use crate::config::{Config, Material, Mistake, Mistakes};

/// The commands under `sluice peer`.
#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Print our own record, for the other side's `peer import`. It holds nothing secret.
    Export(ExportArgs),
    /// Take a peer's record, and say what may go to it and come from it.
    Import(ImportArgs),
    /// Show the peers.
    Show(ShowArgs),
}

/// Arguments of `sluice peer export`.
#[derive(Debug, Args)]
#[command(after_help = "Example: sluice peer export -c sluice.toml > high.json")]
pub struct ExportArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// On one line.
    #[arg(long)]
    json: bool,
}

/// Arguments of `sluice peer import`.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLE)]
pub struct ImportArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The peer's record, a file or - for stdin.
    record: PathBuf,
    /// What may go to the peer: a clearance as JSON, XML, or a token or claim aciClr, whose signature is not checked; or a
    /// file with it. Without it an earlier one stays.
    #[arg(long, value_name = "CLEARANCE")]
    send: Option<String>,
    /// What may come from the peer. The link is closed until both are given.
    #[arg(long, value_name = "CLEARANCE")]
    receive: Option<String>,
    /// Answer as JSON: {"ok","zone","file","open"}.
    #[arg(long)]
    json: bool,
}

/// Arguments of `sluice peer show`.
#[derive(Debug, Args)]
#[command(after_help = "Example: sluice peer show -c sluice.toml low")]
pub struct ShowArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Only the peer of this zone; exit code 1 if there is none.
    zone: Option<String>,
    /// Answer as JSON: {"peers":[...]}.
    #[arg(long)]
    json: bool,
}

const IMPORT_EXAMPLE: &str = r#"Example: sluice peer import -c sluice.toml low.json --send clearance.json --receive \
  '{"PolicyIdentifier":{"name":"HAUS"},"ClassificationList":["OFFEN"],"Category":[]}'"#;

/// Runs a command under `sluice peer`.
pub fn command(command: &PeerCommand) -> Exit {
    let (done, json) = match command {
        PeerCommand::Export(args) => (export(args), args.json),
        PeerCommand::Import(args) => (import(args), args.json),
        PeerCommand::Show(args) => (show(args), args.json),
    };
    match done {
        Ok(exit) => exit,
        Err(mistakes) => tell_mistakes(&mistakes, json),
    }
}

fn open(file: &ConfigFile) -> Result<(Config, Material), Mistakes> {
    let config = Config::load(&file.config)?;
    let material = Material::load(&config, UnixTime::now())?;
    Ok((config, material))
}

fn export(args: &ExportArgs) -> Result<Exit, Mistakes> {
    let (config, material) = open(&args.file)?;
    let record = Record::own(&config, &material);
    let text = if args.json {
        serde_json::to_string(&record)
    } else {
        serde_json::to_string_pretty(&record)
    };
    match text {
        Ok(text) => println!("{text}"),
        Err(error) => return Ok(tell_failure(&error.to_string(), args.json)),
    }
    Ok(Exit::Done)
}

fn import(args: &ImportArgs) -> Result<Exit, Mistakes> {
    let (config, material) = open(&args.file)?;
    let own = Own::of(&config, &material);
    let peers = Peers::load(&config.state.peers, &own)?;
    let text = record_text(&args.record)?;
    let fault = |fault: super::RecordFault| Mistakes::from(fault.in_file(&args.record));
    let record = Record::read(text.as_bytes()).map_err(fault)?;
    let mut stored = Stored {
        record,
        send: None,
        receive: None,
    };
    // Names and keys first: a zone name is about to become a file name.
    let peer = stored.clone().peer().map_err(fault)?;
    if let Some(conflict) = peers.conflict(&peer, &own) {
        return Err(fault(conflict));
    }
    let earlier = earlier(&config, &peers, peer.zone())?;
    stored.send =
        clearance("--send", args.send.as_deref())?.or_else(|| earlier.as_ref()?.send.clone());
    stored.receive = clearance("--receive", args.receive.as_deref())?
        .or_else(|| earlier.as_ref()?.receive.clone());
    let peer = stored.clone().peer().map_err(fault)?;
    match store::write(&config.state.peers, &stored) {
        Ok(file) => Ok(tell_import(&config, &peer, &file, args.json)),
        Err(error) => {
            let message = format!(
                "{}: cannot be written: {error}; make room, or correct the permissions",
                config.state.peers.display()
            );
            Ok(tell_failure(&message, args.json))
        }
    }
}

/// The record that an import is about to replace.
fn earlier(config: &Config, peers: &Peers, zone: &str) -> Result<Option<Stored>, Mistake> {
    match peers.by_zone(zone) {
        Some(_) => store::read(&super::file_of(&config.state.peers, zone)).map(Some),
        None => Ok(None),
    }
}

fn record_text(file: &Path) -> Result<String, Mistake> {
    if file != Path::new("-") {
        return read_bounded(file, RECORD_LIMITS.bytes as u64);
    }
    let mut text = String::new();
    let read = std::io::stdin()
        .take(RECORD_LIMITS.bytes as u64 + 1)
        .read_to_string(&mut text);
    let cannot = |error: std::io::Error| {
        Mistake::of_file(file, format!("cannot be read: {error}"), "pipe a record in")
    };
    read.map(|_| text).map_err(cannot)
}

/// A clearance from the command line, in any form: itself, or the name of a file with it. What is read is kept as JSON.
fn clearance(option: &'static str, given: Option<&str>) -> Result<Option<Value>, Mistake> {
    let Some(given) = given else { return Ok(None) };
    let inline = given.trim_start().starts_with(['{', '<']) || is_token(given);
    let (place, text) = if inline {
        (PathBuf::from(option), given.to_owned())
    } else {
        (
            PathBuf::from(given),
            read_bounded(Path::new(given), RECORD_LIMITS.bytes as u64)?,
        )
    };
    let wrong = |error: sluice_policy::label::ClearanceError| {
        let remedy = r#"write {"PolicyIdentifier":{"name":"..."},"ClassificationList":["..."],"Category":[]}, a ConfidentialityClearance in XML, or a token with the claim aciClr"#;
        Mistake::of_file(&place, format!("is no clearance: {error}"), remedy)
    };
    let clearance = Clearance::read(text.as_bytes()).map_err(wrong)?;
    Ok(Some(clearance.to_json()))
}

/// Whether it is a token or claim, and no file of that name.
fn is_token(given: &str) -> bool {
    !Path::new(given).exists() && Clearance::read(given.as_bytes()).is_ok()
}

fn tell_import(config: &Config, peer: &Peer, file: &Path, json: bool) -> Exit {
    if json {
        print_json(
            &json!({ "ok": true, "zone": peer.zone(), "file": file, "open": peer.is_open() }),
        );
        return Exit::Done;
    }
    println!("{}", file.display());
    let state = if peer.is_open() {
        "open"
    } else {
        "closed until --send and --receive are given"
    };
    println!(
        "links {0}->{1} and {1}->{0}: {state}",
        config.zone,
        peer.zone()
    );
    println!(
        "tell a running gateway: sluice reload -c {}",
        config.origin.file.display()
    );
    Exit::Done
}

fn show(args: &ShowArgs) -> Result<Exit, Mistakes> {
    let (config, material) = open(&args.file)?;
    let peers = Peers::load(&config.state.peers, &Own::of(&config, &material))?;
    let wanted =
        |peer: &&std::sync::Arc<Peer>| args.zone.as_deref().is_none_or(|zone| zone == peer.zone());
    let found: Vec<_> = peers.iter().filter(wanted).collect();
    if args.json {
        let list: Vec<_> = found.iter().map(|peer| summary(peer)).collect();
        print_json(&json!({ "peers": list }));
    } else {
        found.iter().for_each(|peer| print_peer(peer));
    }
    Ok(if found.is_empty() && args.zone.is_some() {
        Exit::No
    } else {
        Exit::Done
    })
}

fn summary(peer: &Peer) -> Value {
    json!({
        "zone": peer.zone(),
        "gateway": peer.record.gateway,
        "address": peer.record.address,
        "key_sha256": peer.record.key_sha256,
        "server_names": peer.record.server_names,
        "signing_key": peer.record.signing_key,
        "send": peer.send,
        "receive": peer.receive,
        "open": peer.is_open(),
    })
}

fn print_peer(peer: &Peer) {
    let list = |clearance: &Option<Clearance>| match clearance {
        Some(clearance) => clearance.classifications.join(", "),
        None => "not given".to_owned(),
    };
    println!(
        "{} ({}) at {}",
        peer.zone(),
        peer.record.gateway,
        peer.record.address
    );
    println!("  speaks for   {}", peer.record.server_names.join(", "));
    println!("  certificate  sha256 {}", peer.record.key_sha256);
    println!(
        "  signing key  {} {}",
        peer.record.signing_key.id, peer.record.signing_key.key
    );
    println!("  send         {}", list(&peer.send));
    println!("  receive      {}", list(&peer.receive));
    println!(
        "  links        {}",
        if peer.is_open() { "open" } else { "closed" }
    );
}
