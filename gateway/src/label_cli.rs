//! `sluice label …` and `sluice room label`: policies, labels and clearances in files, without a gateway.
//!
//! Every well-formed "no" is exit code 1 with its answer on stdout. A security policy that does not load is a mistake of
//! the configuration (2), and whatever is wrong in a label or clearance is a denial, never a grant.

mod combine;
mod convert;
mod decide;
mod files;
mod lint;
mod room;
mod sentences;
mod translate;
mod validate;

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use sluice_policy::label::{Mode, SpifOptions};

use crate::cli::Exit;

/// The commands about security policies, labels and clearances.
#[derive(Clone, Debug, Subcommand)]
pub enum LabelCommand {
    /// Check security policies (SPIF), several of them together.
    Lint(LintArgs),
    /// Check a label: its form, and whether it is one under its policy.
    Validate(ValidateArgs),
    /// Ask whether a label may pass under a clearance.
    Decide(DecideArgs),
    /// Combine labels into the one of all that they label.
    Combine(CombineArgs),
    /// Say a label in the words of another policy.
    Translate(TranslateArgs),
    /// Write a label or clearance as XML or as JSON.
    Convert(ConvertArgs),
}

/// How policies are read.
#[derive(Args, Clone, Debug)]
pub struct Compat {
    /// Read policies that are refused otherwise: schemaVersion 3.0; a reference without lacv, as the whole set; groups
    /// that stand for their members. May be repeated.
    #[arg(long = "compat", value_name = "SWITCH", value_parser = SpifOptions::NAMES)]
    pub switches: Vec<String>,
}

/// Arguments of `sluice label lint`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: sluice label lint rules/spif/*.xml")]
pub struct LintArgs {
    /// The policies; - is stdin.
    #[arg(required = true, value_name = "SPIF")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    /// What the reading of policies forgives.
    pub compat: Compat,
    /// The instant that is taken for now, RFC 3339; without it, whether a period is over is not asked.
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<String>,
    /// Answer as JSON: {"ok","errors":[{"code","line","message","file"}],"warnings":[...]}.
    #[arg(long)]
    pub json: bool,
}

/// Which policies a command knows, and what time it is.
#[derive(Args, Clone, Debug)]
pub struct Policies {
    /// A security policy; again for each further one.
    #[arg(long, value_name = "SPIF", required = true)]
    pub spif: Vec<PathBuf>,
    #[command(flatten)]
    /// What the reading of policies forgives.
    pub compat: Compat,
    /// The instant that is taken for now, RFC 3339.
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<String>,
    /// Forgive what circulates: missing dates, URL for URI, another order of elements.
    #[arg(long)]
    pub lenient: bool,
    /// Answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sluice label validate`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: sluice label validate --spif rules/spif/de-sample.xml label.xml\nJSON: {\"valid\",\"errors\":[{\"code\",\"message\"}],\"warnings\":[...]}"
)]
pub struct ValidateArgs {
    #[command(flatten)]
    /// Policies, clock, and how to answer.
    pub policies: Policies,
    /// The label, XML or JSON; - is stdin.
    #[arg(value_name = "LABEL")]
    pub label: PathBuf,
}

/// Arguments of `sluice label decide`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: sluice label decide --spif rules/spif/de-sample.xml --label label.xml --clearance clearance.json\nJSON: {\"decision\":\"grant|deny\",\"rule\",\"reason\",\"label\",\"clearance\",\"policy\"}; label, clearance: SHA-256"
)]
pub struct DecideArgs {
    #[command(flatten)]
    /// Policies, clock, and how to answer.
    pub policies: Policies,
    /// The label, XML or JSON; - is stdin.
    #[arg(long, value_name = "LABEL")]
    pub label: PathBuf,
    /// The clearance: XML, JSON, or a token or claim `aciClr`, whose signature is not checked; - is stdin.
    #[arg(long, value_name = "CLEARANCE")]
    pub clearance: PathBuf,
}

/// Arguments of `sluice label combine`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: sluice label combine --spif rules/spif/de-sample.xml part1.json part2.xml\nJSON: {\"label\",\"wider_than_parts\"} or {\"undecided\"}"
)]
pub struct CombineArgs {
    #[command(flatten)]
    /// Policies, clock, and how to answer.
    pub policies: Policies,
    /// The labels of the parts, XML or JSON; - is stdin.
    #[arg(required = true, value_name = "LABEL")]
    pub labels: Vec<PathBuf>,
}

/// Arguments of `sluice label translate`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: sluice label translate --spif de.xml --spif nato.xml --to NATO --use encrypt label.json\nJSON: {\"label\"} or {\"error\":{\"code\",\"message\"}}"
)]
pub struct TranslateArgs {
    #[command(flatten)]
    /// Policies, clock, and how to answer.
    pub policies: Policies,
    /// Name or dotted object identifier of the policy to translate to.
    #[arg(long, value_name = "NAME|OID")]
    pub to: String,
    /// Whose equivalences count: encrypt, the label's own policy (outbound); decrypt, the target's in reverse (inbound).
    #[arg(long = "use", value_name = "USE")]
    pub usage: Use,
    /// The label, XML or JSON; - is stdin.
    #[arg(value_name = "LABEL")]
    pub label: PathBuf,
}

