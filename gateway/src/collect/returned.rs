//! Events of our own zone that come back to it.
//!
//! What leaves the zone in its redacted form comes back so whenever another of our homeservers gets it from the far side,
//! and would stay so there for ever: a homeserver keeps the first copy that it gets. So the homeserver of its sender is
//! asked for the whole event.
//!
//! ```text
//! whole ───────────────────────────────────────────────────────────────> as it is
//! redacted, or with a hash that fails ─> its homeserver ─> whole ───────> that
//!                                                       ─> redacted ───> that: it was redacted by its own side
//!                                                       ─> does not say ─> left out
//! ```
//!
//! No link judges such an event, because its content never left the zone. Nothing of it is kept here.

use std::time::Instant;

use ruma_common::CanonicalJsonObject as Object;
use sluice_policy::json::Fault;
use sluice_policy::pdu::{Integrity, Pdu};

use super::{Collector, Condemned};
use crate::exchange::Way;
use crate::parse::Parsed;
use crate::refusal::{AUDIT_FAILED, Refusal};
use crate::route::{Op, encode};

/// Events that are restored for one body: as many as a homeserver asks for in one backfill, and twice what one transaction
/// brings. Those beyond are left out of it; each is one or two questions to a homeserver, and as many audit lines.
const RESTORED_A_BODY: usize = 100;
/// The rule of an event of our own zone that came back in its redacted form, and whose homeserver does not give the whole.
const LOST: &str = "protocol.own_event_lost";

/// The rule of a join that comes back in the answer to it in its redacted form: it is left out of the answer.
pub(crate) const EMPTY_ECHO: &str = "protocol.own_event_echo";

/// How an event of our own zone came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// As it was sent.
    Whole,
    /// In its redacted form; its homeserver gave the whole one.
    Redacted,
    /// With a content that its hash does not fit; its homeserver gave the true one.
    Tampered,
}

/// What one body may still ask for.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    /// Events that were asked for.
    asked: usize,
    /// A homeserver did not answer: it is not waited for once more for this body.
    failed: bool,
}

impl Restoring {
    /// As many events again. A homeserver that did not answer stays so.
    pub(super) fn begin_again(&mut self) {
        self.asked = 0;
    }
}

/// An event with what is known of it, or what condemned it.
type Checked = Result<(Pdu, Integrity, Option<Returned>), Condemned>;

