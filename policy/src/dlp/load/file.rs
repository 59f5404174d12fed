//! A rule file as it is written: its parts with their places, and every key that is none of it.

use std::fmt::{Formatter, Result as Shown};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use toml::{Spanned, Table};

use super::written::WrittenAllow;

/// A rule file.
#[derive(Default)]
pub(super) struct File {
    pub(super) defaults: Defaults,
    /// Allow-lists of every detector of the file.
    pub(super) allow: Vec<Spanned<WrittenAllow>>,
    pub(super) detector: Vec<Spanned<Table>>,
    /// Keys that are not known. What stands under them is not read, and hides no mistake elsewhere.
    pub(super) unknown: Vec<Spanned<String>>,
}

/// What the file's detectors have where they say nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    pub(super) views: Option<Spanned<Vec<String>>>,
}

struct Keys;

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Keys)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = File;

    fn expecting(&self, f: &mut Formatter<'_>) -> Shown {
        f.write_str("a rule file")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<File, A::Error> {
        let mut file = File::default();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            match key.get_ref().as_str() {
                "defaults" => file.defaults = map.next_value()?,
                "allow" => file.allow = map.next_value()?,
                "detector" => file.detector = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    file.unknown.push(key);
                }
            }
        }
        Ok(file)
    }
}
