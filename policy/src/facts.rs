//! The facts about one unit, as the policy sees them: authors' rules find them under `input`.
//!
//! They are found natively, before policy; the rules decide over them and may also look into the content itself.
//! Every key always stands there, with `null` where nothing is known: in Rego a missing key makes a rule silent.

use serde::Serialize;

use crate::{
    dlp::{Finding, Strength},
    json::Object,
    link::RequireLabel,
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
    /// A room in the public directory, or an alias.
    Directory,
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
    /// In the event that it relates to.
    Target,
    /// In the state of its room.
    Room,
    /// Nowhere.
    None,
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
    pub findings: Vec<FindingFacts<'a>>,
}

/// The link in the facts.
#[derive(Clone, Copy, Debug, Serialize)]
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
    /// What the link demands of labels.
    pub require_label: RequireLabel,
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
}

/// The label decision in the facts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LabelFacts<'a> {
    /// Where the deciding label stands.
    pub source: LabelSource,
    /// Its classification in the policy's spelling.
    pub classification: Option<&'a str>,
    /// `null` where no label is there and none is demanded.
    pub granted: Option<bool>,
    /// The rule of the label decision without its prefix, such as `classification`.
    pub rule: Option<&'a str>,
}

/// One finding in the facts; never the text.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FindingFacts<'a> {
    /// Id of the detector.
    pub detector: &'a str,
    /// How sure it is.
    pub strength: Strength,
    /// JSON pointer to the field.
    pub field: &'a str,
    /// The view that showed it.
    pub view: &'a str,
}

impl<'a> From<&'a Finding> for FindingFacts<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            detector: &finding.detector,
            strength: finding.strength,
            field: &finding.field,
            view: finding.view,
        }
    }
}
