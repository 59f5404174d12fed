//! `sluice init`: a whole gateway in an empty folder, without a question and without editing.
//!
//! ```text
//! arguments ─ plan ─▶ Plan (ports chosen, configuration text) ─ keys, bundle ─▶ files ─ commit ─▶ paths printed
//! ```
//!
//! The configuration is written as text and then read by the same code that `run` uses, before anything touches the
//! disk. If a step fails, what was written is removed again.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sluice_certs::UnixTime;

use crate::cli::{Exit, print_json, tell_failure, tell_mistakes, tell_misuse};
use crate::config::Mistakes;

mod bundle;
mod files;
mod fragment;
mod keys;
mod plan;

use files::Files;
use plan::Plan;

/// Arguments of `sluice init`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLE)]
pub struct InitArgs {
    /// The folder to make; it must not exist, or be empty.
    pub dir: PathBuf,
    /// The zone's name.
    #[arg(long)]
    pub zone: String,
    /// A homeserver of the zone and its federation listener: NAME=http://IP:PORT or NAME=unix:PATH. May be repeated.
    #[arg(long, required = true, value_name = "NAME=ADDRESS")]
    pub homeserver: Vec<String>,
    /// How the homeserver reaches the gateway.
    #[arg(long)]
    pub way: WayIn,
    /// Where to listen for peers, IP:PORT; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT")]
    pub listen_border: String,
    /// Where to listen for the homeserver, IP:PORT or, for the hook, unix:PATH; relative paths are relative to DIR.
    #[arg(long, value_name = "ADDRESS")]
    pub listen_inside: String,
    /// Where to serve health and metrics, IP:PORT.
    #[arg(long, value_name = "IP:PORT")]
    pub listen_operations: Option<String>,
    /// What peers dial, HOST:PORT. Default: the address of --listen-border.
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// The gateway's name in its certificate. Default: gw. and the first homeserver's name.
    #[arg(long, value_name = "NAME")]
    pub gateway: Option<String>,
    /// The zone's own clearance, XML or JSON: what it may originate and receive, on every link. It is copied.
    #[arg(long, value_name = "FILE")]
    pub clearance: Option<PathBuf>,
    /// Answer as JSON: {"ok","config","fragments","written"}.
    #[arg(long)]
    pub json: bool,
}

/// How the homeserver reaches the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WayIn {
    /// Synapse's hook for border gateways.
    Hook,
    /// An HTTP CONNECT proxy, for any homeserver.
    Connect,
}

/// What `init` has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The configuration file.
    pub config: PathBuf,
    /// The pieces of homeserver.yaml, one a homeserver.
    pub fragments: Vec<PathBuf>,
    /// Every path written, folders included, in the order of writing.
    pub written: Vec<PathBuf>,
}

/// Why `init` made nothing.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// An argument cannot be used.
    #[error("{0}")]
    Argument(String),
    /// The configuration that would be written has mistakes, which are mistakes in the arguments.
    #[error("the arguments do not make a configuration:\n{0}")]
    Mistakes(#[from] Mistakes),
    /// Something is already there.
    #[error("{0} is not empty; give a folder that does not exist yet")]
    NotEmpty(PathBuf),
    /// Keys or certificates could not be made.
    #[error("{0}")]
    Keys(String),
    /// The disk refused.
    #[error("{path} cannot be written: {error}; correct the permissions or make room")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

const EXAMPLE: &str = "Example:
  sluice init /etc/sluice --zone high --homeserver high.test=unix:/run/synapse/federation.sock \\
    --way hook --listen-border 0.0.0.0:8443 --address gw.high.test:8443 --listen-inside unix:hook.sock";

/// Runs `sluice init`.
pub fn command(args: &InitArgs) -> Exit {
    match init(args, UnixTime::now()) {
        Ok(made) => tell(&made, args.json),
        Err(InitError::Mistakes(mistakes)) => tell_mistakes(&mistakes, args.json),
        Err(error @ (InitError::Argument(_) | InitError::NotEmpty(_))) => {
            tell_misuse(&error.to_string(), args.json)
        }
        Err(error) => tell_failure(&error.to_string(), args.json),
    }
}

/// Makes the gateway's folder.
pub fn init(args: &InitArgs, now: UnixTime) -> Result<Made, InitError> {
    let plan = Plan::of(args)?;
    let keys = keys::Keys::generate(&plan.config, now)?;
    let mut files = Files::start(&plan.dir)?;
    for folder in ["keys", "peers", "state", "state/audit"] {
        files.folder(folder)?;
    }
    keys.write(&mut files)?;
    files.bytes("bundle.tar.gz", &bundle::shipped(&keys.bundle_key_pem)?)?;
    if let Some(clearance) = &plan.clearance {
        files.public(plan::CLEARANCE_FILE, clearance)?;
    }
    files.public("sluice.toml", &plan.text)?;
    let fragments = write_fragments(&plan, &keys, &mut files)?;
    Ok(Made {
        config: plan.dir.join("sluice.toml"),
        fragments,
        written: files.commit(),
    })
}

fn write_fragments(
    plan: &Plan,
    keys: &keys::Keys,
    files: &mut Files,
) -> Result<Vec<PathBuf>, InitError> {
    let only = plan.config.homeservers.len() == 1;
    let mut written = Vec::new();
    for homeserver in &plan.config.homeservers {
        let name = if only {
            "homeserver-fragment.yaml".to_owned()
        } else {
            format!(
                "homeserver-fragment-{}.yaml",
                homeserver.name.replace(':', "_")
            )
        };
        let text = fragment::fragment(&plan.config, homeserver, &keys.inside_secret);
        // For way connect it holds the proxy's password.
        written.push(files.secret(&name, &text)?);
    }
    Ok(written)
}

fn tell(made: &Made, json: bool) -> Exit {
    if json {
        print_json(&serde_json::json!({
            "ok": true, "config": made.config, "fragments": made.fragments, "written": made.written,
        }));
        return Exit::Done;
    }
    made.written
        .iter()
        .for_each(|path| println!("{}", path.display()));
    for fragment in &made.fragments {
        println!(
            "\n# put this into homeserver.yaml; the same text is in {}",
            fragment.display()
        );
        match std::fs::read_to_string(fragment) {
            Ok(text) => print!("{text}"),
            Err(error) => return tell_failure(&format!("{}: {error}", fragment.display()), json),
        }
    }
    let config = made.config.display();
    println!("\nnext: sluice check -c {config} && sluice peer export -c {config}");
    Exit::Done
}

/// The absolute form of a path, for files that another program reads.
fn absolute(path: &Path) -> Result<PathBuf, InitError> {
    std::path::absolute(path)
        .map_err(|error| InitError::Argument(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests;
