//! Import of rule files in the gitleaks format, so that what an organisation has already written goes on to work.
//!
//! ```text
//!  gitleaks TOML ─→ read (as written) ─→ rule by rule: pattern, allow-lists, required ─→ write (our TOML)
//!                                                └─→ refused, by id and reason
//! ```
//!
//! Invariant: an imported detector finds at least what the rule finds. Where something cannot be said here (paths,
//! commits, distances in lines), the detector is left without that restriction, and a note says so; a rule that would
//! lose its meaning is refused by name. Nothing is fetched and nothing is run.

mod pattern;
mod read;
mod rule;
mod shape;
mod write;

use thiserror::Error;

use super::load::MAX_FILE_BYTES;
use read::Source;
use rule::Converter;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// A compiled pattern's size at most, in bytes. Rules over it are refused.
    pub size_limit: usize,
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The detectors in our format, ids `import.<id of the rule>`.
    pub toml: String,
    /// Ids of the detectors, in the order of the file.
    pub kept: Vec<String>,
    /// What was not taken over.
    pub refused: Vec<Remark>,
    /// What was taken over without a restriction that it has there.
    pub notes: Vec<Remark>,
}

/// Something that a person should know about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The rule's id, or the key in brackets where it is not about one rule.
    pub id: String,
    /// Why, and the remedy.
    pub reason: String,
}

/// Why a file cannot be imported at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImportError {
    /// Not TOML, or not of this shape.
    #[error("line {line}: {reason}")]
    Unreadable {
        /// Line, from 1.
        line: usize,
        /// What the reader says.
        reason: String,
    },
    /// Too much.
    #[error("the file is larger than {limit} bytes; split it")]
    TooLarge {
        /// Bytes at most.
        limit: usize,
    },
    /// The detectors cannot be written down.
    #[error("the detectors cannot be written as TOML: {reason}")]
    Unwritable {
        /// What the writer says.
        reason: String,
    },
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions {
            size_limit: super::DEFAULT_SIZE_LIMIT,
        }
    }
}

/// Converts every rule of a file in the gitleaks format.
///
/// # Errors
/// Where the file is no TOML or too large. Rules that cannot be converted are no error, see [`Imported::refused`].
pub fn import(gitleaks_toml: &str, options: &ImportOptions) -> Result<Imported, ImportError> {
    if gitleaks_toml.len() > MAX_FILE_BYTES {
        return Err(ImportError::TooLarge {
            limit: MAX_FILE_BYTES,
        });
    }
    let source = Source::read(gitleaks_toml)?;
    let mut converter = Converter::new(&source, options.size_limit);
    let file = converter.file();
    Ok(Imported {
        toml: write::toml(&file)?,
        kept: file.ids(),
        refused: converter.refused,
        notes: converter.notes,
    })
}

#[cfg(test)]
mod tests;
