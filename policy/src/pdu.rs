//! A PDU: read strictly, identified by its hash, its signatures checked, and its redacted form made.
//!
//! ```text
//! Object ──read──> Pdu ──verify──> Whole | Redacted ──check_residue──> policy ──> outgoing() or redacted()
//! ```
//!
//! A [`Pdu`] never holds what no hash and no signature covers: `unsigned`, a stated `event_id`, and signatures of
//! servers that need not sign are gone after [`Pdu::read`]. Room versions 10, 11 and 12 only.

use ruma_common::{RoomVersionId, room_version_rules::RoomVersionRules};

use crate::json::{Fault, Object, Tree};

pub use self::relations::{Relation, relations};
pub use self::stripped::{RoomStateElement, StrippedState};
pub use self::template::Template;
pub use self::verify::{Integrity, Keys, NoKeys};

mod relations;
mod residue;
mod shape;
mod signers;
mod stripped;
mod template;
mod verify;

#[cfg(test)]
mod tests;

/// State that carries the label of its room.
const ROOM_LABEL_TYPE: &str = "org.sluice.room_confidentiality";

/// Longest canonical form of an event, in bytes (specification, size limits).
pub const MAX_PDU_BYTES: usize = 65_536;

/// The room versions that cross.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RoomVersion {
    /// Version 10.
    V10,
    /// Version 11.
    V11,
    /// Version 12: the room id is the create event's hash.
    V12,
}

impl RoomVersion {
    /// The version of this name, if it is one that crosses.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "10" => Some(Self::V10),
            "11" => Some(Self::V11),
            "12" => Some(Self::V12),
            _ => None,
        }
    }

    /// The name of the version.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V10 => "10",
            Self::V11 => "11",
            Self::V12 => "12",
        }
    }

    /// The rules of the version, as ruma keeps them.
    #[must_use]
    pub fn rules(self) -> RoomVersionRules {
        match self {
            Self::V10 => RoomVersionRules::V10,
            Self::V11 => RoomVersionRules::V11,
            Self::V12 => RoomVersionRules::V12,
        }
    }

    /// The version as ruma names it.
    #[must_use]
    pub fn id(self) -> RoomVersionId {
        match self {
            Self::V10 => RoomVersionId::V10,
            Self::V11 => RoomVersionId::V11,
            Self::V12 => RoomVersionId::V12,
        }
    }

    /// Whether an `m.room.redaction` names its target in `content`, where redaction leaves it.
    #[must_use]
    pub fn redacts_in_content(self) -> bool {
        self >= Self::V11
    }
}

/// An event with signatures and hash, of the right shape and size. Whether they are true, [`Pdu::verify`] says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pdu {
    version: RoomVersion,
    event_id: String,
    room_id: String,
    /// Without `unsigned`, `event_id` and foreign signatures.
    object: Object,
}

impl Pdu {
    /// Takes an object as an event of a room version: checks keys, types and sizes, and computes the event id.
    ///
    /// `unsigned`, `event_id`, `age` and `age_ts` are removed, and so are signatures of servers other than those
    /// that must sign the event and, on an invite, the invited one.
    ///
    /// # Errors
    ///
    /// [`Fault::Shape`] or [`Fault::EventSize`], naming the field.
    pub fn read(object: Object, version: RoomVersion) -> Result<Self, Fault> {
        shape::read(object, version)
    }

    /// The event id: `$` and the reference hash.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The room id; that of a version 12 create event is made of its own hash.
    #[must_use]
    pub fn room_id(&self) -> &str {
        &self.room_id
    }

