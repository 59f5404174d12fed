//! Reads labels from JSON.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

use super::{
    Category, Label, LabelError, MAX_ALTERNATIVES, MAX_LABEL_BYTES, Mode, OriginatorId,
    PolicyIdentifier, Reading, Role, Succession,
    reading::{self, Reader, check, token, too_many},
};
use crate::{
    json::{Limits, parse_object},
    label::{LABEL_KEY, LABEL_SCHEMA},
};

/// A file with the content of a room's label state, clearance included.
const ROOM_FILE: Limits = Limits {
    bytes: 128 * 1024,
    depth: 16,
    nodes: 8192,
};

/// Reads the inner object or the whole wire form.
pub(super) fn read(tree: &Tree, mode: Mode) -> Result<Reading, LabelError> {
    let object = object(tree, "the label")?;
    let bytes = serde_json::to_string(object).map_or(usize::MAX, |text| text.len());
    check_size(bytes)?;
    let mut reader = Reader::new(mode, false);
    let label = match object.contains_key("originator") || object.contains_key("schema") {
        true => wire(object, &mut reader)?,
        false => dated(object, &mut reader)?,
    };
    Ok(reader.done(label))
}

/// Reads a file: the forms of [`read`], the wire form under its key, or the content of a room's label state.
pub(super) fn read_file(bytes: &[u8], mode: Mode) -> Result<Reading, LabelError> {
    let object = parse_object(bytes, &ROOM_FILE).map_err(fault)?;
    if let Some(label) = object.get("label") {
        only_keys(
            &object,
            "the room's label",
            &["label", "clearance", "may_lower"],
        )?;
        return read(label, mode);
    }
    check_size(bytes.len())?;
    match object.get(LABEL_KEY) {
        Some(label) => {
            only_keys(&object, "the label", &[LABEL_KEY])?;
            read(label, mode)
        }
        None => read(&Tree::Object(object), mode),
    }
}

fn fault(fault: crate::json::Fault) -> LabelError {
    use crate::json::Fault;
    LabelError::Json(match fault {
        Fault::DuplicateKey => "a key stands twice in one object; remove one",
        Fault::Encoding => "the text is not UTF-8; save it as UTF-8",
        Fault::Size | Fault::Nodes | Fault::Depth => "too large or nested too deep; shorten it",
        _ => "correct its syntax",
    })
}

fn check_size(bytes: usize) -> Result<(), LabelError> {
    check(bytes <= MAX_LABEL_BYTES, too_many(MAX_LABEL_BYTES, "bytes"))
}

/// `{"schema", "originator", "alternative"?}`.
fn wire(object: &Object, reader: &mut Reader) -> Result<Label, LabelError> {
    only_keys(
        object,
        "the label",
        &["schema", "originator", "alternative"],
    )?;
    let schema = string(member(object, "schema")?, "schema")?;
    let (key, expected) = ("schema", LABEL_SCHEMA);
    check(schema == LABEL_SCHEMA, LabelError::Value { key, expected })?;
    let mut label = dated(
        self::object(member(object, "originator")?, "originator")?,
        reader,
    )?;
    let (key, expected) = ("Role", "absent under originator");
    check(
        label.role == Role::Originator,
        LabelError::Value { key, expected },
    )?;
    if let Some(list) = object.get("alternative") {
        label.alternatives = alternatives(array(list, "alternative")?, reader)?;
    }
    Ok(label)
}

fn alternatives(list: &[Tree], reader: &mut Reader) -> Result<Vec<Label>, LabelError> {
    check(
        list.len() <= MAX_ALTERNATIVES,
        too_many(MAX_ALTERNATIVES, "alternatives"),
    )?;
    let read = |tree: &Tree| {
        let label = dated(object(tree, "alternative")?, reader)?;
        let (key, expected) = ("Role", "absent or alternative under alternative");
        check(
            label.role != Role::Metadata,
            LabelError::Value { key, expected },
        )?;
        Ok(Label {
            role: Role::Alternative,
            ..label
        })
    };
    list.iter().map(read).collect()
}

/// The label proper, with the dates that the mode demands.
fn dated(object: &Object, reader: &mut Reader) -> Result<Label, LabelError> {
    let label = inner(object, reader)?;
    reader.demand_dates(&label)?;
    Ok(label)
}

fn inner(object: &Object, reader: &mut Reader) -> Result<Label, LabelError> {
    only_keys(object, "the label", &KEYS)?;
    let policy = self::object(member(object, "PolicyIdentifier")?, "PolicyIdentifier")?;
    Ok(Label {
        role: role(object.get("Role"))?,
        id: optional(object, "Id", reading::id)?,
        policy: self::policy(policy)?,
        classification: name(member(object, "Classification")?, "Classification")?,
        privacy_mark: optional(object, "PrivacyMark", |text| token(text, "PrivacyMark"))?,
        categories: categories(object.get("Category"), reader)?,
        originator: object.get("OriginatorID").map(originator).transpose()?,
        created: date(object, "CreationDateTime")?,
        review: date(object, "ReviewDateTime")?,
        succession: object
            .get("SuccessionHandling")
            .map(|tree| succession(tree, reader))
            .transpose()?,
        alternatives: Vec::new(),
    })
}

