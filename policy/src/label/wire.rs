//! The label as it travels: JSON under `org.sluice.confidentiality` in an event, or in a room's state.
//!
//! Reading is strict: an unknown or missing key, a value of another type, an unknown category type, too much of
//! anything, an invisible character: the label is refused, never repaired. Whether it is *true* under a policy is
//! asked later, by [`super::decide`].

use std::fmt;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};
use serde::{Deserialize, Deserializer, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{LABEL_KEY, LABEL_SCHEMA, name, spif::TagKind};

/// A label's size at most, in bytes of compact JSON, whole wire form included.
pub const MAX_LABEL_BYTES: usize = 8 * 1024;
/// Category values that one label may carry, alternatives included.
pub const MAX_LABEL_VALUES: usize = 256;
/// Categories that one label may carry.
pub const MAX_LABEL_CATEGORIES: usize = 64;
/// Alternative labels that may stand beside the originator's.
pub const MAX_ALTERNATIVES: usize = 16;

/// A confidentiality label as its originator wrote it; serialises to the inner object of the wire form.
///
/// Alternative labels beside it are read as strictly and then left out: only the originator's own decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    #[serde(rename = "PolicyIdentifier")]
    policy: PolicyIdentifier,
    #[serde(rename = "Classification")]
    classification: String,
    #[serde(rename = "Category")]
    categories: Vec<Category>,
    #[serde(rename = "CreationDateTime", skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(rename = "ReviewDateTime", skip_serializing_if = "Option::is_none")]
    review: Option<String>,
}

/// The security policy that a label or clearance is written in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyIdentifier {
    /// Name of the policy, such as `NATO`.
    pub name: String,
    /// Its object identifier, `urn:oid:1.3.26.1.3.1`; without it the name alone decides.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uri: Option<String>,
}

/// The values that a label or clearance has in one tag set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Name of the tag set.
    #[serde(rename = "TagName")]
    pub tag_name: String,
    /// What the values do.
    #[serde(rename = "Type")]
    pub kind: TagKind,
    /// Names of the values.
    #[serde(rename = "GenericValue")]
    pub values: Vec<String>,
}

/// Why a label was refused. Says where, never what stood there: the text is the sender's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The whole label is over a limit.
    #[error("the label has more than {limit} {what}; shorten it")]
    TooLarge {
        /// The limit that it passes.
        limit: usize,
        /// What is counted.
        what: &'static str,
    },
    /// A key that the wire form does not have.
    #[error("{within} has a key that a label does not have; remove it")]
    UnknownKey {
        /// The object that it stands in.
        within: &'static str,
    },
    /// A key that a label must have.
    #[error("{key} is missing from the label; add it")]
    Missing {
        /// The missing key.
        key: &'static str,
    },
    /// A value of the wrong JSON type.
    #[error("{key} is not {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A value outside its closed list or not in its format.
    #[error("{key} has no permitted value; it must be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An empty name, or one with invisible or control characters.
    #[error("{key} is empty or has invisible characters; write it plainly")]
    Unclean {
        /// The key.
        key: &'static str,
    },
}

impl Label {
    /// The label that an event's content carries, `None` where it carries none.
    ///
    /// # Errors
    /// Where something stands under [`LABEL_KEY`] that is not a label; the event is then wrongly labelled, which is
    /// not the same as unlabelled.
    pub fn from_content(content: &Object) -> Result<Option<Label>, LabelError> {
        content.get(LABEL_KEY).map(Label::from_tree).transpose()
    }

    /// The label in the content of a room's label state, `None` where the content has no `label` (a redacted one).
    ///
    /// # Errors
    /// Where something stands under `label` that is not a label.
    pub fn from_room_state(content: &Object) -> Result<Option<Label>, LabelError> {
        content.get("label").map(Label::from_tree).transpose()
    }

    /// Reads the inner object or the whole wire form, told apart by the key `originator` or `schema`.
    ///
    /// # Errors
    /// Everything that is not exactly a label.
    pub fn from_tree(tree: &Tree) -> Result<Label, LabelError> {
        let object = object(tree, "the label")?;
        check_size(object)?;
        let mut values = 0;
        let label = match object.contains_key("originator") || object.contains_key("schema") {
            true => read_wire(object, &mut values)?,
            false => read_inner(object, &mut values)?,
        };
        Ok(label)
    }

    /// The inner object of the wire form, as the audit log and the policy see it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }

    /// The policy that the label is written in, as the sender spelled it.
    #[must_use]
    pub fn policy(&self) -> &PolicyIdentifier {
        &self.policy
    }

    /// The classification, as the sender spelled it; see [`super::Spifs::classification`] for the policy's spelling.
    #[must_use]
    pub fn classification(&self) -> &str {
        &self.classification
    }

