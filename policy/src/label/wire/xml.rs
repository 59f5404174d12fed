//! Reads labels from XML, as ADatP-4774 has them.

use super::{
    Category, Label, LabelError, MAX_LABEL_BYTES, Mode, OriginatorId, PolicyIdentifier, Reading,
    Role, Succession,
    element::{Element, document},
    reading::{self, Reader, check, token, too_many},
};
use crate::label::{LABEL_SCHEMA, xml::Limits};

/// What an XML label may have at most; the size is checked before, with a text of its own.
const LIMITS: Limits = Limits {
    bytes: MAX_LABEL_BYTES,
    nodes: 4096,
    depth: 16,
};

/// The roots that a label may have; the last one is kept for compatibility by the standard.
const ROOTS: [&str; 4] = [
    "originatorConfidentialityLabel",
    "alternativeConfidentialityLabel",
    "metadataConfidentialityLabel",
    "ConfidentialityLabel",
];

/// Reads one label.
pub(super) fn read(bytes: &[u8], mode: Mode) -> Result<Reading, LabelError> {
    check(
        bytes.len() <= MAX_LABEL_BYTES,
        too_many(MAX_LABEL_BYTES, "bytes"),
    )?;
    let document = document(bytes, LIMITS)?;
    let root = Element::root(&document, LABEL_SCHEMA, &ROOTS).ok_or(LabelError::Xml {
        code: "root",
        what: "the root element is no confidentiality label of ADatP-4774; correct its name or namespace",
    })?;
    let mut reader = Reader::new(mode, true);
    let label = label(root, role(root.name()), true, &mut reader)?;
    reader
        .demand_dates(&label)
        .map_err(|mistake| root.wrong(mistake))?;
    Ok(reader.done(label))
}

fn role(root: &str) -> Role {
    match root {
        "alternativeConfidentialityLabel" => Role::Alternative,
        "metadataConfidentialityLabel" => Role::Metadata,
        _ => Role::Originator,
    }
}

/// Children of a label, in their order.
const LABEL: [(&str, &str); 4] = [
    (LABEL_SCHEMA, "ConfidentialityInformation"),
    (LABEL_SCHEMA, "OriginatorID"),
    (LABEL_SCHEMA, "CreationDateTime"),
    (LABEL_SCHEMA, "SuccessionHandling"),
];

/// A label, or with `successors` false one that succeeds another and has no successor of its own.
fn label(
    root: Element<'_, '_>,
    role: Role,
    successors: bool,
    reader: &mut Reader,
) -> Result<Label, LabelError> {
    let [id, review] = root.attributes(["Id", "ReviewDateTime"])?;
    let known = if successors { &LABEL[..] } else { &LABEL[..3] };
    let mut once = once(root, known, reader)?;
    let mut take = |place: usize| once.get_mut(place).and_then(Option::take);
    let information = take(0).ok_or_else(|| missing(root, "ConfidentialityInformation"))?;
    let (originator, created, succession) = (take(1), take(2), take(3));
    let label = self::information(information, reader)?;
    Ok(Label {
        role,
        id: id
            .map(|id| reading::id(&id))
            .transpose()
            .map_err(|mistake| root.wrong(mistake))?,
        originator: originator.map(self::originator).transpose()?,
        created: created.map(date).transpose()?,
        review: review
            .map(|text| reading::date(&text, "ReviewDateTime"))
            .transpose()
            .map_err(|mistake| root.wrong(mistake))?,
        succession: succession
            .map(|element| self::succession(element, reader))
            .transpose()?,
        ..label
    })
}

/// Children of the part that says what the label is.
const INFORMATION: [(&str, &str); 4] = [
    (LABEL_SCHEMA, "PolicyIdentifier"),
    (LABEL_SCHEMA, "Classification"),
    (LABEL_SCHEMA, "PrivacyMark"),
    (LABEL_SCHEMA, "Category"),
];

fn information(element: Element<'_, '_>, reader: &mut Reader) -> Result<Label, LabelError> {
    let [] = element.attributes([])?;
    let (categories, others): (Vec<_>, Vec<_>) = ordered(element, &INFORMATION, reader)?
        .into_iter()
        .partition(|(place, _)| *place == 3);
    let mut once = unrepeated(others, INFORMATION.len())?;
    let mut take = |place: usize| once.get_mut(place).and_then(Option::take);
    let policy = take(0).ok_or_else(|| missing(element, "PolicyIdentifier"))?;
    let classification = take(1).ok_or_else(|| missing(element, "Classification"))?;
    let mark = take(2);
    let categories = categories
        .into_iter()
        .map(|(_, element)| category(element, reader))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Label {
        privacy_mark: mark.map(name).transpose()?,
        ..Label::new(
            self::policy(policy, reader)?,
            name(classification)?,
            reading::merge(categories).map_err(|mistake| element.wrong(mistake))?,
        )
    })
}

