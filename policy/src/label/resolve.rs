//! Is a label or a clearance true under its policy? Names become places in the policy; every demand is checked.

use time::OffsetDateTime;

use super::{
    bits::Bits,
    clearance::Clearance,
    index::{KindIndex, Loaded, TagIndex},
    name::{Key, OID_PREFIX},
    spif::{Classification, Group, Required, TagKind, TagSet, within},
    wire::{Category, Label},
};

/// A label under its policy: the level and the chosen values.
#[derive(Clone, Debug)]
pub(super) struct Placed<'a> {
    pub(super) policy: &'a Loaded,
    /// Number of the level.
    pub(super) level: usize,
    pub(super) chosen: Chosen<'a>,
}

/// A clearance under its policy: levels and values that may pass.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    pub(super) levels: Bits,
    pub(super) chosen: Chosen<'a>,
}

/// The values of a label or clearance, by place.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen<'a> {
    /// The named values: by a name that twins share, or that stands in several tags of the kind, each of them.
    pub(super) named: Bits,
    /// Members of the chosen groups, where the policy's options expand them.
    pub(super) members: Bits,
    /// Texts in place of a name (user input).
    pub(super) texts: Vec<Text<'a>>,
    /// Sets with a permissive category without values: nobody is permitted.
    pub(super) nobody: Vec<usize>,
}

/// A text that the author wrote for a category which asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// Number of the value that asks for it.
    pub(super) value: usize,
    /// By which texts are compared.
    pub(super) key: Key,
    /// As written.
    pub(super) text: &'a str,
}

/// Checks a label against its policy: names, types, obsolescence, periods, cardinality, required and excluded.
///
/// # Errors
/// The first demand that does not hold, in words of the policy, never of the label.
pub(super) fn label<'a>(
    label: &'a Label,
    policy: &'a Loaded,
    at: OffsetDateTime,
) -> Result<Placed<'a>, String> {
    let placed = place(label, policy)?;
    placed.check(label, at)?;
    Ok(placed)
}

/// Finds the names of a label in its policy and checks no demand.
///
/// # Errors
/// The first name that is not there.
pub(super) fn place<'a>(label: &'a Label, policy: &'a Loaded) -> Result<Placed<'a>, String> {
    let level = policy.level(label.classification());
    let missing = || format!("the classification is not in policy {}", policy.name);
    Ok(Placed {
        policy,
        level: level.ok_or_else(missing)?,
        chosen: choose(label.categories(), policy)?,
    })
}

/// Checks that every name of a clearance is in its policy.
///
/// # Errors
/// The first that is not.
pub(super) fn clearance<'a>(
    clearance: &'a Clearance,
    policy: &'a Loaded,
) -> Result<Held<'a>, String> {
    let mut levels = Bits::default();
    for name in &clearance.classifications {
        let missing = || format!("a classification is not in policy {}", policy.name);
        levels.insert(policy.level(name).ok_or_else(missing)?);
    }
    Ok(Held {
        levels,
        chosen: choose(&clearance.categories, policy)?,
    })
}

/// Every value of every category by place.
fn choose<'a>(categories: &'a [Category], policy: &'a Loaded) -> Result<Chosen<'a>, String> {
    let mut chosen = Chosen::default();
    for category in categories {
        let missing = || format!("a tag set is not in policy {}", policy.name);
        let set = policy.set(&category.tag_name).ok_or_else(missing)?;
        let name = || &policy.tag_sets[set.set].name;
        let Some(kind) = set.kind(category.kind) else {
            let (set, policy) = (name(), &policy.name);
            return Err(format!("tag set {set} has another type in policy {policy}"));
        };
        if !names_the_set(category, &policy.tag_sets[set.set]) {
            let set = name();
            return Err(format!(
                "the identifier given for tag set {set} is another one's"
            ));
        }
        if category.kind == TagKind::Permissive && category.values.is_empty() {
            chosen.nobody.push(set.set);
        }
        for value in &category.values {
            if !chosen.add(value, kind, policy) {
                let (set, policy) = (name(), &policy.name);
                return Err(format!(
                    "a value of tag set {set} is not in policy {policy}"
                ));
            }
        }
    }
    Ok(chosen)
}

