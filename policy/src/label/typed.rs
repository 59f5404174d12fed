//! Markings that people type at the start of a text: `[VS-NfD] …`, `VS-NfD: …`, `(NATO RESTRICTED) …`.
//!
//! ```text
//! content ─> texts (text.rs: fallbacks and tags off) ─> the start of each ─> phrases of the policies (phrase.rs)
//!                                                            │
//!                              reads like one and is none (fold.rs) ─> Invalid
//! ```
//!
//! A marking is exactly a phrase that the policy's own marking data gives, letter case aside where brackets mark it off.
//! What only looks like one to a reader is [`Typed::Invalid`], because reader and gateway would disagree about it. So is
//! a marking in one text of an event that another text of it does not have: clients show different ones.
//!
//! Texts that are read, in `content` and in its `m.new_content`: `body` (of every type that has one: messages, notices,
//! emotes, captions), `formatted_body`, `m.text` and its unstable forms, and the question of a poll.

mod fold;
mod phrase;
mod text;

use ruma_common::CanonicalJsonObject as Object;

pub(super) use self::phrase::Spellings;
use self::{
    fold::{Reading, closes, looks_like, may_become},
    phrase::Phrases,
    text::Shown,
};
use super::{Label, Spifs};

/// Characters of a marking at most, brackets included; what does not end within them is none.
pub const MAX_MARKING_CHARS: usize = 256;

/// What stands at the start of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Typed {
    /// No marking.
    None,
    /// One valid marking, and the label that it stands for: policy, classification and categories, no dates.
    Marking {
        /// That label.
        label: Box<Label>,
    },
    /// Something that reads like a marking and is none; says why, never what stood there.
    Invalid(&'static str),
}

const MISSPELLED: &str =
    "a marking at the start of the text is not spelled as its policy spells it";
const UNKNOWN_REST: &str = "what follows the level in a marking is no category of its policy";
const AMBIGUOUS: &str = "a marking at the start of the text has several meanings";
const UNCLOSED: &str = "a marking at the start of the text has no end";
const SEVERAL: &str = "the text starts with several markings";
const DISAGREE: &str = "the texts of the event do not start with the same marking";
const HIDDEN: &str = "the text starts with HTML that clients show in different ways; leave out comments and mend its tags";
const TOO_MANY: &str = "the event has more texts than are read";

/// Reads the marking of an event's content, among those of the `accepted` policies (names or object identifiers).
#[must_use]
pub fn typed_marking(content: &Object, spifs: &Spifs, accepted: &[String]) -> Typed {
    let phrases = Phrases::new(spifs, accepted);
    let Some(texts) = text::of(content) else {
        return Typed::Invalid(TOO_MANY);
    };
    let outer = agreed(&texts.outer, &phrases);
    match texts.edited.map(|texts| agreed(&texts, &phrases)) {
        None => outer,
        // The edit's fallback need not repeat the marking, but must not have another one.
        Some(edited) if outer == Typed::None => edited,
        Some(edited) => agree(outer, edited),
    }
}

/// The one marking of several texts that show the same.
fn agreed(texts: &[Shown], phrases: &Phrases<'_>) -> Typed {
    let mut all = texts.iter().map(|text| start(text, phrases));
    let first = all.next().unwrap_or(Typed::None);
    all.fold(first, agree)
}

fn agree(one: Typed, other: Typed) -> Typed {
    match (one, other) {
        (Typed::Invalid(reason), _) | (_, Typed::Invalid(reason)) => Typed::Invalid(reason),
        (one, other) if one == other => one,
        _ => Typed::Invalid(DISAGREE),
    }
}

/// The marking at the start of one text; a second one behind it makes both invalid.
fn start(shown: &Shown, phrases: &Phrases<'_>) -> Typed {
    match read(&shown.text, shown.cut, phrases) {
        (marking @ Typed::Marking { .. }, rest) => match read(rest, shown.cut, phrases) {
            (Typed::None, _) => marking,
            _ => Typed::Invalid(SEVERAL),
        },
        (other, _) => other,
    }
}

