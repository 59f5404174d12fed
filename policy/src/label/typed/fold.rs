//! What a reader takes for a marking: look-alike letters, invisible characters, other dashes and spaces folded away.

use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use crate::unicode::{is_dash, is_ignorable, is_line_end, is_space};

/// A text and its foldings. Two texts that a reader cannot tell apart have one folding in common.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Skeleton, letter case kept.
    kept: String,
    /// Skeleton, then lower case.
    lowered: String,
    /// Lower case, then skeleton: some letters look alike only when small.
    small: String,
    /// Whether letter case counts.
    bracketed: bool,
    /// Whether anything in it is not what it looks like.
    trapped: bool,
}

impl Reading {
    pub(super) fn new(text: &str, bracketed: bool) -> Self {
        #[cfg(test)]
        work::count(text);
        let unified = unify(text);
        let kept: String = skeleton(&unified).collect();
        Self {
            lowered: kept.to_lowercase(),
            small: skeleton(&unified.to_lowercase()).collect(),
            kept,
            bracketed,
            trapped: text.chars().any(is_trap),
        }
    }
}

/// Whether `text` would be read as the marking `spelling`, or as one that starts with it.
pub(super) fn looks_like(text: &Reading, spelling: &Reading) -> bool {
    let any_case = text.bracketed || text.trapped;
    if any_case && (text.lowered == spelling.lowered || text.small == spelling.small) {
        return true;
    }
    // Where something is hidden, a word may be hidden behind the phrase too.
    let hidden = text.trapped
        && (text.lowered.starts_with(&spelling.lowered) || text.small.starts_with(&spelling.small));
    hidden || starts_with_word(&text.kept, &spelling.kept)
}

/// Whether `text` could be the beginning of the marking `spelling`, or is one.
pub(super) fn may_become(text: &Reading, spelling: &Reading) -> bool {
    spelling.lowered.starts_with(&text.lowered)
        || spelling.small.starts_with(&text.small)
        || looks_like(text, spelling)
}

fn starts_with_word(text: &str, phrase: &str) -> bool {
    text.strip_prefix(phrase)
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// NFKC without invisible characters, with plain dashes, and each run of spaces as one.
fn unify(text: &str) -> String {
    let mut unified = String::with_capacity(text.len());
    for c in text.nfkc().filter(|c| !is_ignorable(*c)) {
        match c {
            c if is_dash(c) => unified.push('-'),
            c if is_space(c) && unified.ends_with(' ') => {}
            c if is_space(c) => unified.push(' '),
            c => unified.push(c),
        }
    }
    unified.trim().to_owned()
}

/// True for a character that shows as something else: invisible, another dash or space, a compatibility form, or a
/// foreign letter that looks like an ASCII one.
fn is_trap(c: char) -> bool {
    let other_form = || !std::iter::once(c).nfkc().eq(std::iter::once(c).nfc());
    let look_alike = || {
        let mut buffer = [0; 4];
        skeleton(c.encode_utf8(&mut buffer)).all(|c| c.is_ascii())
    };
    !c.is_ascii() && (is_ignorable(c) || is_dash(c) || is_space(c) || other_form() || look_alike())
}

/// True for what a reader does not see at the start of a text.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_ignorable(c)
}

/// The text up to the end of its first line.
pub(super) fn first_line(text: &str) -> &str {
    text.split(is_line_end).next().unwrap_or_default()
}

/// The bracket that a character is or looks like, if it opens one.
pub(super) fn opens(c: char) -> Option<char> {
    alike(c, &['[', '('])
}

/// Whether a character closes `bracket`, or looks as if it did.
pub(super) fn closes(bracket: char, c: char) -> bool {
    let close = if bracket == '[' { ']' } else { ')' };
    // Square and round ones of other scripts share one skeleton.
    c == close || (!c.is_ascii() && alike(c, &[']', ')']).is_some())
}

/// Whether a character is a colon, or looks like one.
pub(super) fn is_colon(c: char) -> bool {
    alike(c, &[':']).is_some()
}

/// The one of `signs` that a character is or looks like.
fn alike(c: char, signs: &[char]) -> Option<char> {
    if c.is_ascii() {
        return signs.iter().copied().find(|sign| *sign == c);
    }
    let compatible: String = std::iter::once(c).nfkc().collect();
    let shown: String = skeleton(&compatible).collect();
    signs.iter().copied().find(|sign| {
        let mut buffer = [0; 4];
        let sign: &str = sign.encode_utf8(&mut buffer);
        compatible == sign || shown == skeletons(sign)
    })
}

/// The skeleton of an ASCII sign, which may be another sign.
fn skeletons(sign: &str) -> &'static str {
    static SIGNS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let table = SIGNS.get_or_init(|| {
        let signs = ["[", "(", "]", ")", ":"];
        let row = |sign: &str| (sign.to_owned(), skeleton(sign).collect());
        signs.into_iter().map(row).collect()
    });
    let row = table.iter().find(|(known, _)| known == sign);
    row.map_or("", |(_, shown)| shown)
}

/// What was folded, for tests of how much work a text makes.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local! {
        static DONE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    pub(super) fn count(text: &str) {
        let (readings, chars) = DONE.get();
        DONE.set((readings + 1, chars + text.chars().count()));
    }

    /// Readings made, and their characters, since this was last asked on the thread.
    pub(in crate::label::typed) fn done() -> (usize, usize) {
        DONE.take()
    }
}
