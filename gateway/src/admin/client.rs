//! The command line's end of the admin socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{ANSWER_TIMEOUT, AdminAnswer, AdminRequest, LINE_TIMEOUT, MAX_ANSWER_BYTES};

/// Why the running gateway could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody listens.
    #[error("no gateway answers at {}: {error}; start it with `sluice run`, as the same user", path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The conversation broke.
    #[error("the gateway did not answer: {0}; see its log")]
    NoAnswer(#[from] io::Error),
    /// The answer is not one of ours.
    #[error("the gateway's answer cannot be read; use the `sluice` of the running gateway")]
    Unreadable,
}

/// Asks the running gateway and waits for its answer.
pub fn ask(path: &Path, request: &AdminRequest) -> Result<AdminAnswer, AdminError> {
    let not_running = |error| AdminError::NotRunning {
        path: path.to_owned(),
        error,
    };
    let mut stream = UnixStream::connect(path).map_err(not_running)?;
    stream.set_write_timeout(Some(LINE_TIMEOUT))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT + LINE_TIMEOUT))?;
    let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_ANSWER_BYTES)).read_line(&mut answer)?;
    serde_json::from_str(&answer).map_err(|_| AdminError::Unreadable)
}
