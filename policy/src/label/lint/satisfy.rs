//! Combinations that nobody can satisfy, found by bounded search: a level or value whose demands (required, excluded,
//! cardinality) no label can meet.
//!
//! What a policy excludes in so many words (`excludedClass`, `requiredClass`, a direct `excludedCategory`) is meant and
//! no finding. A search that reaches its bound finds nothing and reports nothing.

use std::cell::Cell;

use super::Found;
use crate::label::{
    name::Key,
    spif::{Classification, Group, Operation, Required, Spif, Tag, TagKind, TagValue, UserInput},
};

/// Steps of one search at most.
pub(super) const MAX_STEPS: u32 = 2_000;
/// Steps of all searches over one policy at most.
const MAX_ALL_STEPS: u32 = 400_000;
/// Levels times values of a policy that is searched, at most.
pub(super) const MAX_LABELS: usize = 20_000;
/// Values with constraints of their own that are tried in pairs, at most.
const MAX_PAIRED: usize = 48;

pub(super) fn check(spif: &Spif) -> Vec<Found> {
    let search = Search::new(spif);
    if search.labels() > MAX_LABELS {
        let message = format!(
            "more than {MAX_LABELS} combinations of a level and a value; contradictions were not looked for"
        );
        return vec![Found::new("not-searched", Some(spif.line), message)];
    }
    let mut found = Vec::new();
    let mut levels = Vec::new();
    for level in spif.classifications.iter().filter(|level| !level.obsolete) {
        match search.label(level, &[]) {
            Answer::None => found.push(unsatisfiable_level(level)),
            Answer::Unknown | Answer::Label(_) => levels.push(level),
        }
    }
    let mut usable = Vec::new();
    for index in search.fresh() {
        let hopeless = hopeless_levels(&search, &levels, index);
        if hopeless.len() == levels.len() && !levels.is_empty() {
            found.push(unusable(&search.choices[index]));
            continue;
        }
        usable.push(index);
        let choice = &search.choices[index];
        let unsaid = hopeless.iter().filter(|level| choice.allowed_with(level));
        let names: Vec<&str> = unsaid.map(|level| level.name.as_str()).collect();
        if !names.is_empty() {
            found.push(unsatisfiable(choice, &names.join(", ")));
        }
    }
    found.extend(pairs(&search, &levels, &usable));
    found
}

/// The levels with which no label can have this value.
fn hopeless_levels<'a>(
    search: &Search<'a>,
    levels: &[&'a Classification],
    choice: usize,
) -> Vec<&'a Classification> {
    let hopeless =
        |level: &&&Classification| matches!(search.label(level, &[choice]), Answer::None);
    levels.iter().filter(hopeless).copied().collect()
}

/// Two values that can each be used and never together, although neither excludes the other.
fn pairs(search: &Search<'_>, levels: &[&Classification], usable: &[usize]) -> Vec<Found> {
    let constrained = usable
        .iter()
        .filter(|index| search.choices[**index].has_constraints());
    let constrained: Vec<usize> = constrained.copied().take(MAX_PAIRED).collect();
    let mut found = Vec::new();
    for (place, one) in constrained.iter().enumerate() {
        for other in &constrained[..place] {
            let together = |level: &&Classification| {
                !matches!(search.label(level, &[*one, *other]), Answer::None)
            };
            if search.may_meet(*one, *other, levels) && !levels.iter().any(together) {
                found.push(unsatisfiable(
                    &search.choices[*one],
                    &search.choices[*other].name(),
                ));
            }
        }
    }
    found
}

fn unsatisfiable_level(level: &Classification) -> Found {
    let message = format!(
        "no valid label can have {}: what it requires excludes itself; correct its requiredCategory",
        level.name
    );
    Found::new("unsatisfiable", Some(level.line), message)
}

fn unsatisfiable(choice: &Choice<'_>, with: &str) -> Found {
    let message = format!(
        "no valid label can have {} together with {with}: what they require and exclude contradicts; exclude the combination or correct it",
        choice.name()
    );
    Found::new("unsatisfiable", Some(choice.line()), message)
}

fn unusable(choice: &Choice<'_>) -> Found {
    let message = format!(
        "{} can stand in no valid label, so nobody can be cleared for it; correct what it requires and excludes",
        choice.name()
    );
    Found::new("unusable-category", Some(choice.line()), message)
}

/// A value as a label names it: tag set, kind and name. It may stand in several tags, and twice in one.
pub(super) struct Choice<'a> {
    pub(super) set: usize,
    pub(super) kind: TagKind,
    key: &'a Key,
    /// Tag and value of each place.
    places: Vec<(usize, &'a Tag, &'a TagValue)>,
}

impl<'a> Choice<'a> {
    pub(super) fn name(&self) -> String {
        self.places
            .first()
            .map_or_else(String::new, |(_, _, value)| value.name.clone())
    }

