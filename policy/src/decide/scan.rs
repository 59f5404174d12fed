//! What the detectors see of a unit: all of it, but for the names of its labels and of its room's ceiling.
//!
//! A label says `GEHEIM` because its event is, and a detector of markings would take that for a marking in the text. Names
//! are left out only where all of a label are names of a loaded policy, as that spells them: so nothing else can hide
//! there. All other keys, and every label that is not so, are scanned as text.

use time::OffsetDateTime;

use super::{Scene, UnitFacts, bearing::NEW_CONTENT};
use crate::{
    dlp::{Finding, Scan, ScanError, said},
    facts::Kind,
    json::{Object, Tree},
    label::{Category, LABEL_KEY, Label, ROOM_LABEL_TYPE, RoomLabel, Spifs},
};

/// Key of the label in a room's label state.
const ROOM_LABEL: &str = "label";
/// Key of the ceiling in a room's label state.
const CEILING: &str = "clearance";

impl Scene<'_> {
    /// The whole unit is scanned: names and ids can carry text as well as the content can.
    pub(super) fn scan(&self, unit: &UnitFacts<'_>) -> Result<Vec<Finding>, ScanError> {
        let detectors = &self.bundle.detectors;
        let options = Scan {
            link: Some(self.link.name),
            room: unit.room_id,
            key: self.bundle.value_key.as_ref(),
        };
        let kind = (unit.event_type, unit.state_key);
        let content = without_label_names(unit.content, kind, &self.bundle.spifs, self.at);
        let content = content.unwrap_or_else(|| unit.content.clone());
        // One scan, so that all of the unit has one budget and is counted together.
        let mut whole = Object::from([("content".to_owned(), Tree::Object(content))]);
        let fields = [
            ("type", Some(unit.event_type)),
            ("sender", unit.sender),
            ("state_key", unit.state_key),
            ("room_id", unit.room_id),
        ];
        for (key, text) in fields {
            if let Some(text) = text {
                whole.insert(key.to_owned(), Tree::String(text.to_owned()));
            }
        }
        let whole = Tree::Object(whole);
        if unit.kind != Kind::Pdu {
            return detectors.scan_with(&options, &whole, "/event");
        }
        let content = whole.as_object().and_then(|whole| whole.get("content"));
        let content = content.and_then(Tree::as_object).unwrap_or(unit.content);
        let said = said(unit.event_type, content, "/event/content");
        detectors.scan_together(&options, (&whole, "/event"), &unit.around, &said)
    }
}

/// The content of an event of this type and state key without the names of its labels; `None` where it has none.
#[must_use]
pub fn without_label_names(
    content: &Object,
    (event_type, state_key): (&str, Option<&str>),
    spifs: &Spifs,
    at: OffsetDateTime,
) -> Option<Object> {
    let labels_room = event_type == ROOM_LABEL_TYPE && state_key == Some("");
    let labelled =
        labels_room || content.contains_key(LABEL_KEY) || content.contains_key(NEW_CONTENT);
    if !labelled {
        return None;
    }
    let names = Names { spifs, at };
    let mut left = content.clone();
    names.strip(&mut left, LABEL_KEY);
    if let Some(Tree::Object(edited)) = left.get_mut(NEW_CONTENT) {
        names.strip(edited, LABEL_KEY);
    }
    if labels_room && let Ok(room) = RoomLabel::from_content(content) {
        names.strip(&mut left, ROOM_LABEL);
        names.strip_ceiling(&mut left, &room);
    }
    Some(left)
}

/// The names of the loaded policies, at an instant.
struct Names<'a> {
    spifs: &'a Spifs,
    at: OffsetDateTime,
}

impl Names<'_> {
    /// A ceiling names the levels that may be talked of in the room, most of them higher than the label state itself.
    fn strip_ceiling(&self, content: &mut Object, room: &RoomLabel) {
        let ceiling = room.clearance.as_ref();
        let is_known = ceiling.is_some_and(|ceiling| self.spifs.clear(ceiling).is_ok());
        if is_known && let Some(Tree::Object(ceiling)) = content.get_mut(CEILING) {
            ceiling.remove("ClassificationList");
        }
    }

    /// Takes the names out of the label under `key`, and out of its alternatives in other policies, which the decision on
    /// labels reads. One in the label's own policy decides nothing and is text.
    fn strip(&self, content: &mut Object, key: &str) {
        let Some(Tree::Object(written)) = content.get_mut(key) else {
            return;
        };
        let Ok(label) = Label::carried(&Tree::Object(written.clone())) else {
            return;
        };
        let Some(spelt) = self.spifs.recordable(&label, self.at) else {
            return;
        };
        if let Some(Tree::Array(alternatives)) = written.get_mut("alternative") {
            for (written, other) in alternatives.iter_mut().zip(label.alternatives()) {
                match (written, self.spifs.recordable(other, self.at)) {
                    (Tree::Object(written), Some(other))
                        if other.policy().name != spelt.policy().name =>
                    {
                        strip_names(written, &other);
                    }
                    _ => {}
                }
            }
        }
        let inner = match written.get_mut("originator") {
            Some(Tree::Object(inner)) => inner,
            _ => written,
        };
        strip_names(inner, &spelt);
    }
}

/// Takes the names out of a label that says nothing else than `spelt`.
fn strip_names(written: &mut Object, spelt: &Label) {
    if says_only(written, spelt) {
        remove_names(written);
    }
}

/// Whether every name that is written is one of `spelt`, letter by letter.
fn says_only(written: &Object, spelt: &Label) -> bool {
    let policy = written.get("PolicyIdentifier").and_then(Tree::as_object);
    policy.is_some_and(|policy| is_text(policy.get("name"), &spelt.policy().name))
        && is_text(written.get("Classification"), spelt.classification())
        && entries(written).all(|entry| is_said(entry, spelt))
}

/// Whether a category is one of `spelt`, and so each of its values.
fn is_said(entry: &Tree, spelt: &Label) -> bool {
    let Some(entry) = entry.as_object() else {
        return false;
    };
    let categories = spelt.categories().iter();
    let of_set: Vec<&Category> = categories
        .filter(|category| is_text(entry.get("TagName"), &category.tag_name))
        .collect();
    let is_said = |value: &Tree| {
        let mut said = of_set.iter().flat_map(|category| &category.values);
        said.any(|said| value.as_str() == Some(said))
    };
    let values = entry.get("GenericValue").and_then(Tree::as_array);
    !of_set.is_empty() && values.is_some_and(|values| values.iter().all(is_said))
}

fn remove_names(written: &mut Object) {
    written.remove("Classification");
    if let Some(Tree::Object(policy)) = written.get_mut("PolicyIdentifier") {
        policy.remove("name");
    }
    let Some(Tree::Array(entries)) = written.get_mut("Category") else {
        return;
    };
    for entry in entries {
        if let Tree::Object(entry) = entry {
            entry.remove("TagName");
            entry.remove("GenericValue");
        }
    }
}

fn entries(written: &Object) -> impl Iterator<Item = &Tree> {
    let entries = written.get("Category").and_then(Tree::as_array);
    entries.into_iter().flatten()
}

fn is_text(written: Option<&Tree>, name: &str) -> bool {
    written.and_then(Tree::as_str) == Some(name)
}
