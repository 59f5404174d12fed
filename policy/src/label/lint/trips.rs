//! Translations there and back that lose a restriction (LB-9).

use std::{cell::Cell, collections::BTreeMap};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::satisfy::{Answer, MAX_LABELS, Search};
use crate::label::{
    name::OID_PREFIX,
    spif::{Classification, Spif, Spifs, Wanted},
    translate::Use,
    wire::Label,
};

/// A pair of policies whose equivalences lose a restriction on the way there and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossyRoundTrip {
    /// Name of the policy that the label begins in.
    pub from: String,
    /// Name of the policy that it is translated to and back from.
    pub to: String,
    /// A label that comes back less restrictive, in names of the policies.
    pub example: String,
}

/// Work of all round trips between the loaded policies at most, in values of the two policies of each translation.
const MAX_WORK: usize = 200_000_000;

/// Both ways of following equivalences: the own policy's entries, and the target's in reverse.
const USES: [Use; 2] = [Use::Encrypt, Use::Decrypt];

impl Spifs {
    /// Every ordered pair of loaded policies for which some label comes back from the other one less restrictive than
    /// it went, so that some clearance grants what came back and denies what went, with the first such label found. A
    /// clearance lists its levels, so a label that comes back with a higher one counts too.
    ///
    /// Tried are each level alone and each level with each single value, completed to a valid label where the policy
    /// requires more; where an equivalence requires something, each pair of values too. Translation works element by
    /// element: what a label has in several values is translated value by value, and what an equivalence requires in
    /// addition depends on one level or one value.
    ///
    /// A pair that would take more work than a named bound counts as one that loses: nobody has shown that it does not.
    #[must_use]
    pub fn lossy_round_trips(&self) -> Vec<LossyRoundTrip> {
        self.lossy_within(MAX_WORK)
    }

    pub(super) fn lossy_within(&self, work: usize) -> Vec<LossyRoundTrip> {
        let left = Cell::new(work);
        let mut trips = Vec::new();
        for from in self.iter() {
            let others = self.iter().filter(|to| !std::ptr::eq(from, *to));
            trips.extend(others.filter_map(|to| {
                let pair = Pair::new(self, from, to, &left);
                pair.lossy()
            }));
        }
        trips
    }
}

struct Pair<'a> {
    spifs: &'a Spifs,
    from: &'a Spif,
    to: &'a Spif,
    /// Work that is left for this pair and all further ones.
    left: &'a Cell<usize>,
    /// Labels sent there and back so far.
    sent: Cell<usize>,
}

impl<'a> Pair<'a> {
    fn new(spifs: &'a Spifs, from: &'a Spif, to: &'a Spif, left: &'a Cell<usize>) -> Self {
        let sent = Cell::new(0);
        Self {
            spifs,
            from,
            to,
            left,
            sent,
        }
    }

    fn lossy(&self) -> Option<LossyRoundTrip> {
        if !names(self.from, self.to) && !names(self.to, self.from) {
            return None;
        }
        let search = Search::new(self.from);
        // Of more than can be tried, nobody has shown that nothing is lost.
        let example = match search.labels() > MAX_LABELS {
            true => Some(format!(
                "more than {MAX_LABELS} labels to try, so it was not shown that none is"
            )),
            false => self.example(&search),
        };
        example.map(|example| LossyRoundTrip {
            from: self.from.name.clone(),
            to: self.to.name.clone(),
            example,
        })
    }

    fn example(&self, search: &Search<'_>) -> Option<String> {
        let levels = &self.from.classifications;
        let alone = levels
            .iter()
            .map(|level| self.try_values(search, level, &[]));
        let alone = alone.filter_map(Result::err).next();
        let choices = 0..search.choices.len();
        let single = || { choices }.find_map(|choice| self.lossy_value(search, choice));
        alone.or_else(single).or_else(|| self.lossy_pair(search))
    }

    /// Tries two values together, where an equivalence requires something: what is required takes in a value that was
    /// there already, which no single value shows.
    fn lossy_pair(&self, search: &Search<'_>) -> Option<String> {
        if !requires(self.from, self.to) && !requires(self.to, self.from) {
            return None;
        }
        let choices = search.choices.len();
        let mut pairs = (0..choices).flat_map(|one| (one + 1..choices).map(move |two| [one, two]));
        pairs.find_map(|pair| {
            let mut levels = self.from.classifications.iter();
            levels.find_map(|level| self.try_values(search, level, &pair).err())
        })
    }

    /// Tries one value with every level; where no equivalence requires anything, the levels make no difference and the
    /// first with which the value goes all ways is enough.
    fn lossy_value(&self, search: &Search<'_>, choice: usize) -> Option<String> {
        let same = !requires(self.from, self.to) && !requires(self.to, self.from);
        for level in &self.from.classifications {
            match self.try_values(search, level, &[choice]) {
                Err(example) => return Some(example),
                Ok(trips) if same && trips == USES.len() * USES.len() => return None,
                Ok(_) => {}
            }
        }
        None
    }

