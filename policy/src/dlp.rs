//! Detectors: what an event's content shows, found by rules that authors keep in TOML.
//!
//! ```text
//!  rules/dlp/*.toml ─→ Detectors
//!                         │ scan(tree, pointer)
//!  tree ─→ every string, key, number ─→ views ─→ keywords ─→ regex ─→ validator ─→ Finding
//! ```
//!
//! A finding says which detector, how sure, which field and where; never the text, so that it can be logged and handed
//! on. Work is bounded; over the bound a scan fails, and its caller denies the event.

mod allow;
mod budget;
mod check;
mod context;
mod detector;
mod detectors;
mod documents;
mod exact;
mod hash;
pub mod import;
mod index;
mod load;
mod pattern;
mod phrases;
mod prefilter;
mod scan;
mod self_test;
mod validator;
mod values;
mod view;
mod window;

use serde::{Deserialize, Serialize};

pub use budget::{
    CANDIDATES_PER_BYTE, FREE_CANDIDATES, FREE_SEARCHED, FREE_VIEW_BYTES, MAX_DEPTH, MAX_FINDINGS,
    MAX_LOOKUPS, MAX_UNIT_BYTES, SEARCHED_PER_BYTE, ScanError, VIEW_BYTES_PER_BYTE,
};
pub use detector::Marking;
pub use detectors::{DEFAULT_SIZE_LIMIT, Detectors, LoadOptions, Scan};
pub use documents::{
    Documents, DocumentsSpec, MAX_QUOTE_WORDS, MIN_QUOTE_WORDS, MIN_SHARED, MIN_WORDS, Overlap,
    QUOTE_SLACK_WORDS, SHINGLE_WORDS, STRETCH, WINDOW_SHINGLES,
};
pub use exact::{Exact, ExactSpec, UseError};
pub use hash::{HASH_KEY_BYTES, HashKey, VALUE_HASH_BYTES, ValueHash};
pub use index::{
    Built, ColumnSpec, DateOrder, DocumentsBuilder, Index, IndexError, IndexKey, KeyError,
    MAX_COLUMNS, MAX_DOCUMENTS, MAX_ENTRIES, MAX_INDEX_BYTES, MAX_ROWS, MAX_VALUE_BYTES,
    MIN_VALUE_BYTES, SpecError, TableBuilder, TableSpec, ValueKind, build_documents, build_table,
};
pub use load::{
    DEFAULT_WITHIN_CHARS, MAX_CONTEXT_CHARS, MAX_DETECTORS, MAX_FILE_BYTES, MAX_ID_BYTES,
    MAX_PATTERNS, MAX_PHRASES, MAX_WITHIN_CHARS, MIN_EXAMPLES, PROBE_BYTES,
};
pub use self_test::{DetectorTest, ExampleTest, TestReport};
pub use view::{View, see};
pub use window::{
    Around, KEPT_BYTES, MAX_SAID, Part, Said, Seen, WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_MS,
    Window, Windows, joined, said,
};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Nothing by itself: the pattern counts only beside words that say what it is. Never leaves a scan.
    None,
    /// The pattern alone.
    Low,
    /// The pattern and a check that random text rarely passes.
    Medium,
    /// Beyond that, words nearby that say what it is; or a pattern that is a proof by itself.
    High,
}

/// What a detector saw, without the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Id of the detector, `de.iban`.
    pub detector: String,
    /// How sure it is.
    pub strength: Strength,
    /// JSON pointer to the field. A key that is itself found, or longer than 128 bytes, stands in it as `*`.
    pub field: String,
    /// First byte of the value, in UTF-8 of the decoded string, key or number.
    pub start: usize,
    /// Byte after the value.
    pub end: usize,
    /// The view that showed it first: `raw`, `normalised`, `joined`, `skeleton` or `decoded`.
    pub view: &'static str,
    /// True where the value stands in the key of `field` and not below it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// The value as a keyed hash, for telling how many different ones there are; several, in order, where the place
    /// holds packed text with several values.
    #[serde(skip)]
    pub values: Vec<ValueHash>,
}

impl Strength {
    /// The word in facts and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Strength::None => "none",
            Strength::Low => "low",
            Strength::Medium => "medium",
            Strength::High => "high",
        }
    }

    /// One step less sure, but never unseen.
    pub(crate) fn lowered(self) -> Strength {
        match self {
            Strength::High => Strength::Medium,
            Strength::Medium | Strength::Low => Strength::Low,
            Strength::None => Strength::None,
        }
    }

    /// One step surer; `High` stays.
    pub(crate) fn raised(self) -> Strength {
        match self {
            Strength::None => Strength::Low,
            Strength::Low => Strength::Medium,
            Strength::Medium | Strength::High => Strength::High,
        }
    }
}

#[cfg(test)]
mod tests;
