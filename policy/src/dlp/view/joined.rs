//! The joined view: numbers without what separates their groups, and words without what separates their letters.
//!
//! ```text
//!  text ─→ groups (letters and digits between gaps) ─→ runs of groups that may belong together
//!           a run with enough digits ─→ numbers: every sensible way to cut it, each between two marks
//!           a run of single letters  ─→ words
//! ```
//!
//! What is not in a run stays as it is. Dates, times and addresses are no part of a run, so that ordinary text makes few
//! numbers. The same run can be cut in more than one way, because nothing tells where a number ends and the next begins:
//! the numbers stand behind each other, the words in a view of their own.

mod group;
mod number;
mod spelled;

use super::{BORDER, map::Made};
use group::Group;
use spelled::Gaps;

/// Makes the view of a text, and where words can be read in a second way, the view of that; none where nothing is joined.
pub(super) fn join(text: &str) -> Vec<Made> {
    let groups = group::groups(text);
    let runs: Vec<&[Group]> = group::runs(text, &groups).collect();
    let mut second = false;
    let first = replaced(text, &runs, |run, made| {
        if number::join(run, text, made) {
            return true;
        }
        let spelled = spelled::join(run, text, made);
        second |= spelled == Some(Gaps::Kept);
        spelled.is_some()
    });
    let second = second.then(|| {
        replaced(text, &runs, |run, made| {
            spelled::is_spelled(run, text) && spelled::join_all(run, text, made)
        })
    });
    let second = second.flatten();
    let same = first.as_ref().map(|made| &made.text) == second.as_ref().map(|made| &made.text);
    let second = second.filter(|_| !same);
    [first, second].into_iter().flatten().collect()
}

/// The text with runs replaced, `None` where none is.
fn replaced(
    text: &str,
    runs: &[&[Group]],
    mut replace: impl FnMut(&[Group], &mut Made) -> bool,
) -> Option<Made> {
    let mut made = Made::default();
    let mut any = false;
    let mut copied = 0;
    for run in runs {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            made.copy(text, copied, first.start);
            copied = first.start;
            if replace(run, &mut made) {
                copied = last.end;
                any = true;
            }
        }
    }
    made.copy(text, copied, text.len());
    any.then_some(made)
}

/// Appends the groups without what stands between them.
fn put_joined(groups: &[Group], text: &str, made: &mut Made) {
    for group in groups {
        made.copy(text, group.start, group.end);
    }
}

fn put_border(near: &Group, made: &mut Made) {
    made.put(BORDER, near.start, near.end);
}

#[cfg(test)]
mod tests;
