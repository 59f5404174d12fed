//! What one policy has that readers take in different ways: several tags in a set, one value listed twice, periods that
//! are over or empty, colours of no known form.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use super::Found;
use crate::label::spif::{Spif, Tag, TagSet};

pub(super) fn check(spif: &Spif, at: Option<OffsetDateTime>) -> Vec<Found> {
    let whole = (spif.not_before, spif.not_after);
    let mut found: Vec<Found> = period("the policy", whole, spif.line, at)
        .into_iter()
        .collect();
    found.extend(spif.classifications.iter().filter_map(|level| {
        let color = level.color.as_deref().filter(|color| !is_color(color))?;
        let message = format!(
            "{}: color {color:?} is no colour name and not #RRGGBB; correct it",
            level.name
        );
        Some(Found::new("color", Some(level.line), message))
    }));
    for set in &spif.tag_sets {
        found.extend(several_tags(set));
        for tag in &set.tags {
            found.extend(twins(set, tag));
            found.extend(empty(set, tag));
            for value in &tag.values {
                found.extend(period(
                    &value.name,
                    (value.not_before, value.not_after),
                    value.line,
                    at,
                ));
            }
        }
    }
    found
}

type Period = (Option<OffsetDateTime>, Option<OffsetDateTime>);

fn period(what: &str, (from, to): Period, line: u32, at: Option<OffsetDateTime>) -> Option<Found> {
    let found = |code, message| Some(Found::new(code, Some(line), message));
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        let message = format!(
            "{what}: notAfter is before notBefore, so it is never valid; correct one of them"
        );
        return found("empty-period", message);
    }
    if at.zip(to).is_some_and(|(at, to)| to < at) {
        return found(
            "expired",
            format!("{what} is no longer valid; extend notAfter or remove it"),
        );
    }
    if at.zip(from).is_some_and(|(at, from)| at < from) {
        return found("not-yet-valid", format!("{what} is not yet valid"));
    }
    None
}

fn several_tags(set: &TagSet) -> Option<Found> {
    let message = format!(
        "tag set {} has {} tags; each decides for itself, and other programs may merge them",
        set.name,
        set.tags.len()
    );
    (set.tags.len() > 1).then(|| Found::new("several-tags", Some(set.line), message))
}

fn empty(set: &TagSet, tag: &Tag) -> Option<Found> {
    let message = format!(
        "a tag of {} has no value, so nobody can be cleared for it; add one",
        set.name
    );
    tag.values
        .is_empty()
        .then(|| Found::new("unusable-category", Some(tag.line), message))
}

/// One name or one `lacv` twice in a tag. Labels by name get the constraints of both; binary ones cannot tell them
/// apart.
fn twins(set: &TagSet, tag: &Tag) -> Vec<Found> {
    let (mut names, mut lacvs) = (HashSet::new(), HashMap::new());
    let mut found = Vec::new();
    for value in &tag.values {
        let other = lacvs.insert(&value.lacv, &value.name);
        if !names.insert(&value.key) {
            let message = format!(
                "{} stands twice in tag set {}; the constraints of both hold",
                value.name, set.name
            );
            found.push(Found::new("repeated-category", Some(value.line), message));
        } else if let Some(other) = other {
            let message = format!(
                "{other} and {} of tag set {} share lacv {}; binary labels cannot tell them apart",
                value.name, set.name, value.lacv
            );
            found.push(Found::new("repeated-lacv", Some(value.line), message));
        }
    }
    found
}

/// The sixteen names of the schema, which misspells one, and `#RRGGBB`.
fn is_color(text: &str) -> bool {
    const NAMES: [&str; 17] = [
        "aqua", "black", "blue", "fuchsia", "fuschia", "gray", "green", "lime", "maroon", "navy",
        "olive", "purple", "red", "silver", "teal", "white", "yellow",
    ];
    let hex =
        |digits: &str| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    NAMES.contains(&text.to_ascii_lowercase().as_str()) || text.strip_prefix('#').is_some_and(hex)
}
