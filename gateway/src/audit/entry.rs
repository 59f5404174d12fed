//! Every line of the audit log: the closed set of entries.
//!
//! A line is one JSON object, `{"seq":N,"time":"2026-01-31T12:00:00.000Z","prev":"hex","kind":"event",...}`: its number
//! (from 1, without a gap), the gateway's clock, the SHA-256 of the bytes of the line before it (without its newline;
//! 64 zeros for the first line), then the entry's own fields.
//!
//! An entry holds ids, names from closed sets and counts. It has no field for content, a token, a key or a signature of
//! an event, and each field is bounded by its type ([`Text`], [`LabelValue`], [`Entry::bound`]).

use serde::{Deserialize, Serialize};

pub use sluice_policy::verdict::Verdict;

pub use super::text::{LabelValue, Text};

mod judged;
mod life;
mod request;
mod room;

pub use judged::{
    EduEntry, EncryptionMode, EventEntry, FindingSummary, LabelSource, LabelSummary, SpifSummary,
};
pub use life::{
    AlarmEntry, CheckpointEntry, Closing, LinkEntry, RecoveryCause, RecoveryEntry, ReloadEntry,
    StartEntry, StopEntry, StrangersEntry,
};
pub use request::{AnswerEntry, Counts, Face, RefusedEntry, RequestEntry};
pub use room::{ClosedEntry, LabelEntry, RoomEntry, WaterEntry};

use judged::cut;

/// One line of the log: where it stands in the chain, and what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Number of the line, from 1 and without a gap over all segments.
    pub seq: u64,
    /// When it was written, RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// SHA-256 (hex) of the bytes of the line before, without its newline.
    pub prev: String,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a line can say. The tag is `kind`, in lower case.
#[expect(
    clippy::large_enum_variant,
    reason = "most entries are events, and a box for each would be an allocation for each"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// One PDU (or other judged unit with an event's shape) was judged.
    Event(EventEntry),
    /// One request is relayed (or answered by the gateway itself) after this line is durable.
    Request(RequestEntry),
    /// The response of a request carried judged units.
    Answer(AnswerEntry),
    /// One request was refused as a whole, after its sender was known.
    Refused(RefusedEntry),
    /// One EDU was not relayed.
    Edu(EduEntry),
    /// Something about a room was learned.
    Room(RoomEntry),
    /// The effective label of an event is to be remembered. Written only where a link demands labels.
    Label(LabelEntry),
    /// An event with a label crossed, in a room whose high-water mark the link keeps.
    Water(WaterEntry),
    /// A room was closed or opened for a link.
    Closed(ClosedEntry),
    /// An operator closed or opened the links with a peer.
    Link(LinkEntry),
    /// Refusals before authentication: one source, one minute.
    Strangers(StrangersEntry),
    /// The gateway started.
    Start(StartEntry),
    /// The gateway stops; the closing checkpoint follows.
    Stop(StopEntry),
    /// The log was taken up after a crash or after writing had failed. Written by the log itself.
    Recovery(RecoveryEntry),
    /// Configuration and bundle were read again.
    Reload(ReloadEntry),
    /// Something that an operator should look at.
    Alarm(AlarmEntry),
    /// The content of an event that crossed in its redacted form waits for somebody who looks.
    Held(HeldEntry),
    /// An event was acknowledged and is sent later: it waits for checks, or for those before it.
    Wait(WaitEntry),
    /// What became of something that was held, or waited.
    Hold(HoldEntry),
    /// Signs all that stands before it. Written by the log itself, as the last line of each segment.
    Checkpoint(CheckpointEntry),
}

/// `kind: held`: the content of an event waits. The event's own line stands before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeldEntry {
    /// Id of the item: of link and event id.
    pub item: Text,
    /// Reference of the request that carried it.
    pub request: Text,
    /// Link it was judged under.
    pub link: Text,
    /// Room id.
    pub room_id: Text,
    /// Event id.
    pub event_id: Text,
    /// Event type.
    pub event_type: Text,
    /// User id of the sender.
    pub sender: Text,
    /// The rule that held it.
    pub rule: Text,
    /// What detectors had found: what a release waives, with the rule. At most [`Entry::SHOWN`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ShownFinding>,
    /// Bytes of the event.
    pub bytes: u64,
    /// When the content is destroyed, milliseconds since 1970.
    pub until: i64,
}

