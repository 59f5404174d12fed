//! Answers that may be larger than memory: the state of a room, and what answers a join.
//!
//! ```text
//! pass one   far side ─▶ intake: scan, count, note what tells of the room ─▶ spool (as received)
//! judgement  spool ─▶ batch ─▶ collect ─ judge ─ record (durable) ─▶ spool (cleared)        batch after batch
//! pass two   spool (cleared) ─▶ the asker, with its length
//! ```
//!
//! An operator who closes the link ends each of the three where it is: no more is read, judged or written.
//!
//! Nothing is judged before the whole body has come and its envelope is sound, and nothing is written before the last
//! batch is judged and its lines are durable. So what a late element tells (the room's version and label, a third server's
//! member, an event that closes the room) counts for all of them, and a fault anywhere refuses the whole.
//!
//! While a batch is judged the next one is parsed and the one before it is put aside, so that no core waits for another.
//!
//! Memory is bounded by three batches, a unit and some frames of a [`spool`], whatever the length of the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sluice_policy::pdu::RoomVersion;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use crate::collect::{Case, Collector, Told};
use crate::exchange::{Exchange, Way};
use crate::gateway::{Active, Gateway};
use crate::links::Closed;
use crate::parse::Unit;
use crate::rebuild;
use crate::record::{self, Totals};
use crate::refusal::{Blame, Refusal};
use crate::relay::{ANSWER_DEADLINE, Reply};

mod beside;
mod body;
mod cleared;
pub mod intake;
pub mod spool;

use beside::Beside;
pub(crate) use body::Part;
pub use body::Spooled;
pub(crate) use cleared::ClearedSpool;
use intake::{Taken, Units, broken_spool};
use spool::Spools;

/// Events in one answer at most.
pub const MAX_EVENTS: usize = 100_000;
/// Events judged together at most.
pub const BATCH_EVENTS: usize = 256;
/// What the trees of the events judged together may weigh at most, in bytes; a single event may weigh more.
pub const BATCH_WEIGHT: usize = 2 * 1024 * 1024;
/// Answers on the disk that are judged at the same time at most.
pub const JUDGED_AT_ONCE: usize = 2;
/// And those of one peer.
pub const JUDGED_AT_ONCE_OF_A_PEER: usize = 1;
/// How long such an answer waits for its turn.
pub const TURN_DEADLINE: Duration = Duration::from_secs(30);
/// How long the judgement of one answer may take: nobody waits longer for it to begin.
pub const JUDGE_DEADLINE: Duration = ANSWER_DEADLINE;
/// Rule of a large answer that is one too many at this moment.
const TOO_MANY_ANSWERS: &str = "protocol.overload.answers";
/// What the trees of those events of one answer may weigh, in bytes, that others of it relate to.
const POOL_WEIGHT: usize = 2 * 1024 * 1024;

/// What all large answers of a gateway share. One peer has one turn at a time and half of the disk, whatever it asks for and
/// however slowly it answers or reads, so that the next is served meanwhile.
#[derive(Debug)]
pub(crate) struct Streams {
    spools: Spools,
    turns: Semaphore,
    patience: Duration,
    /// By zone; only those of peer records and our own come here.
    shares: Mutex<BTreeMap<String, Arc<Share>>>,
}

/// What one peer has of it.
#[derive(Debug)]
struct Share {
    spools: Spools,
    turn: Semaphore,
}

/// One turn of all, and that of its peer.
type Turn<'a> = (SemaphorePermit<'a>, SemaphorePermit<'a>);

impl Streams {
    /// With spools in the folder of this file of the gateway's state.
    pub(crate) fn beside(journal: &std::path::Path) -> Self {
        let folder = journal.parent().unwrap_or_else(|| ".".as_ref());
        Self {
            spools: Spools::new(folder.to_owned()),
            turns: Semaphore::new(JUDGED_AT_ONCE),
            patience: TURN_DEADLINE,
            shares: Mutex::default(),
        }
    }

