//! Indexes of exact data and of documents, as detectors use them.

use std::{fmt::Debug, sync::Arc};

use serde::Deserialize;

use super::budget::{Budget, ScanError};

/// Finds values in a view's text without a pattern.
pub(super) trait Finder: Debug + Send + Sync {
    /// Spans in bytes of `text`, in order.
    ///
    /// # Errors
    /// Over a limit.
    fn find(&self, text: &str, budget: &mut Budget) -> Result<Vec<(usize, usize)>, ScanError>;
}

/// What a detector wants of an index of tables, as its rule says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exact {
    pub(super) index: String,
    /// Columns that count.
    pub(super) columns: Vec<String>,
    /// How many columns of one row must be there.
    pub(super) at_least: usize,
    /// How far from each other they may stand, in characters.
    pub(super) within: usize,
}

/// What a detector wants of an index of documents.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Documents {
    pub(super) index: String,
    /// Least part of a document that must be there, 0 to 1.
    pub(super) overlap: f64,
}

/// An index by name.
#[derive(Clone, Debug)]
pub struct Index {}

impl Index {
    pub(super) fn exact(&self, _wanted: &Exact) -> Result<Arc<dyn Finder>, String> {
        Err("the index holds no table".to_owned())
    }

    pub(super) fn documents(&self, _wanted: &Documents) -> Result<Arc<dyn Finder>, String> {
        Err("the index holds no documents".to_owned())
    }
}
