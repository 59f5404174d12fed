//! Stage `record`: what was judged becomes durable, and only then becomes [`Cleared`].
//!
//! [`Cleared`] is the permission to write to the far side: it has no public constructor, `rebuild` consumes it, and
//! there is no other way to bytes. A full disk or a read-only journal therefore lets nothing cross.
//!
//! ```text
//! seal what waits ─▶ what was said ─▶ lines of the log ─▶ it is known to wait, people are told ─▶ Cleared
//!        └── what fails before the log has its lines ends here: what was sealed is destroyed
//! ```
//!
//! The log alone says what waits. Where it has the lines, what they say holds, whatever else fails; where it has not, nothing
//! is left; where nobody can tell, the next start sees, and what they would spend is not used until then.
//!
//! Where nothing waits, what was said and the lines are written at the same time: a text whose message does not cross can only
//! deny more.

use std::sync::Arc;
use std::time::Instant;

use ruma_common::CanonicalJsonObject;
use sluice_policy::dlp::Part;

use crate::audit::entry::{AnswerEntry, Counts, Entry, Face as AuditFace, HeldEntry, RequestEntry};
use crate::audit::{Audit, AuditError};
use crate::exchange::{Exchange, Face, Way};
use crate::hold::{Candidate, HOLD_FAILED, HOLD_REFUSED, Holds, Sealed, Spending};
use crate::judge::{Judged, Outcome};
use crate::refusal::Refusal;
use crate::route::UnitKind;
use crate::tell::{Notice, Teller};
use crate::wait::Waits;
use crate::window::{Speaker, Windows};

#[cfg(test)]
mod tests;

/// A judged and durably recorded body.
#[derive(Debug)]
pub struct Cleared {
    fields: CanonicalJsonObject,
    outcomes: Vec<Outcome>,
}

impl Cleared {
    /// The checked envelope fields.
    #[must_use]
    pub const fn fields(&self) -> &CanonicalJsonObject {
        &self.fields
    }

    /// What became of each unit, in order.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Whether there were units and none may cross.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        !self.outcomes.is_empty() && self.outcomes.iter().all(|outcome| outcome.tree.is_none())
    }

    /// Gives the parts to `rebuild`.
    pub(super) fn into_parts(self) -> (CanonicalJsonObject, Vec<Outcome>) {
        (self.fields, self.outcomes)
    }
}

/// Sizes that only the transport knows.
#[derive(Debug, Clone, Copy)]
pub struct Measures {
    /// Bytes received.
    pub bytes: usize,
    /// Status of the answer; unused for requests.
    pub status: u16,
}

/// Where a judgement becomes durable.
#[derive(Debug, Clone)]
pub struct Durable {
    /// The audit log.
    pub audit: Arc<Audit>,
    /// What each sender said lately.
    pub windows: Arc<Windows>,
    /// What waits for a reviewer.
    pub holds: Arc<Holds>,
    /// What is acknowledged and sent later.
    pub waits: Arc<Waits>,
    /// Tells people of it.
    pub teller: Arc<Teller>,
    /// Until when it waits, milliseconds since 1970.
    pub held_until: i64,
}

/// Writes the lines of a judgement, what crosses of what was said, and what waits, and returns when all are durable.
///
/// # Errors
/// The judgement's own refusal (its lines are durable then), or [`Refusal`] where audit log or windows cannot be
/// written. What cannot be kept for a reviewer crosses in its redacted form all the same, and its line says why.
pub async fn record(
    durable: Durable,
    exchange: &Exchange,
    way: Way,
    judged: Judged,
    measures: Measures,
) -> Result<Cleared, Refusal> {
    let outcomes = judged.outcomes();
    let line = match way {
        Way::Request => Some(Entry::Request(request_line(exchange, outcomes, measures))),
        Way::Answer => {
            let mut totals = Totals::default();
            totals.add(outcomes);
            totals.line(exchange, measures)
        }
    };
    record_part(durable, judged, line).await
}

