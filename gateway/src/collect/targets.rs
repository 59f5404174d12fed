//! The labels of the events that a body's events relate to: remembered, or found in the same body, or asked of our
//! homeserver.
//!
//! A target without a label of its own takes that of what it relates to itself, so the search goes on from event to event,
//! [`DEPTH`] at most. What is not found, or only in its redacted form, is unknown.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::CanonicalJsonObject as Object;
use sluice_policy::decide::{self, Effective, Target as TargetLabel, TargetFacts, UnitFacts};
use sluice_policy::dlp::Around;
use sluice_policy::facts::Kind;
use sluice_policy::ids::is_event_id;
use sluice_policy::label::RoomLabel;
use sluice_policy::pdu::{Integrity, Pdu, Relation};
use time::OffsetDateTime;

use super::{Case, Collector, Material, PduCase, Target, broken_journal, said::first_label};
use crate::audit::entry::{Entry, LabelEntry};
use crate::refusal::Refusal;
use crate::rooms::remembered;

/// How far a label is searched from event to event.
const DEPTH: usize = 8;
/// Events that our homeserver is asked for, for one body.
const ASKS_A_BODY: usize = 128;

/// A search through the events that one body's events relate to.
pub(super) struct Search<'s, 'a> {
    collector: &'s mut Collector<'a>,
    cases: &'s [Case],
    /// Whole events of the body by id.
    here: BTreeMap<&'s str, &'s PduCase>,
    /// By room of the event that relates, and event id; with the depth that was left, because what is unknown so deep
    /// may be known from nearer.
    found: BTreeMap<(String, String), (Target, usize)>,
    link: String,
}

impl<'s, 'a> Search<'s, 'a> {
    /// A search for what `cases` relate to; `pool` are events of other parts of the same body.
    pub(super) fn new(
        collector: &'s mut Collector<'a>,
        cases: &'s [Case],
        pool: &'s [Case],
    ) -> Self {
        let whole = pool.iter().chain(cases).filter_map(|case| {
            let case = event(case).filter(|case| case.integrity == Integrity::Whole)?;
            Some((case.pdu.event_id(), case))
        });
        let here = whole.collect();
        let link = collector.exchange.link(collector.way);
        Self {
            collector,
            cases,
            here,
            found: BTreeMap::new(),
            link,
        }
    }

    /// What every case relates to, by its place; those that relate to nothing are left out.
    ///
    /// # Errors
    /// [`Refusal`] where journal or homeserver cannot answer now.
    pub(super) async fn all(mut self) -> Result<Vec<(usize, Vec<(Relation, Target)>)>, Refusal> {
        // From the oldest on, so that a chain of answers never has to be followed back further than one step.
        let mut cases: Vec<(usize, &PduCase)> = self
            .cases
            .iter()
            .enumerate()
            .filter_map(|(at, case)| Some((at, event(case)?)))
            .collect();
        cases.sort_by_key(|(_, case)| depth(&case.pdu));
        let wanted: BTreeSet<&str> = cases
            .iter()
            .flat_map(|(_, case)| case.pdu.targets())
            .map(|(_, event_id)| event_id)
            .collect();
        let mut all = Vec::new();
        for (at, case) in cases {
            let targets = self.of(&case.pdu, DEPTH).await?;
            if wanted.contains(case.pdu.event_id()) {
                // Found now, while all that it relates to itself is found.
                self.target(&case.pdu, case.pdu.event_id(), DEPTH).await?;
            }
            if !targets.is_empty() {
                all.push((at, targets));
            }
        }
        Ok(all)
    }

    /// What one event relates to.
    async fn of(&mut self, pdu: &Pdu, depth: usize) -> Result<Vec<(Relation, Target)>, Refusal> {
        let mut targets = Vec::new();
        for (relation, event_id) in pdu.targets() {
            // One step is at most one request, and the depth is bounded.
            let target = Box::pin(self.target(pdu, event_id, depth)).await?;
            targets.push((relation, target));
        }
        Ok(targets)
    }

    async fn target(&mut self, by: &Pdu, event_id: &str, depth: usize) -> Result<Target, Refusal> {
        if !is_event_id(event_id) {
            return Ok(Target::Unknown);
        }
        let key = (by.room_id().to_owned(), event_id.to_owned());
        if let Some((found, searched)) = self.found.get(&key)
            && (*found != Target::Unknown || depth <= *searched)
        {
            return Ok(found.clone());
        }
        let target = self.look(by, event_id, depth).await?;
        self.found.insert(key, (target.clone(), depth));
        Ok(target)
    }

