//! What becomes of one event: the questions that are asked about it, in their order.

use ruma_common::CanonicalJsonValue;
use sluice_policy::decide::{self, UnitDecision};
use sluice_policy::dlp::{Finding, Strength};
use sluice_policy::pdu::{Integrity, Pdu};
use sluice_policy::verdict::Verdict;

use super::{
    Bench, GRANTED, HIGH_WATER, OWN_EVENT, OWN_ZONE, RESTORED, ROOM_CLOSED, ROOM_UNKNOWN, Scene,
    UNDECIDED, WATER_LABELS, held, lines, thirds,
};
use crate::collect::{PduCase, Returned, THIRD_SERVER};
use crate::route::Op;
use crate::wait::{WAITING, WAITS_ALREADY};

/// What was ruled on one event.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    pub(crate) verdict: Verdict,
    pub(crate) rule: String,
    pub(crate) reason: Option<&'static str>,
    pub(crate) sticky: bool,
    pub(crate) remember: bool,
    pub(crate) closes: bool,
    /// It is released if checks let it pass.
    pub(crate) waits: bool,
}

impl Ruling {
    pub(super) fn with(verdict: Verdict, rule: &str) -> Self {
        let rule = rule.to_owned();
        Self {
            verdict,
            rule,
            reason: None,
            sticky: false,
            remember: false,
            closes: false,
            waits: false,
        }
    }
    /// What nothing else stopped waits now.
    pub(super) fn waiting_for_checks(self) -> Self {
        match (self.waits, self.verdict) {
            (true, Verdict::Release) => Self {
                verdict: Verdict::Hold,
                reason: Some(WAITING),
                ..self
            },
            (_, _) => Self {
                waits: false,
                ..self
            },
        }
    }
    pub(super) fn release(rule: &str) -> Self {
        Self::with(Verdict::Release, rule)
    }
    fn redact(rule: &str) -> Self {
        Self::with(Verdict::Redact, rule)
    }
    pub(super) fn drop(rule: &str) -> Self {
        Self::with(Verdict::Drop, rule)
    }
}

/// Leaves, kicks and bans pass even where the room is closed: nobody may be locked in.
pub(super) fn leaves_the_room(pdu: &Pdu) -> bool {
    pdu.kind() == "m.room.member" && matches!(pdu.membership(), Some("leave" | "ban"))
}

/// Creation, invitation and join of a room whose label is demanded and missing.
fn must_not_exist_unlabelled(pdu: &Pdu, rule: &str) -> bool {
    rule == "label.missing"
        && match pdu.kind() {
            "m.room.create" => true,
            "m.room.member" => matches!(pdu.membership(), Some("join" | "invite")),
            _ => false,
        }
}