/// As [`record`], for a part of a body. `line` is what is told of the whole body, with its last part.
///
/// # Errors
/// See [`record`].
pub(crate) async fn record_part(
    durable: Durable,
    judged: Judged,
    line: Option<Entry>,
) -> Result<Cleared, Refusal> {
    // Whoever asked may go away at any moment. What is sealed must get its line or be destroyed, and a ticket stay in use until
    // it is spent, so this ends whether somebody waits for it or not.
    let recording = tokio::spawn(durable.all_of(judged, line));
    recording.await.unwrap_or_else(|_| {
        // What a defect says of itself may hold anything, and is not logged.
        let detail = "recording what was judged broke off; please report this";
        Err(Refusal::ourselves("gateway.record", detail))
    })
}

impl Durable {
    async fn all_of(self, judged: Judged, line: Option<Entry>) -> Result<Cleared, Refusal> {
        let (fields, outcomes, mut entries, refusal, spoken, reviews) = judged.into_parts();
        let taken = self.waits.take_over(&self.holds, reviews.laters).await?;
        entries.extend(taken.entries());
        let sealed = keep_held(&self, &mut entries, reviews.candidates, refusal.is_some()).await;
        if refusal.is_none() {
            entries.extend(line);
        }
        let released = match refusal {
            Some(_) => Vec::new(),
            None => spoken.released,
        };
        let notices = Notice::of(&entries, crate::gateway::now_ms());
        let waits = !(sealed.is_empty() && taken.is_empty());
        let spending = Spending::of(reviews.presented);
        let refusal = match self.write(entries, released, waits).await {
            Ok(()) => {
                spending.over();
                refusal
            }
            // The journal may still show as open what is spent, so nobody is told that this is over.
            Err(Unwritten::InLog(failure)) => Some(failure),
            Err(Unwritten::Perhaps(failure)) => return Err(failure),
            Err(Unwritten::Nowhere(failure)) => {
                spending.over();
                sealed.give_back();
                taken.give_back(&self.holds);
                return Err(failure);
            }
        };
        self.teller.tell(notices);
        sealed.recorded();
        taken.queue();
        // From here on it is kept, and others need not see it as pending.
        drop(spoken.visit);
        match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(Cleared { fields, outcomes }),
        }
    }

    /// Makes what was said durable, and the lines. A line that says that something waits cannot be taken back, so it comes last.
    async fn write(
        &self,
        entries: Vec<Entry>,
        released: Vec<(Speaker, Part)>,
        waits: bool,
    ) -> Result<(), Unwritten> {
        let said = keep(&self.windows, released);
        let lines = write(&self.audit, entries);
        if waits {
            said.await.map_err(Unwritten::Nowhere)?;
            return lines.await;
        }
        // Each to its end: what is given up half-way would be written all the same.
        let (said, lines) = tokio::join!(said, lines);
        lines.and(said.map_err(Unwritten::InLog))
    }
}

/// A step that failed.
#[derive(Debug)]
enum Unwritten {
    /// The log has the lines all the same.
    InLog(Refusal),
    /// The log may have them.
    Perhaps(Refusal),
    /// It has none.
    Nowhere(Refusal),
}

/// Keeps what should be reviewed and adds its lines; the line of an event that is not kept says why. What is.
async fn keep_held(
    durable: &Durable,
    entries: &mut Vec<Entry>,
    candidates: Vec<Candidate>,
    refused: bool,
) -> Sealed {
    let mut sealed = Sealed::none(Arc::clone(&durable.holds));
    if candidates.is_empty() {
        return sealed;
    }
    let places: Vec<usize> = candidates.iter().map(|candidate| candidate.entry).collect();
    let kept = if refused {
        none_kept(places, HOLD_REFUSED)
    } else {
        let (mut keeper, until) = (Sealed::none(Arc::clone(&durable.holds)), durable.held_until);
        let keeping = tokio::task::spawn_blocking(move || (keeper.keep(candidates, until), keeper));
        match keeping.await {
            Ok((kept, keeper)) => {
                sealed = keeper;
                kept
            }
            Err(_) => none_kept(places, HOLD_FAILED),
        }
    };
    for (place, kept) in kept {
        match (kept, entries.get_mut(place)) {
            (Ok(line), _) => entries.push(Entry::Held(line)),
            (Err(why), Some(Entry::Event(event))) => event.reason = Some(why.into()),
            (Err(_), _) => {}
        }
    }
    sealed
}

