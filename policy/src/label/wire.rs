//! The label as it is written: JSON under `org.sluice.confidentiality` in an event or in a room's state, or XML as
//! ADatP-4774 has it. Both hold the same and become each other without loss.
//!
//! ```text
//!  event, room state ─→ from_content, from_room_state ─→ json ─┐
//!  file: { ───────────→ read ──────────────────────────→ json ─┼─→ Label ─→ to_wire, to_exact_json, to_xml
//!  file: < ───────────→ read ──────────────────────────→ xml ──┘      └──→ to_json, to_record (safe to record)
//! ```
//!
//! Reading is strict: an unknown or missing key, a value of another type, an unknown category type, too much of
//! anything, an invisible character: the label is refused, never repaired. Whether it is *true* under a policy is
//! asked later, by [`super::decide`].

mod date;
pub(super) mod element;
mod error;
mod json;
pub(super) mod reading;
pub(super) mod write_json;
pub(super) mod write_xml;
pub(super) mod xml;

use std::fmt;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;

use super::{LABEL_KEY, name::RESERVED_PREFIX, spif::TagKind};

pub use error::LabelError;

/// A label's size at most, in bytes: as it stands in a file, or as compact JSON in an event, whole wire form included.
pub const MAX_LABEL_BYTES: usize = 8 * 1024;
/// Category values that one label may carry, alternatives and successors included.
pub const MAX_LABEL_VALUES: usize = 256;
/// Categories that one label may carry.
pub const MAX_LABEL_CATEGORIES: usize = 64;
/// Alternative labels that may stand beside the originator's.
pub const MAX_ALTERNATIVES: usize = 16;

/// A confidentiality label as its originator wrote it.
///
/// Serialises as [`Label::to_json`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub(super) role: Role,
    pub(super) id: Option<String>,
    pub(super) policy: PolicyIdentifier,
    pub(super) classification: String,
    pub(super) privacy_mark: Option<String>,
    pub(super) categories: Vec<Category>,
    pub(super) originator: Option<OriginatorId>,
    pub(super) created: Option<String>,
    pub(super) review: Option<String>,
    pub(super) succession: Option<Succession>,
    pub(super) alternatives: Vec<Label>,
}

/// What a label is to its data; in XML the name of the root element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The originator's own label.
    #[default]
    Originator,
    /// The originator's label, put into the words of another policy.
    Alternative,
    /// A label of the metadata, not of the data.
    Metadata,
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
    /// Object identifier of the tag set, `urn:oid:1.3.26.1.4.4`; where it is given, name and identifier must agree.
    #[serde(rename = "URI", skip_serializing_if = "Option::is_none", default)]
    pub uri: Option<String>,
    /// Names of the values.
    #[serde(rename = "GenericValue")]
    pub values: Vec<String>,
}

/// Who made a label. Never part of a decision and never recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginatorId {
    /// What kind of name it is: one of [`OriginatorId::TYPES`].
    pub id_type: String,
    /// The name.
    pub value: String,
}

/// The label that is to follow at an instant. It is kept and written again, but never acted upon: downgrade by the
/// clock alone is disputed between the standards (labels.md 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// When, RFC 3339.
    pub date: String,
    /// What follows.
    pub label: Box<Label>,
}

/// How much a reader forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: what schema and prose of the standard demand. For `label validate`.
    Strict,
    /// As the gateway reads labels of events: JSON may lack both dates, which no decision of access needs, XML the
    /// ReviewDateTime that its schema does not demand. All else as strict.
    Carried,
    /// What circulates: no CreationDateTime, no ReviewDateTime, `URL` for `URI`, elements in another order.
    Lenient,
}

/// A label, and what was forgiven to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The label.
    pub label: Label,
    /// What [`Mode::Strict`] would have refused.
    pub forgiven: Vec<LabelError>,
}

impl Label {
    /// The label without the dates and names that say who made it and when: what it means, and no more. Its
    /// alternatives, which may decide too, in the same way.
    #[must_use]
    pub fn timeless(&self) -> Label {
        Label {
            alternatives: self.alternatives.iter().map(timeless_alternative).collect(),
            policy: self.policy.clone(),
            classification: self.classification.clone(),
            categories: self.categories.clone(),
            ..Label::nobody()
        }
    }

    /// A label in a policy that cannot be loaded, because of its name: nobody is cleared for it, and it stands where a label
    /// is that cannot be told.
    #[must_use]
    pub fn nobody() -> Label {
        Label {
            role: Role::Originator,
            id: None,
            policy: PolicyIdentifier {
                name: format!("{RESERVED_PREFIX}invalid"),
                uri: None,
            },
            classification: "invalid".to_owned(),
            privacy_mark: None,
            categories: Vec::new(),
            originator: None,
            created: None,
            review: None,
            succession: None,
            alternatives: Vec::new(),
        }
    }

    /// The label that an event's content carries, `None` where it carries none.
    ///
    /// # Errors
    /// Where something stands under [`LABEL_KEY`] that is not a label; the event is then wrongly labelled, which is
    /// not the same as unlabelled.
    pub fn from_content(content: &Object) -> Result<Option<Label>, LabelError> {
        content.get(LABEL_KEY).map(Label::carried).transpose()
    }

