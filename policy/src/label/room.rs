//! What a room's label state says: the label of its events, its ceiling, and who may lower labels in it.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

use super::{
    Clearance, Label, LabelError, PolicyIdentifier, Spifs,
    name::Key,
    spif::{Resolved, TagKind},
};
use crate::ids::is_user_id;

/// Users that a room may name as those who may lower labels.
pub const MAX_MAY_LOWER: usize = 256;

const LABEL: &str = "label";
const CLEARANCE: &str = "clearance";
const MAY_LOWER: &str = "may_lower";

/// The content of the state event `org.sluice.room_confidentiality`:
/// `{"label": wire or inner form, "clearance": clearance JSON, "may_lower": ["@user:server"]}`, each key optional.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoomLabel {
    /// The label of events in the room that have none of their own; `None` after the state event was redacted.
    pub label: Option<Label>,
    /// What may be said in the room; without it, what carries a label may not be above the room's.
    pub clearance: Option<Clearance>,
    /// User ids of those who may label an event lower than the event that it relates to.
    pub may_lower: Vec<String>,
}

impl RoomLabel {
    /// Whether nobody is cleared for the room because what it says could not be told.
    #[must_use]
    pub fn is_nobodys(&self) -> bool {
        self.label == Some(Label::nobody())
    }

    /// Reads the content of a room's label state.
    ///
    /// # Errors
    /// An unknown key, something in a key's place that it is not, more than [`MAX_MAY_LOWER`] users.
    pub fn from_content(content: &Object) -> Result<RoomLabel, LabelError> {
        let known = |key: &String| [LABEL, CLEARANCE, MAY_LOWER].contains(&key.as_str());
        if !content.keys().all(known) {
            return Err(LabelError::UnknownKey {
                within: "the room's label",
            });
        }
        Ok(RoomLabel {
            label: content.get(LABEL).map(Label::carried).transpose()?,
            clearance: content.get(CLEARANCE).map(read_clearance).transpose()?,
            may_lower: content
                .get(MAY_LOWER)
                .map(read_users)
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// The content again, with the label as [`Label::to_record`] has it; what is absent is left out.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut content = serde_json::Map::new();
        if let Some(label) = &self.label {
            content.insert(LABEL.to_owned(), label.to_record());
        }
        if let Some(clearance) = &self.clearance {
            let clearance = serde_json::to_value(clearance).unwrap_or(serde_json::Value::Null);
            content.insert(CLEARANCE.to_owned(), clearance);
        }
        if !self.may_lower.is_empty() {
            content.insert(MAY_LOWER.to_owned(), self.may_lower.clone().into());
        }
        content.into()
    }

    /// Reads what [`RoomLabel::to_json`] wrote.
    ///
    /// # Errors
    /// As [`RoomLabel::from_content`]; also what is no object or cannot stand in an event.
    pub fn from_json(value: &serde_json::Value) -> Result<RoomLabel, LabelError> {
        match Tree::try_from(value.clone()) {
            Ok(Tree::Object(content)) => RoomLabel::from_content(&content),
            _ => Err(LabelError::WrongType {
                key: "the room's label",
                expected: "an object",
            }),
        }
    }

    /// Whether the room names this user as one who may lower labels.
    #[must_use]
    pub fn lets_lower(&self, user: &str) -> bool {
        self.may_lower.iter().any(|named| named == user)
    }
}

impl From<Label> for RoomLabel {
    /// A room that has a label and says nothing else.
    fn from(label: Label) -> Self {
        Self {
            label: Some(label),
            ..Self::default()
        }
    }
}

/// Whether everything that `narrow` permits is named in `wide` too. False where that is not plain: another policy, a
/// level or a value that `wide` does not list.
pub fn clearance_within(narrow: &Clearance, wide: &Clearance, spifs: &Spifs) -> bool {
    let oid = |policy: &PolicyIdentifier| match spifs.resolve(policy) {
        Resolved::One(spif) => Some(spif.oid.clone()),
        Resolved::Unknown | Resolved::Mismatch => None,
    };
    let policy = oid(&narrow.policy);
    let levels: Vec<Key> = wide
        .classifications
        .iter()
        .map(|name| Key::of(name))
        .collect();
    let values: Vec<Value> = values(wide).collect();
    policy.is_some()
        && policy == oid(&wide.policy)
        && narrow
            .classifications
            .iter()
            .all(|name| levels.contains(&Key::of(name)))
        && self::values(narrow).all(|value| values.contains(&value))
}

/// Tag set, type and name: a set may have a permissive and a restrictive value of one name.
type Value = (Key, TagKind, Key);

/// The values of a clearance, each with its tag set and type.
fn values(clearance: &Clearance) -> impl Iterator<Item = Value> + '_ {
    let of_set = |category: &super::Category| {
        let (set, kind) = (Key::of(&category.tag_name), category.kind);
        let values = category.values.iter();
        values
            .map(move |value| (set.clone(), kind, Key::of(value)))
            .collect::<Vec<_>>()
    };
    clearance.categories.iter().flat_map(of_set)
}

fn read_clearance(tree: &Tree) -> Result<Clearance, LabelError> {
    let wrong = LabelError::Value {
        key: CLEARANCE,
        expected: "a clearance: PolicyIdentifier, ClassificationList, Category",
    };
    let text = serde_json::to_string(tree).map_err(|_| wrong.clone())?;
    Clearance::parse(&text).map_err(|_| wrong)
}

fn read_users(tree: &Tree) -> Result<Vec<String>, LabelError> {
    let wrong = LabelError::WrongType {
        key: MAY_LOWER,
        expected: "an array of user ids such as @alice:high.example",
    };
    let list = tree.as_array().ok_or_else(|| wrong.clone())?;
    if list.len() > MAX_MAY_LOWER {
        return Err(LabelError::TooLarge {
            limit: MAX_MAY_LOWER,
            what: "users in may_lower",
        });
    }
    list.iter()
        .map(|user| user.as_str().filter(|user| is_user_id(user)))
        .map(|user| user.map(str::to_owned).ok_or_else(|| wrong.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