    /// What the peer of this zone has.
    fn share(&self, zone: &str) -> Arc<Share> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Share {
                spools: self.spools.of_a_peer(),
                turn: Semaphore::new(JUDGED_AT_ONCE_OF_A_PEER),
            })
        };
        Arc::clone(shares.entry(zone.to_owned()).or_insert_with(new))
    }

    /// A turn for a large answer, first among those of its peer; a small one is judged at once.
    async fn turn<'a>(
        &'a self,
        share: &'a Share,
        is_large: bool,
    ) -> Result<Option<Turn<'a>>, Refusal> {
        if !is_large {
            return Ok(None);
        }
        let both = async {
            let theirs = share.turn.acquire().await?;
            Ok::<_, AcquireError>((self.turns.acquire().await?, theirs))
        };
        match tokio::time::timeout(self.patience, both).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            _ => Err(Refusal::new(
                TOO_MANY_ANSWERS,
                Blame::TooMany,
                "too many large answers are being judged; the homeserver asks again later",
            )),
        }
    }
}

impl Gateway {
    /// parse, collect, judge, record and rebuild of an answer, batch after batch.
    ///
    /// # Errors
    /// [`Refusal`] of the whole; then nothing of it was or will be written to the asker.
    pub(crate) async fn judge_stream(
        &self,
        active: &Active,
        exchange: &Exchange,
        reply: Reply,
    ) -> Result<Spooled, Refusal> {
        let status = reply.status();
        let shape = &exchange.route.endpoint.response;
        let pieces = reply.pieces(shape.limit);
        let pieces = pieces.map_err(|error| crate::asks::far_side(&error))?;
        let share = self.streams.share(exchange.peer.zone());
        let mut taken = intake::take(&share.spools, shape, pieces).await?;
        let _turn = self.streams.turn(&share, taken.is_large()).await?;
        let started = Instant::now();
        let way = Way::Answer;
        let told = Told {
            fields: &taken.fields,
            telling: &taken.facts.telling,
            encrypted: taken.facts.encrypted,
        };
        let mut collector = Collector::begin(self, active, exchange, way, &told).await?;
        let gate = active.links.gate(exchange.peer.zone());
        let go_on = || {
            if gate.is_closed() {
                return Err(Closed.into());
            }
            in_time(started.elapsed())
        };
        let pool = pool(&mut collector, exchange, &mut taken, &go_on).await?;
        let mut next = read(taken.units);
        let empty = ClearedSpool::new(&share.spools, shape);
        let mut filled = Beside::begin(|| Ok(empty));
        let mut totals = Totals::default();
        let measures = record::Measures {
            bytes: taken.bytes,
            status,
        };
        loop {
            go_on()?;
            let (units, rest) = next.done().await?;
            let last = rest.is_empty();
            next = read(rest);
            let mut collected = collector.batch(units, &pool).await?;
            if last {
                collected.fields = std::mem::take(&mut taken.fields);
            } else {
                // Refused when all of it is recorded, so that it is known the next time.
                collected.encrypted = false;
            }
            let judged = self.judge(active, exchange, way, collected, true)?;
            totals.add(judged.outcomes());
            let line = last.then(|| totals.line(exchange, measures)).flatten();
            let part = self.record_part(active, exchange, judged, line).await?;
            let mut cleared = filled.done().await?;
            filled = Beside::begin(move || cleared.add(part).map(|()| cleared));
            if last {
                let cleared = filled.done().await?;
                return Ok(rebuild::streamed(active, exchange, cleared).under(gate));
            }
        }
    }
}

/// Begins to read the next batch; with it come the units behind it.
fn read(mut units: Units) -> Beside<(Vec<Unit>, Units)> {
    Beside::begin(move || Ok((units.batch()?, units)))
}

/// Whether what was spent on an answer is not too much.
fn in_time(spent: Duration) -> Result<(), Refusal> {
    if spent <= JUDGE_DEADLINE {
        return Ok(());
    }
    let detail = format!("the answer takes longer than {JUDGE_DEADLINE:?} to judge");
    Err(Refusal::new(
        "protocol.answer_deadline",
        Blame::FarSide,
        detail,
    ))
}

