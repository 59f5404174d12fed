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

mod bearing;
mod effective;
mod explain;
mod grant;
mod need;
mod prepared;
mod scan;
mod tally;
mod waiver;

use serde::Serialize;
use time::OffsetDateTime;

pub use self::effective::{Effective, effective_label, grants, grants_together, may_replace};
pub use self::explain::{
    BearingStep, ClearanceStep, Explanation, PolicyStep, SourceStep, explain_unit,
};
use self::grant::LabelFound;
pub use self::need::{NEEDS, Need};
use self::prepared::Prepared;
pub use self::scan::without_label_names;
use self::tally::{Numbers, Tally};
pub use self::tally::{SIGHTING_MS, SIGHTINGS, Sighting};
pub use self::waiver::Waiver;
pub use crate::facts::ClearanceOf;
pub use crate::pdu::{Relation, relations};
use crate::{
    bundle::Bundle,
    dlp::{Around, Finding, ScanError},
    engine::{EngineError, EventFailure},
    facts::{
        Direction, EncryptionMode, EventFacts, Facts, FindingFacts, Kind, LabelFacts, LabelSource,
        LinkFacts, MarkingFacts, RoomFacts,
    },
    json::Object,
    label::{Clearance, Label, RoomLabel, Spifs, Use},
    link::{Encryption, LinkPolicy},
    parallel,
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
/// Rule: its own label is lower than that of an event that it relates to (MX-4, MX-5).
pub const LABEL_LOWER_THAN_TARGET: &str = "label.lower_than_target";
/// Rule: the label is above what its room permits (MX-3).
pub const LABEL_ABOVE_ROOM: &str = "label.above_room";
/// Rule: it lowers a room's label, and its sender has no authority for that on the link (MX-7).
pub const LABEL_ROOM_LOWERED: &str = "label.room_lowered";
/// Rule: what is typed at the start reads like a marking and is none.
pub const LABEL_MARKING_INVALID: &str = "label.marking_invalid";
/// Note: a typed marking is lower than the label that counts, and changes nothing.
pub const LABEL_MARKING_LOWER: &str = "label.marking_lower";
/// Note: the label uses what its policy no longer gives to new labels (LB-11).
pub const LABEL_OBSOLETE: &str = "label.obsolete";
/// Note: held by policy, and released by a ticket that somebody who looked at the same content has issued.
pub const BY_TICKET: &str = "hold.ticket";
/// Note: policy lets checks look at it, and everything else would release it.
pub const WAITS: &str = "hold.wait";
/// Rule: ciphertext on a link that refuses it.
pub const ENCRYPTION_REFUSED: &str = "protocol.encryption_refused";
/// Rule: the detectors could not look at all of the unit.
pub const SCAN_BUDGET: &str = "protocol.dlp.budget";
/// Rule: already in its redacted form, so there is nothing to judge.
pub const ALREADY_REDACTED: &str = "protocol.already_redacted";
/// Rule: the bundle says nothing about this link, not even by its default.
pub const LINK_UNKNOWN: &str = "protocol.link_unknown";

/// What every label rule begins with.
const LABEL_PREFIX: &str = "label.";
/// Type of an event that is ciphertext.
const ENCRYPTED: &str = "m.room.encrypted";
/// Type of the EDU that carries the keys of ciphertext.
const TO_DEVICE: &str = "m.direct_to_device";

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
    /// The zone's own clearance and those of the peer's record; the bundle's for this link counts beside them.
    pub clearances: Vec<LinkClearance<'a>>,
}

/// A clearance that every label on a link must be within.
#[derive(Clone, Copy, Debug)]
pub struct LinkClearance<'a> {
    /// Whose it is.
    pub of: ClearanceOf,
    /// The clearance.
    pub clearance: &'a Clearance,
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
    /// The events that this one relates to; empty where it relates to none, or is judged without history.
    pub targets: Vec<TargetFacts<'a>>,
    /// What its room's label state says, `None` where the room has none.
    pub room: Option<&'a RoomLabel>,
    /// For an event that labels a room: what the room's label state says without it, `None` where there was none.
    pub previous_room: Option<&'a RoomLabel>,
    /// True for an event that has exactly the redacted shape.
    pub redacted: bool,
    /// What detectors found in its room on this link within the hour ([`SIGHTING_MS`]), at most [`SIGHTINGS`].
    pub seen: &'a [Sighting],
    /// What its sender said in its room shortly before and after, for values that are split over messages.
    pub around: Around<'a>,
}

