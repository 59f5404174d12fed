//! EDUs: what servers tell each other beside events, in a closed list of types.
//!
//! An [`Edu`] is rebuilt from the keys that its type knows; names, status messages, tracing data and unknown keys do
//! not survive [`Edu::read`]. Nothing signs an EDU, so whose it is follows from the connection: every user that
//! [`Edu::user_servers`] names must belong to the origin.

use std::collections::BTreeSet;

use crate::ids;
use crate::json::{Fault, Object, Tree};

mod shape;
mod to_device;

#[cfg(test)]
mod tests;

/// Longest `message_id` of a to-device message, in code points (specification); printable ASCII alone crosses.
const MAX_MESSAGE_ID_CHARS: usize = 32;

/// The types of EDU that cross at all.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EduKind {
    /// `m.typing`
    Typing,
    /// `m.receipt`
    Receipt,
    /// `m.presence`
    Presence,
    /// `m.device_list_update`
    DeviceListUpdate,
    /// `m.signing_key_update`, and the older `org.matrix.signing_key_update`
    SigningKeyUpdate,
    /// `m.direct_to_device`
    DirectToDevice,
}

impl EduKind {
    /// The name of the type on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typing => "m.typing",
            Self::Receipt => "m.receipt",
            Self::Presence => "m.presence",
            Self::DeviceListUpdate => "m.device_list_update",
            Self::SigningKeyUpdate => "m.signing_key_update",
            Self::DirectToDevice => "m.direct_to_device",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "m.typing" => Some(Self::Typing),
            "m.receipt" => Some(Self::Receipt),
            "m.presence" => Some(Self::Presence),
            "m.device_list_update" => Some(Self::DeviceListUpdate),
            "m.signing_key_update" | "org.matrix.signing_key_update" => {
                Some(Self::SigningKeyUpdate)
            }
            "m.direct_to_device" => Some(Self::DirectToDevice),
            _ => None,
        }
    }
}

/// An EDU of a known type and the right shape, with known keys only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edu {
    kind: EduKind,
    /// The type as it was named.
    name: String,
    content: Object,
}

impl Edu {
    /// Takes an object as an EDU.
    ///
    /// # Errors
    ///
    /// [`Fault::EduUnknownType`], or [`Fault::EduShape`] naming the field.
    pub fn read(mut object: Object) -> Result<Self, Fault> {
        let name = match object.remove("edu_type") {
            Some(Tree::String(name)) => name,
            _ => return Err(Fault::EduShape("edu_type")),
        };
        let content = match object.remove("content") {
            Some(Tree::Object(content)) => content,
            _ => return Err(Fault::EduShape("content")),
        };
        let kind = EduKind::parse(&name).ok_or(Fault::EduUnknownType)?;
        Ok(Self {
            kind,
            name,
            content: shape::rebuild(kind, content)?,
        })
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> EduKind {
        self.kind
    }

    /// The content: known keys only.
    #[must_use]
    pub fn content(&self) -> &Object {
        &self.content
    }

    /// The servers of all users for whom the EDU speaks. Each must be the origin.
    #[must_use]
    pub fn user_servers(&self) -> BTreeSet<&str> {
        self.users()
            .into_iter()
            .filter_map(ids::user_server)
            .collect()
    }

    /// The users for whom the EDU speaks.
    #[must_use]
    pub fn users(&self) -> Vec<&str> {
        match self.kind {
            EduKind::Receipt => self
                .receipts()
                .flat_map(|(_, users)| users.keys().map(String::as_str))
                .collect(),
            EduKind::Presence => {
                let pushes = self
                    .content
                    .get("push")
                    .and_then(Tree::as_array)
                    .unwrap_or_default();
                pushes
                    .iter()
                    .filter_map(|push| text(push.as_object()?, "user_id"))
                    .collect()
            }
            EduKind::DirectToDevice => text(&self.content, "sender").into_iter().collect(),
            EduKind::Typing | EduKind::DeviceListUpdate | EduKind::SigningKeyUpdate => {
                text(&self.content, "user_id").into_iter().collect()
            }
        }
    }

    /// The servers of those whom a to-device message is for; of any other type it is for nobody by name.
    #[must_use]
    pub fn recipient_servers(&self) -> BTreeSet<&str> {
        let messages = match self.kind {
            EduKind::DirectToDevice => self.content.get("messages").and_then(Tree::as_object),
            _ => None,
        };
        let users = messages.into_iter().flat_map(Object::keys);
        users.filter_map(|user| ids::user_server(user)).collect()
    }

    /// The rooms that the EDU is about. Presence, keys and to-device messages have none.
    #[must_use]
    pub fn room_ids(&self) -> Vec<&str> {
        match self.kind {
            EduKind::Typing => text(&self.content, "room_id").into_iter().collect(),
            EduKind::Receipt => self.content.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Takes away what is about rooms that the answer is no for. False if nothing is left of the EDU; true for one
    /// that is about no room.
    #[must_use]
    pub fn retain_rooms(&mut self, mut keep: impl FnMut(&str) -> bool) -> bool {
        match self.kind {
            EduKind::Typing => text(&self.content, "room_id").is_some_and(keep),
            EduKind::Receipt => {
                self.content.retain(|room, _| keep(room));
                !self.content.is_empty()
            }
            _ => true,
        }
    }

    /// The EDU, ready to be written out.
    #[must_use]
    pub fn outgoing(&self) -> Object {
        Object::from([
            ("content".to_owned(), Tree::Object(self.content.clone())),
            ("edu_type".to_owned(), Tree::String(self.name.clone())),
        ])
    }

    /// Room and users of each set of read receipts.
    fn receipts(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.content.iter().filter_map(|(room, by_type)| {
            Some((
                room.as_str(),
                by_type.as_object()?.get("m.read")?.as_object()?,
            ))
        })
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Tree::as_str)
}
