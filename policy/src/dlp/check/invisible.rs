//! Characters that nobody sees, and tag characters among them.

use unicode_script::{Script, UnicodeScript};

use super::Span;
use crate::unicode::is_ignorable;

/// Invisible characters without a use that a text may have.
const MAX_INVISIBLE: usize = 4;

const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';
/// Begins the flag of a region, which tag characters spell.
const BLACK_FLAG: char = '\u{1f3f4}';
/// Ends it.
const CANCEL_TAG: char = '\u{e007f}';

/// From the first to the last, where there are too many.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let useless: Vec<Span> = useless(text);
    match (useless.first(), useless.last()) {
        (Some(first), Some(last)) if useless.len() > MAX_INVISIBLE => vec![(first.0, last.1)],
        _ => Vec::new(),
    }
}

fn useless(text: &str) -> Vec<Span> {
    let mut before = None;
    let mut last = None;
    let mut spans = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if !is_ignorable(c) {
            before = Some(c);
        } else if !is_tag(c) && (is_repeated(c, last, next) || !is_of_use(c, at, before, next)) {
            spans.push((at, at + c.len_utf8()));
        }
        last = Some(c);
    }
    spans
}

/// True for an invisible character behind another one, but for the joiner behind the selector of an emoji, and controls of
/// direction, which have a check of their own.
fn is_repeated(c: char, last: Option<char>, next: Option<char>) -> bool {
    let emoji = last == Some('\u{fe0f}') && c == JOINER && is_symbol(next);
    let seen = last.is_some_and(|last| is_ignorable(last) && !is_direction(last));
    seen && !emoji && !is_direction(c)
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// True where an invisible character does what it is for, after `before` and in front of `next`.
fn is_of_use(c: char, at: usize, before: Option<char>, next: Option<char>) -> bool {
    let shaped = |c: Option<char>| c.is_some_and(is_shaped);
    match c {
        JOINER => is_symbol(before) && is_symbol(next) || shaped(before),
        NON_JOINER => shaped(before),
        // Variation selectors.
        '\u{fe00}'..='\u{fe0f}' => before.is_some_and(|c| !c.is_ascii_alphabetic()),
        '\u{e0100}'..='\u{e01ef}' => before.is_some_and(|c| c.script() == Script::Han),
        // Directional marks and controls have a check of their own.
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        '\u{feff}' => at == 0,
        // Fillers are letters of Korean.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => {
            before.is_some_and(|c| c.script() == Script::Hangul)
        }
        // Selectors of Mongolian.
        '\u{180b}'..='\u{180f}' => before.is_some_and(|c| c.script() == Script::Mongolian),
        _ => false,
    }
}

/// True for a letter of a script whose letters change their shape beside others.
fn is_shaped(c: char) -> bool {
    !c.is_ascii()
        && !matches!(
            c.script(),
            Script::Latin | Script::Greek | Script::Cyrillic | Script::Common | Script::Armenian
        )
}

/// True for emoji and the like.
fn is_symbol(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_ascii() && !c.is_alphanumeric())
}

/// Runs of tag characters, but for those that spell a flag.
pub(super) fn tags(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut flag = false;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if is_tag(c) {
            flag = before == Some(BLACK_FLAG) || (flag && before.is_some_and(is_flag_tag));
            match spans.last_mut() {
                _ if flag && is_flag_tag(c) => {}
                Some(last) if last.1 == at => last.1 = end,
                _ => spans.push((at, end)),
            }
        }
        before = Some(c);
    }
    spans
}

fn is_tag(c: char) -> bool {
    ('\u{e0000}'..='\u{e007f}').contains(&c)
}

/// True for the small letters and digits that names of regions have, and their end.
fn is_flag_tag(c: char) -> bool {
    matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}' | CANCEL_TAG)
}
