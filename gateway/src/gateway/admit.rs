//! What must hold of link and path before a body is read: the link is open, its policies hold now, and the ids in path
//! and query belong to whom they should and carry nothing that a detector knows.

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::bundle::Bundle;
use sluice_policy::dlp::Strength;
use sluice_policy::ids::{alias_server, user_server};
use time::OffsetDateTime;

use super::Active;
use crate::exchange::{Exchange, Face, Way};
use crate::links::LINK_CLOSED;
use crate::refusal::{Blame, Refusal};
use crate::route::{Denied, Op};

/// Whether anything may cross between the two zones now.
///
/// # Errors
/// [`Refusal`]: the link is closed (403), or a security policy has expired, which is a failure of the gateway (503) and
/// no verdict, because a verdict would be remembered.
pub(super) fn link(active: &Active, exchange: &Exchange) -> Result<(), Refusal> {
    let bundle = active.bundle()?;
    if exchange.is_own_zone() {
        return policies(bundle, OffsetDateTime::now_utc());
    }
    let closed = |detail: &str| Err(Refusal::forbidden(LINK_CLOSED, detail));
    if !exchange.peer.is_open() {
        return closed("the peer's record lacks a clearance; import it with --send and --receive");
    }
    for way in [Way::Request, Way::Answer] {
        if bundle.link(&exchange.link(way)).is_none() {
            return closed("the bundle has no policy for this link and no default");
        }
    }
    policies(bundle, OffsetDateTime::now_utc())
}

/// Whether every security policy is in force.
///
/// # Errors
/// [`Refusal`]: a failure of the gateway (503) and no verdict, because a verdict would be remembered.
pub(super) fn policies(bundle: &Bundle, at: OffsetDateTime) -> Result<(), Refusal> {
    match bundle.spifs.iter().find(|spif| !spif.is_valid_at(at)) {
        None => Ok(()),
        Some(spif) => Err(Refusal::ourselves(
            "gateway.spif",
            format!(
                "the security policy {} is expired or not yet valid; build a bundle with a current one",
                spif.name
            ),
        )),
    }
}

/// Whether the link opens the operation; false where it looks empty.
///
/// # Errors
/// [`Refusal`] where it is refused by its table line, or asks for a profile field that the link does not list: the name of
/// a field is text.
pub(super) fn opened(active: &Active, exchange: &Exchange) -> Result<bool, Refusal> {
    let endpoint = exchange.route.endpoint;
    let link = exchange.link(Way::Answer);
    if let Some(field) = exchange.route.params.get("field")
        && !active
            .profile_fields(&link)?
            .iter()
            .any(|listed| listed == field)
    {
        let detail = "the link does not list this profile field (profile_fields)";
        return Err(Refusal::new(
            "protocol.profile_field",
            Blame::NotFound,
            detail,
        ));
    }
    let Some(opening) = endpoint.opens else {
        return Ok(true);
    };
    let policy = active.bundle()?.link(&link);
    if policy.is_some_and(|policy| policy.opens.contains(&opening)) {
        return Ok(true);
    }
    let blame = match (endpoint.denied, exchange.face) {
        (Denied::Empty, _) => return Ok(false),
        (Denied::Hidden, Face::Inside) => Blame::Forbidden,
        _ => Blame::NotFound,
    };
    let detail = format!("{link} does not open {}", opening.as_str());
    Err(Refusal::new("protocol.not_opened", blame, detail))
}

/// Whether path and query may go to the far side.
///
/// # Errors
/// [`Refusal`] where a user belongs to another server than the operation is about, or a detector knows an id's text.
pub(super) fn ids(active: &Active, exchange: &Exchange) -> Result<(), Refusal> {
    let params = &exchange.route.params;
    let user = params.get("user").or_else(|| params.get("user_id"));
    let owner = match exchange.route.endpoint.op {
        Op::MakeJoin | Op::MakeKnock | Op::MakeLeave => exchange.origin(),
        _ => exchange.destination(),
    };
    if user.is_some_and(|user| user_server(user) != Some(owner)) {
        let detail = "the user in the path belongs to another server";
        return Err(Refusal::new("protocol.user", Blame::Forbidden, detail));
    }
    let alias = params.get("room_alias");
    if alias.is_some_and(|alias| alias_server(alias) != Some(exchange.destination())) {
        let detail = "the alias belongs to another server";
        return Err(Refusal::new("protocol.alias", Blame::NotFound, detail));
    }
    if exchange.is_own_zone() {
        return Ok(());
    }
    let texts = ["room", "user", "user_id", "room_alias"];
    let shown: CanonicalJsonObject = texts
        .into_iter()
        .filter_map(|name| {
            let value = CanonicalJsonValue::String(params.get(name)?.to_owned());
            Some((name.to_owned(), value))
        })
        .collect();
    let found = active.bundle()?.detectors.scan_object(&shown, "");
    let found = found.map_err(|_| Refusal::forbidden("protocol.dlp.budget", "ids too long"))?;
    match found
        .iter()
        .find(|finding| finding.strength >= Strength::Medium)
    {
        None => Ok(()),
        Some(finding) => Err(Refusal::forbidden(
            format!("dlp.{}", finding.detector),
            "an id in the path",
        )),
    }
}