impl Bench<'_> {
    /// The order of the questions about an event, from the strictest to the mildest.
    pub(super) fn ruling(
        &self,
        pattern: &str,
        case: &PduCase,
        decision: Option<&UnitDecision>,
    ) -> Ruling {
        if case.waits_already {
            return Ruling {
                reason: Some(WAITING),
                ..Ruling::with(Verdict::Hold, WAITS_ALREADY)
            };
        }
        let room_closed = case.closed.is_some() || self.closed.contains(case.pdu.room_id());
        if room_closed && !leaves_the_room(&case.pdu) {
            return Ruling::drop(ROOM_CLOSED);
        }
        if thirds::gains_a_stranger(self.scene, pattern, &case.pdu) {
            return Ruling {
                closes: true,
                ..Ruling::drop(THIRD_SERVER)
            };
        }
        match case.returned {
            Some(_) if case.integrity == Integrity::Redacted => {}
            Some(Returned::Whole) => return Ruling::release(OWN_EVENT),
            Some(Returned::Redacted | Returned::Tampered) => return Ruling::release(RESTORED),
            None => {}
        }
        if let Some(denial) = &case.denial {
            return Ruling {
                sticky: true,
                ..Ruling::redact(&denial.rule)
            };
        }
        if case.integrity == Integrity::Redacted {
            return Ruling::release("protocol.already_redacted");
        }
        if self.scene.exchange.is_own_zone() {
            return Ruling::release(OWN_ZONE);
        }
        let Some(decision) = decision else {
            return Ruling::drop(UNDECIDED);
        };
        // Whether a peer's word lowers cannot be told where nobody was asked what the room says.
        let inbound = !self.scene.exchange.outbound(self.scene.way);
        if inbound && case.is_news && case.unasked && case.pdu.is_label_state() {
            return Ruling::redact(ROOM_UNKNOWN);
        }
        if decision.decision.verdict != Verdict::Release && self.residue_tells(case, decision) {
            return Ruling::drop("protocol.residue.finding");
        }
        let rule = decision.decision.rule.as_str();
        match decision.decision.verdict {
            Verdict::Release => Ruling::release(rule),
            _ if must_not_exist_unlabelled(&case.pdu, rule) => Ruling::drop(rule),
            _ if self.invites_above_the_clearance(decision) => Ruling::drop(rule),
            _ if case.pdu.never_redact() => Ruling {
                // A link that is closed today may be open tomorrow.
                closes: rule != thirds::LINK_CLOSED,
                ..Ruling::drop(rule)
            },
            Verdict::Hold if decision.notes.contains(&decide::WAITS) => Ruling {
                waits: true,
                ..Ruling::release(rule)
            },
            Verdict::Hold => Ruling {
                reason: Some(held::why(self.scene, case, decision)),
                remember: true,
                ..Ruling::redact(rule)
            },
            Verdict::Redact | Verdict::Drop => Ruling {
                // What nobody knows yet may be known tomorrow, and what is closed be open.
                remember: rule != decide::LABEL_TARGET_UNKNOWN && rule != thirds::LINK_CLOSED,
                ..Ruling::redact(rule)
            },
        }
    }

    /// MX-9: an invitation into a room that the other side may not know of, or a knock at it, would tell of it also in its
    /// redacted form.
    fn invites_above_the_clearance(&self, decision: &UnitDecision) -> bool {
        let granted = decision
            .label_rule
            .as_deref()
            .is_none_or(|rule| rule == GRANTED);
        let op = self.scene.exchange.route.endpoint.op;
        matches!(op, Op::Invite | Op::SendKnock) && !granted
    }

    /// MX-12: a room freezes where what crossed of it lately is, together, more than the link is cleared for.
    pub(super) fn below_the_mark(
        &mut self,
        case: &PduCase,
        decision: Option<&UnitDecision>,
        ruling: Ruling,
    ) -> Ruling {
        let Scene {
            bundle, link, at, ..
        } = self.scene;
        let keeps = bundle
            .link(link.name)
            .is_some_and(|policy| policy.high_water.is_some());
        let label = decision.filter(|_| keeps).and_then(lines::weighed);
        let (Verdict::Release, Some(label)) = (ruling.verdict, label) else {
            return ruling;
        };
        if leaves_the_room(&case.pdu) {
            return ruling;
        }
        let labels = self.water.entry(case.pdu.room_id().to_owned()).or_default();
        let label = label.timeless();
        if labels.contains(&label) {
            return ruling;
        }
        labels.push(label);
        let few = labels.len() <= WATER_LABELS;
        if labels.len() < 2 || (few && decide::grants_together(bundle, link, labels, *at)) {
            return ruling;
        }
        labels.pop();
        Ruling {
            closes: true,
            ..Ruling::drop(HIGH_WATER)
        }
    }

    /// Whether the redacted form would still carry what a detector found: in type, sender, state key, or in content that
    /// redaction keeps. What must never be redacted closes the room anyway.
    fn residue_tells(&self, case: &PduCase, decision: &UnitDecision) -> bool {
        if case.pdu.never_redact() {
            return false;
        }
        let found = |findings: &[Finding]| {
            findings
                .iter()
                .any(|finding| finding.strength >= Strength::Medium)
        };
        let outside: Vec<Finding> = decision
            .findings
            .iter()
            .filter(|finding| !finding.field.starts_with("/event/content"))
            .cloned()
            .collect();
        let redacted = case.pdu.redacted();
        let Some(CanonicalJsonValue::Object(kept)) = redacted.get("content") else {
            return true;
        };
        let kept = self
            .scene
            .bundle
            .detectors
            .scan_object(kept, "/event/content");
        found(&outside) || kept.map_or(true, |kept| found(&kept))
    }
}
