//! A policy prepared for decisions: names lead to places, sets of values are bits.
//!
//! A name in the policy's own spelling is found as it stands; only other spellings are folded (LB-4). Built once, when
//! the policies are loaded.

use std::{
    collections::{HashMap, HashSet},
    ops::{Deref, Range},
    sync::OnceLock,
};

use super::{
    bits::Bits,
    name::Key,
    spif::{Spif, Tag, TagKind, TagValue},
    typed::Spellings,
};

/// A policy and its index. Reads like the policy.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    spif: Spif,
    levels: Names<usize>,
    sets: Names<SetIndex>,
    tags: Vec<TagIndex>,
    places: Vec<Place>,
    /// Members of the permissive values that are groups.
    members: HashMap<usize, Vec<usize>>,
    /// Values by `lacv`.
    by_lacv: HashMap<String, Vec<usize>>,
    /// Values with an equivalence in a value of this `lacv` in another policy.
    by_equivalent: HashMap<String, Vec<usize>>,
    /// Made when a marking is first looked for.
    spellings: OnceLock<Spellings>,
}

/// Where a value stands. Its number in the bits is its position among all values of the policy.
#[derive(Clone, Copy, Debug)]
struct Place {
    set: usize,
    /// Within the set.
    tag: usize,
    /// Within the tag.
    value: usize,
    /// Among all tags of the policy.
    tag_index: usize,
}

/// One tag: the grouping key of the decision.
#[derive(Clone, Debug)]
pub(super) struct TagIndex {
    pub(super) set: usize,
    tag: usize,
    pub(super) kind: TagKind,
    /// Its values, as numbers and as bits.
    pub(super) values: Range<usize>,
    pub(super) all: Bits,
    /// Each name once, where twins share it.
    pub(super) firsts: Bits,
}

/// A tag set: its values by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct SetIndex {
    pub(super) set: usize,
    kinds: [Option<KindIndex>; 3],
}

/// The values of one kind in a set, over all tags of the kind.
#[derive(Clone, Debug, Default)]
pub(super) struct KindIndex {
    /// Values by name: several where twins or tags share one.
    pub(super) values: Names<Vec<usize>>,
    /// Values whose text the author of the label writes.
    pub(super) open: Vec<usize>,
}

/// Things by name.
#[derive(Clone, Debug)]
pub(super) struct Names<T> {
    things: Vec<T>,
    spelt: HashMap<String, usize>,
    folded: HashMap<Key, usize>,
}

impl Loaded {
    pub(super) fn new(spif: Spif) -> Loaded {
        let mut loaded = Loaded {
            levels: Names::default(),
            sets: Names::default(),
            tags: Vec::new(),
            places: Vec::new(),
            members: HashMap::new(),
            by_lacv: HashMap::new(),
            by_equivalent: HashMap::new(),
            spellings: OnceLock::new(),
            spif,
        };
        for (number, level) in loaded.spif.classifications.iter().enumerate() {
            *loaded.levels.entry(&level.name, &level.key) = number;
        }
        for (set_number, set) in loaded.spif.tag_sets.iter().enumerate() {
            let entry = loaded.sets.entry(&set.name, &set.key);
            entry.set = set_number;
            for (tag_number, tag) in set.tags.iter().enumerate() {
                let first = loaded.places.len();
                let tag_index = loaded.tags.len();
                loaded
                    .places
                    .extend((0..tag.values.len()).map(|value| Place {
                        set: set_number,
                        tag: tag_number,
                        value,
                        tag_index,
                    }));
                let all = first..loaded.places.len();
                for (value, number) in tag.values.iter().zip(all.clone()) {
                    push(&mut loaded.by_lacv, &value.lacv, number);
                    for entry in &value.equivalents {
                        push(&mut loaded.by_equivalent, &entry.lacv, number);
                    }
                }
                loaded.members.extend(members(tag, first));
                entry.kinds[tag.kind as usize]
                    .get_or_insert_default()
                    .add(tag, first);
                loaded.tags.push(TagIndex {
                    set: set_number,
                    tag: tag_number,
                    kind: tag.kind,
                    firsts: firsts(tag, all.clone()),
                    values: all.clone(),
                    all: all.collect(),
                });
            }
        }
        loaded
    }

    pub(super) fn spif(&self) -> &Spif {
        &self.spif
    }

    /// How its levels and values are typed.
    pub(super) fn spellings(&self) -> &Spellings {
        self.spellings.get_or_init(|| Spellings::new(&self.spif))
    }

    /// Number of the level of this name.
    pub(super) fn level(&self, name: &str) -> Option<usize> {
        self.levels.get(name).copied()
    }

    pub(super) fn set(&self, name: &str) -> Option<&SetIndex> {
        self.sets.get(name)
    }

    /// All tags, in the policy's order.
    pub(super) fn tags(&self) -> &[TagIndex] {
        &self.tags
    }

