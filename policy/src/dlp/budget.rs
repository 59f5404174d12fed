//! How much work one scan may do. Work is counted, never timed, so that the same text always gives the same answer.
//!
//! What grows with the text has a limit that grows with it; the rest is fixed. Over a limit the scan fails as a whole:
//! there is no partial result that a caller could take for a clean one.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hash, Hasher, RandomState},
};

/// Text that one scan looks at, at most, in bytes of keys, strings and numbers together.
pub const MAX_UNIT_BYTES: usize = 1024 * 1024;
/// Findings of one scan at most.
pub const MAX_FINDINGS: usize = 256;
/// Depth of a tree at most.
pub const MAX_DEPTH: usize = 128;
/// Text of all views of a scan at most, in bytes for each byte of the unit.
pub const VIEW_BYTES_PER_BYTE: usize = 32;
/// Text of all views that every scan may look at, however small the unit, in bytes.
pub const FREE_VIEW_BYTES: usize = 128 * 1024;
/// Places that patterns of one scan may match at most, found or not, for each byte of the unit.
pub const CANDIDATES_PER_BYTE: usize = 1;
/// Places that patterns of every scan may match, however small the unit.
pub const FREE_CANDIDATES: usize = 4096;
/// Bytes that patterns of one scan may run over at most, for each byte of the unit.
pub const SEARCHED_PER_BYTE: usize = 512;
/// Bytes that patterns of every scan may run over, however small the unit.
pub const FREE_SEARCHED: usize = 4 * 1024 * 1024;
/// Text that blobs of one scan are tried on at most, in bytes for each byte of the unit: a word may be read in one piece
/// with its neighbours, by itself, in parts and from its second letter on.
pub const TRIED_PER_BYTE: usize = 16;
/// Text that blobs of every scan may be tried on, however small the unit, in bytes.
pub const FREE_TRIED: usize = 64 * 1024;
/// Text of decoded views of a scan at most, in bytes for each byte of the unit. It is a part of the text of all views.
pub const DECODED_PER_BYTE: usize = 4;
/// Text of decoded views that every scan may look at, however small the unit, in bytes.
pub const FREE_DECODED: usize = 24 * 1024;
/// Bytes that patterns of one scan may run over in decoded views at most, for each byte of the unit: what is packed holds
/// many times its length, and must not cost as many times more.
pub const DECODED_SEARCHED_PER_BYTE: usize = 64;
/// Bytes that patterns of every scan may run over in decoded views, however small the unit.
pub const FREE_DECODED_SEARCHED: usize = 128 * 1024;
/// Lookups in indexes of one scan at most, fast ones and those with HMAC together.
pub const MAX_LOOKUPS: usize = 2_000_000;

/// Why a scan did not come to its end. Nothing is known about what is left, so the caller denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// More work than a scan may do.
    #[error("the scan is over its budget of {limit} {what}")]
    Budget {
        /// What is counted.
        what: &'static str,
        /// How much of it a scan may take.
        limit: usize,
    },
    /// A pattern that the text calls for does not compile.
    #[error(
        "a pattern that the text calls for does not compile; find it with `sluice dlp test`, correct it and build the \
         bundle anew"
    )]
    Pattern,
}

/// What one scan has spent.
#[derive(Debug, Default)]
pub(super) struct Budget {
    unit: usize,
    views: usize,
    candidates: usize,
    searched: usize,
    lookups: usize,
    tried: usize,
    decoded: usize,
    decoded_searched: usize,
    in_decoded: bool,
    pub(super) in_vain: InVain,
}

/// What was no text when it was read as encoded: several views of a text hold the same words, and so do the ways to read
/// several texts together.
#[derive(Debug, Default)]
pub(super) struct InVain {
    /// Under keys that nobody knows, so that no word can be made to stand for another.
    keys: RandomState,
    seen: BTreeSet<u64>,
}