/// LB-3 for tag sets: where an identifier stands beside the name, both must mean the same set.
fn names_the_set(category: &Category, set: &TagSet) -> bool {
    let uri = category.uri.as_deref();
    uri.is_none_or(|uri| uri.strip_prefix(OID_PREFIX) == Some(set.oid.as_str()))
}

impl<'a> Chosen<'a> {
    /// Adds what `text` means among the values of a kind: a name, or else the text that a value asks for. False where
    /// it means nothing.
    fn add(&mut self, text: &'a str, kind: &KindIndex, policy: &Loaded) -> bool {
        if let Some(values) = kind.values.get(text) {
            for value in values {
                self.named.insert(*value);
                policy
                    .members(*value)
                    .for_each(|member| self.members.insert(member));
            }
            return true;
        }
        let asks = |value: &usize| {
            let input = policy.value(*value).user_input.as_ref();
            input.is_some_and(|input| input.accepts(text))
        };
        let mut found = false;
        for value in kind.open.iter().copied().filter(asks) {
            found = true;
            let key = Key::of(text);
            let text = Text { value, key, text };
            if !self.texts.contains(&text) {
                self.texts.push(text);
            }
        }
        found
    }

    /// The texts that stand in a tag.
    pub(super) fn texts_of(&self, tag: &TagIndex) -> impl Iterator<Item = &Text<'a>> {
        self.texts
            .iter()
            .filter(|text| tag.all.contains(text.value))
    }

    pub(super) fn has_text(&self, tag: &TagIndex, key: &Key) -> bool {
        self.texts_of(tag).any(|text| text.key == *key)
    }

    /// Whether both have the same values; a text counts by its key.
    pub(super) fn says_the_same_as(&self, other: &Chosen<'_>) -> bool {
        let within = |one: &Chosen<'_>, other: &Chosen<'_>| {
            let has = |text: &Text<'_>| {
                let mut texts = other.texts.iter();
                texts.any(|own| own.value == text.value && own.key == text.key)
            };
            one.named.without(&other.named).is_empty() && one.texts.iter().all(has)
        };
        let nobody = |one: &Chosen<'_>, other: &Chosen<'_>| {
            one.nobody.iter().all(|set| other.nobody.contains(set))
        };
        within(self, other) && within(other, self) && nobody(self, other) && nobody(other, self)
    }

    /// Whether the tag has any value here.
    pub(super) fn uses(&self, tag: &TagIndex) -> bool {
        !self.named.and(&tag.all).is_empty() || self.texts_of(tag).next().is_some()
    }
}

