//! The access decision: may this label pass under this clearance? One fixed function; no rule file changes it.
//!
//! Every way out but the last line is a denial, and a label without categories is decided like any other.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use super::{
    clearance::Clearance,
    name::Key,
    resolve::{self, Cleared, Resolved, Selection},
    spif::{self, Spif, Spifs, TagKind},
    wire::Label,
};

/// Whether a label may pass, and the one rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelDecision {
    /// True only for rule `granted`.
    pub grant: bool,
    /// `granted`, `policy-unknown`, `policy-mismatch`, `policy-expired`, `label-invalid`, `clearance-invalid`,
    /// `classification`, `restrictive` or `permissive`.
    pub rule: &'static str,
    /// For the operator, in names of policy and clearance; safe to log.
    pub reason: String,
}

/// The access decision of ADatP-4774, at the instant `at`.
#[must_use]
pub fn decide(
    label: &Label,
    clearance: &Clearance,
    spifs: &Spifs,
    at: OffsetDateTime,
) -> LabelDecision {
    match judge(label, clearance, spifs, at) {
        Ok(reason) => LabelDecision {
            grant: true,
            rule: "granted",
            reason,
        },
        Err((rule, reason)) => LabelDecision {
            grant: false,
            rule,
            reason,
        },
    }
}

/// Rule and reason of a denial.
type Denial = (&'static str, String);

fn judge(
    label: &Label,
    clearance: &Clearance,
    spifs: &Spifs,
    at: OffsetDateTime,
) -> Result<String, Denial> {
    let spif = policy(label, clearance, spifs)?;
    if !spif.is_valid_at(at) {
        return Err((
            "policy-expired",
            format!("policy {} is expired or not yet valid", spif.name),
        ));
    }
    let label = resolve::label(label, spif, at).map_err(|reason| ("label-invalid", reason))?;
    let cleared =
        resolve::clearance(clearance, spif).map_err(|reason| ("clearance-invalid", reason))?;
    classification(&label, &cleared)?;
    restrictive(&label, &cleared, spif)?;
    permissive(&label, &cleared, spif)?;
    Ok(format!("{} is within the clearance", label.level.name))
}

/// Label and clearance must be written in one loaded policy.
fn policy<'a>(label: &Label, clearance: &Clearance, spifs: &'a Spifs) -> Result<&'a Spif, Denial> {
    let spif = match spifs.resolve(label.policy()) {
        spif::Resolved::One(spif) => spif,
        spif::Resolved::Unknown => {
            return Err(("policy-unknown", "the label's policy is not loaded".into()));
        }
        spif::Resolved::Mismatch => {
            return Err((
                "policy-mismatch",
                "name and uri of the label's policy mean different policies".into(),
            ));
        }
    };
    match spifs.resolve(&clearance.policy) {
        spif::Resolved::One(other) if std::ptr::eq(spif, other) => Ok(spif),
        spif::Resolved::Mismatch => Err((
            "clearance-invalid",
            "name and uri of the clearance's policy mean different policies".into(),
        )),
        _ => Err((
            "policy-mismatch",
            format!("the clearance is not written in policy {}", spif.name),
        )),
    }
}

/// The level must be in the clearance's list; a higher one in the list does not help.
fn classification(label: &Resolved<'_>, cleared: &Cleared<'_>) -> Result<(), Denial> {
    let listed = cleared
        .levels
        .iter()
        .any(|level| level.key == label.level.key);
    if listed {
        return Ok(());
    }
    Err((
        "classification",
        format!("{} is not in the clearance's list", label.level.name),
    ))
}

/// Of each restrictive tag, the clearance must have all values.
fn restrictive(label: &Resolved<'_>, cleared: &Cleared<'_>, spif: &Spif) -> Result<(), Denial> {
    for (place, values) in by_tag(&label.selections, TagKind::Restrictive) {
        let held = held(cleared, place);
        if let Some((_, missing)) = values.iter().find(|(key, _)| !held.contains_key(*key)) {
            let set = &spif.tag_sets[place.0].name;
            return Err((
                "restrictive",
                format!("RESTRICTIVE {set}: {missing} is not in the clearance"),
            ));
        }
    }
    Ok(())
}

/// Of each permissive tag that the label uses, the clearance must have one value.
fn permissive(label: &Resolved<'_>, cleared: &Cleared<'_>, spif: &Spif) -> Result<(), Denial> {
    if let Some(set) = label.nobody {
        return Err((
            "permissive",
            format!("PERMISSIVE {set}: no value, so nobody is permitted"),
        ));
    }
    for (place, values) in by_tag(&label.selections, TagKind::Permissive) {
        let held = held(cleared, place);
        if !values.keys().any(|key| held.contains_key(key)) {
            let set = &spif.tag_sets[place.0].name;
            let (wanted, held) = (names(&values), names(&held));
            return Err((
                "permissive",
                format!("PERMISSIVE {set}: {{{wanted}}} ∩ {{{held}}} = ∅"),
            ));
        }
    }
    Ok(())
}

/// Values by name, with the policy's spelling.
type Values<'a> = BTreeMap<&'a Key, &'a str>;

/// The values of one kind, grouped by set and tag: two sets with tags of one name never merge.
fn by_tag<'a>(selections: &[Selection<'a>], kind: TagKind) -> BTreeMap<(usize, usize), Values<'a>> {
    let mut groups: BTreeMap<(usize, usize), Values<'a>> = BTreeMap::new();
    for chosen in selections.iter().filter(|chosen| chosen.kind == kind) {
        groups
            .entry(chosen.place)
            .or_default()
            .insert(&chosen.value.key, &chosen.value.name);
    }
    groups
}

/// What the clearance has in one tag.
fn held<'a>(cleared: &Cleared<'a>, place: (usize, usize)) -> Values<'a> {
    let here = cleared
        .selections
        .iter()
        .filter(|chosen| chosen.place == place);
    here.map(|chosen| (&chosen.value.key, chosen.value.name.as_str()))
        .collect()
}

fn names(values: &Values<'_>) -> String {
    values.values().copied().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
