//! `sluice check`: everything that `run` would read is read, and every mistake in it is told at once. Nothing is started,
//! nothing is asked over the network (that is `doctor`).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::Args;
use sluice_certs::{CertificateFacts, UnixTime};
use sluice_policy::bundle::{ARCHIVE_BYTES, Bundle};

use crate::cli::{ConfigFile, Exit, print_json, tell_mistakes};
use crate::config::{Config, Material, Mistake, Mistakes};
use crate::peers::{Own, Peer, Peers};
use crate::route;

/// Certificates that end within this many seconds are pointed out: 30 days.
pub const EXPIRY_NOTICE_SECONDS: u64 = 30 * 86_400;

/// Arguments of `sluice check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sluice check -c /etc/sluice/sluice.toml\n  sluice check --endpoints"
)]
pub struct CheckArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Answer as JSON: {"ok","zone","bundle","peers","notices"} or {"ok":false,"mistakes":[...]}.
    #[arg(long)]
    json: bool,
    /// Print the endpoint table instead: what each operation of the federation API is to this gateway. Needs no file.
    #[arg(long)]
    endpoints: bool,
}

/// What was read without a mistake.
#[derive(Debug)]
pub struct Checked {
    /// Our keys and certificates.
    pub material: Material,
    /// The policy.
    pub bundle: Bundle,
    /// The peers.
    pub peers: Peers,
    /// What will need attention, one sentence each.
    pub notices: Vec<String>,
}

/// Runs `sluice check`.
pub fn command(args: &CheckArgs) -> Exit {
    if args.endpoints {
        match args.json {
            true => print_json(&route::print::json()),
            false => print!("{}", route::print::markdown()),
        }
        return Exit::Done;
    }
    let config = match args.file.load(args.json) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match check(&config, UnixTime::now()) {
        Ok(checked) => tell(&config, &checked, args.json),
        Err(mistakes) => tell_mistakes(&mistakes, args.json),
    }
}

/// Reads everything that the configuration names.
pub fn check(config: &Config, now: UnixTime) -> Result<Checked, Mistakes> {
    // Whether a peer claims what is ours, and who must have signed the bundle, can only be said once our own files are
    // read. What is wrong with them is told together with what can be said without.
    let material = match Material::load(config, now) {
        Ok(material) => material,
        Err(mut mistakes) => {
            mistakes.0.extend(missing_bundle(config));
            return Err(mistakes);
        }
    };
    let mut mistakes = Vec::new();
    let bundle = keep(open_bundle(config, &material), &mut mistakes);
    let peers = keep(
        Peers::load(&config.state.peers, &Own::of(config, &material)),
        &mut mistakes,
    );
    let (Some(bundle), Some(peers)) = (bundle, peers) else {
        return Err(Mistakes(mistakes));
    };
    let notices = notices(config, &material, &bundle, &peers, now);
    Ok(Checked {
        material,
        bundle,
        peers,
        notices,
    })
}

fn missing_bundle(config: &Config) -> Option<Mistake> {
    let file = &config.state.bundle;
    let message = format!("{} is not there", file.display());
    let remedy = "build one with `sluice policy build`";
    (!file.is_file()).then(|| config.origin.mistake("state.bundle", message, remedy))
}

fn keep<T>(read: Result<T, Mistakes>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    read.map_err(|found| mistakes.extend(found.0)).ok()
}

/// Opens the bundle as `run` does: signature, every part, and a dry run of the policy.
pub fn open_bundle(config: &Config, material: &Material) -> Result<Bundle, Mistakes> {
    let file = &config.state.bundle;
    let wrong = |message: String| {
        let remedy = "build it anew with `sluice policy build`";
        let (message, remedy) = message.rsplit_once("; ").unwrap_or((&message, remedy));
        Mistakes::from(config.origin.mistake("state.bundle", message, remedy))
    };
    let archive = read_archive(file)
        .map_err(|error| wrong(format!("{} cannot be read: {error}", file.display())))?;
    Bundle::open_with(&archive, &material.bundle_key, material.index_key.clone())
        .map_err(|error| wrong(error.to_string()))
}

/// One byte more than a bundle may have is enough to know that it is too large.
fn read_archive(file: &Path) -> io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    File::open(file)?
        .take(ARCHIVE_BYTES as u64 + 1)
        .read_to_end(&mut archive)?;
    Ok(archive)
}

fn notices(
    config: &Config,
    material: &Material,
    bundle: &Bundle,
    peers: &Peers,
    now: UnixTime,
) -> Vec<String> {
    let mut notices = Vec::new();
    notices.extend(expiry("border.certificate", material.border.facts(), now));
    for peer in peers.iter() {
        notices.extend(peer_notices(config, bundle, peer, now));
    }
    if peers.iter().next().is_none() {
        notices.push("there is no peer yet: import a record with `sluice peer import`".to_owned());
    }
    notices.extend(config.danger.notices());
    notices
}

fn peer_notices(config: &Config, bundle: &Bundle, peer: &Peer, now: UnixTime) -> Vec<String> {
    let mut notices = Vec::new();
    if let Ok(ca) = CertificateFacts::of_der(peer.identity.ca()) {
        notices.extend(expiry(&format!("the CA of peer {}", peer.zone()), &ca, now));
    }
    if !peer.is_open() {
        let closed = format!(
            "the links with {} are closed: give both clearances to `sluice peer import`",
            peer.zone()
        );
        notices.push(closed);
    }
    let (ours, theirs) = (&config.zone, peer.zone());
    let links = [format!("{ours}->{theirs}"), format!("{theirs}->{ours}")];
    let lacking = links.iter().filter(|link| bundle.link(link).is_none());
    notices.extend(
        lacking.map(|link| format!("the bundle has no policy for {link}: nothing crosses on it")),
    );
    notices
}

fn expiry(what: &str, facts: &CertificateFacts, now: UnixTime) -> Option<String> {
    let left = facts.not_after.saturating_sub(now.as_secs());
    let days = left / 86_400;
    (left < EXPIRY_NOTICE_SECONDS)
        .then(|| format!("{what} is valid for {days} more days: renew it"))
}

fn tell(config: &Config, checked: &Checked, json: bool) -> Exit {
    let peers: Vec<_> = checked.peers.iter().map(|peer| peer.zone()).collect();
    if json {
        let answer = serde_json::json!({
            "ok": true, "zone": config.zone, "bundle": checked.bundle.id, "peers": peers, "notices": checked.notices,
        });
        print_json(&answer);
        return Exit::Done;
    }
    println!("{}: no mistakes", config.origin.file.display());
    checked
        .notices
        .iter()
        .for_each(|notice| println!("note: {notice}"));
    Exit::Done
}
