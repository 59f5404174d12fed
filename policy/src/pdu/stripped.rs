//! State of a room as it is shown to those who are not in it: invites and knocks.

use super::{Pdu, RoomVersion};
use crate::ids;
use crate::json::{Fault, Object, Tree};

/// State without signature and hash. It can only refuse a request, never release anything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StrippedState {
    object: Object,
}

/// An element of `invite_room_state` or `knock_room_state`: since v1.16 a whole event, before that stripped state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RoomStateElement {
    /// A whole event.
    Full(Box<Pdu>),
    /// Stripped state.
    Stripped(StrippedState),
}

impl StrippedState {
    /// Takes an object with exactly `type`, `state_key`, `sender` and `content`.
    ///
    /// # Errors
    ///
    /// [`Fault::Shape`] or [`Fault::EventSize`], naming the field.
    pub fn read(object: Object) -> Result<Self, Fault> {
        for key in ["type", "state_key", "sender"] {
            let value = object
                .get(key)
                .and_then(Tree::as_str)
                .ok_or(Fault::Shape("stripped state"))?;
            if value.len() > ids::MAX_ID_BYTES {
                return Err(Fault::EventSize("stripped state"));
            }
        }
        let sender = object
            .get("sender")
            .and_then(Tree::as_str)
            .is_some_and(ids::is_user_id);
        let content = object.get("content").is_some_and(Tree::is_object);
        if !sender || !content || object.len() != 4 {
            return Err(Fault::Shape("stripped state"));
        }
        if crate::json::write(&object).len() > super::MAX_PDU_BYTES {
            return Err(Fault::EventSize("stripped state"));
        }
        Ok(Self { object })
    }

    /// The event type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    /// The state key.
    #[must_use]
    pub fn state_key(&self) -> &str {
        self.text("state_key")
    }

    /// The user who sent the event, as far as the peer says.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.text("sender")
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

    /// The whole, ready to be written out.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }

    fn text(&self, key: &str) -> &str {
        self.object
            .get(key)
            .and_then(Tree::as_str)
            .unwrap_or_default()
    }
}

impl RoomStateElement {
    /// Takes an object as a whole event if it has signatures or hashes, else as stripped state.
    ///
    /// # Errors
    ///
    /// Those of [`Pdu::read`] and [`StrippedState::read`].
    pub fn read(object: Object, version: RoomVersion) -> Result<Self, Fault> {
        if object.contains_key("signatures") || object.contains_key("hashes") {
            return Pdu::read(object, version).map(|pdu| Self::Full(Box::new(pdu)));
        }
        StrippedState::read(object).map(Self::Stripped)
    }

    /// The event type.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Full(pdu) => pdu.kind(),
            Self::Stripped(state) => state.kind(),
        }
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &Object {
        match self {
            Self::Full(pdu) => pdu.content(),
            Self::Stripped(state) => state.content(),
        }
    }

    /// The whole, ready to be written out.
    #[must_use]
    pub fn object(&self) -> &Object {
        match self {
            Self::Full(pdu) => pdu.object(),
            Self::Stripped(state) => state.object(),
        }
    }
}
