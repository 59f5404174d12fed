//! The running gateway: what it holds, and the life of a request through the stages.
//!
//! ```text
//! accept -> identify -> route -> parse -> collect -> judge -> record -> rebuild -> relay
//!                                                                                    |
//!                       log <- rebuild <- record <- judge <- collect <- parse <------+  (the answer)
//! ```
//!
//! Every request ends in exactly one of: an answer that was rebuilt from judged units, an answer that the gateway made
//! itself, or a [`Refusal`]; the last step, the audit line, always runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use ruma_common::CanonicalJsonValue;
use rustls_pki_types::CertificateDer;
use sluice_certs::UnixTime;
use time::OffsetDateTime;
use tokio::sync::OwnedRwLockReadGuard;

use crate::accept::{Head, Service, Source};
use crate::audit::entry::{Entry, RefusedEntry};
use crate::audit::{Audit, Strangers};
use crate::collect::Collected;
use crate::exchange::{Exchange, Face, Way};
use crate::hold::Holds;
use crate::http::{self, AnswerBody, BodyError, Pace};
use crate::identify::{self, Caller};
use crate::joins::Joins;
use crate::journal::{Journal, JournalError};
use crate::judge::{self, Judged, Scene};
use crate::keystore::{KeyStore, Need};
use crate::links::{Gate, LINK_CLOSED};
use crate::operations::Metrics;
use crate::operations::metrics::{self, Stage};
use crate::parse;
use crate::rebuild;
use crate::record::{self, Cleared, Durable, Measures};
use crate::refusal::{Blame, Refusal};
use crate::route::{self, Action, Op, Route, RouteFault, Shape};
use crate::stream::{Spooled, Streams};
use crate::tell::Teller;
use crate::traffic::Traffic;
use crate::wait::{self, Pair, Waits};
use crate::window::Windows;

mod active;
mod admit;
mod hidden;
mod operator;
mod renamed;
mod synthesise;
mod wake;

pub use active::{Active, LinkKeys};

/// A body up to this size, some events, is judged at once: to hand the thread's other work over takes longer than that.
const JUDGE_AT_ONCE_BYTES: usize = 8 * 1024;

/// Largest refusal of the far side that is read for its code.
const REFUSAL_BYTES: usize = 1024 * 1024;

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    active: RwLock<Arc<Active>>,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// The journal.
    pub journal: Arc<Journal>,
    /// What each sender said lately.
    pub windows: Arc<Windows>,
    /// What waits for a reviewer.
    pub holds: Arc<Holds>,
    /// What was acknowledged and is sent later.
    pub(crate) waits: Arc<Waits>,
    /// Tells people what became of events.
    pub(crate) teller: Arc<Teller>,
    /// One decision on what is held at a time.
    pub(crate) desk: tokio::sync::Mutex<()>,
    /// The homeservers' keys.
    pub keys: KeyStore,
    /// The joins of our homeservers that are under way.
    pub(crate) joins: Joins,
    /// What each peer has used up, and what is under way.
    pub traffic: Traffic,
    /// One operator at a time opens and closes links, so that gates and journal end up saying the same.
    links_turn: tokio::sync::Mutex<()>,
    /// Refusals before authentication.
    pub strangers: Strangers,
    /// Spools and turns of large answers.
    pub(crate) streams: Streams,
    /// Counters.
    pub metrics: Metrics,
    /// The start's random part of all references, so that they do not repeat after a restart.
    run: String,
    requests: AtomicU64,
    refused_rooms: hidden::RefusedRooms,
}

impl Gateway {
    /// A gateway with its first policy.
    #[must_use]
    pub fn new(
        active: Active,
        audit: Audit,
        (journal, windows, holds): (Arc<Journal>, Windows, Holds),
        (teller, waits): (Teller, Waits),
        metrics: Metrics,
        run: String,
    ) -> Self {
        Self {
            streams: Streams::beside(&active.config.state.journal),
            active: RwLock::new(Arc::new(active)),
            audit: Arc::new(audit),
            journal,
            windows: Arc::new(windows),
            holds: Arc::new(holds),
            teller: Arc::new(teller),
            waits: Arc::new(waits),
            desk: tokio::sync::Mutex::default(),
            keys: KeyStore::default(),
            joins: Joins::default(),
            traffic: Traffic::default(),
            links_turn: tokio::sync::Mutex::default(),
            strangers: Strangers::new(),
            metrics,
            run,
            requests: AtomicU64::new(0),
            refused_rooms: hidden::RefusedRooms::default(),
        }
    }

