//! From TOML to detectors: every mistake is named with file, line and id, all at once, and nothing is skipped.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    Strength,
    detector::{Context, Detector, Detectors, Marking},
    validator::Validator,
};
use crate::label::Spifs;

/// A rule file's size at most, in bytes.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Detectors at most, over all files.
pub const MAX_DETECTORS: usize = 10_000;
/// A compiled pattern's size at most, in bytes.
pub const MAX_PROGRAM_BYTES: usize = 10 * 1024 * 1024;
/// How far a context word may stand from a value at most, in characters.
pub const MAX_CONTEXT_CHARS: usize = 1000;
/// Examples of each kind that a detector must have.
pub const MIN_EXAMPLES: usize = 2;

/// A rule file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    detector: Vec<Spanned<Value>>,
}

/// A detector as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    description: String,
    #[serde(default)]
    keywords: Vec<String>,
    regex: String,
    validator: Option<String>,
    context: Option<WrittenContext>,
    strength: Strength,
    marking: Option<Marking>,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    negative_examples: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContext {
    words: Vec<String>,
    within: usize,
}

/// Reads all files.
pub(super) fn detectors(
    files: &[(String, String)],
    spifs: &Spifs,
) -> Result<Detectors, Vec<String>> {
    let mut loader = Loader {
        spifs,
        list: Vec::new(),
        keywords: Vec::new(),
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
    list: Vec<Detector>,
    keywords: Vec<(String, usize)>,
    errors: Vec<String>,
    /// Where each id stands.
    places: BTreeMap<String, String>,
}

impl Loader<'_> {
    fn file(&mut self, name: &str, toml: &str) {
        if toml.len() > MAX_FILE_BYTES {
            self.errors.push(format!(
                "{name}: larger than {MAX_FILE_BYTES} bytes; split the file"
            ));
            return;
        }
        match toml::from_str::<File>(toml) {
            Ok(file) => file.detector.into_iter().for_each(|written| {
                let origin = format!("{name}:{}", line_at(toml, written.span().start));
                self.detector(&origin, written.into_inner());
            }),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_at(toml, span.start));
                self.errors
                    .push(format!("{name}:{line}: {}", error.message()));
            }
        }
    }

    fn detector(&mut self, origin: &str, value: Value) {
        let id = value
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or("without id")
            .to_owned();
        let at = format!("{origin}: {id}");
        if let Some(first) = self.places.insert(id, origin.to_owned())
            && value.get("id").is_some()
        {
            self.errors
                .push(format!("{at}: the id stands at {first} too; rename one"));
        }
        let before = self.errors.len();
        match value.try_into::<Written>() {
            Ok(written) => self.compile(&at, origin, written, before),
            Err(error) => self
                .errors
                .push(format!("{at}: {}", error.message().trim())),
        }
    }

    fn compile(&mut self, at: &str, origin: &str, written: Written, before: usize) {
        let regex = self.note(at, compile(&written.regex));
        let validator = self.note(at, written.validator.as_deref().map(validator).transpose());
        let context = self.note(at, written.context.map(context).transpose());
        for mistake in mistakes(
            &written.id,
            &written.keywords,
            &written.examples,
            &written.negative_examples,
        ) {
            self.errors.push(format!("{at}: {mistake}"));
        }
        self.check_marking(at, written.marking.as_ref());
        let (Some(regex), Some(validator), Some(context)) = (regex, validator, context) else {
            return;
        };
        if self.errors.len() > before {
            return;
        }
        let index = self.list.len();
        self.keywords.extend(
            written
                .keywords
                .iter()
                .map(|word| (word.to_lowercase(), index)),
        );
        self.list.push(Detector {
            id: written.id,
            origin: origin.to_owned(),
            description: written.description,
            has_keywords: !written.keywords.is_empty(),
            regex,
            validator,
            context,
            strength: written.strength,
            marking: written.marking,
            examples: written.examples,
            negative_examples: written.negative_examples,
        });
    }

    /// Keeps a mistake, and gives what there is without one.
    fn note<T>(&mut self, at: &str, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|mistake| self.errors.push(format!("{at}: {mistake}")))
            .ok()
    }

    fn check_marking(&mut self, at: &str, marking: Option<&Marking>) {
        let Some(Marking {
            policy,
            classification,
        }) = marking
        else {
            return;
        };
        if !self.spifs.marking(policy, classification) {
            self.errors.push(format!(
                "{at}: marking names {classification:?} of policy {policy:?}, which no loaded SPIF has; load it or \
                 correct the name"
            ));
        }
    }

    fn finish(mut self) -> Result<Detectors, Vec<String>> {
        if self.list.len() > MAX_DETECTORS {
            self.errors
                .push(format!("more than {MAX_DETECTORS} detectors; remove some"));
        }
        let words = self.keywords.iter().map(|(word, _)| word);
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(words);
        match keywords {
            Ok(keywords) if self.errors.is_empty() => {
                let keyword_owner = self.keywords.iter().map(|(_, owner)| *owner).collect();
                Ok(Detectors {
                    list: self.list,
                    keywords,
                    keyword_owner,
                })
            }
            Ok(_) => Err(self.errors),
            Err(error) => {
                self.errors.push(format!(
                    "the keywords of all files together: {error}; remove some"
                ));
                Err(self.errors)
            }
        }
    }
}

/// What is wrong with the plain parts of a detector.
fn mistakes(
    id: &str,
    keywords: &[String],
    examples: &[String],
    negative: &[String],
) -> Vec<String> {
    let mut mistakes = Vec::new();
    let valid = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if id.split('.').count() < 2 || !id.split('.').all(valid) {
        mistakes.push("the id is not pack.name in a-z, 0-9 and _; rename it".to_owned());
    }
    if keywords.iter().any(|word| word.trim().is_empty()) {
        mistakes.push("a keyword is empty; remove it".to_owned());
    }
    for (kind, count) in [
        ("examples", examples.len()),
        ("negative_examples", negative.len()),
    ] {
        if count < MIN_EXAMPLES {
            mistakes.push(format!(
                "{count} {kind}, but at least {MIN_EXAMPLES} are needed; add some"
            ));
        }
    }
    mistakes
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern)
        .size_limit(MAX_PROGRAM_BYTES)
        .build();
    let regex = built.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("regex: larger than {limit} bytes when compiled; bound its repetitions")
        }
        // The parser draws the pattern over several lines and says the reason in the last one.
        error => format!(
            "regex: {}",
            error
                .to_string()
                .lines()
                .last()
                .unwrap_or("not a pattern")
                .trim()
        ),
    })?;
    if regex.is_match("") {
        return Err("regex: matches the empty text; demand at least one character".to_owned());
    }
    Ok(regex)
}

fn validator(name: &str) -> Result<Validator, String> {
    Validator::from_name(name).ok_or(format!(
        "validator {name:?} is not known; use one of {}",
        Validator::NAMES
    ))
}

fn context(written: WrittenContext) -> Result<Context, String> {
    if written.words.is_empty() || written.words.iter().any(|word| word.trim().is_empty()) {
        return Err("context: words is empty or has an empty word; name the words".to_owned());
    }
    if written.within > MAX_CONTEXT_CHARS {
        return Err(format!(
            "context: within is greater than {MAX_CONTEXT_CHARS}; lower it"
        ));
    }
    let words = written
        .words
        .iter()
        .map(|word| word.to_lowercase())
        .collect();
    Ok(Context {
        words,
        within: written.within,
    })
}

/// Line of a byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    text.get(..byte)
        .map_or(1, |before| before.matches('\n').count() + 1)
}
