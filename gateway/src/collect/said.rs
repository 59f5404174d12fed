//! What an event is judged by beside what the journal knows of its room: a label of the room that stands before it in the
//! same body, and the label that it had when it was first seen (MX-6, MX-7).

use sluice_policy::decide::{self, UnitFacts};
use sluice_policy::label::{Label, RoomLabel};
use sluice_policy::pdu::Integrity;
use time::OffsetDateTime;

use super::{Collector, PduCase, broken_journal};
use crate::journal::Remembered;
use crate::judge;
use crate::refusal::Refusal;
use crate::rooms::{read_label, remembered, truthful};
use crate::route::Op;

impl Collector<'_> {
    /// Keeps what a whole event of `/send` says of its room's label for the events behind it, as the judgement will learn
    /// it; a lowering that is refused says nothing. In a pull the order of events says nothing either.
    ///
    /// A peer's word is heard here too where the room has a label already: it can only raise what is held against the
    /// peer's own events behind it.
    ///
    /// # Errors
    /// [`Refusal`] where the policy cannot run.
    pub(super) fn hear(&mut self, case: &PduCase) -> Result<(), Refusal> {
        let is_news = self.exchange.route.endpoint.op == Op::Send
            && case.pdu.is_label_state()
            && case.integrity == Integrity::Whole
            && case.denial.is_none()
            && !self.exchange.is_own_zone()
            && !case.lowering_refused;
        let labelled = case.room.as_ref().is_some_and(|room| room.label.is_some());
        if !is_news || !(labelled || self.exchange.outbound(self.way)) {
            return Ok(());
        }
        if self.label_rule(&judge::event_facts(case))?.as_deref()
            == Some(decide::LABEL_ROOM_LOWERED)
        {
            return Ok(());
        }
        let read = RoomLabel::from_content(case.pdu.content());
        let said = truthful(self.active.bundle()?, read, OffsetDateTime::now_utc());
        self.said.insert(case.pdu.room_id().to_owned(), said);
        Ok(())
    }

    /// An event that says nothing of itself, and relates to nothing, goes on to be judged by the label that its room had
    /// when it was first seen, whatever the room says today.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(super) fn as_first_seen(&self, case: &mut PduCase) -> Result<(), Refusal> {
        let pdu = &case.pdu;
        let is_said = pdu.state_key().is_none() && pdu.targets().is_empty();
        if !self.demanded || !is_said {
            return Ok(());
        }
        let journal = &self.gateway.journal;
        let first = journal
            .label(pdu.event_id(), &self.exchange.link(self.way))
            .map_err(broken_journal)?;
        let first = first.filter(|first| first.is_of(pdu.room_id()));
        let Some(first) = first.and_then(|first| first_label(&first)) else {
            return Ok(());
        };
        if self.label_today(&judge::event_facts(case))?.as_ref() == Some(&first) {
            return Ok(());
        }
        let room = case.room.take().unwrap_or_default();
        case.room = Some(RoomLabel {
            label: Some(first),
            ..room
        });
        Ok(())
    }

    /// The rule of the label decision on one unit.
    fn label_rule(&self, unit: &UnitFacts<'_>) -> Result<Option<String>, Refusal> {
        let name = self.exchange.link(self.way);
        let link = self.active.link_context(self.exchange, self.way, &name)?;
        let (bundle, units) = (self.active.bundle()?, std::slice::from_ref(unit));
        let decisions = decide::decide_units(bundle, &link, units, OffsetDateTime::now_utc())
            .map_err(|error| Refusal::ourselves("gateway.policy", error.to_string()))?;
        Ok(decisions
            .into_iter()
            .next()
            .and_then(|decision| decision.label_rule))
    }

    /// The label that a unit has by what is known today, as it would be remembered.
    fn label_today(&self, unit: &UnitFacts<'_>) -> Result<Option<Label>, Refusal> {
        let name = self.exchange.link(self.way);
        let link = self.active.link_context(self.exchange, self.way, &name)?;
        let (bundle, at) = (self.active.bundle()?, OffsetDateTime::now_utc());
        let label = decide::effective_label(bundle, &link, unit, at).label;
        let kept = remembered(bundle, Ok(label), at);
        Ok(kept.and_then(|kept| read_label(kept.as_value())))
    }
}

/// The label as it was remembered; what cannot be read is a label that nobody is cleared for.
pub(super) fn first_label(remembered: &Remembered) -> Option<Label> {
    let label = remembered.label.as_ref()?;
    Some(read_label(label).unwrap_or_else(Label::nobody))
}