/// An event that a unit relates to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TargetFacts<'a> {
    /// How the unit relates to it.
    pub relation: Relation,
    /// What is known about its label.
    pub label: Target<'a>,
    /// Whether that label hangs on the link's own policy: its default, or a marking that it believes.
    pub by_link: bool,
}

/// The label of an event that another one relates to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target<'a> {
    /// The event is not known here, so neither is its label.
    Unknown,
    /// The event's effective label, or that it has none.
    Known(Option<&'a Label>),
}

/// What was decided about one unit.
#[derive(Clone, Debug)]
pub struct UnitDecision {
    /// The most restrictive answer and its rule. The caller maps `Drop` on a PDU, and `Hold`.
    pub decision: Decision,
    /// The label that decided, as its originator wrote it: the one that was denied, else the highest
    /// that bears.
    pub label: Option<Label>,
    /// Where that label stands.
    pub label_source: LabelSource,
    /// That label in the policy of the deciding clearance, where it had to be translated. Decided on, never sent.
    pub translated: Option<Label>,
    /// The label rule with its prefix, `None` where no label is there and none is demanded.
    pub label_rule: Option<String>,
    /// The security policy under which the label was decided.
    pub policy: Option<PolicyUsed>,
    /// The clearance that denied the label, else the first that granted it.
    pub clearance: Option<ClearanceUsed>,
    /// Rules that record and deny nothing, such as [`LABEL_MARKING_LOWER`].
    pub notes: Vec<&'static str>,
    /// By what it was judged, as far as encryption goes.
    pub encryption: EncryptionMode,
    /// What detectors saw.
    pub findings: Vec<Finding>,
    /// For the operator, without any of the unit's text.
    pub reason: Option<String>,
}

/// A security policy in a decision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PolicyUsed {
    /// Its object identifier, dotted.
    pub oid: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, hex.
    pub sha256: String,
}

/// A clearance in a decision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ClearanceUsed {
    /// Whose it is.
    pub of: ClearanceOf,
    /// [`Clearance::sha256`].
    pub id: String,
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
    let Some(scene) = Scene::new(bundle, link, at) else {
        let refused = |unit: &UnitFacts<'_>| {
            without_label(Decision::new(denied_verdict(unit.kind), LINK_UNKNOWN))
        };
        return Ok(units.iter().map(refused).collect());
    };
    let found: Vec<Found<'_>> = parallel::map(units, |unit| scene.look(unit));
    let mut tally = Tally::default();
    let seen: Vec<Seen<'_>> = units
        .iter()
        .zip(&found)
        .map(|(unit, found)| scene.seen(unit, found, &mut tally))
        .collect();
    let facts: Vec<Facts<'_>> = seen.iter().map(|seen| scene.facts(seen)).collect();
    let answers = bundle.engine.decide(&facts)?;
    let all = units.iter().zip(found).zip(answers);
    Ok(all
        .map(|((unit, found), answer)| scene.conclude(unit, found, answer))
        .collect())
}

/// Decides one unit that somebody has looked at: what was shown to them counts no more, everything else as always. The
/// findings in the answer are all of them.
///
/// # Errors
/// As [`decide_units`].
pub fn decide_waived(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    unit: &UnitFacts<'_>,
    waiver: &Waiver,
    at: OffsetDateTime,
) -> Result<UnitDecision, EngineError> {
    let Some(scene) = Scene::new(bundle, link, at) else {
        return Ok(without_label(Decision::new(
            denied_verdict(unit.kind),
            LINK_UNKNOWN,
        )));
    };
    let looked = scene.look(unit);
    let shown = looked.findings.clone().unwrap_or_default();
    let found = Found {
        findings: waiver.left(looked.findings),
        ..looked
    };
    let seen = scene.seen(unit, &found, &mut Tally::default());
    let answers = bundle.engine.decide(&[scene.facts(&seen)])?;
    let answer = answers.into_iter().next();
    let answer = waiver.answer(answer.unwrap_or(Err(EventFailure::Undefined)));
    Ok(UnitDecision {
        findings: shown,
        ..scene.conclude(unit, found, answer)
    })
}

/// What is the same for all units of a call.
struct Scene<'a> {
    bundle: &'a Bundle,
    link: &'a LinkContext<'a>,
    policy: &'a LinkPolicy,
    /// Every clearance that a label must be within, in the order in which they are asked.
    clearances: Vec<Prepared<'a>>,
    at: OffsetDateTime,
}

