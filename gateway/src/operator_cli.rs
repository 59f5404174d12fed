//! `sluice link` and `sluice room`: what an operator tells the running gateway about links and rooms, over the admin
//! socket.

use clap::{Args, Subcommand};

use crate::admin::{AdminAnswer, AdminRequest, LinkState, RoomState, ask};
use crate::cli::{ConfigFile, Exit, print_json, tell_failure};
use crate::label_cli::RoomLabelArgs;

/// The commands about links.
#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Tell which links are open, and who closed the others, when and why.
    List(ListArgs),
    /// Emergency stop: from now on nothing crosses to or from a peer; what is under way ends.
    Close(LinkArgs),
    /// Open it again; the homeservers then send what they kept.
    Open(LinkArgs),
}

/// The commands about rooms.
#[derive(Debug, Subcommand)]
pub enum RoomCommand {
    /// Print the state event that labels a room, and the homeserver call that sets it.
    Label(RoomLabelArgs),
    /// Tell which rooms are closed on which link, by which rule and since when.
    List(RoomListArgs),
    /// Close a room on a link; only `room open` opens it again.
    Close(RoomArgs),
    /// Open a closed room; the homeservers fetch what they missed.
    Open(RoomArgs),
}

/// Which gateway, and how it answers.
#[derive(Debug, Args)]
pub struct Running {
    #[command(flatten)]
    file: ConfigFile,
    /// Answer as JSON: {"ok","message","details"}, and "links" or "rooms".
    #[arg(long)]
    json: bool,
}

/// Arguments of `sluice link list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: sluice link list -c /etc/sluice/sluice.toml")]
pub struct ListArgs {
    #[command(flatten)]
    running: Running,
}

/// Arguments of `sluice link close` and `open`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: sluice link close low --reason 'incident 17' -c /etc/sluice/sluice.toml\n\n\
    A request carries data one way and its answer the other, so both links with a peer are set together,\n\
    whichever of the two is named."
)]
pub struct LinkArgs {
    /// The peer's zone, or a link with it such as 'high->low'.
    #[arg(value_name = "LINK|ZONE", required_unless_present = "all")]
    link: Option<String>,
    /// All peers.
    #[arg(long, conflicts_with = "link")]
    all: bool,
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    running: Running,
}

/// Arguments of `sluice room list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: sluice room list 'high->low' -c /etc/sluice/sluice.toml")]
pub struct RoomListArgs {
    /// Only this link, or both with this peer.
    #[arg(value_name = "LINK|ZONE")]
    link: Option<String>,
    #[command(flatten)]
    running: Running,
}

/// Arguments of `sluice room close` and `open`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: sluice room open '!id:high.example' low -c /etc/sluice/sluice.toml"
)]
pub struct RoomArgs {
    /// Room id.
    #[arg(value_name = "ROOM")]
    room_id: String,
    /// A link such as 'high->low', or a peer's zone for both.
    #[arg(value_name = "LINK|ZONE")]
    link: String,
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    running: Running,
}

/// Runs a command under `sluice link`.
#[must_use]
pub fn link(command: LinkCommand) -> Exit {
    let (args, open) = match command {
        LinkCommand::List(args) => return tell(&args.running, &AdminRequest::LinkList {}),
        LinkCommand::Close(args) => (args, false),
        LinkCommand::Open(args) => (args, true),
    };
    let LinkArgs { link, reason, .. } = args;
    tell(&args.running, &AdminRequest::LinkSet { link, open, reason })
}

/// Runs a command under `sluice room` that asks a running gateway; `label` does not.
#[must_use]
pub fn room(command: RoomCommand, label: impl FnOnce(&RoomLabelArgs) -> Exit) -> Exit {
    let (args, open) = match command {
        RoomCommand::Label(args) => return label(&args),
        RoomCommand::List(RoomListArgs { link, running }) => {
            return tell(&running, &AdminRequest::RoomList { link });
        }
        RoomCommand::Close(args) => (args, false),
        RoomCommand::Open(args) => (args, true),
    };
    let RoomArgs {
        room_id,
        link,
        reason,
        running,
    } = args;
    let request = AdminRequest::RoomSet {
        room_id,
        link,
        open,
        reason,
    };
    tell(&running, &request)
}

fn tell(running: &Running, request: &AdminRequest) -> Exit {
    let config = match running.file.load(running.json) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let answer = match ask(&config.state.admin, request) {
        Ok(answer) => answer,
        Err(error) => return tell_failure(&error.to_string(), running.json),
    };
    if running.json {
        print_json(&answer);
    } else if answer.ok {
        lines(&answer).iter().for_each(|line| println!("{line}"));
    } else {
        eprintln!("sluice: {}", answer.message);
        let details = answer.details.iter();
        details.for_each(|detail| eprintln!("  {detail}"));
    }
    if answer.ok { Exit::Done } else { Exit::No }
}

fn lines(answer: &AdminAnswer) -> Vec<String> {
    let links = answer.links.iter().flatten().map(link_line);
    let rooms = answer.rooms.iter().flatten().map(room_line);
    links.chain(rooms).chain([answer.message.clone()]).collect()
}

fn link_line(link: &LinkState) -> String {
    let word = if link.open { "open" } else { "closed" };
    let by = by(
        link.since.as_ref(),
        link.operator.as_ref(),
        link.reason.as_ref(),
    );
    format!("{} {word}{by}", link.link)
}

fn room_line(room: &RoomState) -> String {
    let by = by(
        room.since.as_ref(),
        room.operator.as_ref(),
        room.reason.as_ref(),
    );
    format!("{} {} {}{by}", room.link, room.room_id, room.rule)
}

/// ` since TIME by NAME: REASON`, as far as known; a reason's control characters are escaped.
fn by(since: Option<&String>, operator: Option<&String>, reason: Option<&String>) -> String {
    let part = |before: &str, text: Option<&String>| {
        text.map_or_else(String::new, |text| {
            format!("{before}{}", text.escape_debug())
        })
    };
    format!(
        "{}{}{}",
        part(" since ", since),
        part(" by ", operator),
        part(": ", reason)
    )
}
