//! Places in a body where a canary is put, and whether it may cross from there.

use serde_json::{Value, json};
use sluice::route::UnitKind;

use super::text;

/// A canary in its place.
#[derive(Debug, Clone)]
pub struct Plant {
    /// Its number.
    pub number: usize,
    /// Where it stands, in the unit or, outside of one, in the body.
    pub pointer: String,
    /// Whether it is a key that nobody knows, in the object at `pointer`.
    pub is_key: bool,
    /// The unit that it is in.
    pub kind: Option<UnitKind>,
    /// Whether the event was hashed and signed with it.
    pub resealed: bool,
}

/// The name of the key that nobody knows.
const UNKNOWN: &str = "org.example.unknown";

/// A plant for every string below, and for a key that nobody knows in every object.
pub fn plants(value: &Value, kind: Option<UnitKind>, number: &mut usize) -> Vec<Plant> {
    let mut places = Vec::new();
    collect(value, String::new(), &mut places);
    let plant = |(pointer, is_key): (String, bool)| {
        *number += 1;
        Plant {
            number: *number,
            pointer,
            is_key,
            kind,
            resealed: false,
        }
    };
    places.into_iter().map(plant).collect()
}

fn collect(value: &Value, at: String, places: &mut Vec<(String, bool)>) {
    match value {
        Value::String(_) => places.push((at, false)),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(value, format!("{at}/{index}"), places);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{at}/{name}"), places);
            }
            places.push((at, true));
        }
        _ => {}
    }
}

impl Plant {
    /// Puts it there.
    pub fn put(&self, value: &mut Value) {
        let place = value.pointer_mut(&self.pointer);
        let place = place.unwrap_or_else(|| panic!("no {}", self.pointer));
        match self.is_key {
            true => place[UNKNOWN] = json!({"note": text(self.number)}),
            false => *place = json!(text(self.number)),
        }
    }

    /// Whether it stands where people may write and where what they write is looked into.
    pub fn may_cross(&self) -> bool {
        let content = self.pointer.starts_with("/content");
        let is = |name: &str| self.pointer.split('/').nth(1) == Some(name) && !self.is_key;
        match self.kind {
            Some(UnitKind::Pdu) => self.resealed && (content || is("type") || is("state_key")),
            Some(UnitKind::StrippedState) => content || is("type") || is("state_key"),
            Some(UnitKind::Profile) => {
                is("displayname")
                    || is("avatar_url")
                    || is("m.tz")
                    || self.pointer.starts_with("/org.example.note")
            }
            Some(UnitKind::Directory | UnitKind::Summary) => {
                is("name") || is("topic") || is("avatar_url") || self.pointer.ends_with("/order")
            }
            Some(UnitKind::Search) => self.pointer.ends_with("/generic_search_term"),
            _ => false,
        }
    }
}
