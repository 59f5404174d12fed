//! What was learned of rooms, and of the labels in them.

use serde::{Deserialize, Serialize};

use super::{LabelValue, Text, is_false};

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
    /// Who may label lower than what they answer, where `label` is present. At most [`super::Entry::MAY_LOWER`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_lower: Vec<Text>,
    /// The room's label may have changed on the other side: what is known of it counts until it has been asked for anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub label_unknown: bool,
    /// Servers of other zones whose users came into the room or were invited, as far as news. At most [`super::Entry::SERVERS`].
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
    /// The link that it was learned on: each has its share of what is remembered.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub seen: Text,
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

/// Distinguishes a field that is `null` from one that is absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
