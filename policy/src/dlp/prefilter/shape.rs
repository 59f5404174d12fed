//! The shape of four bytes in a row, each a letter, a digit, another ASCII sign or a part of something else: which
//! shapes a text has, and which of them every match of a pattern has.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::{
    digits::is_digit_class,
    literals::{FOLDED, flatten},
};

/// Bytes of a shape.
const LENGTH: usize = 4;
/// Spellings of a place that are followed, at most.
const MAX_ROADS: usize = 64;
/// A byte of any kind.
const ANY: u8 = 0b1111;

/// A set of shapes, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shapes([u64; 4]);

/// A byte of ASCII that is no letter and no digit.
const SIGN: u8 = 2;
/// Bytes that are looked at together.
const BLOCK: usize = 256;

/// Kind of a byte: 0 letter, 1 digit, 2 other ASCII, 3 no ASCII. Without branches, for many bytes at once.
#[inline]
const fn kind_of(byte: u8) -> u8 {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    SIGN + (byte >> 7) - 2 * letter as u8 - digit as u8
}

/// Marks the shape at each place of a block of kinds.
fn see(kinds: &[u8; BLOCK + LENGTH - 1], seen: &mut [bool; 256]) {
    let mut shapes = [0_u8; BLOCK];
    for (at, shape) in shapes.iter_mut().enumerate() {
        let next = |offset: usize| kinds[at + offset];
        *shape = next(0) << 6 | next(1) << 4 | next(2) << 2 | next(3);
    }
    shapes
        .iter()
        .for_each(|shape| seen[usize::from(*shape)] = true);
}

impl Shapes {
    /// The shapes of a text; what stands before it and follows its end counts as signs.
    pub(super) fn of_text(text: &str) -> Shapes {
        let mut seen = [false; 256];
        let mut block = [SIGN; BLOCK + LENGTH - 1];
        for bytes in text.as_bytes().chunks(BLOCK) {
            block.copy_within(BLOCK.., 0);
            let kinds = &mut block[LENGTH - 1..];
            kinds.fill(SIGN);
            kinds
                .iter_mut()
                .zip(bytes)
                .for_each(|(kind, byte)| *kind = kind_of(*byte));
            see(&block, &mut seen);
        }
        // The last bytes, where they end a block.
        block.copy_within(BLOCK.., 0);
        block[LENGTH - 1..].fill(SIGN);
        see(&block, &mut seen);
        let mut shapes = Shapes::default();
        let all = seen.iter().enumerate().filter(|(_, seen)| **seen);
        all.for_each(|(shape, _)| shapes.set(shape));
        shapes
    }

    /// Shapes of which every match has one, where that says something.
    pub(super) fn of_pattern(hir: &Hir) -> Option<Shapes> {
        best(hir).filter(|shapes| shapes.weight() < Shapes::COMMON)
    }

    pub(super) fn meets(self, other: Shapes) -> bool {
        (0..4).any(|part| self.0[part] & other.0[part] != 0)
    }

    fn set(&mut self, shape: usize) {
        self.0[shape >> 6] |= 1 << (shape & 63);
    }

    /// What every text of words has.
    const COMMON: usize = 10_000;

    /// How often such a shape is met: letters with at most one sign between them are everywhere.
    fn weight(self) -> usize {
        let one = |shape: usize| {
            let kinds = (0..LENGTH).map(|at| shape >> (2 * at) & 3);
            let digits = kinds.clone().filter(|kind| *kind == 1).count();
            let signs = kinds.filter(|kind| *kind == 2).count();
            match (digits, signs) {
                (0, 0..=2) => Self::COMMON,
                (0, _) => 100,
                (1, _) => 20,
                (2, _) => 5,
                _ => 1,
            }
        };
        (0..256)
            .filter(|shape| self.0[shape >> 6] >> (shape & 63) & 1 != 0)
            .map(one)
            .sum()
    }
}

/// The rarest set of shapes at any fixed place of the pattern.
fn best(hir: &Hir) -> Option<Shapes> {
    if let HirKind::Alternation(list) = hir.kind() {
        let each: Option<Vec<Shapes>> = list.iter().map(best).collect();
        return each.map(|list| list.into_iter().fold(Shapes::default(), Shapes::or));
    }
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let start = |at: usize| {
        let inner = match parts[at].kind() {
            HirKind::Alternation(_) => best(parts[at]),
            HirKind::Repetition(again) if again.min > 0 => best(&again.sub),
            _ => None,
        };
        [Some(from(&parts[at..])), inner]
            .into_iter()
            .flatten()
            .min_by_key(|shapes| shapes.weight())
    };
    (0..parts.len())
        .filter_map(start)
        .min_by_key(|shapes| shapes.weight())
}

/// Shapes that can stand where these parts begin.
fn from(parts: &[&Hir]) -> Shapes {
    let mut roads = vec![Vec::new()];
    for part in parts {
        roads = longer(roads, part);
        if roads.iter().all(|road| road.len() >= LENGTH) {
            break;
        }
    }
    let mut shapes = Shapes::default();
    roads.iter().for_each(|road| shapes.add(road));
    shapes
}

