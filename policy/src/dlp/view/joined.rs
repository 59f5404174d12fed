//! The joined view: numbers without what separates their groups, and words without what separates their letters.
//!
//! ```text
//!  text ─→ groups (letters and digits between gaps) ─→ runs of groups that may belong together
//!           a run with enough digits ─→ numbers: every sensible way to cut it, each between two marks
//!           a run of single letters  ─→ words
//! ```
//!
//! What is not in a run stays as it is. Dates, times and addresses are no part of a run, so that ordinary text makes few
//! numbers. The same run can be cut in more than one way, because nothing tells where a number ends and the next begins;
//! the ways stand behind each other.

mod group;
mod number;
mod spelled;

use super::map::Made;
use group::Group;

/// Stands before, between and behind joined numbers: no letter, no space, no separator that a pattern would go over.
const BORDER: char = '\u{1f}';

/// Makes the view of a text; `None` where nothing is joined.
pub(super) fn join(text: &str) -> Option<Made> {
    let groups = group::groups(text);
    let mut made = Made::default();
    let mut any = false;
    let mut copied = 0;
    for run in group::runs(text, &groups) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        made.copy(text, copied, first.start);
        copied = first.start;
        if number::join(run, text, &mut made) || spelled::join(run, text, &mut made) {
            copied = last.end;
            any = true;
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
