//! A message's HTML against its plain text.

use std::collections::BTreeSet;

use crate::dlp::{
    budget::{Budget, ScanError},
    view::{normal_words, plain_of_html},
};

/// Words that may be put together of others; more of them are a difference.
const MAX_SPELLED: usize = 32;

/// Places where such a word may begin, and words that it may be put together of; beyond them it is a difference.
const MAX_STARTS: usize = 64;
const MAX_PARTS: usize = 32;
/// What reading both texts and taking them apart costs, in bytes searched for each of their bytes.
const READING_COST: usize = 8;
/// What holding one word against the beginning of another costs, in bytes searched.
const WORD_COST: usize = 8;

/// True where a message's HTML shows another text than its plain body: a word that only one of them has.
///
/// What a client adds to one side is no difference: quotes of the message replied to, marks of Markdown, numbers of lists,
/// addresses behind links.
///
/// # Errors
/// Over the budget.
pub(in crate::dlp) fn html_differs(
    body: &str,
    html: &str,
    budget: &mut Budget,
) -> Result<bool, ScanError> {
    budget.searched((body.len() + html.len()) * READING_COST)?;
    let shown = plain_of_html(&without_quote(html));
    let written = without_fallback(body);
    let hidden = Words::of(html);
    let (shown, written) = (Words::of(&shown), Words::of(&written));
    Ok(shown.lacks(&written, &written, budget)? || written.lacks(&shown, &hidden, budget)?)
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
    fn lacks(&self, other: &Words, more: &Words, budget: &mut Budget) -> Result<bool, ScanError> {
        let known = |word: &str| other.known.contains(word) || more.known.contains(word);
        let unknown = self
            .tokens
            .iter()
            .zip(&self.whole)
            .filter(|(token, whole)| {
                !is_added(whole) && !known(whole) && !parts(token).all(|part| known(&part))
            });
        for (number, (_, word)) in unknown.enumerate() {
            if number >= MAX_SPELLED || !other.spells(word, budget)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// True where words behind each other make up this one.
    fn spells(&self, word: &str, budget: &mut Budget) -> Result<bool, ScanError> {
        budget.searched(self.whole.len() * WORD_COST)?;
        let starts = (0..self.whole.len()).filter(|at| word.starts_with(self.whole[*at].as_str()));
        for from in starts.take(MAX_STARTS) {
            budget.searched(word.len() + MAX_PARTS * WORD_COST)?;
            let parts = self.whole[from..].iter().take(MAX_PARTS);
            if is_made_of(word, parts) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_made_of<'w>(word: &str, parts: impl Iterator<Item = &'w String>) -> bool {
    let mut rest = word;
    for part in parts {
        match rest.strip_prefix(part.as_str()) {
            Some("") => return true,
            Some(left) => rest = left,
            None => return false,
        }
    }
    false
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
