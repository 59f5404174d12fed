//! A message's HTML against its plain text.

use std::collections::BTreeSet;

use crate::dlp::view::{normal_words, plain_of_html};

/// Words that may be put together of others; more of them are a difference.
const MAX_SPELLED: usize = 32;

/// Places where such a word may begin, and words that it may be put together of; beyond them it is a difference.
const MAX_STARTS: usize = 64;
const MAX_PARTS: usize = 32;

/// True where a message's HTML shows another text than its plain body: a word that only one of them has.
///
/// What a client adds to one side is no difference: quotes of the message replied to, marks of Markdown, numbers of lists,
/// addresses behind links.
pub(in crate::dlp) fn html_differs(body: &str, html: &str) -> bool {
    let shown = plain_of_html(&without_quote(html));
    let written = without_fallback(body);
    let hidden = Words::of(html);
    let (shown, written) = (Words::of(&shown), Words::of(&written));
    shown.lacks(&written, &written) || written.lacks(&shown, &hidden)
}

/// Words of a text.
struct Words {
    /// Between spaces.
    tokens: Vec<String>,
    /// The same without signs: `GE**HEIM**` is `GEHEIM`.
    whole: Vec<String>,
    /// These, and all between any signs.
    known: BTreeSet<String>,
}

impl Words {
    fn of(text: &str) -> Words {
        let text = normal_words(text);
        let bare = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).collect();
        let tokens = text.split_whitespace().map(str::to_owned);
        let tokens: Vec<String> = tokens
            .filter(|word| word.contains(char::is_alphanumeric))
            .collect();
        let whole: Vec<String> = tokens.iter().map(|word| bare(word)).collect();
        let known = whole.iter().cloned().chain(parts(&text)).collect();
        Words {
            tokens,
            whole,
            known,
        }
    }

    /// True where a word is neither in `other` nor in `more`.
    fn lacks(&self, other: &Words, more: &Words) -> bool {
        let known = |word: &str| other.known.contains(word) || more.known.contains(word);
        let mut unknown = self
            .tokens
            .iter()
            .zip(&self.whole)
            .filter(|(token, whole)| {
                !is_added(whole) && !known(whole) && !parts(token).all(|part| known(&part))
            });
        let spelled = unknown
            .by_ref()
            .take(MAX_SPELLED)
            .all(|(_, word)| other.spells(word));
        !spelled || unknown.next().is_some()
    }

    /// True where words behind each other make up this one.
    fn spells(&self, word: &str) -> bool {
        let starts = (0..self.whole.len()).filter(|at| word.starts_with(self.whole[*at].as_str()));
        starts.take(MAX_STARTS).any(|from| {
            let mut rest = word;
            for part in self.whole[from..].iter().take(MAX_PARTS) {
                match rest.strip_prefix(part.as_str()) {
                    Some("") => return true,
                    Some(left) => rest = left,
                    None => return false,
                }
            }
            false
        })
    }
}

fn parts(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(str::to_owned)
}

/// Numbers of lists, and the word that stands for a hidden passage.
fn is_added(word: &str) -> bool {
    (word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit())) || word == "spoiler"
}

/// The HTML without the quote that replies carry.
fn without_quote(html: &str) -> String {
    let Some(start) = html.find("<mx-reply>") else {
        return html.to_owned();
    };
    match html[start..].find("</mx-reply>") {
        Some(length) => format!(
            "{}{}",
            &html[..start],
            &html[start + length + "</mx-reply>".len()..]
        ),
        None => html.to_owned(),
    }
}

/// The body without the quoted lines that replies begin with.
fn without_fallback(body: &str) -> String {
    if !body.starts_with("> <") && !body.starts_with("> * <") {
        return body.to_owned();
    }
    let lines = body.lines().skip_while(|line| line.starts_with("> "));
    lines.collect::<Vec<_>>().join("\n")
}
