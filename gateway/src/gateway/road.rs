//! The road of a relayed request through the stages, and of its answer back: one step a function.
//!
//! ```text
//! relay:  admit -> read -> verify -> decide -> cross -> decide -> the answer
//! decide: parse -> collect -> judge -> record, the same for both halves
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Incoming;
use ruma_common::CanonicalJsonValue;
use time::OffsetDateTime;
use tokio::sync::OwnedRwLockReadGuard;

use super::{Active, Answer, Gateway, Trace, admit, now_ms};
use crate::accept::Head;
use crate::audit::entry::Entry;
use crate::collect::Collected;
use crate::exchange::{Exchange, Face, Way};
use crate::http::{self, BodyError, Pace};
use crate::identify::Caller;
use crate::judge::{self, Judged, Scene};
use crate::keystore::Need;
use crate::links::LINK_CLOSED;
use crate::operations::metrics::Stage;
use crate::parse;
use crate::rebuild;
use crate::record::{self, Cleared, Durable, Measures};
use crate::refusal::{Blame, Refusal};
use crate::route::{Op, Route, Shape};
use crate::wait::{self, Pair};

/// A body up to this size, some events, is judged at once: to hand the thread's other work over takes longer than that.
const JUDGE_AT_ONCE_BYTES: usize = 8 * 1024;

/// Largest refusal of the far side that is read for its code.
const REFUSAL_BYTES: usize = 1024 * 1024;

impl Gateway {
    /// The whole road of a relayed request.
    pub(super) async fn relay(
        &self,
        active: &Active,
        head: &Head,
        body: Incoming,
        caller: Caller,
        route: Route,
        trace: &mut Trace,
    ) -> Result<Answer, Refusal> {
        let exchange = Exchange {
            reference: trace.reference.clone(),
            face: caller.face,
            route,
            local: caller.local.clone(),
            remote: caller.remote.clone(),
            zone: active.config.zone.clone(),
            peer: Arc::clone(&caller.peer),
        };
        active.bundle()?;
        admit::link(active, &exchange)?;
        admit::ids(active, &exchange)?;
        let bytes = head.content_length.unwrap_or_default();
        let limits = &active.config.limits;
        let admitted = self
            .traffic
            .admit(limits, &exchange, bytes, Instant::now())
            .await?;
        let (_place, waited) = admitted;
        if waited > Duration::ZERO {
            self.metrics.slowed(waited);
        }
        let limit = exchange.route.endpoint.request.limit;
        let bytes = http::read_body(body, head.content_length, limit, Pace::default())
            .await
            .map_err(unreadable)?;
        self.verify(active, head, &caller, &bytes).await?;
        self.caught_up().await?;
        // Behind everything that could tell a hidden room from none.
        let sight = self.sight(active, &exchange)?;
        if !admit::opened(active, &exchange)? {
            return self.nothing_listed(&exchange).await;
        }
        self.refuse_hidden_room(active, &exchange, sight)?;
        self.refuse_closed_room(&exchange)?;
        let _turn = self.turn(&exchange).await?;
        let measures = Measures {
            bytes: bytes.len(),
            status: 0,
        };
        let cleared = self
            .decide(active, &exchange, Way::Request, bytes, measures)
            .await
            .map_err(|refusal| self.hide_own_refusal(&exchange, sight, refusal))?;
        active.pause_after_record().await;
        let sent = rebuild::sent_pdus(&cleared);
        if cleared.is_spent() && exchange.route.endpoint.op == Op::Send {
            let body = rebuild::send_results(&sent, None);
            return Ok(Answer::new(StatusCode::OK, body));
        }
        let crossing = Instant::now();
        // From here on the far homeserver may have accepted a join, and its users may speak to ours.
        self.joins.note(&exchange, crossing);
        let reply = self.cross(active, &exchange, cleared).await;
        trace.elsewhere = crossing.elapsed();
        let reply = reply?;
        let limit = exchange.route.endpoint.response.limit;
        if reply.status() != 200 {
            self.hide_refusal(&exchange, sight, reply.status())?;
            let answer = whole(reply, limit.min(REFUSAL_BYTES)).await?;
            return Ok(self.far_refusal(&exchange, answer));
        }
        if exchange.route.endpoint.response.is_streamed() {
            let body = self.judge_stream(active, &exchange, reply).await?;
            self.joins.note(&exchange, Instant::now());
            return Ok(Answer::streamed(body));
        }
        let answer = whole(reply, limit).await?;
        trace.elsewhere = crossing.elapsed();
        let measures = Measures {
            bytes: answer.body.len(),
            status: answer.status,
        };
        let cleared = self
            .decide(active, &exchange, Way::Answer, answer.body, measures)
            .await?;
        self.joins.note(&exchange, Instant::now());
        let body = match exchange.route.endpoint.op {
            Op::Send => rebuild::send_results(&sent, results(&cleared)),
            _ => rebuild::answer(active, &exchange, cleared),
        };
        Ok(Answer::new(StatusCode::OK, body))
    }

