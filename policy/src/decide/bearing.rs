//! Which labels bear on a unit: its own, else those of what it relates to, else its room's, else the link's default.
//!
//! ```text
//! own ──┐  at least every target's, or the sender may lower
//! targets ─┤
//! room ────┼─> bearing labels ─> every one granted by every clearance (grant.rs)
//! marking ─┤  can only raise
//! default ─┘  where nothing else is
//! ```
//!
//! Invariant: what a unit says of itself never takes a label away that another source gives, unless the room says that
//! this sender may.

use super::{
    ENCRYPTED, LABEL_LOWER_THAN_TARGET, LABEL_MALFORMED, LABEL_MARKING_INVALID,
    LABEL_MARKING_LOWER, LABEL_MISSING, LABEL_ROOM_LOWERED, LABEL_TARGET_UNKNOWN, Need, Relation,
    Scene, Target, UnitFacts, need,
};
use crate::{
    facts::{Kind, LabelSource},
    json::Tree,
    label::{
        Clearance, Label, LabelError, ROOM_LABEL_TYPE, RoomLabel, Typed, clearance_within,
        typed_marking,
    },
    link::{Encryption, LinkPolicy},
};

/// What an edit puts in the place of the edited event's content.
pub(super) const NEW_CONTENT: &str = "m.new_content";

/// The labels that bear on a unit, the one to report first; empty where none is there and none is demanded.
#[derive(Debug, Default)]
pub(super) struct Bearing {
    pub(super) labels: Vec<Borne>,
    /// Rules that record and deny nothing.
    pub(super) notes: Vec<&'static str>,
}

/// A label and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Borne {
    pub(super) source: LabelSource,
    pub(super) label: Label,
    /// Whether it hangs on the link's own policy, here or in what the unit relates to.
    pub(super) by_link: bool,
}

/// Why a unit is denied before any clearance is asked.
#[derive(Debug)]
pub(super) struct Objection {
    /// The rule with its prefix.
    pub(super) rule: &'static str,
    pub(super) reason: String,
    pub(super) borne: Option<Box<Borne>>,
}

