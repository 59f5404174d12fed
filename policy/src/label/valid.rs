//! Whether a label is one under a loaded policy, whoever may read it.

use time::OffsetDateTime;

use super::resolve;
use super::spif::{Resolved, Spifs};
use super::wire::Label;

impl Spifs {
    /// Whether the label is valid under one of the policies at `at`. Only a valid one may be remembered or logged as it
    /// is: in any other, a name could be content.
    #[must_use]
    pub fn is_valid(&self, label: &Label, at: OffsetDateTime) -> bool {
        match self.resolve(label.policy()) {
            Resolved::One(spif) => resolve::label(label, spif, at).is_ok(),
            Resolved::Unknown | Resolved::Mismatch => false,
        }
    }
}
