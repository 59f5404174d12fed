//! The markings that policies give: a phrase or name of a level, then categories in the shape of the policy's own
//! prefixes, separators and suffixes.
//!
//! ```text
//! marking = [policy name] level { group }
//! group   = [prefix] value { separator value } [suffix]      prefix and suffix where the tag has them
//! ```

use std::{cell::Cell, collections::BTreeSet};

use ruma_common::CanonicalJsonValue as Tree;
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use super::fold::Reading;
use crate::label::{
    Classification, Label, Marking, MarkingCode, Qualifier, QualifierKind, Spif, Spifs, Tag,
    TagSet, TagValue, index::Loaded, name::OID_PREFIX,
};

/// Places at which a phrase is tried in all markings of one event at most; a marking that needs more is none.
const MAX_STEPS: usize = 200_000;
/// Ways to read one marking at most; one that has more is none.
const MAX_READINGS: usize = 64;

/// How the levels and values of a policy are typed: made once for each policy, not for each text.
#[derive(Clone, Debug)]
pub(in crate::label) struct Spellings {
    levels: Vec<Level>,
    /// By set, tag and value; as they are, and in one case.
    values: [Vec<Vec<Vec<Texts>>>; 2],
}

type Texts = Vec<String>;

/// One way to write a level.
#[derive(Clone, Debug)]
struct Level {
    level: usize,
    /// As it is, and in one case.
    text: [String; 2],
    reading: Reading,
}

impl Spellings {
    pub(in crate::label) fn new(spif: &Spif) -> Self {
        let of_level = |(level, classification): (usize, &Classification)| {
            let texts = spellings(spif, classification).into_iter();
            texts
                .map(|text| Level {
                    level,
                    reading: Reading::new(&text, true),
                    text: [false, true].map(|any_case| cased(&text, any_case)),
                })
                .collect::<Vec<_>>()
        };
        let levels = spif.classifications.iter().enumerate();
        let of_value = |value: &TagValue, any_case| -> Texts {
            let texts = value_spellings(value).into_iter();
            texts.map(|text| cased(&text, any_case)).collect()
        };
        let of_set = |set: &TagSet, any_case| -> Vec<Vec<Texts>> {
            let values = |tag: &Tag| {
                let values = tag.values.iter();
                values.map(|value| of_value(value, any_case)).collect()
            };
            set.tags.iter().map(values).collect()
        };
        Self {
            levels: levels.flat_map(of_level).collect(),
            values: [false, true].map(|any_case| {
                let sets = spif.tag_sets.iter();
                sets.map(|set| of_set(set, any_case)).collect()
            }),
        }
    }
}

impl Level {
    fn text(&self, any_case: bool) -> &str {
        &self.text[usize::from(any_case)]
    }
}

/// The phrases of the accepted policies, while the texts of one event are read.
pub(super) struct Phrases<'a> {
    policies: Vec<&'a Loaded>,
    steps: Cell<usize>,
}

impl<'a> Phrases<'a> {
    /// Policies by name or dotted object identifier; those that are not loaded have no phrases.
    pub(super) fn new(spifs: &'a Spifs, accepted: &[String]) -> Self {
        let named = |name: &String| {
            let by_oid = spifs.loaded_by_oid(name);
            by_oid.or_else(|| spifs.loaded_by_name(name))
        };
        let mut policies: Vec<&Loaded> = Vec::new();
        for policy in accepted.iter().filter_map(named) {
            if !policies.iter().any(|known| std::ptr::eq(*known, policy)) {
                policies.push(policy);
            }
        }
        Self {
            policies,
            steps: Cell::new(0),
        }
    }

    /// How every level can be written, as a reader sees it.
    pub(super) fn readings(&self) -> impl Iterator<Item = &'a Reading> {
        self.levels().map(|(_, level)| &level.reading)
    }

    /// Every label that a marking can mean: none, where it is no marking; two, where it is not clear.
    pub(super) fn labels(&self, marking: &str, any_case: bool) -> Vec<Label> {
        let marking = cased(marking, any_case);
        let mut found = Vec::new();
        for (policy, level) in self.levels() {
            let rest = marking.strip_prefix(level.text(any_case));
            let Some(rest) = rest.filter(|rest| is_end(rest)) else {
                continue;
            };
            let mut search = Search::new(policy, any_case, &self.steps);
            search.groups(rest, &mut Vec::new());
            if search.is_over() {
                return Vec::new();
            }
            let spif = policy.spif();
            let labels = search.found.iter();
            for label in labels.filter_map(|chosen| label(spif, level.level, chosen)) {
                if !found.contains(&label) {
                    found.push(label);
                }
            }
        }
        found
    }

    /// Whether a marking begins as a level is written, with more behind it.
    pub(super) fn starts_with_level(&self, marking: &str, any_case: bool) -> bool {
        let marking = cased(marking, any_case);
        let mut levels = self.levels();
        levels.any(|(_, level)| marking.starts_with(level.text(any_case)))
    }

    fn levels(&self) -> impl Iterator<Item = (&'a Loaded, &'a Level)> {
        let policies = self.policies.iter();
        policies.flat_map(|policy: &&'a Loaded| {
            let policy: &'a Loaded = policy;
            let levels = policy.spellings().levels.iter();
            levels.map(move |level| (policy, level))
        })
    }
}

