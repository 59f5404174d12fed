//! RE2's syntax in the syntax of the `regex` crate. What the classes mean is said by `dialect = "re2"` of the detector;
//! here only that is changed which reads otherwise or not at all.
//!
//! | there | here |
//! |---|---|
//! | `(?#comment)` | nothing |
//! | `\Q...\E` | each sign escaped |
//! | `\<`, `\>` are signs | `<`, `>` (escaped they are word borders) |
//! | `{` where no count follows is a sign | `\{` |
//! | `[`, `&&`, `--`, `~~` in a class are signs | escaped |

use std::{iter::Peekable, str::Chars};

/// A count with its closing brace at most, in characters: RE2 repeats no more than a thousand times.
const COUNT_CHARS: usize = 10;

/// The pattern as the `regex` crate reads it. Mistakes stay in it, for the compiler to name.
pub(super) fn translated(pattern: &str) -> String {
    let mut reader = Reader {
        left: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() + 16),
    };
    while let Some(sign) = reader.left.next() {
        reader.sign(sign);
    }
    reader.out
}

struct Reader<'p> {
    left: Peekable<Chars<'p>>,
    out: String,
}

impl Reader<'_> {
    fn sign(&mut self, sign: char) {
        match sign {
            '\\' => self.escape(),
            '[' => self.class(),
            '(' if self.follows("?#") => self.comment(),
            '{' if !self.is_count() => self.out.push_str("\\{"),
            '{' => self.count(),
            _ => self.out.push(sign),
        }
    }

    fn escape(&mut self) {
        match self.left.next() {
            Some('Q') => self.quoted(),
            Some(sign @ ('<' | '>')) => self.out.push(sign),
            Some(sign) => self.escaped(sign),
            None => self.out.push('\\'),
        }
    }

    /// `\x` as it stands, with the braces that belong to it.
    fn escaped(&mut self, sign: char) {
        self.out.extend(['\\', sign]);
        if matches!(sign, 'x' | 'p' | 'P') && self.left.peek() == Some(&'{') {
            self.through('}');
        }
    }

    /// Up to `\E`, or to the end.
    fn quoted(&mut self) {
        while let Some(sign) = self.left.next() {
            if sign == '\\' && self.left.peek() == Some(&'E') {
                self.left.next();
                return;
            }
            self.literal(sign);
        }
    }

    fn comment(&mut self) {
        self.left.by_ref().find(|sign| *sign == ')');
    }

    fn count(&mut self) {
        self.out.push('{');
        self.through('}');
    }

    fn through(&mut self, end: char) {
        for sign in self.left.by_ref() {
            self.out.push(sign);
            if sign == end {
                return;
            }
        }
    }

    /// A class: its items are read as RE2 reads them, so that no pair of signs becomes an operator.
    fn class(&mut self) {
        self.out.push('[');
        if self.left.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        while let Some(sign) = self.left.next() {
            if sign == ']' && !first {
                self.out.push(']');
                return;
            }
            first = false;
            self.item(sign);
        }
    }

    fn item(&mut self, sign: char) {
        if sign == '[' && self.left.peek() == Some(&':') {
            self.out.push('[');
            self.through(']');
            return;
        }
        self.one_of_class(sign);
        if self.left.peek() == Some(&'-') && !self.follows("-]") {
            self.left.next();
            self.out.push('-');
            if let Some(last) = self.left.next() {
                self.one_of_class(last);
            }
        }
    }

    fn one_of_class(&mut self, sign: char) {
        match sign {
            '\\' => match self.left.next() {
                Some(sign @ ('<' | '>')) => self.out.push(sign),
                Some(sign) => self.escaped(sign),
                None => self.out.push('\\'),
            },
            _ => self.literal(sign),
        }
    }

    /// A sign that means itself.
    fn literal(&mut self, sign: char) {
        if sign.is_ascii_punctuation() && !matches!(sign, '<' | '>') {
            self.out.push('\\');
        }
        self.out.push(sign);
    }

    /// True where `{` begins a count: `{n}`, `{n,}`, `{n,m}`.
    fn is_count(&self) -> bool {
        let near: String = self.left.clone().take(COUNT_CHARS).collect();
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        near.split_once('}')
            .is_some_and(|(inside, _)| match inside.split_once(',') {
                None => digits(inside),
                Some((least, most)) => digits(least) && (most.is_empty() || digits(most)),
            })
    }

    fn follows(&self, text: &str) -> bool {
        let mut left = self.left.clone();
        text.chars().all(|sign| left.next() == Some(sign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_otherwise_there_is_spelled_as_it_is_meant() {
        for (there, here) in [
            (r"\bab(?#why)c{2,3}", r"\babc{2,3}"),
            (r"\Qa.b+\E\d", r"a\.b\+\d"),
            (r"\<tag\>", "<tag>"),
            (r"^\${(?:x)}$", r"^\$\{(?:x)}$"),
            (r"x{,5}{a}y{2,}", r"x\{,5}\{a}y{2,}"),
            (r"[\w.-]{0,5}", r"[\w\.\-]{0,5}"),
            ("[a[b&&c]", r"[a\[b\&\&c]"),
            ("[--/]", r"[\--\/]"),
            ("[]a]", r"[\]a]"),
            ("[^]a-z[:alpha:]]", r"[^\]a-z[:alpha:]]"),
            (r"[\p{Greek}\x{41}]\x60", r"[\p{Greek}\x{41}]\x60"),
            (r"[^<>]", "[^<>]"),
        ] {
            assert_eq!(translated(there), here, "{there}");
        }
    }

    #[test]
    fn what_is_translated_is_a_pattern_that_means_the_same() {
        for (there, text, fits) in [
            (r"^\$(?:\d+|{\d+})$", "${12}", true),
            (r"^\$(?:\d+|{\d+})$", "$12}", false),
            ("^[--/]$", ".", true),
            ("^[--/]$", "0", false),
            ("^[a&&b]$", "&", true),
            ("^[a&&b]$", "a", true),
            (r"^import[ \t]+{x}$", "import {x}", true),
        ] {
            let regex = regex::Regex::new(&translated(there));
            assert_eq!(
                regex.map(|regex| regex.is_match(text)),
                Ok(fits),
                "{there} on {text}"
            );
        }
    }
}
