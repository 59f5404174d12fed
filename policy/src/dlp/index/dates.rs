//! Dates as people write them, as `YYYYMMDD`.

use super::spec::DateOrder;
use super::words::Words;

/// All readings of a date at most: two orders, two centuries.
const READINGS: usize = 4;
/// The names and short names of months, folded.
const MONTHS: [&[&str]; 12] = [
    &["januar", "january", "jan", "jaenner"],
    &["februar", "february", "feb", "feber"],
    &["maerz", "march", "mar", "mrz"],
    &["april", "apr"],
    &["mai", "may"],
    &["juni", "june", "jun"],
    &["juli", "july", "jul"],
    &["august", "aug"],
    &["september", "sep", "sept"],
    &["oktober", "october", "okt", "oct"],
    &["november", "nov"],
    &["dezember", "december", "dez", "dec"],
];
/// Days of each month; 29 February is taken in every year.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// What the words from one on can mean as a date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dates {
    /// Each reading as `YYYYMMDD`.
    pub(crate) readings: Vec<String>,
    /// How many words it takes.
    pub(crate) words: usize,
}

/// A word that may be part of a date.
#[derive(Clone, Copy)]
enum Part {
    /// A number, with how many digits it was written.
    Number(u32, usize),
    Month(u32),
}

impl Dates {
    /// The date that begins with the word `at`; no readings where none does. `order` says how to read `03/04/1975`;
    /// without it, both ways.
    pub(crate) fn at(words: &Words, at: usize, order: Option<DateOrder>) -> Self {
        let part = |number: usize| part(words.folded(words.get(at + number)?));
        let Some(first) = part(0) else {
            return Self::default();
        };
        if let Part::Number(value, 8) = first {
            return Self::new(1, compact(value, order));
        }
        let (Some(second), Some(third)) = (part(1), part(2)) else {
            return Self::default();
        };
        Self::new(3, spelt(first, second, third, order))
    }

    fn new(words: usize, readings: Vec<Option<String>>) -> Self {
        let mut readings: Vec<String> = readings.into_iter().flatten().collect();
        readings.dedup();
        readings.truncate(READINGS);
        Self { readings, words }
    }
}

/// `19750403` or `03041975`.
fn compact(value: u32, order: Option<DateOrder>) -> Vec<Option<String>> {
    let ymd = date(value / 10_000, value / 100 % 100, value % 100);
    let (first, second, year) = (value / 1_000_000, value / 10_000 % 100, value % 10_000);
    let mut readings = vec![ymd];
    readings.extend(either(first, second, order).map(|(day, month)| date(year, month, day)));
    readings
}

fn spelt(first: Part, second: Part, third: Part, order: Option<DateOrder>) -> Vec<Option<String>> {
    use Part::{Month, Number};
    match (first, second, third) {
        (Number(year, 4), Number(month, 1..=2), Number(day, _)) => vec![date(year, month, day)],
        (Number(year, 4), Month(month), Number(day, 1..=2)) => vec![date(year, month, day)],
        (Number(day, 1..=2), Month(month), Number(year, digits))
        | (Month(month), Number(day, 1..=2), Number(year, digits)) => years(year, digits)
            .map(|year| date(year, month, day))
            .collect(),
        (Number(first, 1..=2), Number(second, 1..=2), Number(year, digits)) => years(year, digits)
            .flat_map(|year| {
                either(first, second, order).map(move |(day, month)| date(year, month, day))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Day and month, in the order that is known, else in both.
fn either(
    first: u32,
    second: u32,
    order: Option<DateOrder>,
) -> impl Iterator<Item = (u32, u32)> + Clone {
    let day_first = (order != Some(DateOrder::Mdy)).then_some((first, second));
    let month_first = (order != Some(DateOrder::Dmy)).then_some((second, first));
    day_first.into_iter().chain(month_first)
}

/// A year of two digits is of this century or of the last.
fn years(year: u32, digits: usize) -> impl Iterator<Item = u32> {
    let readings = match digits {
        4 => [Some(year), None],
        2 => [Some(1900 + year), Some(2000 + year)],
        _ => [None, None],
    };
    readings.into_iter().flatten()
}

fn date(year: u32, month: u32, day: u32) -> Option<String> {
    let days = *DAYS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let sound = (1..=days).contains(&day) && (1000..=9999).contains(&year);
    sound.then(|| format!("{year:04}{month:02}{day:02}"))
}

/// A number with what may follow its digits (`3rd`, `03t00` of an instant), or the name of a month.
fn part(word: &str) -> Option<Part> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        let month = MONTHS.iter().position(|names| names.contains(&word))?;
        return Some(Part::Month(u32::try_from(month).ok()? + 1));
    }
    let rest = &word[digits..];
    let sound = matches!(rest, "" | "st" | "nd" | "rd" | "th" | "ter") || rest.starts_with('t');
    if digits > 8 || !sound {
        return None;
    }
    Some(Part::Number(word[..digits].parse().ok()?, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Option<DateOrder>) -> Vec<String> {
        Dates::at(&Words::of(text), 0, order).readings
    }

    #[test]
    fn dates_of_every_spelling_are_the_same() {
        for text in [
            "1975-04-03",
            "1975-04-03T00:00:00",
            "1975-04-03 00:00:00",
            "03.04.1975",
            "3. 4. 1975",
            "3. April 1975",
            "3 Apr 1975",
            "April 3rd, 1975",
            "1975 Apr 3",
            "03/04/1975",
            "19750403",
            "03041975",
        ] {
            assert_eq!(read(text, Some(DateOrder::Dmy)), ["19750403"], "{text}");
        }
        assert_eq!(read("04/03/1975", Some(DateOrder::Mdy)), ["19750403"]);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is() {
        assert_eq!(read("03/04/1975", None), ["19750403", "19750304"]);
        assert_eq!(
            read("3. März 75", Some(DateOrder::Dmy)),
            ["19750303", "20750303"]
        );
        assert_eq!(read("31/04/1975", None), [] as [String; 0]);
    }

    #[test]
    fn other_numbers_are_no_dates() {
        for text in [
            "",
            "12",
            "12 30",
            "99.99.1975",
            "3. Apfel 1975",
            "1.2.3",
            "123456789",
        ] {
            assert_eq!(read(text, None), [] as [String; 0], "{text}");
        }
    }
}