type Kept = Vec<(usize, Result<HeldEntry, &'static str>)>;

fn none_kept(places: Vec<usize>, why: &'static str) -> Kept {
    places.into_iter().map(|place| (place, Err(why))).collect()
}

async fn write(audit: &Audit, entries: Vec<Entry>) -> Result<(), Unwritten> {
    if entries.is_empty() {
        return Ok(());
    }
    let written = audit.record(entries).await.map(drop);
    written.map_err(|error| {
        let refusal = Refusal::from(&error);
        match error {
            AuditError::Unapplied(_) => Unwritten::InLog(refusal),
            AuditError::Stopped => Unwritten::Perhaps(refusal),
            _ => Unwritten::Nowhere(refusal),
        }
    })
}

async fn keep(windows: &Windows, released: Vec<(Speaker, Part)>) -> Result<(), Refusal> {
    let kept = windows.append(released, Instant::now()).await;
    kept.map_err(|error| Refusal::ourselves("gateway.windows", error.to_string()))
}

fn request_line(exchange: &Exchange, outcomes: &[Outcome], measures: Measures) -> RequestEntry {
    let edus = outcomes
        .iter()
        .filter(|outcome| outcome.kind == UnitKind::Edu && outcome.tree.is_some())
        .count();
    let spent = !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.tree.is_none());
    RequestEntry {
        pdus: count_pdus(outcomes),
        edus_released: u32::try_from(edus).unwrap_or(u32::MAX),
        bytes: measures.bytes as u64,
        own: spent,
        ..heading(exchange)
    }
}

/// The request line before anything is known of its body.
pub(crate) fn heading(exchange: &Exchange) -> RequestEntry {
    let endpoint = exchange.route.endpoint;
    RequestEntry {
        request: exchange.reference.as_str().into(),
        face: audit_face(exchange.face),
        link: exchange.link(Way::Request).as_str().into(),
        op: endpoint.op.as_str().into(),
        method: endpoint.method.into(),
        path: endpoint.path.into(),
        room_id: exchange.route.room_id().map(Into::into),
        event_id: exchange.route.params.get("event").map(Into::into),
        origin: exchange.origin().into(),
        destination: exchange.destination().into(),
        peer: Some(exchange.peer.zone().into()),
        ..RequestEntry::default()
    }
}

/// What became of the units of an answer, in all its parts.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pdus: Counts,
    units: Counts,
    any: bool,
}

impl Totals {
    /// Counts a part.
    pub(crate) fn add(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.any = true;
            match outcome.kind {
                UnitKind::Pdu => self.pdus.add(outcome.verdict),
                _ => self.units.add(outcome.verdict),
            }
        }
    }

    /// The answer's line; none for an answer without units.
    pub(crate) fn line(&self, exchange: &Exchange, measures: Measures) -> Option<Entry> {
        let line = AnswerEntry {
            request: exchange.reference.as_str().into(),
            link: exchange.link(Way::Answer).as_str().into(),
            op: exchange.route.endpoint.op.as_str().into(),
            status: measures.status,
            pdus: self.pdus,
            units: self.units,
            bytes: measures.bytes as u64,
        };
        self.any.then_some(Entry::Answer(line))
    }
}

fn count_pdus(outcomes: &[Outcome]) -> Counts {
    let mut totals = Totals::default();
    totals.add(outcomes);
    totals.pdus
}

/// The face in the audit record's words.
pub(crate) const fn audit_face(face: Face) -> AuditFace {
    match face {
        Face::Inside => AuditFace::Inside,
        Face::Border => AuditFace::Border,
    }
}
