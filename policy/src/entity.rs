//! Character references of HTML as browsers read them, for labels typed into a text and for detectors: both must see what
//! a reader sees. Numbers and the old names count without their semicolon too, which the standard of HTML calls a mistake
//! and then shows all the same.

use std::{collections::HashMap, sync::LazyLock};

/// Bytes of the shortest name with its `&`.
const MIN_NAME_BYTES: usize = 3;
/// Letters and digits of a name at most.
const MAX_NAME_BYTES: usize = 33;
/// What browsers show for a number that is no character.
const NO_CHARACTER: char = char::REPLACEMENT_CHARACTER;

/// What the reference at the start of `text` stands for, and its length in bytes; `None` where `&` is text.
pub(crate) fn at(text: &str) -> Option<(Vec<char>, usize)> {
    let rest = text.strip_prefix('&')?;
    match rest.strip_prefix('#') {
        Some(number) => numbered(number).map(|(c, length)| (vec![c], length + 2)),
        None => named(text),
    }
}

/// `65;` or `x41;`, of any length; `None` where there is no digit.
fn numbered(text: &str) -> Option<(char, usize)> {
    let (radix, skip) = match text.as_bytes().first()? {
        b'x' | b'X' => (16, 1),
        _ => (10, 0),
    };
    let digits = text.get(skip..)?;
    let count = digits
        .bytes()
        .take_while(|b| char::from(*b).is_digit(radix))
        .count();
    let number = digits.get(..count).filter(|number| !number.is_empty())?;
    // More digits than fit make no character.
    let code = u32::from_str_radix(number, radix).unwrap_or(u32::MAX);
    let semicolon = digits.as_bytes().get(count) == Some(&b';');
    Some((character(code), skip + count + usize::from(semicolon)))
}

/// The character that browsers show for a number.
fn character(code: u32) -> char {
    let old = code
        .checked_sub(0x80)
        .and_then(|at| WINDOWS_1252.get(usize::try_from(at).ok()?));
    char::from_u32(*old.unwrap_or(&code))
        .filter(|c| *c != '\0')
        .unwrap_or(NO_CHARACTER)
}

/// The longest name that the text begins with.
fn named(text: &str) -> Option<(Vec<char>, usize)> {
    let bytes = text.as_bytes();
    let word = bytes.iter().skip(1).take(MAX_NAME_BYTES);
    let letters = 1 + word.take_while(|b| b.is_ascii_alphanumeric()).count();
    let end = letters + usize::from(bytes.get(letters) == Some(&b';'));
    (MIN_NAME_BYTES..=end).rev().find_map(|end| {
        let characters = NAMES.get(text.get(..end)?)?;
        Some((characters.chars().collect(), end))
    })
}

/// The list of HTML, with those that need no semicolon in both forms.
static NAMES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let all = entities::ENTITIES.iter();
    all.map(|entity| (entity.entity, entity.characters))
        .collect()
});

/// What the numbers from 0x80 on mean to browsers: the characters of Windows-1252.
const WINDOWS_1252: [u32; 32] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
    0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
    0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The text as a browser shows it.
    fn shown(mut text: &str) -> String {
        let mut shown = String::new();
        while let Some(first) = text.chars().next() {
            let (characters, length) = at(text).unwrap_or((vec![first], first.len_utf8()));
            shown.extend(characters);
            text = &text[length..];
        }
        shown
    }

    #[test]
    fn a_reference_is_what_browsers_show() {
        for (html, text) in [
            ("&#71;EHEIM", "GEHEIM"),
            ("&#x47EHEIM", "\u{47e}HEIM"),
            ("&#X47;EHEIM", "GEHEIM"),
            ("&#71EHEIM", "GEHEIM"),
            ("&#0000000000000000000000000000000000000071;EHEIM", "GEHEIM"),
            ("VS&#150;NfD", "VS\u{2013}NfD"),
            ("&lt;b&gt;", "<b>"),
            ("F&uumlR", "FüR"),
            ("&ampb;", "&b;"),
            ("&notit; &notin;", "¬it; ∉"),
            ("&NotEqualTilde;", "≂\u{338}"),
            ("&CounterClockwiseContourIntegral;", "∳"),
            ("&ZeroWidthSpace;", "\u{200b}"),
        ] {
            assert_eq!(shown(html), text, "{html}");
        }
    }

    #[test]
    fn a_number_that_is_no_character_shows_as_a_sign_of_its_own() {
        for html in ["&#0;", "&#xd800;", "&#x110000;", "&#99999999999;"] {
            assert_eq!(shown(html), "\u{fffd}", "{html}");
        }
    }

    #[test]
    fn an_ampersand_that_begins_nothing_is_text() {
        for text in [
            "&", "& so", "AT&T: 3", "R&#D", "&#;", "&#x;", "&nosuch;", "&ü;", "&dash",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
