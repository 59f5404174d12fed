//! A table as an index: sorted hashes of values, each with the hashed number of its row.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::file::IndexError;
use super::filter::Filter;
use super::key::{IndexKey, Keyed, Sip, first, hashed};
use super::spec::ValueKind;

/// Bytes of a value's hash.
const HASH_BYTES: usize = 16;
/// Bytes of an entry: hash and row.
pub(super) const ENTRY_BYTES: usize = HASH_BYTES + 8;

/// What stands in front of the entries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: u64,
    /// Words of the filter, each of 64 bits.
    pub(super) filter: usize,
    pub(super) entries: usize,
}

/// A column of an index.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    /// Its name for detectors.
    pub(crate) name: String,
    /// How its cells were read.
    pub(crate) kind: ValueKind,
    /// Bit `n` is set where it has a value of `n` bytes.
    pub(crate) lengths: u64,
}

/// What is derived from the key for one table.
#[derive(Clone)]
pub(super) struct Hashes {
    value: Keyed,
    row: Keyed,
    words: Sip,
    values: Sip,
}

/// A table that was read.
#[derive(Clone)]
pub(crate) struct Table {
    name: String,
    columns: Vec<(Column, Keyed)>,
    hashes: Hashes,
    filter: Filter,
    entries: Vec<u8>,
}

impl Hashes {
    pub(super) fn new(key: &IndexKey, index: &str) -> Self {
        Self {
            value: key.mac("value", index),
            row: key.mac("row", index),
            words: key.sip("first word", index),
            values: key.sip("value filter", index),
        }
    }

    /// HMAC of the values of one column.
    pub(super) fn column(&self, name: &str) -> Keyed {
        let mut mac = self.value.clone();
        hmac::Mac::update(&mut mac, name.as_bytes());
        hmac::Mac::update(&mut mac, b"\0");
        mac
    }

    /// The row with this number: the numbers themselves would tell the order of the table.
    pub(super) fn row(&self, number: u64) -> [u8; 8] {
        first(hashed(&self.row, &number.to_le_bytes()))
    }

    pub(super) fn first_word(&self, word: &str) -> u64 {
        self.words.of(word.as_bytes())
    }

    pub(super) fn value(&self, value: &str) -> u64 {
        self.values.of(value.as_bytes())
    }
}

impl Table {
    pub(super) fn read(header: &[u8], body: &[u8], key: &IndexKey) -> Result<Self, IndexError> {
        let header: Header = serde_json::from_slice(header).map_err(|_| IndexError::Kind)?;
        let filter_bytes = header.filter.checked_mul(8).ok_or(IndexError::Changed)?;
        let (filter, entries) = body
            .split_at_checked(filter_bytes)
            .ok_or(IndexError::Changed)?;
        if Some(entries.len()) != header.entries.checked_mul(ENTRY_BYTES) {
            return Err(IndexError::Changed);
        }
        let hashes = Hashes::new(key, &header.name);
        let columns = header.columns.into_iter().map(|column| {
            let mac = hashes.column(&column.name);
            (column, mac)
        });
        Ok(Self {
            columns: columns.collect(),
            name: header.name,
            hashes,
            filter: Filter::from_bytes(filter),
            entries: entries.to_vec(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns, by number.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().map(|(column, _)| column)
    }

    /// Whether a name or text may begin with this word.
    pub(crate) fn may_begin(&self, word: &str) -> bool {
        self.filter.may_have(self.hashes.first_word(word))
    }

    /// Whether this may be a value of some column.
    pub(crate) fn may_have(&self, value: &str) -> bool {
        self.filter.may_have(self.hashes.value(value))
    }

    /// The entries of a value in a column.
    pub(crate) fn entries(&self, column: usize, value: &str) -> Range<usize> {
        let Some((_, mac)) = self.columns.get(column) else {
            return 0..0;
        };
        let wanted: [u8; HASH_BYTES] = first(hashed(mac, value.as_bytes()));
        let count = self.entries.len() / ENTRY_BYTES;
        let from = lower_bound(0..count, |at| self.hash(at) < &wanted[..]);
        let to = lower_bound(from..count, |at| self.hash(at) <= &wanted[..]);
        from..to
    }

    /// The row of an entry.
    pub(crate) fn row(&self, entry: usize) -> u64 {
        let at = entry * ENTRY_BYTES + HASH_BYTES;
        super::file::bytes(&self.entries, at).map_or(0, u64::from_be_bytes)
    }

    /// Whether one of these entries, which are of one value, is of this row.
    pub(crate) fn has_row(&self, entries: &Range<usize>, row: u64) -> bool {
        let at = lower_bound(entries.clone(), |at| self.row(at) < row);
        at < entries.end && self.row(at) == row
    }

    fn hash(&self, entry: usize) -> &[u8] {
        let at = entry * ENTRY_BYTES;
        self.entries.get(at..at + HASH_BYTES).unwrap_or_default()
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The first number of the range that is not `below`; those that are stand in front.
pub(crate) fn lower_bound(range: Range<usize>, below: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (range.start, range.end);
    while from < to {
        let middle = from + (to - from) / 2;
        if below(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}
