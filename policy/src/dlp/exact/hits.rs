//! Values of the table in a text: each with its column, its place, and its entries.

use std::ops::Range;

use super::Exact;
use crate::dlp::budget::{Budget, ScanError};
use crate::dlp::index::{Dates, MAX_VALUE_BYTES, ValueKind, Words};

/// Words of a name at most.
const NAME_WORDS: usize = 8;
/// Words of a name at most where headings stand between its parts, with these.
const FORM_WORDS: usize = 2 * NAME_WORDS;
/// Pieces of a number at most: digits one by one, and what stands around them.
const NUMBER_WORDS: usize = 24;
/// Letters in front of a number's first digit, as a word of their own, at most: `DE`, `A`.
const NUMBER_PREFIX_BYTES: usize = 4;
/// What may stand between two words of one value at most, in bytes: `, ` or `** **`.
const GAP_BYTES: usize = 12;
/// Headings that forms put between the parts of a name, folded: `Vorname: Erika`, next line `Nachname: Mustermann`.
const HEADINGS: [&str; 19] = [
    "familienname",
    "family",
    "first",
    "firstname",
    "forename",
    "geburtsname",
    "given",
    "givenname",
    "last",
    "lastname",
    "nachname",
    "name",
    "names",
    "rufname",
    "surname",
    "vorname",
    "vornamen",
    "weitere",
    "zuname",
];

/// A value of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Number of its column.
    pub(super) column: usize,
    /// First byte.
    pub(super) start: usize,
    /// Byte after it.
    pub(super) end: usize,
    /// Its entries in the table.
    pub(super) entries: Range<usize>,
}

/// Columns of one way to read them, with the lengths that their values have.
#[derive(Default)]
struct Group {
    columns: Vec<usize>,
    lengths: u64,
}

impl Exact {
    /// All hits, by start.
    pub(super) fn hits(&self, words: &Words, budget: &mut Budget) -> Result<Vec<Hit>, ScanError> {
        use ValueKind::{Date, Name, Number, Text};
        let spoken = self.group(&[Name, Text]);
        let numbers = self.group(&[Number]);
        let dates = self.group(&[Date]);
        let mut search = Search {
            exact: self,
            words,
            budget,
            hits: Vec::new(),
            value: String::with_capacity(MAX_VALUE_BYTES),
        };
        search.budget.lookups(words.len())?;
        for (at, word) in words.iter().enumerate() {
            let digit = word.as_bytes().iter().any(u8::is_ascii_digit);
            if !spoken.columns.is_empty() && self.table.may_begin(word) {
                search.grow(at, NAME_WORDS, &spoken, false)?;
                search.grow(at, FORM_WORDS, &spoken, true)?;
            }
            if !numbers.columns.is_empty() && (digit || search.leads(at, word)) {
                search.grow(at, NUMBER_WORDS, &numbers, false)?;
            }
            if !dates.columns.is_empty() && (begins_with_digit(word) || search.is_led(at)) {
                search.date(at, &dates)?;
            }
        }
        Ok(search.hits)
    }

    fn group(&self, kinds: &[ValueKind]) -> Group {
        let mut group = Group::default();
        for (number, column) in self.table.columns().enumerate() {
            if kinds.contains(&column.kind) && self.columns.contains(&number) {
                group.columns.push(number);
                group.lengths |= column.lengths;
            }
        }
        group
    }
}

struct Search<'s> {
    exact: &'s Exact,
    words: &'s Words,
    budget: &'s mut Budget,
    hits: Vec<Hit>,
    /// The value that is being put together.
    value: String,
}

impl Search<'_> {
    /// Looks for values that begin with the word `at`, one word longer each time; as in a form, for those with a heading
    /// inside, which is no part of them.
    fn grow(
        &mut self,
        at: usize,
        most: usize,
        group: &Group,
        is_form: bool,
    ) -> Result<(), ScanError> {
        self.value.clear();
        let longest = 63 - group.lengths.leading_zeros().min(63);
        let mut heading = None;
        for number in at..at + most {
            let Some(word) = self.words.get(number) else {
                break;
            };
            if number > at && !self.follows(number) {
                break;
            }
            let word = self.words.folded(word);
            // `Vorname(n)` is two words.
            let plural = word == "n" && heading.is_some_and(|heading| heading + 1 == number);
            if is_form && number > at && (plural || HEADINGS.contains(&word)) {
                heading = Some(number);
                continue;
            }
            self.value.push_str(word);
            if self.value.len() > longest as usize {
                break;
            }
            if heading.is_some() == is_form && group.lengths >> self.value.len() & 1 == 1 {
                self.look(at, number, &group.columns)?;
            }
        }
        Ok(())
    }

    fn date(&mut self, at: usize, group: &Group) -> Result<(), ScanError> {
        let dates = Dates::at(self.words, at, None);
        let last = at + dates.words.saturating_sub(1);
        if !(at + 1..=last).all(|number| self.follows(number)) {
            return Ok(());
        }
        for reading in dates.readings {
            self.value.clear();
            self.value.push_str(&reading);
            self.look(at, last, &group.columns)?;
        }
        Ok(())
    }

    /// The value that was put together of the words `first` to `last`, in each of the columns.
    fn look(&mut self, first: usize, last: usize, columns: &[usize]) -> Result<(), ScanError> {
        self.budget.lookups(1)?;
        if !self.exact.table.may_have(&self.value) {
            return Ok(());
        }
        let (Some(first), Some(last)) = (self.words.get(first), self.words.get(last)) else {
            return Ok(());
        };
        self.budget.lookups(columns.len())?;
        for column in columns {
            let entries = self.exact.table.entries(*column, &self.value);
            if !entries.is_empty() {
                self.hits.push(Hit {
                    column: *column,
                    start: first.start,
                    end: last.end,
                    entries,
                });
            }
        }
        Ok(())
    }

    /// A few letters with a number right behind them.
    fn leads(&self, at: usize, word: &str) -> bool {
        word.len() <= NUMBER_PREFIX_BYTES && self.is_led(at)
    }

    /// Whether a number stands behind this word.
    fn is_led(&self, at: usize) -> bool {
        let next = self.words.get(at + 1).map(|next| self.words.folded(next));
        next.is_some_and(begins_with_digit)
    }

    /// Whether little stands between a word and the one before it.
    fn follows(&self, number: usize) -> bool {
        let before = number.checked_sub(1).and_then(|at| self.words.get(at));
        match (before, self.words.get(number)) {
            (Some(before), Some(word)) => word.start - before.end <= GAP_BYTES,
            _ => false,
        }
    }
}

fn begins_with_digit(word: &str) -> bool {
    word.as_bytes().first().is_some_and(u8::is_ascii_digit)
}
