//! One element of a label or clearance in XML, read strictly: what is not asked for is refused, unless it stands in a
//! namespace of somebody else.

use roxmltree::{Attribute, Document, Node};

use super::{LabelError, reading::collapse};
use crate::label::{
    LABEL_SCHEMA,
    xml::{self, Limits},
};

/// Namespace of clearances.
pub(in crate::label) const CLEARANCE_SCHEMA: &str =
    "urn:nato:stanag:4774:confidentialityclearance:1:0";
/// Beginning of every namespace of labels and clearances, in whatever version or spelling of case.
const FAMILY: &str = "urn:nato:stanag:4774:confidentiality";

/// Parses XML of a label or clearance.
///
/// # Errors
/// No UTF-8, no XML 1.0, a DTD, too much of anything, not well-formed. The texts are fixed: XML is the sender's.
pub(in crate::label) fn document(bytes: &[u8], limits: Limits) -> Result<Document<'_>, LabelError> {
    let fixed = |code, what| LabelError::Xml { code, what };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| fixed("encoding", "the XML is not UTF-8; save it as UTF-8"))?;
    xml::document(text, limits).map_err(|error| {
        let what = match error.code {
            "encoding" => "the XML declares another encoding than UTF-8; save it as UTF-8",
            "xml-version" => "the XML declares another version than 1.0; declare 1.0",
            "dtd-forbidden" => "a DTD (DOCTYPE) is not allowed; remove it",
            "too-large" => "the XML is too large or nested too deep; shorten it",
            _ => "not well-formed XML; correct it",
        };
        let mistake = fixed(error.code, what);
        match error.line {
            Some(line) => mistake.at(line),
            None => mistake,
        }
    })
}

/// An element and what may not be passed over in it.
#[derive(Clone, Copy)]
pub(in crate::label) struct Element<'a, 'input> {
    node: Node<'a, 'input>,
    name: &'static str,
}

impl<'a, 'input> Element<'a, 'input> {
    /// The root element, if it is `name` in `namespace`.
    pub(in crate::label) fn root(
        document: &'a Document<'input>,
        namespace: &str,
        names: &[&'static str],
    ) -> Option<Element<'a, 'input>> {
        let node = document.root_element();
        let name = names
            .iter()
            .find(|name| node.has_tag_name((namespace, **name)))?;
        Some(Element { node, name })
    }

    pub(in crate::label) fn name(self) -> &'static str {
        self.name
    }

    /// A mistake on the line of this element.
    pub(in crate::label) fn wrong(self, mistake: LabelError) -> LabelError {
        let start = self.node.range().start;
        mistake.at(self.node.document().text_pos_at(start).row)
    }

    /// The attributes `names`, in their order. Any other is refused, but for those of foreign namespaces.
    pub(in crate::label) fn attributes<const N: usize>(
        self,
        names: [&str; N],
    ) -> Result<[Option<String>; N], LabelError> {
        let own = |attribute: &Attribute<'_, '_>| match attribute.namespace() {
            None => names.contains(&attribute.name()),
            Some(namespace) => is_foreign(namespace),
        };
        if !self.node.attributes().all(|attribute| own(&attribute)) {
            return Err(self.unknown());
        }
        Ok(names.map(|name| self.node.attribute(name).map(collapse)))
    }

    /// The children, each with its place in `known`: names by namespace, in the order of the schema. Comments and
    /// elements of foreign namespaces are passed over, stray text is not.
    pub(in crate::label) fn children(
        self,
        known: &[(&str, &'static str)],
    ) -> Result<Vec<(usize, Element<'a, 'input>)>, LabelError> {
        let mut found = Vec::new();
        for node in self.node.children() {
            if node.is_text() && !is_blank(node.text().unwrap_or("")) {
                return Err(self.stray(node));
            }
            if !node.is_element() {
                continue;
            }
            let place = known.iter().position(|name| node.has_tag_name(*name));
            match place {
                Some(place) => found.push((
                    place,
                    Element {
                        node,
                        name: known[place].1,
                    },
                )),
                None if node.tag_name().namespace().is_some_and(is_foreign) => {}
                None => return Err(Element { node, ..self }.unknown()),
            }
        }
        Ok(found)
    }

    /// The text, comments left out and spaces collapsed; an element within is refused.
    pub(in crate::label) fn text(self) -> Result<String, LabelError> {
        let mut text = String::new();
        for node in self.node.children() {
            if node.is_element() {
                return Err(self.unknown());
            }
            if node.is_text() {
                text.push_str(node.text().unwrap_or(""));
            }
        }
        Ok(collapse(&text))
    }

    /// Text where none belongs, on the line where it begins.
    fn stray(self, text: Node<'_, '_>) -> LabelError {
        let (document, range) = (text.document(), text.range());
        let written = document.input_text().get(range.clone()).unwrap_or("");
        let blank = written.len() - written.trim_start().len();
        let line = document.text_pos_at(range.start + blank).row;
        LabelError::UnknownKey { within: self.name }.at(line)
    }

    fn unknown(self) -> LabelError {
        self.wrong(LabelError::UnknownKey { within: self.name })
    }
}

/// A namespace of somebody else; none is not one. Near misses of our own are not foreign: what stands in a misspelt namespace would be
/// passed over, and with it a restriction. Extensions below the namespace of labels circulate.
fn is_foreign(namespace: &str) -> bool {
    let extension = namespace
        .strip_prefix(LABEL_SCHEMA)
        .or_else(|| namespace.strip_prefix(CLEARANCE_SCHEMA))
        .is_some_and(|rest| rest.starts_with(':'));
    let family = namespace.trim().to_ascii_lowercase().starts_with(FAMILY);
    !namespace.is_empty() && (extension || !family)
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
}