    /// No transaction is judged or sent while the gateway sends one of its own between the same two homeservers.
    async fn turn(&self, exchange: &Exchange) -> Result<Option<OwnedRwLockReadGuard<()>>, Refusal> {
        if exchange.route.endpoint.op != Op::Send {
            return Ok(None);
        }
        let pair = Pair {
            origin: exchange.origin().to_owned(),
            destination: exchange.destination().to_owned(),
        };
        if self.waits.is_full(&pair) {
            return Err(wait::full());
        }
        Ok(Some(self.waits.relayed_turn(&pair).await))
    }

    /// Whether anything may cross now between the two zones of an exchange.
    pub(crate) fn may_cross(&self, active: &Active, exchange: &Exchange) -> Result<(), Refusal> {
        active.bundle()?;
        if active.links.gate(exchange.peer.zone()).is_closed() {
            let detail = "an operator has closed the link";
            return Err(Refusal::forbidden(LINK_CLOSED, detail));
        }
        admit::link(active, exchange)
    }

    /// parse, collect, judge, record: the same for both halves.
    async fn decide(
        &self,
        active: &Active,
        exchange: &Exchange,
        way: Way,
        bytes: Vec<u8>,
        measures: Measures,
    ) -> Result<Cleared, Refusal> {
        let parsed =
            parse::parse(shape(exchange, way), &bytes).map_err(|fault| malformed(way, &fault))?;
        // The tree is all that counts from here on, and a large body need not be held twice.
        drop(bytes);
        self.caught_up().await?;
        if way == Way::Answer {
            self.refuse_denied_name(exchange, &parsed.fields)?;
        }
        let collected = crate::collect::collect(self, active, exchange, way, parsed).await?;
        let at_once = measures.bytes <= JUDGE_AT_ONCE_BYTES;
        let judged = self.judge(active, exchange, way, collected, !at_once)?;
        let started = Instant::now();
        let durable = self.durable(active);
        let cleared = record::record(durable, exchange, way, judged, measures).await;
        self.measured(exchange, way, started, &cleared);
        cleared
    }

    /// record, for a part of a large answer.
    pub(crate) async fn record_part(
        &self,
        active: &Active,
        exchange: &Exchange,
        judged: Judged,
        line: Option<Entry>,
    ) -> Result<Cleared, Refusal> {
        let started = Instant::now();
        let durable = self.durable(active);
        let cleared = record::record_part(durable, judged, line).await;
        self.measured(exchange, Way::Answer, started, &cleared);
        cleared
    }

    fn durable(&self, active: &Active) -> Durable {
        Durable {
            audit: Arc::clone(&self.audit),
            windows: Arc::clone(&self.windows),
            holds: Arc::clone(&self.holds),
            teller: Arc::clone(&self.teller),
            waits: Arc::clone(&self.waits),
            held_until: active.config.hold.until(now_ms()),
        }
    }

    fn measured(
        &self,
        exchange: &Exchange,
        way: Way,
        started: Instant,
        cleared: &Result<Cleared, Refusal>,
    ) {
        self.metrics.stage(Stage::Record, started.elapsed());
        let Ok(cleared) = cleared else { return };
        let name = exchange.link(way);
        for outcome in cleared.outcomes() {
            self.metrics
                .event(&name, outcome.verdict.as_str(), &outcome.rule);
        }
    }

    /// judge. `long` hands the thread's other work over first.
    pub(crate) fn judge(
        &self,
        active: &Active,
        exchange: &Exchange,
        way: Way,
        collected: Collected,
        long: bool,
    ) -> Result<Judged, Refusal> {
        let name = exchange.link(way);
        let thirds = active.links_from(&collected.thirds);
        let scene = Scene {
            exchange,
            way,
            active,
            bundle: active.bundle()?,
            link: active.link_context(exchange, way, &name)?,
            links: active.link_names(),
            thirds: thirds
                .iter()
                .map(|(peer, name)| (peer.zone(), active.open_link_from(peer, name)))
                .collect(),
            refuses_encryption: active.refuses_encryption(exchange)?,
            at: OffsetDateTime::now_utc(),
            wait_ms: active.config.hold.wait_ms(),
        };
        // Asking and waiting takes time, and a verdict of an expired policy would be remembered.
        admit::policies(scene.bundle, scene.at)?;
        let started = Instant::now();
        let judged = match long {
            true => tokio::task::block_in_place(|| judge::judge(&scene, collected)),
            false => judge::judge(&scene, collected),
        };
        self.metrics.stage(Stage::Judge, started.elapsed());
        judged.map_err(|error| Refusal::ourselves("gateway.policy", error.to_string()))
    }

