//! The start of a pattern as steps from byte to byte, each class rounded up to what two kinds of bytes make.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use super::{KINDS, KINDS_OF};

/// Steps of one pattern at most, with all ways that it may go.
const MAX_STEPS: usize = 256;
/// Alternatives of fixed bytes that are kept apart, at most; more become one for each length.
const MAX_WAYS: usize = 4;

/// The start of a pattern.
#[derive(Clone, Debug)]
pub(in crate::dlp::prefilter) struct Steps(Vec<Step>);

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Byte(Kind),
    /// The start of the text.
    Start,
    /// At the start of a pattern: the start of the text, or behind such a byte.
    Border(Kind),
    Either(Vec<Vec<Step>>),
    /// So many times or less.
    Maybe(Vec<Step>, usize),
}

/// A set of bytes: those of one kind or not, and those of another or not, or all but these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) one: usize,
    pub(super) other: usize,
    /// All bits or none.
    pub(super) not_one: u64,
    pub(super) not_other: u64,
    pub(super) not_both: u64,
    /// True where the step takes characters of several bytes.
    pub(super) wide: bool,
}

/// A set of bytes, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set([u64; 4]);

/// The same before sets are rounded up.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Bytes(Set, bool),
    Start,
    Either(Vec<Vec<Part>>),
    Maybe(Vec<Part>, usize),
}

/// Parts in a row, and the bytes that they take at most; cut where the room ends.
struct Row {
    parts: Vec<Part>,
    bytes: usize,
    cut: bool,
}

impl Steps {
    pub(super) fn list(&self) -> &[Step] {
        &self.0
    }
}

pub(super) fn of_pattern(hir: &Hir, room: usize) -> Option<Steps> {
    let row = row(hir, room);
    let mut steps = rounded(&row.parts);
    if let Some(kind) = steps.first().and_then(border) {
        steps[0] = Step::Border(kind);
    }
    let says = |step: &Step| matches!(step, Step::Byte(_) | Step::Either(_));
    (count(&steps) <= MAX_STEPS && steps.iter().any(says)).then_some(Steps(steps))
}

/// The kind of bytes of `^|[^0-9A-Za-z]` and its like, with which many patterns start.
fn border(step: &Step) -> Option<Kind> {
    let Step::Either(ways) = step else {
        return None;
    };
    let kind = match (ways.first()?.as_slice(), ways.get(1)?.as_slice()) {
        ([Step::Start], [Step::Byte(kind)]) | ([Step::Byte(kind)], [Step::Start]) => kind,
        _ => return None,
    };
    (ways.len() == 2).then(|| kind.clone())
}

fn count(steps: &[Step]) -> usize {
    let one = |step: &Step| match step {
        Step::Byte(_) | Step::Start | Step::Border(_) => 1,
        Step::Either(ways) => ways.iter().map(|way| count(way)).sum(),
        Step::Maybe(steps, times) => count(steps) * times,
    };
    steps.iter().map(one).sum()
}

impl Row {
    fn new(parts: Vec<Part>, bytes: usize) -> Row {
        Row {
            parts,
            bytes,
            cut: false,
        }
    }

    fn cut(parts: Vec<Part>, bytes: usize) -> Row {
        Row {
            parts,
            bytes,
            cut: true,
        }
    }

    /// Appends the next row, which was made for the room that is left.
    fn then(&mut self, next: Row) {
        self.parts.extend(next.parts);
        self.bytes += next.bytes;
        self.cut = next.cut;
    }
}

fn row(hir: &Hir, room: usize) -> Row {
    match hir.kind() {
        HirKind::Empty => Row::new(Vec::new(), 0),
        HirKind::Look(Look::Start) => Row::new(vec![Part::Start], 0),
        HirKind::Look(_) => Row::new(Vec::new(), 0),
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter().take(room);
            let parts: Vec<Part> = bytes
                .map(|byte| Part::Bytes(Set::of(*byte), false))
                .collect();
            let bytes = parts.len();
            if bytes < literal.0.len() {
                Row::cut(parts, bytes)
            } else {
                Row::new(parts, bytes)
            }
        }
        HirKind::Class(class) => {
            let (set, bytes) = bytes_of(class);
            if bytes > room {
                Row::cut(Vec::new(), 0)
            } else {
                Row::new(vec![Part::Bytes(set, set.has_wide())], bytes)
            }
        }
        HirKind::Capture(capture) => row(&capture.sub, room),
        HirKind::Concat(list) => in_a_row(list.iter(), room),
        HirKind::Alternation(list) => either(list, room),
        HirKind::Repetition(again) => repeated(again, room),
    }
}

fn in_a_row<'h>(list: impl Iterator<Item = &'h Hir>, room: usize) -> Row {
    let mut all = Row::new(Vec::new(), 0);
    for hir in list {
        all.then(row(hir, room - all.bytes));
        if all.cut {
            break;
        }
    }
    all
}

/// After a way that is cut nothing is known.
fn either(list: &[Hir], room: usize) -> Row {
    let rows: Vec<Row> = list.iter().map(|way| row(way, room)).collect();
    let bytes = rows.iter().map(|row| row.bytes).max().unwrap_or(0);
    let cut = rows.iter().any(|row| row.cut);
    let ways = merged(rows.into_iter().map(|row| row.parts).collect());
    Row {
        parts: vec![Part::Either(ways)],
        bytes,
        cut,
    }
}

