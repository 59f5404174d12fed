//! From a cell to the values that a text may hold in its place: letters and digits, folded, without what separates.

use super::dates::Dates;
use super::spec::{ColumnSpec, ValueKind};
use super::words::Words;

/// Values shorter than this are left out, in bytes: they would be found everywhere.
pub const MIN_VALUE_BYTES: usize = 3;
/// Values longer than this are left out, in bytes; such text is for an index of documents.
pub const MAX_VALUE_BYTES: usize = 63;
/// Titles that people leave out.
const TITLES: [&str; 10] = [
    "dr", "prof", "med", "dipl", "ing", "herr", "frau", "mr", "mrs", "ms",
];
/// Words that belong to the family name behind them.
const PARTICLES: [&str; 14] = [
    "von", "vom", "van", "der", "den", "dem", "de", "del", "della", "di", "da", "zu", "zur", "al",
];

/// A value and the number of letters of its first word, by which it is first looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) first: usize,
}

/// The values of one cell; none where it is empty, too short or too long, or no date where it should be one.
pub(super) fn values(column: &ColumnSpec, cells: &[&str]) -> Vec<Value> {
    let mut values = match column.kind {
        ValueKind::Name => names(cells),
        ValueKind::Text => vec![joined(&all_words(cells))],
        ValueKind::Number => vec![joined(&[all_words(cells).concat()])],
        ValueKind::Date => dates(column, cells),
    };
    values.retain(|value| (MIN_VALUE_BYTES..=MAX_VALUE_BYTES).contains(&value.text.len()));
    values
}

fn dates(column: &ColumnSpec, cells: &[&str]) -> Vec<Value> {
    let cell = cells.join(" ");
    let readings = Dates::at(&Words::of(&cell), 0, Some(column.order)).readings;
    readings.into_iter().map(|date| joined(&[date])).collect()
}

/// Given names and family name, in both orders, with all given names and with the first.
fn names(cells: &[&str]) -> Vec<Value> {
    let (given, family) = match cells {
        [cell] => parted(cell),
        [given @ .., family] => (without_titles(all_words(given)), all_words(&[family])),
        [] => return Vec::new(),
    };
    let mut found = Vec::new();
    for given in [given.as_slice(), given.get(..1).unwrap_or_default()] {
        for order in [[given, &family], [&family, given]] {
            let value = joined(&order.concat());
            if !found.contains(&value) {
                found.push(value);
            }
        }
    }
    found
}

/// Given names and family name of `Erika Maria von Muster` or `von Muster, Erika Maria`.
fn parted(cell: &str) -> (Vec<String>, Vec<String>) {
    if let Some((family, given)) = cell.split_once(',') {
        return (
            without_titles(all_words(&[given])),
            without_titles(all_words(&[family])),
        );
    }
    let mut given = without_titles(all_words(&[cell]));
    let mut family = given.pop().into_iter().collect::<Vec<_>>();
    while given.len() > 1
        && given
            .last()
            .is_some_and(|word| PARTICLES.contains(&word.as_str()))
    {
        family.splice(0..0, given.pop());
    }
    (given, family)
}

fn without_titles(mut words: Vec<String>) -> Vec<String> {
    let leading = words
        .iter()
        .take_while(|word| TITLES.contains(&word.as_str()))
        .count();
    // A name of titles alone is a name.
    if leading < words.len() {
        words.drain(..leading);
    }
    words
}

fn all_words(cells: &[&str]) -> Vec<String> {
    cells
        .iter()
        .flat_map(|cell| {
            Words::of(cell)
                .iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn joined(words: &[String]) -> Value {
    Value {
        text: words.concat(),
        first: words.first().map_or(0, String::len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlp::index::spec::DateOrder;

    fn of(kind: ValueKind, cells: &[&str]) -> Vec<String> {
        let column = ColumnSpec {
            name: "c".to_owned(),
            from: vec!["c".to_owned()],
            kind,
            order: DateOrder::Dmy,
        };
        values(&column, cells)
            .into_iter()
            .map(|value| value.text)
            .collect()
    }

    #[test]
    fn a_name_stands_in_both_orders_with_all_or_the_first_given_name() {
        let erika = [
            "erikamariamustermann",
            "mustermannerikamaria",
            "erikamustermann",
            "mustermannerika",
        ];
        assert_eq!(of(ValueKind::Name, &["Erika Maria", "Mustermann"]), erika);
        assert_eq!(of(ValueKind::Name, &["Dr. Erika Maria Mustermann"]), erika);
        assert_eq!(of(ValueKind::Name, &["Mustermann, Erika Maria"]), erika);
        assert_eq!(
            of(ValueKind::Name, &["Ursula von der Leyen"])[1],
            "vonderleyenursula"
        );
        assert_eq!(of(ValueKind::Name, &["Cher"]), ["cher"]);
        assert_eq!(of(ValueKind::Name, &["", "  "]), [] as [String; 0]);
    }

    #[test]
    fn numbers_lose_what_separates_and_dates_are_days() {
        assert_eq!(of(ValueKind::Number, &["A 123-456 789"]), ["a123456789"]);
        assert_eq!(of(ValueKind::Number, &["12"]), [] as [String; 0]);
        assert_eq!(of(ValueKind::Date, &["3. April 1975"]), ["19750403"]);
        assert_eq!(of(ValueKind::Date, &["unbekannt"]), [] as [String; 0]);
        assert_eq!(of(ValueKind::Text, &["Haus am See"]), ["hausamsee"]);
    }
}