/// The events that others of the same answer relate to, wherever they stand in it: a label hangs on them.
async fn pool(
    collector: &mut Collector<'_>,
    exchange: &Exchange,
    taken: &mut Taken,
    go_on: &(dyn Fn() -> Result<(), Refusal> + Sync),
) -> Result<Vec<Case>, Refusal> {
    let version = collector.version(exchange.route.room_id().unwrap_or_default());
    let Some(version) = version.filter(|_| collector.looks_for_targets()) else {
        return Ok(Vec::new());
    };
    if taken.facts.targets.is_empty() {
        return Ok(Vec::new());
    }
    let units = tokio::task::block_in_place(|| targets(taken, version, go_on))?;
    collector.pool(units).await
}

fn targets(
    taken: &mut Taken,
    version: RoomVersion,
    go_on: &(dyn Fn() -> Result<(), Refusal> + Sync),
) -> Result<Vec<Unit>, Refusal> {
    let (mut found, mut pooled) = (Vec::new(), 0);
    while !taken.units.is_empty() {
        go_on()?;
        for unit in taken.units.batch().map_err(|error| broken_spool(&error))? {
            let weight = intake::is_target(&unit, version, &taken.facts);
            pooled += weight.unwrap_or(0);
            // What does not fit is unknown to the events that relate to it, which denies them.
            if weight.is_some() && pooled <= POOL_WEIGHT {
                found.push(unit);
            }
        }
    }
    taken.units.rewind();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;

    #[tokio::test]
    async fn one_peers_large_answers_are_judged_one_after_another_and_anothers_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let mut streams = Streams::beside(&folder.path().join("journal.db"));
        streams.patience = Duration::from_millis(50);
        let (low, third) = (streams.share("low"), streams.share("third"));
        let first = streams.turn(&low, true).await.unwrap();
        // bob's next one waits, and takes no turn from carol's.
        let next = streams.turn(&low, true);
        let meanwhile = async {
            let hers = streams.turn(&third, true).await.unwrap();
            assert!(hers.is_some());
            let small = streams.turn(&low, false).await.unwrap();
            assert!(small.is_none(), "a small one is judged at once");
        };
        tokio::select! {
            biased;
            _ = next => panic!("low has its turn already"),
            () = meanwhile => {}
        }
        let late = streams.turn(&low, true).await;
        assert_eq!(late.map(drop).unwrap_err().rule, TOO_MANY_ANSWERS);
        drop(first);
        assert!(streams.turn(&low, true).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_turn_is_waited_for_so_long_and_whoever_stops_waiting_has_taken_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut streams = Streams::beside(&folder.path().join("journal.db"));
        assert_eq!(streams.patience, TURN_DEADLINE);
        streams.patience = Duration::from_millis(50);
        let shares = ["low", "third", "mid"].map(|zone| streams.share(zone));
        // As many as there are turns; mid, which has none yet, waits in vain.
        let low = streams.turn(&shares[0], true).await.unwrap();
        let third = streams.turn(&shares[1], true).await.unwrap();
        let start = Instant::now();
        let late = streams.turn(&shares[2], true).await;
        assert_eq!(late.map(drop).unwrap_err().rule, TOO_MANY_ANSWERS);
        assert!(start.elapsed() >= streams.patience);
        // Its own turn was not lost by that, nor by asker after asker who goes away.
        for _ in 0..3 {
            let gone =
                tokio::time::timeout(Duration::from_millis(1), streams.turn(&shares[2], true));
            assert!(gone.await.is_err());
        }
        drop((low, third));
        assert!(streams.turn(&shares[2], true).await.unwrap().is_some());
    }

    #[test]
    fn a_judgement_ends_when_nobody_waits_for_it() {
        assert_eq!(in_time(JUDGE_DEADLINE), Ok(()));
        let late = in_time(JUDGE_DEADLINE + Duration::from_millis(1));
        assert_eq!(late.unwrap_err().rule, "protocol.answer_deadline");
    }
}
