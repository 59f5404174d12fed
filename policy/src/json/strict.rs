//! The visitor that refuses what canonical JSON does not know.
//!
//! serde_json splits the text into tokens; everything that it would let pass is refused here. Faults are kept in a
//! cell beside the parse, because a serde error can only carry text and text could repeat the input.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Fault, Limits, Object, Tree, integer};

/// Keys that serde_json turns into something else when a tree is read back.
const RESERVED_PREFIX: &str = "$serde_json::private::";

/// Checks size and encoding before anything is parsed.
pub(super) fn text<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Fault> {
    if bytes.len() > limits.bytes {
        return Err(Fault::Size);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Encoding)?;
    if text.starts_with('\u{feff}') {
        return Err(Fault::Bom);
    }
    Ok(text)
}

/// Parses a text whose size has been checked.
pub(super) fn parse_text(text: &str, limits: &Limits) -> Result<Tree, Fault> {
    parse_counted(text, limits).0
}

/// As [`parse_text`], with the number of values that were read.
pub(super) fn parse_counted(text: &str, limits: &Limits) -> (Result<Tree, Fault>, usize) {
    let state = State::new(limits);
    let tree = read(
        text,
        &state,
        Strict {
            state: &state,
            depth: 0,
        },
    );
    (tree, state.nodes.get())
}

/// Runs a seed over a whole text and says what was wrong with it.
pub(super) fn read<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    state: &State<'_>,
    seed: S,
) -> Result<S::Value, Fault> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    result.map_err(|error| state.fault.get().unwrap_or_else(|| classify(&error)))
}

/// Limits of a parse under way, and the fault that ended it.
pub(super) struct State<'a> {
    limits: &'a Limits,
    nodes: Cell<usize>,
    fault: Cell<Option<Fault>>,
}

impl<'a> State<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            nodes: Cell::new(0),
            fault: Cell::new(None),
        }
    }

    /// Ends the parse with a fault.
    pub(super) fn fail<T, E: serde::de::Error>(&self, fault: Fault) -> Result<T, E> {
        self.fault.set(Some(fault));
        Err(E::custom("refused"))
    }

    /// Counts one value.
    pub(super) fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > self.limits.nodes {
            self.fail(Fault::Nodes)
        } else {
            Ok(())
        }
    }

    /// Allows one more container around the values below.
    pub(super) fn enter<E: serde::de::Error>(&self, depth: usize) -> Result<usize, E> {
        if depth >= self.limits.depth {
            self.fail(Fault::Depth)
        } else {
            Ok(depth + 1)
        }
    }

    /// Refuses keys that are there already or reserved.
    pub(super) fn key<E: serde::de::Error>(&self, key: &str, seen: bool) -> Result<(), E> {
        if seen {
            return self.fail(Fault::DuplicateKey);
        }
        if key.starts_with(RESERVED_PREFIX) {
            return self.fail(Fault::ReservedKey);
        }
        Ok(())
    }
}

/// Reads one value below `depth` containers.
#[derive(Clone, Copy)]
pub(super) struct Strict<'s, 'l> {
    pub(super) state: &'s State<'l>,
    pub(super) depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        self.state.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("canonical JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Tree, E> {
        integer(value).map_or_else(|| self.state.fail(Fault::IntegerRange), Ok)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Tree, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.state.fail(Fault::IntegerRange),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        self.state.fail(float_fault(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let below = Self {
            depth: self.state.enter(self.depth)?,
            ..self
        };
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            array.push(item);
        }
        Ok(Tree::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let below = Self {
            depth: self.state.enter(self.depth)?,
            ..self
        };
        let mut object = Object::new();
        while let Some(key) = members.next_key::<String>()? {
            self.state
                .key::<A::Error>(&key, object.contains_key(&key))?;
            object.insert(key, members.next_value_seed(below)?);
        }
        Ok(Tree::Object(object))
    }
}

/// serde_json hands over as a float all that it cannot hold in 64 bits: what has a fraction or an exponent, `-0`, and
/// integers that are too long.
fn float_fault(value: f64) -> Fault {
    const BEYOND: f64 = 9_007_199_254_740_991.0;
    if value == 0.0 && value.is_sign_negative() {
        Fault::NegativeZero
    } else if value.abs() > BEYOND {
        Fault::IntegerRange
    } else {
        Fault::Float
    }
}

/// Names a fault that serde_json itself found. Its error gives no code, only text; a test holds each text against the
/// locked version. An unknown text is a syntax fault, so a change there renames a refusal and never lifts one.
fn classify(error: &serde_json::Error) -> Fault {
    const TEXTS: [(&str, Fault); 5] = [
        ("lone leading surrogate", Fault::Surrogate),
        ("unexpected end of hex escape", Fault::Surrogate),
        ("number out of range", Fault::IntegerRange),
        ("trailing characters", Fault::Trailing),
        ("recursion limit", Fault::Depth),
    ];
    let text = error.to_string();
    TEXTS
        .iter()
        .find(|(start, _)| text.starts_with(start))
        .map_or(Fault::Syntax, |(_, fault)| *fault)
}
