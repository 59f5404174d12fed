//! The events that an event relates to: what it redacts, edits, answers, reacts to, and the thread that it stands in.
//!
//! A label depends on them, so every relation counts that a client could show, known or not; an id that is none is kept
//! too, because a relation that cannot be followed must not be taken for no relation.

use super::{Pdu, RoomVersion};
use crate::json::{Object, Tree};

/// How one event relates to another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Relation {
    /// It belongs to the thread that the other starts (`m.thread`).
    Thread,
    /// It edits the other (`m.replace`).
    Replace,
    /// It answers the other (`m.in_reply_to`).
    Reply,
    /// It reacts to the other (`m.annotation`).
    Annotation,
    /// It refers to the other in any further way (`m.reference` and what is unknown).
    Reference,
    /// It redacts the other.
    Redaction,
}

impl Pdu {
    /// The events that this one relates to, at most three ([`relations`]).
    #[must_use]
    pub fn targets(&self) -> Vec<(Relation, &str)> {
        relations(self.version, &self.object)
    }
}

/// The events that `event` relates to: what it redacts, what it relates to by `rel_type`, and what it answers. An id may be
/// anything that stands in its place. In ciphertext this stands in clear too.
#[must_use]
pub fn relations(version: RoomVersion, event: &Object) -> Vec<(Relation, &str)> {
    let content = event.get("content").and_then(Tree::as_object);
    let mut found = Vec::new();
    if event.get("type").and_then(Tree::as_str) == Some("m.room.redaction") {
        let place = match version.redacts_in_content() {
            true => content,
            false => Some(event),
        };
        let redacted = place.and_then(|place| place.get("redacts")?.as_str());
        found.extend(redacted.map(|event_id| (Relation::Redaction, event_id)));
    }
    let Some(relates_to) = content.and_then(|content| content.get("m.relates_to")) else {
        return found;
    };
    let Some(relates_to) = relates_to.as_object() else {
        found.push((Relation::Reference, ""));
        return found;
    };
    let kind = relates_to.get("rel_type").and_then(Tree::as_str);
    if let Some(event_id) = relates_to.get("event_id") {
        found.push((relation(kind), event_id.as_str().unwrap_or_default()));
    }
    // In a thread, clients without threads are shown the latest message as if it was answered; nobody answered it.
    let fallback =
        kind == Some("m.thread") && relates_to.get("is_falling_back") == Some(&Tree::Bool(true));
    if let Some(answered) = relates_to.get("m.in_reply_to").filter(|_| !fallback) {
        let event_id = answered
            .as_object()
            .and_then(|answered| answered.get("event_id")?.as_str());
        found.push((Relation::Reply, event_id.unwrap_or_default()));
    }
    found
}

fn relation(kind: Option<&str>) -> Relation {
    match kind {
        Some("m.thread") => Relation::Thread,
        Some("m.replace") => Relation::Replace,
        Some("m.annotation") => Relation::Annotation,
        _ => Relation::Reference,
    }
}