/// Many ways of fixed bytes as one for each length, which takes more.
fn merged(ways: Vec<Vec<Part>>) -> Vec<Vec<Part>> {
    let fixed = |way: &Vec<Part>| way.iter().all(|part| matches!(part, Part::Bytes(..)));
    if ways.len() <= MAX_WAYS || !ways.iter().all(fixed) {
        return ways;
    }
    let mut merged: Vec<Vec<Part>> = Vec::new();
    for way in ways {
        match merged.iter_mut().find(|known| known.len() == way.len()) {
            Some(known) => known
                .iter_mut()
                .zip(&way)
                .for_each(|(all, one)| all.add(one)),
            None => merged.push(way),
        }
    }
    merged
}

fn repeated(again: &Repetition, room: usize) -> Row {
    let mut all = Row::new(Vec::new(), 0);
    for _ in 0..again.min {
        let next = row(&again.sub, room - all.bytes);
        let endless = next.bytes == 0;
        all.then(next);
        if all.cut || endless {
            break;
        }
    }
    if all.cut || again.max == Some(again.min) {
        return all;
    }
    let once = row(&again.sub, room - all.bytes);
    let most = again.max.and_then(|max| {
        let times = usize::try_from(max - again.min).ok()?;
        (!once.cut && times.checked_mul(once.bytes)? <= room - all.bytes).then_some(times)
    });
    match most {
        None => Row::cut(all.parts, all.bytes),
        Some(times) => {
            let bytes = times * once.bytes;
            all.then(Row::new(vec![Part::Maybe(once.parts, times)], bytes));
            all
        }
    }
}

/// The bytes that may end a character of the class, and how many bytes it has at most.
fn bytes_of(class: &Class) -> (Set, usize) {
    let mut set = Set::default();
    match class {
        Class::Bytes(class) => class
            .iter()
            .flat_map(|range| range.start()..=range.end())
            .for_each(|byte| set.insert(byte)),
        Class::Unicode(class) => {
            for range in class.iter() {
                let ascii = (range.start()..=range.end()).take_while(char::is_ascii);
                ascii
                    .filter_map(|c| u8::try_from(c).ok())
                    .for_each(|byte| set.insert(byte));
                if !range.end().is_ascii() {
                    (0x80..=0xff).for_each(|byte| set.insert(byte));
                }
            }
        }
    }
    (set, class.maximum_len().unwrap_or(0))
}

impl Set {
    fn of(byte: u8) -> Set {
        let mut set = Set::default();
        set.insert(byte);
        set
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn is_in(self, other: Set) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(one, other)| one & !other == 0)
    }

    /// True where it has bytes that are not ASCII.
    fn has_wide(self) -> bool {
        self.0[2] | self.0[3] != 0
    }
}

impl Part {
    fn add(&mut self, other: &Part) {
        if let (Part::Bytes(all, wide), Part::Bytes(one, other)) = (self, other) {
            all.0
                .iter_mut()
                .zip(one.0)
                .for_each(|(all, one)| *all |= one);
            *wide |= *other;
        }
    }
}

fn rounded(parts: &[Part]) -> Vec<Step> {
    let step = |part: &Part| match part {
        Part::Bytes(set, wide) => Step::Byte(Kind::over(*set, *wide)),
        Part::Start => Step::Start,
        Part::Either(ways) => {
            let mut ways: Vec<Vec<Step>> = ways.iter().map(|way| rounded(way)).collect();
            ways.dedup();
            Step::Either(ways)
        }
        Part::Maybe(parts, times) => Step::Maybe(rounded(parts), *times),
    };
    parts.iter().map(step).collect()
}

/// All sets that two kinds make, the least first.
static SETS: LazyLock<Vec<(Set, Kind)>> = LazyLock::new(|| {
    let set = |kind: Kind| {
        let mut set = Set::default();
        let bytes = (0..=255).filter(|byte| kind.takes(*byte));
        bytes.for_each(|byte| set.insert(byte));
        (set, kind)
    };
    let mut sets: Vec<_> = pairs().map(set).collect();
    sets.sort_by_key(|(set, _)| set.0.iter().map(|part| part.count_ones()).sum::<u32>());
    sets
});

fn pairs() -> impl Iterator<Item = Kind> {
    let signs = (0..8_u8).map(|bits| [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0].map(filled));
    signs.flat_map(|[not_one, not_other, not_both]| {
        (0..KINDS * KINDS).map(move |pair| Kind {
            one: pair / KINDS,
            other: pair % KINDS,
            not_one,
            not_other,
            not_both,
            wide: false,
        })
    })
}

const fn filled(bit: bool) -> u64 {
    if bit { !0 } else { 0 }
}

impl Kind {
    /// Every byte.
    const EVERY: Kind = Kind {
        one: 0,
        other: 0,
        not_one: 0,
        not_other: !0,
        not_both: !0,
        wide: false,
    };

    /// The least that takes all bytes of a set.
    fn over(set: Set, wide: bool) -> Kind {
        let takes = |known: &&(Set, Kind)| set.is_in(known.0);
        let least = SETS
            .iter()
            .find(takes)
            .map_or(Kind::EVERY, |(_, kind)| kind.clone());
        Kind { wide, ..least }
    }

    /// Which of 64 bytes it takes, of which these bits say the two kinds.
    #[inline]
    pub(super) fn fits(&self, one: u64, other: u64) -> u64 {
        ((one ^ self.not_one) & (other ^ self.not_other)) ^ self.not_both
    }

    fn takes(&self, byte: u8) -> bool {
        let has = |kind: usize| filled(KINDS_OF[usize::from(byte)] >> kind & 1 != 0);
        self.fits(has(self.one), has(self.other)) != 0
    }
}
