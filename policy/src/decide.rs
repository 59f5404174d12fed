//! The decision about units: label, detectors and policy, and of their answers the most restrictive.
//!
//! Place in a request's life: the end of `judge`, after the protocol checks. Pure: bundle and facts in, decisions out.
//!
//! ```text
//! unit ─> label needed? ─> label decision, every clearance ─┐
//!      ─> detectors ────────────────────────────────────────┼─> facts ─> policy ─> the most restrictive answer
//! ```
//!
//! Invariant: as many decisions as units, in their order, and none is `Release` that label or detectors objected to.

mod need;

use time::OffsetDateTime;

pub use self::need::{NEEDS, Need};
use crate::{
    bundle::Bundle,
    dlp::{Finding, ScanError},
    engine::{EngineError, EventFailure},
    facts::{
        Direction, EventFacts, Facts, FindingFacts, Kind, LabelFacts, LabelSource, LinkFacts,
        RoomFacts,
    },
    json::{Object, Tree},
    label::{self, Clearance, Label, LabelDecision, ROOM_LABEL_TYPE},
    link::{Encryption, LinkPolicy},
    verdict::{Decision, Verdict},
};

/// Rule: the unit needs a label and has none.
pub const LABEL_MISSING: &str = "label.missing";
/// Rule: the event that this one relates to is not known, so its label is not known either.
pub const LABEL_TARGET_UNKNOWN: &str = "label.target_unknown";
/// Rule: something stands in the label's place that is no label.
pub const LABEL_MALFORMED: &str = "label.label-invalid";
/// Rule: a label is there, but nothing says what may cross.
pub const LABEL_NO_CLEARANCE: &str = "label.clearance-missing";
/// Rule: ciphertext on a link that refuses it.
pub const ENCRYPTION_REFUSED: &str = "protocol.encryption_refused";
/// Rule: the detectors could not look at all of the unit.
pub const SCAN_BUDGET: &str = "protocol.dlp.budget";
/// Rule: already in its redacted form, so there is nothing to judge.
pub const ALREADY_REDACTED: &str = "protocol.already_redacted";
/// Rule: the bundle says nothing about this link, not even by its default.
pub const LINK_UNKNOWN: &str = "protocol.link_unknown";

/// The link that the units cross.
#[derive(Clone, Debug)]
pub struct LinkContext<'a> {
    /// `high->low`.
    pub name: &'a str,
    /// The zone that the data comes from.
    pub from: &'a str,
    /// The zone that it goes to.
    pub to: &'a str,
    /// Which way it crosses this gateway.
    pub direction: Direction,
    /// The clearances of the peer's record; the bundle's own for this link counts beside them.
    pub clearances: Vec<&'a Clearance>,
}

/// One unit, as `judge` knows it after the protocol checks.
#[derive(Clone, Debug)]
pub struct UnitFacts<'a> {
    /// What kind of unit.
    pub kind: Kind,
    /// Event or EDU type; empty for units that have none.
    pub event_type: &'a str,
    /// The user who sent it.
    pub sender: Option<&'a str>,
    /// The state key of a state event.
    pub state_key: Option<&'a str>,
    /// The room that it belongs to.
    pub room_id: Option<&'a str>,
    /// The version of that room.
    pub room_version: Option<&'a str>,
    /// Its content; for units without a content of their own the whole object.
    pub content: &'a Object,
    /// What is known about the label of the event that this one relates to.
    pub target: Target<'a>,
    /// The label of its room.
    pub room_label: Option<&'a Label>,
    /// True for an event that has exactly the redacted shape.
    pub redacted: bool,
}

/// The event that a reaction, an edit or a redaction relates to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target<'a> {
    /// Not asked for: the unit relates to nothing, or it is judged without history.
    Absent,
    /// It relates to an event that is not known here.
    Unknown,
    /// It relates to an event with this label, or without one.
    Known(Option<&'a Label>),
}

/// What was decided about one unit.
#[derive(Clone, Debug)]
pub struct UnitDecision {
    /// The most restrictive answer and its rule. The caller maps `Drop` on a PDU, and `Hold`.
    pub decision: Decision,
    /// The label that decided, as its originator wrote it.
    pub label: Option<Label>,
    /// Where that label stands.
    pub label_source: LabelSource,
    /// The label rule with its prefix, `None` where no label is there and none is demanded.
    pub label_rule: Option<String>,
    /// What detectors saw.
    pub findings: Vec<Finding>,
    /// For the operator, without any of the unit's text.
    pub reason: Option<String>,
}

