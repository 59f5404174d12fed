//! From hits to rows: of which row enough columns stand close together.

use std::collections::BTreeMap;

use super::Exact;
use super::hits::Hit;
use crate::dlp::budget::{Budget, ScanError};

/// Hits of each row, as numbers.
type Rows = BTreeMap<u64, Vec<usize>>;

impl Exact {
    /// The spans of all rows of which enough was hit, by start.
    pub(super) fn rows(
        &self,
        text: &str,
        hits: &[Hit],
        budget: &mut Budget,
    ) -> Result<Vec<(usize, usize)>, ScanError> {
        let mut spans = Vec::new();
        for numbers in self.candidates(hits, budget)?.values_mut() {
            numbers.sort_unstable_by_key(|number| (hits[*number].start, hits[*number].end));
            let of_row: Vec<&Hit> = numbers.iter().map(|number| &hits[*number]).collect();
            self.clusters(text, &of_row, budget, &mut spans)?;
        }
        spans.sort_unstable();
        spans.dedup();
        Ok(spans)
    }

    /// Rows that may have enough columns, with all their hits.
    ///
    /// A row that has `n` columns has one beyond the `n - 1` columns with the most entries. So these columns, where a
    /// common value (a town, a day) may stand for very many rows, bring no rows of their own.
    fn candidates(&self, hits: &[Hit], budget: &mut Budget) -> Result<Rows, ScanError> {
        let mut entries: BTreeMap<usize, usize> = BTreeMap::new();
        for hit in hits {
            *entries.entry(hit.column).or_default() += hit.entries.len();
        }
        let mut rows = Rows::new();
        if entries.len() < self.at_least {
            return Ok(rows);
        }
        let mut columns: Vec<(usize, usize)> = entries.into_iter().map(|(c, n)| (n, c)).collect();
        columns.sort_unstable_by(|left, right| right.cmp(left));
        let common: Vec<usize> = columns
            .iter()
            .take(self.at_least - 1)
            .map(|(_, column)| *column)
            .collect();
        let (behind, leading): (Vec<_>, Vec<_>) = hits
            .iter()
            .enumerate()
            .partition(|(_, hit)| common.contains(&hit.column));
        for (number, hit) in leading {
            budget.lookups(hit.entries.len())?;
            for entry in hit.entries.clone() {
                rows.entry(self.table.row(entry)).or_default().push(number);
            }
        }
        budget.lookups(behind.len().saturating_mul(rows.len()))?;
        for (row, numbers) in &mut rows {
            let of_row = behind
                .iter()
                .filter(|(_, hit)| self.table.has_row(&hit.entries, *row));
            numbers.extend(of_row.map(|(number, _)| *number));
        }
        Ok(rows)
    }

    /// The places where hits of one row, by start, stand close together.
    fn clusters(
        &self,
        text: &str,
        hits: &[&Hit],
        budget: &mut Budget,
        spans: &mut Vec<(usize, usize)>,
    ) -> Result<(), ScanError> {
        let mut from = 0;
        while let Some(first) = hits.get(from) {
            let mut columns = vec![first.column];
            let mut end = first.end;
            let mut next = from + 1;
            while columns.len() < self.at_least
                && let Some(hit) = hits.get(next)
                && is_near(text, end, hit.start, self.within)
            {
                budget.lookups(1)?;
                // One text is not two values, also where two columns hold the same.
                if hit.start >= end && !columns.contains(&hit.column) {
                    columns.push(hit.column);
                    end = hit.end;
                }
                next += 1;
            }
            if columns.len() < self.at_least {
                from += 1;
                continue;
            }
            spans.push((first.start, end));
            while hits.get(from).is_some_and(|hit| hit.start < end) {
                from += 1;
            }
        }
        Ok(())
    }
}

/// Whether at most `within` characters stand between two places.
fn is_near(text: &str, end: usize, start: usize, within: usize) -> bool {
    let Some(between) = text.get(end..start) else {
        return true; // they overlap
    };
    between.len() <= within
        || (between.len() <= within.saturating_mul(4) && between.chars().count() <= within)
}
