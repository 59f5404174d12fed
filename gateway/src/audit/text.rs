//! Bounded values: what an entry may hold, however long the thing was that a stranger sent.
//!
//! The fields of an entry are of these types, so that "bounded" is a property of the type and not of the caller.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A string of at most [`Text::BYTES`] bytes: an id, a name, a rule.
///
/// A longer one is cut and ends in the first 128 bits of the whole string's SHA-256, so that two long strings stay two.
/// Control characters are kept here and escaped by the JSON of the line; `audit show` escapes them for terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The Matrix limit for ids (255 bytes), and thus for most of what is written here.
    pub const BYTES: usize = 255;

    /// The bounded string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn bounded(whole: String) -> Self {
        if whole.len() <= Self::BYTES {
            return Self(whole);
        }
        let mark = format!("~sha256:{}", &hex(&Sha256::digest(whole.as_bytes()))[..32]);
        let mut end = Self::BYTES - mark.len();
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        Self(format!("{}{mark}", &whole[..end]))
    }
}

impl From<String> for Text {
    fn from(whole: String) -> Self {
        Self::bounded(whole)
    }
}

impl From<&str> for Text {
    fn from(whole: &str) -> Self {
        Self::bounded(whole.to_owned())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::bounded)
    }
}

/// A label as it has to be remembered (the inner object, or the wire form where it has alternatives), of a bounded size.
///
/// Only a label that was read and found valid under a loaded SPIF belongs here; of any other only its hash is logged
/// ([`super::entry::LabelSummary`]), because an invalid label is a place where content could be put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelValue(Value);

impl LabelValue {
    /// The largest label, serialised, that is remembered.
    pub const BYTES: usize = 16 * 1024;

    /// Takes a label. A larger one than [`Self::BYTES`] is `None`, and the caller denies what carries it: a label cut
    /// short would be another label.
    #[must_use]
    pub fn new(label: Value) -> Option<Self> {
        (label.to_string().len() <= Self::BYTES).then_some(Self(label))
    }

    /// The label's JSON.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The label's JSON, owned.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