/// Decides every unit: as many results as `units`, in their order. `at` is the instant that labels are judged at.
///
/// # Errors
/// [`EngineError`] where the policy cannot run at all: a failure of the gateway, and no verdict on any unit.
pub fn decide_units(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    units: &[UnitFacts<'_>],
    at: OffsetDateTime,
) -> Result<Vec<UnitDecision>, EngineError> {
    let Some(policy) = bundle.link(link.name) else {
        let refused = |unit: &UnitFacts<'_>| {
            without_label(Decision::new(denied_verdict(unit.kind), LINK_UNKNOWN))
        };
        return Ok(units.iter().map(refused).collect());
    };
    let scene = Scene {
        bundle,
        link,
        policy,
        at,
    };
    let found: Vec<Found<'_>> = units.iter().map(|unit| scene.look(unit)).collect();
    let facts: Vec<serde_json::Value> = units
        .iter()
        .zip(&found)
        .map(|(unit, found)| scene.facts(unit, found))
        .collect();
    let answers = bundle.engine.decide(&facts)?;
    let all = units.iter().zip(found).zip(answers);
    Ok(all
        .map(|((unit, found), answer)| scene.conclude(unit, found, answer))
        .collect())
}

/// What is the same for all units of a call.
struct Scene<'a> {
    bundle: &'a Bundle,
    link: &'a LinkContext<'a>,
    policy: &'a LinkPolicy,
    at: OffsetDateTime,
}

/// What was found out about a unit before policy.
struct Found<'a> {
    label: LabelFound,
    findings: Result<Vec<Finding>, ScanError>,
    classification: Option<&'a str>,
}

/// The effective label and what was decided about it.
struct LabelFound {
    label: Option<Label>,
    source: LabelSource,
    /// `None` where no label is there and none is demanded.
    outcome: Option<LabelDecision>,
}

impl<'a> Scene<'a> {
    fn look(&self, unit: &UnitFacts<'_>) -> Found<'a> {
        let label = if unit.redacted {
            LabelFound::nothing()
        } else {
            self.label(unit)
        };
        let findings = if unit.redacted {
            Ok(Vec::new())
        } else {
            self.scan(unit)
        };
        let level = label
            .label
            .as_ref()
            .and_then(|label| self.bundle.spifs.classification(label));
        Found {
            label,
            findings,
            classification: level.map(|level| level.name.as_str()),
        }
    }

    /// Every label that bears on the unit must be granted; the first of them is the one that is reported.
    fn label(&self, unit: &UnitFacts<'_>) -> LabelFound {
        let need = need::of(
            unit.kind,
            unit.event_type,
            unit.state_key.is_some(),
            unit.target,
            unit.content,
        );
        let own = match own_label(unit) {
            Ok(own) => own,
            Err(reason) => return LabelFound::denied(LabelSource::Event, "label-invalid", reason),
        };
        let demanded = need.demands(self.policy.require_label);
        if need == Need::Target && unit.target == Target::Unknown && demanded {
            return LabelFound::denied(
                LabelSource::None,
                "target_unknown",
                "the event that it relates to is not known",
            );
        }
        let bearing = bearing_labels(unit, own, need);
        match bearing.first() {
            Some((source, label)) => LabelFound {
                source: *source,
                outcome: Some(self.grant(bearing.iter().map(|(_, label)| label))),
                label: Some(label.clone()),
            },
            None if demanded => LabelFound::denied(
                LabelSource::None,
                "missing",
                "a label is demanded and there is none",
            ),
            None => LabelFound::nothing(),
        }
    }

    /// Granted only if every clearance grants every label.
    fn grant<'l>(&self, labels: impl Iterator<Item = &'l Label>) -> LabelDecision {
        let mut granted = denial(
            "clearance-missing",
            "the link has no clearance; give one in the peer's record",
        );
        for label in labels {
            for clearance in self
                .link
                .clearances
                .iter()
                .copied()
                .chain(&self.policy.clearance)
            {
                let decision = label::decide(label, clearance, &self.bundle.spifs, self.at);
                if !decision.grant {
                    return decision;
                }
                granted = decision;
            }
        }
        granted
    }

    /// The whole unit is scanned: names and ids can carry text as well as the content can.
    fn scan(&self, unit: &UnitFacts<'_>) -> Result<Vec<Finding>, ScanError> {
        let detectors = &self.bundle.detectors;
        let mut findings = detectors.scan_object(unit.content, "/event/content")?;
        let fields = [
            ("/event/type", Some(unit.event_type)),
            ("/event/sender", unit.sender),
            ("/event/state_key", unit.state_key),
            ("/event/room_id", unit.room_id),
        ];
        for (pointer, text) in fields {
            if let Some(text) = text {
                findings.extend(detectors.scan(&Tree::String(text.to_owned()), pointer)?);
            }
        }
        Ok(findings)
    }

    fn facts(&self, unit: &UnitFacts<'_>, found: &Found<'_>) -> serde_json::Value {
        let outcome = found.label.outcome.as_ref();
        let facts = Facts {
            kind: unit.kind,
            link: LinkFacts {
                name: self.link.name,
                from: self.link.from,
                to: self.link.to,
                direction: self.link.direction,
                edus: &self.policy.edus,
                require_label: self.policy.require_label,
            },
            event: EventFacts {
                kind: unit.event_type,
                sender: unit.sender,
                state_key: unit.state_key,
                room_id: unit.room_id,
                content: unit.content,
            },
            room: RoomFacts {
                version: unit.room_version,
                label: unit.room_label.map(Label::to_json),
            },
            label: LabelFacts {
                source: found.label.source,
                classification: found.classification,
                granted: outcome.map(|outcome| outcome.grant),
                rule: outcome.map(|outcome| outcome.rule),
            },
            findings: found
                .findings
                .iter()
                .flatten()
                .map(FindingFacts::from)
                .collect(),
        };
        // Without facts the policy has no answer, and no answer denies.
        serde_json::to_value(&facts).unwrap_or(serde_json::Value::Null)
    }