/// What was found out about a unit before policy.
struct Found<'a> {
    label: LabelFound,
    findings: Result<Vec<Finding>, ScanError>,
    classification: Option<&'a str>,
}

/// A unit, what was found out about it, and its findings as the policy sees them.
struct Seen<'s> {
    unit: &'s UnitFacts<'s>,
    found: &'s Found<'s>,
    findings: Vec<FindingFacts<'s>>,
}

/// Those of the link and, last, the bundle's.
fn clearances<'a>(
    link: &'a LinkContext<'a>,
    policy: &'a LinkPolicy,
    spifs: &'a Spifs,
) -> Vec<Prepared<'a>> {
    let bundle = policy.clearance.iter().map(|clearance| LinkClearance {
        of: ClearanceOf::Bundle,
        clearance,
    });
    let all = link.clearances.iter().copied().chain(bundle);
    all.map(|clearance| Prepared::new(clearance, spifs))
        .collect()
}

impl<'a> Scene<'a> {
    /// `None` where the bundle says nothing about the link.
    fn new(bundle: &'a Bundle, link: &'a LinkContext<'a>, at: OffsetDateTime) -> Option<Self> {
        let policy = bundle.link(link.name)?;
        Some(Self::under(bundle, link, policy, at))
    }

    fn under(
        bundle: &'a Bundle,
        link: &'a LinkContext<'a>,
        policy: &'a LinkPolicy,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            bundle,
            link,
            policy,
            clearances: clearances(link, policy, &bundle.spifs),
            at,
        }
    }

    fn look(&self, unit: &UnitFacts<'_>) -> Found<'a> {
        if unit.redacted {
            return Found {
                label: LabelFound::nothing(),
                findings: Ok(Vec::new()),
                classification: None,
            };
        }
        let label = self.judge_label(unit);
        let level = label
            .label
            .as_ref()
            .and_then(|label| self.bundle.spifs.classification(label));
        Found {
            label,
            findings: self.scan(unit),
            classification: level.map(|level| level.name.as_str()),
        }
    }

    /// Which way a label is translated here: what leaves as its originator's side maps it, what enters as ours does.
    fn usage(&self) -> Use {
        match self.link.direction {
            Direction::Outbound => Use::Encrypt,
            Direction::Inbound => Use::Decrypt,
        }
    }

    fn seen<'s>(
        &'s self,
        unit: &'s UnitFacts<'s>,
        found: &'s Found<'s>,
        tally: &mut Tally<'s>,
    ) -> Seen<'s> {
        Seen {
            unit,
            found,
            findings: self.finding_facts(unit, found, tally),
        }
    }

    fn facts<'s>(&'s self, seen: &'s Seen<'s>) -> Facts<'s> {
        let Seen {
            unit,
            found,
            findings,
        } = seen;
        let (outcome, room) = (found.label.outcome.as_ref(), unit.room);
        Facts {
            kind: unit.kind,
            link: LinkFacts {
                name: self.link.name,
                from: self.link.from,
                to: self.link.to,
                direction: self.link.direction,
                edus: &self.policy.edus,
                opens: &self.policy.opens,
                profile_fields: &self.policy.profile_fields,
                require_label: self.policy.require_label,
                clearances: self
                    .clearances
                    .iter()
                    .map(|clearance| clearance.by.into())
                    .collect(),
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
                label: room
                    .and_then(|room| room.label.as_ref())
                    .map(Label::to_json),
                clearance: room.and_then(|room| room.clearance.as_ref()),
            },
            label: LabelFacts {
                source: found.label.source,
                classification: found.classification,
                granted: outcome.map(|outcome| outcome.grant),
                rule: outcome.map(|outcome| outcome.rule),
                label: found.label.label.as_ref().map(Label::to_json),
                translated: outcome
                    .and_then(|outcome| outcome.translated.as_ref())
                    .map(Label::to_json),
                notes: &found.label.notes,
            },
            findings,
        }
    }

    fn finding_facts<'f, 'u>(
        &'f self,
        unit: &UnitFacts<'u>,
        found: &'f Found<'_>,
        tally: &mut Tally<'u>,
    ) -> Vec<FindingFacts<'f>> {
        let findings = found.findings.as_deref().unwrap_or_default();
        let numbers = tally.numbers(unit, findings);
        let facts = |(finding, numbers): (&'f Finding, Numbers)| FindingFacts {
            detector: &finding.detector,
            strength: finding.strength,
            field: &finding.field,
            key: finding.key,
            start: finding.start,
            end: finding.end,
            view: finding.view,
            values: finding.values.iter().map(ToString::to_string).collect(),
            count: numbers.count,
            distinct: numbers.distinct,
            distinct_in_hour: numbers.distinct_in_hour,
            marking: self.marking_facts(finding, found.label.label.as_ref()),
        };
        findings.iter().zip(numbers).map(facts).collect()
    }

    /// A marking asks for a label at least as high as itself; it never lowers one (DL-9).
    fn marking_facts(&self, finding: &Finding, label: Option<&Label>) -> Option<MarkingFacts<'_>> {
        let marking = self.bundle.detectors.marking(&finding.detector)?;
        let (policy, level) = (&marking.policy, &marking.classification);
        let spifs = &self.bundle.spifs;
        let covers = |label| spifs.covers(label, policy, level, self.usage(), self.at);
        Some(MarkingFacts {
            policy,
            classification: level,
            mislabelled: !label.is_some_and(covers),
        })
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
                Decision::new(denied, format!("{LABEL_PREFIX}{}", outcome.rule)),
                outcome.reason.clone(),
            ));
        }
        if let Err(error) = &found.findings {
            // Nobody knows what is in it; an event waits for somebody who looks.
            let verdict = match unit.kind {
                Kind::Pdu => Verdict::Hold,
                _ => denied,
            };
            objections.push((Decision::new(verdict, SCAN_BUDGET), error.to_string()));
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
        let LabelFound {
            label,
            source,
            outcome,
            notes,
            ..
        } = found.label;
        let mut concluded = UnitDecision {
            decision,
            label,
            label_source: source,
            notes,
            encryption: self.encryption(unit),
            findings: found.findings.unwrap_or_default(),
            reason,
            ..without_label(Decision::new(denied, LINK_UNKNOWN))
        };
        if let Some(outcome) = outcome {
            concluded.label_rule = Some(format!("{LABEL_PREFIX}{}", outcome.rule));
            concluded.translated = outcome.translated;
            concluded.policy = outcome.policy;
            concluded.clearance = outcome.clearance;
        }
        concluded
    }

    /// `m.room.encryption` is relayed, so that the room's state stays whole; what is encrypted, and what carries its
    /// keys, is not where the link refuses it.
    fn refuses_ciphertext(&self, unit: &UnitFacts<'_>) -> bool {
        self.encryption(unit) == EncryptionMode::Refuse
            || (self.policy.encryption == Encryption::Refuse
                && unit.kind == Kind::Edu
                && unit.event_type == TO_DEVICE)
    }

    fn encryption(&self, unit: &UnitFacts<'_>) -> EncryptionMode {
        match self.policy.encryption {
            _ if unit.event_type != ENCRYPTED => EncryptionMode::Clear,
            Encryption::Refuse => EncryptionMode::Refuse,
            Encryption::LabelOnly => EncryptionMode::LabelOnly,
        }
    }
}

