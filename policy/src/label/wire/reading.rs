//! What reading JSON and reading XML have in common: limits, names, dates, merged categories, what is forgiven.

use super::{
    Category, Label, LabelError, MAX_LABEL_CATEGORIES, MAX_LABEL_VALUES, Mode, OriginatorId,
    Reading, date,
};
use crate::label::{
    name::{self, Key},
    spif::TagKind,
};

/// One label being read, successors and alternatives included.
pub(super) struct Reader {
    pub(super) mode: Mode,
    /// Whether a missing CreationDateTime is a breach of the schema (XML), or of the standard's prose only (JSON).
    xml: bool,
    values: usize,
    forgiven: Vec<LabelError>,
}

impl Reader {
    pub(super) fn new(mode: Mode, xml: bool) -> Reader {
        Reader {
            mode,
            xml,
            values: 0,
            forgiven: Vec::new(),
        }
    }

    pub(super) fn done(self, label: Label) -> Reading {
        Reading {
            label,
            forgiven: self.forgiven,
        }
    }

    /// Counts the values of one more category.
    pub(super) fn count(&mut self, values: usize) -> Result<(), LabelError> {
        self.values = self.values.saturating_add(values);
        check(
            self.values <= MAX_LABEL_VALUES,
            too_many(MAX_LABEL_VALUES, "values"),
        )
    }

    /// Passes over a mistake where the mode is lenient, and notes it.
    pub(super) fn forgive(&mut self, mistake: LabelError) -> Result<(), LabelError> {
        if self.mode != Mode::Lenient {
            return Err(mistake);
        }
        self.forgiven.push(mistake);
        Ok(())
    }

    /// Demands the dates that a label must have in this mode.
    pub(super) fn demand_dates(&mut self, label: &Label) -> Result<(), LabelError> {
        let missing = |key| LabelError::Missing { key };
        let carried = self.mode == Mode::Carried;
        if label.created.is_none() && (self.xml || !carried) {
            self.forgive(missing("CreationDateTime"))?;
        }
        if label.review.is_none() && label.succession.is_none() && !carried {
            self.forgive(missing("ReviewDateTime"))?;
        }
        Ok(())
    }
}

/// A name with spaces collapsed, as `xs:token` has it; refuses what a reader would not see.
pub(in crate::label) fn token(text: &str, key: &'static str) -> Result<String, LabelError> {
    let text = collapse(text);
    // These two are no characters, and XML cannot hold them.
    let holdable = !text.contains(['\u{fffe}', '\u{ffff}']);
    check(
        holdable && name::is_clean(&text),
        LabelError::Unclean { key },
    )?;
    Ok(text)
}

/// `xs:token`: no space at the ends, one between words.
pub(super) fn collapse(text: &str) -> String {
    let words = text.split([' ', '\t', '\n', '\r']);
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A date in its one format.
pub(super) fn date(text: &str, key: &'static str) -> Result<String, LabelError> {
    let expected = date::EXPECTED;
    check(
        date::parse(text).is_some(),
        LabelError::Value { key, expected },
    )?;
    Ok(text.to_owned())
}

/// `urn:oid:` and a dotted object identifier.
pub(in crate::label) fn uri(text: &str, key: &'static str) -> Result<String, LabelError> {
    let expected = "urn:oid: and a dotted object identifier";
    check(name::is_oid_uri(text), LabelError::Value { key, expected })?;
    Ok(text.to_owned())
}

/// An identifier as `xs:ID` has it, in ASCII.
pub(super) fn id(text: &str) -> Result<String, LabelError> {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let expected = "a letter or underscore, then letters, digits, underscores, hyphens and dots";
    let key = "Id";
    check(first && rest, LabelError::Value { key, expected })?;
    Ok(text.to_owned())
}

pub(super) fn kind(text: &str) -> Result<TagKind, LabelError> {
    TagKind::from_name(text).ok_or(LabelError::Value {
        key: "Type",
        expected: "RESTRICTIVE, PERMISSIVE or INFORMATIVE",
    })
}

/// The name of a kind, as [`kind`] reads it.
pub(in crate::label) fn kind_name(kind: TagKind) -> &'static str {
    match kind {
        TagKind::Restrictive => "RESTRICTIVE",
        TagKind::Permissive => "PERMISSIVE",
        TagKind::Informative => "INFORMATIVE",
    }
}

pub(super) fn id_type(text: &str) -> Result<String, LabelError> {
    let expected = "a kind of name that ADatP-4774 knows, such as rfc822Name";
    let key = "IDType";
    check(
        OriginatorId::TYPES.contains(&text),
        LabelError::Value { key, expected },
    )?;
    Ok(text.to_owned())
}

/// One category for each name and type (LB-2). Where one of the parts is permissive and empty, nobody is permitted, and
/// joining it with others must not permit somebody.
pub(super) fn merge(written: Vec<Category>) -> Result<Vec<Category>, LabelError> {
    check(
        written.len() <= MAX_LABEL_CATEGORIES,
        too_many(MAX_LABEL_CATEGORIES, "categories"),
    )?;
    let mut merged: Vec<(Key, Category)> = Vec::with_capacity(written.len());
    for category in written {
        let key = Key::of(&category.tag_name);
        let same = |(other, earlier): &&mut (Key, Category)| {
            *other == key && earlier.kind == category.kind
        };
        match merged.iter_mut().find(same) {
            Some((_, earlier)) => join(earlier, category)?,
            None => merged.push((key, category)),
        }
    }
    Ok(merged.into_iter().map(|(_, category)| category).collect())
}

fn join(earlier: &mut Category, later: Category) -> Result<(), LabelError> {
    let agree = earlier.uri.is_none() || later.uri.is_none() || earlier.uri == later.uri;
    let (key, expected) = ("URI", "the same wherever a Category has one TagName");
    check(agree, LabelError::Value { key, expected })?;
    earlier.uri = earlier.uri.take().or(later.uri);
    let nobody =
        later.kind == TagKind::Permissive && (earlier.values.is_empty() || later.values.is_empty());
    if nobody {
        earlier.values.clear();
        return Ok(());
    }
    for value in later.values {
        if !earlier.values.contains(&value) {
            earlier.values.push(value);
        }
    }
    Ok(())
}

pub(super) fn too_many(limit: usize, what: &'static str) -> LabelError {
    LabelError::TooLarge { limit, what }
}

pub(super) fn check(holds: bool, otherwise: LabelError) -> Result<(), LabelError> {
    if holds { Ok(()) } else { Err(otherwise) }
}
