//! Controls of the Unicode bidirectional algorithm.

use unicode_script::{Script, UnicodeScript};

use super::Span;
use crate::unicode::is_line_end;

/// Overrides always; embeddings in text without a right-to-left letter; whatever is not closed, or closes nothing, on its line.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let right_to_left = text.chars().any(is_right_to_left);
    let mut spans = Vec::new();
    let mut open: Vec<(char, Span)> = Vec::new();
    for (at, c) in text.char_indices() {
        let span = (at, at + c.len_utf8());
        match c {
            // Overrides.
            '\u{202d}' | '\u{202e}' => {
                spans.push(span);
                open.push(('\u{202c}', span));
            }
            // Embeddings.
            '\u{202a}' | '\u{202b}' => {
                if !right_to_left {
                    spans.push(span);
                }
                open.push(('\u{202c}', span));
            }
            // Isolates.
            '\u{2066}'..='\u{2068}' => open.push(('\u{2069}', span)),
            '\u{202c}' | '\u{2069}' => match open.last() {
                Some((end, _)) if *end == c => drop(open.pop()),
                _ => spans.push(span),
            },
            c if is_line_end(c) => spans.extend(open.drain(..).map(|(_, span)| span)),
            _ => {}
        }
    }
    spans.extend(open.into_iter().map(|(_, span)| span));
    spans.sort_unstable();
    spans.dedup();
    spans
}

fn is_right_to_left(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            c.script(),
            Script::Arabic
                | Script::Hebrew
                | Script::Syriac
                | Script::Thaana
                | Script::Nko
                | Script::Samaritan
                | Script::Mandaic
                | Script::Adlam
                | Script::Hanifi_Rohingya
        )
}