    /// Makes a valid label and sends it there and back in every way: how many ways led back.
    ///
    /// # Errors
    /// The label and what became of it, where it comes back with less; that there is too much to try.
    fn try_values(
        &self,
        search: &Search<'_>,
        level: &Classification,
        wanted: &[usize],
    ) -> Result<usize, String> {
        let Answer::Label(chosen) = search.label(level, wanted) else {
            return Ok(0);
        };
        let at = self.instant(search, &chosen);
        match written(self.from, search, level, &chosen) {
            Some(label) => self.try_label(&label, at),
            None => Ok(0),
        }
    }

    fn try_label(&self, label: &Label, at: OffsetDateTime) -> Result<usize, String> {
        self.sent.set(self.sent.get() + 1);
        let mut trips = 0;
        for out in USES {
            self.spend()?;
            let Ok(there) = self.spifs.translate(label, &self.to.oid, out, at) else {
                continue;
            };
            for home in USES {
                self.spend()?;
                let Ok(back) = self.spifs.translate(&there, &self.from.oid, home, at) else {
                    continue;
                };
                if self.is_less(&back, label, at) {
                    let steps = [label, &there, &back].map(shown);
                    return Err(format!(
                        "{} becomes {} and then {}",
                        steps[0], steps[1], steps[2]
                    ));
                }
                trips += 1;
            }
        }
        Ok(trips)
    }

    /// Counts one translation.
    fn spend(&self) -> Result<(), String> {
        let values = |spif: &Spif| {
            let tags = spif.tag_sets.iter().flat_map(|set| &set.tags);
            tags.map(|tag| tag.values.len()).sum::<usize>()
        };
        let left = self
            .left
            .get()
            .checked_sub(values(self.from) + values(self.to) + 1);
        self.left.set(left.unwrap_or(0));
        let message = "the policies are too large to try all their labels, so it was not shown that none loses";
        left.map(|_| ()).ok_or_else(|| message.to_owned())
    }

    /// True where some clearance grants `back` and denies `label`, and where that cannot be said.
    fn is_less(&self, back: &Label, label: &Label, at: OffsetDateTime) -> bool {
        match (self.spifs.placed(back, at), self.spifs.placed(label, at)) {
            (Ok(back), Ok(label)) => back.escapes(&label),
            _ => true,
        }
    }

    /// An instant at which policies and values hold, where there is one: the latest of their beginnings.
    fn instant(&self, search: &Search<'_>, chosen: &[usize]) -> OffsetDateTime {
        let values = chosen
            .iter()
            .flat_map(|index| search.choices[*index].values());
        let begins = values.map(|value| value.not_before);
        let begins = begins.chain([self.from.not_before, self.to.not_before]);
        begins.flatten().max().unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// How many labels are sent there and back to compare two of the policies, and what is found.
#[cfg(test)]
pub(super) fn comparison(spifs: &Spifs, from: &Spif, to: &Spif) -> (usize, Option<LossyRoundTrip>) {
    let left = Cell::new(MAX_WORK);
    let pair = Pair::new(spifs, from, to, &left);
    let found = pair.lossy();
    (pair.sent.get(), found)
}

/// Whether one policy names equivalents in the other.
fn names(one: &Spif, other: &Spif) -> bool {
    one.equivalents.iter().any(|policy| policy.oid == other.oid)
}

/// Whether an equivalence of `one` in `other` requires something of the translated label.
fn requires(one: &Spif, other: &Spif) -> bool {
    let policies = one.equivalents.iter().enumerate();
    let mut places = policies.filter(|(_, policy)| policy.oid == other.oid);
    places.any(|(place, policy)| {
        let levels = one
            .classifications
            .iter()
            .flat_map(|level| &level.equivalents);
        let sets = one.tag_sets.iter().flat_map(|set| &set.equivalents);
        let mut levels = levels.map(|entry| (entry.policy, &entry.required));
        let mut sets = sets.map(|entry| (entry.policy, &entry.required));
        let asks =
            |(policy, required): (usize, &Vec<Wanted>)| policy == place && !required.is_empty();
        !policy.required.is_empty() || levels.any(asks) || sets.any(asks)
    })
}

/// A label as its author would write it, old enough for obsolete levels.
fn written(
    spif: &Spif,
    search: &Search<'_>,
    level: &Classification,
    chosen: &[usize],
) -> Option<Label> {
    let mut categories: BTreeMap<(usize, &'static str), Vec<String>> = BTreeMap::new();
    for choice in chosen.iter().map(|index| &search.choices[*index]) {
        let values = categories
            .entry((choice.set, choice.kind.name()))
            .or_default();
        values.push(choice.written());
    }
    let categories: Vec<Value> = categories
        .into_iter()
        .map(|((set, kind), values)| {
            json!({"TagName": spif.tag_sets[set].name, "Type": kind, "GenericValue": values})
        })
        .collect();
    let mut label = json!({
        "PolicyIdentifier": {"name": spif.name, "uri": format!("{OID_PREFIX}{}", spif.oid)},
        "Classification": level.name,
        "Category": categories,
    });
    if spif.created.is_some() {
        label["CreationDateTime"] = json!("1970-01-01T00:00:00Z");
    }
    serde_json::from_value(label).ok()
}

fn shown(label: &Label) -> String {
    let categories = label.categories().iter();
    let categories = categories
        .map(|category| format!(" {} {{{}}}", category.tag_name, category.values.join(",")));
    format!(
        "{} {}{}",
        label.policy().name,
        label.classification(),
        categories.collect::<String>()
    )
}
