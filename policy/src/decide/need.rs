//! What must carry a label: one flat table, and what each of its words demands.

use super::UnitFacts;
use crate::{
    facts::Kind,
    json::{Object, Tree},
    label::LABEL_KEY,
    link::RequireLabel,
};

/// Whose label a unit is judged by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// Its own, else its room's. What people write.
    Own,
    /// That of the event it relates to.
    Target,
    /// Its room's. State that people write text into.
    RoomText,
    /// Its room's, where a room must have a label. What a room cannot live without.
    Room,
    /// None. What belongs to no room.
    Nothing,
}

/// Event types with a need of their own. Every other event type needs [`Need::Own`].
pub const NEEDS: &[(&str, Need)] = &[
    ("m.reaction", Need::Target),
    ("m.room.redaction", Need::Target),
    ("m.room.name", Need::RoomText),
    ("m.room.topic", Need::RoomText),
    ("m.room.avatar", Need::RoomText),
    ("m.room.canonical_alias", Need::RoomText),
    ("m.room.pinned_events", Need::RoomText),
    ("m.room.create", Need::Room),
    ("m.room.member", Need::Room),
    ("m.room.power_levels", Need::Room),
    ("m.room.join_rules", Need::Room),
    ("m.room.history_visibility", Need::Room),
    ("m.room.guest_access", Need::Room),
    ("m.room.third_party_invite", Need::Room),
    ("m.room.server_acl", Need::Room),
    ("m.room.encryption", Need::Room),
    ("m.room.tombstone", Need::Room),
    ("m.room.policy", Need::Room),
    (crate::label::ROOM_LABEL_TYPE, Need::Own),
];

/// EDU types that belong to a room. The others belong to none and are permitted by type, link by link.
pub const ROOM_EDUS: &[&str] = &["m.typing", "m.receipt"];

/// The need of one unit. An event with a target takes the target's label, whatever its type.
pub(super) fn of(unit: &UnitFacts<'_>) -> Need {
    let (kind, event_type) = (unit.kind, unit.event_type);
    let state = unit.state_key.is_some();
    match kind {
        Kind::Pdu | Kind::StrippedState if !state && !unit.targets.is_empty() => Need::Target,
        Kind::Pdu | Kind::StrippedState => listed(event_type, state, unit.content),
        Kind::Edu if ROOM_EDUS.contains(&event_type) => Need::Room,
        // Nobody is locked into a room for want of its label.
        Kind::Template if membership(unit.content) == Some("leave") => Need::Nothing,
        Kind::Template | Kind::Summary | Kind::Directory | Kind::Alias | Kind::Ids => Need::Room,
        Kind::Edu
        | Kind::Profile
        | Kind::Search
        | Kind::DeviceList
        | Kind::Keys
        | Kind::Claim
        | Kind::KeyDocument => Need::Nothing,
    }
}

fn membership(content: &Object) -> Option<&str> {
    content.get("membership").and_then(Tree::as_str)
}

/// The need by the table. What it says of state holds for state only, and only while the content has no keys beside the
/// ones that the type is for: anybody may send a message of any type, and write into any key.
fn listed(event_type: &str, state: bool, content: &Object) -> Need {
    let need = NEEDS
        .iter()
        .find(|(name, _)| *name == event_type)
        .map_or(Need::Own, |(_, need)| *need);
    match need {
        Need::Room if !state || !has_known_keys(event_type, content) => Need::Own,
        Need::RoomText if !state => Need::Own,
        need => need,
    }
}

/// The keys of the state that a room cannot live without (specification, and what Synapse writes).
const STATE_KEYS: &[(&str, &[&str])] = &[
    (
        "m.room.create",
        &[
            "additional_creators",
            "creator",
            "m.federate",
            "predecessor",
            "room_version",
            "type",
        ],
    ),
    (
        "m.room.member",
        &[
            "avatar_url",
            "displayname",
            "is_direct",
            "join_authorised_via_users_server",
            "membership",
            "reason",
            "third_party_invite",
        ],
    ),
    (
        "m.room.power_levels",
        &[
            "ban",
            "events",
            "events_default",
            "historical",
            "invite",
            "kick",
            "notifications",
            "redact",
            "state_default",
            "users",
            "users_default",
        ],
    ),
    ("m.room.join_rules", &["allow", "join_rule"]),
    ("m.room.history_visibility", &["history_visibility"]),
    ("m.room.guest_access", &["guest_access"]),
    (
        "m.room.third_party_invite",
        &[
            "display_name",
            "key_validity_url",
            "public_key",
            "public_keys",
        ],
    ),
    ("m.room.server_acl", &["allow", "allow_ip_literals", "deny"]),
    (
        "m.room.encryption",
        &["algorithm", "rotation_period_ms", "rotation_period_msgs"],
    ),
    ("m.room.tombstone", &["body", "replacement_room"]),
    ("m.room.policy", &["public_key", "public_keys", "via"]),
];

fn has_known_keys(event_type: &str, content: &Object) -> bool {
    let known = STATE_KEYS.iter().find(|(name, _)| *name == event_type);
    known.is_some_and(|(_, keys)| {
        content
            .keys()
            .all(|key| keys.contains(&key.as_str()) || key == LABEL_KEY)
    })
}

impl Need {
    /// Whether a unit with this need is denied without a label.
    pub(super) fn demands(self, link: RequireLabel) -> bool {
        match link {
            RequireLabel::None => false,
            RequireLabel::Event => matches!(self, Self::Own | Self::Target | Self::RoomText),
            RequireLabel::Room => self != Self::Nothing,
        }
    }
}