    /// What is active now; a request keeps what it started with.
    #[must_use]
    pub fn active(&self) -> Arc<Active> {
        Arc::clone(&self.active.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the active policy in one step. Keys are asked for anew; where the record behind them has changed, the old
    /// ones count no more. What an operator closed is closed in the new one too, whatever name its record has there.
    ///
    /// # Errors
    /// [`JournalError`]: then nothing was changed.
    pub async fn activate(&self, active: Active) -> Result<(), JournalError> {
        let _turn = self.links_turn.lock().await;
        let lines = self.close_again(&active)?;
        active.clients.replace(active.targets.clone());
        let active = Arc::new(active);
        let before = {
            let mut current = self.active.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::clone(&active))
        };
        self.keys
            .review(|server| active.has_same_keys_from(&before, server));
        self.record_closed(lines).await;
        Ok(())
    }

    /// A reference that no other request of this gateway has.
    pub(crate) fn next_reference(&self) -> String {
        format!(
            "{}-{}",
            self.run,
            self.requests.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Whether a server is ours or stands in a peer record.
    pub(crate) fn knows_server(&self, active: &Active, exchange: &Exchange, server: &str) -> bool {
        exchange.peer.speaks_for(server) || active.zone_of(server).is_some()
    }

    async fn serve(
        &self,
        active: &Active,
        head: &Head,
        body: Incoming,
        trace: &mut Trace,
    ) -> Result<Answer, Refusal> {
        let caller = identify::identify(active, head)?;
        trace.caller = Some(caller.clone());
        let gate = active.links.gate(caller.peer.zone());
        let answer = gate.while_open(self.serve_open(active, head, body, caller, trace));
        let mut answer = answer.await??;
        answer.gate = Some(gate);
        Ok(answer)
    }

    /// A request of an identified caller whose link is open. It ends where it is when the link closes.
    async fn serve_open(
        &self,
        active: &Active,
        head: &Head,
        body: Incoming,
        caller: Caller,
        trace: &mut Trace,
    ) -> Result<Answer, Refusal> {
        let route = route::route(head.method.as_str(), &head.target).map_err(unroutable)?;
        trace.op = Some(route.endpoint.op);
        trace.room_id = route.room_id().map(str::to_owned);
        caller.require(route.endpoint.who)?;
        match route.endpoint.action {
            Action::Forbid => Err(Refusal::forbidden(
                "protocol.route.refused",
                route.endpoint.why,
            )),
            Action::Hide | Action::File => Err(Refusal::new(
                "protocol.route.refused",
                Blame::NotFound,
                route.endpoint.why,
            )),
            Action::Synthesise => {
                trace.answered_here = true;
                self.synthesise(active, head, &caller, &route, &trace.reference)
                    .await
            }
            Action::Relay => self.relay(active, head, body, caller, route, trace).await,
        }
    }

    /// The whole road of a relayed request.
    async fn relay(
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

    async fn verify(
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

    async fn refuse(
        &self,
        refusal: &Refusal,
        trace: &Trace,
        source: Source,
    ) -> Response<AnswerBody> {
        let mut answer = refusal.answer(&trace.reference);
        if refusal.rule == LINK_CLOSED {
            // Whoever comes again does so by a connection that is looked at anew.
            let close = hyper::header::HeaderValue::from_static("close");
            answer
                .headers_mut()
                .insert(hyper::header::CONNECTION, close);
        }
        let Refusal {
            rule,
            detail,
            blame,
        } = refusal;
        self.metrics.refused(rule);
        if trace.is_strangers(rule) {
            self.count_stranger(source, rule);
            return answer;
        }
        tracing::warn!(reference = %trace.reference, rule, ?blame, detail, "request refused");
        let line = RefusedEntry {
            request: Some(trace.reference.as_str().into()),
            rule: rule.as_str().into(),
            face: record::audit_face(trace.face),
            peer: trace
                .caller
                .as_ref()
                .map(|caller| caller.peer.zone().into()),
            origin: trace.origin(),
            destination: trace.destination(),
            op: trace.op.map(|op| op.as_str().into()),
            room_id: trace.room_id.as_deref().map(Into::into),
            status: Some(answer.status().as_u16()),
            source: Some(source.to_string().into()),
        };
        if let Err(error) = self.audit.record(vec![Entry::Refused(line)]).await {
            tracing::error!(reference = %trace.reference, %error, "a refusal could not be recorded");
        }
        answer
    }

    fn count_stranger(&self, source: Source, reason: &str) {
        let address = match source {
            Source::Tcp(address) => Some(address.ip()),
            Source::Unix => None,
        };
        self.strangers
            .count(address, reason, OffsetDateTime::now_utc());
    }
}

impl Service for Gateway {
    async fn handle(&self, head: Head, source: Source, body: Incoming) -> Response<AnswerBody> {
        let started = Instant::now();
        let active = self.active();
        let mut trace = Trace::new(self.next_reference(), &head);
        let _under_way = self.metrics.in_flight(trace.metrics_face());
        let outcome = self.serve(&active, &head, body, &mut trace).await;
        let op = trace.op.map_or("unknown", Op::as_str);
        let (answer, ended) = match outcome {
            Ok(answer) => (answer.response(), trace.answered()),
            Err(refusal) => (
                self.refuse(&refusal, &trace, source).await,
                refusal.outcome(),
            ),
        };
        self.metrics.request(trace.metrics_face(), op, ended);
        tracing::info!(
            reference = %trace.reference, op, face = trace.face_name(), status = answer.status().as_u16(),
            millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            own_micros = micros(started.elapsed().saturating_sub(trace.elsewhere)), "request"
        );
        answer
    }

    fn gate(&self, certificates: &[CertificateDer<'static>]) -> Option<Arc<Gate>> {
        let active = self.active();
        let peer = active.peers.identify(certificates, UnixTime::now()).ok()?;
        Some(active.links.gate(peer.zone()))
    }

    fn stranger(&self, source: Source, reason: &'static str) {
        self.metrics.refused(reason);
        self.count_stranger(source, reason);
    }
}

/// An answer for whoever asked.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: AnswerBody,
    /// The link whose bytes it carries.
    gate: Option<Arc<Gate>>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            body: http::full(body),
            gate: None,
        }
    }

    /// A large answer.
    fn streamed(body: Spooled) -> Self {
        Self {
            status: StatusCode::OK,
            body: AnswerBody::Right(body),
            gate: None,
        }
    }

    fn response(self) -> Response<AnswerBody> {
        let mut response = http::json_body(self.status, self.body);
        if let Some(gate) = self.gate {
            response.extensions_mut().insert(gate);
        }
        response
    }
}

/// What is known of a request at any moment, for its last line.
#[derive(Debug)]
struct Trace {
    reference: String,
    face: Face,
    caller: Option<Caller>,
    op: Option<Op>,
    room_id: Option<String>,
    /// Whether the gateway answers it itself.
    answered_here: bool,
    /// Time spent waiting for the far side.
    elsewhere: Duration,
}

impl Trace {
    fn new(reference: String, head: &Head) -> Self {
        let face = match head.face {
            crate::accept::Face::Inside { .. } => Face::Inside,
            crate::accept::Face::Border { .. } => Face::Border,
        };
        Self {
            reference,
            face,
            caller: None,
            op: None,
            room_id: None,
            answered_here: false,
            elsewhere: Duration::ZERO,
        }
    }

    /// Whether a refusal is that of somebody whose certificate is no peer's: he is counted, so that he cannot fill the
    /// disk with a line each.
    fn is_strangers(&self, rule: &str) -> bool {
        self.caller.is_none() && rule.starts_with("protocol.peer.")
    }

    const fn answered(&self) -> metrics::Outcome {
        if self.answered_here {
            metrics::Outcome::Answered
        } else {
            metrics::Outcome::Relayed
        }
    }

    const fn face_name(&self) -> &'static str {
        match self.face {
            Face::Inside => "inside",
            Face::Border => "border",
        }
    }

    const fn metrics_face(&self) -> metrics::Face {
        match self.face {
            Face::Inside => metrics::Face::Inside,
            Face::Border => metrics::Face::Outside,
        }
    }

    fn origin(&self) -> Option<crate::audit::entry::Text> {
        let caller = self.caller.as_ref()?;
        Some(
            if self.face == Face::Inside {
                &caller.local
            } else {
                &caller.remote
            }
            .as_str()
            .into(),
        )
    }

    fn destination(&self) -> Option<crate::audit::entry::Text> {
        let caller = self.caller.as_ref()?;
        Some(
            if self.face == Face::Inside {
                &caller.remote
            } else {
                &caller.local
            }
            .as_str()
            .into(),
        )
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
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

fn unroutable(fault: RouteFault) -> Refusal {
    let blame = match fault {
        RouteFault::UnknownPath => Blame::UnknownEndpoint,
        RouteFault::UnknownMethod => Blame::UnknownMethod,
        RouteFault::PathParameter | RouteFault::QueryParameter => Blame::Malformed,
    };
    Refusal::new(fault.rule(), blame, fault.to_string())
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
