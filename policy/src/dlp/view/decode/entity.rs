//! Character references of HTML, named and numbered, also without their semicolon where browsers read them so.

use std::{collections::HashMap, sync::LazyLock};

/// Digits of a numbered reference at most; more are no reference.
const MAX_DIGITS: usize = 12;
/// Bytes of a name at most.
const MAX_NAME_BYTES: usize = 33;

/// What the reference at the start of `text` stands for, and its length in bytes.
pub(super) fn at(text: &str) -> Option<(Vec<char>, usize)> {
    let rest = text.strip_prefix('&')?;
    match rest.strip_prefix('#') {
        Some(number) => numbered(number).map(|(c, length)| (vec![c], length + 2)),
        None => named(text),
    }
}

fn numbered(text: &str) -> Option<(char, usize)> {
    let (radix, skip) = match text.as_bytes().first()? {
        b'x' | b'X' => (16, 1),
        _ => (10, 0),
    };
    let digits = text[skip..]
        .bytes()
        .take_while(|b| char::from(*b).is_digit(radix))
        .count();
    if digits == 0 || digits > MAX_DIGITS {
        return None;
    }
    let end = skip + digits;
    let code = u32::from_str_radix(&text[skip..end], radix).ok()?;
    let semicolon = text[end..].starts_with(';');
    Some((char::from_u32(code)?, end + usize::from(semicolon)))
}

fn named(text: &str) -> Option<(Vec<char>, usize)> {
    let bytes = text.as_bytes();
    let word = bytes.iter().skip(1).take(MAX_NAME_BYTES);
    let letters = 1 + word.take_while(|b| b.is_ascii_alphanumeric()).count();
    let end = letters + usize::from(bytes.get(letters) == Some(&b';'));
    (3..=end).rev().find_map(|end| {
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
