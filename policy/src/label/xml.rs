//! The one door for XML: security policies, labels and clearances are all read through it. No DTD, so no entities;
//! bounded in size, nodes and depth; XML 1.0 in UTF-8 only, so that every reader sees the same characters; every mistake
//! with its line where there is one.

mod declaration;

use roxmltree::{Document, Node, ParsingOptions};

/// What a document may have at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Size in bytes of UTF-8.
    pub(super) bytes: usize,
    /// XML nodes: elements, texts, comments, processing instructions.
    pub(super) nodes: u32,
    /// Depth of elements; the root has depth 1.
    pub(super) depth: usize,
}

/// Why a document was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct XmlError {
    /// `too-large`, `xml-version`, `encoding`, `dtd-forbidden` or `malformed`.
    pub(super) code: &'static str,
    /// Line, from 1, where one is known.
    pub(super) line: Option<u32>,
    /// What is wrong and what to do. `malformed` may quote names of elements.
    pub(super) message: String,
}

/// Parses `xml` within `limits`.
///
/// # Errors
/// A DTD of any shape, a document over a limit, one that is not well-formed, one that declares another version or
/// encoding.
pub(super) fn document(xml: &str, limits: Limits) -> Result<Document<'_>, XmlError> {
    if xml.len() > limits.bytes {
        return Err(too_large(None, limits.bytes, "bytes"));
    }
    declaration::check(xml)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: limits.nodes,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(xml, options).map_err(|error| refused(&error, xml, limits))?;
    if let Some(at) = doctype(xml, document.root_element().range().start) {
        return Err(dtd(Lines::new(xml).at(at)));
    }
    check_depth(&document, limits.depth)?;
    Ok(document)
}

/// Where the lines of a document begin, so that a line is found without reading the document again.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(xml: &str) -> Lines {
        let ends = xml.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines(ends.map(|(at, _)| at).collect())
    }

    /// Line on which a node begins, from 1.
    pub(super) fn of(&self, node: &Node<'_, '_>) -> u32 {
        self.at(node.range().start)
    }

    fn at(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|end| *end < offset);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Where a DOCTYPE begins before the root element, comments left out. An empty one is no DTD to the parser, but it is
/// to us.
fn doctype(xml: &str, root: usize) -> Option<usize> {
    let mut at = 0;
    let prolog = xml.get(..root)?;
    while let Some(rest) = prolog.get(at..) {
        let next = at + rest.find("<!")?;
        if prolog[next..].starts_with("<!DOCTYPE") {
            return Some(next);
        }
        at = next + prolog[next..].find("-->")?;
    }
    None
}

fn dtd(line: u32) -> XmlError {
    XmlError {
        code: "dtd-forbidden",
        line: Some(line),
        message: "a DTD (DOCTYPE) is not allowed; remove it".into(),
    }
}

fn too_large(line: Option<u32>, limit: usize, what: &str) -> XmlError {
    XmlError {
        code: "too-large",
        line,
        message: format!("the document has more than {limit} {what}; split or shorten it"),
    }
}

fn refused(error: &roxmltree::Error, xml: &str, limits: Limits) -> XmlError {
    match error {
        roxmltree::Error::DtdDetected => {
            dtd(Lines::new(xml).at(xml.find("<!DOCTYPE").unwrap_or(0)))
        }
        roxmltree::Error::NodesLimitReached => {
            let limit = usize::try_from(limits.nodes).unwrap_or(usize::MAX);
            too_large(None, limit, "nodes")
        }
        error => XmlError {
            code: "malformed",
            line: line_of(error, xml),
            message: format!("not well-formed XML: {error}; correct it"),
        },
    }
}

/// The line of a mistake. One that the parser cannot place lies where the text ends too early, or nowhere.
fn line_of(error: &roxmltree::Error, xml: &str) -> Option<u32> {
    use roxmltree::Error;
    match error {
        Error::UnexpectedEndOfStream | Error::UnclosedRootNode => {
            Some(Lines::new(xml).at(xml.trim_end().len()))
        }
        Error::NoRootNode | Error::AttributesLimitReached | Error::NamespacesLimitReached => None,
        error => Some(error.pos().row),
    }
}

/// Bounds the depth without recursion, by counting the ancestors of each element up to the limit.
fn check_depth(document: &Document<'_>, limit: usize) -> Result<(), XmlError> {
    // The document itself is an ancestor too, and a node one of itself.
    let too_deep = |node: &Node<'_, '_>| node.ancestors().take(limit + 2).count() > limit + 1;
    let elements = document.descendants().filter(Node::is_element);
    match { elements }.find(too_deep) {
        None => Ok(()),
        Some(node) => {
            let line = document.text_pos_at(node.range().start).row;
            Err(too_large(Some(line), limit, "levels of elements"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 400,
        nodes: 10,
        depth: 3,
    };

    fn refusal(xml: &str) -> (&'static str, Option<u32>) {
        let error = document(xml, LIMITS).unwrap_err();
        (error.code, error.line)
    }

    #[test]
    fn sp_1_a_dtd_of_any_shape_is_refused_and_a_comment_about_one_is_not() {
        assert_eq!(refusal("<!DOCTYPE a><a/>"), ("dtd-forbidden", Some(1)));
        assert_eq!(
            refusal("<?xml version='1.0'?>\n<!-- x -->\n<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
            ("dtd-forbidden", Some(3))
        );
        assert_eq!(
            refusal("<!DOCTYPE a SYSTEM 'file:///etc/hosts'><a/>"),
            ("dtd-forbidden", Some(1))
        );
        for fine in [
            "<!-- no <!DOCTYPE a> here --><a/>",
            "<a><![CDATA[<!DOCTYPE a>]]></a>",
        ] {
            assert!(document(fine, LIMITS).is_ok(), "{fine}");
        }
    }

    #[test]
    fn size_nodes_and_depth_are_bounded_at_the_limit() {
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(document(&deep(3), LIMITS).is_ok());
        assert_eq!(refusal(&deep(4)), ("too-large", Some(1)));
        assert_eq!(
            refusal(&format!("<a>{}</a>", "<b/>".repeat(10))),
            ("too-large", None)
        );
        assert_eq!(
            refusal(&format!("<a>{}</a>", " ".repeat(400))),
            ("too-large", None)
        );
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_line() {
        for xml in [
            "<a>\n<b></c></a>",
            "<a>\n<b>&undefined;</b></a>",
            "<a>\n<b x='1' x='2'/></a>",
            "<a>\n<x:b/></a>",
        ] {
            assert_eq!(refusal(xml), ("malformed", Some(2)), "{xml}");
        }
    }

    #[test]
    fn what_ends_too_early_is_refused_with_its_last_line_and_what_is_empty_with_none() {
        for xml in ["<a>\n<b>", "<a>\n<b\n", "<a>\n<b></b>\n\n", "<a>\n<!-- b"] {
            assert_eq!(refusal(xml), ("malformed", Some(2)), "{xml}");
        }
        assert_eq!(refusal(""), ("malformed", None));
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_read() {
        let text = "\u{feff}<?xml version='1.0'?>\r\n<a>\r\n<b/></a>";
        let document = document(text, LIMITS).unwrap();
        let b = document
            .descendants()
            .find(|n| n.has_tag_name("b"))
            .unwrap();
        assert_eq!(Lines::new(text).of(&b), 3);
    }
}
