//! What a policy wants looked at: which events can wait for a person, and what crosses because a person released it.

use sluice_policy::decide::{self, UnitDecision, UnitFacts, Waiver};
use sluice_policy::engine::EngineError;
use sluice_policy::json;
use sluice_policy::likeness::likeness;
use sluice_policy::pdu::Integrity;
use sluice_policy::verdict::Verdict;
use zeroize::Zeroizing;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};

use super::{Ruling, Scene, lines};
use crate::audit::entry::{Entry, HeldEntry, HoldAct, HoldEntry, ShownFinding, WaitEntry};
use crate::collect::{Case, Material, PduCase};
use crate::exchange::Way;
use crate::gateway::now_ms;
use crate::hold::{
    Candidate, HELD, HOLD_ENCRYPTED, HOLD_FINDINGS, HOLD_INBOUND, HOLD_SHAPE, HOLD_STATE,
    Presented, item_of,
};
use crate::route::Op;
use crate::wait::{self, Later};

/// Type of an event that nobody here can read.
const ENCRYPTED: &str = "m.room.encrypted";

/// [`HELD`], or why nothing of a held event waits. It crosses in its redacted form either way.
pub(super) fn why(scene: &Scene<'_>, case: &PduCase, decision: &UnitDecision) -> &'static str {
    let pdu = &case.pdu;
    match () {
        () if !scene.exchange.outbound(scene.way) => HOLD_INBOUND,
        () if pdu.state_key().is_some() => HOLD_STATE,
        () if pdu.kind() == ENCRYPTED => HOLD_ENCRYPTED,
        () if likeness(pdu.kind(), pdu.content()).is_none() => HOLD_SHAPE,
        () if Waiver::of(decision).findings.len() > Entry::SHOWN => HOLD_FINDINGS,
        () => HELD,
    }
}

/// What `record` needs to keep an event. `place` is that of its line.
pub(super) fn candidate(
    scene: &Scene<'_>,
    case: &PduCase,
    decision: &UnitDecision,
    place: usize,
) -> Candidate {
    let pdu = &case.pdu;
    let content = Zeroizing::new(json::write(pdu.object()));
    let Waiver { rule, findings } = Waiver::of(decision);
    let line = HeldEntry {
        item: item_of(scene.link.name, pdu.event_id()).into(),
        request: scene.exchange.reference.as_str().into(),
        link: scene.link.name.into(),
        room_id: pdu.room_id().into(),
        event_id: pdu.event_id().into(),
        event_type: lines::shown(Some(decision), "/event/type", pdu.kind()),
        sender: pdu.sender().into(),
        rule: rule.into(),
        findings: findings.into_iter().map(shown).collect(),
        bytes: content.len() as u64,
        until: 0,
    };
    Candidate {
        entry: place,
        line,
        content,
    }
}

/// The decision on an event that is held and for which a reviewer's ticket is there; `None` where there is nothing to
/// waive.
pub(super) fn by_ticket(
    scene: &Scene<'_>,
    case: &Case,
    unit: &UnitFacts<'_>,
    decision: &UnitDecision,
) -> Result<Option<UnitDecision>, EngineError> {
    let Ok(Material::Pdu(case)) = &case.material else {
        return Ok(None);
    };
    let held = decision.decision.verdict == Verdict::Hold;
    let Some(presented) = case.ticket.as_ref().filter(|_| held) else {
        return Ok(None);
    };
    let waiver = &presented.ticket.waiver;
    let mut waived = decide::decide_waived(scene.bundle, &scene.link, unit, waiver, scene.at)?;
    if waived.decision.verdict == Verdict::Release {
        waived.notes.push(decide::BY_TICKET);
    }
    Ok(Some(waived))
}

/// Whether it is the ticket that lets an event cross.
pub(super) fn crosses_by_ticket(decision: Option<&UnitDecision>, ruling: &Ruling) -> bool {
    let waived = |decision: &UnitDecision| decision.notes.contains(&decide::BY_TICKET);
    ruling.verdict == Verdict::Release && decision.is_some_and(waived)
}

/// The line that spends a ticket; none where it was spent for this event before.
pub(super) fn spent(scene: &Scene<'_>, case: &PduCase, presented: &Presented) -> Option<Entry> {
    let ticket = &presented.ticket;
    ticket.event_id.is_none().then(|| {
        Entry::Hold(HoldEntry {
            item: ticket.item.as_str().into(),
            act: HoldAct::Spent,
            link: Some(scene.link.name.into()),
            room_id: Some(case.pdu.room_id().into()),
            event_id: Some(case.pdu.event_id().into()),
            ..HoldEntry::default()
        })
    })
}

/// Whether events are sent here, as they are said.
pub(super) fn is_sent(scene: &Scene<'_>) -> bool {
    scene.exchange.route.endpoint.op == Op::Send && scene.way == Way::Request
}

/// Notes on a decision that checks are to look at the event, where nothing else would stop it: only what is sent now can
/// wait. Everything else that a policy holds is for a person.
pub(super) fn note_waiting(
    scene: &Scene<'_>,
    case: &Case,
    unit: &UnitFacts<'_>,
    decision: &mut UnitDecision,
) -> Result<(), EngineError> {
    let named = decision.decision.verdict == Verdict::Hold && !decision.decision.checks.is_empty();
    if !named || !is_sent(scene) || !matches!(&case.material, Ok(Material::Pdu(_))) {
        return Ok(());
    }
    let waiver = Waiver::of(decision);
    if waiver.findings.len() > Entry::SHOWN {
        return Ok(());
    }
    let waived = decide::decide_waived(scene.bundle, &scene.link, unit, &waiver, scene.at)?;
    if waived.decision.verdict == Verdict::Release {
        decision.notes.push(decide::WAITS);
    }
    Ok(())
}

/// What `record` needs to keep an event that is sent later: because it waits for checks, or behind one that does.
pub(super) fn later(
    scene: &Scene<'_>,
    case: &PduCase,
    decision: Option<&UnitDecision>,
    ruling: &Ruling,
) -> Later {
    let (pdu, exchange) = (&case.pdu, scene.exchange);
    let now = now_ms();
    let waiver = decision.map(Waiver::of).filter(|_| ruling.waits);
    let waiver = waiver.unwrap_or_default();
    let checks = decision.filter(|_| ruling.waits);
    let checks = checks.map(|decision| decision.decision.checks.clone());
    let destination = exchange.destination();
    // Already in its redacted form when it came, an event has no other.
    let whole = match case.integrity {
        Integrity::Whole => pdu.outgoing(),
        Integrity::Redacted => pdu.redacted(),
    };
    let forms = Object::from([
        ("redacted".to_owned(), Value::Object(pdu.redacted())),
        ("whole".to_owned(), Value::Object(whole)),
    ]);
    let content = Zeroizing::new(json::write(&forms));
    let sender = lines::shown(decision, "/event/sender", pdu.sender());
    let under = wait::judged_under(
        scene.active,
        &exchange.peer,
        &sender,
        is_hidden(scene, case),
    );
    let line = WaitEntry {
        item: wait::item_of(scene.link.name, pdu.event_id(), destination).into(),
        request: exchange.reference.as_str().into(),
        link: scene.link.name.into(),
        origin: exchange.origin().into(),
        destination: destination.into(),
        room_id: pdu.room_id().into(),
        leaves: super::ruling::leaves_the_room(pdu),
        event_id: pdu.event_id().into(),
        event_type: lines::shown(decision, "/event/type", pdu.kind()),
        sender,
        rule: ruling.rule.as_str().into(),
        findings: waiver.findings.into_iter().map(shown).collect(),
        checks: checks.into_iter().flatten().map(Into::into).collect(),
        verdict: (!ruling.waits).then_some(ruling.verdict),
        deadline: now.saturating_add(scene.wait_ms),
        came: now,
        bytes: content.len() as u64,
        under: under.map(Into::into),
        // What comes back to its own zone is whole or not there.
        never_redact: pdu.never_redact() || case.returned.is_some(),
    };
    Later { line, content }
}

/// Whether its room's label, as far as it is known, is above what the link is cleared for.
fn is_hidden(scene: &Scene<'_>, case: &PduCase) -> bool {
    let label = case.room.as_ref().and_then(|room| room.label.as_ref());
    label.is_some_and(|label| !decide::grants(scene.bundle, &scene.link, label, scene.at))
}

fn shown((detector, value): (String, String)) -> ShownFinding {
    ShownFinding {
        detector: detector.into(),
        value: value.into(),
    }
}