    /// The categories, as the sender spelled them; one tag set may stand in several.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// When the label says that it was made.
    #[must_use]
    pub fn created(&self) -> Option<OffsetDateTime> {
        self.created
            .as_deref()
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Label, D::Error> {
        let tree = Tree::deserialize(deserializer)?;
        Label::from_tree(&tree).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for PolicyIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Refuses a label over [`MAX_LABEL_BYTES`] before it is looked at.
fn check_size(object: &Object) -> Result<(), LabelError> {
    let bytes = serde_json::to_string(object).map_or(usize::MAX, |text| text.len());
    check(
        bytes <= MAX_LABEL_BYTES,
        LabelError::TooLarge {
            limit: MAX_LABEL_BYTES,
            what: "bytes",
        },
    )
}

/// `{"schema", "originator", "alternative"?}`.
fn read_wire(object: &Object, values: &mut usize) -> Result<Label, LabelError> {
    only_keys(
        object,
        "the label",
        &["schema", "originator", "alternative"],
    )?;
    let schema = string(member(object, "schema")?, "schema")?;
    check(
        schema == LABEL_SCHEMA,
        LabelError::Value {
            key: "schema",
            expected: LABEL_SCHEMA,
        },
    )?;
    let label = read_inner(
        self::object(member(object, "originator")?, "originator")?,
        values,
    )?;
    if let Some(alternatives) = object.get("alternative") {
        let alternatives = array(alternatives, "alternative")?;
        let limit = LabelError::TooLarge {
            limit: MAX_ALTERNATIVES,
            what: "alternatives",
        };
        check(alternatives.len() <= MAX_ALTERNATIVES, limit)?;
        for alternative in alternatives {
            read_inner(self::object(alternative, "alternative")?, values)?;
        }
    }
    Ok(label)
}

/// The label proper.
fn read_inner(object: &Object, values: &mut usize) -> Result<Label, LabelError> {
    let keys = [
        "PolicyIdentifier",
        "Classification",
        "Category",
        "CreationDateTime",
        "ReviewDateTime",
    ];
    only_keys(object, "the label", &keys)?;
    Ok(Label {
        policy: read_policy(self::object(
            member(object, "PolicyIdentifier")?,
            "PolicyIdentifier",
        )?)?,
        classification: clean(member(object, "Classification")?, "Classification")?,
        categories: read_categories(object.get("Category"), values)?,
        created: read_date(object.get("CreationDateTime"), "CreationDateTime")?,
        review: read_date(object.get("ReviewDateTime"), "ReviewDateTime")?,
    })
}

fn read_policy(object: &Object) -> Result<PolicyIdentifier, LabelError> {
    only_keys(object, "PolicyIdentifier", &["name", "uri"])?;
    let name = clean(member(object, "name")?, "name")?;
    let uri = object
        .get("uri")
        .map(|uri| string(uri, "uri"))
        .transpose()?;
    let valid = uri.is_none_or(name::is_oid_uri);
    check(
        valid,
        LabelError::Value {
            key: "uri",
            expected: "urn:oid: and a dotted object identifier",
        },
    )?;
    Ok(PolicyIdentifier {
        name,
        uri: uri.map(str::to_owned),
    })
}

fn read_categories(tree: Option<&Tree>, values: &mut usize) -> Result<Vec<Category>, LabelError> {
    let Some(tree) = tree else {
        return Ok(Vec::new());
    };
    let list = array(tree, "Category")?;
    let limit = LabelError::TooLarge {
        limit: MAX_LABEL_CATEGORIES,
        what: "categories",
    };
    check(list.len() <= MAX_LABEL_CATEGORIES, limit)?;
    list.iter()
        .map(|entry| read_category(entry, values))
        .collect()
}

fn read_category(tree: &Tree, values: &mut usize) -> Result<Category, LabelError> {
    let object = object(tree, "Category")?;
    only_keys(object, "Category", &["TagName", "Type", "GenericValue"])?;
    let list = array(member(object, "GenericValue")?, "GenericValue")?;
    *values += list.len();
    check(
        *values <= MAX_LABEL_VALUES,
        LabelError::TooLarge {
            limit: MAX_LABEL_VALUES,
            what: "values",
        },
    )?;
    let kind = TagKind::from_name(string(member(object, "Type")?, "Type")?);
    Ok(Category {
        tag_name: clean(member(object, "TagName")?, "TagName")?,
        kind: kind.ok_or(LabelError::Value {
            key: "Type",
            expected: "RESTRICTIVE, PERMISSIVE or INFORMATIVE",
        })?,
        values: list
            .iter()
            .map(|value| clean(value, "GenericValue"))
            .collect::<Result<_, _>>()?,
    })
}

fn read_date(tree: Option<&Tree>, key: &'static str) -> Result<Option<String>, LabelError> {
    let Some(tree) = tree else { return Ok(None) };
    let text = string(tree, key)?;
    let date = OffsetDateTime::parse(text, &Rfc3339);
    check(
        date.is_ok(),
        LabelError::Value {
            key,
            expected: "a date and time such as 2026-03-01T12:00:00Z",
        },
    )?;
    Ok(Some(text.to_owned()))
}

fn member<'a>(object: &'a Object, key: &'static str) -> Result<&'a Tree, LabelError> {
    object.get(key).ok_or(LabelError::Missing { key })
}

fn only_keys(object: &Object, within: &'static str, keys: &[&str]) -> Result<(), LabelError> {
    check(
        object.keys().all(|key| keys.contains(&key.as_str())),
        LabelError::UnknownKey { within },
    )
}

fn object<'a>(tree: &'a Tree, key: &'static str) -> Result<&'a Object, LabelError> {
    tree.as_object().ok_or(LabelError::WrongType {
        key,
        expected: "an object",
    })
}

fn array<'a>(tree: &'a Tree, key: &'static str) -> Result<&'a [Tree], LabelError> {
    let list = tree.as_array().ok_or(LabelError::WrongType {
        key,
        expected: "an array",
    })?;
    Ok(list)
}

fn string<'a>(tree: &'a Tree, key: &'static str) -> Result<&'a str, LabelError> {
    tree.as_str().ok_or(LabelError::WrongType {
        key,
        expected: "a string",
    })
}

fn clean(tree: &Tree, key: &'static str) -> Result<String, LabelError> {
    let text = string(tree, key)?;
    check(name::is_clean(text), LabelError::Unclean { key })?;
    Ok(text.to_owned())
}

fn check(holds: bool, otherwise: LabelError) -> Result<(), LabelError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests;
