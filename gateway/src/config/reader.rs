//! Reads the TOML tree key by key and collects what does not fit. A table hands out each key once; what nobody asked
//! for when the table is closed is an unknown key. serde would stop at the first mistake.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Mistakes};

/// The text under the reader, and everything found wrong with it.
pub struct Source<'t> {
    pub file: PathBuf,
    text: &'t str,
    pub mistakes: Vec<Mistake>,
    pub lines: BTreeMap<String, usize>,
}

/// A value with the place where it stood.
#[derive(Debug, Clone)]
pub struct Located<T> {
    pub value: T,
    pub key: String,
    pub line: usize,
}

/// A table of which each key can be taken once.
pub struct Table<'t> {
    path: String,
    line: usize,
    entries: BTreeMap<String, Entry<'t>>,
    known: Vec<&'static str>,
}

#[derive(Clone)]
struct Entry<'t> {
    line: usize,
    value: DeValue<'t>,
}

impl<'t> Source<'t> {
    pub fn new(text: &'t str, file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            text,
            mistakes: Vec::new(),
            lines: BTreeMap::new(),
        }
    }

    /// The whole document, or every place where it is not TOML. Nothing else can be said of a file with such places.
    pub fn document(&mut self) -> Result<Table<'t>, Mistakes> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Ok(self.table(String::new(), 1, document.into_inner()));
        }
        let mistake = |error: &toml::de::Error| Mistake {
            file: self.file.clone(),
            line: error.span().map(|span| self.line(&span)),
            key: String::new(),
            message: format!("is not TOML here: {}", error.message()),
            remedy: "correct the syntax of this line".to_owned(),
        };
        Err(Mistakes(errors.iter().map(mistake).collect()))
    }

    /// Notes a mistake about a value.
    pub fn wrong<T>(
        &mut self,
        at: &Located<T>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.note(&at.key, at.line, message.into(), remedy.into());
    }

    /// Notes a mistake at a key.
    pub fn note(&mut self, key: &str, line: usize, message: String, remedy: String) {
        let file = self.file.clone();
        self.mistakes.push(Mistake {
            file,
            line: Some(line),
            key: key.to_owned(),
            message,
            remedy,
        });
    }

    fn table(&self, path: String, line: usize, table: DeTable<'t>) -> Table<'t> {
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let line = self.line(&key.span());
            entries.insert(
                key.into_inner().into_owned(),
                Entry {
                    line,
                    value: value.into_inner(),
                },
            );
        }
        Table {
            path,
            line,
            entries,
            known: Vec::new(),
        }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

impl<'t> Table<'t> {
    /// The line of the table's header.
    pub fn line(&self) -> usize {
        self.line
    }

    /// A string that must be there. `example` completes the remedy.
    pub fn string(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
        example: &str,
    ) -> Option<Located<String>> {
        let found = self.optional_string(source, key);
        if found.is_none() && !source.lines.contains_key(&self.name(key)) {
            self.missing(source, key, example);
        }
        found
    }

    /// A string that may be there.
    pub fn optional_string(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
    ) -> Option<Located<String>> {
        let entry = self.take(source, key)?;
        match entry.value {
            DeValue::String(text) => Some(self.located(key, entry.line, text.into_owned())),
            other => self.mistyped(source, key, entry.line, &other, "a string in quotes"),
        }
    }

    /// A whole number, not negative, that may be there.
    pub fn optional_number(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
    ) -> Option<Located<u64>> {
        let entry = self.take(source, key)?;
        let number = match &entry.value {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) => Some(self.located(key, entry.line, number)),
            None => self.mistyped(
                source,
                key,
                entry.line,
                &entry.value,
                "a whole number that is not negative",
            ),
        }
    }

    /// `true` or `false` that may be there.
    pub fn optional_bool(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
    ) -> Option<Located<bool>> {
        let entry = self.take(source, key)?;
        match entry.value {
            DeValue::Boolean(value) => Some(self.located(key, entry.line, value)),
            other => self.mistyped(source, key, entry.line, &other, "true or false"),
        }
    }

    /// A list of strings that may be there.
    pub fn optional_strings(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
    ) -> Option<Located<Vec<String>>> {
        const WANTED: &str = "a list of strings, [\"one\", \"two\"]";
        let entry = self.take(source, key)?;
        let DeValue::Array(items) = entry.value else {
            return self.mistyped(source, key, entry.line, &entry.value, WANTED);
        };
        let mut texts = Vec::new();
        for item in items {
            match item.into_inner() {
                DeValue::String(text) => texts.push(text.into_owned()),
                other => return self.mistyped(source, key, entry.line, &other, WANTED),
            }
        }
        Some(self.located(key, entry.line, texts))
    }

    /// A table that must be there.
    pub fn section(&mut self, source: &mut Source<'t>, key: &'static str) -> Option<Table<'t>> {
        let found = self.optional_section(source, key);
        if found.is_none() && !source.lines.contains_key(&self.name(key)) {
            let remedy = format!("add a section [{key}]; `sluice init` writes a whole file");
            source.note(key, self.line, "is missing".to_owned(), remedy);
        }
        found
    }

    /// A table that may be there.
    pub fn optional_section(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
    ) -> Option<Table<'t>> {
        let entry = self.take(source, key)?;
        match entry.value {
            DeValue::Table(table) => Some(source.table(self.name(key), entry.line, table)),
            other => self.mistyped(
                source,
                key,
                entry.line,
                &other,
                &format!("a section, written [{key}]"),
            ),
        }
    }

    /// An array of tables that must be there and not be empty.
    pub fn sections(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
        example: &str,
    ) -> Vec<Table<'t>> {
        let Some(entry) = self.take(source, key) else {
            self.missing(source, key, example);
            return Vec::new();
        };
        let DeValue::Array(items) = entry.value else {
            self.mistyped::<()>(
                source,
                key,
                entry.line,
                &entry.value,
                &format!("sections, each written [[{key}]]"),
            );
            return Vec::new();
        };
        if items.is_empty() {
            self.missing(source, key, example);
        }
        items
            .into_iter()
            .filter_map(|item| self.item(source, key, item))
            .collect()
    }

    /// An array of tables that may be there.
    pub fn optional_sections(
        &mut self,
        source: &mut Source<'t>,
        key: &'static str,
    ) -> Vec<Table<'t>> {
        match self.entries.contains_key(key) {
            true => self.sections(source, key, "sections, or none"),
            false => {
                self.known.push(key);
                Vec::new()
            }
        }
    }

    /// Closes the table: whatever is left was not asked for.
    pub fn close(self, source: &mut Source<'t>) {
        for (key, entry) in &self.entries {
            let remedy = match closest(key, &self.known) {
                Some(known) => format!(
                    "did you mean `{known}`? Known here: {}",
                    self.known.join(", ")
                ),
                None => format!("remove it. Known here: {}", self.known.join(", ")),
            };
            source.note(
                &self.name(key),
                entry.line,
                "is not a known key".to_owned(),
                remedy,
            );
        }
    }

    fn item(
        &self,
        source: &mut Source<'t>,
        key: &'static str,
        item: Spanned<DeValue<'t>>,
    ) -> Option<Table<'t>> {
        let line = source.line(&item.span());
        match item.into_inner() {
            DeValue::Table(table) => Some(source.table(self.name(key), line, table)),
            other => self.mistyped(
                source,
                key,
                line,
                &other,
                &format!("a section, written [[{key}]]"),
            ),
        }
    }

    fn take(&mut self, source: &mut Source<'t>, key: &'static str) -> Option<Entry<'t>> {
        self.known.push(key);
        let entry = self.entries.remove(key)?;
        source.lines.insert(self.name(key), entry.line);
        Some(entry)
    }

    fn missing(&self, source: &mut Source<'t>, key: &str, example: &str) {
        source.note(
            &self.name(key),
            self.line,
            "is missing".to_owned(),
            format!("write {example}"),
        );
    }

    fn mistyped<T>(
        &self,
        source: &mut Source<'t>,
        key: &str,
        line: usize,
        found: &DeValue<'_>,
        wanted: &str,
    ) -> Option<T> {
        let message = format!("is of type {}", found.type_str());
        source.note(&self.name(key), line, message, format!("write {wanted}"));
        None
    }

    fn located<T>(&self, key: &str, line: usize, value: T) -> Located<T> {
        Located {
            value,
            key: self.name(key),
            line,
        }
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// The known key that is most like the unknown one, if any is like it at all.
fn closest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|candidate| (distance(key, candidate), *candidate))
        .filter(|(distance, candidate)| distance * 2 <= candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance (insertions, deletions, substitutions), for short keys.
fn distance(left: &str, right: &str) -> usize {
    let mut above: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut before = index + 1;
        let mut row = vec![before];
        for (to, pair) in right.chars().zip(above.windows(2)) {
            before = (pair[0] + usize::from(from != to))
                .min(pair[1] + 1)
                .min(before + 1);
            row.push(before);
        }
        above = row;
    }
    above.last().copied().unwrap_or_default()
}