/// `kind: wait`: an event that the gateway has taken over: acknowledged, and sent by itself later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WaitEntry {
    /// Id of the item: of link, event and destination.
    pub item: Text,
    /// Reference of the request that carried it.
    pub request: Text,
    /// Link it was judged under.
    pub link: Text,
    /// Server name of the homeserver that sent it.
    pub origin: Text,
    /// Server name of the homeserver that is to have it.
    pub destination: Text,
    /// Room id.
    pub room_id: Text,
    /// Event id.
    pub event_id: Text,
    /// Event type.
    pub event_type: Text,
    /// User id of the sender.
    pub sender: Text,
    /// The rule that decided, or that holds it.
    pub rule: Text,
    /// What a release by the checks waives, as in [`HeldEntry::findings`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ShownFinding>,
    /// Whether it puts somebody out of the room: such an event passes a closed room.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leaves: bool,
    /// The checks that must all let it pass; none where it only waits for those before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Text>,
    /// The verdict where it is decided: `release` or `redact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When it is redacted if the checks have not answered, milliseconds since 1970.
    #[serde(default)]
    pub deadline: i64,
    /// When it came, milliseconds since 1970.
    #[serde(default)]
    pub came: i64,
    /// Bytes of what is sealed.
    #[serde(default)]
    pub bytes: u64,
    /// Fingerprint of what it was judged under: bundle, clearances, and whether its room is hidden. What was released crosses
    /// whole only while this is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Text>,
    /// Whether its redacted form would do harm, to its room or to the homeserver that it came from: it crosses whole or not at all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never_redact: bool,
}

/// A value that a reviewer is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShownFinding {
    /// Detector's name.
    pub detector: Text,
    /// HMAC of the value, as in [`FindingSummary::value`].
    pub value: Text,
}

/// `kind: hold`: what became of something that was held, and by whose hand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HoldEntry {
    /// Id of the item.
    pub item: Text,
    /// What was done.
    pub act: HoldAct,
    /// Link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Text>,
    /// Room id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// The event that was held; with `spent` the one that crossed instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
    /// Name of the operator's user on the gateway's machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Text>,
    /// Its number, which the kernel vouches for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// What the operator gave as reason; with `given_up` and `stopped`, why, where that is not what the checks said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// With `released`: keyed hash of what may be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<Text>,
    /// With `released`: until when, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// What can be done with something that is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldAct {
    /// A reviewer read it.
    #[default]
    Shown,
    /// The first of two reviewers released it.
    Approved,
    /// It may be sent again: a ticket was issued, the content is destroyed.
    Released,
    /// It was rejected, the content is destroyed.
    Rejected,
    /// Nobody decided in time, the content is destroyed.
    Expired,
    /// The content was not there any more.
    Lost,
    /// The same was sent again and crosses by the ticket.
    Spent,
    /// The checks let pass what waited for them.
    Passed,
    /// They did not, or not in time, or what it was judged under changed: it crosses in its redacted form.
    Stopped,
    /// What waited has arrived at its destination, in whichever form.
    Sent,
    /// What waited is not sent any more; the reason says why.
    GivenUp,
}

impl HoldAct {
    /// Whether it is about what waits to be sent, and not about what waits for a person.
    #[must_use]
    pub const fn is_of_wait(self) -> bool {
        matches!(
            self,
            Self::Passed | Self::Stopped | Self::Sent | Self::GivenUp
        )
    }
}

impl Entry {
    /// Most findings in one line.
    pub const FINDINGS: usize = 64;
    /// Most users in one line of [`RoomEntry`]; more of them count as none.
    pub const MAY_LOWER: usize = 256;
    /// Most servers in one line of [`RoomEntry`].
    pub const SERVERS: usize = 256;
    /// Most findings in one line of [`HeldEntry`]; what shows more is not held.
    pub const SHOWN: usize = 256;
    /// Most names in one line of [`LinkEntry`]; a peer has as many at most, unless its record was replaced while it was closed.
    pub const KNOWN_AS: usize = 1100;
    /// Most rules in one line of [`StrangersEntry`].
    pub const RULES: usize = 32;

    /// Cuts the lists to their limits; the log does so with everything that it is given.
    pub(crate) fn bound(&mut self) {
        match self {
            Self::Event(event) => cut(&mut event.findings, &mut event.findings_omitted),
            Self::Edu(edu) => cut(&mut edu.findings, &mut edu.findings_omitted),
            // Without all of them nothing is waived.
            Self::Held(held) if held.findings.len() > Self::SHOWN => held.findings.clear(),
            Self::Room(room) if room.may_lower.len() > Self::MAY_LOWER => room.may_lower.clear(),
            Self::Link(link) => link.known_as.truncate(Self::KNOWN_AS),
            Self::Strangers(strangers) => {
                while strangers.counts.len() > Self::RULES {
                    strangers.counts.pop_last();
                }
            }
            _ => {}
        }
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}
