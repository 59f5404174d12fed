//! A mistake of the operator: where it is, what is wrong, and what to do about it.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mistake {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `None` where the mistake has no line.
    pub line: Option<usize>,
    /// The key, for example `border.listen`; empty where the mistake has none.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// All mistakes that were found, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistake {
    /// A mistake about a whole file.
    pub fn of_file(file: &Path, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            key: String::new(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}; {}", self.message, self.remedy)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

/// Reads a text file of at most `limit` bytes.
pub fn read_bounded(file: &Path, limit: u64) -> Result<String, Mistake> {
    let mut text = String::new();
    let cannot = |error: std::io::Error| {
        Mistake::of_file(
            file,
            format!("cannot be read: {error}"),
            "give the path of a readable text file",
        )
    };
    let opened = std::fs::File::open(file).map_err(cannot)?;
    opened
        .take(limit + 1)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    if text.len() as u64 > limit {
        let message = format!("is longer than {limit} bytes");
        return Err(Mistake::of_file(
            file,
            message,
            "this cannot be the right file; check the path",
        ));
    }
    Ok(text)
}
