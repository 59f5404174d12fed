//! Files of the detector commands: rules from files and folders, or the shipped packs; security policies; bounded reads.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use sluice_policy::{
    dlp::{Detectors, Index, IndexKey, LoadOptions, MAX_FILE_BYTES},
    label::{Spif, Spifs},
};

use super::{Failure, Rules, Streams};
use crate::{config::secret::read_private, shipped};

/// A security policy's file at most, in bytes.
const MAX_SPIF_BYTES: usize = 4 * 1024 * 1024;

impl Rules {
    /// Loads the detectors; their examples are not run.
    pub(super) fn load(&self) -> Result<Detectors, Failure> {
        let spifs = self.spifs()?;
        let options = LoadOptions {
            size_limit: self.size_limit,
            run_examples: false,
            indexes: self.indexes()?,
            ..LoadOptions::default()
        };
        let detectors =
            Detectors::parse_with(&self.files()?, &spifs, &options).map_err(Failure::usage)?;
        if detectors.ids().next().is_none() {
            let paths: Vec<String> = self
                .paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let message = format!(
                "{}: no detector in it; write a [[detector]], or name another file",
                paths.join(", ")
            );
            return Err(Failure::usage(vec![message]));
        }
        Ok(detectors)
    }

    /// The indexes by the names that they were made with.
    fn indexes(&self) -> Result<BTreeMap<String, Index>, Failure> {
        let Some(path) = &self.index_key else {
            return Ok(BTreeMap::new());
        };
        let usage = |path: &Path, error: &dyn std::fmt::Display| {
            Failure::usage(vec![format!("{}: {error}", path.display())])
        };
        let key = read_private(path).map_err(|mistake| usage(path, &mistake))?;
        let key = IndexKey::from_text(&key).map_err(|error| usage(path, &error))?;
        let index = |path: &PathBuf| {
            let file = fs::read(path).map_err(|error| unread(path, &error))?;
            Index::read(&file, &key).map_err(|error| usage(path, &error))
        };
        self.indexes.iter().map(index).collect()
    }

    /// Each rule file: its name for messages, and its text.
    fn files(&self) -> Result<Vec<(String, String)>, Failure> {
        if self.paths.is_empty() {
            return Ok(shipped::packs());
        }
        let mut files = Vec::new();
        for path in &self.paths {
            if is_stdin(path) {
                let message = "--rules -: rules are read from files, because texts may come from stdin; save them to a \
                               file, or write --rules /dev/stdin"
                    .to_owned();
                return Err(Failure::usage(vec![message]));
            }
            for file in rule_files(path)? {
                files.push((file.display().to_string(), text(&file, MAX_FILE_BYTES)?));
            }
        }
        Ok(files)
    }

    /// The given policies, and the samples whose name and identifier none of them has.
    pub(super) fn spifs(&self) -> Result<Spifs, Failure> {
        let mut policies = Vec::new();
        let mut mistakes = Vec::new();
        for path in &self.spif {
            match Spif::parse(&text(path, MAX_SPIF_BYTES)?) {
                Ok(policy) => policies.push(policy),
                Err(errors) => {
                    let name = path.display();
                    mistakes.extend(errors.iter().map(|error| format!("{name}: {error}")));
                }
            }
        }
        if !mistakes.is_empty() {
            return Err(Failure::usage(mistakes));
        }
        let samples = shipped::spifs().into_iter().filter(|sample| {
            let other = |own: &Spif| own.name != sample.name && own.oid != sample.oid;
            policies.iter().all(other)
        });
        let samples: Vec<Spif> = samples.collect();
        policies.extend(samples);
        Spifs::new(policies)
            .map_err(|errors| Failure::usage(errors.iter().map(ToString::to_string).collect()))
    }
}

/// The file itself, or the *.toml of a folder, by name.
fn rule_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(|error| unread(path, &error))? {
        let file = entry.map_err(|error| unread(path, &error))?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let message = format!(
            "{}: no *.toml in this folder; name another one",
            path.display()
        );
        return Err(Failure::usage(vec![message]));
    }
    Ok(files)
}

/// The text of a file.
pub(super) fn text(path: &Path, limit: usize) -> Result<String, Failure> {
    let mut file = File::open(path).map_err(|error| unread(path, &error))?;
    whole(path, &mut file, limit)
}

/// The text of a file; `-` is stdin.
pub(super) fn text_or_stdin(
    path: &Path,
    limit: usize,
    streams: &mut Streams<'_>,
) -> Result<String, Failure> {
    match is_stdin(path) {
        true => whole(path, streams.input, limit),
        false => text(path, limit),
    }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

pub(super) fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::could_not(format!("{}: cannot be read: {error}", path.display()))
}

fn whole(path: &Path, input: &mut dyn Read, limit: usize) -> Result<String, Failure> {
    let name = path.display();
    let mut bytes = Vec::new();
    let read = input.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| unread(path, &error))?;
    if bytes.len() > limit {
        let message = format!("{name}: larger than {limit} bytes; split the file");
        return Err(Failure::usage(vec![message]));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(vec![format!("{name}: not UTF-8; save it as UTF-8")]))
}