/// One marking, and what stands behind it. A text that is `cut` may go on in a way that only some readers see.
fn read<'t>(text: &'t str, cut: bool, phrases: &Phrases<'_>) -> (Typed, &'t str) {
    let shown = text.trim_start_matches(fold::is_blank);
    if cut && let Some(open) = unfinished(shown) {
        let reading = Reading::new(open, true);
        let hidden = phrases
            .readings()
            .any(|spelling| may_become(&reading, spelling));
        let typed = if hidden {
            Typed::Invalid(HIDDEN)
        } else {
            Typed::None
        };
        return (typed, "");
    }
    let skipped = &text[..text.len() - shown.len()];
    let Some(head) = head(shown) else {
        return (Typed::None, shown);
    };
    let plain = head.plain && skipped.chars().all(|c| c.is_ascii_whitespace());
    let reading = Reading::new(head.inner, head.bracketed);
    let valid = if plain && head.closed {
        phrases.labels(head.inner.trim_matches(' '), head.bracketed)
    } else {
        Vec::new()
    };
    let typed = match <[Label; 1]>::try_from(valid) {
        Ok([label]) => Typed::Marking {
            label: Box::new(label),
        },
        Err(labels) if labels.len() > 1 => Typed::Invalid(AMBIGUOUS),
        Err(_)
            if !phrases
                .readings()
                .any(|spelling| looks_like(&reading, spelling)) =>
        {
            Typed::None
        }
        Err(_) if !head.closed => Typed::Invalid(UNCLOSED),
        Err(_) if phrases.starts_with_level(head.inner.trim_matches(' '), head.bracketed) => {
            Typed::Invalid(UNKNOWN_REST)
        }
        Err(_) => Typed::Invalid(MISSPELLED),
    };
    (typed, head.rest)
}

/// What a marking that does not end in `text` would begin with; `None` where it could not go on behind it.
fn unfinished(text: &str) -> Option<&str> {
    let is_whole_line = fold::first_line(text).len() == text.len();
    let is_long = text.chars().nth(MAX_MARKING_CHARS).is_some();
    let ends = head(text).is_some_and(|head| head.closed);
    if !is_whole_line || is_long || ends {
        return None;
    }
    let bracket = text.chars().next().filter(|c| fold::opens(*c).is_some());
    text.get(bracket.map_or(0, char::len_utf8)..)
}

/// Where a marking may stand: between brackets, or before a colon in the first line.
struct Head<'t> {
    inner: &'t str,
    bracketed: bool,
    /// Brackets and colon are the ASCII ones.
    plain: bool,
    closed: bool,
    rest: &'t str,
}

fn head(text: &str) -> Option<Head<'_>> {
    let line = fold::first_line(text);
    let line = match line.char_indices().nth(MAX_MARKING_CHARS) {
        Some((end, _)) => &line[..end],
        None => line,
    };
    let first = line.chars().next()?;
    match fold::opens(first) {
        Some(bracket) => Some(bracketed(text, line, first, bracket)),
        None => before_colon(text, line),
    }
}

fn bracketed<'t>(text: &'t str, line: &'t str, first: char, bracket: char) -> Head<'t> {
    let open = first.len_utf8();
    let end = line[open..]
        .char_indices()
        .find(|(_, c)| closes(bracket, *c));
    match end {
        Some((at, close)) => Head {
            inner: &line[open..open + at],
            bracketed: true,
            plain: first.is_ascii() && close.is_ascii(),
            closed: true,
            rest: &text[open + at + close.len_utf8()..],
        },
        None => Head {
            inner: &line[open..],
            bracketed: true,
            plain: first.is_ascii(),
            closed: false,
            rest: "",
        },
    }
}

fn before_colon<'t>(text: &'t str, line: &'t str) -> Option<Head<'t>> {
    let (at, colon) = line.char_indices().find(|(_, c)| fold::is_colon(*c))?;
    Some(Head {
        inner: &line[..at],
        bracketed: false,
        plain: colon.is_ascii(),
        closed: true,
        rest: &text[at + colon.len_utf8()..],
    })
}

#[cfg(test)]
mod tests;
