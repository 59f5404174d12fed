//! Exact data: several values of one row of a table, close together in a text.
//!
//! ```text
//! words of the text ─▶ filter ─▶ HMAC ─▶ hits (column, place, rows) ─▶ rows with enough columns nearby ─▶ spans
//! ```
//!
//! One value says little (many are called Müller, many are born on a day); two of one person are that person. Text in
//! which nothing of the table stands costs one fast hash a word. Over its work a search fails, and its caller denies.

mod hits;
mod rows;

use std::sync::Arc;

use serde::Deserialize;

use super::budget::{Budget, ScanError};
use super::documents::{MAX_QUOTE_WORDS, MIN_QUOTE_WORDS};
use super::index::{Finder, Index, Kind, Table, Words};
use super::load::MAX_WITHIN_CHARS;

/// The key `exact` of a detector, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactSpec {
    /// Name of the index.
    pub index: String,
    /// Names of columns; all of them where none is named.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Of so many columns a value must be there.
    #[serde(default = "two")]
    pub at_least: usize,
    /// How far they may stand from each other, in characters between one and the next.
    #[serde(default = "within")]
    pub within: usize,
}

/// A detector's search for the rows of a table.
#[derive(Clone, Debug)]
pub struct Exact {
    table: Arc<Table>,
    /// Numbers of the columns that count.
    columns: Vec<usize>,
    at_least: usize,
    within: usize,
}

/// What is wrong with `exact` or `documents` of a detector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UseError {
    /// The other kind.
    #[error("the index is of documents; use it with `documents`")]
    NoTable,
    /// The other kind.
    #[error("the index is of a table; use it with `exact`")]
    NoDocuments,
    /// No such column.
    #[error("the index has no column {0:?}; it has {1}")]
    NoColumn(String, String),
    /// Can never be reached, or always is.
    #[error("at_least is {0}; give a number from 1 to that of the columns, {1}")]
    AtLeast(usize, usize),
    /// Too far.
    #[error("within is greater than {MAX_WITHIN_CHARS}; lower it")]
    Within,
    /// No part of a text.
    #[error("overlap is not within 0.05 and 1; 0.3 is thirty percent")]
    Overlap,
    /// So few that ordinary phrases are quotes, or so many that nothing is one.
    #[error(
        "quote is not within {MIN_QUOTE_WORDS} and {MAX_QUOTE_WORDS} words; 20 is a good beginning"
    )]
    Quote,
}

impl Exact {
    /// The search that a detector asks for.
    ///
    /// # Errors
    /// [`UseError`], with the remedy.
    pub fn new(spec: &ExactSpec, index: &Index) -> Result<Self, UseError> {
        let Kind::Table(table) = &index.0 else {
            return Err(UseError::NoTable);
        };
        let columns = columns(&spec.columns, table)?;
        if !(1..=columns.len()).contains(&spec.at_least) {
            return Err(UseError::AtLeast(spec.at_least, columns.len()));
        }
        if spec.within > MAX_WITHIN_CHARS {
            return Err(UseError::Within);
        }
        Ok(Self {
            table: Arc::clone(table),
            columns,
            at_least: spec.at_least,
            within: spec.within,
        })
    }

    /// Where rows of the table stand in a text, by start: from the first of the values to the last.
    ///
    /// # Errors
    /// [`ScanError::Budget`]: the text was not searched to its end.
    pub fn find(&self, text: &str) -> Result<Vec<(usize, usize)>, ScanError> {
        Finder::find(self, text, &mut Budget::default())
    }
}

impl Finder for Exact {
    fn find(&self, text: &str, budget: &mut Budget) -> Result<Vec<(usize, usize)>, ScanError> {
        let words = Words::of(text);
        let hits = self.hits(&words, budget)?;
        self.rows(text, &hits, budget)
    }
}

fn columns(named: &[String], table: &Table) -> Result<Vec<usize>, UseError> {
    let place = |name: &String| {
        let known = || table.columns().map(|column| column.name.as_str());
        known()
            .position(|known| known == name)
            .ok_or_else(|| UseError::NoColumn(name.clone(), known().collect::<Vec<_>>().join(", ")))
    };
    if named.is_empty() {
        return Ok((0..table.columns().count()).collect());
    }
    let mut places: Vec<usize> = named.iter().map(place).collect::<Result<_, _>>()?;
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

const fn two() -> usize {
    2
}

const fn within() -> usize {
    200
}

#[cfg(test)]
mod tests;
