//! `sluice demo`: two zones around real homeservers on this machine, joined by two gateways, with real messages judged.
//!
//! ```text
//! cache ── synapse ─┐
//!                   zone (homeserver + `sluice run`) ── world (two zones, users) ── scenes ── show ── prompt
//! process ──────────┘                                     client, pull, trail ────────┘
//! ```
//!
//! The end-to-end tests use the same pieces, so what the demo shows is what the tests hold.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

pub mod cache;
pub mod client;
pub mod error;
pub mod process;
mod prompt;
pub mod pull;
pub mod scenes;
mod show;
pub mod synapse;
pub mod trail;
pub mod world;
pub mod zone;

use error::DemoError;
use scenes::{Outcome, SCENES};
use world::{World, WorldOptions};
use zone::Way;

/// Arguments of `sluice demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: sluice demo --once")]
pub struct DemoArgs {
    /// Play the scenes and exit.
    #[arg(long)]
    pub once: bool,
    /// Print one JSON object: {"scenes":[{"name","expect","saw","ok"}],"audit_ok","seconds"}. Implies --once.
    #[arg(long)]
    pub json: bool,
    /// Work in this folder (new or empty) and leave it behind, with all logs and databases.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Runs the demo. Returns the exit code: 0 all scenes as expected, 1 not all, 2 wrong usage, 3 it could not be set up.
#[must_use]
pub fn command(args: &DemoArgs) -> u8 {
    end_on_signal();
    match run(args) {
        Ok(true) => ALL_AS_EXPECTED,
        Ok(false) => NOT_AS_EXPECTED,
        Err(error) => {
            eprintln!("sluice demo: {error}");
            COULD_NOT
        }
    }
}

fn run(args: &DemoArgs) -> Result<bool, DemoError> {
    let progress = |line: &str| eprintln!("{line}");
    let start = Instant::now();
    let python = cache::synapse_python(&progress)?;
    let binary = std::env::current_exe().map_err(|source| DemoError::Io {
        what: "cannot find the own binary".to_owned(),
        source,
    })?;
    let options = WorldOptions {
        binary: &binary,
        python: &python,
        high: Way::Hook,
        low: Way::Connect,
        high_clearance: None,
        keep: args.keep.as_deref(),
    };
    let mut world = World::build(&options, &progress)?;
    let outcomes = play_all(&world, args.json);
    let ok = outcomes.iter().all(|outcome| outcome.ok);
    if args.json {
        println!("{}", show::summary(&outcomes, start.elapsed()));
    } else {
        show::close(&outcomes, start.elapsed());
    }
    if !args.once && !args.json {
        show::invitation(&world);
        prompt::talk(&world)?;
    }
    world.stop()?;
    Ok(ok)
}

/// Plays every scene in every room version it names; prints each as it ends, unless a machine listens.
fn play_all(world: &World, quiet: bool) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for scene in SCENES {
        // The demo shows each scene once, in the newest room version; the tests play all versions.
        let version = scene.versions.last().copied().unwrap_or("12");
        let outcome = scenes::play(scene, world, version);
        if !quiet {
            show::line(&outcome);
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// Ctrl-C, SIGTERM and a closed terminal stop every child in order, remove the temporary folder, and end us.
fn end_on_signal() {
    let watch = async {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return;
        };
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
        eprintln!("\nstopping homeservers and gateways");
        process::stop_everything();
        std::process::exit(INTERRUPTED);
    };
    std::thread::spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            runtime.block_on(watch);
        }
    });
}

const ALL_AS_EXPECTED: u8 = 0;
const NOT_AS_EXPECTED: u8 = 1;
const COULD_NOT: u8 = 3;
/// What a shell reports for a program ended by SIGINT.
const INTERRUPTED: i32 = 130;
