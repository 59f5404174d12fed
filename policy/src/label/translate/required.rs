//! What equivalences require beside themselves: going forward it is added to the translated label, read in reverse the
//! label must have it.

use super::{
    super::{
        index::{Loaded, TagIndex},
        name::Key,
        spif::{EquivalentClassification, Operation, Wanted, WantedGroup},
    },
    TranslateError, Use,
    draft::{Draft, Element},
    road::Road,
};

impl<'a> Road<'_, 'a> {
    /// Adds or asks for what policy, level and sets require. `unmapped` are the label's values without an entry.
    pub(super) fn required(
        &self,
        level: usize,
        draft: &mut Draft<'a>,
        unmapped: &[usize],
    ) -> Result<(), TranslateError> {
        let all = self.all_required(level, draft);
        match self.usage {
            Use::Encrypt => {
                self.check_mapped(unmapped, &[])?;
                self.add(&all, draft)
            }
            Use::Decrypt => {
                self.ask(&all)?;
                self.check_mapped(unmapped, &all)
            }
        }
    }

    /// True where the label has what the entries of a level, read in reverse, ask for.
    pub(super) fn meets(&self, entries: &[&EquivalentClassification]) -> bool {
        let all: Vec<&Wanted> = entries.iter().flat_map(|entry| &entry.required).collect();
        self.ask(&all).is_ok()
    }

    fn all_required(&self, level: usize, draft: &Draft<'a>) -> Vec<&Wanted> {
        let target = &self.target.classifications[level];
        let (stating, uses): (&Loaded, Box<dyn Fn(usize) -> bool + '_>) = match self.usage {
            Use::Encrypt => (self.label.policy, Box::new(|set| self.label.uses_set(set))),
            Use::Decrypt => (self.target, Box::new(|set| draft.uses_set(set))),
        };
        let levels = self
            .level_entries(target)
            .into_iter()
            .flat_map(|entry| &entry.required);
        let sets = stating
            .tag_sets
            .iter()
            .enumerate()
            .filter(|(set, _)| uses(*set));
        let sets = sets
            .flat_map(|(_, set)| &set.equivalents)
            .filter(|entry| entry.policy == self.other)
            .flat_map(|entry| &entry.required);
        let policy = &stating.equivalents[self.other].required;
        policy.iter().chain(levels).chain(sets).collect()
    }

    /// Forward: what must be there and can be only one thing is added; what was added for one must still hold for all.
    fn add(&self, all: &[&Wanted], draft: &mut Draft<'a>) -> Result<(), TranslateError> {
        for wanted in all {
            for group in self.missing(wanted, draft)? {
                let element = self.only_value(group)?;
                draft.demand(&element)?;
            }
        }
        let has = |group: &WantedGroup| {
            places(self.target, group)
                .iter()
                .any(|value| draft.has(*value))
        };
        match all.iter().all(|wanted| holds(wanted, has)) {
            true => Ok(()),
            false => Err(TranslateError::new(
                "required-conflict",
                format!(
                    "what the equivalence with policy {} requires contradicts what the label has",
                    self.target.name
                ),
            )),
        }
    }

    /// The groups that have to be added: none where enough are there.
    fn missing<'w>(
        &self,
        wanted: &'w Wanted,
        draft: &Draft<'a>,
    ) -> Result<Vec<&'w WantedGroup>, TranslateError> {
        let absent = |group: &&WantedGroup| {
            let mut places = places(self.target, group).into_iter();
            !places.any(|value| draft.has(value))
        };
        let missing: Vec<&WantedGroup> = wanted.groups.iter().filter(absent).collect();
        let some = missing.len() < wanted.groups.len();
        match wanted.operation {
            Operation::All => Ok(missing),
            Operation::OnlyOne | Operation::OneOrMore if some => Ok(Vec::new()),
            Operation::OnlyOne | Operation::OneOrMore if missing.len() == 1 => Ok(missing),
            Operation::OnlyOne | Operation::OneOrMore => Err(self.ambiguous()),
        }
    }

    fn ambiguous(&self) -> TranslateError {
        let target = &self.target.name;
        let message = format!(
            "what the equivalence with policy {target} requires can be chosen in several ways"
        );
        TranslateError::new("required-ambiguous", message)
    }

    /// The one value that a group names; "any value" cannot be chosen, and a text cannot be invented.
    fn only_value(&self, group: &WantedGroup) -> Result<Vec<Element<'a>>, TranslateError> {
        let values = places(self.target, group);
        let Some(first) = values.first().copied() else {
            let message = format!(
                "the equivalence with policy {} requires a category that it does not have",
                self.target.name
            );
            return Err(TranslateError::new("target-value-unknown", message));
        };
        let place = |value: usize| (self.target.tag_of(value), &self.target.value(value).key);
        let one = values.iter().all(|value| place(*value) == place(first));
        if group.lacv.is_none() || !one || self.target.value(first).user_input.is_some() {
            return Err(self.ambiguous());
        }
        let twins = self.target.twins(first);
        Ok(twins.map(|value| Element { value, text: None }).collect())
    }

    /// Reverse: the label must have it.
    fn ask(&self, all: &[&Wanted]) -> Result<(), TranslateError> {
        let policy = self.label.policy;
        let has = |group: &WantedGroup| {
            places(policy, group)
                .iter()
                .any(|value| self.label.has(*value))
        };
        match all.iter().all(|wanted| holds(wanted, has)) {
            true => Ok(()),
            false => Err(TranslateError::new(
                "required-missing",
                format!(
                    "the label lacks a category that the equivalence between {} and {} requires",
                    policy.name, self.target.name
                ),
            )),
        }
    }

    /// A value without an entry is accounted for only where an equivalence demands exactly it: then the translated
    /// level, set or policy stands for it too.
    fn check_mapped(&self, unmapped: &[usize], all: &[&Wanted]) -> Result<(), TranslateError> {
        let certain = all
            .iter()
            .filter(|wanted| wanted.operation == Operation::All || wanted.groups.len() == 1);
        let exact: Vec<usize> = certain
            .flat_map(|wanted| &wanted.groups)
            .filter(|group| group.lacv.is_some())
            .flat_map(|group| places(self.label.policy, group))
            .flat_map(|value| self.label.policy.twins(value))
            .collect();
        match unmapped.iter().find(|value| !exact.contains(value)) {
            None => Ok(()),
            Some(value) => {
                let name = &self.label.policy.value(*value).name;
                let message = format!("{name} has no equivalent in policy {}", self.target.name);
                Err(TranslateError::new("category-unmapped", message))
            }
        }
    }
}

fn holds(wanted: &Wanted, has: impl Fn(&WantedGroup) -> bool) -> bool {
    let found = wanted.groups.iter().filter(|group| has(group)).count();
    wanted.operation.holds(found, wanted.groups.len())
}

/// The values of a policy that a group names.
fn places(policy: &Loaded, group: &WantedGroup) -> Vec<usize> {
    let key = Key::of(&group.tag_set);
    let is = |tag: &TagIndex| {
        policy.tag_sets[tag.set].key == key
            && tag.kind == group.kind
            && policy.tag(tag).enumerated == group.enumerated
    };
    let values = policy.tags().iter().filter(|tag| is(tag));
    let values = values.flat_map(|tag| tag.values.clone());
    let fits = |value: &usize| {
        let lacv = group.lacv.as_ref();
        lacv.is_none_or(|lacv| policy.value(*value).lacv == *lacv)
    };
    values.filter(fits).collect()
}
