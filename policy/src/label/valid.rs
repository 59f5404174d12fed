//! Whether a label is one under a loaded policy, whoever may read it.

use time::OffsetDateTime;

use super::{
    clearance::Clearance,
    decide::Denial,
    index::Loaded,
    resolve::{self, Placed},
    spif::{Resolved, Spifs},
    wire::Label,
};

/// Why a label is not valid under the loaded policies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} [{code}]")]
pub struct LabelFault {
    /// `policy-unknown`, `policy-mismatch`, `policy-expired` or `label-invalid`.
    pub code: &'static str,
    /// In words of the loaded policies; safe to log.
    pub message: String,
}

impl Spifs {
    /// Checks the label against the policy that it names, at `at`.
    ///
    /// # Errors
    /// The first demand that does not hold.
    pub fn validate(&self, label: &Label, at: OffsetDateTime) -> Result<(), LabelFault> {
        self.placed(label, at).map(|_| ())
    }

    /// Whether the names and combinations of the label are those of one of the policies at `at`, in force or not. Only
    /// such a label may be remembered or logged as it is: in any other, a name could be content.
    #[must_use]
    pub fn is_valid(&self, label: &Label, at: OffsetDateTime) -> bool {
        match self.resolve(label.policy()) {
            Resolved::One(policy) => resolve::label(label, policy, at).is_ok(),
            Resolved::Unknown | Resolved::Mismatch => false,
        }
    }

    /// Whether every name of the clearance is one of a loaded policy.
    #[must_use]
    pub fn is_valid_clearance(&self, clearance: &Clearance) -> bool {
        match self.resolve(&clearance.policy) {
            Resolved::One(spif) => resolve::clearance(clearance, spif).is_ok(),
            Resolved::Unknown | Resolved::Mismatch => false,
        }
    }

    /// Whether the label uses a name that its policy no longer gives to new labels (LB-11).
    #[must_use]
    pub fn is_obsolete(&self, label: &Label) -> bool {
        match self.resolve(label.policy()) {
            Resolved::One(policy) => {
                resolve::place(label, policy).is_ok_and(|placed| placed.obsolete().is_some())
            }
            Resolved::Unknown | Resolved::Mismatch => false,
        }
    }

    /// The label under the policy that it names.
    pub(super) fn placed<'a>(
        &'a self,
        label: &'a Label,
        at: OffsetDateTime,
    ) -> Result<Placed<'a>, LabelFault> {
        let placed = || self::label(label, policy(label, self)?, at);
        placed().map_err(|(code, message)| LabelFault {
            code,
            message: message.into(),
        })
    }
}

/// The loaded policy that a label names (LB-3).
pub(super) fn policy<'a>(label: &Label, spifs: &'a Spifs) -> Result<&'a Loaded, Denial> {
    match spifs.resolve(label.policy()) {
        Resolved::One(policy) => Ok(policy),
        Resolved::Unknown => Err(("policy-unknown", "the label's policy is not loaded".into())),
        Resolved::Mismatch => Err((
            "policy-mismatch",
            "name and uri of the label's policy mean different policies".into(),
        )),
    }
}

/// The label under a policy that is in force.
pub(super) fn label<'a>(
    label: &'a Label,
    policy: &'a Loaded,
    at: OffsetDateTime,
) -> Result<Placed<'a>, Denial> {
    in_force(policy, at)?;
    resolve::label(label, policy, at).map_err(|reason| ("label-invalid", reason.into()))
}

/// A policy outside its period decides nothing.
pub(super) fn in_force(policy: &Loaded, at: OffsetDateTime) -> Result<(), Denial> {
    if policy.is_valid_at(at) {
        return Ok(());
    }
    let reason = format!("policy {} is expired or not yet valid", policy.name);
    Err(("policy-expired", reason.into()))
}

#[cfg(test)]
mod tests;
