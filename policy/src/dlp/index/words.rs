//! Words as indexes compare them: runs of letters and digits, in lower case, in compatibility form, without accents,
//! `ä` as `ae`. The same function cuts cells, documents and messages, so that they agree whatever it does.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use crate::unicode::{ascii_digit, is_ignorable};

/// The two dots that make an `e` of a, o and u.
const DIAERESIS: char = '\u{308}';

/// A text as its words.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// All words, folded, one after the other.
    folded: String,
    list: Vec<Word>,
}

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// First byte in the text.
    pub(crate) start: usize,
    /// Byte after it in the text.
    pub(crate) end: usize,
    from: usize,
    to: usize,
}

impl Words {
    /// The words of a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Words {
            folded: String::with_capacity(text.len()),
            list: Vec::with_capacity(text.len() / 5),
        };
        let mut start = None;
        for (at, c) in text.char_indices() {
            match (words.fold(c, start.is_some()), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    words.push(from, at);
                    start = None;
                }
                _ => {}
            }
        }
        if let Some(from) = start {
            words.push(from, text.len());
        }
        words
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The word with this number.
    pub(crate) fn get(&self, number: usize) -> Option<&Word> {
        self.list.get(number)
    }

    /// A word's letters and digits, folded.
    pub(crate) fn folded(&self, word: &Word) -> &str {
        &self.folded[word.from..word.to]
    }

    /// All folded words in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|word| self.folded(word))
    }

    /// Between words nothing is folded, so that each begins where the one before it ends.
    fn push(&mut self, start: usize, end: usize) {
        let from = self.open();
        let to = self.folded.len();
        self.list.push(Word {
            start,
            end,
            from,
            to,
        });
    }

    /// Where the letters of the word begin that is not complete yet.
    fn open(&self) -> usize {
        self.list.last().map_or(0, |word| word.to)
    }

    /// Takes a character over; false where it stands between words. `inside` a word, what is invisible belongs to it.
    fn fold(&mut self, c: char, inside: bool) -> bool {
        if c.is_ascii() {
            if c.is_ascii_alphanumeric() {
                self.folded.push(c.to_ascii_lowercase());
                return true;
            }
            return false;
        }
        if is_ignorable(c) {
            return inside;
        }
        let before = self.folded.len();
        let mut marked = false;
        decompose_compatible(c, |part| marked |= self.part(part));
        self.folded.len() > before || (marked && inside)
    }

    /// One character of a decomposition; true where it is a mark upon a letter.
    fn part(&mut self, c: char) -> bool {
        if c == DIAERESIS {
            if self.folded[self.open()..].ends_with(['a', 'o', 'u']) {
                self.folded.push('e');
            }
            return true;
        }
        if is_combining_mark(c) {
            return true;
        }
        if let Some(digit) = ascii_digit(c) {
            self.folded.push(digit);
            return false;
        }
        for low in c.to_lowercase().filter(|low| low.is_alphanumeric()) {
            match plain(low) {
                Some(letters) => self.folded.push_str(letters),
                None => self.folded.push(low),
            }
        }
        false
    }
}

/// Letters that do not decompose, in the letters that people write instead.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' | 'ø' => "oe",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Words::of(text).iter().map(str::to_owned).collect()
    }

    #[test]
    fn words_of_every_spelling_are_the_same() {
        for (text, expected) in [
            ("Jürgen Müller-Groß", vec!["juergen", "mueller", "gross"]),
            ("JUERGEN MUELLER GROSS", vec!["juergen", "mueller", "gross"]),
            ("Ju\u{308}rgen", vec!["juergen"]),
            ("A\u{308}rztin", vec!["aerztin"]),
            ("Zoë García Øster", vec!["zoe", "garcia", "oester"]),
            ("STRA\u{1e9e}E", vec!["strasse"]),
            ("\u{ff2d}\u{ff35}\u{ff32}", vec!["mur"]),
            ("Mus\u{ad}ter\u{200b}mann", vec!["mustermann"]),
            ("A 123-456\u{a0}789", vec!["a", "123", "456", "789"]),
            ("\u{664}\u{661}", vec!["41"]),
            ("\u{308}a \u{200b} …", vec!["a"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "· Mü\u{200b}ller, 12.";
        let found = Words::of(text);
        let spans: Vec<&str> = found
            .list
            .iter()
            .map(|word| &text[word.start..word.end])
            .collect();
        assert_eq!(spans, ["Mü\u{200b}ller", "12"]);
    }
}