impl Shapes {
    fn or(self, other: Shapes) -> Shapes {
        Shapes(std::array::from_fn(|part| self.0[part] | other.0[part]))
    }

    /// All shapes of one road, which may end early.
    fn add(&mut self, road: &[u8]) {
        let mut all = vec![0_usize];
        for at in 0..LENGTH {
            let kinds = road.get(at).copied().unwrap_or(ANY);
            let next = |shape: &usize| {
                let shape = *shape;
                let allowed = (0..4).filter(move |kind| kinds >> kind & 1 != 0);
                allowed.map(move |kind| shape << 2 | kind)
            };
            all = all.iter().flat_map(next).collect();
        }
        all.into_iter().for_each(|shape| self.set(shape));
    }
}

/// Every road with the part after it; each byte is a set of kinds.
fn longer(roads: Vec<Vec<u8>>, part: &Hir) -> Vec<Vec<u8>> {
    let (open, mut done): (Vec<_>, Vec<_>) =
        roads.into_iter().partition(|road| road.len() < LENGTH);
    let ways = ways(part, 0);
    for road in open {
        for way in &ways {
            let mut longer = [road.as_slice(), way].concat();
            longer.truncate(LENGTH);
            done.push(longer);
        }
    }
    done.sort();
    done.dedup();
    if done.len() > MAX_ROADS {
        vec![vec![ANY; LENGTH]]
    } else {
        done
    }
}

/// What a part can begin with.
fn ways(part: &Hir, depth: usize) -> Vec<Vec<u8>> {
    let anything = || vec![vec![ANY; LENGTH]];
    if depth > 8 {
        return anything();
    }
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => {
            let kind = |byte: &u8| 1 << kind_of(*byte);
            vec![literal.0.iter().take(LENGTH).map(kind).collect()]
        }
        HirKind::Class(class) => one(class).map_or_else(anything, |kinds| vec![vec![kinds]]),
        HirKind::Capture(capture) => ways(&capture.sub, depth + 1),
        HirKind::Concat(list) => {
            let start = vec![Vec::new()];
            list.iter()
                .fold(start, |roads, part| join(roads, &ways(part, depth + 1)))
        }
        HirKind::Alternation(list) => {
            let all: Vec<_> = list.iter().flat_map(|part| ways(part, depth + 1)).collect();
            if all.len() > MAX_ROADS {
                anything()
            } else {
                all
            }
        }
        HirKind::Repetition(again) => {
            let inner = ways(&again.sub, depth + 1);
            let most = again.max.map_or(LENGTH, |max| max as usize).min(LENGTH);
            let least = (again.min as usize).min(most);
            let mut roads = vec![Vec::new()];
            let mut all = Vec::new();
            for count in 0..=most {
                if count >= least {
                    all.extend(roads.clone());
                }
                roads = join(roads, &inner);
            }
            if all.len() > MAX_ROADS {
                anything()
            } else {
                all
            }
        }
    }
}

fn join(roads: Vec<Vec<u8>>, ways: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for road in roads {
        for way in ways {
            let mut longer = [road.as_slice(), way].concat();
            longer.truncate(LENGTH);
            all.push(longer);
        }
    }
    all.sort();
    all.dedup();
    if all.len() > MAX_ROADS {
        vec![vec![ANY; LENGTH]]
    } else {
        all
    }
}

/// Kinds of the one byte that the class takes; `None` where a character may take more bytes.
fn one(class: &Class) -> Option<u8> {
    if is_digit_class(class) {
        return Some(1 << kind_of(b'0'));
    }
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        Class::Bytes(class) => {
            let ranges = class.iter();
            ranges
                .map(|range| (char::from(range.start()), char::from(range.end())))
                .collect()
        }
    };
    let folded = |c: char| FOLDED.iter().any(|(other, _)| *other == c);
    let mut kinds = 0;
    for (start, end) in ranges {
        if start == end && folded(start) {
            kinds |= 1 << kind_of(b'k');
        } else if !end.is_ascii() {
            return None;
        } else {
            (start..=end).for_each(|c| kinds |= 1 << kind_of((c as u32 & 0x7f) as u8));
        }
    }
    Some(kinds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    fn may_match(pattern: &str, text: &str) -> bool {
        let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
        Shapes::of_pattern(&hir).is_none_or(|shapes| shapes.meets(Shapes::of_text(text)))
    }

    #[test]
    fn a_text_without_the_shape_cannot_match() {
        let iban = r"(?i)(?:^|[^0-9a-z])([a-z]{2}[0-9]{2}(?:[ .-]?[0-9a-z]){11,30})";
        let card = "[0-9](?:[ -]?[0-9]){12,18}";
        for (pattern, text, expected) in [
            (iban, "de89 3704", true),
            (iban, "heute um 14:30 Uhr, Raum 4", false),
            (card, "4 1 1 1", true),
            (card, "um 14 Uhr", false),
            (r"\d{3}", "123", true),
            (r"\d{3}", "12 3", false),
            ("[a-z]+", "ab", true),
            (r"x\d", "x1", true),
            (r"(?:a1|b22)", "a1", true),
            (r"(?:a1|b22)", "a 1", false),
        ] {
            assert_eq!(may_match(pattern, text), expected, "{pattern} {text}");
        }
    }
}
