//! The skeleton view: letters of other scripts as the Latin letters that they look like.
//!
//! ASCII stays, so that numbers stay numbers; only in words of capitals `l`, `1` and `|` are seen as `I`, `0` as `O`.
//! German umlauts and ß stay, because markings are written with them; every other accent is left out.

use std::sync::LazyLock;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::skeleton as prototypes;

use super::map::Made;
use crate::unicode::is_alphanumeric;

/// Scripts up to here are looked up in a table that is made once.
const TABLE_CHARS: u32 = 0x3000;

/// Makes the view of a text.
pub(super) fn skeleton(text: &str) -> Made {
    let mut made = Made::default();
    let mut copied = 0;
    for (start, end) in words(text) {
        let word = &text[start..end];
        if word.is_ascii() && !has_stand_in(word.as_bytes()) {
            continue;
        }
        made.copy(text, copied, start);
        spell(word, start, &mut made);
        copied = end;
    }
    made.copy(text, copied, text.len());
    made
}

/// True for letters of German that are meant as they are.
pub(super) fn is_kept(c: char) -> bool {
    matches!(c, 'ä' | 'ö' | 'ü' | 'Ä' | 'Ö' | 'Ü' | 'ß')
}

/// True where a word of ASCII has a sign that may stand for a capital.
pub(super) fn has_stand_in(word: &[u8]) -> bool {
    let upper = word.iter().filter(|b| b.is_ascii_uppercase()).count();
    upper >= 2 && word.iter().any(|b| matches!(b, b'l' | b'1' | b'0' | b'|'))
}

/// Start and end of every word, with the marks and strokes in it.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_word)?;
        let length = text[start..].find(|c| !is_word(c));
        at = length.map_or(text.len(), |length| start + length);
        Some((start, at))
    })
}

fn is_word(c: char) -> bool {
    is_alphanumeric(c) || c == '|' || (!c.is_ascii() && (is_combining_mark(c) || look(c).is_some()))
}

/// A letter of a word under way.
struct Letter {
    seen: char,
    written: char,
    start: usize,
    end: usize,
}

fn spell(word: &str, offset: usize, made: &mut Made) {
    let mut letters: Vec<Letter> = word
        .char_indices()
        .filter(|(_, c)| !is_combining_mark(*c))
        .map(|(at, c)| Letter {
            seen: look(c).unwrap_or(c),
            written: c,
            start: offset + at,
            end: offset + at + c.len_utf8(),
        })
        .collect();
    if is_capital(&letters) {
        letters.iter_mut().for_each(Letter::stand_in);
    }
    for letter in letters {
        made.put(letter.seen, letter.start, letter.end);
    }
}

/// True for a word of capitals, in which few signs may stand for capitals.
fn is_capital(letters: &[Letter]) -> bool {
    let count = |test: fn(&Letter) -> bool| letters.iter().filter(|letter| test(letter)).count();
    let upper = count(|letter| letter.seen.is_uppercase());
    let signs = count(|letter| matches!(letter.seen, '0' | '1' | '|'));
    let numbers = count(|letter| matches!(letter.seen, '2'..='9'));
    let lower = count(|letter| letter.seen.is_lowercase() && !letter.is_stand_in());
    upper >= 2 && numbers == 0 && signs * 2 <= upper && lower * 3 <= upper
}

impl Letter {
    fn is_stand_in(&self) -> bool {
        self.seen == 'l' || SMALL_OF_CAPITAL_SHAPE.contains(self.written)
    }

    fn stand_in(&mut self) {
        self.seen = match self.seen {
            'l' | '1' | '|' => 'I',
            '0' => 'O',
            c if self.is_stand_in() => c.to_ascii_uppercase(),
            c => c,
        };
    }
}

/// Small letters that look like small capitals.
const SMALL_OF_CAPITAL_SHAPE: &str = "вкмнтκτ";

/// The ASCII letter or digit that a character looks like, `None` for ASCII and for what looks like nothing else.
pub(super) fn look(c: char) -> Option<char> {
    let code = u32::from(c);
    if c.is_ascii() {
        None
    } else if code < TABLE_CHARS {
        let seen = *TABLE.get(code as usize)?;
        (seen != 0).then(|| char::from(seen))
    } else {
        look_up(c)
    }
}

static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let seen = |code| char::from_u32(code).and_then(look_up);
    (0..TABLE_CHARS)
        .map(|code| seen(code).and_then(|c| u8::try_from(c).ok()).unwrap_or(0))
        .collect()
});

fn look_up(c: char) -> Option<char> {
    if c.is_ascii() || is_kept(c) {
        return None;
    }
    enclosed(c)
        .or_else(|| own(c))
        .or_else(|| unaccented(c))
        .or_else(|| prototype(c))
}

fn own(c: char) -> Option<char> {
    // None of them stands elsewhere, and most characters that are looked up do.
    if u32::from(c) >= TABLE_CHARS && !OWN_ABOVE_TABLE.contains(&c) {
        return None;
    }
    let found = OWN.iter().find(|(like, _)| like.contains(c));
    found.map(|(_, seen)| *seen)
}

/// Where those of [`OWN`] stand that are not in the table.
const OWN_ABOVE_TABLE: std::ops::RangeInclusive<char> = '\u{a700}'..='\u{a7ff}';

/// Letters in circles, squares and flags.
fn enclosed(c: char) -> Option<char> {
    let first = match c {
        '\u{1f110}'..='\u{1f129}' => 0x1f110,
        '\u{1f130}'..='\u{1f149}' => 0x1f130,
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1f1e6,
        _ => return None,
    };
    char::from_u32(u32::from(c) - first + u32::from('A'))
}

