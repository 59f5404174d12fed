//! Membership templates: what `make_join`, `make_leave` and `make_knock` answer, to be filled in and signed.

use super::RoomVersion;
use super::shape::{MAX_AUTH_EVENTS, MAX_PREV_EVENTS, event_ids, natural};
use crate::ids;
use crate::json::{Fault, Object, Tree};

/// Keys of a template that go on; others are taken away.
const KEYS: [&str; 9] = [
    "auth_events",
    "content",
    "depth",
    "origin_server_ts",
    "prev_events",
    "room_id",
    "sender",
    "state_key",
    "type",
];

/// Keys of its content that go on.
const CONTENT_KEYS: [&str; 2] = ["join_authorised_via_users_server", "membership"];

/// A member event that is not signed yet, with nothing but the keys that the asking server needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    object: Object,
}

impl Template {
    /// Takes the template for a membership (`join`, `leave` or `knock`).
    ///
    /// # Errors
    ///
    /// [`Fault::Shape`] or [`Fault::EventSize`], naming the field.
    pub fn read(mut object: Object, version: RoomVersion, membership: &str) -> Result<Self, Fault> {
        object.retain(|key, _| KEYS.contains(&key.as_str()));
        let content = object
            .get_mut("content")
            .and_then(Tree::as_object_mut)
            .ok_or(Fault::Shape("content"))?;
        content.retain(|key, _| CONTENT_KEYS.contains(&key.as_str()));
        check_content(content, membership)?;
        let template = Self { object };
        template.check(version)?;
        Ok(template)
    }

    /// The room.
    #[must_use]
    pub fn room_id(&self) -> &str {
        self.text("room_id")
    }

    /// The user whose membership it is.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.text("sender")
    }

    /// The content: `membership`, and on a restricted join the user who lets it in.
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

    fn check(&self, version: RoomVersion) -> Result<(), Fault> {
        let room = if version == RoomVersion::V12 {
            ids::is_hash_room_id
        } else {
            ids::is_domain_room_id
        };
        if self.text("type") != "m.room.member" {
            return Err(Fault::Shape("type"));
        }
        if !room(self.room_id()) {
            return Err(Fault::Shape("room_id"));
        }
        if !ids::is_user_id(self.sender()) || self.sender() != self.text("state_key") {
            return Err(Fault::Shape("sender"));
        }
        event_ids(self.value("auth_events"), MAX_AUTH_EVENTS, "auth_events")?;
        event_ids(self.value("prev_events"), MAX_PREV_EVENTS, "prev_events")?;
        natural(self.value("depth"), "depth")?;
        match self.object.get("origin_server_ts") {
            Some(time) => natural(time, "origin_server_ts"),
            None => Ok(()),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.object
            .get(key)
            .and_then(Tree::as_str)
            .unwrap_or_default()
    }

    fn value(&self, key: &str) -> &Tree {
        static NULL: Tree = Tree::Null;
        self.object.get(key).unwrap_or(&NULL)
    }
}

fn check_content(content: &Object, membership: &str) -> Result<(), Fault> {
    if content.get("membership").and_then(Tree::as_str) != Some(membership) {
        return Err(Fault::Shape("membership"));
    }
    match content.get("join_authorised_via_users_server") {
        Some(user) if !user.as_str().is_some_and(ids::is_user_id) => {
            Err(Fault::Shape("join_authorised_via_users_server"))
        }
        _ => Ok(()),
    }
}
