//! The file of an index: read whole and checked, or refused.
//!
//! ```text
//! magic 8 | kind 2 | 0 2 | header length 4 | file length 8 | key id 8 | header (JSON) | body | HMAC over all before, 32
//! ```
//!
//! Numbers are little-endian. The HMAC is checked before anything else is believed, so that header and body need to be
//! checked for plain damage only by whoever writes them.

use std::sync::Arc;

use hmac::Mac;

use super::key::{IndexKey, hashed};
use super::table::Table;
use super::{Kind, SpecError};
use crate::dlp::documents::Shelf;

/// An index at most, in bytes.
pub const MAX_INDEX_BYTES: usize = 1024 * 1024 * 1024;
const MAGIC: &[u8; 8] = b"SLUICEI1";
/// Bytes before the header.
const PREFIX_BYTES: usize = 32;
/// Bytes of the HMAC.
const TAG_BYTES: usize = 32;
const TABLE: u16 = 1;
const DOCUMENTS: u16 = 2;

/// Why an index is not made or not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Some other file.
    #[error("this is no index; make one with `sluice dlp index`")]
    NotAnIndex,
    /// Cut, or longer than it was.
    #[error(
        "the index has {found} bytes and says that it has {stated}: it was cut or added to; copy it again"
    )]
    Length {
        /// What the file has.
        found: usize,
        /// What it says.
        stated: u64,
    },
    /// Made with another key.
    #[error(
        "the index was made with another key; give the key that `sluice dlp index` was given, or make the index again"
    )]
    WrongKey,
    /// Changed on the way, or made up.
    #[error("the index was changed after it was made; copy it again, or make it again")]
    Changed,
    /// Made by a later version.
    #[error("the index is of a kind that this version does not know; make it with this version")]
    Kind,
    /// Over a limit.
    #[error("the index has more than {limit} {what}; leave some out, or make two")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How much of it an index may have.
        limit: usize,
    },
    /// Nothing to look for.
    #[error(
        "nothing of it can be looked for: values have at least three letters or digits, documents {} words",
        crate::dlp::documents::MIN_WORDS
    )]
    Empty,
    /// A wrong INDEX.toml, or one for another table.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// A file of these parts.
pub(super) fn seal(
    is_table: bool,
    key: &IndexKey,
    header: &[u8],
    body: &[u8],
) -> Result<Vec<u8>, IndexError> {
    let length = PREFIX_BYTES + header.len() + body.len() + TAG_BYTES;
    if length > MAX_INDEX_BYTES {
        return Err(too_large("bytes", MAX_INDEX_BYTES));
    }
    let header_length = u32::try_from(header.len()).map_err(|_| IndexError::Kind)?;
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&if is_table { TABLE } else { DOCUMENTS }.to_le_bytes());
    file.extend_from_slice(&[0, 0]);
    file.extend_from_slice(&header_length.to_le_bytes());
    file.extend_from_slice(&(length as u64).to_le_bytes());
    file.extend_from_slice(&key.id());
    file.extend_from_slice(header);
    file.extend_from_slice(body);
    let tag = hashed(&key.mac("file", ""), &file);
    file.extend_from_slice(&tag);
    Ok(file)
}

/// True where a file begins as an index does.
pub(super) fn begins(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

/// Checks a file and reads it; its name and what is in it.
pub(super) fn open(file: &[u8], key: &IndexKey) -> Result<(String, Kind), IndexError> {
    if !file.starts_with(MAGIC) {
        return Err(IndexError::NotAnIndex);
    }
    let stated = u64::from_le_bytes(bytes(file, 16).ok_or(IndexError::NotAnIndex)?);
    if stated != file.len() as u64 {
        return Err(IndexError::Length {
            found: file.len(),
            stated,
        });
    }
    if file.len() > MAX_INDEX_BYTES {
        return Err(too_large("bytes", MAX_INDEX_BYTES));
    }
    if bytes::<8>(file, 24) != Some(key.id()) {
        return Err(IndexError::WrongKey);
    }
    let (sealed, tag) = file
        .split_last_chunk::<TAG_BYTES>()
        .ok_or(IndexError::Changed)?;
    let mut mac = key.mac("file", "");
    mac.update(sealed);
    mac.verify_slice(tag).map_err(|_| IndexError::Changed)?;
    let header_length = u32::from_le_bytes(bytes(file, 12).ok_or(IndexError::Changed)?) as usize;
    let (header, body) = sealed
        .get(PREFIX_BYTES..)
        .and_then(|rest| rest.split_at_checked(header_length))
        .ok_or(IndexError::Changed)?;
    match bytes(file, 8).map(u16::from_le_bytes) {
        Some(TABLE) => Table::read(header, body, key)
            .map(|table| (table.name().to_owned(), Kind::Table(Arc::new(table)))),
        Some(DOCUMENTS) => Shelf::read(header, body, key)
            .map(|shelf| (shelf.name().to_owned(), Kind::Documents(Arc::new(shelf)))),
        _ => Err(IndexError::Kind),
    }
}

/// The bytes from `at` on.
pub(crate) fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

pub(crate) const fn too_large(what: &'static str, limit: usize) -> IndexError {
    IndexError::TooLarge { what, limit }
}
