//! Checks: evasion itself, found in the text as it stands and not by a pattern. A closed list, named in rules.

/// A check by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// The HTML of a message says something else than its plain text.
    Html,
}

impl Check {
    /// Names as rule files write them.
    pub(super) const NAMES: &'static str = "html";

    pub(super) fn from_name(name: &str) -> Option<Check> {
        (name == "html").then_some(Check::Html)
    }
}

/// Spans of `text` that the check objects to, in bytes.
pub(super) fn run(check: Check, _text: &str) -> Vec<(usize, usize)> {
    match check {
        // Needs two fields; the walker asks `html_differs`.
        Check::Html => Vec::new(),
    }
}

/// True where a message's HTML shows another text than its plain body.
pub(super) fn html_differs(_body: &str, _html: &str) -> bool {
    false
}
