//! Runs of single letters, joined to words.

use super::{
    super::{map::Made, signs::MIN_SPELLED_CHARS},
    group::{Group, gap},
    number::usual_gap,
    put_joined,
};

/// Whether a run of letters keeps some of its gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gaps {
    Kept,
    Gone,
}

/// True for letters that spell a word, one by one or in pieces.
pub(super) fn is_spelled(run: &[Group], text: &str) -> bool {
    let letters: usize = run.iter().map(Group::letters).sum();
    let singles = run.iter().filter(|group| group.is_single()).count();
    let pieces = run.iter().all(|group| group.chars <= MAX_PIECE_CHARS);
    letters >= MIN_SPELLED_CHARS
        && (singles > 2 || (letters > MIN_SPELLED_CHARS && (pieces || is_hyphened(run, text))))
}

/// Appends the words that a run spells; `None` where it spells none.
///
/// A gap that is not the usual one of the run stands between two words, so it stays in short.
pub(super) fn join(run: &[Group], text: &str, made: &mut Made) -> Option<Gaps> {
    if !is_spelled(run, text) {
        return None;
    }
    let mut kept = 0;
    let mut before: Option<&Group> = None;
    for part in run.chunk_by(|a, b| a.is_single() && b.is_single()) {
        if let (Some(last), Some(first)) = (before, part.first()) {
            made.copy(text, last.end, first.start);
            kept += 1;
        }
        kept += spell(part, text, made);
        before = part.last();
    }
    Some(if kept > 0 { Gaps::Kept } else { Gaps::Gone })
}

/// True where a word in capitals is cut.
fn is_hyphened(run: &[Group], text: &str) -> bool {
    run.windows(2)
        .any(|pair| is_hyphen(gap(text, &pair[0], &pair[1])))
}

fn is_hyphen(gap: &str) -> bool {
    matches!(gap, "-" | "." | "_" | "-\n" | "-\r\n")
}

/// Appends the words that a run spells where no gap among its pieces stands between two words.
pub(super) fn join_all(run: &[Group], text: &str, made: &mut Made) -> bool {
    let is_piece = |group: &Group| group.chars <= MAX_PIECE_CHARS;
    let mut before: Option<&Group> = None;
    let together =
        |a: &Group, b: &Group| (is_piece(a) && is_piece(b)) || is_hyphen(gap(text, a, b));
    for part in run.chunk_by(together) {
        if let (Some(last), Some(first)) = (before, part.first()) {
            made.copy(text, last.end, first.start);
        }
        put_joined(part, text, made);
        before = part.last();
    }
    true
}

/// Letters of a piece of a word at most, where none stands alone.
const MAX_PIECE_CHARS: usize = 3;

/// Appends letters that stand singly, and says how many gaps stayed.
fn spell(letters: &[Group], text: &str, made: &mut Made) -> usize {
    let usual = usual_gap(letters, text);
    let mut kept = 0;
    for (index, letter) in letters.iter().enumerate() {
        made.copy(text, letter.start, letter.end);
        if let Some(next) = letters.get(index + 1)
            && gap(text, letter, next) != usual
        {
            made.put(
                inner(gap(text, letter, next), usual),
                letter.end,
                next.start,
            );
            kept += 1;
        }
    }
    kept
}

/// What a gap between two words says: the sign in its middle, or a space.
fn inner(gap: &str, usual: &str) -> char {
    gap.chars()
        .find(|c| !c.is_whitespace() && !usual.contains(*c))
        .unwrap_or(' ')
}
