//! Checks: evasion itself, found in the text as it stands and not by a pattern. A closed list, named in rules.
//!
//! What ordinary writing has is no evasion: Greek and Russian words, Japanese, units, emoji and flags, marks of Arabic and
//! of the scripts of India, isolates around names.

mod bidi;
mod html;
mod invisible;
mod marks;
mod script;

pub(super) use html::html_differs;

/// A check by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Controls that change the order in which text is displayed.
    Bidi,
    /// Tag characters outside of flags.
    Tags,
    /// A word with letters of several scripts.
    MixedScript,
    /// Many characters that nobody sees.
    Invisible,
    /// Marks piled on letters, or striking them out.
    Combining,
    /// The HTML of a message says something else than its plain text.
    Html,
}

impl Check {
    /// Names as rule files write them.
    pub(super) const NAMES: &'static str = "bidi, tags, mixed_script, invisible, combining, html";

    pub(super) fn from_name(name: &str) -> Option<Check> {
        Some(match name {
            "bidi" => Check::Bidi,
            "tags" => Check::Tags,
            "mixed_script" => Check::MixedScript,
            "invisible" => Check::Invisible,
            "combining" => Check::Combining,
            "html" => Check::Html,
            _ => return None,
        })
    }
}

/// Spans of `text` that the check objects to, in bytes.
pub(super) fn run(check: Check, text: &str) -> Vec<Span> {
    if text.is_ascii() {
        return Vec::new();
    }
    match check {
        Check::Bidi => bidi::spans(text),
        Check::Tags => invisible::tags(text),
        Check::MixedScript => script::spans(text),
        Check::Invisible => invisible::spans(text),
        Check::Combining => marks::spans(text),
        // Needs two fields; the walker asks `html_differs`.
        Check::Html => Vec::new(),
    }
}

/// First byte and the byte after the last.
type Span = (usize, usize);

#[cfg(test)]
mod tests;