    /// What a label has for it: the name, or a text in its place.
    pub(super) fn written(&self) -> String {
        let input = self.values().find_map(|value| value.user_input.as_ref());
        input.map_or_else(|| self.name(), UserInput::example)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &'a TagValue> {
        self.places.iter().map(|(_, _, value)| *value)
    }

    fn line(&self) -> u32 {
        self.places.first().map_or(0, |(_, _, value)| value.line)
    }

    /// Whether the value's own classes admit the level.
    fn allowed_with(&self, level: &Classification) -> bool {
        self.values().all(|value| {
            let required = value.required_class.as_ref();
            !value.excluded_classes.contains(&level.key)
                && required.is_none_or(|class| *class == level.key)
        })
    }

    fn has_constraints(&self) -> bool {
        self.values()
            .any(|value| !value.required.is_empty() || !value.excluded.is_empty())
    }

    fn is_in(&self, group: &Group) -> bool {
        self.set == group.set
            && self.kind == group.kind
            && self.places.iter().any(|(_, tag, value)| {
                tag.enumerated == group.enumerated
                    && group.lacv.as_ref().is_none_or(|lacv| value.lacv == *lacv)
            })
    }
}

/// What a search found.
pub(super) enum Answer {
    /// The values of a valid label, by place in [`Search::choices`].
    Label(Vec<usize>),
    /// There is no valid label.
    None,
    /// The search reached its bound.
    Unknown,
}

/// A search for valid labels of one policy.
pub(super) struct Search<'a> {
    spif: &'a Spif,
    pub(super) choices: Vec<Choice<'a>>,
    spent: Cell<u32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(spif: &'a Spif) -> Search<'a> {
        let mut choices: Vec<Choice<'a>> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (set, tags) in spif.tag_sets.iter().map(|set| &set.tags).enumerate() {
            let values = tags
                .iter()
                .enumerate()
                .flat_map(|(place, tag)| tag.values.iter().map(move |value| (place, tag, value)));
            for (place, tag, value) in values {
                let index = *known
                    .entry((set, tag.kind, &value.key))
                    .or_insert(choices.len());
                if index == choices.len() {
                    choices.push(Choice {
                        set,
                        kind: tag.kind,
                        key: &value.key,
                        places: Vec::new(),
                    });
                }
                choices[index].places.push((place, tag, value));
            }
        }
        Search {
            spif,
            choices,
            spent: Cell::new(0),
        }
    }

    /// Steps of all searches so far.
    #[cfg(test)]
    pub(super) fn steps(&self) -> u32 {
        self.spent.get()
    }

    /// How many labels there are with one level and one value or none.
    pub(super) fn labels(&self) -> usize {
        let choices = self.choices.len().saturating_add(1);
        self.spif.classifications.len().saturating_mul(choices)
    }

    /// The choices that new labels may use.
    pub(super) fn fresh(&self) -> impl Iterator<Item = usize> {
        (0..self.choices.len()).filter(|index| self.is_fresh(*index))
    }

    fn is_fresh(&self, index: usize) -> bool {
        self.choices[index].values().all(|value| !value.obsolete)
    }

    /// A valid label of `level` that has `wanted` among its values; as few more as the search needs.
    pub(super) fn label(&self, level: &'a Classification, wanted: &[usize]) -> Answer {
        let mut try_ = Try {
            search: self,
            level,
            steps: 0,
            forbidden: vec![false; self.choices.len()],
        };
        let answer = try_.extend(&mut wanted.to_vec());
        self.spent.set(self.spent.get().saturating_add(try_.steps));
        answer
    }

    /// Whether nothing that is written down keeps two values apart: one place for one value, an exclusion, classes.
    fn may_meet(&self, one: usize, other: usize, levels: &[&Classification]) -> bool {
        let (one, other) = (&self.choices[one], &self.choices[other]);
        let excludes = |one: &Choice<'_>, other: &Choice<'_>| {
            one.values()
                .any(|value| value.excluded.iter().any(|group| other.is_in(group)))
        };
        let crowded = one.set == other.set
            && one.places.iter().any(|(place, tag, _)| {
                tag.max.is_some_and(|max| max < 2)
                    && other.places.iter().any(|(same, _, _)| same == place)
            });
        let level = levels
            .iter()
            .any(|level| one.allowed_with(level) && other.allowed_with(level));
        level && !crowded && !excludes(one, other) && !excludes(other, one)
    }
}

/// One search: depth first, mending one unmet demand at a time.
struct Try<'s, 'a> {
    search: &'s Search<'a>,
    level: &'a Classification,
    steps: u32,
    /// Choices that were tried higher up and led nowhere.
    forbidden: Vec<bool>,
}

