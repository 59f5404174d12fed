//! Where in a text a pattern may match, for all places at once: a bit a place, a few kinds of bytes, the start of every
//! pattern.
//!
//! ```text
//!  text        D  E  8  9     3  7
//!  capital     1  1  0  0  0  0  0
//!  digit       0  0  1  1  0  1  1   places so far, AND the kind of the next byte, one further: a step for 64 places
//! ```
//!
//! Each class of the pattern is rounded up to the least set of bytes that two kinds make, so nothing that matches is lost.
//! Most patterns have no place left after three or four steps, which costs a thousandth of their search. It holds for every
//! text: where a character may be of several bytes, every place behind a byte that is not ASCII stays possible.

mod steps;

use regex_syntax::hir::Hir;

pub(super) use self::steps::Steps;
use self::steps::{Kind, Step};

/// Kinds of bytes that are told apart.
const KINDS: usize = 8;
/// Bytes of a match that are followed, at most.
const ROOM: usize = 64;
/// Words of 64 places of one block, and those of them in which a match begins.
const WORDS: usize = 32;
const STARTS: usize = WORDS - ROOM / 64;

const LETTER_OR_DIGIT: usize = 0;
const CAPITAL: usize = 1;
const DIGIT: usize = 2;
/// Letters and digits of German identity cards and passports.
const CARD: usize = 3;
/// Digits, and letters that stand for them in Italian tax codes.
const TAX_CODE: usize = 4;
const HEX: usize = 5;
/// What stands between parts of addresses, names and keys.
const JOINER: usize = 6;
const NOT_ASCII: usize = 7;

/// The kinds of each byte, a bit each.
static KINDS_OF: [u8; 256] = kinds();

const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        let capital = c.to_ascii_uppercase();
        let card =
            matches!(capital, b'C' | b'F'..=b'H' | b'J'..=b'N' | b'P' | b'R' | b'T' | b'V'..=b'Z');
        let tax = matches!(capital, b'L'..=b'N' | b'P'..=b'V');
        let digit = c.is_ascii_digit();
        kinds[byte] = (c.is_ascii_alphanumeric() as u8) << LETTER_OR_DIGIT
            | (c.is_ascii_uppercase() as u8) << CAPITAL
            | (digit as u8) << DIGIT
            | ((digit || card) as u8) << CARD
            | ((digit || tax) as u8) << TAX_CODE
            | (c.is_ascii_hexdigit() as u8) << HEX
            | (matches!(c, b'.' | b':' | b'-' | b'_' | b'/' | b'+' | b'<') as u8) << JOINER
            | (!c.is_ascii() as u8) << NOT_ASCII;
        byte += 1;
    }
    kinds
}

/// The kinds of all bytes of a text: for each kind a bit a byte.
pub(super) struct Columns {
    /// The words of the first kind, those of the second, and so on.
    kinds: Vec<u64>,
    words: usize,
    places: usize,
}

/// Places of one block, a bit each.
type Places = [u64; WORDS];

/// A part of a text: where matches that begin in all but its last word may be.
struct Block<'c> {
    columns: &'c Columns,
    /// Word where it begins.
    first: usize,
    /// Words of it.
    words: usize,
}

impl Columns {
    pub(super) fn of(text: &str) -> Columns {
        let bytes = text.as_bytes();
        let words = bytes.len() / 64 + 1;
        let mut kinds = vec![0; KINDS * words];
        for (word, chunk) in bytes.chunks(64).enumerate() {
            let mut of = [0_u8; 64];
            of.iter_mut()
                .zip(chunk)
                .for_each(|(of, byte)| *of = KINDS_OF[usize::from(*byte)]);
            for (kind, bits) in columns(&of).into_iter().enumerate() {
                kinds[kind * words + word] = bits;
            }
        }
        Columns {
            kinds,
            words,
            places: bytes.len() + 1,
        }
    }

    /// False where the pattern of these steps does not match.
    pub(super) fn may_match(&self, steps: &Steps) -> bool {
        (0..self.words)
            .step_by(STARTS)
            .any(|first| self.block(first).may_match(steps))
    }

    fn block(&self, first: usize) -> Block<'_> {
        Block {
            columns: self,
            first,
            words: WORDS.min(self.words - first),
        }
    }
}

