//! Digits: how many every match of a pattern has within how many bytes, and whether a text has so many so near.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::literals::flatten;
use crate::unicode::ascii_digit;

/// Digits of a match that are told apart, at most.
pub(super) const MAX_DIGITS: usize = 32;
/// Digits of a text whose places are kept, at most; of a text with more, or a longer one, their number alone counts.
const MAX_PLACES: usize = 4096;
/// Bytes of such a text at most, so that places are small: they are compared many times.
const MAX_BYTES: usize = u16::MAX as usize;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// For every number of digits, the least bytes in which a text has so many.
type Least = [usize; MAX_DIGITS + 1];

/// The digits of a text.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    least: Least,
    /// The same without a letter of ASCII among them: a date and a time are no long number.
    in_a_row: Least,
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
            let mut least = [0; MAX_DIGITS + 1];
            // So many it has not, wherever they are.
            least
                .iter_mut()
                .skip(places.len() + 1)
                .for_each(|least| *least = usize::MAX);
            return Digits {
                least,
                in_a_row: least,
                places: None,
            };
        }
        let mut in_a_row = NOWHERE;
        for row in places.chunk_by(|one, next| no_letter(text, *one, *next)) {
            note_least(row, &mut in_a_row);
        }
        let mut least = NOWHERE;
        note_least(&places, &mut least);
        Digits {
            least,
            in_a_row,
            places: Some(places),
        }
    }

    /// True where `count` digits stand within `longest` bytes.
    pub(super) fn has(&self, count: usize, longest: Option<usize>) -> bool {
        fit(&self.least, count, longest)
    }

    /// True where so many stand so near without a letter among them.
    pub(super) fn has_in_a_row(&self, row: Row) -> bool {
        fit(&self.in_a_row, row.digits, row.longest)
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

/// No digit but none.
const NOWHERE: Least = {
    let mut least = [usize::MAX; MAX_DIGITS + 1];
    least[0] = 0;
    least
};

fn fit(least: &Least, count: usize, longest: Option<usize>) -> bool {
    let needed = least[count.min(MAX_DIGITS)];
    needed != usize::MAX && longest.is_none_or(|longest| needed <= longest)
}

/// Where digits at these places stand nearer to each other than was known.
fn note_least(places: &[u16], least: &mut Least) {
    for (count, least) in least.iter_mut().enumerate().skip(1) {
        let Some(lasts) = places.get(count - 1..) else {
            return;
        };
        let spans = places.iter().zip(lasts).map(|(first, last)| last - first);
        if let Some(span) = spans.min() {
            *least = usize::from(span).saturating_add(1).min(*least);
        }
    }
}

/// True where no letter of ASCII stands between two digits.
fn no_letter(text: &str, one: u16, next: u16) -> bool {
    let between = text.as_bytes().get(usize::from(one)..usize::from(next));
    !between
        .unwrap_or_default()
        .iter()
        .any(u8::is_ascii_alphabetic)
}

/// Where digits stand, one more than are kept at most.
fn places(bytes: &[u8]) -> Vec<u16> {
    let mut places = Vec::new();
    for (block, part) in bytes.chunks(BLOCK).enumerate() {
        // Most parts of most texts have none, which is seen at once.
        let any = |any, byte: &u8| any | byte.is_ascii_digit();
        if !part.iter().fold(false, any) {
            continue;
        }
        let bit =
            |digits, (at, byte): (usize, &u8)| digits | u64::from(byte.is_ascii_digit()) << at;
        let mut digits = part.iter().enumerate().fold(0_u64, bit);
        while digits != 0 {
            places.push(number(block * BLOCK + digits.trailing_zeros() as usize));
            digits &= digits - 1;
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

/// Digits that every match has without a letter of ASCII among them, and within how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    digits: usize,
    /// `None` where that has no bound.
    longest: Option<usize>,
}

/// The best row of a pattern.
pub(super) fn row_of(hir: &Hir) -> Row {
    if has_no_letter(hir) {
        return Row {
            digits: of_pattern(hir),
            longest: hir.properties().maximum_len(),
        };
    }
    match hir.kind() {
        HirKind::Capture(capture) => row_of(&capture.sub),
        HirKind::Repetition(again) if again.min > 0 => row_of(&again.sub),
        HirKind::Concat(_) => row_of_parts(hir),
        HirKind::Alternation(list) => {
            let rows = list.iter().map(row_of);
            let either = |one: Row, other: Row| Row {
                digits: one.digits.min(other.digits),
                longest: one.longest.zip(other.longest).map(|(a, b)| a.max(b)),
            };
            rows.reduce(either).unwrap_or_default()
        }
        _ => Row::default(),
    }
}

/// That of each part by itself, and of all parts without letters side by side.
fn row_of_parts(hir: &Hir) -> Row {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let rows = parts.chunk_by(|one, next| has_no_letter(one) && has_no_letter(next));
    let row = |parts: &[&Hir]| {
        let add = |one: Row, other: Row| Row {
            digits: one.digits.saturating_add(other.digits),
            longest: one
                .longest
                .zip(other.longest)
                .map(|(a, b)| a.saturating_add(b)),
        };
        parts.iter().map(|part| row_of(part)).reduce(add)
    };
    let best = rows.filter_map(row).max_by_key(|row| row.digits);
    best.unwrap_or_default()
}

/// True where nothing that the pattern matches holds a letter of ASCII.
fn has_no_letter(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => !literal.0.iter().any(u8::is_ascii_alphabetic),
        HirKind::Class(class) => is_without_letters(class),
        HirKind::Capture(capture) => has_no_letter(&capture.sub),
        HirKind::Repetition(again) => has_no_letter(&again.sub),
        HirKind::Concat(list) | HirKind::Alternation(list) => list.iter().all(has_no_letter),
    }
}

fn is_without_letters(class: &Class) -> bool {
    let apart = |start: u32, end: u32| {
        let letters = ['A'..='Z', 'a'..='z'];
        letters
            .iter()
            .all(|all| end < u32::from(*all.start()) || u32::from(*all.end()) < start)
    };
    match class {
        Class::Bytes(class) => class
            .iter()
            .all(|range| apart(range.start().into(), range.end().into())),
        Class::Unicode(class) => class
            .iter()
            .all(|range| apart(range.start().into(), range.end().into())),
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
    fn letters_part_digits_that_a_pattern_has_in_a_row() {
        let row = |digits, longest| Row { digits, longest };
        for (pattern, expected) in [
            (r"\d{4}[ -]?\d{4}", row(8, Some(33))),
            (
                "(?:^|[^0-9A-Za-z])([0-9]{2}(?:[ .][0-9]{3}){2})(?:$|[^0-9A-Z])",
                row(8, Some(14)),
            ),
            ("[0-9]{2}[A-Z][0-9]{3}", row(3, Some(3))),
            ("(?:DE)?[0-9]{9}x?", row(9, Some(9))),
            ("[0-9]{5}|[0-9]{3}a", row(3, Some(5))),
            ("[0-9]{2}.*[0-9]{4}", row(4, Some(4))),
            ("(?:[0-9]{2}[a-f])+", row(2, Some(2))),
            ("[a-z]{3}", row(0, None)),
        ] {
            let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
            let row = row_of(&hir);
            assert_eq!(row.digits, expected.digits, "{pattern}");
            if row.digits > 0 {
                assert_eq!(row.longest, expected.longest, "{pattern}");
            }
        }
        let digits = Digits::of_text("am 14.11.2026 um 09:30, Nr. 12", false);
        assert!(digits.has(12, Some(20)));
        assert!(digits.has_in_a_row(row(8, Some(10))));
        assert!(!digits.has_in_a_row(row(9, None)) && !digits.has_in_a_row(row(8, Some(9))));
        let digits = Digits::of_text("\u{661}\u{662}\u{e4}\u{663}x\u{664}", true);
        assert!(digits.has_in_a_row(row(3, Some(8))) && !digits.has_in_a_row(row(4, None)));
    }

    #[test]
    fn of_texts_with_too_many_digits_or_too_long_ones_nothing_is_ruled_out() {
        let sure = |text: &str| {
            let digits = Digits::of_text(text, false);
            !digits.has(9, Some(9)) && digits.around(9, Some(9)).is_some()
        };
        let text = |length: usize| "a".repeat(length);
        assert!(sure(&text(MAX_BYTES)) && !sure(&text(MAX_BYTES + 1)));
        let long = Digits::of_text(&format!("12 {} 3", text(MAX_BYTES)), false);
        assert!(long.has(3, Some(3)) && !long.has(4, None));
        let pairs = |count: usize| "1a".repeat(count);
        assert!(sure(&pairs(MAX_PLACES)) && !sure(&pairs(MAX_PLACES + 1)));
        let last = format!("{}123456789", text(MAX_BYTES - 9));
        let digits = Digits::of_text(&last, false);
        assert_eq!(
            digits.around(9, Some(9)),
            Some(vec![(MAX_BYTES - 9, MAX_BYTES + 1)])
        );
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
