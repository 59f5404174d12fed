//! One element with typed attributes; every wrong one is reported with element, attribute, line and remedy.

use std::collections::HashSet;

use roxmltree::Node;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::label::{
    name,
    spif::{SpifError, SpifOptions, structure},
    xml::Lines,
};

/// Length of a name at most, in characters, as the schema has it.
const MAX_NAME_CHARS: usize = 256;

/// What reading needs beside the element itself.
pub(super) struct Context {
    pub(super) lines: Lines,
    pub(super) options: SpifOptions,
}

/// An element of the SPIF namespace.
#[derive(Clone, Copy)]
pub(super) struct Element<'a, 'input> {
    node: Node<'a, 'input>,
    context: &'a Context,
}

impl<'a, 'input> Element<'a, 'input> {
    pub(super) fn new(node: Node<'a, 'input>, context: &'a Context) -> Self {
        Element { node, context }
    }

    pub(super) fn node(self) -> Node<'a, 'input> {
        self.node
    }

    pub(super) fn options(self) -> SpifOptions {
        self.context.options
    }

    /// Line on which the element begins, from 1.
    pub(super) fn line(self) -> u32 {
        self.context.lines.of(&self.node)
    }

    /// Text content, trimmed; a comment inside does not cut it.
    pub(super) fn text(self) -> String {
        let texts = self.node.children().filter(Node::is_text);
        let texts = texts.filter_map(|child| child.text());
        texts.collect::<String>().trim().to_owned()
    }

    /// The children of this name.
    pub(super) fn children(self, name: &'static str) -> impl Iterator<Item = Element<'a, 'input>> {
        let named =
            move |child: &Node<'_, '_>| child.is_element() && child.tag_name().name() == name;
        let children = self.node.children().filter(named);
        children.map(move |child| Element::new(child, self.context))
    }

    /// The one child of this name; none or several is an error.
    pub(super) fn one(
        self,
        name: &'static str,
        errors: &mut Vec<SpifError>,
    ) -> Option<Element<'a, 'input>> {
        let mut children = self.children(name);
        let first = children.next();
        if first.is_none() {
            self.error(
                "missing-element",
                format!("{name} is missing; add it"),
                errors,
            );
        }
        if let Some(second) = children.next() {
            second.error("duplicate-element", "stands twice; remove one", errors);
        }
        first
    }