/// What a denial does: only an event has a redacted form.
fn denied_verdict(kind: Kind) -> Verdict {
    match kind {
        Kind::Pdu => Verdict::Redact,
        _ => Verdict::Drop,
    }
}

impl UnitDecision {
    /// What the protocol alone decides, without label, detectors and policy.
    #[must_use]
    pub fn by_protocol(decision: Decision) -> Self {
        without_label(decision)
    }

    /// The more restrictive of two decisions on one unit; the first where they are equally restrictive. A person's look is
    /// more than that of automatic checks. Where both would have checks look, a person does: neither one's checks look for
    /// the other.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let of_one_kind = self.decision.verdict == other.decision.verdict;
        match (self.notes.contains(&WAITS), other.notes.contains(&WAITS)) {
            (true, true) => self.for_a_person(),
            (true, false) if of_one_kind => other,
            _ if other.decision.verdict > self.decision.verdict => other,
            _ => self,
        }
    }

    fn for_a_person(mut self) -> Self {
        self.notes.retain(|note| *note != WAITS);
        self
    }
}

fn without_label(decision: Decision) -> UnitDecision {
    UnitDecision {
        decision,
        label: None,
        label_source: LabelSource::None,
        translated: None,
        label_rule: None,
        policy: None,
        clearance: None,
        notes: Vec::new(),
        encryption: EncryptionMode::Clear,
        findings: Vec::new(),
        reason: None,
    }
}

#[cfg(test)]
mod tests;
