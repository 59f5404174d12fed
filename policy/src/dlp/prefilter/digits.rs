//! Digits: how many every match of a pattern has within how many bytes, and whether a text has so many so near.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::unicode::ascii_digit;

/// Digits of a match that are told apart, at most.
pub(super) const MAX_DIGITS: usize = 32;
/// Digits of a text whose places are kept, at most; a text with more, or a longer one, may match everything.
const MAX_PLACES: usize = 1024;
/// Bytes of such a text at most, so that places are small: they are compared many times.
const MAX_BYTES: usize = u16::MAX as usize;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// The digits of a text.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    /// For every number of digits, the least bytes in which the text has so many.
    least: [usize; MAX_DIGITS + 1],
    /// Where they stand; `None` where they are too many.
    places: Option<Vec<u16>>,
}

impl Digits {
    /// Of a text that may have digits of other scripts, `odd`, each of its characters is looked at.
    pub(super) fn of_text(text: &str, odd: bool) -> Digits {
        let places = match odd {
            true => places_of_all(text),
            false => places(text.as_bytes()),
        };
        if places.len() > MAX_PLACES || text.len() > MAX_BYTES {
            return Digits {
                least: [0; MAX_DIGITS + 1],
                places: None,
            };
        }
        let near = |count: usize| {
            let lasts = places.get(count - 1..)?.iter();
            let least = places.iter().zip(lasts).map(|(first, last)| last - first);
            Some(usize::from(least.min()?) + 1)
        };
        let least = std::array::from_fn(|count| match count {
            0 => 0,
            count => near(count).unwrap_or(usize::MAX),
        });
        Digits {
            least,
            places: Some(places),
        }
    }

    /// True where `count` digits stand within `longest` bytes.
    pub(super) fn has(&self, count: usize, longest: Option<usize>) -> bool {
        let needed = self.least[count.min(MAX_DIGITS)];
        needed != usize::MAX && longest.is_none_or(|longest| needed <= longest)
    }

    /// Where everything stands that has `count` digits and at most `longest` bytes, and a byte after it; in order, none over
    /// another. `None` where that may be anywhere.
    pub(super) fn around(
        &self,
        count: usize,
        longest: Option<usize>,
    ) -> Option<Vec<(usize, usize)>> {
        let (places, longest) = (self.places.as_ref()?, longest?);
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for run in places.windows(count.clamp(1, MAX_DIGITS)) {
            let (first, last) = (usize::from(run[0]), usize::from(run[run.len() - 1]));
            let (start, end) = ((last + 1).saturating_sub(longest), first + longest + 1);
            match spans.last_mut() {
                _ if start > first => {}
                Some(span) if start <= span.1 => span.1 = end,
                _ => spans.push((start, end)),
            }
        }
        (count > 0).then_some(spans)
    }
}

/// Where digits stand, one more than are kept at most.
fn places(bytes: &[u8]) -> Vec<u16> {
    let mut places = Vec::new();
    for (block, part) in bytes.chunks(BLOCK).enumerate() {
        // Most parts of most texts have none, which is seen at once.
        if part
            .iter()
            .fold(false, |any, byte| any | byte.is_ascii_digit())
        {
            let digits = part
                .iter()
                .enumerate()
                .filter(|(_, byte)| byte.is_ascii_digit());
            places.extend(digits.map(|(at, _)| number(block * BLOCK + at)));
        }
        if places.len() > MAX_PLACES {
            places.truncate(MAX_PLACES + 1);
            break;
        }
    }
    places
}

/// The same with digits of every script, each where it begins.
fn places_of_all(text: &str) -> Vec<u16> {
    let digits = text
        .char_indices()
        .filter(|(_, c)| ascii_digit(*c).is_some());
    digits
        .map(|(at, _)| number(at))
        .take(MAX_PLACES + 1)
        .collect()
}

/// A place in a text; of one that is too long nobody asks for it.
fn number(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// Digits that every match has.
pub(super) fn of_pattern(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal
            .0
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .count(),
        HirKind::Class(class) => usize::from(is_digit_class(class)),
        HirKind::Capture(capture) => of_pattern(&capture.sub),
        HirKind::Repetition(again) => of_pattern(&again.sub).saturating_mul(again.min as usize),
        HirKind::Concat(list) => list.iter().map(of_pattern).fold(0, usize::saturating_add),
        HirKind::Alternation(list) => list.iter().map(of_pattern).min().unwrap_or(0),
    }
}

/// True where the class has digits only, of any script.
pub(super) fn is_digit_class(class: &Class) -> bool {
    match class {
        Class::Bytes(class) => class
            .iter()
            .all(|range| range.start().is_ascii_digit() && range.end().is_ascii_digit()),
        Class::Unicode(class) => class.iter().all(|range| {
            let mut chars = range.start()..=range.end();
            chars.all(|c| ascii_digit(c).is_some())
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[test]
    fn digits_are_counted_in_patterns_and_near_each_other_in_texts() {
        for (pattern, count) in [
            (r"\d{11}", 11),
            ("[0-9](?:[ -]?[0-9]){12,18}", 13),
            ("a[0-9]?|b[0-9]{2}", 0),
            ("20[0-9]{2}-[0-9]+", 5),
            ("[0-9a]{4}", 0),
        ] {
            let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
            assert_eq!(of_pattern(&hir), count, "{pattern}");
        }
        let digits = Digits::of_text("am 12.3. um 4", false);
        assert!(digits.has(3, Some(4)) && !digits.has(3, Some(3)));
        assert!(digits.has(4, None) && !digits.has(5, None));
    }

    #[test]
    fn what_has_digits_stands_around_them() {
        let digits = Digits::of_text("am 12.3. um 4", false);
        for (count, longest, expected) in [
            (2, Some(3), Some(vec![(2, 8)])),
            (4, Some(11), Some(vec![(2, 15)])),
            (1, Some(1), Some(vec![(3, 8), (12, 14)])),
            (4, Some(9), Some(vec![])),
            (0, Some(9), None),
            (1, None, None),
        ] {
            assert_eq!(
                digits.around(count, longest),
                expected,
                "{count} {longest:?}"
            );
        }
    }

    #[test]
    fn digits_of_other_scripts_count_where_a_text_may_have_them() {
        let digits = Digits::of_text("\u{664}\u{661} und \u{ff11}2, \u{1d7d8}", true);
        assert!(digits.has(5, None) && !digits.has(6, None));
        assert!(digits.has(2, Some(4)) && !digits.has(2, Some(2)));
        let letters = Digits::of_text("\u{4e00}\u{5b57} und \u{10348}", true);
        assert!(!letters.has(1, None));
    }
}