/// Every way to write a level: its name and phrases, alone and behind the policy's name or what replaces that.
fn spellings(spif: &Spif, level: &Classification) -> BTreeSet<String> {
    let mut own: Vec<String> = phrases(&level.markings).map(str::to_owned).collect();
    own.push(level.name.clone());
    let own = qualified(own, &level.qualifiers);
    let replacing = level
        .markings
        .iter()
        .filter(|marking| marking.codes.contains(&MarkingCode::ReplacePolicy))
        .map(|marking| marking.phrase.as_str());
    let policy = phrases(&spif.markings.policy)
        .chain([spif.name.as_str()])
        .chain(replacing)
        .filter(|policy| !policy.is_empty());
    let behind = policy.flat_map(|policy| own.iter().map(move |text| format!("{policy} {text}")));
    let behind: Vec<String> = behind.collect();
    own.into_iter().chain(behind).collect()
}

/// Phrases that are shown.
fn phrases(markings: &[Marking]) -> impl Iterator<Item = &str> {
    let hidden = [
        MarkingCode::NoMarkingDisplay,
        MarkingCode::InputTitle,
        MarkingCode::ReplacePolicy,
    ];
    markings
        .iter()
        .filter(move |marking| !marking.codes.iter().any(|code| hidden.contains(code)))
        .map(|marking| marking.phrase.as_str())
        .filter(|phrase| !phrase.is_empty())
}

/// Texts as they are, and with what may stand before and after them.
fn qualified(texts: Vec<String>, qualifiers: &[Qualifier]) -> Vec<String> {
    let mut all = texts.clone();
    let with = |texts: &[String], kind: QualifierKind| -> Vec<String> {
        let of_kind = qualifiers.iter().filter(|qualifier| qualifier.kind == kind);
        let joined = of_kind.flat_map(|qualifier| {
            texts.iter().map(move |text| match kind {
                QualifierKind::Prefix => format!("{}{text}", qualifier.text),
                _ => format!("{text}{}", qualifier.text),
            })
        });
        joined.map(|text| text.trim().to_owned()).collect()
    };
    all.extend(with(&texts, QualifierKind::Prefix));
    let suffixed = with(&all, QualifierKind::Suffix);
    all.extend(suffixed);
    all
}

/// A value of a tag by positions: set, tag, value.
type Chosen = (usize, usize, usize);

/// The search for categories behind a level.
struct Search<'a> {
    spif: &'a Spif,
    any_case: bool,
    /// How the values are written, by set and tag.
    values: &'a [Vec<Vec<Texts>>],
    steps: &'a Cell<usize>,
    found: Vec<Vec<Chosen>>,
}

impl<'a> Search<'a> {
    fn new(policy: &'a Loaded, any_case: bool, steps: &'a Cell<usize>) -> Self {
        Self {
            spif: policy.spif(),
            any_case,
            values: &policy.spellings().values[usize::from(any_case)],
            steps,
            found: Vec::new(),
        }
    }

    /// Whether there was more to try or to find than may be.
    fn is_over(&self) -> bool {
        self.steps.get() > MAX_STEPS || self.found.len() > MAX_READINGS
    }

    /// The groups that `rest` is made of; every way to read it to its end is found.
    fn groups(&mut self, rest: &str, chosen: &mut Vec<Chosen>) {
        if rest.is_empty() {
            let mut chosen = chosen.clone();
            chosen.sort_unstable();
            if !self.found.contains(&chosen) {
                self.found.push(chosen);
            }
            return;
        }
        let rest = self.behind_separator(rest);
        let spif = self.spif;
        for (set, tag_set) in spif.tag_sets.iter().enumerate() {
            for (place, tag) in tag_set.tags.iter().enumerate() {
                if !chosen.iter().any(|(s, t, _)| (*s, *t) == (set, place)) {
                    for start in self.behind_prefix(tag, rest) {
                        self.values(tag, (set, place), start, chosen);
                    }
                }
            }
        }
    }

    /// A value of the tag, then the next one or the next group.
    fn values(
        &mut self,
        tag: &Tag,
        (set, place): (usize, usize),
        rest: &str,
        chosen: &mut Vec<Chosen>,
    ) {
        let spelled = self.values.get(set).and_then(|tags| tags.get(place));
        for (index, texts) in spelled.into_iter().flatten().enumerate() {
            self.steps.set(self.steps.get() + 1);
            if self.is_over() {
                return;
            }
            if chosen.contains(&(set, place, index)) {
                continue;
            }
            for text in texts {
                let Some(behind) = rest.strip_prefix(text.as_str()).filter(|rest| is_end(rest))
                else {
                    continue;
                };
                chosen.push((set, place, index));
                for next in self.behind_value(tag, behind) {
                    self.values(tag, (set, place), next, chosen);
                }
                for end in self.behind_suffix(tag, behind) {
                    self.groups(end, chosen);
                }
                chosen.pop();
            }
        }
    }

