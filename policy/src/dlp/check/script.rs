//! Words with letters of several scripts.

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};
use unicode_security::mixed_script::AugmentedScriptSet;

use super::Span;
use crate::{dlp::view::looks_latin, unicode::is_alphanumeric};

/// Letters of a word in which a small Greek letter may be a sign of its own: `αs`, `λx`.
const MAX_FORMULA_CHARS: usize = 3;

pub(super) fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_word).map(|start| at + start) {
        let length = text[start..].find(|c| !is_word(c));
        at = length.map_or(text.len(), |length| start + length);
        let word = &text[start..at];
        if !word.is_ascii() && is_mixed(word) {
            spans.push((start, at));
        }
    }
    spans
}

fn is_word(c: char) -> bool {
    is_alphanumeric(c) || is_combining_mark(c)
}

/// True for a word that has letters of several scripts which are not written together, one of them so that it deceives.
fn is_mixed(word: &str) -> bool {
    AugmentedScriptSet::for_str(word).is_empty() && !is_eastern(word) && !is_formula(word)
}

/// Latin letters among those of Chinese, Japanese or Korean.
fn is_eastern(word: &str) -> bool {
    let mut set = AugmentedScriptSet::default();
    let others = word.chars().filter(|c| c.script() != Script::Latin);
    others.for_each(|c| set.intersect_with(c.into()));
    set.hanb || set.jpan || set.kore
}

/// Greek signs in units and formulas: those that look like no Latin letter, or a small one in a very short word.
fn is_formula(word: &str) -> bool {
    let short = word.chars().count() <= MAX_FORMULA_CHARS;
    let sign = |c: char| !looks_latin(c) || SIGNS.contains(c) || (short && c.is_lowercase());
    word.chars().all(|c| match c.script() {
        Script::Greek => sign(c),
        script => matches!(script, Script::Latin | Script::Common | Script::Inherited),
    })
}

/// Greek letters that are signs of quantities, although they resemble a Latin letter.
const SIGNS: &str = "μΣΛβπ";