const KEYS: [&str; 10] = [
    "Role",
    "Id",
    "PolicyIdentifier",
    "Classification",
    "PrivacyMark",
    "Category",
    "OriginatorID",
    "CreationDateTime",
    "ReviewDateTime",
    "SuccessionHandling",
];

fn role(tree: Option<&Tree>) -> Result<Role, LabelError> {
    let Some(tree) = tree else {
        return Ok(Role::Originator);
    };
    match string(tree, "Role")? {
        "alternative" => Ok(Role::Alternative),
        "metadata" => Ok(Role::Metadata),
        _ => Err(LabelError::Value {
            key: "Role",
            expected: "alternative, metadata, or absent",
        }),
    }
}

fn policy(object: &Object) -> Result<PolicyIdentifier, LabelError> {
    only_keys(object, "PolicyIdentifier", &["name", "uri"])?;
    Ok(PolicyIdentifier {
        name: name(member(object, "name")?, "name")?,
        uri: optional(object, "uri", |text| reading::uri(text, "uri"))?,
    })
}

fn categories(tree: Option<&Tree>, reader: &mut Reader) -> Result<Vec<Category>, LabelError> {
    let Some(tree) = tree else {
        return Ok(Vec::new());
    };
    let list = array(tree, "Category")?.iter();
    reading::merge(
        list.map(|entry| category(entry, reader))
            .collect::<Result<_, _>>()?,
    )
}

fn category(tree: &Tree, reader: &mut Reader) -> Result<Category, LabelError> {
    let object = object(tree, "Category")?;
    only_keys(
        object,
        "Category",
        &["TagName", "Type", "URI", "GenericValue"],
    )?;
    let list = array(member(object, "GenericValue")?, "GenericValue")?;
    reader.count(list.len())?;
    let values = list.iter().map(|value| name(value, "GenericValue"));
    Ok(Category {
        tag_name: name(member(object, "TagName")?, "TagName")?,
        kind: reading::kind(string(member(object, "Type")?, "Type")?)?,
        uri: optional(object, "URI", |text| reading::uri(text, "URI"))?,
        values: values.collect::<Result<_, _>>()?,
    })
}

fn originator(tree: &Tree) -> Result<OriginatorId, LabelError> {
    let object = object(tree, "OriginatorID")?;
    only_keys(object, "OriginatorID", &["IDType", "value"])?;
    Ok(OriginatorId {
        id_type: reading::id_type(string(member(object, "IDType")?, "IDType")?)?,
        value: name(member(object, "value")?, "OriginatorID")?,
    })
}

fn succession(tree: &Tree, reader: &mut Reader) -> Result<Succession, LabelError> {
    let object = object(tree, "SuccessionHandling")?;
    let keys = ["SuccessionDateTime", "SuccessorConfidentialityLabel"];
    only_keys(object, "SuccessionHandling", &keys)?;
    let date = string(member(object, keys[0])?, keys[0])?;
    let label = self::object(member(object, keys[1])?, keys[1])?;
    // No successor of a successor, as in the schema; this also bounds the recursion.
    let within = keys[1];
    check(
        !label.contains_key("SuccessionHandling") && !label.contains_key("Role"),
        LabelError::UnknownKey { within },
    )?;
    Ok(Succession {
        date: reading::date(date, keys[0])?,
        label: Box::new(inner(label, reader)?),
    })
}

fn date(object: &Object, key: &'static str) -> Result<Option<String>, LabelError> {
    optional(object, key, |text| reading::date(text, key))
}

fn optional(
    object: &Object,
    key: &'static str,
    read: impl FnOnce(&str) -> Result<String, LabelError>,
) -> Result<Option<String>, LabelError> {
    object
        .get(key)
        .map(|tree| read(string(tree, key)?))
        .transpose()
}

/// A name; JSON has no reason for line ends in one, so these are refused before spaces are collapsed.
fn name(tree: &Tree, key: &'static str) -> Result<String, LabelError> {
    let text = string(tree, key)?;
    check(
        !text.chars().any(char::is_control),
        LabelError::Unclean { key },
    )?;
    token(text, key)
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
    let expected = "an object";
    tree.as_object()
        .ok_or(LabelError::WrongType { key, expected })
}

fn array<'a>(tree: &'a Tree, key: &'static str) -> Result<&'a [Tree], LabelError> {
    let expected = "an array";
    tree.as_array()
        .ok_or(LabelError::WrongType { key, expected })
}

fn string<'a>(tree: &'a Tree, key: &'static str) -> Result<&'a str, LabelError> {
    let expected = "a string";
    tree.as_str().ok_or(LabelError::WrongType { key, expected })
}
