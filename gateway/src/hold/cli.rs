//! `sluice hold`: the reviewer's end of the admin socket. Content appears on stdout and nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::HoldAsk;
use crate::admin::{AdminAnswer, AdminRequest, ask};
use crate::audit::show::printable;
use crate::cli::{ConfigFile, Exit, print_json, tell_failure};

/// What waits for a person.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// What waits, oldest first.
    #[command(after_help = "Example: sluice hold list -c /etc/sluice/sluice.toml")]
    List(ListArgs),
    /// The content of one that waits. The look is audited.
    #[command(after_help = "Example: sluice hold show 0f3a5c7e9b1d2468 -c /etc/sluice/sluice.toml")]
    Show(ItemArgs),
    /// Let its sender send the same again, once.
    #[command(
        after_help = "Example: sluice hold release 0f3a5c7e9b1d2468 --reason 'test accounts'"
    )]
    Release(DecisionArgs),
    /// Destroy it.
    #[command(after_help = "Example: sluice hold reject 0f3a5c7e9b1d2468 --reason 'real accounts'")]
    Reject(DecisionArgs),
}

/// Arguments of `sluice hold list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Arguments of `sluice hold show`.
#[derive(Debug, Args)]
pub struct ItemArgs {
    /// The id, as `list` shows it.
    item: String,
    #[command(flatten)]
    file: ConfigFile,
    /// Answer as JSON: {"item":{...},"event":{...}}.
    #[arg(long)]
    json: bool,
}

/// Arguments of `sluice hold release` and `reject`.
#[derive(Debug, Args)]
pub struct DecisionArgs {
    /// The id, as `list` shows it.
    item: String,
    /// Why, for the audit log; no content.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// Answer as JSON: {"ok","message","details"}.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
#[must_use]
pub fn command(command: &HoldCommand) -> Exit {
    let done = match command {
        HoldCommand::List(args) => list(args),
        HoldCommand::Show(args) => show(args),
        HoldCommand::Release(args) => {
            decide(args, |item, reason| HoldAsk::Release { item, reason })
        }
        HoldCommand::Reject(args) => decide(args, |item, reason| HoldAsk::Reject { item, reason }),
    };
    done.unwrap_or_else(|exit| exit)
}

fn list(args: &ListArgs) -> Result<Exit, Exit> {
    let mut after = 0;
    loop {
        let answer = asked(&args.file, args.json, HoldAsk::List { after })?;
        let items: Vec<Value> = answer
            .details
            .iter()
            .filter_map(|item| serde_json::from_str(item).ok())
            .collect();
        let Some(last) = items.last() else {
            return Ok(Exit::Done);
        };
        // A page without a number that goes on would never end.
        let next = last["number"].as_i64().filter(|next| *next > after);
        for item in &items {
            if args.json {
                print_json(item);
            } else {
                println!("{}", line(item));
            }
        }
        let Some(next) = next else {
            return Ok(Exit::Done);
        };
        after = next;
    }
}

fn show(args: &ItemArgs) -> Result<Exit, Exit> {
    let item = args.item.clone();
    let answer = asked(&args.file, args.json, HoldAsk::Show { item })?;
    let unreadable = || {
        tell_failure(
            "the gateway's answer cannot be read; use its own `sluice`",
            args.json,
        )
    };
    let [item, event] = answer.details.as_slice() else {
        return Err(unreadable());
    };
    let item: Value = serde_json::from_str(item).map_err(|_| unreadable())?;
    let event = STANDARD.decode(event).map_err(|_| unreadable())?;
    let event: Value = serde_json::from_slice(&event).map_err(|_| unreadable())?;
    if args.json {
        print_json(&json!({ "item": item, "event": event }));
        return Ok(Exit::Done);
    }
    println!("{}", line(&item));
    println!(
        "type: {}",
        printable(event["type"].as_str().unwrap_or_default())
    );
    for (key, value) in event["content"].as_object().into_iter().flatten() {
        println!("{}: {}", printable(key), readable(value));
    }
    Ok(Exit::Done)
}

fn decide(
    args: &DecisionArgs,
    ask: impl Fn(String, Option<String>) -> HoldAsk,
) -> Result<Exit, Exit> {
    let answer = asked(
        &args.file,
        args.json,
        ask(args.item.clone(), args.reason.clone()),
    )?;
    if args.json {
        print_json(&answer);
    } else {
        println!("{}", printable_line(&answer.message));
    }
    Ok(Exit::Done)
}

/// The gateway's answer, or how to exit where it says no.
fn asked(file: &ConfigFile, json: bool, what: HoldAsk) -> Result<AdminAnswer, Exit> {
    let config = file.load(json)?;
    let answer = ask(&config.state.admin, &AdminRequest::Hold { ask: what })
        .map_err(|error| tell_failure(&error.to_string(), json))?;
    if answer.ok {
        return Ok(answer);
    }
    if json {
        print_json(&answer);
    }
    eprintln!("sluice: {}", printable_line(&answer.message));
    Err(Exit::No)
}

fn line(item: &Value) -> String {
    let text = |key: &str| printable(item[key].as_str().unwrap_or("-"));
    let detectors: Vec<&str> = item["detectors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    format!(
        "{} since {} until {} {} {} {} {} rule={} found={} released_by={}",
        text("item"),
        moment(&item["since"]),
        moment(&item["until"]),
        text("link"),
        text("room_id"),
        text("sender"),
        text("event_id"),
        text("rule"),
        printable(&detectors.join(",")),
        item["approved"]
    )
}

fn moment(ms: &Value) -> String {
    let seconds = ms.as_i64().unwrap_or_default() / 1000;
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    moment
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| "-".to_owned())
}

/// Lines stay lines; whatever else could move a cursor or turn the direction of writing is escaped.
fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text
            .lines()
            .map(printable_line)
            .collect::<Vec<_>>()
            .join("\n  "),
        other => printable_line(&other.to_string()),
    }
}

fn printable_line(text: &str) -> String {
    text.split(' ').map(printable).collect::<Vec<_>>().join(" ")
}
