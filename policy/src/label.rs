//! Labels: what a security policy (SPIF) knows, what an event claims (label), what a link may carry (clearance), and
//! the decision over the three.
//!
//! ```text
//!  rules/spif/*.xml ─→ Spifs ──────┐
//!  content / room state ─→ Label ──┼─→ decide(label, clearance, spifs, at) ─→ LabelDecision
//!  peer record, bundle ─→ Clearance┘
//! ```
//!
//! Nothing here reads a clock or a file, and nothing is guessed: a missing policy, an unknown value or an unknown type
//! of category is a denial, and a clearance is a list of classifications, never a maximum. No error or reason quotes a
//! label's own text, only names of the loaded policy, because a label is written by the sender and reasons are logged.

mod clearance;
mod decide;
mod name;
mod resolve;
mod spif;
mod valid;
mod wire;

pub use clearance::{Clearance, ClearanceError};
pub use decide::{LabelDecision, decide};
pub use spif::{Classification, Spif, SpifError, Spifs, Tag, TagKind, TagSet, TagValue};
pub use wire::{Category, Label, LabelError, PolicyIdentifier};

/// Key in an event's content under which its label stands.
pub const LABEL_KEY: &str = "org.sluice.confidentiality";

/// Type of the state event that labels a room; its content has the label under `label`.
pub const ROOM_LABEL_TYPE: &str = "org.sluice.room_confidentiality";

/// The only value of `schema` in the wire form of a label.
pub const LABEL_SCHEMA: &str = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0";