/// The letter under an accent, where it is ASCII or looks like it.
fn unaccented(c: char) -> Option<char> {
    let text = [c];
    let mut parts = text.into_iter().nfd();
    let base = parts.next().filter(|base| *base != c)?;
    if base.is_ascii_alphabetic() {
        Some(base)
    } else {
        look_up(base)
    }
}

/// What the confusables of Unicode say, where it is one letter or digit.
fn prototype(c: char) -> Option<char> {
    let mut buffer = [0; 4];
    let seen: String = prototypes(c.encode_utf8(&mut buffer)).take(3).collect();
    let mut signs = seen.chars();
    match (signs.next()?, signs.next()) {
        // The prototype of I, l, 1 and | alike.
        ('l', None) if !c.is_lowercase() => Some('I'),
        (seen, None) if seen.is_ascii_alphanumeric() => Some(seen),
        ('r', Some('n')) if signs.next().is_none() => Some('m'),
        _ => None,
    }
}

/// Look-alikes that the confusables of Unicode do not lead to the letter that a reader takes them for: small capitals, and
/// small letters in the shape of capitals.
const OWN: [(&str, char); 47] = [
    ("ᴀ", 'A'),
    ("ʙ", 'B'),
    ("ᴄ", 'C'),
    ("ᴅ", 'D'),
    ("ᴇⲈ", 'E'),
    ("ꜰ", 'F'),
    ("ɢ", 'G'),
    ("ʜ", 'H'),
    ("ɪᏆ", 'I'),
    ("ᴊ", 'J'),
    ("ᴋ", 'K'),
    ("ʟԼ", 'L'),
    ("ᴍ", 'M'),
    ("ɴ", 'N'),
    ("ᴏ", 'O'),
    ("ᴘ", 'P'),
    ("ꞯ", 'Q'),
    ("ʀ", 'R'),
    ("ꜱ", 'S'),
    ("ᴛ", 'T'),
    ("ᴜ", 'U'),
    ("ᴠ", 'V'),
    ("ᴡ", 'W'),
    ("ʏ", 'Y'),
    ("ᴢ", 'Z'),
    ("Ⲁ", 'A'),
    ("ⲁ", 'a'),
    ("вβьƅⲃ", 'b'),
    ("єεⲉ", 'e'),
    ("нⲏ", 'h'),
    ("кκĸⲕ", 'k'),
    ("мⲙ", 'm'),
    ("ηпπⲛ", 'n'),
    ("я", 'r'),
    ("тτⲧ", 't'),
    ("цμⲩ", 'u'),
    ("ωщⲱ", 'w'),
    ("χⲭ", 'x'),
    ("ч", 'y'),
    ("з", 'z'),
    ("Я", 'R'),
    ("И", 'N'),
    ("Ш", 'W'),
    ("Є", 'E'),
    ("Ц", 'U'),
    ("Σ", 'E'),
    ("Λ", 'A'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        skeleton(text).text
    }

    #[test]
    fn cyrillic_and_greek_look_alikes_are_latin_letters() {
        for (written, latin) in [
            ("АВЕКМНОРСТУХІЅЈԚԜҮ", "ABEKMHOPCTYXISJQWY"),
            ("аеорсухіѕјԛԝһвкмнт", "aeopcyxisjqwhbkmht"),
            ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
            ("αονρικτυχϲ", "aovpiktuxc"),
            ("ᏀᎬᎻᎬᏆᎷ", "GEHEIM"),
            ("ꓖꓰꓧꓰꓲꓟ", "GEHEIM"),
            ("ⲤⲎⲒⲘⲞ", "CHIMO"),
            ("ɢᴇʜᴇɪᴍ", "GEHEIM"),
            ("🅶🅴🅗🅔🇮🇲", "GEHEIM"),
            ("GÉHÈÍM", "GEHEIM"),
            ("Ģȩḣeim", "Geheim"),
            ("GΈHΈIM", "GEHEIM"),
        ] {
            assert_eq!(seen(written), latin, "{written:?}");
        }
    }

    #[test]
    fn small_palochka_is_l_and_in_capitals_i() {
        assert_eq!(seen("geһeіm ӏ"), "geheim l");
        assert_eq!(seen("GEHEӏM"), "GEHEIM");
    }

    #[test]
    fn signs_stand_for_capitals_in_words_of_capitals_only() {
        for (written, read) in [
            ("GEHElM GEHE1M GEHE|M", "GEHEIM GEHEIM GEHEIM"),
            ("C0SMIC T0P SECRET", "COSMIC TOP SECRET"),
            ("GEнEIм", "GEHEIM"),
            ("Hallo 100 AB 10 l1", "Hallo 100 AB 10 l1"),
            ("DE10 DE89370400440532013000", "DE10 DE89370400440532013000"),
            ("A000500015 USB2 H1N1", "A000500015 USB2 H1N1"),
        ] {
            assert_eq!(seen(written), read, "{written:?}");
        }
    }

    #[test]
    fn own_look_alikes_stand_where_they_are_looked_for() {
        let all = OWN
            .iter()
            .flat_map(|(like, seen)| like.chars().map(|c| (c, *seen)));
        for (c, seen) in all {
            assert_eq!(own(c), Some(seen), "{c:?}");
        }
    }

    #[test]
    fn umlauts_stay() {
        assert_eq!(seen("VS-NUR FÜR Grüße ÄÖÜ"), "VS-NUR FÜR Grüße ÄÖÜ");
    }

    #[test]
    fn own_look_alikes_are_those_that_the_confusables_do_not_lead_to_the_same_letter() {
        let same = |(like, letter): (&str, char)| {
            let like: Vec<char> = like.chars().collect();
            like.into_iter()
                .filter(move |c| prototype(*c) == Some(letter))
        };
        let needless: String = OWN.into_iter().flat_map(same).collect();
        assert_eq!(needless, "");
    }
}
