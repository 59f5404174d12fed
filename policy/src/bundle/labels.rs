//! What the label stage of a bundle must fulfil beyond its form: whatever a link or a switch names is loaded, and no two
//! policies take restriction off a label between them unless an operator said that they may.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::LabelSettings;
use crate::{
    ids::{is_server_name, is_user_id},
    label::{Label, OID_PREFIX, Spif, Spifs},
    link::{HighWater, LinkPolicy},
};

/// Every mistake, each with its remedy.
pub(super) fn mistakes(
    links: &BTreeMap<String, LinkPolicy>,
    settings: &LabelSettings,
    spifs: &Spifs,
) -> Vec<String> {
    let of_links = links.iter().flat_map(|(name, policy)| {
        let wrong = of_link(policy, spifs).into_iter();
        wrong.map(move |wrong| format!("links.{name:?}.{wrong}"))
    });
    of_links.chain(of_switches(settings, spifs)).collect()
}

fn of_link(policy: &LinkPolicy, spifs: &Spifs) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(label) = &policy.default_label
        && let Err(why) = check_label(label, spifs)
    {
        wrong.push(format!(
            "default_label: {why}; write a label of a policy that the bundle loads"
        ));
    }
    let unknown = policy.typed_markings.iter();
    wrong.extend(
        unknown
            .filter(|name| named(spifs, name).is_none())
            .map(|name| {
                format!(
                    "typed_markings: policy {name:?} is not loaded; name one whose SPIF is listed under spif"
                )
            }),
    );
    let authorities = policy.room_label_authorities.iter();
    wrong.extend(
        authorities
            .filter(|name| !is_user_id(name) && !is_server_name(name))
            .map(|name| {
                format!(
                    "room_label_authorities: {name:?} is no user id and no server name; write \"@user:server\" or \"server\""
                )
            }),
    );
    if let Some(clearance) = &policy.clearance
        && !spifs.is_valid_clearance(clearance)
    {
        wrong.push(
            "clearance: a name in it is of no loaded policy, so it grants nothing; write names of a policy whose SPIF is listed under spif"
                .to_owned(),
        );
    }
    if policy.high_water.is_some_and(|mark| {
        mark.events > HighWater::MAX_EVENTS || mark.hours > HighWater::MAX_HOURS
    }) {
        wrong.push(format!(
            "high_water: at most {} events and {} hours are kept; write less",
            HighWater::MAX_EVENTS,
            HighWater::MAX_HOURS
        ));
    }
    if policy
        .high_water
        .is_some_and(|mark| mark.events == 0 && mark.hours == 0)
    {
        wrong.push(
            "high_water: neither events nor hours are counted; give one of them, or leave it out"
                .to_owned(),
        );
    }
    wrong
}

/// A default label must be one; at which instant it will be judged is not known yet.
fn check_label(label: &Label, spifs: &Spifs) -> Result<(), String> {
    let policy = label.policy();
    let by_uri = policy.uri.as_deref().and_then(|uri| {
        let oid = uri.strip_prefix(OID_PREFIX)?;
        spifs.by_oid(oid)
    });
    let spif = by_uri.or_else(|| spifs.by_name(&policy.name));
    let instants = [
        label.created(),
        spif.and_then(|spif| spif.not_before),
        spif.and_then(|spif| spif.created),
        spif.and_then(|spif| spif.not_after),
        Some(OffsetDateTime::UNIX_EPOCH),
    ];
    let mut last = "the label is not valid".to_owned();
    for at in instants.into_iter().flatten() {
        match spifs.validate(label, at) {
            Ok(()) => return Ok(()),
            // The policy's period is no matter of the label.
            Err(fault) if fault.code == "policy-expired" && spifs.is_valid(label, at) => {
                return Ok(());
            }
            Err(fault) => last = fault.message,
        }
    }
    Err(last)
}

fn of_switches(settings: &LabelSettings, spifs: &Spifs) -> Vec<String> {
    let switched = &settings.lossy_round_trips;
    let names = switched.iter().flat_map(|(one, other)| [one, other]);
    let unknown = names
        .filter(|name| named(spifs, name).is_none())
        .map(|name| {
            format!(
                "labels.lossy_round_trips: policy {name:?} is not loaded; name loaded policies only"
            )
        });
    let mut wrong: Vec<String> = unknown.collect();
    for trip in spifs.lossy_round_trips() {
        let pair = [named(spifs, &trip.from), named(spifs, &trip.to)];
        let is_pair = |(one, other): &(String, String)| {
            let (one, other) = (named(spifs, one), named(spifs, other));
            same(&pair, &[one, other]) || same(&pair, &[other, one])
        };
        if !switched.iter().any(is_pair) {
            wrong.push(format!(
                "policies {from} and {to}: a label of {from} can come back from {to} less restrictive than it went ({}); correct their equivalences, or accept it by [labels] lossy_round_trips = [[{from:?}, {to:?}]]",
                trip.example,
                from = trip.from,
                to = trip.to,
            ));
        }
    }
    wrong
}

fn same(one: &[Option<&Spif>; 2], other: &[Option<&Spif>; 2]) -> bool {
    let equal = |(one, other): (&Option<&Spif>, &Option<&Spif>)| match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(*one, *other),
        _ => false,
    };
    one.iter().zip(other).all(equal)
}

fn named<'a>(spifs: &'a Spifs, name: &str) -> Option<&'a Spif> {
    spifs.by_oid(name).or_else(|| spifs.by_name(name))
}
