//! The running gateway: what it holds, and the life of a request; its road through the stages is in `gateway/road.rs`.
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
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use rustls_pki_types::CertificateDer;
use sluice_certs::UnixTime;
use time::OffsetDateTime;

use crate::accept::{Head, Service, Source};
use crate::audit::entry::{Entry, RefusedEntry};
use crate::audit::{Audit, Strangers};
use crate::exchange::Exchange;
use crate::hold::Holds;
use crate::http::{self, AnswerBody};
use crate::identify::{self, Caller};
use crate::joins::Joins;
use crate::journal::{ClosedLink, Journal, JournalError};
use crate::keystore::KeyStore;
use crate::links::{Gate, LINK_CLOSED};
use crate::operations::Metrics;
use crate::record;
use crate::refusal::{Blame, Refusal};
use crate::route::{self, Action, Op, RouteFault};
use crate::stream::{Spooled, Streams};
use crate::tell::Teller;
use crate::traffic::Traffic;
use crate::wait::Waits;
use crate::window::Windows;

mod active;
mod admit;
mod hidden;
mod operator;
mod renamed;
mod road;
mod synthesise;
mod trace;
mod wake;

pub use active::{Active, LinkKeys};
use trace::Trace;

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
    /// Closings that could not be recorded: they hold until the gateway stops.
    unrecorded: Mutex<Vec<ClosedLink>>,
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
            unrecorded: Mutex::default(),
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
    /// [`JournalError`]: the journal cannot be read, or has yet to take over what the log has; then nothing was changed.
    pub async fn activate(&self, active: Active) -> Result<(), JournalError> {
        let _turn = self.links_turn.lock().await;
        let lines = Self::close_again(&active, &self.closed_links().await?);
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

    /// Records a line, after which something may cross.
    ///
    /// # Errors
    /// [`Refusal`]: nothing may.
    pub(crate) async fn recorded(&self, line: Entry) -> Result<(), Refusal> {
        let written = self.audit.record(vec![line]).await;
        written.map(drop).map_err(|error| Refusal::from(&error))
    }

    /// See [`Audit::caught_up`].
    ///
    /// # Errors
    /// [`Refusal`]: nothing can be judged.
    pub(crate) async fn caught_up(&self) -> Result<(), Refusal> {
        let caught_up = self.audit.caught_up().await;
        caught_up.map_err(|error| Refusal::from(&error))
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
        if let Err(error) = self.audit.note(vec![Entry::Refused(line)]).await {
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

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn unroutable(fault: RouteFault) -> Refusal {
    let blame = match fault {
        RouteFault::UnknownPath => Blame::UnknownEndpoint,
        RouteFault::UnknownMethod => Blame::UnknownMethod,
        RouteFault::PathParameter | RouteFault::QueryParameter => Blame::Malformed,
    };
    Refusal::new(fault.rule(), blame, fault.to_string())
}
