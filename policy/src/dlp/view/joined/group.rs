//! Groups of letters and digits, and runs of those that may belong together.

use super::super::signs::{MAX_GAP_BYTES, MAX_LETTERS, MAX_WORD_LETTERS};
use crate::unicode::is_alphanumeric;

/// Digits of two neighbours that are numbers of their own where more than one sign stands between them.
const LONG_DIGITS: usize = 5;

/// Letters and digits without a gap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) chars: usize,
    pub(super) digits: usize,
    upper: usize,
    /// True for a part of a date, a time or an address.
    ordinary: bool,
}

impl Group {
    pub(super) fn letters(&self) -> usize {
        self.chars - self.digits
    }

    /// True for letters only.
    pub(super) fn is_letters(&self) -> bool {
        self.digits == 0
    }

    pub(super) fn is_single(&self) -> bool {
        self.chars == 1
    }

    fn is_digits(&self) -> bool {
        self.digits == self.chars
    }

    /// True for what may be part of a longer number or word.
    fn is_part(&self) -> bool {
        let capitals = self.upper == self.letters();
        let few = self.letters()
            <= if self.is_letters() {
                MAX_WORD_LETTERS
            } else {
                MAX_LETTERS
            };
        !self.ordinary
            && (self.is_single() || self.is_digits() || (few && capitals) || self.is_country_code())
    }

    /// True for `de89`: an account number in small letters.
    fn is_country_code(&self) -> bool {
        self.letters() == 2 && self.digits >= 2
    }
}

/// All groups of a text, in order.
pub(super) fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut open = false;
    for (at, c) in text.char_indices() {
        let inside = is_alphanumeric(c);
        if inside && !open {
            groups.push(Group {
                start: at,
                end: at,
                chars: 0,
                digits: 0,
                upper: 0,
                ordinary: false,
            });
        }
        open = inside;
        if inside && let Some(group) = groups.last_mut() {
            group.end = at + c.len_utf8();
            group.chars += 1;
            group.digits += usize::from(c.is_ascii_digit());
            group.upper += usize::from(c.is_uppercase());
        }
    }
    mark_ordinary(text, &mut groups);
    groups
}

/// Runs of at least two groups that may belong together.
pub(super) fn runs<'g>(text: &'g str, groups: &'g [Group]) -> impl Iterator<Item = &'g [Group]> {
    groups
        .chunk_by(move |a, b| a.is_part() && b.is_part() && is_near(text, a, b))
        .filter(|run| run.len() > 1)
}

fn is_near(text: &str, a: &Group, b: &Group) -> bool {
    let gap = gap(text, a, b);
    let long = a.digits >= LONG_DIGITS && b.digits >= LONG_DIGITS;
    gap.len() <= MAX_GAP_BYTES && !(long && is_list(gap))
}

/// True for what stands between two numbers of a list.
fn is_list(gap: &str) -> bool {
    gap.len() > 1 && gap != "\r\n" && gap.contains([',', ';', ':', '\n'])
}

/// What stands between two groups.
pub(super) fn gap<'t>(text: &'t str, a: &Group, b: &Group) -> &'t str {
    text.get(a.end..b.start).unwrap_or_default()
}

fn mark_ordinary(text: &str, groups: &mut [Group]) {
    let mut at = 0;
    while at < groups.len() {
        let before = at.checked_sub(1).and_then(|before| groups.get(before));
        let before = before.map_or("", |before| gap(text, before, &groups[at]));
        let count = ordinary(text, &groups[at..], before);
        groups[at..at + count]
            .iter_mut()
            .for_each(|group| group.ordinary = true);
        at += count.max(1);
    }
}

/// How many groups at the start, which stand after the gap `before`, are a date, a time or an address of a computer.
fn ordinary(text: &str, groups: &[Group], before: &str) -> usize {
    let [first, second, ..] = groups else {
        return 0;
    };
    if first.digits == 0 || second.digits == 0 {
        return 0;
    }
    let parts = Parts { text, groups };
    // The end of something longer is none of these.
    if parts.gap(0) == before {
        0
    } else if parts.is_date() {
        3
    } else if parts.is_address() {
        4
    } else {
        parts.time()
    }
}

struct Parts<'g> {
    text: &'g str,
    groups: &'g [Group],
}

impl Parts<'_> {
    /// The number in a group of digits, `None` for any other group and for more than four digits.
    fn number(&self, index: usize) -> Option<(u32, usize)> {
        let group = self.groups.get(index)?;
        let digits = self.text.get(group.start..group.end)?;
        let short = group.is_digits() && group.chars <= 4;
        Some((digits.parse().ok().filter(|_| short)?, group.chars))
    }

    fn gap(&self, index: usize) -> &str {
        match (self.groups.get(index), self.groups.get(index + 1)) {
            (Some(a), Some(b)) => gap(self.text, a, b),
            _ => "",
        }
    }

    /// `2026-11-22` (also before a `T`), `22.11.2026`.
    fn is_date(&self) -> bool {
        let gap = self.gap(0);
        if !matches!(gap, "-" | "." | "/" | ". ") || self.gap(1) != gap {
            return false;
        }
        let day = |index| matches!(self.number(index), Some((1..=31, 1 | 2)));
        let month = |index| matches!(self.number(index), Some((1..=12, 1 | 2)));
        let year = |index| matches!(self.number(index), Some((1900..=2099, 4)));
        let last = self
            .groups
            .get(2)
            .and_then(|group| self.text.get(group.start..group.end));
        let timed = last.is_some_and(|last| last.get(2..3) == Some("T"));
        (year(0) && month(1) && (day(2) || timed))
            || (year(2) && ((day(0) && month(1)) || (month(0) && day(1))))
    }

    /// Four numbers of a byte each, between dots.
    fn is_address(&self) -> bool {
        let byte = |index| matches!(self.number(index), Some((0..=255, 1..=3)));
        let more = self.groups.len() > 4 && self.gap(3) == ".";
        (0..4).all(byte) && (0..3).all(|index| self.gap(index) == ".") && !more
    }

    /// `10:30`, `10:30:00`, and how many groups that takes.
    fn time(&self) -> usize {
        let hour = matches!(self.number(0), Some((0..=23, 1 | 2)));
        let sixty = |index| matches!(self.number(index), Some((0..=59, 2)));
        let colons = (0..4).take_while(|index| self.gap(*index) == ":").count();
        match colons {
            1 if hour && sixty(1) => 2,
            2 if hour && sixty(1) && sixty(2) => 3,
            _ => 0,
        }
    }
}
