//! What can go wrong while two zones are set up and played with, in words for the person at the terminal.

use std::path::Path;

/// A failure of the demo or of the test harness. The text names the remedy where there is one.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The machine lacks something; the sentence says what to do.
    #[error("{0}")]
    Setup(String),
    /// A file or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted, with the path.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A homeserver or gateway could not be reached or did not speak HTTP.
    #[error("{what}: {detail}")]
    Network {
        /// Method and path of the request.
        what: String,
        /// The HTTP library's words.
        detail: String,
    },
    /// A homeserver refused a client request.
    #[error("{what}: {status} {errcode}: {text}")]
    Api {
        /// Method and path of the request.
        what: String,
        /// HTTP status.
        status: u16,
        /// Matrix error code, for example `M_FORBIDDEN`.
        errcode: String,
        /// The text that a user would read.
        text: String,
    },
    /// Something that should have happened did not, in the time allowed.
    #[error("{what} did not happen within {seconds:.1} s")]
    Late {
        /// What was awaited.
        what: String,
        /// How long, in seconds.
        seconds: f64,
    },
    /// A command of the `sluice` binary failed.
    #[error("`sluice {command}` ended with {code}: {stderr}")]
    Command {
        /// Its arguments.
        command: String,
        /// Exit code, or `a signal`.
        code: String,
        /// What it printed on stderr.
        stderr: String,
    },
    /// An answer did not have the documented shape.
    #[error("unexpected answer: {0}")]
    Shape(String),
}

impl DemoError {
    /// The Matrix error code, where a homeserver refused.
    #[must_use]
    pub fn errcode(&self) -> Option<&str> {
        match self {
            Self::Api { errcode, .. } => Some(errcode),
            _ => None,
        }
    }

    /// The HTTP status, where a homeserver refused.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Puts path and intent in front of an I/O error; names the remedy for a full disk.
pub(crate) fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> DemoError {
    let what = format!("cannot {what} {}", path.display());
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            DemoError::Setup(format!(
                "{what}: the disk is full; free some space or point elsewhere with SLUICE_CACHE or --keep"
            ))
        }
        _ => DemoError::Io { what, source },
    }
}
