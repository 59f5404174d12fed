//! The XML form. The root and `ClassificationList` stand in the namespace of clearances, what they share with labels in
//! that of labels.

use super::{Clearance, ClearanceError, MAX_CLEARANCE_BYTES, MAX_CLEARANCE_NAMES, Written};
use crate::label::{
    LABEL_SCHEMA,
    wire::{
        LabelError, PolicyIdentifier,
        element::{CLEARANCE_SCHEMA, Element, document},
        reading::{self, token},
        write_xml::{self, DECLARATION, Writer},
        xml::{categories, missing, name},
    },
    xml::Limits,
};

const LIMITS: Limits = Limits {
    bytes: MAX_CLEARANCE_BYTES,
    // An element, its text and the space before it, for each name.
    nodes: 4 * MAX_CLEARANCE_NAMES as u32,
    depth: 16,
};

const ROOT: &str = "ConfidentialityClearance";
const CHILDREN: [(&str, &str); 3] = [
    (LABEL_SCHEMA, "PolicyIdentifier"),
    (CLEARANCE_SCHEMA, "ClassificationList"),
    (LABEL_SCHEMA, "Category"),
];

/// Reads one clearance.
pub(super) fn read(bytes: &[u8]) -> Result<Clearance, ClearanceError> {
    super::check_size(bytes)?;
    let document = document(bytes, LIMITS)?;
    let root = Element::root(&document, CLEARANCE_SCHEMA, &[ROOT]).ok_or_else(|| {
        ClearanceError(format!(
            "the root element is not {ROOT} in the namespace {CLEARANCE_SCHEMA}; correct it"
        ))
    })?;
    written(root)?.try_into()
}

fn written(root: Element<'_, '_>) -> Result<Written, LabelError> {
    let [] = root.attributes([])?;
    let (mut policy, mut list, mut read) = (None, None, Vec::new());
    let mut reached = 0;
    for (place, child) in root.children(&CHILDREN)? {
        if place < reached {
            return Err(child.wrong(LabelError::Order { key: child.name() }));
        }
        reached = place;
        match place {
            0 => once(&mut policy, child)?,
            1 => once(&mut list, child)?,
            _ => read.push(categories(child)?),
        }
    }
    let policy = policy.ok_or_else(|| missing(root, "PolicyIdentifier"))?;
    let list = list.ok_or_else(|| missing(root, "ClassificationList"))?;
    Ok(Written {
        policy: identifier(policy)?,
        classifications: classifications(list)?,
        categories: read,
    })
}

fn once<'a, 'input>(
    place: &mut Option<Element<'a, 'input>>,
    child: Element<'a, 'input>,
) -> Result<(), LabelError> {
    match place.replace(child) {
        None => Ok(()),
        Some(_) => Err(child.wrong(LabelError::Repeated { key: child.name() })),
    }
}

fn identifier(element: Element<'_, '_>) -> Result<PolicyIdentifier, LabelError> {
    let wrong = |mistake| element.wrong(mistake);
    let [uri] = element.attributes(["URI"])?;
    let uri = uri.map(|uri| reading::uri(&uri, "URI")).transpose();
    Ok(PolicyIdentifier {
        name: token(&element.text()?, "PolicyIdentifier").map_err(wrong)?,
        uri: uri.map_err(wrong)?,
    })
}

fn classifications(list: Element<'_, '_>) -> Result<Vec<String>, LabelError> {
    let [] = list.attributes([])?;
    let children = list.children(&[(LABEL_SCHEMA, "Classification")])?;
    children.into_iter().map(|(_, child)| name(child)).collect()
}

/// The one form in which a clearance is written.
pub(super) fn write(clearance: &Clearance) -> String {
    let mut writer = Writer::new(DECLARATION);
    let root = format!("c:{ROOT}");
    let namespaces = [
        ("xmlns:c", Some(CLEARANCE_SCHEMA)),
        ("xmlns", Some(LABEL_SCHEMA)),
    ];
    writer.open(&root, &namespaces);
    write_xml::policy(&mut writer, &clearance.policy);
    writer.open("c:ClassificationList", &[]);
    for name in &clearance.classifications {
        writer.leaf("Classification", &[], name);
    }
    writer.close("c:ClassificationList");
    for category in &clearance.categories {
        write_xml::category(&mut writer, category);
    }
    writer.close(&root);
    writer.done()
}