impl<'a> Try<'_, 'a> {
    fn extend(&mut self, chosen: &mut Vec<usize>) -> Answer {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.search.spent.get() > MAX_ALL_STEPS {
            return Answer::Unknown;
        }
        if self.is_broken(chosen) {
            return Answer::None;
        }
        let Some(candidates) = self.unmet(chosen) else {
            return Answer::Label(chosen.clone());
        };
        let mut tried = Vec::new();
        let mut answer = Answer::None;
        for candidate in candidates {
            if self.forbidden[candidate] || chosen.contains(&candidate) {
                continue;
            }
            chosen.push(candidate);
            answer = self.extend(chosen);
            chosen.pop();
            if !matches!(answer, Answer::None) {
                break;
            }
            self.forbidden[candidate] = true;
            tried.push(candidate);
        }
        for candidate in tried {
            self.forbidden[candidate] = false;
        }
        answer
    }

    /// Whether no further value can make the label valid.
    fn is_broken(&self, chosen: &[usize]) -> bool {
        let choices = || chosen.iter().map(|index| &self.search.choices[*index]);
        choices().any(|choice| !choice.allowed_with(self.level))
            || choices().any(|choice| self.clashes(choice, chosen))
            || self
                .counts(chosen)
                .any(|(tag, count)| tag.max.is_some_and(|max| count > max))
            || self.required(chosen).any(|required| {
                required.operation == Operation::OnlyOne && self.matching(required, chosen) > 1
            })
    }

    fn clashes(&self, choice: &Choice<'_>, chosen: &[usize]) -> bool {
        let others = || {
            let others = chosen.iter().map(|index| &self.search.choices[*index]);
            others.filter(|other| {
                (other.set, other.kind, other.key) != (choice.set, choice.kind, choice.key)
            })
        };
        choice.values().any(|value| {
            value
                .excluded
                .iter()
                .any(|group| others().any(|other| other.is_in(group)))
        })
    }

    /// What could meet the first demand that is not met; `None` where all are.
    fn unmet(&self, chosen: &[usize]) -> Option<Vec<usize>> {
        let all = 0..self.search.choices.len();
        let fresh = all.filter(|index| self.search.is_fresh(*index));
        if let Some((tag, _)) = self.counts(chosen).find(|(tag, count)| *count < tag.min) {
            let here = |index: &usize| {
                let places = &self.search.choices[*index].places;
                places.iter().any(|(_, other, _)| std::ptr::eq(*other, tag))
            };
            return Some(fresh.filter(here).collect());
        }
        let missing = self.required(chosen).find_map(|required| {
            let found = self.matching(required, chosen);
            let unmet = !required.operation.holds(found, required.groups.len());
            unmet.then(|| self.missing_groups(required, chosen))
        })?;
        let fits = |index: &usize| {
            missing
                .iter()
                .any(|group| self.search.choices[*index].is_in(group))
        };
        Some(fresh.filter(fits).collect())
    }

    /// The groups of a demand that nothing is in yet; of `all`, the first of them, since each must come.
    fn missing_groups(&self, required: &'a Required, chosen: &[usize]) -> Vec<&'a Group> {
        let empty = |group: &&Group| !self.has(group, chosen);
        let missing = required.groups.iter().filter(empty);
        match required.operation {
            Operation::All => missing.take(1).collect(),
            Operation::OnlyOne | Operation::OneOrMore => missing.collect(),
        }
    }

    fn required<'b>(&'b self, chosen: &'b [usize]) -> impl Iterator<Item = &'a Required> + 'b {
        let values = chosen
            .iter()
            .flat_map(|index| self.search.choices[*index].values());
        self.level
            .required
            .iter()
            .chain(values.flat_map(|value| &value.required))
    }

    fn matching(&self, required: &Required, chosen: &[usize]) -> usize {
        required
            .groups
            .iter()
            .filter(|group| self.has(group, chosen))
            .count()
    }

    fn has(&self, group: &Group, chosen: &[usize]) -> bool {
        chosen
            .iter()
            .any(|index| self.search.choices[*index].is_in(group))
    }

    /// Every tag that counts its values, with how many of them are chosen.
    fn counts<'b>(&'b self, chosen: &'b [usize]) -> impl Iterator<Item = (&'a Tag, u32)> + 'b {
        let sets = self.search.spif.tag_sets.iter();
        let tags = sets
            .flat_map(|set| &set.tags)
            .filter(|tag| tag.min > 0 || tag.max.is_some());
        tags.map(|tag| {
            let here = |index: &&usize| {
                let places = &self.search.choices[**index].places;
                places.iter().any(|(_, other, _)| std::ptr::eq(*other, tag))
            };
            let count = chosen.iter().filter(here).count();
            (tag, u32::try_from(count).unwrap_or(u32::MAX))
        })
    }
}
