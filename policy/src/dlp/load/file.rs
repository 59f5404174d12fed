//! A rule file as it is written: its parts with their places. What is no part of it, or has another shape than its part,
//! is noted, and hides no mistake elsewhere.

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};
use toml::{Spanned, Table};

/// A rule file.
#[derive(Default)]
pub(super) struct File {
    /// Views of the detectors that name none.
    pub(super) views: Option<At<Vec<String>>>,
    /// Allow-lists of every detector of the file.
    pub(super) allow: Vec<At<Table>>,
    pub(super) detector: Vec<At<Table>>,
    /// What is wrong with its shape.
    pub(super) mistakes: Vec<At<String>>,
}

/// The byte where something begins, and what that is.
pub(super) type At<T> = (usize, T);

impl File {
    /// The parts of a file.
    ///
    /// # Errors
    /// [`Error`]: it is no TOML.
    pub(super) fn read(toml: &str) -> Result<File, Error> {
        let mut file = File::default();
        for (key, value) in DeTable::parse(toml)?.into_inner() {
            match key.get_ref().as_ref() {
                "defaults" => file.defaults(value),
                "allow" => file.allow = file.tables("allow", value),
                "detector" => file.detector = file.tables("detector", value),
                _ => file.unknown(&key),
            }
        }
        file.mistakes.sort();
        Ok(file)
    }

    fn defaults(&mut self, value: Spanned<DeValue<'_>>) {
        let at = value.span().start;
        let DeValue::Table(table) = value.into_inner() else {
            let mistake = "defaults is no table; write [defaults] above it";
            return self.mistakes.push((at, mistake.to_owned()));
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "views" => self.views = self.read_as("views: ", value),
                _ => self.unknown(&key),
            }
        }
    }

    fn tables(&mut self, name: &str, value: Spanned<DeValue<'_>>) -> Vec<At<Table>> {
        let at = value.span().start;
        let no_tables =
            || format!("{name} is no list of tables; write [[{name}]] above each of them");
        let DeValue::Array(list) = value.into_inner() else {
            self.mistakes.push((at, no_tables()));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for one in list {
            if one.get_ref().is_table() {
                tables.extend(self.read_as("", one));
            } else {
                self.mistakes.push((one.span().start, no_tables()));
            }
        }
        tables
    }

    fn unknown(&mut self, key: &Spanned<toml::de::DeString<'_>>) {
        let name = key.get_ref();
        let mistake = format!("unknown key {name:?}; correct or remove it");
        self.mistakes.push((key.span().start, mistake));
    }

    fn read_as<T: DeserializeOwned>(
        &mut self,
        what: &str,
        value: Spanned<DeValue<'_>>,
    ) -> Option<At<T>> {
        let at = value.span().start;
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(read) => Some((at, read)),
            Err(error) => {
                let mistake = format!("{what}{}; correct it", error.message().trim());
                self.mistakes.push((at, mistake));
                None
            }
        }
    }
}
