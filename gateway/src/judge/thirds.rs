//! Third servers: those that are neither of our zone nor the peer's.
//!
//! Where a link lists them, their users may be in a room. What they send came, or comes, from their own zone, and must pass
//! under the link from there as well as under the one that it crosses now; so a peer cannot bring us what its originator
//! may not send us.

use std::collections::BTreeMap;

use sluice_policy::decide::{self, UnitDecision};
use sluice_policy::engine::EngineError;
use sluice_policy::ids::user_server;
use sluice_policy::pdu::Pdu;
use sluice_policy::verdict::{Decision, Verdict};

use super::{JOINED_STATE, Scene, facts, heard};
use crate::collect::{Case, Collected, Material};
use crate::exchange::Way;

/// The rule of an event whose sender's zone has no open link to ours.
const LINK_CLOSED: &str = "protocol.link_closed";

/// Whether users of a server may be in a room that crosses here.
pub(super) fn admits(scene: &Scene<'_>, server: &str) -> bool {
    scene.active.admits(scene.exchange, scene.way, server)
}

/// Whether an event makes somebody a member, now, whose server may not be in the room. What history holds is past: who
/// is still there stands in the state that answers a join.
pub(super) fn gains_a_stranger(scene: &Scene<'_>, pattern: &str, pdu: &Pdu) -> bool {
    let is_present = scene.way == Way::Request || matches!(pattern, JOINED_STATE | "/event");
    let member = pdu.state_key().and_then(user_server);
    pdu.brings_a_member()
        && !scene.exchange.is_own_zone()
        && (is_present || is_nobodys(scene, member))
        && member.is_none_or(|server| !admits(scene, server))
}

/// A server that stands in no record is a stranger wherever it is met.
fn is_nobodys(scene: &Scene<'_>, server: Option<&str>) -> bool {
    server.is_none_or(|server| scene.active.zone_of(server).is_none())
}

/// Decides what third servers' users sent under the link from their own zone too; the stricter decision stands.
///
/// # Errors
/// [`EngineError`] where the policy cannot run at all.
pub(super) fn decide(
    scene: &Scene<'_>,
    collected: &Collected,
    decisions: &mut BTreeMap<usize, UnitDecision>,
) -> Result<(), EngineError> {
    for (zone, link) in &scene.thirds {
        let cases = collected.cases.iter().enumerate();
        let sent = cases.filter(|(at, case)| is_from(case, zone) && decisions.contains_key(at));
        let sent: Vec<(usize, &Case)> = sent.collect();
        let heard = heard::all(collected);
        for (at, case) in sent {
            let unit = facts::of(None, case, collected, heard.get(&at));
            let decision = match (link, unit) {
                (Some(link), Some(unit)) => {
                    decide::decide_units(scene.bundle, link, &[unit], scene.at)?.pop()
                }
                _ => None,
            };
            let closed = || UnitDecision::by_protocol(Decision::new(Verdict::Redact, LINK_CLOSED));
            let theirs = decision.unwrap_or_else(closed);
            if let Some(ours) = decisions.remove(&at) {
                decisions.insert(at, ours.stricter(theirs));
            }
        }
    }
    Ok(())
}

fn is_from(case: &Case, zone: &str) -> bool {
    matches!(&case.material, Ok(Material::Pdu(case)) if case.third.as_deref() == Some(zone))
}