    /// Protocol, label and policy, in this order of names where they are equally restrictive.
    fn conclude(
        &self,
        unit: &UnitFacts<'_>,
        found: Found<'_>,
        answer: Result<Decision, EventFailure>,
    ) -> UnitDecision {
        if unit.redacted {
            return without_label(Decision::new(Verdict::Release, ALREADY_REDACTED));
        }
        let denied = denied_verdict(unit.kind);
        let mut objections = Vec::new();
        if self.refuses_ciphertext(unit) {
            objections.push((
                Decision::new(denied, ENCRYPTION_REFUSED),
                "the link refuses encrypted events".to_owned(),
            ));
        }
        if let Some(outcome) = found
            .label
            .outcome
            .as_ref()
            .filter(|outcome| !outcome.grant)
        {
            objections.push((
                Decision::new(denied, format!("label.{}", outcome.rule)),
                outcome.reason.clone(),
            ));
        }
        if let Err(error) = &found.findings {
            objections.push((Decision::new(denied, SCAN_BUDGET), error.to_string()));
        }
        let (mut decision, mut reason) = match answer {
            Ok(decision) => (decision, None),
            Err(failure) => (
                Decision::new(denied, failure.rule()),
                Some(failure.to_string()),
            ),
        };
        for (objection, why) in objections.into_iter().rev() {
            if objection.verdict >= decision.verdict {
                (decision, reason) = (objection, Some(why));
            }
        }
        UnitDecision {
            decision,
            label_rule: found
                .label
                .outcome
                .map(|outcome| format!("label.{}", outcome.rule)),
            label: found.label.label,
            label_source: found.label.source,
            findings: found.findings.unwrap_or_default(),
            reason,
        }
    }

    /// `m.room.encryption` is relayed, so that the room's state stays whole; what is encrypted, and what carries its
    /// keys, is not.
    fn refuses_ciphertext(&self, unit: &UnitFacts<'_>) -> bool {
        match self.policy.encryption {
            Encryption::Refuse => {
                unit.event_type == "m.room.encrypted"
                    || (unit.kind == Kind::Edu && unit.event_type == "m.direct_to_device")
            }
        }
    }
}

impl LabelFound {
    fn nothing() -> Self {
        Self {
            label: None,
            source: LabelSource::None,
            outcome: None,
        }
    }

    fn denied(source: LabelSource, rule: &'static str, reason: impl Into<String>) -> Self {
        Self {
            label: None,
            source,
            outcome: Some(denial(rule, reason)),
        }
    }
}

fn denial(rule: &'static str, reason: impl Into<String>) -> LabelDecision {
    LabelDecision {
        grant: false,
        rule,
        reason: reason.into(),
    }
}

/// The label that the unit carries itself; the state event that labels a room carries that label.
fn own_label(unit: &UnitFacts<'_>) -> Result<Option<Label>, String> {
    let own = match (unit.event_type, unit.state_key) {
        (ROOM_LABEL_TYPE, Some(_)) => Label::from_room_state(unit.content),
        _ => Label::from_content(unit.content),
    };
    own.map_err(|error| error.to_string())
}

/// The labels that bear on a unit, the one to report first.
fn bearing_labels(
    unit: &UnitFacts<'_>,
    own: Option<Label>,
    need: Need,
) -> Vec<(LabelSource, Label)> {
    let own = own.map(|label| (LabelSource::Event, label));
    let target = match unit.target {
        Target::Known(label) => label.cloned().map(|label| (LabelSource::Target, label)),
        Target::Absent | Target::Unknown => None,
    };
    let room = unit
        .room_label
        .cloned()
        .map(|label| (LabelSource::Room, label));
    match need {
        Need::Nothing => own.into_iter().collect(),
        Need::Own => own.or(room).into_iter().collect(),
        // What relates to an event is judged by that event's label, whatever it says of itself.
        Need::Target => {
            let bearing = target.or_else(|| own.is_none().then_some(room).flatten());
            bearing.into_iter().chain(own).collect()
        }
        Need::RoomText | Need::Room => room.into_iter().chain(own).collect(),
    }
}

/// What a denial does: only an event has a redacted form.
fn denied_verdict(kind: Kind) -> Verdict {
    match kind {
        Kind::Pdu => Verdict::Redact,
        _ => Verdict::Drop,
    }
}

fn without_label(decision: Decision) -> UnitDecision {
    UnitDecision {
        decision,
        label: None,
        label_source: LabelSource::None,
        label_rule: None,
        findings: Vec::new(),
        reason: None,
    }
}

#[cfg(test)]
mod tests;
