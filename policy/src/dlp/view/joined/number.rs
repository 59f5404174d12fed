//! Runs with digits, joined to numbers.

use super::{
    super::{
        map::Made,
        signs::{MIN_NUMBER_CHARS, is_numeric},
    },
    group::{Group, gap},
    put_border, put_joined,
};

/// Letters and digits of a number at most; the longest account number has 34.
const MAX_NUMBER_CHARS: usize = 40;
/// Groups of letters at either end that may be words beside the number.
const MAX_LOOSE_GROUPS: usize = 4;

/// Appends all numbers that a run may be; false where it is none.
pub(super) fn join(run: &[Group], text: &str, made: &mut Made) -> bool {
    let ways = ways(run, text);
    let Some((first, last)) = run.first().zip(run.last()).filter(|_| !ways.is_empty()) else {
        return false;
    };
    for (from, to) in ways {
        put_border(first, made);
        put_joined(&run[from..to], text, made);
    }
    put_border(last, made);
    true
}

/// Which groups may be a number together, each way once.
fn ways(run: &[Group], text: &str) -> Vec<(usize, usize)> {
    let mut ways = Vec::new();
    if digits(run) == 0 {
        return ways;
    }
    trimmed(run, 0, run.len(), &mut ways);
    let usual = usual_gap(run, text);
    cut(run, |a, b| gap(text, a, b) == usual, &mut ways);
    let alike = |a: &Group, b: &Group| a.is_single() == b.is_single();
    cut(
        run,
        |a, b| alike(a, b) || gap(text, a, b) == usual,
        &mut ways,
    );
    cut(run, |a, b| a.is_letters() == b.is_letters(), &mut ways);
    if is_unusual(run, usual) {
        for left in 0..=MAX_NOISE_GROUPS.min(run.len()) {
            for right in 0..=MAX_NOISE_GROUPS.min(run.len() - left) {
                trimmed(run, left, run.len() - right, &mut ways);
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    ways.retain(|way| seen.insert(*way) && !is_series(&run[way.0..way.1], text));
    ways
}

/// True for a run that nobody writes so who does not hide it: sign by sign, or between signs that numbers do not have.
/// Patterns know the usual ones, and where a value ends among them.
fn is_unusual(run: &[Group], usual: &str) -> bool {
    !matches!(usual, " " | "-" | ".") || run.iter().all(Group::is_single)
}

/// True for `B-448891824`, a letter and a number in one piece, as orders and tickets have them: a check digit of one such
/// number in ten is right. A pattern that knows the dash may find it all the same.
fn is_series(groups: &[Group], text: &str) -> bool {
    let [letter, number] = groups else {
        return false;
    };
    letter.is_single()
        && letter.is_letters()
        && number.letters() == 0
        && gap(text, letter, number) == "-"
}

/// Groups at either end of an unusual run that may be no part of the number.
const MAX_NOISE_GROUPS: usize = 2;

/// Cuts a run where two neighbours do not belong together.
fn cut(run: &[Group], together: impl Fn(&Group, &Group) -> bool, ways: &mut Vec<(usize, usize)>) {
    let mut from = 0;
    for part in run.chunk_by(|a, b| together(a, b)) {
        trimmed(run, from, from + part.len(), ways);
        from += part.len();
    }
}

/// A way, and the same without words at its ends.
fn trimmed(run: &[Group], from: usize, to: usize, ways: &mut Vec<(usize, usize)>) {
    let part = run.get(from..to).unwrap_or_default();
    let loose = |count: usize| count.min(MAX_LOOSE_GROUPS);
    let before = loose(part.iter().take_while(|group| group.is_letters()).count());
    let behind = loose(
        part.iter()
            .rev()
            .take_while(|group| group.is_letters())
            .count(),
    );
    for (left, right) in [(0, 0), (0, behind)]
        .into_iter()
        .chain((1..=before).map(|left| (left, behind)))
    {
        let way = (from + left, to.saturating_sub(right));
        if run.get(way.0..way.1).is_some_and(is_number) {
            ways.push(way);
        }
    }
}

fn is_number(groups: &[Group]) -> bool {
    let chars: usize = groups.iter().map(|group| group.chars).sum();
    groups.len() > 1
        && (MIN_NUMBER_CHARS..=MAX_NUMBER_CHARS).contains(&chars)
        && is_numeric(chars, digits(groups))
}

fn digits(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.digits).sum()
}

/// The gap that stands in a run most often; of two, the shorter.
pub(super) fn usual_gap<'t>(run: &[Group], text: &'t str) -> &'t str {
    let mut gaps: Vec<&str> = run
        .windows(2)
        .map(|pair| gap(text, &pair[0], &pair[1]))
        .collect();
    gaps.sort_unstable_by_key(|gap| (gap.len(), *gap));
    let counted = gaps
        .chunk_by(|a, b| a == b)
        .map(|same| (same.len(), same[0]));
    counted
        .rev()
        .max_by_key(|(count, _)| *count)
        .map_or("", |(_, gap)| gap)
}
