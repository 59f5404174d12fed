//! Builders: from a table or documents to the file of an index. This runs where the data is, not in the gateway.

use super::IndexError;
use super::cells::{self, Value};
use super::file::{seal, too_large};
use super::filter::Filter;
use super::key::{IndexKey, Keyed, first, hashed};
use super::spec::{SpecError, TableSpec, ValueKind, check_name};
use super::table::{Column, ENTRY_BYTES, Hashes, Header};
use crate::dlp::documents::{self, Print};

/// Rows of a table at most.
pub const MAX_ROWS: usize = 10_000_000;
/// Entries of an index at most: a value of a row in one of its spellings, or a fingerprint of a document.
pub const MAX_ENTRIES: usize = 32_000_000;
/// Documents of an index at most.
pub const MAX_DOCUMENTS: usize = 1_000_000;

/// A finished index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// Rows or documents that it knows.
    pub items: usize,
    /// Rows or documents of which nothing could be taken, because all was empty, short or not readable.
    pub left_out: usize,
    /// Hashes in it.
    pub entries: usize,
    /// Columns with cells that are not empty and could not be read, a date in another order for example, and how many.
    pub unread: Vec<(String, usize)>,
}

/// Makes an index of a table, row by row.
pub struct TableBuilder {
    name: String,
    columns: Vec<Source>,
    hashes: Hashes,
    key: IndexKey,
    entries: Vec<[u8; ENTRY_BYTES]>,
    filter: Vec<u64>,
    rows: usize,
    left_out: usize,
}

/// A column and where its cells stand in a row.
struct Source {
    spec: super::ColumnSpec,
    cells: Vec<usize>,
    mac: Keyed,
    lengths: u64,
    unread: usize,
}

impl TableBuilder {
    /// For a table with these headings.
    ///
    /// # Errors
    /// [`SpecError`], with the remedy.
    pub fn new(spec: &TableSpec, headings: &[&str], key: &IndexKey) -> Result<Self, SpecError> {
        spec.check()?;
        let hashes = Hashes::new(key, &spec.name);
        let source = |column: &super::ColumnSpec| {
            let cells = column
                .from
                .iter()
                .map(|heading| place(heading, &column.name, headings));
            Ok(Source {
                cells: cells.collect::<Result<_, SpecError>>()?,
                mac: hashes.column(&column.name),
                spec: column.clone(),
                lengths: 0,
                unread: 0,
            })
        };
        Ok(Self {
            name: spec.name.clone(),
            columns: spec
                .columns
                .iter()
                .map(source)
                .collect::<Result<_, SpecError>>()?,
            hashes: hashes.clone(),
            key: key.clone(),
            entries: Vec::new(),
            filter: Vec::new(),
            rows: 0,
            left_out: 0,
        })
    }

    /// Takes a row; cells that it lacks are empty.
    ///
    /// # Errors
    /// [`IndexError::TooLarge`].
    pub fn row(&mut self, cells: &[&str]) -> Result<(), IndexError> {
        self.rows += 1;
        if self.rows > MAX_ROWS {
            return Err(too_large("rows", MAX_ROWS));
        }
        let row = self.hashes.row(self.rows as u64);
        let before = self.entries.len();
        for column in &mut self.columns {
            let cells: Vec<&str> = column
                .cells
                .iter()
                .map(|at| cells.get(*at).copied().unwrap_or_default())
                .collect();
            let values = cells::values(&column.spec, &cells);
            let written = cells.iter().any(|cell| !cell.trim().is_empty());
            column.unread += usize::from(values.is_empty() && written);
            for value in values {
                self.entries.push(column.entry(&value, row));
                self.filter
                    .extend(filtered(&self.hashes, column.spec.kind, &value));
            }
        }
        if self.entries.len() > MAX_ENTRIES {
            return Err(too_large("values", MAX_ENTRIES));
        }
        self.left_out += usize::from(self.entries.len() == before);
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// [`IndexError::Empty`], [`IndexError::TooLarge`].
    pub fn finish(mut self) -> Result<Built, IndexError> {
        if self.entries.is_empty() {
            return Err(IndexError::Empty);
        }
        self.entries.sort_unstable();
        self.entries.dedup();
        self.filter.sort_unstable();
        self.filter.dedup();
        let filter = Filter::of(&self.filter);
        let unread = self.columns.iter().filter(|column| column.unread > 0);
        let unread = unread.map(|column| (column.spec.name.clone(), column.unread));
        let unread = unread.collect();
        let header = Header {
            name: self.name,
            columns: self.columns.iter().map(Source::column).collect(),
            rows: self.rows as u64,
            filter: filter.words().len(),
            entries: self.entries.len(),
        };
        let header = serde_json::to_vec(&header).map_err(|_| IndexError::Kind)?;
        let mut body: Vec<u8> = filter
            .words()
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        body.extend(self.entries.as_flattened());
        Ok(Built {
            bytes: seal(true, &self.key, &header, &body)?,
            items: self.rows - self.left_out,
            left_out: self.left_out,
            entries: self.entries.len(),
            unread,
        })
    }
}

impl Source {
    fn entry(&mut self, value: &Value, row: [u8; 8]) -> [u8; ENTRY_BYTES] {
        self.lengths |= 1 << (value.text.len() & 63);
        let hash: [u8; ENTRY_BYTES - 8] = first(hashed(&self.mac, value.text.as_bytes()));
        let mut entry = [0; ENTRY_BYTES];
        entry[..hash.len()].copy_from_slice(&hash);
        entry[hash.len()..].copy_from_slice(&row);
        entry
    }

