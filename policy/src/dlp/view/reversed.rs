//! Text under a right-to-left override, in the order in which a reader sees it.

use super::map::Made;
use crate::unicode::is_line_end;

const OVERRIDE: char = '\u{202e}';
const POP: char = '\u{202c}';

/// Embeddings, overrides and isolates inside each other at most; what is deeper is ignored, as Unicode says.
const MAX_LEVELS: usize = 125;

/// True where some text is overridden.
pub(super) fn is_overridden(text: &str) -> bool {
    text.contains(OVERRIDE)
}

/// Makes the text as it is displayed: what stands under an override runs backwards.
pub(super) fn reverse(text: &str) -> Made {
    let mut line = Line::default();
    for (at, c) in text.char_indices() {
        match c {
            c if is_line_end(c) => {
                line.end();
                line.made.put(c, at, at + c.len_utf8());
            }
            // Left-to-right and right-to-left embedding, override, isolate.
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' | '\u{2066}'..='\u{2068}' => {
                line.open(c);
            }
            POP | '\u{2069}' => line.close(),
            c => line.put(c, at),
        }
    }
    line.end();
    line.made
}

/// A line under way.
#[derive(Default)]
struct Line {
    made: Made,
    /// Controls that are open.
    open: Vec<Open>,
}

struct Open {
    backwards: bool,
    inside: Vec<(char, usize)>,
}

impl Line {
    fn open(&mut self, control: char) {
        if self.open.len() < MAX_LEVELS {
            self.open.push(Open {
                backwards: control == OVERRIDE,
                inside: Vec::new(),
            });
        }
    }

    fn put(&mut self, c: char, at: usize) {
        match self.open.last_mut() {
            Some(open) => open.inside.push((c, at)),
            None => self.made.put(c, at, at + c.len_utf8()),
        }
    }

    fn close(&mut self) {
        let Some(mut done) = self.open.pop() else {
            return;
        };
        // What is inside of another override is turned back with all of it.
        let around = self.open.iter().any(|open| open.backwards);
        if done.backwards != around {
            done.inside.reverse();
        }
        for (c, at) in done.inside {
            self.put(c, at);
        }
    }

    fn end(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_under_an_override_is_seen_as_displayed() {
        for (written, seen) in [
            ("\u{202e}MIEHEG\u{202c} x", "GEHEIM x"),
            ("a \u{202e}MIEHEG", "a GEHEIM"),
            ("\u{2067}\u{202e}MIEHEG\u{202c}\u{2069}", "GEHEIM"),
            ("\u{202e}MI\u{202d}HE\u{202c}EG\u{202c}", "GEHEIM"),
            ("\u{202e}MIEHEG\nGEHEIM", "GEHEIM\nGEHEIM"),
        ] {
            assert_eq!(reverse(written).text, seen, "{written:?}");
        }
    }
}