    /// Position among [`Loaded::tags`] of the tag that the value stands in.
    pub(super) fn tag_of(&self, value: usize) -> usize {
        self.places[value].tag_index
    }

    pub(super) fn tag(&self, index: &TagIndex) -> &Tag {
        &self.spif.tag_sets[index.set].tags[index.tag]
    }

    /// The values of this `lacv`, whatever they stand in, in the policy's order.
    pub(super) fn with_lacv(&self, lacv: &str) -> &[usize] {
        self.by_lacv.get(lacv).map_or(&[], Vec::as_slice)
    }

    /// The values with an equivalence in a value of this `lacv`, whatever policy that stands in, in the policy's order.
    pub(super) fn with_equivalent(&self, lacv: &str) -> &[usize] {
        self.by_equivalent.get(lacv).map_or(&[], Vec::as_slice)
    }

    /// The numbers of all values.
    pub(super) fn values(&self) -> Range<usize> {
        0..self.places.len()
    }

    /// The values of the same tag that have the same name: one that is listed once is its own only twin.
    pub(super) fn twins(&self, value: usize) -> impl Iterator<Item = usize> {
        let key = &self.value(value).key;
        let all = self.tags[self.tag_of(value)].values.clone();
        all.filter(move |other| self.value(*other).key == *key)
    }

    /// The values of the same tag that a group stands for; none for other values.
    pub(super) fn members(&self, value: usize) -> impl Iterator<Item = usize> {
        self.members.get(&value).into_iter().flatten().copied()
    }

    pub(super) fn value(&self, value: usize) -> &TagValue {
        let place = self.places[value];
        &self.spif.tag_sets[place.set].tags[place.tag].values[place.value]
    }
}

impl Deref for Loaded {
    type Target = Spif;

    fn deref(&self) -> &Spif {
        &self.spif
    }
}

impl TagIndex {
    /// How many different names of this tag are in `chosen`.
    pub(super) fn count(&self, chosen: &Bits) -> usize {
        chosen.and(&self.firsts).count()
    }
}

impl SetIndex {
    pub(super) fn kind(&self, kind: TagKind) -> Option<&KindIndex> {
        self.kinds[kind as usize].as_ref()
    }
}

impl KindIndex {
    fn add(&mut self, tag: &Tag, first: usize) {
        for (offset, value) in tag.values.iter().enumerate() {
            match value.user_input {
                Some(_) => self.open.push(first + offset),
                None => self
                    .values
                    .entry(&value.name, &value.key)
                    .push(first + offset),
            }
        }
    }
}

fn push(lists: &mut HashMap<String, Vec<usize>>, lacv: &str, number: usize) {
    let list = lists.entry(lacv.to_owned()).or_default();
    if list.last() != Some(&number) {
        list.push(number);
    }
}

/// The groups of a permissive tag, each with the numbers of its members. In tags of other kinds a group is one value
/// like any other: a member there would have to be held beside the group, or instead of it, and no standard says which.
fn members(tag: &Tag, first: usize) -> impl Iterator<Item = (usize, Vec<usize>)> {
    let permissive = tag.kind == TagKind::Permissive;
    let groups = tag.values.iter().zip(first..);
    let groups = groups.filter(move |(value, _)| permissive && !value.members.is_empty());
    groups.map(move |(value, number)| {
        let names: HashSet<Key> = value.members.iter().map(|name| Key::of(name)).collect();
        let all = tag.values.iter().zip(first..);
        let members =
            all.filter(|(value, _)| value.user_input.is_none() && names.contains(&value.key));
        (number, members.map(|(_, number)| number).collect())
    })
}

/// The named values of a tag without those whose name stood before.
fn firsts(tag: &Tag, numbers: Range<usize>) -> Bits {
    let mut seen = HashSet::new();
    let named = tag.values.iter().zip(numbers);
    let named = named.filter(|(value, _)| value.user_input.is_none() && seen.insert(&value.key));
    named.map(|(_, number)| number).collect()
}

impl<T> Names<T> {
    /// The thing of this name, in any spelling that LB-4 calls equal.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let spelt = self.spelt.get(name);
        let place = match spelt {
            Some(place) => place,
            None => self.folded.get(&Key::of(name))?,
        };
        self.things.get(*place)
    }
}

impl<T: Default> Names<T> {
    /// The thing of this name, made where there is none.
    pub(super) fn entry(&mut self, name: &str, key: &Key) -> &mut T {
        let next = self.things.len();
        let place = *self.folded.entry(key.clone()).or_insert(next);
        self.spelt.insert(name.to_owned(), place);
        if place == next {
            self.things.push(T::default());
        }
        &mut self.things[place]
    }
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names {
            things: Vec::new(),
            spelt: HashMap::new(),
            folded: HashMap::new(),
        }
    }
}
