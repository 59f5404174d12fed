//! From TOML to detectors, in two stages: as written, as meant. Every mistake is named with file, line and id, all at
//! once, and nothing is skipped.

mod file;
mod meant;
mod probe;
mod written;

use std::{collections::BTreeMap, sync::Arc};

use toml::Table;

use self::{
    file::File,
    meant::{Meaning, meant_allow, view_set},
    written::{Written, WrittenAllow},
};
use super::{
    allow::Allow,
    detector::{Detector, ViewSet},
    detectors::{Detectors, LoadOptions},
    hash::HashKey,
    prefilter::Prefilter,
};
use crate::label::Spifs;

pub use self::meant::{
    DEFAULT_WITHIN_CHARS, MAX_CONTEXT_CHARS, MAX_ID_BYTES, MAX_PATTERNS, MAX_PHRASES,
    MAX_WITHIN_CHARS, MIN_EXAMPLES,
};

pub use self::probe::PROBE_BYTES;

/// A rule file's size at most, in bytes.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Detectors at most, over all files.
pub const MAX_DETECTORS: usize = 10_000;

/// Reads all files.
pub(super) fn detectors(
    files: &[(String, String)],
    spifs: &Spifs,
    options: &LoadOptions,
) -> Result<Detectors, Vec<String>> {
    let mut loader = Loader {
        spifs,
        options,
        list: Vec::new(),
        errors: Vec::new(),
        places: BTreeMap::new(),
    };
    for (name, toml) in files {
        loader.file(name, toml);
    }
    loader.finish()
}

struct Loader<'a> {
    spifs: &'a Spifs,
    options: &'a LoadOptions,
    list: Vec<Detector>,
    errors: Vec<String>,
    /// Where each id stands.
    places: BTreeMap<String, String>,
}

/// What all detectors of a file share.
struct Shared {
    allow: Vec<Arc<Allow>>,
    views: ViewSet,
}

impl Loader<'_> {
    fn file(&mut self, name: &str, toml: &str) {
        if toml.len() > MAX_FILE_BYTES {
            self.errors.push(format!(
                "{name}: larger than {MAX_FILE_BYTES} bytes; split the file"
            ));
            return;
        }
        match File::read(toml) {
            Ok(file) => self.detectors(name, toml, file),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_at(toml, span.start));
                self.errors
                    .push(format!("{name}:{line}: {}", error.message()));
            }
        }
    }

    fn detectors(&mut self, name: &str, toml: &str, file: File) {
        let place = |byte| format!("{name}:{}", line_at(toml, byte));
        for (byte, mistake) in file.mistakes {
            self.errors.push(format!("{}: {mistake}", place(byte)));
        }
        let mut shared = Shared {
            allow: Vec::new(),
            views: ViewSet::ALL,
        };
        for (byte, table) in file.allow {
            let mut mistakes = Vec::new();
            let written = WrittenAllow::read(table, &mut mistakes);
            let allow = meant_allow(written, self.options, &mut mistakes);
            shared.allow.extend(allow.map(Arc::new));
            self.note_all(&place(byte), mistakes);
        }
        if let Some((byte, views)) = file.views {
            let views = self.note(&place(byte), view_set(&views));
            shared.views = views.unwrap_or(ViewSet::ALL);
        }
        for (byte, table) in file.detector {
            self.detector(&place(byte), table, &shared);
        }
    }

    fn detector(&mut self, origin: &str, table: Table, shared: &Shared) {
        let id = table.get("id").and_then(toml::Value::as_str);
        let at = format!("{origin}: {}", id.unwrap_or("without id"));
        if let Some(id) = id
            && let Some(first) = self.places.insert(id.to_owned(), origin.to_owned())
        {
            self.errors
                .push(format!("{at}: the id stands at {first} too; rename one"));
        }
        let mut mistakes = Vec::new();
        let written = Written::read(table, &mut mistakes);
        let mut meaning = Meaning {
            spifs: self.spifs,
            options: self.options,
            shared: &shared.allow,
            default_views: shared.views,
            mistakes,
        };
        let mut detector = meaning.detector(written, origin);
        if !self.options.trusted
            && let Some(Err(mistake)) = detector.as_ref().map(probe::probe)
        {
            meaning.mistakes.push(mistake);
            detector = None;
        }
        self.note_all(&at, meaning.mistakes);
        self.list.extend(detector);
    }

    fn note_all(&mut self, at: &str, mistakes: Vec<String>) {
        let mistakes = mistakes.into_iter();
        self.errors
            .extend(mistakes.map(|mistake| format!("{at}: {mistake}")));
    }

    /// Keeps a mistake, and gives what there is without one.
    fn note<T>(&mut self, at: &str, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|mistake| self.errors.push(format!("{at}: {mistake}")))
            .ok()
    }

    fn finish(mut self) -> Result<Detectors, Vec<String>> {
        if self.list.len() > MAX_DETECTORS {
            self.errors
                .push(format!("more than {MAX_DETECTORS} detectors; remove some"));
        }
        let key = self.note("detectors", HashKey::random());
        match key {
            Some(key) if self.errors.is_empty() => Ok(Detectors {
                prefilter: Prefilter::new(&mut self.list),
                by_id: by_id(&self.list),
                html: Detectors::html_checks(&self.list),
                list: self.list,
                key,
            }),
            _ => Err(self.errors),
        }
    }
}

fn by_id(list: &[Detector]) -> BTreeMap<String, usize> {
    let ids = list.iter().map(|detector| detector.id.clone());
    ids.zip(0..).collect()
}

/// Line of a byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    text.get(..byte)
        .map_or(1, |before| before.matches('\n').count() + 1)
}