    /// What follows the separator between groups: a space, or what the policy puts there.
    fn behind_separator<'t>(&self, rest: &'t str) -> &'t str {
        let rest = rest.trim_start_matches(' ');
        let separators = texts(&self.spif.markings.qualifiers, QualifierKind::Separator);
        let behind = separators
            .map(|text| cased(text.trim(), self.any_case))
            .filter(|text| !text.is_empty())
            .find_map(|text| rest.strip_prefix(&text));
        behind.map_or(rest, |rest| rest.trim_start_matches(' '))
    }

    /// What follows the tag's prefix; a tag with prefixes needs one of them.
    fn behind_prefix<'t>(&self, tag: &Tag, rest: &'t str) -> Vec<&'t str> {
        self.behind(tag, QualifierKind::Prefix, rest, false)
    }

    /// What follows the tag's suffix; a tag with suffixes needs one of them.
    fn behind_suffix<'t>(&self, tag: &Tag, rest: &'t str) -> Vec<&'t str> {
        self.behind(tag, QualifierKind::Suffix, rest, false)
    }

    /// What follows the separator between two values; a tag without separators has a space there.
    fn behind_value<'t>(&self, tag: &Tag, rest: &'t str) -> Vec<&'t str> {
        self.behind(tag, QualifierKind::Separator, rest, true)
    }

    fn behind<'t>(
        &self,
        tag: &Tag,
        kind: QualifierKind,
        rest: &'t str,
        space: bool,
    ) -> Vec<&'t str> {
        let mut given = texts(&tag.qualifiers, kind).peekable();
        if given.peek().is_none() {
            let spaced = rest.starts_with(' ');
            return if space && !spaced {
                Vec::new()
            } else {
                vec![if space {
                    rest.trim_start_matches(' ')
                } else {
                    rest
                }]
            };
        }
        let after = |text: &str| {
            let text = cased(text.trim(), self.any_case);
            let start = rest.trim_start_matches(' ');
            let apart = !text.is_empty() || start.len() < rest.len();
            let behind = start.strip_prefix(&text).filter(|_| apart)?;
            let word = text.ends_with(char::is_alphanumeric);
            let is_apart = !word || is_end(behind);
            is_apart.then(|| match kind {
                QualifierKind::Suffix => behind,
                _ => behind.trim_start_matches(' '),
            })
        };
        given.filter_map(after).collect()
    }
}

fn texts(qualifiers: &[Qualifier], kind: QualifierKind) -> impl Iterator<Item = &str> {
    qualifiers
        .iter()
        .filter(move |qualifier| qualifier.kind == kind)
        .map(|qualifier| qualifier.text.as_str())
}

/// How a value is written. One that its author types himself has no fixed form.
fn value_spellings(value: &TagValue) -> Vec<String> {
    if value.user_input.is_some() {
        return Vec::new();
    }
    let unnamed = |marking: &Marking| marking.codes.contains(&MarkingCode::NoNameDisplay);
    let mut texts: Vec<String> = phrases(&value.markings).map(str::to_owned).collect();
    if !value.markings.iter().any(unnamed) || texts.is_empty() {
        texts.push(value.name.clone());
    }
    qualified(texts, &value.qualifiers)
}

/// The label of a level with chosen values, in the policy's spelling.
fn label(spif: &Spif, level: usize, chosen: &[Chosen]) -> Option<Label> {
    let mut categories: Vec<serde_json::Value> = Vec::new();
    let mut last = None;
    for (set, place, index) in chosen {
        let tag_set: &TagSet = spif.tag_sets.get(*set)?;
        let tag = tag_set.tags.get(*place)?;
        let value = tag.values.get(*index)?.name.clone();
        if last != Some((set, place)) {
            categories.push(json!({"TagName": tag_set.name, "Type": tag.kind, "GenericValue": []}));
            last = Some((set, place));
        }
        categories
            .last_mut()?
            .get_mut("GenericValue")?
            .as_array_mut()?
            .push(value.into());
    }
    let inner = json!({
        "PolicyIdentifier": {"name": spif.name, "uri": format!("{OID_PREFIX}{}", spif.oid)},
        "Classification": spif.classifications.get(level)?.name,
        "Category": categories,
    });
    Label::from_tree(&Tree::try_from(inner).ok()?).ok()
}

/// Equal spellings of one text are equal: NFC, and one case where case does not count.
fn cased(text: &str, any_case: bool) -> String {
    let text: String = text.nfc().collect();
    if any_case { text.to_lowercase() } else { text }
}

/// Whether a word has ended before `rest`.
fn is_end(rest: &str) -> bool {
    !rest.starts_with(char::is_alphanumeric)
}
