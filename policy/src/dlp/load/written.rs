//! A detector as it is written: every key by itself, so that every mistake of shape is named and not only the first.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use toml::{Table, Value};

use crate::dlp::{
    Strength,
    detector::{Example, Marking},
    index::{Documents, Exact},
};

/// A detector as it is written.
#[derive(Default)]
pub(super) struct Written {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) keywords: Vec<String>,
    pub(super) regex: Option<String>,
    pub(super) any_of: Option<Vec<String>>,
    pub(super) all_of: Vec<String>,
    pub(super) within: Option<usize>,
    pub(super) group: Option<WrittenGroup>,
    pub(super) phrases: Option<Vec<String>>,
    pub(super) ignore_case: Option<bool>,
    pub(super) check: Option<String>,
    pub(super) exact: Option<Exact>,
    pub(super) documents: Option<Documents>,
    pub(super) validator: Option<String>,
    pub(super) entropy: Option<f64>,
    pub(super) strength: Option<Strength>,
    pub(super) context: Option<WrittenContext>,
    pub(super) min_distinct: Option<usize>,
    pub(super) allow: Vec<WrittenAllow>,
    pub(super) views: Option<Vec<String>>,
    pub(super) links: Option<Vec<String>>,
    pub(super) rooms: Option<Vec<String>>,
    pub(super) marking: Option<Marking>,
    pub(super) dialect: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) examples: Vec<Example>,
    pub(super) negative_examples: Vec<Example>,
}

pub(super) struct WrittenContext {
    pub(super) words: Vec<String>,
    pub(super) within: usize,
    pub(super) strength: Option<Strength>,
}

pub(super) struct WrittenAllow {
    /// Whether something stands in it, be it of the wrong shape.
    pub(super) has_content: bool,
    pub(super) values: Vec<String>,
    pub(super) regexes: Vec<String>,
    pub(super) words: Vec<String>,
    pub(super) target: Option<String>,
    pub(super) all: bool,
    pub(super) dialect: Option<String>,
}

/// A number, or `"first"`.
pub(super) struct WrittenGroup(pub(super) crate::dlp::pattern::Group);

/// One table, or several.
struct Several<T>(Vec<T>);

/// The keys of one detector, taken out one by one.
struct Keys<'m> {
    table: Table,
    mistakes: &'m mut Vec<String>,
}

impl Written {
    /// Takes every key; what is wrong with its shape goes to `mistakes`.
    pub(super) fn read(table: Table, mistakes: &mut Vec<String>) -> Written {
        let mut keys = Keys { table, mistakes };
        let written = Written {
            id: keys.needed("id"),
            description: keys.needed("description"),
            keywords: keys.or_default("keywords"),
            regex: keys.take("regex"),
            any_of: keys.take("any_of"),
            all_of: keys.or_default("all_of"),
            within: keys.take("within"),
            group: keys.take("group"),
            phrases: keys.take("phrases"),
            ignore_case: keys.take("ignore_case"),
            check: keys.take("check"),
            exact: keys.take("exact"),
            documents: keys.take("documents"),
            validator: keys.take("validator"),
            entropy: keys.take("entropy"),
            strength: keys.required("strength"),
            context: keys.context(),
            min_distinct: keys.take("min_distinct"),
            allow: keys.allow(),
            views: keys.take("views"),
            links: keys.take("links"),
            rooms: keys.take("rooms"),
            marking: keys.take("marking"),
            dialect: keys.take("dialect"),
            origin: keys.take("origin"),
            examples: keys.or_default("examples"),
            negative_examples: keys.or_default("negative_examples"),
        };
        keys.finish();
        written
    }
}

impl WrittenContext {
    /// Takes every key; `None` where one is missing or what is wrong with its shape went to `mistakes`.
    fn read(table: Table, mistakes: &mut Vec<String>) -> Option<Self> {
        let mut keys = Keys { table, mistakes };
        let words = keys.required("words");
        let within = keys.required("within");
        let strength = keys.take("strength");
        keys.finish();
        Some(Self {
            words: words?,
            within: within?,
            strength,
        })
    }
}

impl WrittenAllow {
    /// Takes every key; what is wrong with its shape goes to `mistakes`.
    pub(super) fn read(table: Table, mistakes: &mut Vec<String>) -> Self {
        let has_content = ["values", "regexes", "words"].iter().any(|key| {
            let value = table.get(*key);
            value.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
        });
        let mut own = Vec::new();
        let mut keys = Keys {
            table,
            mistakes: &mut own,
        };
        let written = Self {
            has_content,
            values: keys.or_default("values"),
            regexes: keys.or_default("regexes"),
            words: keys.or_default("words"),
            target: keys.take("target"),
            all: keys.or_default("all"),
            dialect: keys.take("dialect"),
        };
        keys.finish();
        mistakes.extend(own.into_iter().map(|mistake| format!("allow: {mistake}")));
        written
    }
}

impl Keys<'_> {
    fn context(&mut self) -> Option<WrittenContext> {
        let table = self.take("context")?;
        let mut own = Vec::new();
        let context = WrittenContext::read(table, &mut own);
        let own = own.into_iter().map(|mistake| format!("context: {mistake}"));
        self.mistakes.extend(own);
        context
    }

    fn allow(&mut self) -> Vec<WrittenAllow> {
        let tables = self.take("allow");
        let tables = tables.map_or_else(Vec::new, |Several(tables)| tables);
        let read = |table| WrittenAllow::read(table, self.mistakes);
        tables.into_iter().map(read).collect()
    }

    fn take<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        match self.table.remove(key)?.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                let what = error.message().trim().to_owned();
                self.mistakes.push(format!("{key}: {what}; correct it"));
                None
            }
        }
    }

    fn or_default<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        self.take(key).unwrap_or_default()
    }

    fn required<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        if !self.table.contains_key(key) {
            self.mistakes.push(format!("{key} is missing; add it"));
        }
        self.take(key)
    }

    fn needed<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        self.required(key).unwrap_or_default()
    }

    /// What nobody took is unknown.
    fn finish(self) {
        for key in self.table.keys() {
            self.mistakes
                .push(format!("unknown key {key:?}; correct or remove it"));
        }
    }
}

impl<'de> Deserialize<'de> for WrittenGroup {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use crate::dlp::pattern::Group;
        let group = match Value::deserialize(from)? {
            Value::String(word) if word == "first" => Some(Group::First),
            Value::Integer(number) => usize::try_from(number).ok().map(Group::Number),
            _ => None,
        };
        let group =
            group.ok_or_else(|| D::Error::custom("neither a group's number nor \"first\""))?;
        Ok(WrittenGroup(group))
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list = match Value::deserialize(from)? {
            Value::Array(list) => list,
            one => vec![one],
        };
        let read = |value: Value| {
            value
                .try_into()
                .map_err(|error| D::Error::custom(error.message()))
        };
        list.into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Several)
    }
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            text: String,
            strength: Strength,
        }
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Example {
                text,
                strength: None,
            }),
            table => {
                let full = table
                    .try_into()
                    .map_err(|error| D::Error::custom(error.message()))?;
                let Full { text, strength } = full;
                Ok(Example {
                    text,
                    strength: Some(strength),
                })
            }
        }
    }
}
