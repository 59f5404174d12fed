//! The facts about one unit, as the policy sees them: authors' rules find them under `input`.
//!
//! They are found natively, before policy; the rules decide over them and may also look into the content itself.
//! Every key always stands there, with `null` where nothing is known: in Rego a missing key makes a rule silent.

use serde::Serialize;

use crate::{
    decide::LinkClearance,
    dlp::Strength,
    json::Object,
    label::Clearance,
    link::{Opening, RequireLabel},
};

/// What kind of unit is judged.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An event of a room.
    Pdu,
    /// Stripped state in an invite or knock.
    StrippedState,
    /// The template of a membership event, from make_join and its like.
    Template,
    /// An ephemeral data unit.
    Edu,
    /// The answer to a profile query.
    Profile,
    /// The devices of a user.
    DeviceList,
    /// Device and cross-signing keys.
    Keys,
    /// One-time keys.
    Claim,
    /// A server's key document.
    KeyDocument,
    /// A room in the list of public rooms.
    Directory,
    /// The room that an alias names.
    Alias,
    /// What is looked for in the list of public rooms.
    Search,
    /// A room in a space's summary.
    Summary,
    /// A list of event ids.
    Ids,
}

/// Which way the unit crosses the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It leaves the zone.
    Outbound,
    /// It enters the zone.
    Inbound,
}

/// Where the label that decides about a unit stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    /// In the unit itself.
    Event,
    /// In the event that starts its thread.
    Thread,
    /// In the event that it relates to otherwise.
    Target,
    /// In the state of its room.
    Room,
    /// In the link's policy, as its default.
    Link,
    /// At the start of its text, as a marking.
    Marking,
    /// Nowhere.
    None,
}

/// Whose clearance it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClearanceOf {
    /// Our own zone's: what it may send, or what it may receive.
    Zone,
    /// The peer's, for this direction, from its record.
    Peer,
    /// The bundle's own for the link.
    Bundle,
}

impl ClearanceOf {
    /// The word used in facts and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Peer => "peer",
            Self::Bundle => "bundle",
        }
    }
}

/// By what an event was judged, as far as encryption goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionMode {
    /// It is not encrypted.
    #[default]
    Clear,
    /// It is encrypted, and the link refuses that.
    Refuse,
    /// It is encrypted, and was judged by the label that it carries in clear.
    LabelOnly,
}

/// All facts about one unit.
#[derive(Debug, Serialize)]
pub struct Facts<'a> {
    /// What kind of unit.
    pub kind: Kind,
    /// The link that it crosses.
    pub link: LinkFacts<'a>,
    /// The unit itself.
    pub event: EventFacts<'a>,
    /// Its room.
    pub room: RoomFacts<'a>,
    /// What the label decision said.
    pub label: LabelFacts<'a>,
    /// What detectors saw.
    pub findings: &'a [FindingFacts<'a>],
}

#[cfg(feature = "engine")]
impl crate::engine::Asked for Facts<'_> {
    fn has_finding(&self, detector: &str) -> bool {
        self.findings.iter().any(|one| one.detector == detector)
    }
}

/// The link in the facts.
#[derive(Clone, Debug, Serialize)]
pub struct LinkFacts<'a> {
    /// `high->low`.
    pub name: &'a str,
    /// The zone that the data comes from.
    pub from: &'a str,
    /// The zone that it goes to.
    pub to: &'a str,
    /// Which way it crosses this gateway.
    pub direction: Direction,
    /// The types of EDU that the link permits.
    pub edus: &'a [String],
    /// What the zone that it comes from shows to those who were not invited.
    pub opens: &'a [Opening],
    /// The profile fields that the link permits.
    pub profile_fields: &'a [String],
    /// What the link demands of labels.
    pub require_label: RequireLabel,
    /// Every clearance that a label on the link must be within.
    pub clearances: Vec<ClearanceFacts<'a>>,
}

/// A clearance in the facts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ClearanceFacts<'a> {
    /// Whose it is.
    pub of: ClearanceOf,
    /// The clearance: `PolicyIdentifier`, `ClassificationList`, `Category`.
    pub clearance: &'a Clearance,
}

impl<'a> From<LinkClearance<'a>> for ClearanceFacts<'a> {
    fn from(clearance: LinkClearance<'a>) -> Self {
        Self {
            of: clearance.of,
            clearance: clearance.clearance,
        }
    }
}

/// The unit in the facts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventFacts<'a> {
    /// Event or EDU type; empty for units that have none.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The user who sent it.
    pub sender: Option<&'a str>,
    /// The state key of a state event.
    pub state_key: Option<&'a str>,
    /// The room that it belongs to.
    pub room_id: Option<&'a str>,
    /// Its content; for units without a content of their own the whole object.
    pub content: &'a Object,
}

/// The room in the facts.
#[derive(Clone, Debug, Serialize)]
pub struct RoomFacts<'a> {
    /// Room version.
    pub version: Option<&'a str>,
    /// The room's own label, the inner object of the wire form.
    pub label: Option<serde_json::Value>,
    /// What may be said in the room, where it says so.
    pub clearance: Option<&'a Clearance>,
}

/// The label decision in the facts.
#[derive(Clone, Debug, Serialize)]
pub struct LabelFacts<'a> {
    /// Where the deciding label stands.
    pub source: LabelSource,
    /// Its classification in the policy's spelling.
    pub classification: Option<&'a str>,
    /// `null` where no label is there and none is demanded.
    pub granted: Option<bool>,
    /// The rule of the label decision without its prefix, such as `classification`.
    pub rule: Option<&'a str>,
    /// The deciding label, the inner object of the wire form.
    pub label: Option<serde_json::Value>,
    /// That label in the policy of the deciding clearance, where it had to be translated.
    pub translated: Option<serde_json::Value>,
    /// Rules that recorded something and denied nothing.
    pub notes: &'a [&'static str],
}

/// One finding in the facts; never the text.
#[derive(Clone, Debug, Serialize)]
pub struct FindingFacts<'a> {
    /// Id of the detector.
    pub detector: &'a str,
    /// How sure it is.
    pub strength: Strength,
    /// JSON pointer to the field.
    pub field: &'a str,
    /// Whether the value stands in the key of `field` and not below it.
    pub key: bool,
    /// First byte of the value.
    pub start: usize,
    /// Byte after the value.
    pub end: usize,
    /// The view that showed it.
    pub view: &'a str,
    /// Keyed hashes of the values at this place, nearly always one.
    pub values: Vec<String>,
    /// How often this detector found something in the unit, with this strength or more.
    pub count: usize,
    /// How many different values that are.
    pub distinct: usize,
    /// How many different values it found in the room within the hour, with this strength or more, the unit's own with
    /// them (DL-5).
    pub distinct_in_hour: usize,
    /// What it stands for, where it is a marking.
    pub marking: Option<MarkingFacts<'a>>,
}

/// A marking in the facts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MarkingFacts<'a> {
    /// Name or object identifier of its policy.
    pub policy: &'a str,
    /// The level.
    pub classification: &'a str,
    /// The unit's label is not at least as restrictive as the marking, cannot be compared with it, or is not there.
    pub mislabelled: bool,
}