/// The bits of 64 bytes, one word for each of the eight kinds.
fn columns(kinds: &[u8; 64]) -> [u64; KINDS] {
    let mut columns = [0; KINDS];
    for (at, eight) in kinds.as_chunks::<8>().0.iter().enumerate() {
        let bits = turned(u64::from_le_bytes(*eight)).to_le_bytes();
        columns
            .iter_mut()
            .zip(bits)
            .for_each(|(column, bits)| *column |= u64::from(bits) << (8 * at));
    }
    columns
}

/// Eight rows of eight bits with rows and columns exchanged, in three steps of ever larger squares.
const fn turned(mut rows: u64) -> u64 {
    let mut swap = (rows ^ (rows >> 7)) & 0x00aa_00aa_00aa_00aa;
    rows ^= swap ^ (swap << 7);
    swap = (rows ^ (rows >> 14)) & 0x0000_cccc_0000_cccc;
    rows ^= swap ^ (swap << 14);
    swap = (rows ^ (rows >> 28)) & 0x0000_0000_f0f0_f0f0;
    rows ^ swap ^ (swap << 28)
}

impl Block<'_> {
    fn may_match(&self, steps: &Steps) -> bool {
        let mut places = [0; WORDS];
        places[..STARTS.min(self.words)].fill(!0);
        // Behind the last byte nothing begins.
        let last = self.columns.places - self.first * 64;
        if let Some(word) = places.get_mut((last - 1) / 64) {
            *word &= u64::MAX >> (63 - (last - 1) % 64);
        }
        self.follow(steps.list(), &mut places)
    }

    /// Moves the places past these steps; false where none is left.
    fn follow(&self, steps: &[Step], places: &mut Places) -> bool {
        steps.iter().all(|step| match step {
            Step::Byte(kind) => self.byte(kind, places),
            Step::Start => self.start(places),
            Step::Border(kind) => self.border(kind, places),
            Step::Either(ways) => self.either(ways, places),
            Step::Maybe(steps, times) => self.maybe(steps, *times, places),
        })
    }

    fn column(&self, kind: usize) -> &[u64] {
        &self.columns.kinds[kind * self.columns.words + self.first..][..self.words]
    }

    fn byte(&self, kind: &Kind, places: &mut Places) -> bool {
        let (one, other) = (self.column(kind.one), self.column(kind.other));
        let places = &mut places[..self.words];
        if kind.wide {
            let high = self.column(NOT_ASCII).iter();
            places
                .iter_mut()
                .zip(high)
                .for_each(|(place, high)| *place |= high);
        }
        let mut any = 0;
        for ((place, one), other) in places.iter_mut().zip(one).zip(other) {
            *place &= kind.fits(*one, *other);
            any |= *place;
        }
        shift(places);
        any != 0
    }

    /// The start of the text, and behind every byte of the kind, whatever the places were.
    fn border(&self, kind: &Kind, places: &mut Places) -> bool {
        let columns = self.column(kind.one).iter().zip(self.column(kind.other));
        let places = &mut places[..self.words];
        places
            .iter_mut()
            .zip(columns)
            .for_each(|(place, (one, other))| *place = kind.fits(*one, *other));
        shift(places);
        // The start of a block may be behind such a byte, too.
        places[0] |= 1;
        true
    }

    fn start(&self, places: &mut Places) -> bool {
        let first = places[0] & u64::from(self.first == 0);
        *places = [0; WORDS];
        places[0] = first;
        first != 0
    }

    fn either(&self, ways: &[Vec<Step>], places: &mut Places) -> bool {
        let before = *places;
        *places = [0; WORDS];
        let mut any = false;
        for way in ways {
            let mut after = before;
            if self.follow(way, &mut after) {
                places
                    .iter_mut()
                    .zip(after)
                    .for_each(|(all, one)| *all |= one);
                any = true;
            }
        }
        any
    }

    fn maybe(&self, steps: &[Step], times: usize, places: &mut Places) -> bool {
        let mut after = *places;
        for _ in 0..times {
            if !self.follow(steps, &mut after) {
                break;
            }
            places
                .iter_mut()
                .zip(after)
                .for_each(|(all, one)| *all |= one);
        }
        true
    }
}

/// Moves all places one further.
fn shift(places: &mut [u64]) {
    let mut carry = 0;
    for place in places {
        let next = *place >> 63;
        *place = *place << 1 | carry;
        carry = next;
    }
}

impl Steps {
    /// The start of a pattern; `None` where it says nothing.
    pub(super) fn of(hir: &Hir) -> Option<Steps> {
        steps::of_pattern(hir, ROOM)
    }
}

#[cfg(test)]
mod tests;