    /// The label in the content of a room's label state, `None` where the content has no `label` (a redacted one).
    ///
    /// # Errors
    /// Where something stands under `label` that is not a label.
    pub fn from_room_state(content: &Object) -> Result<Option<Label>, LabelError> {
        content.get("label").map(Label::carried).transpose()
    }

    /// The label that an event carries: its originator's, and no label of metadata or in another policy's words alone.
    pub(crate) fn carried(tree: &Tree) -> Result<Label, LabelError> {
        let label = Label::from_tree(tree)?;
        let (key, expected) = ("Role", "absent in an event");
        match label.role {
            Role::Originator => Ok(label),
            Role::Alternative | Role::Metadata => Err(LabelError::Value { key, expected }),
        }
    }

    /// Reads the inner object or the whole wire form, told apart by the key `originator` or `schema`, as
    /// [`Mode::Carried`].
    ///
    /// # Errors
    /// Everything that is not exactly a label.
    pub fn from_tree(tree: &Tree) -> Result<Label, LabelError> {
        json::read(tree, Mode::Carried).map(|reading| reading.label)
    }

    /// Reads a file: XML, or JSON as inner object, whole wire form, wire form under its key, or content of a room's
    /// label state; told apart by content. A byte order mark is passed over.
    ///
    /// # Errors
    /// Everything that is not exactly a label, or more than `mode` forgives.
    pub fn read(bytes: &[u8], mode: Mode) -> Result<Label, LabelError> {
        Label::read_noting(bytes, mode).map(|reading| reading.label)
    }

    /// Reads a file as [`Label::read`] does, and says what was forgiven.
    ///
    /// # Errors
    /// Everything that is not exactly a label, or more than `mode` forgives.
    pub fn read_noting(bytes: &[u8], mode: Mode) -> Result<Reading, LabelError> {
        let text = without_mark(bytes);
        match text.trim_ascii_start().first() {
            Some(b'<') => xml::read(text, mode),
            Some(b'{') => json::read_file(text, mode),
            _ => Err(LabelError::Format),
        }
    }

    /// Reads an XML label.
    ///
    /// # Errors
    /// Everything that is not exactly a label, or more than `mode` forgives.
    pub fn from_xml(xml: &str, mode: Mode) -> Result<Label, LabelError> {
        xml::read(without_mark(xml.as_bytes()), mode).map(|reading| reading.label)
    }

    /// A label of the originator with nothing but what decides.
    #[must_use]
    pub fn new(
        policy: PolicyIdentifier,
        classification: String,
        categories: Vec<Category>,
    ) -> Label {
        Label {
            role: Role::Originator,
            id: None,
            policy,
            classification,
            privacy_mark: None,
            categories,
            originator: None,
            created: None,
            review: None,
            succession: None,
            alternatives: Vec::new(),
        }
    }

    /// The inner object of the wire form as answers, the audit log and the policy see it: what decides, and the dates.
    /// Without privacy mark, originator, identifier, successor and alternatives: these are free text of the sender, and
    /// what is recorded holds none. [`Label::to_exact_json`] has them.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        write_json::recorded(self)
    }

    /// [`Label::to_json`], and the alternatives in the same way: everything that can decide, to be remembered and read
    /// again by [`Label::from_tree`]. The wire form where there are alternatives, else the inner object. Of a label as
    /// [`super::Spifs::recordable`] gives it, it holds names of loaded policies only.
    #[must_use]
    pub fn to_record(&self) -> serde_json::Value {
        write_json::whole_record(self)
    }

    /// The inner object with everything that the label says, but for its alternatives.
    #[must_use]
    pub fn to_exact_json(&self) -> serde_json::Value {
        write_json::inner(self)
    }

    /// The whole wire form, alternatives included.
    #[must_use]
    pub fn to_wire(&self) -> serde_json::Value {
        write_json::wire(self)
    }

    /// The label as XML, one document. Its alternatives are documents of their own.
    #[must_use]
    pub fn to_xml(&self) -> String {
        write_xml::label(self)
    }

    /// SHA-256 over the canonical JSON of [`Label::to_exact_json`], in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        write_json::sha256(write_json::inner(self))
    }

    /// What the label is to its data.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
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

    /// The categories, as the sender spelled them; none stands twice with one name and type.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The privacy mark; never part of a decision.
    #[must_use]
    pub fn privacy_mark(&self) -> Option<&str> {
        self.privacy_mark.as_deref()
    }

    /// The same label in the words of other policies, as the sender put them beside it.
    #[must_use]
    pub fn alternatives(&self) -> &[Label] {
        &self.alternatives
    }

    /// When the label says that it was made.
    #[must_use]
    pub fn created(&self) -> Option<OffsetDateTime> {
        self.created.as_deref().and_then(date::parse)
    }

    /// When the label says that it should be looked at again. A past one does not invalidate.
    #[must_use]
    pub fn review(&self) -> Option<OffsetDateTime> {
        self.review.as_deref().and_then(date::parse)
    }
}

impl OriginatorId {
    /// The kinds of name that ADatP-4774 knows.
    pub const TYPES: [&str; 8] = [
        "rfc822Name",
        "dNSName",
        "directoryName",
        "uniformResourceIdentifier",
        "iPAddress",
        "x400Address",
        "userPrincipalName",
        "jID",
    ];
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
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

fn timeless_alternative(label: &Label) -> Label {
    Label {
        role: Role::Alternative,
        ..label.timeless()
    }
}

/// The text without a UTF-8 byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
