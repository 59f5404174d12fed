//! When two events say the same: the hash of type and content without what changes each time something is sent again.
//!
//! Left out are what an event relates to, whom it mentions, and the dates of its label. Each of them must have exactly its
//! shape, so that nothing can hide where nobody compares: a content in which one has not is like no other.

use sha2::{Digest, Sha256};

use crate::{
    ids,
    json::{self, Object, Tree},
    label::{LABEL_KEY, Label},
};

/// Users that an event mentions at most.
const MENTIONS: usize = 100;
/// Dates of a label.
const DATES: [&str; 2] = ["CreationDateTime", "ReviewDateTime"];
/// Places in a label's wire form that hold one label or several.
const PARTS: [&str; 3] = ["originator", "alternative", "metadata"];
/// How an event may relate to another where nothing else stands beside the id. A reaction has a free text.
const RELATIONS: [&str; 3] = ["m.thread", "m.replace", "m.reference"];

/// SHA-256 over the canonical JSON of `{"type", "content"}` without what is left out; `None` where something that would be
/// left out has another shape than it must have.
#[must_use]
pub fn likeness(kind: &str, content: &Object) -> Option<[u8; 32]> {
    let mut content = content.clone();
    without(&mut content, "m.relates_to", relates_exactly)?;
    without(&mut content, "m.mentions", mentions_exactly)?;
    undate_label(&mut content)?;
    if let Some(Tree::Object(edited)) = content.get_mut("m.new_content") {
        undate_label(edited)?;
    }
    let said = Object::from([
        ("type".to_owned(), Tree::String(kind.to_owned())),
        ("content".to_owned(), Tree::Object(content)),
    ]);
    Some(Sha256::digest(json::write(&said)).into())
}

fn without(content: &mut Object, key: &str, exact: fn(&Object) -> bool) -> Option<()> {
    match content.remove(key) {
        None => Some(()),
        Some(Tree::Object(part)) => exact(&part).then_some(()),
        Some(_) => None,
    }
}

fn mentions_exactly(mentions: &Object) -> bool {
    let is_user = |user: &Tree| user.as_str().is_some_and(ids::is_user_id);
    mentions
        .iter()
        .all(|(key, value)| match (key.as_str(), value) {
            ("room", Tree::Bool(_)) => true,
            ("user_ids", Tree::Array(users)) => {
                users.len() <= MENTIONS && users.iter().all(is_user)
            }
            _ => false,
        })
}

fn relates_exactly(relates: &Object) -> bool {
    relates
        .iter()
        .all(|(key, value)| match (key.as_str(), value) {
            ("rel_type", Tree::String(kind)) => RELATIONS.contains(&kind.as_str()),
            ("event_id", id) => is_event(id),
            ("is_falling_back", Tree::Bool(_)) => true,
            ("m.in_reply_to", Tree::Object(answered)) => {
                answered.len() == 1 && answered.get("event_id").is_some_and(is_event)
            }
            _ => false,
        })
}

fn is_event(id: &Tree) -> bool {
    id.as_str().is_some_and(ids::is_event_id)
}

/// A label is read as strictly as it is judged, so what stands in the place of a date is one.
fn undate_label(content: &mut Object) -> Option<()> {
    let Some(label) = content.get_mut(LABEL_KEY) else {
        return Some(());
    };
    Label::from_tree(label).ok()?;
    if let Tree::Object(label) = label {
        undate(label);
        for part in PARTS {
            match label.get_mut(part) {
                Some(Tree::Object(part)) => undate(part),
                Some(Tree::Array(parts)) => parts
                    .iter_mut()
                    .filter_map(|part| match part {
                        Tree::Object(part) => Some(part),
                        _ => None,
                    })
                    .for_each(undate),
                _ => {}
            }
        }
    }
    Some(())
}

fn undate(label: &mut Object) {
    for date in DATES {
        label.remove(date);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(content: Value) -> Option<[u8; 32]> {
        let Tree::Object(content) = content.try_into().unwrap() else {
            return None;
        };
        likeness("m.room.message", &content)
    }

    fn label(created: &str) -> Value {
        json!({"PolicyIdentifier": {"name": "DE-SAMPLE"}, "Classification": "OFFEN", "CreationDateTime": created})
    }

    #[test]
    fn the_same_said_again_elsewhere_to_others_and_later_is_the_same() {
        let first = of(json!({"body": "x", LABEL_KEY: label("2026-03-01T12:00:00Z")}));
        let again = of(json!({
            "body": "x", LABEL_KEY: label("2027-03-01T12:00:00Z"),
            "m.mentions": {"user_ids": ["@bob:low.test"], "room": true},
            "m.relates_to": {"rel_type": "m.thread", "event_id": "$QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
                "is_falling_back": true,
                "m.in_reply_to": {"event_id": "$QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"}},
        }));
        assert!(first.is_some());
        assert_eq!(first, again);
        assert_ne!(
            first,
            of(json!({"body": "y", LABEL_KEY: label("2026-03-01T12:00:00Z")}))
        );
        assert_ne!(first, of(json!({ "body": "x" })));
        let Ok(Tree::Object(content)) = Tree::try_from(json!({"body": "x"})) else {
            return;
        };
        assert_ne!(
            likeness("m.sticker", &content),
            likeness("m.room.message", &content)
        );
    }

    #[test]
    fn nothing_hides_in_what_is_left_out() {
        for content in [
            json!({"body": "x", "m.mentions": {"user_ids": ["DE89 3704 0044 0532 0130 00"]}}),
            json!({"body": "x", "m.mentions": {"note": "secret"}}),
            json!({"body": "x", "m.mentions": "secret"}),
            json!({"body": "x", "m.relates_to": {"rel_type": "secret"}}),
            json!({"body": "x", "m.relates_to": {"rel_type": "m.annotation", "key": "secret"}}),
            json!({"body": "x", "m.relates_to": {"event_id": "secret"}}),
            json!({"body": "x", "m.relates_to": {"m.in_reply_to": {"event_id": "$a", "x": "secret"}}}),
            json!({"body": "x", LABEL_KEY: label("secret")}),
            json!({"body": "x", "m.new_content": {LABEL_KEY: "secret"}}),
        ] {
            assert_eq!(of(content.clone()), None, "{content}");
        }
    }
}
