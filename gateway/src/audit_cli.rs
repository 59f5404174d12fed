//! `sluice audit verify` and `sluice audit show`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::audit::AuditPublicKey;
use crate::audit::show::{Filter, show};
use crate::audit::verify::{Against, Report, verify};
use crate::journal::Journal;

/// Exit code: yes, done.
const YES: u8 = 0;
/// Exit code: the answer is no.
const NO: u8 = 1;
/// Exit code: wrong usage or configuration.
const USAGE: u8 = 2;
/// Exit code: it could not be done (I/O).
const FAILED: u8 = 3;

/// Looks into the audit log.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Checks chain, checkpoints and end of a log, and names the first bad line.
    #[command(
        after_help = "Example: sluice audit verify state/audit --key keys/audit.pub --head state/journal.db"
    )]
    Verify(VerifyArgs),
    /// Prints the lines of a log. It does not check them.
    #[command(
        after_help = "Example: sluice audit show state/audit --link 'high->low' --rule 'dlp.*'"
    )]
    Show(ShowArgs),
}

/// Arguments of `sluice audit verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Directory of the log (a copy of it will do).
    pub dir: PathBuf,
    /// Public audit key, one line `ed25519:ID BASE64`; again for each earlier key. Default: the configuration's.
    #[arg(long, value_name = "PUB")]
    pub key: Vec<PathBuf>,
    /// The journal whose head the log must contain.
    #[arg(long, value_name = "JOURNAL")]
    pub head: Option<PathBuf>,
    /// A gateway is writing the log, or was killed: a closing checkpoint is not demanded.
    #[arg(long)]
    pub live: bool,
    /// Configuration to take the key from.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print `{"ok","entries","first_bad"}`.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sluice audit show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// Directory of the log.
    pub dir: PathBuf,
    /// Only lines about this event id.
    #[arg(long, value_name = "ID")]
    pub event: Option<String>,
    /// Only lines about this link, `high->low`.
    #[arg(long, value_name = "FROM->TO")]
    pub link: Option<String>,
    /// Only lines with this rule; `dlp.*`: all rules that begin so.
    #[arg(long)]
    pub rule: Option<String>,
    /// Print the lines as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs `sluice audit`. `configured` is the audit key of the configuration, if one was given. Returns the exit code.
pub fn run(
    command: &AuditCommand,
    configured: Option<&AuditPublicKey>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    match command {
        AuditCommand::Verify(args) => run_verify(args, configured, out, err),
        AuditCommand::Show(args) => run_show(args, out, err),
    }
}

/// Runs `sluice audit verify`: 0 the log is whole, 1 it is not, 2 no usable key, 3 it cannot be read.
pub fn run_verify(
    args: &VerifyArgs,
    configured: Option<&AuditPublicKey>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let outcome = keys(&args.key, configured).and_then(|keys| {
        // The journal first: the log may grow in between, and then contains the head all the same.
        let head = args.head.as_deref().map(Journal::read_head).transpose();
        let head = head.map_err(|error| (FAILED, error.to_string()))?;
        verify(
            &args.dir,
            &Against {
                keys: &keys,
                head,
                live: args.live,
            },
        )
        .map_err(|error| {
            (
                FAILED,
                format!(
                    "{}: {error}; give the directory of the log",
                    args.dir.display()
                ),
            )
        })
    });
    match outcome {
        Err((code, error)) => {
            let _ = writeln!(err, "error: {error}");
            code
        }
        Ok(report) => match print(&report, args.json, out) {
            Ok(()) if report.ok => YES,
            Ok(()) => NO,
            Err(_) => FAILED,
        },
    }
}

/// Runs `sluice audit show`: 0 lines were shown, 1 none fits the filters, 3 the log cannot be read.
pub fn run_show(args: &ShowArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let filter = Filter {
        event: args.event.clone(),
        link: args.link.clone(),
        rule: args.rule.clone(),
    };
    match show(&args.dir, &filter, args.json, out) {
        Ok(shown) => {
            if shown.unreadable > 0 {
                let _ = writeln!(
                    err,
                    "warning: {} lines cannot be read; run `sluice audit verify`",
                    shown.unreadable
                );
            }
            if shown.lines == 0 && filter.is_set() {
                NO
            } else {
                YES
            }
        }
        // `sluice audit show ... | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => YES,
        Err(error) => {
            let _ = writeln!(
                err,
                "error: {}: {error}; give the directory of the log",
                args.dir.display()
            );
            FAILED
        }
    }
}

fn keys(
    files: &[PathBuf],
    configured: Option<&AuditPublicKey>,
) -> Result<Vec<AuditPublicKey>, (u8, String)> {
    if files.is_empty() {
        let none = "no audit key: give --key PUB, or -c sluice.toml (never a key from the log's own directory)";
        return configured
            .map(|key| vec![key.clone()])
            .ok_or_else(|| (USAGE, none.to_owned()));
    }
    files.iter().map(|file| read_key(file)).collect()
}

fn read_key(file: &Path) -> Result<AuditPublicKey, (u8, String)> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| (FAILED, format!("{}: {error}", file.display())))?;
    AuditPublicKey::parse(&text).map_err(|error| (USAGE, format!("{}: {error}", file.display())))
}

fn print(report: &Report, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let text = serde_json::to_string(report).map_err(io::Error::other)?;
        return writeln!(out, "{text}");
    }
    match &report.first_bad {
        None => writeln!(
            out,
            "ok: {} lines, head {}",
            report.entries, report.head.hash
        ),
        Some(fault) => writeln!(out, "not ok: {} good lines, then {fault}", report.entries),
    }
}