/// Which side of a border a translation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Use {
    /// Outbound: what the label's own policy says.
    Encrypt,
    /// Inbound: what the target policy says, in reverse.
    Decrypt,
}

/// Arguments of `sluice label convert`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: sluice label convert --to json label.xml > label.json")]
pub struct ConvertArgs {
    /// What to write.
    #[arg(long, value_name = "FORM")]
    pub to: Form,
    /// One line of JSON; XML as {"xml"}.
    #[arg(long)]
    pub json: bool,
    /// A label or a clearance, in any form; - is stdin.
    #[arg(value_name = "LABEL_OR_CLEARANCE")]
    pub input: PathBuf,
}

/// A form of labels and clearances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// ADatP-4774.
    Xml,
    /// As in events and peer records.
    Json,
}

/// Arguments of `sluice room label`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: sluice room label --room '!id:high.example' --label label.json --clearance clearance.json \\\n  --may-lower @alice:high.example --spif rules/spif/de-sample.xml --homeserver https://matrix.high.example"
)]
pub struct RoomLabelArgs {
    /// The room's id.
    #[arg(long, value_name = "ROOM_ID")]
    pub room: String,
    /// The label of events that have none of their own, XML or JSON; - is stdin.
    #[arg(long, value_name = "LABEL")]
    pub label: PathBuf,
    /// What may be said in the room; without it a label that an event carries may not be above the room's, a typed
    /// marking may.
    #[arg(long, value_name = "CLEARANCE")]
    pub clearance: Option<PathBuf>,
    /// A user who may label an event lower than the one it relates to; again for each further one.
    #[arg(long, value_name = "USER_ID")]
    pub may_lower: Vec<String>,
    /// A security policy to check label and clearance against first; again for each further one.
    #[arg(long, value_name = "SPIF")]
    pub spif: Vec<PathBuf>,
    #[command(flatten)]
    /// What the reading of policies forgives.
    pub compat: Compat,
    /// The instant that is taken for now, RFC 3339.
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<String>,
    /// Base URL of the homeserver's client API, for the printed call.
    #[arg(long, value_name = "URL", default_value = "https://HOMESERVER")]
    pub homeserver: String,
    /// Answer as JSON: {"type","state_key","content","request":{"method","path","body"}}.
    #[arg(long)]
    pub json: bool,
}

/// Where a command reads and writes; the process's own, or a test's.
pub struct Streams<'a> {
    /// What `-` reads.
    pub input: &'a mut dyn Read,
    /// The answer.
    pub out: &'a mut dyn Write,
    /// Mistakes and notes.
    pub err: &'a mut dyn Write,
}

/// Why a command ended without an answer.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Failure {
        Failure {
            exit: Exit::Usage,
            message: message.into(),
        }
    }

    fn could_not(message: impl Into<String>) -> Failure {
        Failure {
            exit: Exit::CouldNot,
            message: message.into(),
        }
    }
}

/// Runs a command under `sluice label`.
pub fn run(command: &LabelCommand, streams: &mut Streams<'_>) -> Exit {
    let (done, json) = match command {
        LabelCommand::Lint(args) => (lint::run(args, streams), args.json),
        LabelCommand::Validate(args) => (validate::run(args, streams), args.policies.json),
        LabelCommand::Decide(args) => (decide::run(args, streams), args.policies.json),
        LabelCommand::Combine(args) => (combine::run(args, streams), args.policies.json),
        LabelCommand::Translate(args) => (translate::run(args, streams), args.policies.json),
        LabelCommand::Convert(args) => (convert::run(args, streams), args.json),
    };
    ended(done, json, streams)
}

/// Runs `sluice room label`.
pub fn room_label(args: &RoomLabelArgs, streams: &mut Streams<'_>) -> Exit {
    let done = room::run(args, streams);
    ended(done, args.json, streams)
}

fn ended(done: Result<Exit, Failure>, json: bool, streams: &mut Streams<'_>) -> Exit {
    match done {
        Ok(exit) => exit,
        Err(failure) => {
            if json {
                let answer = json!({ "ok": false, "error": failure.message });
                // The exit code says it too, should nobody read this.
                let _ = writeln!(streams.out, "{answer}");
            }
            let _ = writeln!(streams.err, "sluice: {}", failure.message);
            failure.exit
        }
    }
}

/// How labels are read by commands that decide something: as the gateway reads them, or leniently if so asked.
fn carried(lenient: bool) -> Mode {
    if lenient {
        Mode::Lenient
    } else {
        Mode::Carried
    }
}

impl Streams<'_> {
    /// Answers in JSON, or in sentences.
    fn answer(&mut self, json: bool, value: &Value, sentences: &str) -> Result<(), Failure> {
        let written = if json {
            writeln!(self.out, "{value}")
        } else {
            writeln!(self.out, "{}", sentences.trim_end())
        };
        written.map_err(|error| Failure::could_not(format!("stdout: {error}")))
    }

    /// Tells something beside the answer.
    fn note(&mut self, text: &str) {
        // A note that nobody can read is no reason to withhold the answer.
        let _ = writeln!(self.err, "sluice: {text}");
    }
}

#[cfg(test)]
mod tests;
