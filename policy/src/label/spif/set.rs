//! The policies that are loaded, and which of them a name or identifier means.

use super::{Classification, Spif, SpifError};
use crate::label::{
    index::{Loaded, Names},
    name::{Key, OID_PREFIX, is_reserved},
    translate::Discard,
    wire::{Label, PolicyIdentifier},
};

/// The policies that are loaded, looked up by object identifier or name.
#[derive(Clone, Debug, Default)]
pub struct Spifs {
    policies: Vec<Loaded>,
    /// Positions by name.
    names: Names<usize>,
    discard: Discard,
}

impl Spifs {
    /// The set of `spifs`.
    ///
    /// # Errors
    /// Two policies with one name or one object identifier (SP-8): which of them a label means could not be said.
    /// One with a reserved name.
    pub fn new(spifs: Vec<Spif>) -> Result<Spifs, Vec<SpifError>> {
        let mut errors = Vec::new();
        for (index, spif) in spifs.iter().enumerate() {
            let twin = |other: &&Spif| {
                other.oid == spif.oid || Key::of(&other.name) == Key::of(&spif.name)
            };
            if let Some(other) = spifs[..index].iter().find(twin) {
                errors.push(SpifError::new("duplicate-policy", None, format!(
                    "policies {} ({}) and {} ({}) share a name or object identifier; load one of them",
                    other.name, other.oid, spif.name, spif.oid
                )));
            }
        }
        let reserved = spifs.iter().filter(|spif| is_reserved(&spif.name));
        errors.extend(reserved.map(|_| SpifError::reserved(None)));
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut names = Names::default();
        for (position, spif) in spifs.iter().enumerate() {
            *names.entry(&spif.name, &Key::of(&spif.name)) = position;
        }
        let policies = spifs.into_iter().map(Loaded::new).collect();
        Ok(Spifs {
            policies,
            names,
            discard: Discard::default(),
        })
    }

    /// The same policies, with what a translation may leave out.
    #[must_use]
    pub fn discarding(self, discard: Discard) -> Spifs {
        Spifs { discard, ..self }
    }

    /// What a translation may leave out.
    #[must_use]
    pub fn discard(&self) -> Discard {
        self.discard
    }

    /// The loaded policies, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Spif> {
        self.policies.iter().map(Loaded::spif)
    }

    /// True where no policy is loaded; every decision is then a denial.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The policy with this dotted object identifier.
    #[must_use]
    pub fn by_oid(&self, oid: &str) -> Option<&Spif> {
        self.loaded_by_oid(oid).map(Loaded::spif)
    }

    /// The policy with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Spif> {
        self.loaded_by_name(name).map(Loaded::spif)
    }

    pub(in crate::label) fn loaded_by_oid(&self, oid: &str) -> Option<&Loaded> {
        self.policies.iter().find(|policy| policy.oid == oid)
    }

    pub(in crate::label) fn loaded_by_name(&self, name: &str) -> Option<&Loaded> {
        self.policies.get(*self.names.get(name)?)
    }

    /// True where the policy of this name or dotted object identifier is loaded and has this classification.
    #[must_use]
    pub fn marking(&self, policy: &str, classification: &str) -> bool {
        let spif = self.by_oid(policy).or_else(|| self.by_name(policy));
        spif.is_some_and(|spif| spif.classification(classification).is_some())
    }

    /// The level that a label names, in the policy's spelling and with its rank; `None` where policy or level are
    /// unknown or the label's policy name and identifier disagree.
    #[must_use]
    pub fn classification(&self, label: &Label) -> Option<&Classification> {
        match self.resolve(label.policy()) {
            Resolved::One(spif) => spif.classification(label.classification()),
            Resolved::Unknown | Resolved::Mismatch => None,
        }
    }

    /// The policy that an identifier means (LB-3): name and object identifier must mean the same one.
    pub(in crate::label) fn resolve(&self, policy: &PolicyIdentifier) -> Resolved<'_> {
        let by_name = self.loaded_by_name(&policy.name);
        let Some(uri) = &policy.uri else {
            return by_name.map_or(Resolved::Unknown, Resolved::One);
        };
        let by_oid = uri
            .strip_prefix(OID_PREFIX)
            .and_then(|oid| self.loaded_by_oid(oid));
        match (by_name, by_oid) {
            (None, None) => Resolved::Unknown,
            (Some(one), Some(other)) if std::ptr::eq(one, other) => Resolved::One(one),
            _ => Resolved::Mismatch,
        }
    }
}

/// What a policy identifier means among the loaded policies.
pub(in crate::label) enum Resolved<'a> {
    /// Exactly this policy.
    One(&'a Loaded),
    /// None of them.
    Unknown,
    /// Name and identifier mean different things.
    Mismatch,
}
