//! The clearances of a link, looked up and named once for all units of a call.

use time::OffsetDateTime;

use super::{ClearanceUsed, LinkClearance, PolicyUsed};
use crate::label::{
    Clearance, Cleared, Label, LabelDecision, OID_PREFIX, PolicyIdentifier, Spifs, Use,
    decide_across,
};

/// A clearance of the link, and what the record says of it.
pub(super) struct Prepared<'a> {
    pub(super) by: LinkClearance<'a>,
    pub(super) used: ClearanceUsed,
    /// The policy under which it decides.
    pub(super) policy: Option<PolicyUsed>,
    spifs: &'a Spifs,
    /// `None` where it cannot be looked up: then each decision says why, and none grants.
    cleared: Option<Cleared<'a>>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(by: LinkClearance<'a>, spifs: &'a Spifs) -> Self {
        Self {
            by,
            used: ClearanceUsed::of(by),
            policy: policy_used(by.clearance, spifs),
            spifs,
            cleared: spifs.clear(by.clearance).ok(),
        }
    }

    pub(super) fn decide(&self, label: &Label, usage: Use, at: OffsetDateTime) -> LabelDecision {
        match &self.cleared {
            Some(cleared) => cleared.decide_across(label, usage, at),
            None => decide_across(label, self.by.clearance, self.spifs, usage, at),
        }
    }
}

fn policy_used(clearance: &Clearance, spifs: &Spifs) -> Option<PolicyUsed> {
    let PolicyIdentifier { name, uri } = &clearance.policy;
    let oid = uri.as_deref().and_then(|uri| uri.strip_prefix(OID_PREFIX));
    let spif = oid.map_or_else(|| spifs.by_name(name), |oid| spifs.by_oid(oid))?;
    Some(PolicyUsed {
        oid: spif.oid.clone(),
        version: spif.version.clone(),
        sha256: spif.sha256.clone(),
    })
}

impl ClearanceUsed {
    /// Names a clearance by its owner and its hash.
    fn of(by: LinkClearance<'_>) -> Self {
        Self {
            of: by.of,
            id: by.clearance.sha256(),
        }
    }
}
