//! Indexes of what must not leave: tables of people and documents, as keyed hashes and nothing else.
//!
//! ```text
//!  where the data is                                   in the gateway
//!  table, INDEX.toml ─┐                                ┌─▶ Exact      "two of name, birth date, KVNR of one row"
//!  documents ─────────┼─ builder + key ──▶ file ──▶ Index
//!                     ┘                              └─▶ Documents  "30 % of this text stands in a document"
//! ```
//!
//! The file holds hashes under a key that stands beside it in another file, so that whoever has the file alone learns how
//! many values there are, and not one of them. A file that was cut, changed or made with another key is refused whole.

mod build;
mod cells;
mod dates;
mod file;
mod filter;
mod key;
mod spec;
mod table;
mod words;

use std::{fmt::Debug, sync::Arc};

pub use build::{
    Built, DocumentsBuilder, MAX_DOCUMENTS, MAX_ENTRIES, MAX_ROWS, TableBuilder, build_documents,
    build_table,
};
pub use cells::{MAX_VALUE_BYTES, MIN_VALUE_BYTES};
pub use file::{IndexError, MAX_INDEX_BYTES};
pub use key::{IndexKey, KeyError};
pub use spec::{ColumnSpec, DateOrder, MAX_COLUMNS, SpecError, TableSpec, ValueKind};

pub(super) use dates::Dates;
pub(super) use file::bytes;
pub(super) use filter::Filter;
pub(super) use key::Sip;
pub(super) use table::{Table, lower_bound};
pub(super) use words::Words;

pub(super) use super::documents::DocumentsSpec as Documents;
pub(super) use super::exact::ExactSpec as Exact;
use super::{
    budget::{Budget, ScanError},
    documents::{self, Shelf},
    exact,
};

/// Finds values in a view's text without a pattern.
pub(super) trait Finder: Debug + Send + Sync {
    /// Spans in bytes of `text`, in order.
    ///
    /// # Errors
    /// Over a limit.
    fn find(&self, text: &str, budget: &mut Budget) -> Result<Vec<(usize, usize)>, ScanError>;
}

/// One index, read and checked.
#[derive(Clone, Debug)]
pub struct Index(pub(super) Kind);

/// What an index holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Rows of a table.
    Table(Arc<Table>),
    /// Documents.
    Documents(Arc<Shelf>),
}

impl Index {
    /// Reads a file that was made with `key`: the name by which detectors call it, and the index.
    ///
    /// # Errors
    /// [`IndexError`], with the remedy.
    pub fn read(file: &[u8], key: &IndexKey) -> Result<(String, Index), IndexError> {
        let (name, kind) = file::open(file, key)?;
        Ok((name, Index(kind)))
    }

    /// True where a file begins as an index does.
    #[must_use]
    pub fn begins(file: &[u8]) -> bool {
        file::begins(file)
    }

    pub(super) fn exact(&self, wanted: &Exact) -> Result<Arc<dyn Finder>, String> {
        match exact::Exact::new(wanted, self) {
            Ok(exact) => Ok(Arc::new(exact)),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) fn documents(&self, wanted: &Documents) -> Result<Arc<dyn Finder>, String> {
        match documents::Documents::new(wanted, self) {
            Ok(documents) => Ok(Arc::new(documents)),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
