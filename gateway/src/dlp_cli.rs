//! `sluice dlp …`: what detectors see in texts and events, whether they do as their examples say, and rules that were
//! written for another tool. All without a gateway.
//!
//! Invariant: no command shows a value that was found, only where it stands and what found it.

mod files;
mod import;
mod index;
mod lines;
mod scan;
mod test;

use std::{
    io::{BufRead, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sluice_policy::dlp::DEFAULT_SIZE_LIMIT;

use crate::cli::Exit;

/// The commands about detectors.
#[derive(Clone, Debug, Subcommand)]
pub enum DlpCommand {
    /// Look for what detectors find in texts and events, one JSON object a line.
    Scan(ScanArgs),
    /// Hold every detector against its own examples.
    Test(TestArgs),
    /// Turn rules in the gitleaks format into detectors.
    Import(ImportArgs),
    /// Make an index of a table or of documents, for detectors that look for exactly these.
    Index(index::IndexArgs),
}

/// Which detectors, and the security policies that their markings name.
#[derive(Args, Clone, Debug)]
pub struct Rules {
    /// Detectors: a file, or a folder of *.toml; again for each further one. Without it the shipped packs.
    #[arg(long = "rules", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A security policy that markings name, beside the built-in samples; again for each further one.
    #[arg(long, value_name = "SPIF")]
    pub spif: Vec<PathBuf>,
    /// What a compiled pattern may take.
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = size)]
    pub size_limit: usize,
    /// An index that detectors name, made by `sluice dlp index`; again for each further one.
    #[arg(long = "index", value_name = "FILE", requires = "index_key")]
    pub indexes: Vec<PathBuf>,
    /// The key of the indexes.
    #[arg(long, value_name = "KEY", requires = "indexes")]
    pub index_key: Option<PathBuf>,
}

/// Arguments of `sluice dlp scan`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: echo '{\"id\":1,\"text\":\"Meine Steuer-ID ist 86095742719\"}' | sluice dlp scan --json"
)]
pub struct ScanArgs {
    #[command(flatten)]
    /// The detectors.
    pub rules: Rules,
    /// Read lines of one sender in one room together, as a gateway does; texts are of one sender in one room.
    #[arg(long)]
    pub window: bool,
    /// Answer as JSON lines: {"id","findings":[{"detector","strength","field","start","end","view"}]}.
    #[arg(long)]
    pub json: bool,
    /// Lines {"id","text"} or {"id","event"}; - is stdin.
    #[arg(value_name = "FILE", default_value = "-")]
    pub input: PathBuf,
}

/// Arguments of `sluice dlp test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: sluice dlp test --rules rules/dlp")]
pub struct TestArgs {
    #[command(flatten)]
    /// The detectors.
    pub rules: Rules,
    /// Answer as JSON: {"ok","passed","failed","failures":[...],"untested":[...]}.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sluice dlp import`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: sluice dlp import gitleaks.toml > rules/dlp/own.toml")]
pub struct ImportArgs {
    /// The rules; - is stdin.
    #[arg(value_name = "GITLEAKS_TOML")]
    pub input: PathBuf,
    /// What a compiled pattern may take; a rule over it is refused.
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = size)]
    pub size_limit: usize,
    /// Answer as JSON: {"toml","kept":[...],"refused":[{"id","reason"}],"notes":[{"id","reason"}]}.
    #[arg(long)]
    pub json: bool,
}

/// Where a command reads and writes; the process's own, or a test's.
pub struct Streams<'a> {
    /// What `-` reads.
    pub input: &'a mut dyn BufRead,
    /// The answer.
    pub out: &'a mut dyn Write,
    /// Mistakes and notes.
    pub err: &'a mut dyn Write,
}

/// Why a command ended without an answer.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    /// Every mistake, a line each.
    messages: Vec<String>,
}

/// Runs a command.
pub fn run(command: &DlpCommand, streams: &mut Streams<'_>) -> Exit {
    let (done, json) = match command {
        DlpCommand::Scan(args) => (scan::run(args, streams), args.json),
        DlpCommand::Index(args) => {
            return index::run(args, streams.input, streams.out, streams.err);
        }
        DlpCommand::Test(args) => (test::run(args, streams), args.json),
        DlpCommand::Import(args) => (import::run(args, streams), args.json),
    };
    match done {
        Ok(exit) => exit,
        Err(failure) => failure.tell(json, streams),
    }
}

impl Failure {
    fn usage(messages: Vec<String>) -> Failure {
        Failure {
            exit: Exit::Usage,
            messages,
        }
    }

    fn could_not(message: String) -> Failure {
        Failure {
            exit: Exit::CouldNot,
            messages: vec![message],
        }
    }

    fn tell(self, json: bool, streams: &mut Streams<'_>) -> Exit {
        // Should nobody read this, the exit code says it too.
        if json {
            let answer =
                json!({"ok": false, "error": self.messages.join("\n"), "errors": self.messages});
            let _ = writeln!(streams.out, "{answer}");
        }
        for message in &self.messages {
            let _ = writeln!(streams.err, "sluice: {message}");
        }
        self.exit
    }
}

impl Streams<'_> {
    /// One line of the answer: JSON, or a sentence.
    fn say(&mut self, json: bool, value: &Value, sentence: &str) -> Result<(), Failure> {
        let written = match (json, sentence.is_empty()) {
            (true, _) => writeln!(self.out, "{value}"),
            (false, true) => Ok(()),
            (false, false) => writeln!(self.out, "{sentence}"),
        };
        written.map_err(|error| Failure::could_not(format!("stdout: {error}")))
    }
}

/// `10485760`, `64KiB`, `64 MiB`, `1GiB`.
fn size(text: &str) -> Result<usize, String> {
    let wrong = || "write a number of bytes, such as 64MiB".to_owned();
    let text = text.trim();
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1));
    let number: usize = number.trim_end().parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(wrong)
}

/// The default of `--size-limit` in [`Rules`] and [`ImportArgs`] is the engine's own.
const _: () = assert!(DEFAULT_SIZE_LIMIT == 10 << 20);

#[cfg(test)]
mod tests;