impl<'a> Placed<'a> {
    pub(super) fn level(&self) -> &'a Classification {
        &self.policy.spif().classifications[self.level]
    }

    /// Whether the label has the value, by name or by a text.
    pub(super) fn has(&self, value: usize) -> bool {
        let mut texts = self.chosen.texts.iter();
        self.chosen.named.contains(value) || texts.any(|text| text.value == value)
    }

    /// Whether the label says anything in the tag set.
    pub(super) fn uses_set(&self, set: usize) -> bool {
        let mut tags = self.policy.tags().iter().filter(|tag| tag.set == set);
        self.chosen.nobody.contains(&set) || tags.any(|tag| self.chosen.uses(tag))
    }

    /// Checks every demand of the policy on the label, as `written`.
    fn check(&self, written: &Label, at: OffsetDateTime) -> Result<(), String> {
        self.check_age(written)?;
        self.check_periods(at)?;
        self.check_counts()?;
        self.check_classes()?;
        self.check_required()?;
        self.check_excluded()
    }

    /// The first obsolete name of the label, in the policy's spelling.
    pub(super) fn obsolete(&self) -> Option<&'a str> {
        let level = self.level();
        let level = level.obsolete.then_some(level.name.as_str());
        let value = |(value, _)| {
            let value = self.policy.value(value);
            value.obsolete.then_some(value.name.as_str())
        };
        level.or_else(|| self.each().find_map(value))
    }

    /// LB-11: obsolete names are read in labels older than the policy only; an age that is not known is no age.
    fn check_age(&self, written: &Label) -> Result<(), String> {
        let Some(name) = self.obsolete() else {
            return Ok(());
        };
        match (written.created(), self.policy.created) {
            (Some(label), Some(policy)) if label <= policy => Ok(()),
            _ => Err(format!("{name} is obsolete in policy {}", self.policy.name)),
        }
    }

    fn check_periods(&self, at: OffsetDateTime) -> Result<(), String> {
        for (value, _) in self.each() {
            let value = self.policy.value(value);
            if !within(value.not_before, value.not_after, at) {
                return Err(format!("{} is outside its period of validity", value.name));
            }
        }
        Ok(())
    }

    /// Cardinality per tag; a tag that the label leaves out counts as zero values (SP-12).
    fn check_counts(&self) -> Result<(), String> {
        for tag in self.policy.tags() {
            let limits = self.policy.tag(tag);
            let count = u32::try_from(self.count(tag)).unwrap_or(u32::MAX);
            if count < limits.min || limits.max.is_some_and(|max| count > max) {
                let set = &self.policy.tag_sets[tag.set].name;
                return Err(format!("tag set {set} has too few or too many values"));
            }
        }
        Ok(())
    }

    /// How many different values the label has in a tag.
    fn count(&self, tag: &TagIndex) -> usize {
        let texts: Vec<&Key> = self.chosen.texts_of(tag).map(|text| &text.key).collect();
        let first = |(index, key): &(usize, &&Key)| !texts[..*index].contains(key);
        tag.count(&self.chosen.named) + texts.iter().enumerate().filter(first).count()
    }

    fn check_classes(&self) -> Result<(), String> {
        let level = self.level();
        for (value, _) in self.each() {
            let value = self.policy.value(value);
            let wanted = &value.required_class;
            if value.excluded_classes.contains(&level.key)
                || wanted.as_ref().is_some_and(|class| *class != level.key)
            {
                return Err(format!("{} may not stand with {}", value.name, level.name));
            }
        }
        Ok(())
    }

    fn check_required(&self) -> Result<(), String> {
        let level = self.level();
        self.check_required_of(&level.name, &level.required)?;
        for (value, _) in self.each() {
            let value = self.policy.value(value);
            self.check_required_of(&value.name, &value.required)?;
        }
        Ok(())
    }

    fn check_required_of(&self, name: &str, required: &[Required]) -> Result<(), String> {
        let present = |group: &Group| self.each().any(|(value, _)| self.is_in(value, group));
        if required.iter().all(|required| required.holds(present)) {
            return Ok(());
        }
        Err(format!("a category that {name} requires is missing"))
    }

    /// A value never excludes itself: one that excludes its whole set must stand alone in it.
    fn check_excluded(&self) -> Result<(), String> {
        for (value, key) in self.each() {
            let tag = self.policy.tag_of(value);
            let meaning = self.policy.value(value);
            let other =
                |(other, name): &(usize, &Key)| *name != key || self.policy.tag_of(*other) != tag;
            let clash = |group: &Group| {
                self.each()
                    .filter(other)
                    .any(|(other, _)| self.is_in(other, group))
            };
            if meaning.excluded.iter().any(clash) {
                let name = &meaning.name;
                return Err(format!("a category that {name} excludes is present"));
            }
        }
        Ok(())
    }

    /// The values of the label with the name by which they are compared.
    fn each(&self) -> impl Iterator<Item = (usize, &Key)> {
        let named = self.chosen.named.iter();
        let named = named.map(|value| (value, &self.policy.value(value).key));
        named.chain(self.chosen.texts.iter().map(|text| (text.value, &text.key)))
    }

    fn is_in(&self, value: usize, group: &Group) -> bool {
        let tag = &self.policy.tags()[self.policy.tag_of(value)];
        tag.set == group.set
            && tag.kind == group.kind
            && self.policy.tag(tag).enumerated == group.enumerated
            && group
                .lacv
                .as_ref()
                .is_none_or(|lacv| self.policy.value(value).lacv == *lacv)
    }
}