impl InVain {
    /// What these digits, in words of these lengths, are known by.
    pub(super) fn name_of(&self, written: &[u8], lengths: impl Iterator<Item = usize>) -> u64 {
        let mut hasher = self.keys.build_hasher();
        written.hash(&mut hasher);
        lengths.for_each(|length| length.hash(&mut hasher));
        hasher.finish()
    }

    pub(super) fn has(&self, name: u64) -> bool {
        self.seen.contains(&name)
    }

    pub(super) fn add(&mut self, name: u64) {
        self.seen.insert(name);
    }
}

impl Budget {
    /// Text of the unit, in bytes.
    pub(super) fn unit(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.unit = self.unit.saturating_add(bytes);
        within(self.unit, MAX_UNIT_BYTES, "bytes")
    }

    /// Text of views, or of what they are made from, in bytes.
    pub(super) fn view(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.views = self.views.saturating_add(bytes);
        let limit = FREE_VIEW_BYTES + self.unit * VIEW_BYTES_PER_BYTE;
        within(self.views, limit, "bytes of views")
    }

    /// A place where a pattern matches.
    pub(super) fn candidate(&mut self) -> Result<(), ScanError> {
        self.candidates += 1;
        let limit = FREE_CANDIDATES + self.unit * CANDIDATES_PER_BYTE;
        within(self.candidates, limit, "candidates")
    }

    /// Text that a pattern ran over, in bytes.
    pub(super) fn searched(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.searched = self.searched.saturating_add(bytes);
        let limit = FREE_SEARCHED + self.unit * SEARCHED_PER_BYTE;
        within(self.searched, limit, "bytes searched")?;
        if self.in_decoded {
            self.decoded_searched = self.decoded_searched.saturating_add(bytes);
        }
        let limit = FREE_DECODED_SEARCHED + self.unit * DECODED_SEARCHED_PER_BYTE;
        within(
            self.decoded_searched,
            limit,
            "bytes searched in decoded text",
        )
    }

    /// Says whether what is searched from here on is a decoded view.
    pub(super) fn enter_view(&mut self, is_decoded: bool) {
        self.in_decoded = is_decoded;
    }

    /// Text that may hold something encoded, each time that it is tried, in bytes.
    pub(super) fn tried(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.tried = self.tried.saturating_add(bytes);
        let limit = FREE_TRIED + self.unit * TRIED_PER_BYTE;
        within(self.tried, limit, "bytes tried for encoded text")
    }

    /// Text of a decoded view, in bytes.
    pub(super) fn decoded(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.decoded = self.decoded.saturating_add(bytes);
        let limit = FREE_DECODED + self.unit * DECODED_PER_BYTE;
        within(self.decoded, limit, "bytes of decoded text")
    }

    /// Lookups in an index.
    pub(super) fn lookups(&mut self, count: usize) -> Result<(), ScanError> {
        self.lookups = self.lookups.saturating_add(count);
        within(self.lookups, MAX_LOOKUPS, "index lookups")
    }
}

#[cfg(test)]
impl Budget {
    /// What is used, and the limit of it.
    pub(super) fn spent(&self) -> [(usize, usize); 6] {
        let limit = |free: usize, per_byte: usize| free + self.unit * per_byte;
        [
            (self.views, limit(FREE_VIEW_BYTES, VIEW_BYTES_PER_BYTE)),
            (self.candidates, limit(FREE_CANDIDATES, CANDIDATES_PER_BYTE)),
            (self.searched, limit(FREE_SEARCHED, SEARCHED_PER_BYTE)),
            (self.tried, limit(FREE_TRIED, TRIED_PER_BYTE)),
            (self.decoded, limit(FREE_DECODED, DECODED_PER_BYTE)),
            (
                self.decoded_searched,
                limit(FREE_DECODED_SEARCHED, DECODED_SEARCHED_PER_BYTE),
            ),
        ]
    }
}

/// Fails where more than `limit` is used.
pub(super) fn within(used: usize, limit: usize, what: &'static str) -> Result<(), ScanError> {
    if used > limit {
        Err(ScanError::Budget { what, limit })
    } else {
        Ok(())
    }
}
