//! Whose equivalences are followed, and in which direction.

use std::collections::BTreeSet;

use super::{
    super::{
        index::{Loaded, TagIndex},
        name::Key,
        resolve::Placed,
        spif::{Applied, Classification, EquivalentClassification, EquivalentValue, TagKind},
    },
    Discard, TranslateError, Use,
    draft::{Draft, Element},
};

/// A label on its way to a target policy.
pub(super) struct Road<'r, 'a> {
    pub(super) label: &'r Placed<'a>,
    pub(super) target: &'a Loaded,
    pub(super) usage: Use,
    /// Position of the other policy among the equivalent policies of the one whose entries are followed.
    pub(super) other: usize,
}

/// Where the entries lead from one value.
enum Step {
    /// To these values of the target, which are one in its eyes.
    To(Vec<usize>),
    /// Nowhere, and an entry says so.
    Discarded,
    /// No entry.
    Nowhere,
}

impl<'r, 'a> Road<'r, 'a> {
    pub(super) fn new(
        label: &'r Placed<'a>,
        target: &'a Loaded,
        usage: Use,
    ) -> Result<Self, TranslateError> {
        let (stating, other) = match usage {
            Use::Encrypt => (label.policy, target),
            Use::Decrypt => (target, label.policy),
        };
        let known = stating
            .equivalents
            .iter()
            .position(|known| known.oid == other.oid);
        let unmapped = || {
            let (stating, other) = (&stating.name, &other.name);
            let message = format!("policy {stating} states no equivalence with policy {other}");
            TranslateError::new("policy-unmapped", message)
        };
        Ok(Road {
            label,
            target,
            usage,
            other: known.ok_or_else(unmapped)?,
        })
    }

    /// True where the entry is for the other policy and this direction.
    pub(super) fn follows(&self, policy: usize, applied: Applied) -> bool {
        let direction = match self.usage {
            Use::Encrypt => applied.encrypts(),
            Use::Decrypt => applied.decrypts(),
        };
        policy == self.other && direction
    }

    /// The one level of the target that stands for the label's.
    pub(super) fn level(&self) -> Result<usize, TranslateError> {
        let levels = self.target.classifications.iter().enumerate();
        let mut found: Vec<usize> = levels
            .filter(|(_, level)| !self.level_entries(level).is_empty())
            .map(|(number, _)| number)
            .collect();
        if found.len() > 1 && self.usage == Use::Decrypt {
            let levels = &self.target.classifications;
            found.retain(|level| self.meets(&self.level_entries(&levels[*level])));
        }
        let (level, target) = (&self.label.level().name, &self.target.name);
        match found[..] {
            [one] if !self.leads_elsewhere() => Ok(one),
            [] if !self.leads_elsewhere() => Err(TranslateError::new(
                "classification-unmapped",
                format!("{level} has no equivalent in policy {target}"),
            )),
            [] => Err(TranslateError::new(
                "target-value-unknown",
                format!("the equivalent of {level} is not in policy {target}"),
            )),
            _ => Err(TranslateError::new(
                "classification-ambiguous",
                format!("{level} has several equivalents in policy {target}"),
            )),
        }
    }