impl Scene<'_> {
    /// Finds the labels that bear on a unit, or what denies it before they are asked about.
    pub(super) fn bearing(&self, unit: &UnitFacts<'_>) -> Result<Bearing, Objection> {
        let own = own_labels(unit)?;
        self.check_room_label(unit, own.first())?;
        let need = need::of(unit);
        let demanded = need.demands(self.policy.require_label);
        let alone = stands_alone(unit, &own);
        if demanded && !alone {
            check_known(unit)?;
        }
        let targets = if alone { Vec::new() } else { targets(unit) };
        self.check_targets(&own, &targets)?;
        if self.needs_own_label(unit) && own.is_empty() {
            return Err(Objection::new(
                LABEL_MISSING,
                "an encrypted event must carry its own label in clear",
            ));
        }
        let bearing = self.gather(unit, need, own, targets)?;
        if bearing.labels.is_empty() && demanded {
            return Err(Objection::new(
                LABEL_MISSING,
                "a label is demanded and there is none",
            ));
        }
        Ok(bearing)
    }

    /// The labels of a unit by all its sources, whether or not they are in order.
    pub(super) fn all_labels(&self, unit: &UnitFacts<'_>) -> Result<Bearing, Objection> {
        let own = own_labels(unit)?;
        let targets = match stands_alone(unit, &own) {
            true => Vec::new(),
            false => targets(unit),
        };
        self.gather(unit, need::of(unit), own, targets)
    }

    fn gather(
        &self,
        unit: &UnitFacts<'_>,
        need: Need,
        own: Vec<Borne>,
        targets: Vec<Borne>,
    ) -> Result<Bearing, Objection> {
        let mut bearing = Bearing::default();
        bearing.labels.extend(own);
        bearing.labels.extend(targets);
        self.add_surroundings(unit, need, &mut bearing)?;
        Ok(bearing)
    }

    /// The room's label, a typed marking, the link's default: in this order, each where it counts.
    fn add_surroundings(
        &self,
        unit: &UnitFacts<'_>,
        need: Need,
        bearing: &mut Bearing,
    ) -> Result<(), Objection> {
        let room = unit.room.and_then(|room| room.label.clone());
        let room = room.map(|label| Borne::new(LabelSource::Room, label));
        match need {
            // What it says inside may be as high as its room.
            _ if self.needs_own_label(unit) => bearing.labels.extend(room),
            Need::Room | Need::RoomText => bearing.labels.splice(0..0, room).for_each(drop),
            Need::Own | Need::Target if bearing.labels.is_empty() => bearing.labels.extend(room),
            Need::Own | Need::Target | Need::Nothing => {}
        }
        self.add_marking(unit, bearing)?;
        if bearing.labels.is_empty() && need != Need::Nothing {
            let default = self.policy.default_label.clone();
            bearing
                .labels
                .extend(default.map(|label| Borne::new(LabelSource::Link, label)));
        }
        Ok(())
    }

    /// A marking stands where nothing else is, and otherwise only raises.
    fn add_marking(&self, unit: &UnitFacts<'_>, bearing: &mut Bearing) -> Result<(), Objection> {
        let accepted = &self.policy.typed_markings;
        if accepted.is_empty() || unit.kind != Kind::Pdu || unit.state_key.is_some() {
            return Ok(());
        }
        let marking = match typed_marking(unit.content, &self.bundle.spifs, accepted) {
            Typed::None => return Ok(()),
            Typed::Invalid(reason) => return Err(Objection::new(LABEL_MARKING_INVALID, reason)),
            Typed::Marking { label } => *label,
        };
        let covering = |borne: &&Borne| self.at_least(&borne.label, &marking);
        match bearing.labels.iter().find(covering) {
            None => bearing
                .labels
                .push(Borne::new(LabelSource::Marking, marking)),
            Some(higher) if !self.at_least(&marking, &higher.label) => {
                bearing.notes.push(LABEL_MARKING_LOWER);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// MX-4, MX-5: what a unit says of itself is not less than what it relates to says. What is no valid label is denied
    /// as that.
    fn check_targets(&self, own: &[Borne], targets: &[Borne]) -> Result<(), Objection> {
        let valid = |borne: &&Borne| self.bundle.spifs.validate(&borne.label, self.at).is_ok();
        let floors: Vec<&Borne> = targets.iter().filter(valid).collect();
        let is_lower = |own: &&Borne| {
            let below = |floor: &&Borne| !self.at_least(&own.label, &floor.label);
            floors.iter().any(below)
        };
        let Some(lower) = own.iter().filter(valid).find(is_lower) else {
            return Ok(());
        };
        Err(Objection {
            borne: Some(Box::new(lower.clone())),
            ..Objection::new(
                LABEL_LOWER_THAN_TARGET,
                "its own label is lower than that of an event that it relates to; the room's may_lower names who may",
            )
        })
    }

    /// MX-7: only those whom the link names may lower what a room says.
    fn check_room_label(&self, unit: &UnitFacts<'_>, own: Option<&Borne>) -> Result<(), Objection> {
        let Some(previous) = unit.previous_room.filter(|_| labels_room(unit)) else {
            return Ok(());
        };
        let Ok(next) = RoomLabel::from_content(unit.content) else {
            return Ok(());
        };
        if !self.lowers(previous, &next) || self.is_authority(unit.sender) {
            return Ok(());
        }
        Err(Objection {
            borne: own.cloned().map(Box::new),
            ..Objection::new(
                LABEL_ROOM_LOWERED,
                "it lowers what the room's label says; the link's room_label_authorities name who may",
            )
        })
    }

    /// Whether `next` allows anything in the room that `previous` does not. What is unclear counts as lower.
    pub(super) fn lowers(&self, previous: &RoomLabel, next: &RoomLabel) -> bool {
        let label = match (&previous.label, &next.label) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(previous), Some(next)) => !self.at_least(next, previous),
        };
        let clearance = match (&previous.clearance, &next.clearance) {
            // Without a label and a clearance anything might be said; with a label alone, what is not above it.
            (None, None) => false,
            (None, Some(_)) => previous.label.is_some(),
            (Some(_), None) => true,
            (Some(previous), Some(next)) => !self.is_within(next, previous),
        };
        let users = next.may_lower.iter().any(|user| !previous.lets_lower(user));
        label || clearance || users
    }

    fn is_within(&self, narrow: &Clearance, wide: &Clearance) -> bool {
        clearance_within(narrow, wide, &self.bundle.spifs)
    }

    fn is_authority(&self, sender: Option<&str>) -> bool {
        sender.is_some_and(|sender| is_authority(self.policy, sender))
    }

    /// MX-8: of ciphertext nothing but its own label is known, and no other label may stand for that.
    fn needs_own_label(&self, unit: &UnitFacts<'_>) -> bool {
        unit.event_type == ENCRYPTED && self.policy.encryption == Encryption::LabelOnly
    }
}

