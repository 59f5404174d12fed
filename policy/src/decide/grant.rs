//! The decision about the labels that bear on a unit: every label by every clearance, and each within its room.
//!
//! Invariant: granted only if each label is granted by each clearance. Labels are never combined to decide (LB-10).

use super::{
    ClearanceUsed, LABEL_ABOVE_ROOM, LABEL_NO_CLEARANCE, LABEL_OBSOLETE, PolicyUsed, Scene,
    UnitFacts,
    bearing::{Bearing, Borne, Objection, labels_room},
    prepared::Prepared,
};
use crate::{
    facts::LabelSource,
    label::{self, Clearance, Label, LabelDecision},
};

/// The effective label of a unit, and what was decided about it.
pub(super) struct LabelFound {
    /// The label that was denied, else the highest that bears, the first of equals.
    pub(super) label: Option<Label>,
    pub(super) source: LabelSource,
    /// `None` where no label is there and none is demanded.
    pub(super) outcome: Option<Outcome>,
    pub(super) notes: Vec<&'static str>,
}

/// The answer about all labels of a unit.
pub(super) struct Outcome {
    pub(super) grant: bool,
    /// The rule without its prefix, as `granted` or `classification`.
    pub(super) rule: &'static str,
    pub(super) reason: String,
    pub(super) translated: Option<Label>,
    pub(super) policy: Option<PolicyUsed>,
    pub(super) clearance: Option<ClearanceUsed>,
}

impl Scene<'_> {
    /// Finds the labels of a unit and decides about them.
    pub(super) fn judge_label(&self, unit: &UnitFacts<'_>) -> LabelFound {
        match self.bearing(unit) {
            Ok(bearing) => self.grant(unit, bearing),
            Err(objection) => LabelFound::denied(objection),
        }
    }

    fn grant(&self, unit: &UnitFacts<'_>, bearing: Bearing) -> LabelFound {
        let mut found = LabelFound {
            notes: bearing.notes,
            ..LabelFound::nothing()
        };
        for borne in bearing.labels {
            let outcome = self.decide_one(unit, &borne);
            let Borne { source, label, .. } = borne;
            let granted = outcome.grant;
            let covered = |found: &Label| self.at_least(found, &label);
            let raises = !found.label.as_ref().is_some_and(covered);
            if granted && self.bundle.spifs.is_obsolete(&label) {
                found.notes.push(LABEL_OBSOLETE);
            }
            if raises || !granted {
                (found.label, found.source) = (Some(label), source);
                found.outcome = Some(outcome);
            }
            if !granted {
                break;
            }
        }
        found
    }

    /// One label by every clearance, then within its room; the first denial is the answer.
    fn decide_one(&self, unit: &UnitFacts<'_>, borne: &Borne) -> Outcome {
        let mut granted = None;
        for clearance in &self.clearances {
            let decision = clearance.decide(&borne.label, self.usage(), self.at);
            let outcome = Outcome::of(decision, clearance);
            if !outcome.grant {
                return outcome;
            }
            granted.get_or_insert(outcome);
        }
        match granted {
            None => Outcome::denied(
                LABEL_NO_CLEARANCE,
                "the link has no clearance; give one in the peer's record",
            ),
            Some(_) if !self.is_within_room(unit, borne) => {
                Outcome::denied(LABEL_ABOVE_ROOM, "the label is above what its room permits")
            }
            Some(granted) => granted,
        }
    }

    /// MX-3: what may be said in the room: what its clearance grants; where it states none, a label that an event carries,
    /// or takes from what it relates to, is not above the room's. A marking may be, and what relates to it: whoever types
    /// it can only raise. The room's label state is not said in it, and a room's label and clearance are not held against
    /// each other.
    pub(super) fn is_within_room(&self, unit: &UnitFacts<'_>, borne: &Borne) -> bool {
        let Some(room) = unit.room.filter(|_| !labels_room(unit)) else {
            return true;
        };
        match (&room.clearance, &room.label) {
            _ if borne.source == LabelSource::Room => true,
            (Some(ceiling), _) => self.decide(&borne.label, ceiling).grant,
            (None, Some(ceiling)) if !borne.by_link => self.at_least(ceiling, &borne.label),
            (None, _) => true,
        }
    }

    fn decide(&self, label: &Label, clearance: &Clearance) -> LabelDecision {
        label::decide_across(label, clearance, &self.bundle.spifs, self.usage(), self.at)
    }

    /// Whether `label` is not less restrictive than `floor`; false where that is not clear.
    pub(super) fn at_least(&self, label: &Label, floor: &Label) -> bool {
        let spifs = &self.bundle.spifs;
        spifs.at_least(label, floor, self.usage(), self.at)
    }
}

impl LabelFound {
    pub(super) fn nothing() -> Self {
        Self {
            label: None,
            source: LabelSource::None,
            outcome: None,
            notes: Vec::new(),
        }
    }

    fn denied(objection: Objection) -> Self {
        let Objection {
            rule,
            reason,
            borne,
        } = objection;
        let mut found = LabelFound {
            outcome: Some(Outcome::denied(rule, reason)),
            ..LabelFound::nothing()
        };
        if let Some(borne) = borne {
            found.source = borne.source;
            found.label = Some(borne.label);
        }
        found
    }
}

impl Outcome {
    fn of(decision: LabelDecision, by: &Prepared<'_>) -> Self {
        Self {
            grant: decision.grant,
            rule: decision.rule,
            reason: decision.reason.into_owned(),
            translated: decision.translated,
            policy: by.policy.clone(),
            clearance: Some(by.used.clone()),
        }
    }

    fn denied(rule: &'static str, reason: impl Into<String>) -> Self {
        Self {
            grant: false,
            rule: rule.strip_prefix(super::LABEL_PREFIX).unwrap_or(rule),
            reason: reason.into(),
            translated: None,
            policy: None,
            clearance: None,
        }
    }
}
