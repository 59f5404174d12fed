//! Escapes: signs that stand for a character each, and tags that stand for nothing.

use super::{super::map::Made, BORDER, Borders, Signs, bytes, encoded, tag};
use crate::entity;

/// The first two bytes of every tag character (U+E0000..U+E007F).
const TAG_LEAD: &str = "\u{e0041}";
/// The first byte of the first variation selectors; the others begin as tag characters do.
const SELECTOR_LEAD: &str = "\u{fe00}";

/// True where a text has characters that encode others invisibly.
pub(in super::super) fn has_tag_characters(text: &str) -> bool {
    let mut selectors = 0;
    !text.is_ascii()
        && text.chars().any(|c| {
            selectors = selector(c).map_or(0, |_| selectors + 1);
            tag_character(c).is_some() || selectors >= MIN_SELECTORS
        })
}

/// Variation selectors in a row that spell bytes at least; fewer may be what they are.
const MIN_SELECTORS: usize = 3;

/// The text with its escapes read and its tags left out or kept, `None` where that is the same; and true where a tag was
/// left out that has escapes or long words in it.
pub(super) fn decode(text: &str, keep_tags: bool) -> (Option<Made>, bool) {
    let mut pass = Pass::new(text, keep_tags);
    let mut at = 0;
    while let Some(next) = text.as_bytes()[at..].iter().position(|b| is_start(*b)) {
        at += next;
        at += pass.one(at).unwrap_or_else(|| step(text, at));
    }
    if pass.copied == 0 && pass.made.text.is_empty() {
        return (None, pass.hidden);
    }
    pass.made.copy(text, pass.copied, text.len());
    (Some(pass.made), pass.hidden)
}

/// The text of HTML as a reader sees it: tags and references only.
pub(in super::super) fn plain_of_html(html: &str) -> String {
    let mut pass = Pass::new(html, false);
    let mut at = 0;
    while let Some(next) = html[at..].find(['<', '&']) {
        at += next;
        at += pass.one(at).unwrap_or(1);
    }
    pass.made.copy(html, pass.copied, html.len());
    pass.made.text
}

fn is_start(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'%' | b'=' | b'\\')
        || byte == TAG_LEAD.as_bytes()[0]
        || byte == SELECTOR_LEAD.as_bytes()[0]
}

/// Bytes of the character at `at`.
fn step(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

struct Pass<'t> {
    text: &'t str,
    made: Made,
    copied: usize,
    keep_tags: bool,
    hidden: bool,
    /// A comment without an end was seen.
    open_comment: bool,
}

impl<'t> Pass<'t> {
    fn new(text: &'t str, keep_tags: bool) -> Pass<'t> {
        Pass {
            text,
            made: Made::default(),
            copied: 0,
            keep_tags,
            hidden: false,
            open_comment: false,
        }
    }

    /// Reads the escape at `at`; its length, or `None` where there is none.
    fn one(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        match rest.as_bytes().first()? {
            b'&' => {
                let (characters, length) = entity::at(rest)?;
                self.replace(at, length, &characters);
                Some(length)
            }
            b'<' => self.tag(at),
            b'%' => self
                .octets(at, percent, true)
                .or_else(|| self.unit(at, "%u")),
            b'=' => self.quoted(at),
            b'\\' => self
                .octets(at, backslash, true)
                .or_else(|| self.unit(at, "\\u")),
            _ => self.tag_characters(at).or_else(|| self.selectors(at)),
        }
    }

    fn replace(&mut self, at: usize, length: usize, with: &[char]) {
        self.made.copy(self.text, self.copied, at);
        for c in with {
            self.made.put(encoded(*c), at, at + length);
        }
        self.copied = at + length;
    }

    fn tag(&mut self, at: usize) -> Option<usize> {
        if self.keep_tags {
            // Nothing is looked for: where a comment ends would be asked again at each that begins inside of it.
            return None;
        }
        let rest = &self.text[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            // Looked for once: many that do not end must not cost more than one.
            self.open_comment = self.open_comment || !comment.contains("-->");
            if self.open_comment {
                return None;
            }
        }
        let tag = tag::at(rest)?;
        let inside = &rest[1..tag.length];
        self.hidden |= Signs::of(inside, Borders::Odd).encoded();
        self.replace(at, tag.length, tag.shown.as_slice());
        Some(tag.length)
    }

    /// A run of escapes that stand for a byte each.
    fn octets(
        &mut self,
        at: usize,
        one: fn(&str) -> Option<(u8, usize)>,
        latin: bool,
    ) -> Option<usize> {
        let mut octets = Vec::new();
        let mut end = at;
        while let Some((byte, length)) = one(&self.text[end..]) {
            octets.push((byte, end, end + length));
            end += length;
        }
        if octets.is_empty() {
            return None;
        }
        self.made.copy(self.text, self.copied, at);
        bytes::spell(&octets, self.text, latin, &mut self.made);
        self.copied = end;
        Some(end - at)
    }

    /// Quoted-printable: a soft line break, or octets in capital hex, as it is written; others only where they are UTF-8.
    fn quoted(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at + 1..];
        let blank = rest
            .bytes()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let line_end = match rest.as_bytes()[blank..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => {
                let capital = !rest.bytes().take(2).any(|b| b.is_ascii_lowercase());
                return self.octets(at, quoted, capital);
            }
        };
        let length = 1 + blank + line_end;
        self.replace(at, length, &[]);
        Some(length)
    }

