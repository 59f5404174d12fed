//! Words of which every match of a pattern holds at least one, read off the pattern itself.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::words::Word;

/// What a word must be worth to be waited for: two letters alone stand in every message.
const WORTH: usize = 7;
/// Words that one pattern may wait for, at most; with more it waits for none.
const MAX_WORDS: usize = 200;
/// Letters of other scripts that stand for an ASCII letter when case is ignored: the long s and the Kelvin sign.
pub(super) const FOLDED: [(char, char); 2] = [('\u{17f}', 's'), ('\u{212a}', 'k')];

/// The words, where there are some worth waiting for.
pub(super) fn of(hir: &Hir) -> Option<Vec<Word>> {
    let words = needed(hir)?;
    (words.iter().all(is_worth_it)).then_some(words)
}

fn needed(hir: &Hir) -> Option<Vec<Word>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(_) | HirKind::Class(_) | HirKind::Concat(_) => concat(hir),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => needed(&repetition.sub),
        HirKind::Repetition(_) => None,
        HirKind::Alternation(list) => {
            let each: Option<Vec<Vec<Word>>> = list.iter().map(needed).collect();
            let mut words = each?.concat();
            words.sort();
            words.dedup();
            (words.len() <= MAX_WORDS).then_some(words)
        }
    }
}

/// The best of all that stands one after the other: each run of fixed letters, and what each part needs by itself.
fn concat(hir: &Hir) -> Option<Vec<Word>> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut best: Option<Vec<Word>> = None;
    let mut run = Run::default();
    for part in parts {
        if run.takes(part) {
            continue;
        }
        best = better(best, run.finish());
        best = better(best, needed_inside(part));
    }
    better(best, run.finish())
}

/// What a part needs that is no fixed letter.
fn needed_inside(part: &Hir) -> Option<Vec<Word>> {
    match part.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => None,
        _ => needed(part),
    }
}

/// All parts in order, those of groups too.
pub(super) fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Concat(list) => list.iter().for_each(|part| flatten(part, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        _ => parts.push(hir),
    }
}

/// Fixed letters in a row.
#[derive(Default)]
struct Run {
    text: String,
    /// True where a letter stands in either case.
    folded: bool,
}

impl Run {
    /// Takes a part that is fixed, or that takes no room.
    fn takes(&mut self, part: &Hir) -> bool {
        match part.kind() {
            HirKind::Look(_) => true,
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => {
                    self.text.push_str(text);
                    true
                }
                Err(_) => false,
            },
            HirKind::Class(class) => match letter(class) {
                Some(c) => {
                    self.text.push(c);
                    self.folded = true;
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    fn finish(&mut self) -> Option<Vec<Word>> {
        let run = std::mem::take(self);
        let word = if run.folded {
            Word::ignoring_case(&run.text)
        } else {
            Word {
                text: run.text,
                exact: true,
            }
        };
        (!word.text.is_empty()).then(|| vec![word])
    }
}

/// The letter that the class is all cases of.
fn letter(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else {
        return ascii_letter(class);
    };
    let chars: Vec<char> = class
        .iter()
        .flat_map(|range| (range.start()..=range.end()).take(5))
        .take(5)
        .collect();
    same_letter(&chars)
}

fn ascii_letter(class: &Class) -> Option<char> {
    let Class::Bytes(class) = class else {
        return None;
    };
    let bytes = class.iter().flat_map(|range| range.start()..=range.end());
    let chars: Vec<char> = bytes.map(char::from).take(5).collect();
    chars
        .iter()
        .all(char::is_ascii)
        .then(|| same_letter(&chars))?
}

fn same_letter(chars: &[char]) -> Option<char> {
    let plain = |c: &char| {
        let folded = FOLDED.iter().find(|(other, _)| other == c);
        let mut lower = folded.map_or(*c, |(_, ascii)| *ascii).to_lowercase();
        lower.next().filter(|_| lower.next().is_none())
    };
    let first = plain(chars.first()?)?;
    (chars.len() <= 4 && chars.iter().all(|c| plain(c) == Some(first))).then_some(first)
}

/// The set that is met less often: its worst word is longer, or there are fewer.
fn better(one: Option<Vec<Word>>, other: Option<Vec<Word>>) -> Option<Vec<Word>> {
    let (Some(a), Some(b)) = (&one, &other) else {
        return one.or(other);
    };
    if worth(b) > worth(a) { other } else { one }
}

fn worth(words: &[Word]) -> usize {
    let shortest = words
        .iter()
        .map(|word| value(&word.text))
        .min()
        .unwrap_or(0);
    shortest.min(24) * 16 / (1 + words.len().ilog2() as usize)
}

/// Letters and signs that are rare count more.
fn value(text: &str) -> usize {
    let one = |c: char| match c {
        ' ' | 'e' | 'n' => 1,
        c if c.is_alphanumeric() => 3,
        '.' | ',' | '-' | ':' | '/' | '\'' | '\n' | '(' | ')' | '!' | '?' => 1,
        _ => WORTH,
    };
    text.chars().map(one).sum()
}

fn is_worth_it(word: &Word) -> bool {
    is_rare(&word.text)
}

/// True for a word that not every message has.
pub(super) fn is_rare(text: &str) -> bool {
    value(text) >= WORTH
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    fn words(pattern: &str) -> Vec<String> {
        let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
        let words = of(&hir).unwrap_or_default();
        let sign = |word: &Word| if word.exact { "" } else { "~" };
        words
            .iter()
            .map(|word| format!("{}{}", sign(word), word.text))
            .collect()
    }

    #[test]
    fn every_match_holds_one_of_the_words() {
        for (pattern, expected) in [
            (r"\bAKIA[0-9A-Z]{16}\b", &["AKIA"][..]),
            ("(?i)geheim", &["~geheim"]),
            (
                r"(?i:\bVS ?[-–]? ?NfD\b)|NUR F(?:Ü|UE)R DEN DIENST",
                &["R DEN DIENST", "~nfd"],
            ),
            (r"(ghp_[a-z]+)|(gho_[a-z]+)", &["gho_", "ghp_"]),
            ("x(?:abc|def)?yzzy", &["yzzy"]),
            ("(?:abc)+", &["abc"]),
            ("(?:abc)*", &[]),
            ("[a-z]{3}", &[]),
            ("abc|[0-9]", &[]),
            (r"\w+@\w+", &["@"]),
            ("de", &[]),
            ("vs", &[]),
            ("fe8", &["fe8"]),
            ("n", &[]),
        ] {
            assert_eq!(words(pattern), expected, "{pattern}");
        }
    }
}
