//! `figures [--seconds N] [--out DIR]`: measures the relay beside a proxy that does nothing. See `docs/performance.md`.
#![allow(
    clippy::panic,
    reason = "a benchmark that cannot set up its world has to stop, loudly"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sluice_tests::figures::plan::{self, Options};
use sluice_tests::figures::{must, report};

const USAGE: &str = "Usage: figures [--seconds N] [--out DIR]
  --seconds N   time on the clock of each run (default 5)
  --out DIR     where the gateways live and raw output stays; on a real disk (default target/figures)
Example: cargo build --release -p sluice && cargo run --release -p sluice-tests --bin figures -- --seconds 5";

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("{mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures mean nothing. Use --release.");
    }
    let figures = plan::all(&options, &|line| eprintln!("{line}"));
    let file = options.out.join("figures.json");
    let text = format!("{:#}\n", report::json(&figures));
    must(&file.display().to_string(), std::fs::write(&file, text));
    let table = report::markdown(&figures);
    let file = options.out.join("figures.md");
    must(&file.display().to_string(), std::fs::write(&file, &table));
    println!("{table}\nRaw output: {}", options.out.display());
    ExitCode::SUCCESS
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        time: Duration::from_secs(5),
        out: PathBuf::from("target/figures"),
        connections: vec![1, 8, 32],
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--seconds" => options.time = Duration::from_secs(seconds(&value()?)?),
            "--out" => options.out = PathBuf::from(value()?),
            _ => return Err(format!("{arg} is not known")),
        }
    }
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    options.out = here.join(options.out);
    Ok(options)
}

fn seconds(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| format!("--seconds {text}: give a number from 1 on"))
}
