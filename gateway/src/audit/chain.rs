//! The hash chain: each line names the hash of the bytes before it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::entry::{Entry, Line};
use super::text::hex;

/// The end of a chain: number and hash of its last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the last line; 0: there is none yet.
    pub seq: u64,
    /// SHA-256 (hex) of its bytes without the newline; 64 zeros where there is none yet.
    pub hash: String,
}

impl Head {
    /// The head of a log without lines.
    #[must_use]
    pub fn genesis() -> Self {
        Self {
            seq: 0,
            hash: "0".repeat(64),
        }
    }

    /// The head after the line `seq` with these bytes (without newline).
    #[must_use]
    pub fn of(seq: u64, bytes: &[u8]) -> Self {
        Self {
            seq,
            hash: hex(&Sha256::digest(bytes)),
        }
    }
}

/// One line, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// What it says.
    pub line: Line,
    /// Its bytes, without the newline.
    pub bytes: Vec<u8>,
    /// The head after it.
    pub head: Head,
}

/// Makes `entry` the line after `head`.
pub(crate) fn seal(
    mut entry: Entry,
    head: &Head,
    now: OffsetDateTime,
) -> Result<Sealed, serde_json::Error> {
    entry.bound();
    let line = Line {
        seq: head.seq + 1,
        time: rfc3339(now),
        prev: head.hash.clone(),
        entry,
    };
    let bytes = serde_json::to_vec(&line)?;
    let head = Head::of(line.seq, &bytes);
    Ok(Sealed { line, bytes, head })
}

/// RFC 3339 in UTC, always with milliseconds, so that lines sort as text.
pub(crate) fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second, milli) = (at.hour(), at.minute(), at.second(), at.millisecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Milliseconds since 1970 of a line's time; 0 where it cannot be read, so that such a line counts as the oldest.
pub(crate) fn millis(rfc3339: &str) -> i64 {
    OffsetDateTime::parse(rfc3339, &time::format_description::well_known::Rfc3339).map_or(0, |at| {
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    })
}
