//! A body that comes in pieces and may be larger than memory: each unit is cut out as soon as it is complete, and what is
//! left over is parsed at the end as the envelope.
//!
//! ```text
//! bytes ──push──> {"origin":"a","state":[ {..} , {..} ],...}
//!                                         └────── cut: a unit's own text, at most `largest` bytes
//!                 {"origin":"a","state":[],...} ─finish─> the strict tree of the envelope
//! ```
//!
//! Invariant: memory is bounded by one unit and one envelope, whatever the body's length. Only brackets and quotes are
//! counted here; what a unit or the envelope really is, the strict parser says of its text.

use serde_json::value::RawValue;

use super::strict::parse_text;
use super::{Fault, Limits, Object, Tree, parse_object};

/// One unit's text, in the order in which units came.
#[derive(Debug)]
pub struct Cut<'a> {
    /// The pattern that found it, such as `/pdus/*`.
    pub pattern: &'static str,
    /// Its text; [`Fault::Size`] where it is longer than a unit may be, and then nobody has looked into it.
    pub text: Result<&'a [u8], Fault>,
}

/// Cuts the units out of one body.
#[derive(Debug)]
pub struct Scanner {
    patterns: Vec<&'static str>,
    /// Longest text of a unit, in bytes.
    largest: usize,
    envelope: Limits,
    /// The envelope's text without its units.
    rest: Vec<u8>,
    /// Where the key under way begins in it.
    key_at: usize,
    expects: Expects,
    value: Value,
    unit: Vec<u8>,
    too_long: bool,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Object,
    KeyOrEnd,
    Key,
    InKey,
    Colon,
    Value(Place),
    InValue(Place),
    CommaOrEnd,
    ItemOrEnd(&'static str),
    Item(&'static str),
    CommaOrListEnd(&'static str),
    Nothing,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is a field of the envelope.
    Field,
    /// It is the list of units of this pattern.
    List(&'static str),
    /// It is an item of that list.
    Item(&'static str),
    /// It is itself a unit.
    Single(&'static str),
}

/// A value whose end is looked for.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    kind: Kind,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    Container,
    Text,
    #[default]
    Scalar,
}

impl Scanner {
    /// A scanner for a body with units at these patterns, each `/key/*` or `/key`. `largest` bounds one unit's text in
    /// bytes, `envelope` everything beside the units.
    #[must_use]
    pub fn new(patterns: Vec<&'static str>, largest: usize, envelope: Limits) -> Self {
        Self {
            patterns,
            largest,
            envelope,
            rest: Vec::new(),
            key_at: 0,
            expects: Expects::Object,
            value: Value::default(),
            unit: Vec::new(),
            too_long: false,
        }
    }

    /// Reads on. `take` gets each unit that is complete.
    ///
    /// # Errors
    /// The first [`Fault`] of the envelope, or what `take` gives back.
    pub fn push<E: From<Fault>>(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Cut<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = bytes;
        while let Some(first) = left.first().copied() {
            let used = match self.expects {
                Expects::InValue(place) => self.through_value(place, left, take)?,
                Expects::InKey => self.through_key(left)?,
                _ if matches!(first, b' ' | b'\t' | b'\n' | b'\r') => 1,
                _ => self.token(first)?,
            };
            left = left.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// The envelope without its units: lists of units are empty in it, single units are left out.
    ///
    /// # Errors
    /// [`Fault`] where the body has not ended, or its envelope is not strict JSON.
    pub fn finish(self) -> Result<Object, Fault> {
        if self.expects != Expects::Nothing {
            return Err(Fault::Syntax);
        }
        let mut envelope = parse_object(&self.rest, &self.envelope)?;
        for single in self
            .patterns
            .iter()
            .filter(|pattern| list(pattern).is_none())
        {
            envelope.remove(single.trim_start_matches('/'));
        }
        Ok(envelope)
    }

    /// One byte between values; how many bytes it used up: none where a value begins, which is read with its first byte.
    fn token(&mut self, byte: u8) -> Result<usize, Fault> {
        let next = match (self.expects, byte) {
            (Expects::Object, b'{') => Expects::KeyOrEnd,
            (Expects::Object, 0xef) => return Err(Fault::Bom),
            (Expects::Object, _) => return Err(Fault::NotAnObject),
            (Expects::KeyOrEnd, b'}') | (Expects::CommaOrEnd, b'}') => Expects::Nothing,
            (Expects::KeyOrEnd | Expects::Key, b'"') => {
                self.key_at = self.rest.len();
                self.value = Value {
                    in_text: true,
                    ..Value::default()
                };
                Expects::InKey
            }
            (Expects::Colon, b':') => Expects::Value(self.place()?),
            (Expects::Value(Place::List(pattern)), b'[') => Expects::ItemOrEnd(pattern),
            (Expects::Value(Place::List(_)), _) => return Err(Fault::NotAnArray),
            (Expects::Value(place), _) => return self.begin(place, byte),
            (Expects::CommaOrEnd, b',') => Expects::Key,
            (Expects::ItemOrEnd(_) | Expects::CommaOrListEnd(_), b']') => Expects::CommaOrEnd,
            (Expects::ItemOrEnd(pattern) | Expects::Item(pattern), _) => {
                return self.begin(Place::Item(pattern), byte);
            }
            (Expects::CommaOrListEnd(pattern), b',') => {
                // Commas between units go with the units.
                self.expects = Expects::Item(pattern);
                return Ok(1);
            }
            (Expects::Nothing, _) => return Err(Fault::Trailing),
            _ => return Err(Fault::Syntax),
        };
        self.keep(&[byte])?;
        self.expects = next;
        Ok(1)
    }

    fn begin(&mut self, place: Place, byte: u8) -> Result<usize, Fault> {
        let kind = match byte {
            b'{' | b'[' => Kind::Container,
            b'"' => Kind::Text,
            b',' | b':' | b'}' | b']' => return Err(Fault::Syntax),
            _ => Kind::Scalar,
        };
        self.value = Value {
            kind,
            ..Value::default()
        };
        self.unit.clear();
        self.too_long = false;
        self.expects = Expects::InValue(place);
        Ok(0)
    }

    fn through_key(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let end = self.value.text_end(bytes);
        let used = end.unwrap_or(bytes.len());
        self.keep(bytes.get(..used).unwrap_or_default())?;
        if end.is_some() {
            self.expects = Expects::Colon;
        }
        Ok(used)
    }

    fn through_value<E: From<Fault>>(
        &mut self,
        place: Place,
        bytes: &[u8],
        take: &mut impl FnMut(Cut<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let end = self.value.end(bytes);
        let used = end.unwrap_or(bytes.len());
        let text = bytes.get(..used).unwrap_or_default();
        match place {
            Place::Item(_) | Place::Single(_) => self.gather(text),
            Place::Field | Place::List(_) => self.keep(text)?,
        }
        if end.is_some() {
            self.expects = match place {
                Place::Item(pattern) => Expects::CommaOrListEnd(pattern),
                _ => Expects::CommaOrEnd,
            };
            self.cut(place, take)?;
        }
        Ok(used)
    }

    fn cut<E: From<Fault>>(
        &mut self,
        place: Place,
        take: &mut impl FnMut(Cut<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let pattern = match place {
            Place::Item(pattern) => pattern,
            Place::Single(pattern) => {
                // So that a second one is a duplicate key of the envelope.
                self.keep(b"null")?;
                pattern
            }
            Place::Field | Place::List(_) => return Ok(()),
        };
        let text = match self.too_long {
            true => Err(Fault::Size),
            false => Ok(self.unit.as_slice()),
        };
        take(Cut { pattern, text })
    }

    /// A unit that is too long is not kept; only its end is looked for.
    fn gather(&mut self, text: &[u8]) {
        self.too_long |= text.len() > self.largest.saturating_sub(self.unit.len());
        match self.too_long {
            true => self.unit.clear(),
            false => self.unit.extend_from_slice(text),
        }
    }

    fn keep(&mut self, text: &[u8]) -> Result<(), Fault> {
        if text.len() > self.envelope.bytes.saturating_sub(self.rest.len()) {
            return Err(Fault::Size);
        }
        self.rest.extend_from_slice(text);
        Ok(())
    }

    /// What the value behind the key that was just read is.
    fn place(&self) -> Result<Place, Fault> {
        let key = self.rest.get(self.key_at..).unwrap_or_default();
        let key = std::str::from_utf8(key).map_err(|_| Fault::Encoding)?;
        let Tree::String(key) = parse_text(key, &self.envelope)? else {
            return Err(Fault::Syntax);
        };
        let found = self
            .patterns
            .iter()
            .find_map(|pattern| match list(pattern) {
                Some(name) => (name == key).then_some(Place::List(pattern)),
                None => (pattern.trim_start_matches('/') == key).then_some(Place::Single(pattern)),
            });
        Ok(found.unwrap_or(Place::Field))
    }
}

impl Value {
    /// Up to where the value goes, if it ends here.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.kind {
            Kind::Container => self.container_end(bytes),
            Kind::Text => self.text_end(bytes),
            Kind::Scalar => bytes
                .iter()
                .position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b']' | b'}')),
        }
    }

    /// Behind the closing quote.
    fn text_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' if self.in_text => return Some(at),
                b'"' => self.in_text = true,
                _ => at += plain(&bytes[at..]),
            }
        }
        None
    }

    /// Behind the bracket that closes the first one.
    fn container_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => at += plain(&bytes[at..]),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Bytes before the next one that a text may end or escape with.
fn plain(text: &[u8]) -> usize {
    memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len())
}

fn list(pattern: &'static str) -> Option<&'static str> {
    pattern.strip_prefix('/')?.strip_suffix("/*")
}

/// Reads the text of a unit that was cut out: the unit, or what is wrong with it alone.
///
/// # Errors
/// [`Fault`] where it is no JSON value at all: then nobody knows what the brackets meant that it was cut out by, and the
/// whole body is refused.
pub fn parse_cut(text: &[u8], limits: &Limits) -> Result<Result<Tree, Fault>, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::Encoding)?;
    match parse_text(text, limits) {
        Ok(tree) => Ok(Ok(tree)),
        Err(fault) => match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => Ok(Err(fault)),
            Err(_) => Err(Fault::Syntax),
        },
    }
}

#[cfg(test)]
mod tests;
