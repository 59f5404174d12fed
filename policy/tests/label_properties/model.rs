//! Policies, labels and clearances as plain data, made from a tape of choices.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Value, json};
use sluice_policy::label::{Clearance, Label};

/// Choices in order; when they are used up, always the first.
pub struct Tape<'a>(std::slice::Iter<'a, u8>);

impl<'a> Tape<'a> {
    pub fn new(bytes: &'a [u8]) -> Tape<'a> {
        Tape(bytes.iter())
    }

    pub fn pick(&mut self, choices: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % choices.max(1)
    }

    pub fn one_in(&mut self, choices: usize) -> bool {
        self.pick(choices) == choices - 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Restrictive,
    Permissive,
    Informative,
}

/// `requiredCategory` or `excludedCategory`: a set, and one value of it or any.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub set: usize,
    pub kind: Kind,
    /// Tag and value in the set, `None` for any.
    pub value: Option<(usize, usize)>,
}

#[derive(Clone, Debug, Default)]
pub struct Tagged {
    pub name: &'static str,
    pub excluded_class: Option<usize>,
    pub required: Option<Group>,
    pub excluded: Option<Group>,
    /// Equivalents in the other policy: set, its kind, lacv, direction, discard.
    pub equivalents: Vec<(usize, Kind, usize, &'static str, bool)>,
}

#[derive(Clone, Debug)]
pub struct Tag {
    pub kind: Kind,
    pub min: usize,
    pub max: usize,
    pub values: Vec<Tagged>,
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub name: &'static str,
    pub number: usize,
    /// Rank of each level, and what it requires.
    pub levels: Vec<(usize, Option<Group>)>,
    /// Equivalents of each level: level of the other policy, direction.
    pub level_equivalents: Vec<Vec<(usize, &'static str)>>,
    pub sets: Vec<Vec<Tag>>,
    pub other: Option<(&'static str, usize)>,
}

const NAMES: [&str; 3] = ["A", "B", "C"];
const LEVELS: usize = 3;

impl Policy {
    pub fn make(name: &'static str, number: usize, tape: &mut Tape<'_>) -> Policy {
        let mut policy = Policy {
            name,
            number,
            levels: Vec::new(),
            level_equivalents: vec![Vec::new(); LEVELS],
            sets: (0..1 + tape.pick(3)).map(|_| set(tape)).collect(),
            other: None,
        };
        let turn = tape.pick(LEVELS);
        policy.levels = (0..LEVELS)
            .map(|level| ((level + turn) % LEVELS + 1, None))
            .collect();
        for level in 0..LEVELS {
            policy.levels[level].1 = tape.one_in(5).then(|| policy.group(tape));
        }
        for set in 0..policy.sets.len() {
            for tag in 0..policy.sets[set].len() {
                for value in 0..policy.sets[set][tag].values.len() {
                    let (required, excluded) = (tape.one_in(6), tape.one_in(6));
                    let required = required.then(|| policy.group(tape));
                    let excluded = excluded.then(|| policy.group(tape));
                    let value = &mut policy.sets[set][tag].values[value];
                    value.excluded_class = tape.one_in(6).then(|| tape.pick(LEVELS));
                    (value.required, value.excluded) = (required, excluded);
                }
            }
        }
        policy
    }

    fn group(&self, tape: &mut Tape<'_>) -> Group {
        let set = tape.pick(self.sets.len());
        let tag = tape.pick(self.sets[set].len());
        let value = tape.pick(self.sets[set][tag].values.len());
        Group {
            set,
            kind: self.sets[set][tag].kind,
            value: tape.one_in(2).then_some((tag, value)),
        }
    }

    /// Adds equivalences with another policy.
    pub fn know(&mut self, other: &Policy, tape: &mut Tape<'_>) {
        self.other = Some((other.name, other.number));
        for level in 0..LEVELS {
            let to = match tape.pick(4) {
                0 => continue,
                1 => tape.pick(LEVELS),
                _ => level,
            };
            self.level_equivalents[level].push((to, applied(tape)));
        }
        for value in self
            .sets
            .iter_mut()
            .flatten()
            .flat_map(|tag| &mut tag.values)
        {
            for _ in 0..tape.pick(3) {
                let set = tape.pick(other.sets.len());
                let tag = tape.pick(other.sets[set].len());
                let to = tape.pick(other.sets[set][tag].values.len());
                let kind = other.sets[set][tag].kind;
                let entry = (set, kind, lacv(tag, to), applied(tape), tape.one_in(6));
                value.equivalents.push(entry);
            }
        }
    }

    pub fn oid(&self) -> String {
        format!("2.25.{}", self.number)
    }

    pub fn xml(&self) -> String {
        let mut xml = format!(
            r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20260101000000Z"><securityPolicyId name="{}" id="{}"/><securityClassifications>"#,
            self.name,
            self.oid()
        );
        for (number, (rank, required)) in self.levels.iter().enumerate() {
            let _ = write!(
                xml,
                r#"<securityClassification name="L{number}" lacv="{number}" hierarchy="{rank}">"#
            );
            for (to, applied) in &self.level_equivalents[number] {
                let name = self.other.unwrap().0;
                let _ = write!(
                    xml,
                    r#"<equivalentClassification policyRef="{name}" lacv="{to}" applied="{applied}"/>"#
                );
            }
            xml += &self.required(*required);
            xml += "</securityClassification>";
        }
        xml += "</securityClassifications><securityCategoryTagSets>";
        for (number, set) in self.sets.iter().enumerate() {
            let _ = write!(
                xml,
                r#"<securityCategoryTagSet name="S{number}" id="{}.{number}">"#,
                self.oid()
            );
            set.iter()
                .enumerate()
                .for_each(|(number, tag)| xml += &self.tag(number, tag));
            xml += "</securityCategoryTagSet>";
        }
        xml += "</securityCategoryTagSets>";
        if let Some((name, number)) = self.other {
            let _ = write!(
                xml,
                r#"<equivalentPolicies><equivalentPolicy name="{name}" id="2.25.{number}"/></equivalentPolicies>"#
            );
        }
        xml + "</SPIF>"
    }

    fn tag(&self, number: usize, tag: &Tag) -> String {
        let mut xml = format!(
            r#"<securityCategoryTag {} minSelection="{}" maxSelection="{}">"#,
            kind(tag.kind),
            tag.min,
            tag.max
        );
        for (value_number, value) in tag.values.iter().enumerate() {
            let _ = write!(
                xml,
                r#"<tagCategory name="{}" lacv="{}">"#,
                value.name,
                lacv(number, value_number)
            );
            for (set, of, lacv, applied, discard) in &value.equivalents {
                let (name, policy) = self.other.unwrap();
                let action = if *discard { r#" action="discard""# } else { "" };
                let of = kind(*of).replace(SEVEN, r#"tagType="tagType7""#);
                let _ = write!(
                    xml,
                    r#"<equivalentSecCategoryTag policyRef="{name}" tagSetId="2.25.{policy}.{set}" {of} lacv="{lacv}" applied="{applied}"{action}/>"#
                );
            }
            if let Some(level) = value.excluded_class {
                let _ = write!(xml, "<excludedClass>L{level}</excludedClass>");
            }
            xml += &self.required(value.required);
            if let Some(group) = value.excluded {
                let _ = write!(xml, "<excludedCategory {}/>", selector(group));
            }
            xml += "</tagCategory>";
        }
        xml + "</securityCategoryTag>"
    }

    fn required(&self, group: Option<Group>) -> String {
        group.map_or(String::new(), |group| {
            let group = selector(group);
            format!(
                r#"<requiredCategory operation="all"><categoryGroup {group}/></requiredCategory>"#
            )
        })
    }
}

const SEVEN: &str = r#"tagType="tagType7" tag7Encoding="bitSetAttributes""#;

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Restrictive => r#"tagType="restrictive""#,
        Kind::Permissive => r#"tagType="permissive""#,
        Kind::Informative => SEVEN,
    }
}

fn selector(group: Group) -> String {
    let of = kind(group.kind).replace(SEVEN, r#"tagType="tagType7""#);
    let which = match group.value {
        Some((tag, value)) => format!(r#"lacv="{}""#, lacv(tag, value)),
        None => r#"all="true""#.to_owned(),
    };
    format!(r#"tagSetRef="S{}" {of} {which}"#, group.set)
}

fn lacv(tag: usize, value: usize) -> usize {
    tag * 10 + value
}

fn applied(tape: &mut Tape<'_>) -> &'static str {
    ["both", "both", "encrypt", "decrypt"][tape.pick(4)]
}

/// One tag, or two of one kind; names may stand in both, and twice in one.
fn set(tape: &mut Tape<'_>) -> Vec<Tag> {
    let kind = [Kind::Permissive, Kind::Restrictive, Kind::Informative][tape.pick(3)];
    let tags = 1 + usize::from(tape.one_in(3));
    let tag = |tape: &mut Tape<'_>| Tag {
        kind,
        min: usize::from(tape.one_in(8)),
        max: if tape.one_in(6) { 1 } else { 9 },
        values: (0..1 + tape.pick(3))
            .map(|_| Tagged {
                name: NAMES[tape.pick(NAMES.len())],
                ..Tagged::default()
            })
            .collect(),
    };
    (0..tags).map(|_| tag(tape)).collect()
}

/// Values by tag set and kind.
pub type Categories = Vec<(usize, Kind, BTreeSet<String>)>;

#[derive(Clone, Debug)]
pub struct Marked {
    pub level: usize,
    pub categories: Categories,
}

#[derive(Clone, Debug)]
pub struct Cleared {
    pub levels: BTreeSet<usize>,
    pub categories: Categories,
    ranks: Vec<usize>,
}

impl Marked {
    /// Mostly of names that the policy has; at times of others.
    pub fn make(policy: &Policy, tape: &mut Tape<'_>) -> Marked {
        let unknown = usize::from(tape.one_in(9));
        let level = tape.pick(LEVELS + unknown);
        Marked {
            level,
            categories: categories(policy, tape, 3),
        }
    }

    pub fn label(&self, policy: &Policy) -> Label {
        let json = json!({
            "PolicyIdentifier": {"name": policy.name},
            "Classification": format!("L{}", self.level),
            "Category": write(&self.categories),
        });
        serde_json::from_value(json).unwrap()
    }

    /// What a label of the program says, as data.
    pub fn read(policy: &Policy, label: &Label) -> Marked {
        let number = |name: &str| name[1..].parse::<usize>().unwrap();
        let category = |category: &sluice_policy::label::Category| {
            let set = number(&category.tag_name);
            let kind = policy.sets[set][0].kind;
            (set, kind, category.values.iter().cloned().collect())
        };
        Marked {
            level: number(label.classification()),
            categories: label.categories().iter().map(category).collect(),
        }
    }
}

impl Cleared {
    pub fn make(policy: &Policy, tape: &mut Tape<'_>) -> Cleared {
        let levels = (0..LEVELS + usize::from(tape.one_in(20))).filter(|_| !tape.one_in(3));
        Cleared {
            levels: levels.collect(),
            categories: categories(policy, tape, 6),
            ranks: ranks(policy),
        }
    }

    /// Every clearance that can be written in the policy.
    pub fn every(policy: &Policy) -> Vec<Cleared> {
        let mut every = vec![Vec::new()];
        for (number, set) in policy.sets.iter().enumerate() {
            let names: BTreeSet<&str> = set
                .iter()
                .flat_map(|tag| &tag.values)
                .map(|value| value.name)
                .collect();
            let mut more = Vec::new();
            for chosen in subsets(&names.into_iter().collect::<Vec<_>>()) {
                let chosen: BTreeSet<String> = chosen.into_iter().map(str::to_owned).collect();
                more.extend(every.iter().cloned().map(|mut categories: Categories| {
                    categories.push((number, set[0].kind, chosen.clone()));
                    categories
                }));
            }
            every = more;
        }
        let levels = subsets(&(0..LEVELS).collect::<Vec<_>>());
        let pairs = levels.into_iter().flat_map(|levels| {
            every.iter().cloned().map(move |categories| Cleared {
                levels: levels.iter().copied().collect(),
                categories,
                ranks: ranks(policy),
            })
        });
        pairs.collect()
    }

    pub fn is_closed_downwards(&self) -> bool {
        let listed = |rank: usize| self.levels.iter().any(|level| self.ranks[*level] == rank);
        self.levels
            .iter()
            .all(|level| (1..self.ranks[*level]).all(listed))
    }

    pub fn clearance(&self, policy: &Policy) -> Clearance {
        let levels: Vec<String> = self
            .levels
            .iter()
            .map(|level| format!("L{level}"))
            .collect();
        let json = json!({
            "PolicyIdentifier": {"name": policy.name}, "ClassificationList": levels,
            "Category": write(&self.categories),
        });
        Clearance::parse(&json.to_string()).unwrap()
    }
}

fn ranks(policy: &Policy) -> Vec<usize> {
    policy.levels.iter().map(|(rank, _)| *rank).collect()
}

fn subsets<T: Copy>(all: &[T]) -> Vec<Vec<T>> {
    let chosen = |mask: usize| {
        let numbered = all.iter().enumerate();
        numbered
            .filter(|(index, _)| mask >> index & 1 == 1)
            .map(|(_, one)| *one)
            .collect()
    };
    (0..1_usize << all.len()).map(chosen).collect()
}

/// Each set at most once. One in `rarely` values is a name that may be unknown, one in nine kinds is a wrong one.
fn categories(policy: &Policy, tape: &mut Tape<'_>, generous: usize) -> Categories {
    let mut categories = Categories::new();
    for (number, set) in policy.sets.iter().enumerate() {
        if tape.one_in(3) {
            continue;
        }
        let wrong = [Kind::Restrictive, Kind::Permissive, Kind::Informative][tape.pick(3)];
        let kind = if tape.one_in(20) { wrong } else { set[0].kind };
        let values: Vec<&Tagged> = set.iter().flat_map(|tag| &tag.values).collect();
        let mut chosen: BTreeSet<String> = (0..tape.pick(generous))
            .map(|_| values[tape.pick(values.len())].name.to_owned())
            .collect();
        if tape.one_in(25) {
            chosen.insert(NAMES[tape.pick(NAMES.len())].to_owned());
        }
        categories.push((number, kind, chosen));
    }
    categories
}

fn write(categories: &Categories) -> Value {
    let name = |kind: Kind| match kind {
        Kind::Restrictive => "RESTRICTIVE",
        Kind::Permissive => "PERMISSIVE",
        Kind::Informative => "INFORMATIVE",
    };
    let category = |(set, kind, values): &(usize, Kind, BTreeSet<String>)| json!({"TagName": format!("S{set}"), "Type": name(*kind), "GenericValue": values});
    categories.iter().map(category).collect()
}
