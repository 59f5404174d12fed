//! A text as a validator sees it: letters and digits without what separates them.
//!
//! A value may end only where the text has a border, so that no part of a longer number is taken for a value.

use crate::unicode::is_alphanumeric;

/// Letters and digits of a text, ASCII ones in upper case.
pub(super) struct Signs<'t> {
    /// One byte each; what is not ASCII is zero, which no validator accepts.
    values: Vec<u8>,
    /// Byte of the text after each.
    ends: Vec<usize>,
    text: &'t str,
    /// What follows the text.
    next: Option<char>,
    /// Whether a value may end before this.
    may_end: fn(&str, Option<char>) -> bool,
}

impl<'t> Signs<'t> {
    /// Reads `text`, which `next` follows.
    pub(super) fn of(text: &'t str, next: Option<char>) -> Signs<'t> {
        Signs::ending(text, next, may_end)
    }

    /// The same for a kind whose length and check tell its end: it may stand before a dash, dot or slash and more digits.
    pub(super) fn of_sure_end(text: &'t str, next: Option<char>) -> Signs<'t> {
        Signs::ending(text, next, is_border)
    }

    fn ending(
        text: &'t str,
        next: Option<char>,
        may_end: fn(&str, Option<char>) -> bool,
    ) -> Signs<'t> {
        let mut signs = Signs {
            values: Vec::with_capacity(text.len()),
            ends: Vec::with_capacity(text.len()),
            text,
            next,
            may_end,
        };
        for (at, c) in text.char_indices().filter(|(_, c)| is_alphanumeric(*c)) {
            signs.values.push(plain(c));
            signs.ends.push(at + c.len_utf8());
        }
        signs
    }

    pub(super) fn all(&self) -> &[u8] {
        &self.values
    }

    /// The first `count` of them and the byte after the last, where a value can end there.
    pub(super) fn first(&self, count: usize) -> Option<(&[u8], usize)> {
        let end = *self.ends.get(count.checked_sub(1)?)?;
        let value = self.values.get(..count)?;
        (self.may_end)(&self.text[end..], self.next).then_some((value, end))
    }
}

/// False before a letter or digit, and before a dash, dot or slash with a digit behind it: the number goes on there.
fn may_end(rest: &str, next: Option<char>) -> bool {
    let mut behind = rest.chars().chain(next);
    match behind.next() {
        Some('-' | '.' | '/') => !behind.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !is_alphanumeric(c),
        None => true,
    }
}

/// False before a letter or digit.
fn is_border(rest: &str, next: Option<char>) -> bool {
    !rest.chars().chain(next).next().is_some_and(is_alphanumeric)
}

fn plain(c: char) -> u8 {
    u8::try_from(c)
        .ok()
        .filter(u8::is_ascii)
        .map_or(0, |byte| byte.to_ascii_uppercase())
}
