//! What shows rooms to those who were not invited: the list of public rooms and the search in it, aliases, hierarchies.
//!
//! Part of stage `collect`. Each is rebuilt from the keys that the specification names and the shapes that it gives them;
//! other keys are left behind. Rooms that an entry names beside its own (children, rooms whose members may join) are left
//! out where the other side may not know of them; the entry of such a room itself is condemned by the caller.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};
use sluice_policy::ids;

use crate::refusal::Refusal;
use crate::route::MAX_LISTED_ROOMS;

/// Whether a room may be shown to the other side.
pub(crate) type Sees<'a> = &'a dyn Fn(&str) -> Result<bool, Refusal>;
/// Whether the link knows a server.
pub(crate) type Knows<'a> = &'a dyn Fn(&str) -> bool;

/// Longest name, topic or search term, in bytes. A topic may have as many as its event.
const MAX_TEXT: usize = 60_000;
/// Longest word: a room type, a join rule, an algorithm.
const MAX_WORD: usize = 128;
/// Longest place in a space's order (specification: 50 characters).
const MAX_ORDER: usize = 50;
/// Most children of one room, servers of one alias, rooms whose members may join.
const MAX_NAMES: usize = 1000;

/// A key, and whether a value fits there.
type Key = (&'static str, fn(&Value) -> bool);

/// Keys of a room in a list or a hierarchy.
const ROOM: [Key; 12] = [
    ("avatar_url", is_line),
    ("canonical_alias", is_alias),
    ("encryption", is_word),
    ("guest_can_join", is_bool),
    ("join_rule", is_word),
    ("name", is_text),
    ("num_joined_members", is_natural),
    ("room_id", is_room),
    ("room_type", is_word),
    ("room_version", is_word),
    ("topic", is_text),
    ("world_readable", is_bool),
];

/// A room of the public list: its id, and the entry from its known keys. A key that does not fit condemns the entry.
pub(crate) fn room(mut object: Object) -> Option<(String, Object)> {
    // `null` says what a key that is not there says.
    object.retain(|key, value| ROOM.iter().any(|(name, _)| name == key) && !is_null(value));
    let fits = ROOM
        .iter()
        .all(|(name, fits)| object.get(*name).is_none_or(fits));
    let room_id = object.get("room_id").and_then(Value::as_str)?.to_owned();
    fits.then_some((room_id, object))
}

/// A room of a hierarchy, with those of its children that may be shown. `knows`: servers to join through; `admits`: servers
/// whose users may be named.
///
/// # Errors
/// Those of `sees`.
pub(crate) fn summary(
    mut object: Object,
    sees: Sees<'_>,
    (knows, admits): (Knows<'_>, Knows<'_>),
) -> Result<Option<(String, Object)>, Refusal> {
    let (children, allowed) = (
        object.remove("children_state"),
        object.remove("allowed_room_ids"),
    );
    let Some((room_id, mut kept)) = room(object) else {
        return Ok(None);
    };
    if let Some(allowed) = allowed.filter(|allowed| !is_null(allowed)) {
        let Some(allowed) = rooms_shown(allowed, sees)? else {
            return Ok(None);
        };
        kept.insert("allowed_room_ids".to_owned(), allowed);
    }
    if let Some(children) = children {
        let Some(children) = children_shown(children, sees, (knows, admits))? else {
            return Ok(None);
        };
        kept.insert("children_state".to_owned(), children);
    }
    Ok(Some((room_id, kept)))
}

/// The room that an alias names, and those of its servers that the link knows.
pub(crate) fn alias(mut object: Object, knows: Knows<'_>) -> Option<(String, Object)> {
    let room_id = object.remove("room_id").filter(is_room)?;
    let Some(Value::Array(mut servers)) = object.remove("servers") else {
        return None;
    };
    servers.retain(|server| server.as_str().is_some_and(knows));
    servers.truncate(MAX_NAMES);
    let id = room_id.as_str()?.to_owned();
    let kept = Object::from([
        ("room_id".to_owned(), room_id),
        ("servers".to_owned(), Value::Array(servers)),
    ]);
    Some((id, kept))
}

/// What is looked for: a term and types of rooms. Pages, totals and networks stay behind; the list comes whole.
pub(crate) fn search(mut object: Object) -> Option<Object> {
    let mut kept = Object::from([("limit".to_owned(), Value::Integer(MAX_LISTED_ROOMS.into()))]);
    let mut filter = match object.remove("filter") {
        None | Some(Value::Null) => return Some(kept),
        Some(Value::Object(filter)) => filter,
        Some(_) => return None,
    };
    filter.retain(|key, value| {
        matches!(key.as_str(), "generic_search_term" | "room_types") && !is_null(value)
    });
    let term = filter.get("generic_search_term").is_none_or(is_text);
    let types = filter.get("room_types").is_none_or(|types| {
        let is_type = |kind: &Value| is_null(kind) || is_word(kind);
        matches!(types, Value::Array(types) if types.len() <= MAX_NAMES && types.iter().all(is_type))
    });
    kept.insert("filter".to_owned(), Value::Object(filter));
    (term && types).then_some(kept)
}

fn rooms_shown(rooms: Value, sees: Sees<'_>) -> Result<Option<Value>, Refusal> {
    let Value::Array(rooms) = rooms else {
        return Ok(None);
    };
    let mut shown = Vec::new();
    for room in rooms.into_iter().take(MAX_NAMES) {
        match room.as_str().filter(|id| ids::is_room_id(id)) {
            Some(id) if sees(id)? => shown.push(room),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(Some(Value::Array(shown)))
}

/// The stripped `m.space.child` events of a room. What is no such event is left out: nothing else belongs there. So is a
/// child that a user of a server placed who may not be in rooms that cross here: his name stands in it.
fn children_shown(
    children: Value,
    sees: Sees<'_>,
    (knows, admits): (Knows<'_>, Knows<'_>),
) -> Result<Option<Value>, Refusal> {
    let Value::Array(children) = children else {
        return Ok(None);
    };
    let mut shown = Vec::new();
    for child in children.into_iter().take(MAX_NAMES) {
        let Some((room_id, child)) = child_of(child, knows) else {
            continue;
        };
        let placed_by = child.get("sender").and_then(Value::as_str);
        let may_be_named = placed_by.and_then(ids::user_server).is_some_and(admits);
        if may_be_named && sees(&room_id)? {
            shown.push(Value::Object(child));
        }
    }
    Ok(Some(Value::Array(shown)))
}

fn child_of(child: Value, knows: Knows<'_>) -> Option<(String, Object)> {
    let Value::Object(mut child) = child else {
        return None;
    };
    let Some(Value::Object(content)) = child.remove("content") else {
        return None;
    };
    child.retain(|key, _| {
        matches!(
            key.as_str(),
            "origin_server_ts" | "sender" | "state_key" | "type"
        )
    });
    let text = |key: &str| child.get(key).and_then(Value::as_str);
    let room_id = text("state_key")
        .filter(|id| ids::is_room_id(id))?
        .to_owned();
    let whole = text("type") == Some("m.space.child")
        && text("sender").is_some_and(ids::is_user_id)
        && child.get("origin_server_ts").is_some_and(is_natural);
    child.insert(
        "content".to_owned(),
        Value::Object(child_content(content, knows)),
    );
    whole.then_some((room_id, child))
}

/// Where to join through, in which place, and whether it is recommended. What does not fit is as if it was not there.
fn child_content(mut content: Object, knows: Knows<'_>) -> Object {
    content.retain(|key, value| match (key.as_str(), value) {
        ("via", Value::Array(via)) => {
            via.retain(|server| server.as_str().is_some_and(knows));
            via.truncate(MAX_NAMES);
            true
        }
        ("order", Value::String(order)) => {
            order.len() <= MAX_ORDER && order.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        }
        ("suggested", Value::Bool(_)) => true,
        _ => false,
    });
    content
}

fn is_room(value: &Value) -> bool {
    value.as_str().is_some_and(ids::is_room_id)
}

fn is_alias(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|alias| ids::alias_server(alias).is_some())
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() <= MAX_TEXT)
}

fn is_line(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() <= ids::MAX_ID_BYTES)
}

fn is_word(value: &Value) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte);
    value
        .as_str()
        .is_some_and(|word| (1..=MAX_WORD).contains(&word.len()) && word.bytes().all(fits))
}

const fn is_null(value: &Value) -> bool {
    matches!(value, Value::Null)
}

const fn is_bool(value: &Value) -> bool {
    matches!(value, Value::Bool(_))
}

fn is_natural(value: &Value) -> bool {
    value
        .as_integer()
        .is_some_and(|number| i64::from(number) >= 0)
}

#[cfg(test)]
mod tests;