    /// The user who sent the event.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.text("sender").unwrap_or_default()
    }

    /// The server of the sender.
    #[must_use]
    pub fn sender_server(&self) -> &str {
        crate::ids::user_server(self.sender()).unwrap_or_default()
    }

    /// The event type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type").unwrap_or_default()
    }

    /// The state key, where this is a state event.
    #[must_use]
    pub fn state_key(&self) -> Option<&str> {
        self.text("state_key")
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &Object {
        static EMPTY: Object = Object::new();
        self.object
            .get("content")
            .and_then(Tree::as_object)
            .unwrap_or(&EMPTY)
    }

    /// When the sender's server says it made the event, in milliseconds since 1970.
    #[must_use]
    pub fn origin_server_ts(&self) -> i64 {
        self.object
            .get("origin_server_ts")
            .and_then(Tree::as_integer)
            .map_or(0, i64::from)
    }

    /// The ids of the events that this one follows.
    pub fn prev_events(&self) -> impl Iterator<Item = &str> {
        self.object
            .get("prev_events")
            .and_then(Tree::as_array)
            .unwrap_or_default()
            .iter()
            .filter_map(Tree::as_str)
    }

    /// The whole event, ready to be written out.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The whole event, ready to be written out.
    #[must_use]
    pub fn outgoing(&self) -> Object {
        self.object.clone()
    }

    /// The room version.
    #[must_use]
    pub fn version(&self) -> RoomVersion {
        self.version
    }

    /// Exactly the redacted form: same event id, hashes and signatures, no `unsigned`.
    #[must_use]
    pub fn redacted(&self) -> Object {
        let rules = self.version.rules().redaction;
        // ruma refuses events without type or with a content that is no object; `read` has refused those before.
        ruma_common::canonical_json::redact(self.object.clone(), &rules, None).unwrap_or_default()
    }

    /// Checks what redaction leaves in place: nothing there may carry free data beyond the fields that the protocol
    /// needs (sender, room, type, state key, ids, times).
    ///
    /// # Errors
    ///
    /// [`Fault::Residue`], naming the field.
    pub fn check_residue(&self) -> Result<(), Fault> {
        residue::check(self)
    }

    /// Checks the required signatures and the content hash.
    ///
    /// # Errors
    ///
    /// [`Fault::KeyUnknown`] if no key is known for a required server's signatures, [`Fault::Signature`] if there is
    /// none or a wrong one, [`Fault::Hash`] if the event neither matches its content hash nor is exactly redacted.
    pub fn verify(&self, keys: &dyn Keys) -> Result<Integrity, Fault> {
        verify::verify(self, keys)
    }

    /// Whether redacting this event would harm the room: see [`never_redact`].
    #[must_use]
    pub fn never_redact(&self) -> bool {
        never_redact(self.version, self.kind(), self.state_key(), self.content())
    }

    /// Whether this is state of a type that has one entry a room (empty state key).
    #[must_use]
    pub fn is_room_state(&self, kind: &str) -> bool {
        self.kind() == kind && self.state_key() == Some("")
    }

    /// Whether this is the state that carries the room's label.
    #[must_use]
    pub fn is_label_state(&self) -> bool {
        self.is_room_state(ROOM_LABEL_TYPE)
    }

    /// The membership that this event gives, if it is a member event.
    #[must_use]
    pub fn membership(&self) -> Option<&str> {
        let member = self.kind() == "m.room.member" && self.state_key().is_some();
        member
            .then(|| self.content().get("membership")?.as_str())
            .flatten()
    }

    /// Whether it makes somebody a member of the room, or may soon.
    #[must_use]
    pub fn brings_a_member(&self) -> bool {
        matches!(self.membership(), Some("join" | "invite" | "knock"))
    }

    /// The event that this one redacts, if it is an `m.room.redaction`.
    #[must_use]
    pub fn redaction_target(&self) -> Option<&str> {
        if self.kind() != "m.room.redaction" {
            return None;
        }
        let place = if self.version.redacts_in_content() {
            self.content()
        } else {
            &self.object
        };
        place.get("redacts")?.as_str()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.object.get(key).and_then(Tree::as_str)
    }
}

/// Whether redacting an event would harm its room: state on which authorisation, federation or confidentiality of the
/// room hangs. Where such an event is denied, the room closes for the link instead.
#[must_use]
pub fn never_redact(
    version: RoomVersion,
    kind: &str,
    state_key: Option<&str>,
    content: &Object,
) -> bool {
    const ROOM_STATE: [&str; 7] = [
        "m.room.create",
        "m.room.server_acl",
        "m.room.policy",
        "org.matrix.msc4284.policy",
        "m.room.encryption",
        "m.room.power_levels",
        "m.room.join_rules",
    ];
    if ROOM_STATE.contains(&kind) {
        return state_key == Some("");
    }
    // From version 11 on, redaction keeps the signed part that a third-party invite stands on.
    version == RoomVersion::V10
        && kind == "m.room.member"
        && state_key.is_some()
        && content.contains_key("third_party_invite")
}