    fn column(&self) -> Column {
        Column {
            name: self.spec.name.clone(),
            kind: self.spec.kind,
            lengths: self.lengths,
        }
    }
}

/// What the filter must know of a value: all of it, and the word that a name or text begins with.
fn filtered(hashes: &Hashes, kind: ValueKind, value: &Value) -> impl Iterator<Item = u64> {
    let spoken = matches!(kind, ValueKind::Name | ValueKind::Text);
    let first = spoken.then(|| hashes.first_word(&value.text[..value.first]));
    first.into_iter().chain([hashes.value(&value.text)])
}

fn place(heading: &str, column: &str, headings: &[&str]) -> Result<usize, SpecError> {
    headings
        .iter()
        .position(|known| known.trim() == heading)
        .ok_or_else(|| SpecError::Heading {
            heading: heading.to_owned(),
            column: column.to_owned(),
            known: headings.join(", "),
        })
}

/// Makes an index of documents, one by one.
pub struct DocumentsBuilder {
    name: String,
    key: IndexKey,
    print: Print,
    entries: Vec<(u64, u32)>,
    counts: Vec<u32>,
    left_out: usize,
}

impl DocumentsBuilder {
    /// An index of this name.
    ///
    /// # Errors
    /// [`SpecError::Name`].
    pub fn new(name: &str, key: &IndexKey) -> Result<Self, SpecError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: key.clone(),
            print: Print::new(key, name),
            entries: Vec::new(),
            counts: Vec::new(),
            left_out: 0,
        })
    }

    /// Takes a document's text.
    ///
    /// # Errors
    /// [`IndexError::TooLarge`].
    pub fn document(&mut self, text: &str) -> Result<(), IndexError> {
        let mut prints = self.print.of_document(text);
        if prints.is_empty() {
            self.left_out += 1;
            return Ok(());
        }
        prints.sort_unstable();
        prints.dedup();
        let number = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        self.counts
            .push(u32::try_from(prints.len()).unwrap_or(u32::MAX));
        self.entries
            .extend(prints.into_iter().map(|print| (print, number)));
        if self.counts.len() > MAX_DOCUMENTS {
            return Err(too_large("documents", MAX_DOCUMENTS));
        }
        if self.entries.len() > MAX_ENTRIES {
            return Err(too_large("fingerprints", MAX_ENTRIES));
        }
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// [`IndexError::Empty`], [`IndexError::TooLarge`].
    pub fn finish(mut self) -> Result<Built, IndexError> {
        if self.entries.is_empty() {
            return Err(IndexError::Empty);
        }
        self.entries.sort_unstable();
        let (header, body) = documents::write(&self.name, &self.counts, &self.entries);
        let header = header.map_err(|_| IndexError::Kind)?;
        Ok(Built {
            bytes: seal(false, &self.key, &header, &body)?,
            items: self.counts.len(),
            left_out: self.left_out,
            entries: self.entries.len(),
            unread: Vec::new(),
        })
    }
}

/// An index of a table that is at hand.
///
/// # Errors
/// [`IndexError`], with the remedy.
pub fn build_table<'t>(
    spec: &TableSpec,
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<&'t str>>,
    key: &IndexKey,
) -> Result<Built, IndexError> {
    let mut builder = TableBuilder::new(spec, headings, key)?;
    for row in rows {
        builder.row(&row)?;
    }
    builder.finish()
}

/// An index of documents that are at hand.
///
/// # Errors
/// [`IndexError`], with the remedy.
pub fn build_documents<'t>(
    name: &str,
    documents: impl IntoIterator<Item = &'t str>,
    key: &IndexKey,
) -> Result<Built, IndexError> {
    let mut builder = DocumentsBuilder::new(name, key)?;
    for text in documents {
        builder.document(text)?;
    }
    builder.finish()
}
