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

mod bits;
mod clearance;
mod combine;
mod compare;
mod decide;
mod index;
mod lint;
mod marked;
mod name;
mod record;
mod resolve;
mod room;
mod spell;
mod spif;
#[cfg(test)]
mod test_kit;
#[cfg(test)]
mod test_policy;
mod translate;
mod typed;
mod valid;
mod wire;
mod xml;

pub use clearance::{Clearance, ClearanceError, MAX_CLEARANCE_BYTES};
pub use combine::Combined;
pub use decide::{Cleared, LabelDecision, decide};
pub use lint::{LintFinding, LintReport, LossyRoundTrip, lint, lint_at};
pub use name::OID_PREFIX;
pub use room::{MAX_MAY_LOWER, RoomLabel, clearance_within};
pub use spif::{
    Applied, Classification, DateFormat, EquivalentClassification, EquivalentPolicy,
    EquivalentTagSet, EquivalentValue, Marking, MarkingCode, Markings, Operation, PrivacyMark,
    Qualifier, QualifierKind, Spif, SpifError, SpifOptions, Spifs, Tag, TagKind, TagSet, TagValue,
    UserInput, Wanted, WantedGroup,
};
pub use translate::{Discard, TranslateError, Use, decide_across};
pub use typed::{Typed, typed_marking};
pub use valid::LabelFault;
pub use wire::{
    Category, Label, LabelError, MAX_LABEL_BYTES, Mode, OriginatorId, PolicyIdentifier, Reading,
    Role, Succession,
};

/// Key in an event's content under which its label stands.
pub const LABEL_KEY: &str = "org.sluice.confidentiality";

/// Type of the state event that labels a room; its content has the label under `label`.
pub const ROOM_LABEL_TYPE: &str = "org.sluice.room_confidentiality";

/// The only value of `schema` in the wire form of a label.
pub const LABEL_SCHEMA: &str = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0";