    /// Writes the request for the far side and sends it.
    async fn cross(
        &self,
        active: &Active,
        exchange: &Exchange,
        cleared: Cleared,
    ) -> Result<crate::relay::Reply, Refusal> {
        let started = Instant::now();
        let answer = match exchange.face {
            Face::Inside if exchange.is_own_zone() => {
                let outgoing = rebuild::request(active, exchange, cleared, &active.keys.injected)?;
                active.homeserver(&exchange.remote)?.open(&outgoing).await
            }
            Face::Inside => {
                let outgoing = rebuild::request(active, exchange, cleared, &active.keys.signing)?;
                active.peer_client(&exchange.peer)?.open(&outgoing).await
            }
            Face::Border => {
                let outgoing = rebuild::request(active, exchange, cleared, &active.keys.injected)?;
                let gate = active.links.gate(exchange.peer.zone());
                active
                    .homeserver(&exchange.local)?
                    .open_of(&gate, &outgoing)
                    .await
            }
        };
        self.metrics.stage(Stage::Relay, started.elapsed());
        answer.map_err(|error| crate::asks::far_side(&error))
    }

    pub(super) async fn verify(
        &self,
        active: &Active,
        head: &Head,
        caller: &Caller,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let key = match (caller.face, &caller.xmatrix) {
            (Face::Border, _) => Some(caller.peer.signing_key),
            (Face::Inside, Some(xmatrix)) => {
                let known = self
                    .own_keys(active, &caller.local, Some(&xmatrix.key), Need::End)
                    .await?;
                known.document.request_key(&xmatrix.key, now_ms())
            }
            (Face::Inside, None) => None,
        };
        caller.verify(&head.method, &head.target, bytes, key)
    }

    /// Pulls of a closed room are answered as if there was none; `/send` is answered event by event.
    fn refuse_closed_room(&self, exchange: &Exchange) -> Result<(), Refusal> {
        let Some(room_id) = exchange.route.room_id() else {
            return Ok(());
        };
        if matches!(exchange.route.endpoint.op, Op::MakeLeave | Op::SendLeave) {
            return Ok(());
        }
        for way in [Way::Request, Way::Answer] {
            let closed = self
                .journal
                .closed(&exchange.link(way), room_id)
                .map_err(crate::collect::broken_journal)?;
            if closed.is_some() {
                return Err(Refusal::new(
                    "protocol.room_closed",
                    Blame::NotFound,
                    "the room is closed on this link",
                ));
            }
        }
        Ok(())
    }

    /// The far side said no: its code from a closed list, our text.
    fn far_refusal(&self, exchange: &Exchange, answer: crate::relay::Answer) -> Answer {
        let status = rebuild::status(exchange.route.endpoint.op, answer.status);
        let errcode = rebuild::errcode(&answer.body);
        tracing::info!(reference = %exchange.reference, far_status = answer.status, errcode, "refused by the far side");
        let text = format!(
            "Refused by the other side (reference {})",
            exchange.reference
        );
        let mut body = serde_json::json!({"errcode": errcode, "error": text});
        if errcode == "M_INCOMPATIBLE_ROOM_VERSION" {
            body["room_version"] = rebuild::room_version(&answer.body).into();
        }
        Answer::new(status, body.to_string().into_bytes())
    }
}

const fn shape(exchange: &Exchange, way: Way) -> &'static Shape {
    match way {
        Way::Request => &exchange.route.endpoint.request,
        Way::Answer => &exchange.route.endpoint.response,
    }
}

async fn whole(reply: crate::relay::Reply, cap: usize) -> Result<crate::relay::Answer, Refusal> {
    let answer = reply.whole(cap).await;
    answer.map_err(|error| crate::asks::far_side(&error))
}

fn results(cleared: &Cleared) -> Option<&ruma_common::CanonicalJsonObject> {
    match cleared.fields().get("pdus") {
        Some(CanonicalJsonValue::Object(results)) => Some(results),
        _ => None,
    }
}

fn unreadable(error: BodyError) -> Refusal {
    let blame = if matches!(error, BodyError::TooLarge) {
        Blame::TooLarge
    } else {
        Blame::Malformed
    };
    Refusal::new("protocol.body", blame, error.to_string())
}

fn malformed(way: Way, fault: &parse::BodyFault) -> Refusal {
    let blame = match way {
        Way::Request => Blame::Malformed,
        Way::Answer => Blame::FarSide,
    };
    Refusal::new(fault.rule(), blame, fault.to_string())
}