fn policy(element: Element<'_, '_>, reader: &mut Reader) -> Result<PolicyIdentifier, LabelError> {
    // Labels with URL for URI circulate. Where that is forgiven it is read as the identifier, never passed over: else
    // the name alone would decide.
    let [uri, url] = match element.attributes(["URI"]) {
        Ok([uri]) => [uri, None],
        Err(unknown) => {
            let both = element.attributes(["URI", "URL"])?;
            reader.forgive(unknown)?;
            both
        }
    };
    let identifier = match (uri, url) {
        (Some(_), Some(_)) => return Err(element.wrong(LabelError::Repeated { key: "URI" })),
        (uri, url) => uri.or(url),
    };
    Ok(PolicyIdentifier {
        name: token(&element.text()?, "PolicyIdentifier")
            .map_err(|mistake| element.wrong(mistake))?,
        uri: identifier
            .map(|uri| reading::uri(&uri, "URI"))
            .transpose()
            .map_err(|mistake| element.wrong(mistake))?,
    })
}

fn category(element: Element<'_, '_>, reader: &mut Reader) -> Result<Category, LabelError> {
    let category = categories(element)?;
    reader
        .count(category.values.len())
        .map_err(|mistake| element.wrong(mistake))?;
    Ok(category)
}

/// A category of a label or clearance.
pub(in crate::label) fn categories(element: Element<'_, '_>) -> Result<Category, LabelError> {
    let wrong = |mistake| element.wrong(mistake);
    let missing = |key| move || missing(element, key);
    let [kind, tag_name, uri] = element.attributes(["Type", "TagName", "URI"])?;
    let kind = kind.ok_or_else(missing("Type"))?;
    let tag_name = tag_name.ok_or_else(missing("TagName"))?;
    let values = element.children(&[(LABEL_SCHEMA, "GenericValue")])?;
    Ok(Category {
        kind: reading::kind(&kind).map_err(wrong)?,
        tag_name: token(&tag_name, "TagName").map_err(wrong)?,
        uri: uri
            .map(|uri| reading::uri(&uri, "URI"))
            .transpose()
            .map_err(wrong)?,
        values: values
            .into_iter()
            .map(|(_, value)| name(value))
            .collect::<Result<_, _>>()?,
    })
}

fn originator(element: Element<'_, '_>) -> Result<OriginatorId, LabelError> {
    let [id_type] = element.attributes(["IDType"])?;
    let id_type = id_type.ok_or_else(|| missing(element, "IDType"))?;
    Ok(OriginatorId {
        id_type: reading::id_type(&id_type).map_err(|mistake| element.wrong(mistake))?,
        value: token(&element.text()?, "OriginatorID").map_err(|mistake| element.wrong(mistake))?,
    })
}

/// Children of the part that says what follows.
const SUCCESSION: [(&str, &str); 2] = [
    (LABEL_SCHEMA, "SuccessionDateTime"),
    (LABEL_SCHEMA, "SuccessorConfidentialityLabel"),
];

fn succession(element: Element<'_, '_>, reader: &mut Reader) -> Result<Succession, LabelError> {
    let [] = element.attributes([])?;
    let mut once = once(element, &SUCCESSION, reader)?;
    let mut take = |place: usize| once.get_mut(place).and_then(Option::take);
    let instant = take(0).ok_or_else(|| missing(element, "SuccessionDateTime"))?;
    let successor = take(1).ok_or_else(|| missing(element, "SuccessorConfidentialityLabel"))?;
    Ok(Succession {
        date: date(instant)?,
        label: Box::new(label(successor, Role::Originator, false, reader)?),
    })
}

fn date(element: Element<'_, '_>) -> Result<String, LabelError> {
    let [] = element.attributes([])?;
    reading::date(&element.text()?, element.name()).map_err(|mistake| element.wrong(mistake))
}

/// The text of an element without attributes, as a name.
pub(in crate::label) fn name(element: Element<'_, '_>) -> Result<String, LabelError> {
    let [] = element.attributes([])?;
    token(&element.text()?, element.name()).map_err(|mistake| element.wrong(mistake))
}

/// The known children by place, none of them twice.
fn once<'a, 'input>(
    element: Element<'a, 'input>,
    known: &[(&str, &'static str)],
    reader: &mut Reader,
) -> Result<Vec<Option<Element<'a, 'input>>>, LabelError> {
    unrepeated(ordered(element, known, reader)?, known.len())
}

/// The known children, in the order of the schema or in another that is forgiven.
fn ordered<'a, 'input>(
    element: Element<'a, 'input>,
    known: &[(&str, &'static str)],
    reader: &mut Reader,
) -> Result<Vec<(usize, Element<'a, 'input>)>, LabelError> {
    let children = element.children(known)?;
    let late = children.windows(2).find_map(|pair| match pair {
        [(before, _), (place, child)] if place < before => Some(child),
        _ => None,
    });
    if let Some(child) = late {
        reader.forgive(child.wrong(LabelError::Order { key: child.name() }))?;
    }
    Ok(children)
}

fn unrepeated<'a, 'input>(
    children: Vec<(usize, Element<'a, 'input>)>,
    places: usize,
) -> Result<Vec<Option<Element<'a, 'input>>>, LabelError> {
    let mut once = vec![None; places];
    for (place, child) in children {
        if once[place].replace(child).is_some() {
            return Err(child.wrong(LabelError::Repeated { key: child.name() }));
        }
    }
    Ok(once)
}

pub(in crate::label) fn missing(element: Element<'_, '_>, key: &'static str) -> LabelError {
    element.wrong(LabelError::Missing { key })
}
