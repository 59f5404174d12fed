//! An automaton that is built when it is first asked for, so that what no text calls for takes neither time nor memory.

use std::sync::{Arc, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use super::ScanError;

/// Memory for the states of one automaton that texts have met, at most, in bytes a thread and direction. Where it is
/// full it is emptied; where that happens too often the search takes the slower way.
const STATES: usize = 512 * 1024;

/// A pattern and, once it was asked for, its automaton. Clones share it.
///
/// A message can make the gateway build each pattern once, and never again: in the release build about 2 ms each, 1 s
/// and 65 MB for all that are shipped, if one message calls for all of them.
#[derive(Clone, Debug)]
pub(super) struct Late(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    text: String,
    /// Size of the automaton at most, in bytes.
    limit: usize,
    built: OnceLock<Result<Regex, regex::Error>>,
}

impl Late {
    pub(super) fn new(text: String, limit: usize) -> Late {
        Late(Arc::new(Inner {
            text,
            limit,
            built: OnceLock::new(),
        }))
    }

    /// # Errors
    /// It cannot be built: what it would find is not known, so the scan fails.
    pub(super) fn get(&self) -> Result<&Regex, ScanError> {
        self.built().map_err(|_| ScanError::Pattern)
    }

    /// Builds it now.
    ///
    /// # Errors
    /// Why it cannot be built, and the remedy.
    pub(super) fn build(&self) -> Result<(), String> {
        match self.built() {
            Ok(_) => Ok(()),
            Err(regex::Error::CompiledTooBig(limit)) => Err(format!(
                "larger than {limit} bytes when compiled; bound its repetitions"
            )),
            Err(error) => Err(last_line(&error.to_string())),
        }
    }

    fn built(&self) -> Result<&Regex, &regex::Error> {
        let build = || {
            RegexBuilder::new(&self.0.text)
                .size_limit(self.0.limit)
                .dfa_size_limit(STATES)
                .build()
        };
        self.0.built.get_or_init(build).as_ref()
    }
}

/// The parser draws the pattern over several lines and says the reason in the last one.
fn last_line(error: &str) -> String {
    error
        .lines()
        .last()
        .unwrap_or("not a pattern")
        .trim()
        .to_owned()
}