    /// The entries that connect the label's level with a level of the target.
    pub(super) fn level_entries<'s>(
        &'s self,
        target: &'s Classification,
    ) -> Vec<&'s EquivalentClassification> {
        let own = self.label.level();
        let (entries, lacv) = match self.usage {
            Use::Encrypt => (&own.equivalents, target.lacv),
            Use::Decrypt => (&target.equivalents, own.lacv),
        };
        let connects = |entry: &&EquivalentClassification| {
            entry.lacv == lacv && self.follows(entry.policy, entry.applied)
        };
        entries.iter().filter(connects).collect()
    }

    /// True where an entry of the label's level names a level that the target does not have.
    fn leads_elsewhere(&self) -> bool {
        let lacks = |lacv| {
            !self
                .target
                .classifications
                .iter()
                .any(|level| level.lacv == lacv)
        };
        let mut entries = self.label.level().equivalents.iter();
        self.usage == Use::Encrypt
            && entries.any(|entry| self.follows(entry.policy, entry.applied) && lacks(entry.lacv))
    }

    /// Puts every value of the label into the draft. Values without an entry are given back: what the equivalences
    /// require may account for them.
    pub(super) fn values(
        &self,
        draft: &mut Draft<'a>,
        discard: Discard,
    ) -> Result<Vec<usize>, TranslateError> {
        let mut unmapped = Vec::new();
        for set in &self.label.chosen.nobody {
            draft.nobody(self.set_for_nobody(*set)?);
        }
        for tag in self.label.policy.tags() {
            let mut demand = Vec::new();
            for from in self.elements(tag) {
                match self.step(from, tag, discard)? {
                    Some(to) => demand.push(to),
                    None => unmapped.push(from.value),
                }
            }
            match tag.kind {
                // One of them is enough: one demand.
                TagKind::Permissive => draft.demand(&demand.concat())?,
                TagKind::Restrictive | TagKind::Informative => {
                    demand.iter().try_for_each(|one| draft.demand(one))?;
                }
            }
        }
        Ok(unmapped)
    }

    /// The label's values in a tag, twins once.
    fn elements(&self, tag: &TagIndex) -> Vec<Element<'a>> {
        let named = self.label.chosen.named.and(&tag.firsts);
        let named = named.iter().map(|value| Element { value, text: None });
        let texts = self.label.chosen.texts_of(tag).map(|text| Element {
            value: text.value,
            text: Some(text.text),
        });
        named.chain(texts).collect()
    }

    /// Where one value leads, `None` where no entry says.
    fn step(
        &self,
        from: Element<'a>,
        tag: &TagIndex,
        discard: Discard,
    ) -> Result<Option<Vec<Element<'a>>>, TranslateError> {
        let name = &self.label.policy.value(from.value).name;
        let step = match self.usage {
            Use::Encrypt => self.forward(from.value)?,
            Use::Decrypt => self.reverse(from.value, tag)?,
        };
        let to = match step {
            Step::To(to) => to,
            Step::Nowhere => return Ok(None),
            Step::Discarded if tag.kind == TagKind::Informative || discard == Discard::Any => {
                return Ok(Some(Vec::new()));
            }
            Step::Discarded => {
                let message = format!("{name} controls access and may not be discarded");
                return Err(TranslateError::new("discard-refused", message));
            }
        };
        let kind = |value: &usize| self.target.tags()[self.target.tag_of(*value)].kind;
        let weakened = tag.kind != TagKind::Informative
            && to.iter().all(|to| kind(to) == TagKind::Informative);
        if weakened && discard == Discard::Informative {
            let message = format!("{name} controls access and its equivalent does not");
            return Err(TranslateError::new("category-weakened", message));
        }
        let elements = to.into_iter().map(|value| self.carry(from, value));
        elements.collect::<Result<_, _>>().map(Some)
    }

    /// A text travels only to a value that asks for such a text, a name only to a name.
    fn carry(&self, from: Element<'a>, value: usize) -> Result<Element<'a>, TranslateError> {
        let meaning = self.target.value(value);
        let fits = match (from.text, &meaning.user_input) {
            (None, None) => true,
            (Some(text), Some(input)) => input.accepts(text),
            _ => false,
        };
        if fits {
            return Ok(Element {
                value,
                text: from.text,
            });
        }
        let name = &meaning.name;
        let message = format!("{name} cannot take what the label has for it");
        Err(TranslateError::new("category-unmapped", message))
    }

    /// All entries of the label's own value.
    fn forward(&self, value: usize) -> Result<Step, TranslateError> {
        let twins = self.label.policy.twins(value);
        let entries: Vec<&EquivalentValue> = twins
            .flat_map(|twin| &self.label.policy.value(twin).equivalents)
            .filter(|entry| self.follows(entry.policy, entry.applied))
            .collect();
        let (discarding, leading): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.discard);
        if leading.is_empty() {
            return Ok(match discarding.is_empty() {
                true => Step::Nowhere,
                false => Step::Discarded,
            });
        }
        let mut to = Vec::new();
        for entry in leading {
            to.extend(self.one_place(value, self.named_by(entry, self.target))?);
        }
        Ok(Step::To(to))
    }

    /// The target's values whose entries name the label's value.
    fn reverse(&self, value: usize, tag: &TagIndex) -> Result<Step, TranslateError> {
        let mut discarded = false;
        let mut to = Vec::new();
        let twins: Vec<usize> = self.label.policy.twins(value).collect();
        let names = |entry: &&EquivalentValue| {
            let named = self.named_by(entry, self.label.policy);
            named.iter().any(|value| twins.contains(value))
        };
        let lacv = |twin: &usize| self.label.policy.value(*twin).lacv.as_str();
        let candidates = twins
            .iter()
            .flat_map(|twin| self.target.with_equivalent(lacv(twin)));
        for candidate in candidates.copied().collect::<BTreeSet<usize>>() {
            let entries = self.entries_of(candidate);
            for entry in entries.filter(names) {
                discarded |= entry.discard;
                if !entry.discard {
                    to.push(candidate);
                }
            }
        }
        if to.is_empty() {
            return Ok(match discarded {
                true => Step::Discarded,
                false => Step::Nowhere,
            });
        }
        let to = self.one_place(value, to)?;
        self.check_no_wider(value, &to, tag)?;
        Ok(Step::To(to))
    }

    /// Read in reverse, a permissive value that stands for several would admit those that the label does not name.
    fn check_no_wider(
        &self,
        value: usize,
        to: &[usize],
        tag: &TagIndex,
    ) -> Result<(), TranslateError> {
        if tag.kind != TagKind::Permissive {
            return Ok(());
        }
        let has = |value: &usize| !tag.all.contains(*value) || self.label.has(*value);
        for entry in to.iter().flat_map(|to| self.entries_of(*to)) {
            if !self.named_by(entry, self.label.policy).iter().all(has) {
                let name = &self.label.policy.value(value).name;
                let message = format!("what stands for {name} admits more than the label does");
                return Err(TranslateError::new("category-wider", message));
            }
        }
        Ok(())
    }

    /// The entries of a value of the target that are read in reverse.
    fn entries_of(&self, value: usize) -> impl Iterator<Item = &'a EquivalentValue> {
        let (other, target) = (self.other, self.target);
        let entries = target.value(value).equivalents.iter();
        entries.filter(move |entry| entry.policy == other && entry.applied.decrypts())
    }

    /// The values of a policy that an entry names.
    fn named_by(&self, entry: &EquivalentValue, policy: &Loaded) -> Vec<usize> {
        let is = |tag: &TagIndex| {
            policy.tag_sets[tag.set].oid == entry.tag_set
                && tag.kind == entry.kind
                && policy.tag(tag).enumerated == entry.enumerated
        };
        let values = policy.with_lacv(&entry.lacv).iter().copied();
        values
            .filter(|value| is(&policy.tags()[policy.tag_of(*value)]))
            .collect()
    }

    /// Several values are one where they are twins: of one name in one tag.
    fn one_place(&self, from: usize, to: Vec<usize>) -> Result<Vec<usize>, TranslateError> {
        let place = |value: usize| (self.target.tag_of(value), &self.target.value(value).key);
        let name = &self.label.policy.value(from).name;
        let Some(first) = to.first().copied() else {
            let message = format!(
                "the equivalent of {name} is not in policy {}",
                self.target.name
            );
            return Err(TranslateError::new("target-value-unknown", message));
        };
        if to.iter().any(|other| place(*other) != place(first)) {
            let message = format!("{name} has several equivalents that cannot be told apart");
            return Err(TranslateError::new("category-ambiguous", message));
        }
        // Whoever reads the name finds all twins.
        Ok(self.target.twins(first).collect())
    }

    /// The one permissive set of the target in which "nobody" is said.
    fn set_for_nobody(&self, set: usize) -> Result<usize, TranslateError> {
        let sets = self.target.tag_sets.len();
        let whole = |number: &usize| self.stands_for(*number, set) && self.is_permissive(*number);
        let mut found: Vec<usize> = (0..sets).filter(whole).collect();
        if found.is_empty() {
            found = self.sets_of_values(set);
        }
        match found[..] {
            [one] => Ok(one),
            _ => {
                let name = &self.label.policy.tag_sets[set].name;
                let message = format!("{name} has no single equivalent in which to permit nobody");
                Err(TranslateError::new("category-unmapped", message))
            }
        }
    }

    /// Permissive sets of the target that entries connect with the permissive values of a set of the label.
    fn sets_of_values(&self, set: usize) -> Vec<usize> {
        let tags = self.label.policy.tags().iter();
        let tags = tags.filter(|tag| tag.set == set && tag.kind == TagKind::Permissive);
        let own: Vec<usize> = tags.flat_map(|tag| tag.values.clone()).collect();
        let connected = |target: usize| match self.usage {
            Use::Encrypt => own.iter().any(|own| {
                let mut entries = self.label.policy.value(*own).equivalents.iter();
                entries.any(|entry| {
                    self.follows(entry.policy, entry.applied)
                        && !entry.discard
                        && self.named_by(entry, self.target).contains(&target)
                })
            }),
            Use::Decrypt => self.entries_of(target).any(|entry| {
                let named = self.named_by(entry, self.label.policy);
                !entry.discard && named.iter().any(|value| own.contains(value))
            }),
        };
        let tag = |value: usize| &self.target.tags()[self.target.tag_of(value)];
        let permissive = self
            .target
            .values()
            .filter(|value| tag(*value).kind == TagKind::Permissive);
        let mut sets: Vec<usize> = permissive
            .filter(|value| connected(*value))
            .map(|value| tag(value).set)
            .collect();
        sets.dedup();
        sets
    }

    /// True where a whole set of the target stands for a whole set of the label's policy.
    pub(super) fn stands_for(&self, target: usize, own: usize) -> bool {
        let (target, own) = (
            &self.target.tag_sets[target],
            &self.label.policy.tag_sets[own],
        );
        let (stating, other) = match self.usage {
            Use::Encrypt => (own, target),
            Use::Decrypt => (target, own),
        };
        stating.equivalents.iter().any(|entry| {
            let oid = entry.oid.as_ref().is_none_or(|oid| *oid == other.oid);
            let named = entry
                .name
                .as_ref()
                .is_none_or(|name| Key::of(name) == other.key);
            entry.policy == self.other
                && (entry.oid.is_some() || entry.name.is_some())
                && oid
                && named
        })
    }

    fn is_permissive(&self, set: usize) -> bool {
        let tags = &self.target.tag_sets[set].tags;
        tags.iter().any(|tag| tag.kind == TagKind::Permissive)
    }
}
