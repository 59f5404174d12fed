//! Every line of the audit log: the closed set of entries.
//!
//! A line is one JSON object, `{"seq":N,"time":"2026-01-31T12:00:00.000Z","prev":"hex","kind":"event",...}`: its number
//! (from 1, without a gap), the gateway's clock, the SHA-256 of the bytes of the line before it (without its newline;
//! 64 zeros for the first line), then the entry's own fields.
//!
//! An entry holds ids, names from closed sets and counts. It has no field for content, a token, a key or a signature of
//! an event, and each field is bounded by its type ([`Text`], [`LabelValue`], [`Entry::bound`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use sluice_policy::verdict::Verdict;

pub use super::text::{LabelValue, Text};

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

/// `kind: event`: the decision on one PDU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventEntry {
    /// Reference of the request that carried it (same as in its `request` line and in the structured log).
    pub request: Text,
    /// Link it was judged under, `high->low`.
    pub link: Text,
    /// Event id; absent where none can be computed, then `index` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
    /// Place in the list that carried it, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Room id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// Event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Text>,
    /// User id of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Text>,
    /// What was decided.
    pub verdict: Verdict,
    /// The rule that decided (`protocol.*`, `label.*`, `dlp.*`, `rego.*`).
    pub rule: Text,
    /// Why the verdict differs from what the rule said: `held`, or `hold_*` for why nothing waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The label that was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelSummary>,
    /// Where that label came from.
    #[serde(default)]
    pub label_source: LabelSource,
    /// That label in the words of the clearance's policy, where it had to be translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated: Option<LabelSummary>,
    /// The security policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spif: Option<SpifSummary>,
    /// Id of the clearance that the label was held against (SHA-256 of its JSON, hex).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Text>,
    /// Whose clearance that is: `zone`, `peer` or `bundle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance_of: Option<Text>,
    /// Rules that record and deny nothing (`label.marking_lower`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Text>,
    /// What the detectors saw, the surest first; never the text. At most [`Entry::FINDINGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingSummary>,
    /// How many entries of `findings` were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_omitted: u32,
    /// What the link says about ciphertext.
    #[serde(default)]
    pub encryption: EncryptionMode,
    /// The event arrived in its redacted form already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub redacted_before: bool,
    /// An earlier denial decided.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sticky: bool,
    /// The journal keeps this denial: the judged copy's content hash verified.
    #[serde(default, skip_serializing_if = "is_false")]
    pub remember: bool,
    /// Id of the bundle that decided (SHA-256 of the archive, hex).
    #[serde(default)]
    pub bundle: Text,
}

/// `kind: request`: a relayed request. Durable before its first byte is relayed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Reference of the request.
    pub request: Text,
    /// The face it came in by.
    pub face: Face,
    /// Link that its data flows on, `high->low`.
    pub link: Text,
    /// Name of the operation in the endpoint table.
    pub op: Text,
    /// HTTP method.
    pub method: Text,
    /// Path template of the endpoint table (`/_matrix/federation/v1/event/{eventId}`); never the query's content.
    pub path: Text,
    /// Room that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// Event that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
    /// Server name of the origin.
    pub origin: Text,
    /// Server name of the destination.
    pub destination: Text,
    /// Zone of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Text>,
    /// PDUs by verdict.
    #[serde(default)]
    pub pdus: Counts,
    /// EDUs released.
    #[serde(default)]
    pub edus_released: u32,
    /// Body bytes received.
    #[serde(default)]
    pub bytes: u64,
    /// The gateway answers it itself: nothing is relayed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own: bool,
}

/// `kind: answer`: the response of a relayed request, where it carried judged units. Durable before it is passed on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerEntry {
    /// Reference of the request.
    pub request: Text,
    /// Link that the response's data flows on: the opposite of the request's.
    pub link: Text,
    /// Name of the operation in the endpoint table.
    pub op: Text,
    /// HTTP status that the other side gave.
    pub status: u16,
    /// PDUs by verdict.
    #[serde(default)]
    pub pdus: Counts,
    /// Other judged units by verdict (stripped state, profiles, device lists, summaries...).
    #[serde(default)]
    pub units: Counts,
    /// Body bytes received.
    #[serde(default)]
    pub bytes: u64,
}

/// `kind: refused`: a request refused as a whole. Refusals before authentication are [`StrangersEntry`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefusedEntry {
    /// Reference of the request, as in the error that the sender got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Text>,
    /// The rule that refused.
    pub rule: Text,
    /// The face it came in by.
    pub face: Face,
    /// Zone of the peer, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Text>,
    /// Server name that the request gives as its origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Text>,
    /// Server name that the request gives as its destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Text>,
    /// Name of the operation in the endpoint table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Text>,
    /// Room that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// HTTP status that the gateway answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Source address (`198.51.100.7:40112`, or `unix`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
}

