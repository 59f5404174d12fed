//! `sluice policy build`, `decide` and `explain`: a profile's sources become a signed bundle, and a bundle is asked about
//! events without a gateway.

mod build;
mod decide;
mod explain;
mod line;
pub mod profile;
mod tables;

use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use sluice_policy::{
    bundle::{Bundle, BundleVerifyKey},
    dlp::IndexKey,
};

use crate::config::secret::read_private;

/// Yes, or done.
const DONE: u8 = 0;
/// The answer is no.
const NO: u8 = 1;
/// Wrong usage or configuration.
const USAGE: u8 = 2;
/// It could not be done.
const COULD_NOT: u8 = 3;

/// The commands about policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check, test, compile and sign a profile.
    Build(BuildArgs),
    /// Ask a bundle about events, one JSON object a line.
    #[command(
        after_help = "Example: sluice policy decide --bundle bundle.tar.gz --link 'high->low' --json < events.jsonl"
    )]
    Decide(AskArgs),
    /// Ask a bundle about one event, and say every step of the decision.
    #[command(
        after_help = "Example: sluice policy explain --bundle bundle.tar.gz --link 'high->low' --json event.json"
    )]
    Explain(AskArgs),
}

/// Arguments of `sluice policy build`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: sluice policy build --profile rules/profiles/demo --key bundle.key --out bundle.tar.gz"
)]
pub struct BuildArgs {
    /// Folder of the profile, or the name of one under rules/profiles; `demo` is built in.
    #[arg(long, value_name = "DIR|NAME")]
    pub profile: String,
    /// Private key that signs, P-256 in PKCS#8 PEM.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Key of the profile's indexes, where it has any.
    #[arg(long, value_name = "FILE")]
    pub index_key: Option<PathBuf>,
    /// Where the bundle goes.
    #[arg(long, value_name = "FILE", default_value = "bundle.tar.gz")]
    pub out: PathBuf,
    /// Also write policy.wasm and data.json into this folder.
    #[arg(long, value_name = "DIR")]
    pub compiled: Option<PathBuf>,
    /// Answer as JSON: {"ok","bundle","out","errors"}.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sluice policy decide` and `sluice policy explain`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The bundle.
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// Public key of the bundle; without it keys/bundle.pub beside the bundle.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Key of the bundle's indexes, where it has any.
    #[arg(long, value_name = "FILE")]
    pub index_key: Option<PathBuf>,
    /// The link that the events cross.
    #[arg(long, value_name = "FROM->TO")]
    pub link: String,
    /// The instant that labels are judged at, RFC 3339; without it now.
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<String>,
    /// Judge as the gateway by which the events enter a zone; without it as the one by which they leave.
    #[arg(long)]
    pub inbound: bool,
    /// Answer as JSON lines: {"id","verdict","rule","label","findings","protocol"}; `explain` adds "steps".
    #[arg(long)]
    pub json: bool,
    /// The events, or for `explain` the one: {"id","room_version","event","room","targets"}; `-` is stdin.
    #[arg(value_name = "FILE", default_value = "-")]
    pub input: PathBuf,
}

/// Why a command ended without its answer: exit code and message.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(message: impl Display) -> Self {
        Self {
            code: USAGE,
            message: message.to_string(),
        }
    }

    fn could_not(path: &Path, error: &io::Error) -> Self {
        Self {
            code: COULD_NOT,
            message: format!("{}: {error}", path.display()),
        }
    }
}

/// Runs a command; gives the exit code.
#[must_use]
pub fn run(command: &PolicyCommand) -> u8 {
    let done = match command {
        PolicyCommand::Build(arguments) => build::run(arguments),
        PolicyCommand::Decide(arguments) => decide::run(arguments),
        PolicyCommand::Explain(arguments) => explain::run(arguments),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("sluice: {}", failure.message);
        failure.code
    })
}

/// Reads the key of indexes.
fn index_key(path: &Path) -> Result<IndexKey, Failure> {
    let text = read_private(path).map_err(Failure::usage)?;
    IndexKey::from_text(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Opens the bundle that is asked about, with a key file.
fn open_bundle(arguments: &AskArgs, key: &Path) -> Result<Bundle, Failure> {
    let bundle = arguments.bundle.as_path();
    let index_key = arguments.index_key.as_deref().map(index_key).transpose()?;
    let pem = std::fs::read_to_string(key).map_err(|error| Failure::could_not(key, &error))?;
    let key = BundleVerifyKey::from_pem(&pem)
        .map_err(|error| Failure::usage(format!("{}: {error}", key.display())))?;
    let archive = std::fs::read(bundle).map_err(|error| Failure::could_not(bundle, &error))?;
    Bundle::open_with(&archive, &key, index_key)
        .map_err(|error| Failure::usage(format!("{}: {error}", bundle.display())))
}