impl Collector<'_> {
    /// Puts the whole event in the place of a copy that came back to our zone without its content.
    ///
    /// # Errors
    /// [`Refusal`] where the audit log cannot be written.
    pub(super) async fn returned(
        &mut self,
        pdu: Pdu,
        verified: Result<Integrity, Fault>,
        pattern: &str,
    ) -> Result<Checked, Refusal> {
        if verified == Ok(Integrity::Redacted) && self.is_needless_echo(&pdu, pattern) {
            return Ok(Err(Condemned::of(EMPTY_ECHO, &pdu)));
        }
        let came_as = match (self.comes_back(&pdu, pattern), verified) {
            (_, Err(fault)) if fault != Fault::Hash => {
                return Ok(Err(Condemned::of(fault.rule(), &pdu)));
            }
            (false, Err(fault)) => return Ok(Err(Condemned::of(fault.rule(), &pdu))),
            (false, Ok(integrity)) => return Ok(Ok((pdu, integrity, None))),
            (true, Ok(Integrity::Whole)) => {
                return Ok(Ok((pdu, Integrity::Whole, Some(Returned::Whole))));
            }
            (true, Ok(Integrity::Redacted)) => Returned::Redacted,
            (true, Err(_)) => Returned::Tampered,
        };
        Ok(match self.restored(&pdu).await? {
            Some((event, integrity)) => Ok((event, integrity, Some(came_as))),
            None if came_as == Returned::Tampered => Err(Condemned::of(Fault::Hash.rule(), &pdu)),
            None => Err(Condemned::of(LOST, &pdu)),
        })
    }

    /// Whether an event of our zone enters it from a server that is not its sender's. The event that a request is about
    /// comes back in the answer as it went out, signed once more; its homeserver does not have it yet.
    fn comes_back(&self, pdu: &Pdu, pattern: &str) -> bool {
        let sender = pdu.sender_server();
        let enters = self.exchange.is_own_zone() || !self.exchange.outbound(self.way);
        let echoed = self.way == Way::Answer && pattern == "/event";
        enters
            && !echoed
            && self.active.is_local(sender)
            && self.exchange.author(self.way) != sender
    }

    /// Whether it is the join of one of our users in the answer to it. Its homeserver has it, and would take the empty form
    /// in its place; it needs the answer's form only where another homeserver had to sign it too.
    fn is_needless_echo(&self, pdu: &Pdu, pattern: &str) -> bool {
        let joins = self.exchange.route.endpoint.op == Op::SendJoin && self.way == Way::Answer;
        joins
            && pattern == "/event"
            && self.active.is_local(pdu.sender_server())
            && !pdu
                .content()
                .contains_key("join_authorised_via_users_server")
    }

    /// The event as its sender's homeserver gives it. One that is just joining the room answers when it has written the
    /// join down; what our homeservers pull is not waited for.
    async fn restored(&mut self, pdu: &Pdu) -> Result<Option<(Pdu, Integrity)>, Refusal> {
        if self.restoring.asked >= RESTORED_A_BODY {
            return Ok(None);
        }
        self.restoring.asked += 1;
        loop {
            let joining = self.exchange.route.endpoint.op == Op::Send
                && self.gateway.joins.is_under_way(
                    pdu.sender_server(),
                    pdu.room_id(),
                    Instant::now(),
                );
            let found = self.of_its_homeserver(pdu).await?;
            if found.is_some() || !joining || !self.patience.pause().await {
                return Ok(found);
            }
        }
    }

    /// The event as its sender's homeserver gives it now, checked. It is asked in the name of that homeserver of our zone which
    /// is to get it. Where that one may not see it whole, as what was said before it came, it is asked in the name of the
    /// other end of the exchange.
    async fn of_its_homeserver(&mut self, pdu: &Pdu) -> Result<Option<(Pdu, Integrity)>, Refusal> {
        let sender = pdu.sender_server();
        let mut redacted = None;
        for name in [&self.exchange.local, &self.exchange.remote] {
            if name == sender || self.restoring.failed {
                continue;
            }
            match self.asked_as(name, pdu).await? {
                Some((event, Integrity::Whole)) => return Ok(Some((event, Integrity::Whole))),
                Some(other) => redacted = Some(other),
                None => {}
            }
        }
        Ok(redacted)
    }

    async fn asked_as(
        &mut self,
        name: &str,
        pdu: &Pdu,
    ) -> Result<Option<(Pdu, Integrity)>, Refusal> {
        let target = format!("/_matrix/federation/v1/event/{}", encode(pdu.event_id()));
        let names = (name, pdu.sender_server());
        let asked = self
            .gateway
            .ask_as(self.active, self.exchange, names, &target)
            .await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(refusal) if refusal.rule == AUDIT_FAILED => return Err(refusal),
            Err(refusal) => {
                tracing::warn!(reference = %self.exchange.reference, rule = refusal.rule, "an event of our own was not restored");
                self.restoring.failed = true;
                None
            }
        };
        Ok(answer.and_then(|answer| self.is_it(pdu, answer)))
    }

    /// The event in an answer, if it is this one and true. Its keys are at hand: the copy that came back was checked.
    fn is_it(&self, pdu: &Pdu, answer: Parsed) -> Option<(Pdu, Integrity)> {
        let found: Object = answer.units.into_iter().find_map(|unit| unit.value.ok())?;
        let found = Pdu::read(found, pdu.version()).ok()?;
        if found.event_id() != pdu.event_id() || found.room_id() != pdu.room_id() {
            return None;
        }
        let keys = self.gateway.keys.view(&found.required_servers());
        let integrity = found.verify(&keys).ok()?;
        Some((found, integrity))
    }
}