/// `kind: edu`: one EDU that was not relayed, or in which detectors saw something. Others are counted in the request's
/// line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EduEntry {
    /// Reference of the request that carried it.
    pub request: Text,
    /// Link it was judged under.
    pub link: Text,
    /// EDU type; absent where it has none that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edu_type: Option<Text>,
    /// Place in the transaction's list, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Room that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// The rule that decided.
    pub rule: Text,
    /// It was relayed, and stands here for its findings.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
    /// What the detectors saw, as in [`EventEntry::findings`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingSummary>,
    /// How many entries of `findings` were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_omitted: u32,
}

/// `kind: room`: what was learned of a room. Fields that are absent say nothing and change nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoomEntry {
    /// Room id.
    pub room_id: Text,
    /// Room version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// User id that sent the create event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<Text>,
    /// The room's label. Absent (`None`): nothing learned. `null` (`Some(None)`): the room has none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub label: Option<Option<LabelValue>>,
    /// What may be said in the room, where `label` is present and the room's label state says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<LabelValue>,
    /// Who may label lower than what they answer, where `label` is present. At most [`Entry::MAY_LOWER`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_lower: Vec<Text>,
    /// The room's label may have changed on the other side: what is known of it counts until it has been asked for anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub label_unknown: bool,
    /// Servers of other zones whose users came into the room or were invited, as far as news. At most [`Entry::SERVERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Text>,
    /// The room is encrypted: that cannot be taken back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub encrypted: bool,
}

/// `kind: label`: an event's effective label, for the reactions, edits and redactions that will aim at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelEntry {
    /// Event id.
    pub event_id: Text,
    /// Its room: only what stands in that room may take the label from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// The link that alone it counts on, where that link's default or a marking that it believes took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Text>,
    /// Its label; `null`: it has none.
    pub label: Option<LabelValue>,
}

/// `kind: water`: the label of an event that crossed, for the high-water mark of its room on the link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaterEntry {
    /// Link.
    pub link: Text,
    /// Room id.
    pub room_id: Text,
    /// Event id.
    pub event_id: Text,
    /// Its label.
    pub label: LabelValue,
}

/// `kind: closed`: a room was closed or opened for a link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClosedEntry {
    /// Link.
    pub link: Text,
    /// Room id.
    pub room_id: Text,
    /// The rule that closed it, or `operator`.
    pub rule: Text,
    /// True: it is open again.
    #[serde(default)]
    pub open: bool,
    /// Who did it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Text>,
    /// The operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// `kind: link`: an operator closed or opened the links with a peer, both directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkEntry {
    /// The peer's zone.
    pub peer: Text,
    /// True: open again.
    #[serde(default)]
    pub open: bool,
    /// Who did it: the name of the user who asked at the admin socket.
    pub operator: Text,
    /// The operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// `kind: strangers`: refusals before authentication, summed up ([`super::strangers`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StrangersEntry {
    /// Source address; an IPv6 source is its /64 network; `other`: all that did not fit into the table.
    pub source: Text,
    /// Start of the minute, RFC 3339.
    pub minute: Text,
    /// Refusals by rule.
    pub counts: BTreeMap<Text, u64>,
}

/// `kind: start`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StartEntry {
    /// Version of the program.
    pub version: Text,
    /// The zone that the gateway stands before.
    pub zone: Text,
    /// Id of the active bundle, if one loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Text>,
    /// SHA-256 of the configuration file, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_sha256: Option<Text>,
}

/// `kind: stop`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StopEntry {
    /// `signal`, `admin`...
    pub reason: Text,
}

/// `kind: recovery`: how the log was taken up again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecoveryEntry {
    /// What had happened.
    pub cause: RecoveryCause,
    /// File of the segment that was taken up.
    pub segment: Text,
    /// Bytes of unfinished lines that were cut from its end. They were never acknowledged to anybody.
    pub bytes_cut: u64,
    /// Lines that the journal did not have yet and took over from the log.
    pub replayed: u64,
    /// Batches that could not be written before (only after `write_failed`).
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub failed_batches: u64,
}

/// Why a recovery was needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryCause {
    /// The gateway ended without a closing checkpoint.
    #[default]
    Crash,
    /// The journal was missing or behind, and was filled from the log.
    JournalBehind,
    /// Writing had failed (disk full, read-only...) and works again.
    WriteFailed,
}

/// `kind: reload`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReloadEntry {
    /// True: what was read is active. False: nothing changed.
    pub ok: bool,
    /// Id of the bundle that is active after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Text>,
    /// Code of the first error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
}

/// `kind: alarm`: something that an operator should look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmEntry {
    /// The rule that raised it (`protocol.hash`, `room.closed`...).
    pub rule: Text,
    /// Reference of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Text>,
    /// Link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Text>,
    /// Zone of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Text>,
    /// Server name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Text>,
    /// Room id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// Event id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
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