impl Borne {
    pub(super) fn new(source: LabelSource, label: Label) -> Self {
        let by_link = matches!(source, LabelSource::Link | LabelSource::Marking);
        Self {
            source,
            label,
            by_link,
        }
    }
}

impl Objection {
    fn new(rule: &'static str, reason: impl Into<String>) -> Self {
        Self {
            rule,
            reason: reason.into(),
            borne: None,
        }
    }
}

/// An event whose label nobody knows could have any.
fn check_known(unit: &UnitFacts<'_>) -> Result<(), Objection> {
    let mut labels = unit.targets.iter().map(|target| target.label);
    if labels.any(|label| label == Target::Unknown) {
        return Err(Objection::new(
            LABEL_TARGET_UNKNOWN,
            "an event that it relates to is not known",
        ));
    }
    Ok(())
}

/// Whether the link's policy names a user, or the user's server, as one who may lower what a room says.
pub(super) fn is_authority(policy: &LinkPolicy, user: &str) -> bool {
    let server = crate::ids::user_server(user);
    policy
        .room_label_authorities
        .iter()
        .any(|named| named == user || Some(named.as_str()) == server)
}

/// Whether a unit is the state event that labels its room.
pub(super) fn labels_room(unit: &UnitFacts<'_>) -> bool {
    unit.event_type == ROOM_LABEL_TYPE && unit.state_key == Some("")
}

/// The labels that the unit carries itself: one, or in an edit one of its new content too. The state event that labels
/// a room carries that label.
pub(super) fn own_labels(unit: &UnitFacts<'_>) -> Result<Vec<Borne>, Objection> {
    let malformed = |error: LabelError| Objection::new(LABEL_MALFORMED, error.to_string());
    let first = match (unit.event_type, unit.state_key) {
        (ROOM_LABEL_TYPE, Some(_)) => RoomLabel::from_content(unit.content).map(|room| room.label),
        _ => Label::from_content(unit.content),
    };
    let edited = match unit.content.get(NEW_CONTENT) {
        Some(Tree::Object(content)) => Label::from_content(content),
        _ => Ok(None),
    };
    let (first, edited) = (first.map_err(malformed)?, edited.map_err(malformed)?);
    let borne = |label| Borne::new(LabelSource::Event, label);
    Ok(first.into_iter().chain(edited).map(borne).collect())
}

/// The labels of what the unit relates to, the thread's first.
pub(super) fn targets(unit: &UnitFacts<'_>) -> Vec<Borne> {
    let known = |thread: bool| {
        let of_kind = unit
            .targets
            .iter()
            .filter(move |target| (target.relation == Relation::Thread) == thread);
        of_kind.filter_map(move |target| match target.label {
            Target::Known(Some(label)) => {
                let source = if thread {
                    LabelSource::Thread
                } else {
                    LabelSource::Target
                };
                Some(Borne {
                    by_link: target.by_link,
                    ..Borne::new(source, label.clone())
                })
            }
            Target::Known(None) | Target::Unknown => None,
        })
    };
    known(true).chain(known(false)).collect()
}

/// Whether the unit's own labels alone count, whatever it relates to says: it has one, and the room lets its sender lower.
/// What it relates to need not even be known then: a gateway that received it in its redacted form alone never knows it.
pub(super) fn stands_alone(unit: &UnitFacts<'_>, own: &[Borne]) -> bool {
    let lets = |room: &RoomLabel| unit.sender.is_some_and(|sender| room.lets_lower(sender));
    !own.is_empty() && unit.room.is_some_and(lets)
}
