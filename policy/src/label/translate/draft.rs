//! The translated label while it is being made: values by place in the target policy.

use super::{
    super::{
        bits::Bits,
        index::Loaded,
        name::Key,
        resolve::{Chosen, Text},
        spif::TagKind,
    },
    TranslateError,
};

/// A value of the target policy, with the author's text where the value asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) value: usize,
    pub(super) text: Option<&'a str>,
}

/// What the translated label has so far.
pub(super) struct Draft<'a> {
    pub(super) target: &'a Loaded,
    elements: Vec<Element<'a>>,
    nobody: Vec<usize>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(target: &'a Loaded) -> Draft<'a> {
        Draft {
            target,
            elements: Vec::new(),
            nobody: Vec::new(),
        }
    }

    /// Adds one demand of the source label: of each permissive tag, one of its elements; of other tags, all. A
    /// permissive tag that is there already keeps only what satisfies both demands.
    pub(super) fn demand(&mut self, demand: &[Element<'a>]) -> Result<(), TranslateError> {
        for (number, tag) in self.target.tags().iter().enumerate() {
            let here = |element: &Element<'_>| self.target.tag_of(element.value) == number;
            let new: Vec<Element<'a>> = demand.iter().copied().filter(here).collect();
            if new.is_empty() {
                continue;
            }
            let there = self.elements.iter().any(here);
            if tag.kind == TagKind::Permissive && there {
                let target = self.target;
                self.elements
                    .retain(|old| target.tag_of(old.value) != number || new.contains(old));
                if !self
                    .elements
                    .iter()
                    .any(|old| target.tag_of(old.value) == number)
                {
                    let set = &target.tag_sets[tag.set].name;
                    let message = format!("two demands meet in {set} and no value satisfies both");
                    return Err(TranslateError::new("category-conflict", message));
                }
            } else {
                for element in new {
                    if !self.elements.contains(&element) {
                        self.elements.push(element);
                    }
                }
            }
        }
        Ok(())
    }

    /// A permissive category without values.
    pub(super) fn nobody(&mut self, set: usize) {
        if !self.nobody.contains(&set) {
            self.nobody.push(set);
        }
    }

    pub(super) fn has(&self, value: usize) -> bool {
        self.elements.iter().any(|element| element.value == value)
    }

    pub(super) fn uses_set(&self, set: usize) -> bool {
        let here = |element: &Element<'_>| {
            self.target.tags()[self.target.tag_of(element.value)].set == set
        };
        self.nobody.contains(&set) || self.elements.iter().any(here)
    }

    pub(super) fn into_chosen(self) -> Chosen<'a> {
        let named = self
            .elements
            .iter()
            .filter(|element| element.text.is_none());
        let named: Bits = named.map(|element| element.value).collect();
        let members = named
            .iter()
            .flat_map(|value| self.target.members(value))
            .collect();
        let texts = self.elements.iter().filter_map(|element| {
            let (value, text) = (element.value, element.text?);
            let key = Key::of(text);
            Some(Text { value, key, text })
        });
        Chosen {
            texts: texts.collect(),
            nobody: self.nobody,
            named,
            members,
        }
    }
}
