//! INDEX.toml: which columns of a table become an index, and how their cells are read.

use serde::{Deserialize, Serialize};

/// Columns of an index at most.
pub const MAX_COLUMNS: usize = 16;
/// A name of an index or column at most, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What to make of a table.
///
/// ```toml
/// name = "patients"
/// [[column]]
/// name = "name"
/// from = ["Vorname", "Nachname"]
/// kind = "name"
/// [[column]]
/// name = "birth_date"
/// from = ["Geburtsdatum"]
/// kind = "date"
/// [[column]]
/// name = "kvnr"
/// from = ["KVNR"]
/// kind = "number"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// By this name detectors call the index.
    pub name: String,
    /// Its columns.
    #[serde(rename = "column")]
    pub columns: Vec<ColumnSpec>,
}

/// One column of an index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// By this name detectors call it.
    pub name: String,
    /// The headings of the table's columns that it is made of, one after the other; for names the family name last.
    pub from: Vec<String>,
    /// How cells are read.
    pub kind: ValueKind,
    /// How `03/04/1975` is to be read in the table.
    #[serde(default)]
    pub order: DateOrder,
}

/// How the cells of a column are read, and what is looked for in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// A person: words in their order, family name first or last, with all given names or the first.
    Name,
    /// Words in their order.
    Text,
    /// Letters and digits, whatever stands between them.
    Number,
    /// A day.
    Date,
}

/// Order of a date whose year stands last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// Day, month, year.
    #[default]
    Dmy,
    /// Month, day, year.
    Mdy,
}

/// What is wrong with an INDEX.toml or the table that it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No TOML of this shape.
    #[error("{0}")]
    Form(String),
    /// A name that detectors cannot call.
    #[error("{0:?} is no name: use a-z, 0-9 and _, at most {MAX_NAME_BYTES}")]
    Name(String),
    /// Two columns of one name.
    #[error("two columns are called {0:?}; rename one")]
    Twice(String),
    /// No columns, or too many.
    #[error("{0} columns; give at least one and at most {MAX_COLUMNS}")]
    Columns(usize),
    /// A column of nothing.
    #[error("column {0:?} has no `from`; name the headings of the table")]
    From(String),
    /// A heading that the table does not have.
    #[error("the table has no column {heading:?}, which {column:?} is made of; it has {known}")]
    Heading {
        /// What is looked for.
        heading: String,
        /// By which column.
        column: String,
        /// What the table has.
        known: String,
    },
}

impl TableSpec {
    /// Reads an INDEX.toml.
    ///
    /// # Errors
    /// [`SpecError`], with the remedy.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let spec: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count() + 1);
            SpecError::Form(format!("line {line}: {}", error.message()))
        })?;
        spec.check()?;
        Ok(spec)
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        if self.columns.is_empty() || self.columns.len() > MAX_COLUMNS {
            return Err(SpecError::Columns(self.columns.len()));
        }
        check_name(&self.name)?;
        for (number, column) in self.columns.iter().enumerate() {
            check_name(&column.name)?;
            if column.from.is_empty() {
                return Err(SpecError::From(column.name.clone()));
            }
            let before = &self.columns[..number];
            if before.iter().any(|other| other.name == column.name) {
                return Err(SpecError::Twice(column.name.clone()));
            }
        }
        Ok(())
    }
}

pub(super) fn check_name(name: &str) -> Result<(), SpecError> {
    let sign = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let sound = (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(sign);
    sound
        .then_some(())
        .ok_or_else(|| SpecError::Name(name.to_owned()))
}
