//! Ephemeral events: whose users they name, whether there are too many, and which of their rooms are closed or not known.

use std::time::Instant;

use ruma_common::CanonicalJsonObject;
use sluice_policy::edu::{Edu, EduKind};

use super::{Collector, Condemned, EduCase, Material, broken_journal};
use crate::exchange::Way;
use crate::refusal::Refusal;
use crate::traffic;

impl Collector<'_> {
    pub(super) fn edu(
        &self,
        object: CanonicalJsonObject,
    ) -> Result<Result<Material, Condemned>, Refusal> {
        let edu = match Edu::read(object) {
            Ok(edu) => edu,
            Err(fault) => return Ok(Err(Condemned::new(fault.rule()))),
        };
        let author = self.exchange.author(self.way);
        let reader = match self.way {
            Way::Request => self.exchange.destination(),
            Way::Answer => self.exchange.origin(),
        };
        if edu.user_servers().iter().any(|server| *server != author)
            || edu
                .recipient_servers()
                .iter()
                .any(|server| *server != reader)
        {
            return Ok(Err(Condemned::new("protocol.edu.user")));
        }
        if let Some(rule) = self.crowded_out(&edu) {
            return Ok(Err(Condemned::new(rule)));
        }
        let link = self.exchange.link(self.way);
        let (mut closed, mut unknown, mut first) = (Vec::new(), Vec::new(), None);
        // What enters tells nothing that our homeserver does not know of the room already.
        let must_be_known = self.demanded && self.exchange.outbound(self.way);
        for room in edu.room_ids() {
            if self
                .gateway
                .journal
                .closed(&link, room)
                .map_err(broken_journal)?
                .is_some()
            {
                closed.push(room.to_owned());
            }
            if must_be_known && !self.gateway.knows_room_label(room)? {
                unknown.push(room.to_owned());
                continue;
            }
            let said = self.gateway.known_room(room)?;
            if *first.get_or_insert_with(|| said.clone()) != said {
                closed.push(room.to_owned());
            }
        }
        Ok(Ok(Material::Edu(EduCase {
            edu,
            closed,
            unknown,
            room: first,
        })))
    }

    /// The rule of an EDU that there are too many of, or too much else.
    fn crowded_out(&self, edu: &Edu) -> Option<&'static str> {
        let (traffic, limits) = (&self.gateway.traffic, &self.active.config.limits);
        match edu.kind() {
            EduKind::DirectToDevice => (!traffic.to_device(limits, self.exchange, Instant::now()))
                .then_some(traffic::Kind::ToDevice.rule()),
            EduKind::Typing | EduKind::Receipt | EduKind::Presence => traffic
                .sheds_edus(limits, self.exchange)
                .then_some("protocol.overload.edus"),
            EduKind::DeviceListUpdate | EduKind::SigningKeyUpdate => None,
        }
    }
}
