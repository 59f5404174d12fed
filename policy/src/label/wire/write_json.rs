//! Writes labels as JSON.

use ruma_common::CanonicalJsonValue as Tree;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Label, Role, reading::kind_name};
use crate::{json::write_tree, label::LABEL_SCHEMA};

/// What decides, and the dates.
pub(super) fn recorded(label: &Label) -> Value {
    Value::Object(deciding(label))
}

/// What decides, and the dates, of the label and its alternatives: the wire form where there are any.
pub(super) fn whole_record(label: &Label) -> Value {
    if label.alternatives.is_empty() {
        return recorded(label);
    }
    let alternatives: Vec<Value> = label.alternatives.iter().map(recorded).collect();
    json!({"schema": LABEL_SCHEMA, "originator": recorded(label), "alternative": alternatives})
}

/// Everything but the alternatives.
pub(super) fn inner(label: &Label) -> Value {
    let mut object = deciding(label);
    let role = match label.role {
        Role::Originator => None,
        Role::Alternative => Some("alternative"),
        Role::Metadata => Some("metadata"),
    };
    let originator = label
        .originator
        .as_ref()
        .map(|originator| json!({"IDType": originator.id_type, "value": originator.value}));
    let succession = label.succession.as_ref().map(|succession| {
        json!({
            "SuccessionDateTime": succession.date,
            "SuccessorConfidentialityLabel": inner(&succession.label),
        })
    });
    let more = [
        ("Role", role.map(Value::from)),
        ("Id", label.id.clone().map(Value::from)),
        ("PrivacyMark", label.privacy_mark.clone().map(Value::from)),
        ("OriginatorID", originator),
        ("SuccessionHandling", succession),
    ];
    insert(&mut object, more);
    Value::Object(object)
}

/// `{"schema", "originator", "alternative"}`.
pub(super) fn wire(label: &Label) -> Value {
    let alternatives = label.alternatives.iter().map(|alternative| {
        inner(&Label {
            role: Role::Originator,
            ..alternative.clone()
        })
    });
    json!({
        "schema": LABEL_SCHEMA,
        "originator": inner(label),
        "alternative": alternatives.collect::<Vec<_>>(),
    })
}

/// SHA-256 over the canonical form, in hexadecimal.
pub(in crate::label) fn sha256(value: Value) -> String {
    // Labels and clearances hold texts only, which always have a canonical form.
    let bytes = Tree::try_from(value).map_or_else(|_| Vec::new(), |tree| write_tree(&tree));
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn deciding(label: &Label) -> Map<String, Value> {
    let mut object = Map::new();
    let categories = label.categories.iter().map(|category| {
        let mut object = Map::new();
        let members = [
            ("TagName", Some(Value::from(category.tag_name.clone()))),
            ("Type", Some(Value::from(kind_name(category.kind)))),
            ("URI", category.uri.clone().map(Value::from)),
            ("GenericValue", Some(Value::from(category.values.clone()))),
        ];
        insert(&mut object, members);
        Value::Object(object)
    });
    let mut policy = Map::new();
    let identifier = [
        ("name", Some(Value::from(label.policy.name.clone()))),
        ("uri", label.policy.uri.clone().map(Value::from)),
    ];
    insert(&mut policy, identifier);
    let members = [
        ("PolicyIdentifier", Some(Value::Object(policy))),
        (
            "Classification",
            Some(Value::from(label.classification.clone())),
        ),
        ("Category", Some(categories.collect())),
        ("CreationDateTime", label.created.clone().map(Value::from)),
        ("ReviewDateTime", label.review.clone().map(Value::from)),
    ];
    insert(&mut object, members);
    object
}

fn insert<const N: usize>(
    object: &mut Map<String, Value>,
    members: [(&'static str, Option<Value>); N],
) {
    let present = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    object.extend(present);
}
