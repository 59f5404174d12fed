//! Bodies that carry several units: the envelope is parsed as one, each unit on its own.
//!
//! A unit is first cut out as raw text, which only asks that brackets, quotes and commas fit, and is then parsed
//! strictly under its own limits. So a float or a lone surrogate in one PDU leaves its neighbours alone, while a body
//! whose frame is broken is refused as a whole.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::strict::{State, Strict, parse_counted, read, text};
use super::{Fault, Limits, Object, Tree};

/// One unit that an envelope carries.
#[derive(Debug)]
pub struct Element {
    /// The pattern that found it, such as `/pdus/*`.
    pub pattern: &'static str,
    /// Where it stood: a JSON pointer such as `/pdus/3`.
    pub pointer: String,
    /// The unit, or what is wrong with it.
    pub value: Result<Tree, Fault>,
    /// Its length as received, in bytes.
    pub bytes: usize,
}

/// A body without its units, and the units in the order in which they came.
#[derive(Debug)]
pub struct Envelope {
    /// The body; arrays of units are empty in it, single units are left out.
    pub rest: Object,
    /// The units.
    pub elements: Vec<Element>,
}

/// Reads a body and cuts its units out.
///
/// A pattern is a JSON pointer with fixed keys, in which `*` stands for every item of an array: `/pdus/*`, `/event`.
/// The empty pattern makes the whole body one unit. A pattern that the body has no key for finds nothing; whether
/// the unit had to be there is for the caller to say. `unit_nodes` bounds the values of all units together, and so their memory.
///
/// # Errors
///
/// The first [`Fault`] of the envelope itself. Faults inside a unit stand in its [`Element::value`].
pub fn parse_envelope(
    bytes: &[u8],
    patterns: &[&'static str],
    envelope: &Limits,
    element: &Limits,
    unit_nodes: usize,
) -> Result<Envelope, Fault> {
    let state = State::new(envelope);
    let elements = RefCell::new(Vec::new());
    let nodes_left = Cell::new(unit_nodes);
    let collect = Collect {
        state: &state,
        limits: element,
        elements: &elements,
        nodes_left: &nodes_left,
    };
    let open = patterns
        .iter()
        .map(|pattern| Open {
            pattern,
            rest: pattern,
        })
        .collect();
    let frame = Frame {
        collect,
        depth: 0,
        open,
        pointer: String::new(),
    };
    let rest = match read(text(bytes, envelope)?, &state, frame)? {
        Some(Tree::Object(object)) => object,
        Some(_) => return Err(Fault::NotAnObject),
        None => Object::new(),
    };
    Ok(Envelope {
        rest,
        elements: elements.into_inner(),
    })
}

/// What all frames of one envelope share.
#[derive(Clone, Copy)]
struct Collect<'a> {
    state: &'a State<'a>,
    limits: &'a Limits,
    elements: &'a RefCell<Vec<Element>>,
    /// Values that the units together may still have.
    nodes_left: &'a Cell<usize>,
}

impl Collect<'_> {
    fn unit(&self, pattern: &'static str, pointer: String, raw: &str) {
        let value = match raw.len() > self.limits.bytes {
            true => Err(Fault::Size),
            false => self.parse(raw),
        };
        self.elements.borrow_mut().push(Element {
            pattern,
            pointer,
            value,
            bytes: raw.len(),
        });
    }
}

impl Collect<'_> {
    /// What the kept units have used up condemns the ones that need more: a body's memory is bounded as a whole.
    fn parse(&self, raw: &str) -> Result<Tree, Fault> {
        let limits = Limits {
            nodes: self.limits.nodes.min(self.nodes_left.get()),
            ..*self.limits
        };
        let (tree, nodes) = parse_counted(raw, &limits);
        if tree.is_ok() {
            self.nodes_left
                .set(self.nodes_left.get().saturating_sub(nodes));
        }
        tree
    }
}

/// A pattern, and what of it is still to be followed below the current value.
#[derive(Clone, Copy)]
struct Open {
    pattern: &'static str,
    rest: &'static str,
}

impl Open {
    /// The next step of the pattern and what follows it.
    fn step(self) -> (&'static str, Self) {
        let rest = self.rest.strip_prefix('/').unwrap_or(self.rest);
        let (step, _) = rest.split_once('/').unwrap_or((rest, ""));
        (
            step,
            Self {
                rest: &rest[step.len()..],
                ..self
            },
        )
    }
}

/// A value of the envelope that is a unit, or may hold units.
struct Frame<'a> {
    collect: Collect<'a>,
    depth: usize,
    open: Vec<Open>,
    pointer: String,
}

impl Frame<'_> {
    /// The patterns that go on through a step from here.
    fn through(&self, wanted: &str) -> Vec<Open> {
        self.open
            .iter()
            .map(|open| open.step())
            .filter(|(step, _)| *step == wanted)
            .map(|(_, next)| next)
            .collect()
    }

    /// What a value must be for its patterns to fit: all of them go through an array, or none does.
    fn misfit(&self) -> Fault {
        let array = self.open.iter().any(|open| open.step().0 == "*");
        if array {
            Fault::NotAnArray
        } else {
            Fault::NotAnObject
        }
    }
}

impl<'de> DeserializeSeed<'de> for Frame<'_> {
    /// Nothing where the value was cut out as a unit.
    type Value = Option<Tree>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if let Some(unit) = self.open.iter().find(|open| open.rest.is_empty()) {
            self.collect.state.count::<D::Error>()?;
            let raw = <&RawValue>::deserialize(deserializer)?;
            self.collect.unit(unit.pattern, self.pointer, raw.get());
            return Ok(None);
        }
        let strict = Strict {
            state: self.collect.state,
            depth: self.depth,
        };
        if self.open.is_empty() {
            return strict.deserialize(deserializer).map(Some);
        }
        self.collect.state.count::<D::Error>()?;
        deserializer.deserialize_any(self).map(Some)
    }
}

impl<'de> Visitor<'de> for Frame<'_> {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an envelope")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Tree, E> {
        self.collect.state.fail(self.misfit())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Tree, E> {
        self.collect.state.fail(self.misfit())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Tree, E> {
        self.collect.state.fail(self.misfit())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Tree, E> {
        self.collect.state.fail(self.misfit())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Tree, E> {
        self.collect.state.fail(self.misfit())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Tree, E> {
        self.collect.state.fail(self.misfit())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let open = self.through("*");
        if open.is_empty() {
            return self.collect.state.fail(self.misfit());
        }
        let depth = self.collect.state.enter::<A::Error>(self.depth)?;
        let mut array = Vec::new();
        for place in 0.. {
            let pointer = format!("{}/{place}", self.pointer);
            let below = Frame {
                collect: self.collect,
                depth,
                open: open.clone(),
                pointer,
            };
            match items.next_element_seed(below)? {
                Some(kept) => array.extend(kept),
                None => break,
            }
        }
        Ok(Tree::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        if !self.through("*").is_empty() {
            return self.collect.state.fail(self.misfit());
        }
        let depth = self.collect.state.enter::<A::Error>(self.depth)?;
        let mut seen = std::collections::BTreeSet::new();
        let mut object = Object::new();
        while let Some(key) = members.next_key::<String>()? {
            self.collect
                .state
                .key::<A::Error>(&key, !seen.insert(key.clone()))?;
            let pointer = format!("{}/{key}", self.pointer);
            let below = Frame {
                collect: self.collect,
                depth,
                open: self.through(&key),
                pointer,
            };
            if let Some(kept) = members.next_value_seed(below)? {
                object.insert(key, kept);
            }
        }
        Ok(Tree::Object(object))
    }
}