/// `kind: checkpoint`: the gateway's signature over the chain so far ([`super::checkpoint`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointEntry {
    /// Hash of the line before this one: what is signed for.
    pub head: Text,
    /// Lines before this one, over all segments.
    pub entries: u64,
    /// Number of the segment that this line closes.
    pub segment: u64,
    /// Why it was closed.
    pub closing: Closing,
    /// Key id (`ed25519:ID`) of the audit key.
    pub key: Text,
    /// Signature, unpadded base64.
    pub sig: Text,
}

/// Why a segment was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closing {
    /// It is full: another segment follows.
    #[default]
    Full,
    /// The gateway stopped gracefully: the log may end here.
    Stop,
}

/// The face of the gateway that a request came in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// From our homeserver.
    #[default]
    Inside,
    /// From a peer.
    Border,
    /// The gateway's own request.
    Own,
}

/// Where an effective label came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelSource {
    /// The event itself.
    Event,
    /// The event that starts its thread.
    Thread,
    /// The event that it relates to otherwise.
    Target,
    /// The room.
    Room,
    /// The link's default.
    Link,
    /// A marking at the start of its text.
    Marking,
    /// There is none.
    #[default]
    None,
}

/// What a link does with ciphertext: the mode that decided (invariant 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionMode {
    /// The event is not encrypted.
    #[default]
    Clear,
    /// Ciphertext is refused.
    Refuse,
    /// Judged by its label only.
    LabelOnly,
    /// Judged by a decrypted copy.
    Inspect,
}

/// The label that a decision was made on, named without its free text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelSummary {
    /// SHA-256 of the label's canonical JSON, hex.
    pub sha256: Text,
    /// Object id of the policy, where it names a loaded SPIF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Text>,
    /// Classification, where that SPIF knows the name (an unknown name could be content).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Text>,
}

/// A security policy, as it decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpifSummary {
    /// Its object identifier, dotted.
    pub oid: Text,
    /// Its version.
    pub version: Text,
    /// SHA-256 of its file, hex.
    pub sha256: Text,
}

/// One value that one detector saw in one unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingSummary {
    /// Detector's name.
    pub detector: Text,
    /// `low`, `medium` or `high`.
    pub strength: Text,
    /// How often.
    pub count: u32,
    /// JSON pointer to the first place. A key that Matrix does not know stands in it as `*`: it could be content.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub field: Text,
    /// First byte of the value there, in UTF-8.
    #[serde(default)]
    pub start: u32,
    /// Byte after the value.
    #[serde(default)]
    pub end: u32,
    /// The value stands in the last key of `field`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub key: bool,
    /// The view that showed it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub view: Text,
    /// HMAC of the value by the gateway's findings key, hex: equal values have equal ones.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub value: Text,
}

/// Units by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Relayed as they were.
    pub release: u32,
    /// Waiting for a check.
    pub hold: u32,
    /// Relayed in their redacted form.
    pub redact: u32,
    /// Not relayed.
    pub drop: u32,
}

impl Default for EventEntry {
    /// A decision that nobody made denies.
    fn default() -> Self {
        Self {
            request: Text::default(),
            link: Text::default(),
            event_id: None,
            index: None,
            room_id: None,
            event_type: None,
            sender: None,
            verdict: Verdict::Drop,
            rule: Text::default(),
            reason: None,
            label: None,
            label_source: LabelSource::default(),
            translated: None,
            spif: None,
            clearance: None,
            clearance_of: None,
            notes: Vec::new(),
            findings: Vec::new(),
            findings_omitted: 0,
            encryption: EncryptionMode::default(),
            redacted_before: false,
            sticky: false,
            remember: false,
            bundle: Text::default(),
        }
    }
}

impl Counts {
    /// Counts one unit.
    pub fn add(&mut self, verdict: Verdict) {
        let slot = match verdict {
            Verdict::Release => &mut self.release,
            Verdict::Hold => &mut self.hold,
            Verdict::Redact => &mut self.redact,
            Verdict::Drop => &mut self.drop,
        };
        *slot = slot.saturating_add(1);
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
            Self::Strangers(strangers) => {
                while strangers.counts.len() > Self::RULES {
                    strangers.counts.pop_last();
                }
            }
            _ => {}
        }
    }
}

fn cut(findings: &mut Vec<FindingSummary>, omitted: &mut u32) {
    let more = findings.len().saturating_sub(Entry::FINDINGS);
    if more > 0 {
        findings.truncate(Entry::FINDINGS);
        *omitted = u32::try_from(more).unwrap_or(u32::MAX);
    }
}

/// Distinguishes a field that is `null` from one that is absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}