    pub(super) fn attribute(self, name: &str) -> Option<&'a str> {
        self.node.attribute(name)
    }

    /// An attribute that must be there.
    pub(super) fn required(self, name: &str, errors: &mut Vec<SpifError>) -> Option<&'a str> {
        let value = self.attribute(name);
        if value.is_none() {
            self.error(
                "missing-attribute",
                format!("{name} is missing; add it"),
                errors,
            );
        }
        value
    }

    /// The attribute `name`, clean and not too long.
    pub(super) fn name(self, errors: &mut Vec<SpifError>) -> Option<String> {
        let value = self.required("name", errors)?;
        let valid = name::is_clean(value) && value.chars().count() <= MAX_NAME_CHARS;
        let remedy = "must have 1 to 256 characters, none of them invisible";
        self.valid(
            "name",
            value,
            valid.then(|| value.trim().to_owned()),
            remedy,
            errors,
        )
    }

    /// The attribute `attribute`, a dotted object identifier that must be there.
    pub(super) fn oid(self, attribute: &str, errors: &mut Vec<SpifError>) -> Option<String> {
        let value = self.required(attribute, errors)?;
        let oid = name::is_oid(value).then(|| value.to_owned());
        self.valid(
            attribute,
            value,
            oid,
            "must be a dotted object identifier",
            errors,
        )
    }

    /// The attribute `attribute`, an integer that must be there.
    pub(super) fn number(self, attribute: &str, errors: &mut Vec<SpifError>) -> Option<i64> {
        let value = self.required(attribute, errors)?;
        self.valid(
            attribute,
            value,
            value.trim().parse().ok(),
            "must be an integer",
            errors,
        )
    }

    /// A flag that is false where it is not given.
    pub(super) fn boolean(self, attribute: &str, errors: &mut Vec<SpifError>) -> bool {
        let Some(value) = self.attribute(attribute) else {
            return false;
        };
        let flag = match value.trim() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        self.valid(attribute, value, flag, "must be true or false", errors)
            .unwrap_or(false)
    }

    /// A count; `unbounded` and absence are `None`.
    pub(super) fn count(self, attribute: &str, errors: &mut Vec<SpifError>) -> Option<u32> {
        let value = self.attribute(attribute)?;
        if value.trim() == "unbounded" {
            return None;
        }
        self.valid(
            attribute,
            value,
            value.trim().parse().ok(),
            "must be a count or unbounded",
            errors,
        )
    }

    /// `notBefore` and `notAfter`. An empty period is none of the loader's business: nothing is ever valid in it.
    pub(super) fn period(
        self,
        errors: &mut Vec<SpifError>,
    ) -> (Option<OffsetDateTime>, Option<OffsetDateTime>) {
        (
            self.date("notBefore", errors),
            self.date("notAfter", errors),
        )
    }

    /// An `xs:dateTime`; without an offset it is taken as UTC.
    pub(super) fn date(
        self,
        attribute: &str,
        errors: &mut Vec<SpifError>,
    ) -> Option<OffsetDateTime> {
        let value = self.attribute(attribute)?;
        let text = value.trim();
        let date = OffsetDateTime::parse(text, &Rfc3339)
            .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339));
        self.valid(
            attribute,
            value,
            date.ok(),
            "must be a date and time such as 2026-03-01T00:00:00Z",
            errors,
        )
    }

    /// A GeneralizedTime such as `20260301120000Z`. Published policies write it in many ways, so what cannot be read
    /// is `None` and no error (SP-11).
    pub(super) fn generalized_time(self, attribute: &str) -> Option<OffsetDateTime> {
        let text = self.attribute(attribute)?.trim();
        let digits = text
            .strip_suffix('Z')
            .filter(|digits| digits.len() == 14 && digits.is_ascii())?;
        let (date, time) = digits.split_at(8);
        let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
        let time = format!("{}:{}:{}", &time[..2], &time[2..4], &time[4..]);
        OffsetDateTime::parse(&format!("{date}T{time}Z"), &Rfc3339).ok()
    }

    /// One of the words of a closed list, read by `read`; absence is an error.
    pub(super) fn word<T>(
        self,
        attribute: &str,
        read: impl Fn(&str) -> Option<T>,
        remedy: &str,
        errors: &mut Vec<SpifError>,
    ) -> Option<T> {
        let value = self.required(attribute, errors)?;
        self.valid(attribute, value, read(value), remedy, errors)
    }

    /// Adds a mistake at this element.
    pub(super) fn error(
        self,
        code: &'static str,
        message: impl std::fmt::Display,
        errors: &mut Vec<SpifError>,
    ) {
        if errors.len() < structure::MAX_ERRORS {
            let message = format!("{}: {message}", self.node.tag_name().name());
            errors.push(SpifError::new(code, Some(self.line()), message));
        }
    }

    fn valid<T>(
        self,
        attribute: &str,
        value: &str,
        read: Option<T>,
        remedy: &str,
        errors: &mut Vec<SpifError>,
    ) -> Option<T> {
        if read.is_none() {
            self.error(
                "attribute-value",
                format!("{attribute} {value:?} {remedy}"),
                errors,
            );
        }
        read
    }
}

/// Finds values that stand twice among siblings.
#[derive(Default)]
pub(super) struct Unique(HashSet<(&'static str, String)>);

impl Unique {
    pub(super) fn add(
        &mut self,
        element: Element<'_, '_>,
        attribute: &'static str,
        value: String,
        errors: &mut Vec<SpifError>,
    ) {
        if !self.0.insert((attribute, value)) {
            // What is no attribute is the element's own text.
            let shown = element.attribute(attribute).map(str::to_owned);
            let shown = shown.unwrap_or_else(|| element.text());
            let message = format!("{attribute} {shown:?} stands twice; make it unique");
            element.error("duplicate-value", message, errors);
        }
    }
}
