//! Instants in labels: `xs:dateTime` with an upper-case `T`, so that JSON and XML hold the same text.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What a date must look like, for messages.
pub(super) const EXPECTED: &str = "a date and time such as 2026-03-01T12:00:00Z";
/// Length of a date at most, in bytes.
const MAX_DATE_BYTES: usize = 40;
/// Where the `T` stands.
const T: usize = 10;

/// Reads an instant; one without an offset is taken as UTC, which XML permits and labels in use do.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    let plain = text.len() <= MAX_DATE_BYTES
        && text.as_bytes().get(T) == Some(&b'T')
        && text.bytes().all(|byte| byte != b't' && byte != b'z');
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    plain
        .then(|| read(text).or_else(|| read(&format!("{text}Z"))))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_one_format_and_may_lack_its_offset() {
        for good in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.25+01:00",
            "2026-03-01T12:00:00",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for wrong in [
            "2026-03-01 12:00:00Z",
            "2026-03-01t12:00:00Z",
            "2026-03-01T12:00:00z",
            "2026-03-01",
            "2026-13-01T12:00:00Z",
            "2026-03-01T12:00:00Z ",
            "tomorrow",
            "",
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