    async fn look(&mut self, by: &Pdu, event_id: &str, depth: usize) -> Result<Target, Refusal> {
        let journal = &self.collector.gateway.journal;
        if let Some(remembered) = journal
            .label(event_id, &self.link)
            .map_err(broken_journal)?
        {
            return Ok(match remembered.is_of(by.room_id()) {
                true => Target::Known {
                    label: first_label(&remembered),
                    by_link: remembered.by_link,
                },
                false => Target::Unknown,
            });
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(Target::Unknown);
        };
        if let Some(case) = self.here.get(event_id).copied() {
            if case.pdu.room_id() != by.room_id() {
                return Ok(Target::Unknown);
            }
            let targets = self.of(&case.pdu, depth).await?;
            let found = self.effective(&case.pdu, case.room.as_ref(), &targets)?;
            return Ok(found.map_or(Target::Unknown, Target::from));
        }
        self.ask(by, event_id, depth).await
    }

    /// Asks our homeserver, and remembers the answer.
    async fn ask(&mut self, by: &Pdu, event_id: &str, depth: usize) -> Result<Target, Refusal> {
        if self.collector.asked_targets >= ASKS_A_BODY || !self.collector.demanded {
            return Ok(Target::Unknown);
        }
        self.collector.asked_targets += 1;
        let Some(pdu) = self.fetch(by, event_id).await? else {
            return Ok(Target::Unknown);
        };
        let targets = self.of(&pdu, depth).await?;
        let (gateway, active) = (self.collector.gateway, self.collector.active);
        let outbound = self.collector.exchange.outbound(self.collector.way);
        let room = self.collector.room_label(by, outbound).await?;
        let Some(found) = self.effective(&pdu, room.as_ref(), &targets)? else {
            return Ok(Target::Unknown);
        };
        let label = Ok(found.label.clone());
        let entry = LabelEntry {
            event_id: event_id.into(),
            room_id: Some(pdu.room_id().into()),
            link: found.by_link.then(|| self.link.as_str().into()),
            seen: self.link.as_str().into(),
            label: remembered(active.bundle()?, label, OffsetDateTime::now_utc()),
        };
        gateway.recorded(Entry::Label(entry)).await?;
        Ok(found.into())
    }

    /// The whole event, of the same room, as our homeserver has it.
    async fn fetch(&mut self, by: &Pdu, event_id: &str) -> Result<Option<Pdu>, Refusal> {
        let Collector {
            gateway,
            active,
            exchange,
            way,
            patience,
            keys,
            ..
        } = &mut *self.collector;
        let outbound = exchange.outbound(*way);
        let answer = gateway
            .ask_event(active, exchange, by, event_id, outbound, patience)
            .await?;
        let Some(answer) = answer else {
            return Ok(None);
        };
        let found: Option<Object> = answer.units.into_iter().find_map(|unit| unit.value.ok());
        let Some(Ok(pdu)) = found.map(|found| Pdu::read(found, by.version())) else {
            return Ok(None);
        };
        if pdu.event_id() != event_id || pdu.room_id() != by.room_id() {
            return Ok(None);
        }
        let whole = gateway.is_whole(active, exchange, &pdu, keys).await?;
        Ok(whole.then_some(pdu))
    }

    /// The label of a target by the same rules as it was, or will be, judged by itself; `None` where it hangs on something
    /// unknown.
    fn effective(
        &self,
        pdu: &Pdu,
        room: Option<&RoomLabel>,
        targets: &[(Relation, Target)],
    ) -> Result<Option<Effective>, Refusal> {
        let Collector {
            active,
            exchange,
            way,
            ..
        } = &*self.collector;
        if targets.iter().any(|(_, target)| *target == Target::Unknown) {
            return Ok(None);
        }
        let unit = UnitFacts {
            kind: Kind::Pdu,
            event_type: pdu.kind(),
            sender: Some(pdu.sender()),
            state_key: pdu.state_key(),
            room_id: Some(pdu.room_id()),
            room_version: Some(pdu.version().as_str()),
            content: pdu.content(),
            targets: facts(targets),
            room,
            previous_room: None,
            redacted: false,
            seen: &[],
            around: Around::default(),
        };
        let name = exchange.link(*way);
        let link = active.link_context(exchange, *way, &name)?;
        let at = OffsetDateTime::now_utc();
        let bundle = active.bundle()?;
        Ok(Some(decide::effective_label(bundle, &link, &unit, at)))
    }
}

impl From<Effective> for Target {
    fn from(Effective { label, by_link }: Effective) -> Self {
        Self::Known { label, by_link }
    }
}

/// Targets as the decision sees them.
pub(crate) fn facts(targets: &[(Relation, Target)]) -> Vec<TargetFacts<'_>> {
    targets
        .iter()
        .map(|(relation, target)| TargetFacts {
            relation: *relation,
            label: match target {
                Target::Known { label, .. } => TargetLabel::Known(label.as_ref()),
                Target::Unknown => TargetLabel::Unknown,
            },
            by_link: matches!(target, Target::Known { by_link: true, .. }),
        })
        .collect()
}

fn depth(pdu: &Pdu) -> Option<i64> {
    pdu.object().get("depth")?.as_integer().map(i64::from)
}

fn event(case: &Case) -> Option<&PduCase> {
    match case.material.as_ref().ok()? {
        Material::Pdu(case) => Some(case),
        Material::Edu(_) | Material::Plain(_) | Material::Listed(_) => None,
    }
}