    /// UTF-16 units in hex: `\u0047`, `\ud83d\ude00`, `\u{47}`, `\U00000047`, `%u0047`.
    fn unit(&mut self, at: usize, mark: &str) -> Option<usize> {
        let rest = &self.text[at..];
        let (c, length) = match unit(rest, mark) {
            Some(high @ 0xd800..=0xdbff) => {
                let low =
                    unit(rest.get(6..)?, mark).filter(|low| (0xdc00..0xe000).contains(low))?;
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (char::from_u32(code)?, 12)
            }
            Some(code) => (char::from_u32(code)?, 6),
            None => long(rest)?,
        };
        self.replace(at, length, &[c]);
        Some(length)
    }

    /// A run of variation selectors, each of which is a byte.
    fn selectors(&mut self, at: usize) -> Option<usize> {
        let mut end = at;
        let mut octets = Vec::new();
        for c in self.text[at..].chars() {
            let Some(byte) = selector(c) else { break };
            octets.push((byte, end, end + c.len_utf8()));
            end += c.len_utf8();
        }
        if octets.len() < MIN_SELECTORS {
            return None;
        }
        self.made.copy(self.text, self.copied, at);
        self.made.put(BORDER, at, end);
        bytes::spell(&octets, self.text, true, &mut self.made);
        self.made.put(BORDER, at, end);
        self.copied = end;
        Some(end - at)
    }

    /// A run of tag characters, which has a border to the text around it.
    fn tag_characters(&mut self, at: usize) -> Option<usize> {
        tag_character(self.text[at..].chars().next()?)?;
        self.made.copy(self.text, self.copied, at);
        let mut end = at;
        for c in self.text[at..].chars() {
            let Some(seen) = tag_character(c) else { break };
            if end == at {
                self.made.put(BORDER, at, at + c.len_utf8());
            }
            self.made.put(seen, end, end + c.len_utf8());
            end += c.len_utf8();
        }
        self.made.put(BORDER, at, end);
        self.copied = end;
        Some(end - at)
    }
}

/// The byte of a variation selector, in their order.
fn selector(c: char) -> Option<u8> {
    let byte = match c {
        '\u{fe00}'..='\u{fe0f}' => u32::from(c) - 0xfe00,
        '\u{e0100}'..='\u{e01ef}' => u32::from(c) - 0xe0100 + 16,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

fn tag_character(c: char) -> Option<char> {
    match c {
        '\u{e0020}'..='\u{e007e}' => char::from_u32(u32::from(c) - 0xe0000),
        _ => None,
    }
}

fn hex(text: &str, from: usize, digits: usize) -> Option<u32> {
    let digits = text.get(from..from + digits)?;
    let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| all)
}

fn octet(text: &str, mark: &str) -> Option<(u8, usize)> {
    let code = text.strip_prefix(mark).and_then(|rest| hex(rest, 0, 2))?;
    Some((u8::try_from(code).ok()?, mark.len() + 2))
}

fn percent(text: &str) -> Option<(u8, usize)> {
    octet(text, "%")
}

fn quoted(text: &str) -> Option<(u8, usize)> {
    octet(text, "=")
}

/// `\x47` or `\107`.
fn backslash(text: &str) -> Option<(u8, usize)> {
    octet(text, "\\x").or_else(|| {
        let digits = text.strip_prefix('\\')?.get(..3)?;
        let octal = digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
        let code = u8::from_str_radix(digits, 8).ok().filter(|_| octal)?;
        Some((code, 4))
    })
}

fn unit(text: &str, mark: &str) -> Option<u32> {
    text.strip_prefix(mark).and_then(|rest| hex(rest, 0, 4))
}

fn long(text: &str) -> Option<(char, usize)> {
    if text.starts_with("\\U") {
        return Some((char::from_u32(hex(text, 2, 8)?)?, 10));
    }
    let digits = text
        .strip_prefix("\\u{")?
        .bytes()
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    let closed = text.as_bytes().get(3 + digits) == Some(&b'}');
    let code = hex(text, 3, digits).filter(|_| closed && digits <= 6)?;
    Some((char::from_u32(code)?, digits + 4))
}
