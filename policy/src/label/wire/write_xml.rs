//! Writes labels, and the parts that clearances share with them, as XML: one form, so that equal labels are equal texts.

use super::{Category, Label, PolicyIdentifier, Role, reading::kind_name};
use crate::label::LABEL_SCHEMA;

/// First line of every document.
pub(in crate::label) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// One label as a document.
pub(super) fn label(label: &Label) -> String {
    let root = match label.role {
        Role::Originator => "originatorConfidentialityLabel",
        Role::Alternative => "alternativeConfidentialityLabel",
        Role::Metadata => "metadataConfidentialityLabel",
    };
    let mut writer = Writer::new(DECLARATION);
    put(&mut writer, root, Some(LABEL_SCHEMA), label);
    writer.done()
}

fn put(writer: &mut Writer, name: &str, namespace: Option<&str>, label: &Label) {
    let attributes = [
        ("xmlns", namespace),
        ("Id", label.id.as_deref()),
        ("ReviewDateTime", label.review.as_deref()),
    ];
    writer.open(name, &attributes);
    writer.open("ConfidentialityInformation", &[]);
    policy(writer, &label.policy);
    writer.leaf("Classification", &[], &label.classification);
    if let Some(mark) = &label.privacy_mark {
        writer.leaf("PrivacyMark", &[], mark);
    }
    for each in &label.categories {
        category(writer, each);
    }
    writer.close("ConfidentialityInformation");
    if let Some(originator) = &label.originator {
        let attributes = [("IDType", Some(originator.id_type.as_str()))];
        writer.leaf("OriginatorID", &attributes, &originator.value);
    }
    if let Some(created) = &label.created {
        writer.leaf("CreationDateTime", &[], created);
    }
    if let Some(succession) = &label.succession {
        writer.open("SuccessionHandling", &[]);
        writer.leaf("SuccessionDateTime", &[], &succession.date);
        put(
            writer,
            "SuccessorConfidentialityLabel",
            None,
            &succession.label,
        );
        writer.close("SuccessionHandling");
    }
    writer.close(name);
}

/// The policy.
pub(in crate::label) fn policy(writer: &mut Writer, policy: &PolicyIdentifier) {
    let attributes = [("URI", policy.uri.as_deref())];
    writer.leaf("PolicyIdentifier", &attributes, &policy.name);
}

/// One category.
pub(in crate::label) fn category(writer: &mut Writer, category: &Category) {
    let attributes = [
        ("Type", Some(kind_name(category.kind))),
        ("TagName", Some(category.tag_name.as_str())),
        ("URI", category.uri.as_deref()),
    ];
    writer.open("Category", &attributes);
    for value in &category.values {
        writer.leaf("GenericValue", &[], value);
    }
    writer.close("Category");
}

/// Elements, one a line, indented by one space a level.
pub(in crate::label) struct Writer {
    text: String,
    depth: usize,
}

/// Name and value of an attribute; without a value it is left out.
type Attribute<'a> = (&'a str, Option<&'a str>);

impl Writer {
    pub(in crate::label) fn new(declaration: &str) -> Writer {
        Writer {
            text: declaration.to_owned(),
            depth: 0,
        }
    }

    pub(in crate::label) fn open(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.text.push('\n');
        self.depth += 1;
    }

    pub(in crate::label) fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.end(name);
    }

    pub(in crate::label) fn leaf(&mut self, name: &str, attributes: &[Attribute<'_>], text: &str) {
        self.start(name, attributes);
        escape(&mut self.text, text);
        self.end(name);
    }

    pub(in crate::label) fn done(self) -> String {
        self.text
    }

    fn start(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            let Some(value) = value else { continue };
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    fn end(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(">\n");
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n(' ', self.depth));
    }
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}
