//! Runs of single letters, joined to words.

use super::{
    super::{map::Made, signs::MIN_SPELLED_CHARS},
    BORDER,
    group::{Group, gap},
    number::usual_gap,
    put_joined,
};

/// Appends the words that a run spells; false where it spells none.
///
/// A gap that is not the usual one of the run stands between two words, so it stays in short. Where that may be wrong, a
/// second way without any gap follows.
pub(super) fn join(run: &[Group], text: &str, made: &mut Made) -> bool {
    let letters: usize = run.iter().map(Group::letters).sum();
    let singles = run.iter().filter(|group| group.is_single()).count();
    let split = run.len() > 1 && run.iter().all(|group| group.chars <= 3);
    if letters < MIN_SPELLED_CHARS || (singles < 3 && !split) {
        return false;
    }
    let singles: Vec<&[Group]> = run
        .chunk_by(|a, b| a.is_single() && b.is_single())
        .collect();
    let mut kept = 0;
    let mut from: Option<&Group> = None;
    for part in &singles {
        if let (Some(last), Some(first)) = (from, part.first()) {
            made.copy(text, last.end, first.start);
            kept += 1;
        }
        kept += spell(part, text, made);
        from = part.last();
    }
    if kept > 0
        && let Some(last) = run.last()
    {
        made.put(BORDER, last.start, last.end);
        put_joined(run, text, made);
    }
    true
}

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
