//! Markings are for display; a misspelt code would hide one, so it is an error all the same.

use super::element::Element;
use crate::label::spif::{Marking, MarkingCode, Markings, Qualifier, QualifierKind, SpifError};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Phrases of an element, and what stands around them.
pub(super) fn of(
    element: Element<'_, '_>,
    errors: &mut Vec<SpifError>,
) -> (Vec<Marking>, Vec<Qualifier>) {
    let markings = element.children("markingData");
    let markings = markings.map(|data| marking(data, errors)).collect();
    let groups = element.children("markingQualifier");
    let qualifiers = groups.flat_map(|group| qualifiers(group, errors)).collect();
    (markings, qualifiers)
}

/// What belongs to the policy as a whole.
pub(super) fn of_policy(
    root: Element<'_, '_>,
    id: Element<'_, '_>,
    list: Element<'_, '_>,
    errors: &mut Vec<SpifError>,
) -> Markings {
    let (policy, mut qualifiers) = of(id, errors);
    let (classifications, more) = of(list, errors);
    qualifiers.extend(more);
    let (spif, more) = of(root, errors);
    qualifiers.extend(more);
    Markings {
        policy,
        classifications,
        spif,
        qualifiers,
    }
}

fn marking(data: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Marking {
    let codes = data.children("code");
    Marking {
        phrase: data.attribute("phrase").unwrap_or("").trim().to_owned(),
        lang: language(data),
        codes: codes.filter_map(|code| self::code(code, errors)).collect(),
    }
}

fn code(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<MarkingCode> {
    let text = element.text();
    let code = MarkingCode::from_name(&text);
    if code.is_none() {
        let message = format!("code {text:?} is not a marking code; correct it");
        element.error("marking-code", message, errors);
    }
    code
}

fn qualifiers(group: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Vec<Qualifier> {
    let remedy = "is not a marking code; correct it";
    let Some(code) = group.word("markingCode", MarkingCode::from_name, remedy, errors) else {
        return Vec::new();
    };
    let qualifiers = group.children("qualifier").filter_map(|element| {
        let remedy = "must be prefix, suffix or separator";
        Some(Qualifier {
            text: element.required("markingQualifier", errors)?.to_owned(),
            kind: element.word("qualifierCode", kind, remedy, errors)?,
            code,
            lang: language(element),
        })
    });
    qualifiers.collect()
}

fn kind(name: &str) -> Option<QualifierKind> {
    match name {
        "prefix" => Some(QualifierKind::Prefix),
        "suffix" => Some(QualifierKind::Suffix),
        "separator" => Some(QualifierKind::Separator),
        _ => None,
    }
}

/// `xml:lang` here or further out; empty means none.
fn language(element: Element<'_, '_>) -> Option<String> {
    let mut written = element.node().ancestors();
    let lang = written.find_map(|node| node.attribute((XML_NAMESPACE, "lang")))?;
    Some(lang.trim().to_owned()).filter(|lang| !lang.is_empty())
}
