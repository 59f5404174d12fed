//! What a bundle says about a link: an ordered pair of zones, written `high->low`.

use serde::{Deserialize, Serialize};

use crate::label::{Clearance, Label};

/// The name under which a bundle keeps the policy of all links that it does not name.
pub const DEFAULT_LINK: &str = "*";

/// The policy of one link.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPolicy {
    /// What must carry a label.
    pub require_label: RequireLabel,
    /// Types of EDU that may cross; all others are dropped.
    #[serde(default)]
    pub edus: Vec<String>,
    /// What the zone that the link leaves shows to those who were not invited: its answers to the other one cross here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opens: Vec<Opening>,
    /// Profile fields that may cross; all others are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profile_fields: Vec<String>,
    /// What becomes of ciphertext.
    #[serde(default)]
    pub encryption: Encryption,
    /// A clearance beside those of the peer's record: a label must be granted by each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Clearance>,
    /// The label of what has none by itself, by what it relates to or by its room; without it there is none (LB-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_label: Option<Label>,
    /// Policies, by name or object identifier, whose markings typed at the start of a text are believed; empty for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub typed_markings: Vec<String>,
    /// User ids and server names that may lower the label of a room (MX-7); empty for nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub room_label_authorities: Vec<String>,
    /// What becomes of rooms in which users of a server are that is of neither zone.
    #[serde(default, skip_serializing_if = "ThirdServers::is_refuse")]
    pub third_servers: ThirdServers,
    /// Freezes a room whose latest released events were labelled above what the link is cleared for (MX-12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_water: Option<HighWater>,
}

/// How far back the highest label of a room is remembered; what either window holds counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HighWater {
    /// So many released events.
    pub events: u32,
    /// So many hours.
    pub hours: u32,
}

impl HighWater {
    /// Events that a mark may look back at most.
    pub const MAX_EVENTS: u32 = 10_000;
    /// Hours that a mark may look back at most: 31 days.
    pub const MAX_HOURS: u32 = 744;
}

impl LinkPolicy {
    /// A link that makes this demand, and otherwise lets nothing pass that is not plainly permitted.
    #[must_use]
    pub fn new(require_label: RequireLabel) -> Self {
        Self {
            require_label,
            edus: Vec::new(),
            opens: Vec::new(),
            profile_fields: Vec::new(),
            encryption: Encryption::Refuse,
            clearance: None,
            default_label: None,
            typed_markings: Vec::new(),
            room_label_authorities: Vec::new(),
            third_servers: ThirdServers::Refuse,
            high_water: None,
        }
    }

    /// Whether anything that crosses must have a label, so that labels of rooms and targets must be known.
    #[must_use]
    pub fn demands_labels(&self) -> bool {
        self.require_label != RequireLabel::None
    }
}

/// What a link may open beside the rooms that people are invited to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// The list of public rooms, and the search in it.
    PublicRooms,
    /// Which room an alias names: joining by alias.
    Aliases,
    /// What a room or space and its children are called.
    Hierarchy,
    /// Knocking at a room.
    Knock,
}

impl Opening {
    /// The word in bundles, facts and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublicRooms => "public_rooms",
            Self::Aliases => "aliases",
            Self::Hierarchy => "hierarchy",
            Self::Knock => "knock",
        }
    }
}

/// What a link demands of labels.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequireLabel {
    /// Nothing; a label that is there is judged all the same.
    None,
    /// What people write must have an effective label: its own, its target's or its room's.
    Event,
    /// Every room must have a label.
    Room,
}

/// What a link does with ciphertext. A third answer has its place here: to pass what a guard that is a visible member of
/// the room has decrypted and inspected.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Encrypted events are redacted, and no encrypted room is joined or invited to.
    #[default]
    Refuse,
    /// Encrypted events pass by the label that they carry in clear and that of their room, uninspected (MX-8).
    LabelOnly,
}

/// What becomes of a room with users of a third server: one that is of neither of the link's two zones.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ThirdServers {
    /// Nobody is brought into such a room over the link, and one that becomes such a room is closed.
    #[default]
    Refuse,
    /// Servers of any peer record may be there. What their users send must pass under the link from their own zone too.
    Listed,
}

impl ThirdServers {
    /// Whether it is what a bundle means that says nothing.
    #[must_use]
    pub fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}

/// The two zones of a link's name, `None` where it is none.
#[must_use]
pub fn zones(name: &str) -> Option<(&str, &str)> {
    let (from, to) = name.split_once("->")?;
    (is_zone(from) && is_zone(to)).then_some((from, to))
}

/// Zone names go into file names, logs and metrics.
fn is_zone(name: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    !name.is_empty() && name.len() <= ZONE_BYTES && name.bytes().all(plain)
}

/// Bytes of a zone's name at most.
const ZONE_BYTES: usize = 64;
