//! How much of everything one peer may have: token buckets by kind of request, and a budget of what is under way.
//!
//! ```text
//! a request ──────▶ ──┬ budget of the peer or of all full ──▶ shed by kind: history first (budget.rs)
//!                     ├ bucket of its kind empty ───────────▶ 403 (bucket.rs)
//!                     └ Place, held until its answer is made
//! a transaction ──▶ queue ──▶ waits for its token ──▶ waits for its place ──▶ Place
//! ```
//!
//! What waits in the queue holds its connection and its head: no place, and no byte of its body. So a peer that sends too
//! many transactions takes none of its own places either.
//!
//! A lane is a peer and a face: what floods in from a peer takes nothing from what our homeservers send there, and a peer
//! that hangs takes nothing from another. Each homeserver of our own zone has one of its own towards the others, and no
//! buckets: nothing there is a peer's. Time comes in as a parameter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::exchange::{Exchange, Face};
use crate::refusal::{Blame, Refusal};
use crate::route::Op;

mod bucket;
mod budget;

use bucket::Bucket;
pub use budget::Place;
use budget::{Budget, Room};

/// Longest that a transaction waits for its token, and then for its place: together far below the 60 s after which a
/// homeserver gives up.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Transactions of one lane that wait, as many as connections of one address; and of all lanes. A homeserver has one under
/// way to a destination, so that only a peer that keeps to nothing is refused here.
pub const MAX_WAITING: u32 = 128;
/// See [`MAX_WAITING`].
pub const MAX_ALL_WAITING: u32 = 384;

/// What is counted in a bucket of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Invitations.
    Invites,
    /// Knocks, both requests of each.
    Knocks,
    /// Joins, both requests of each.
    Joins,
    /// Claims of one-time keys.
    KeyClaims,
    /// EDUs to devices.
    ToDevice,
    /// Pulls of a room's history and state.
    Backfill,
    /// Transactions, which wait and are not refused.
    Send,
}

/// What one peer may have in each direction, and what all may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Invitations a minute; the other numbers a minute likewise. A bucket holds one minute's number.
    pub invites: u32,
    /// See [`Kind::Knocks`].
    pub knocks: u32,
    /// See [`Kind::Joins`].
    pub joins: u32,
    /// See [`Kind::KeyClaims`].
    pub key_claims: u32,
    /// See [`Kind::ToDevice`].
    pub to_device: u32,
    /// See [`Kind::Backfill`].
    pub backfill: u32,
    /// See [`Kind::Send`].
    pub transactions: u32,
    /// Requests of one lane under way.
    pub peer_requests: u32,
    /// Bytes of their bodies.
    pub peer_bytes: u64,
    /// Requests of all lanes under way.
    pub requests: u32,
    /// Bytes of their bodies.
    pub bytes: u64,
}

const MIB: u64 = 1024 * 1024;

/// The limits where the configuration says nothing. A homeserver sends one transaction at a time to a destination, and
/// invites, joins and pulls because people do; each number is far above what that comes to.
pub const DEFAULT_LIMITS: Limits = Limits {
    invites: 600,
    knocks: 600,
    joins: 1200,
    key_claims: 1200,
    to_device: 6000,
    backfill: 1200,
    transactions: 180_000,
    peer_requests: 96,
    peer_bytes: 64 * MIB,
    requests: 512,
    bytes: 256 * MIB,
};

/// What may wait; it has no body yet.
const QUEUE: Limits = Limits {
    peer_requests: MAX_WAITING,
    requests: MAX_ALL_WAITING,
    ..DEFAULT_LIMITS
};

impl Default for Limits {
    fn default() -> Self {
        DEFAULT_LIMITS
    }
}

impl Limits {
    const fn per_minute(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Invites => self.invites,
            Kind::Knocks => self.knocks,
            Kind::Joins => self.joins,
            Kind::KeyClaims => self.key_claims,
            Kind::ToDevice => self.to_device,
            Kind::Backfill => self.backfill,
            Kind::Send => self.transactions,
        }
    }
}

impl Kind {
    const fn of(op: Op) -> Option<Self> {
        Some(match op {
            Op::Invite => Self::Invites,
            Op::MakeKnock | Op::SendKnock => Self::Knocks,
            Op::MakeJoin | Op::SendJoin => Self::Joins,
            Op::KeysClaim => Self::KeyClaims,
            Op::Backfill | Op::MissingEvents | Op::State | Op::EventAuth => Self::Backfill,
            Op::Send => Self::Send,
            _ => return None,
        })
    }

    /// The rule of what is refused or dropped where its bucket is empty.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Invites => "protocol.rate.invites",
            Self::Knocks => "protocol.rate.knocks",
            Self::Joins => "protocol.rate.joins",
            Self::KeyClaims => "protocol.rate.key_claims",
            Self::ToDevice => "protocol.rate.to_device",
            Self::Backfill => "protocol.rate.backfill",
            Self::Send => "protocol.rate.transactions",
        }
    }
}

/// In which order load is shed, the first first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shed {
    /// Pulls of history and look-ups: they are asked for again when somebody needs them.
    History,
    /// State, joins, invitations, keys.
    State,
    /// Typing, receipts and presence in a transaction.
    Edus,
    /// Transactions and leaves.
    Last,
}

impl Shed {
    const fn of(op: Op) -> Self {
        match op {
            Op::Send | Op::MakeLeave | Op::SendLeave => Self::Last,
            Op::Backfill
            | Op::MissingEvents
            | Op::Event
            | Op::TimestampToEvent
            | Op::Hierarchy
            | Op::PublicRooms
            | Op::PublicRoomsSearch
            | Op::QueryDirectory
            | Op::QueryProfile
            | Op::QueryOther
            | Op::MediaDownload
            | Op::MediaThumbnail => Self::History,
            _ => Self::State,
        }
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    /// A peer's zone, and whether our homeservers ask.
    Peer(String, bool),
    /// One of our own homeservers, that asks another.
    Own(String),
}

/// The buckets and the budget. The lanes are those of peer records and of our own homeservers, so they are bounded by them.
#[derive(Debug, Default)]
pub struct Traffic {
    buckets: Mutex<BTreeMap<(Lane, Kind), Bucket>>,
    budget: Arc<Budget>,
    queue: Arc<Budget>,
}

impl Traffic {
    /// Takes a request in, of a body of `bytes`: it holds its [`Place`] until its answer is made. The second value is how
    /// long it waited.
    ///
    /// # Errors
    /// [`Refusal`]: the bucket of its kind is empty (403), or it is shed. A transaction waits before it is.
    pub async fn admit(
        &self,
        limits: &Limits,
        exchange: &Exchange,
        bytes: u64,
        now: Instant,
    ) -> Result<(Place, Duration), Refusal> {
        let (op, lane) = (exchange.route.endpoint.op, lane(exchange));
        if op == Op::Send {
            return self.queued(limits, exchange, bytes, now).await;
        }
        let place = self.budget.take(limits, &lane, bytes, Shed::of(op));
        let place = place.map_err(|full| overloaded(exchange, full))?;
        if let Some(kind) = Kind::of(op) {
            self.spend(limits, lane, kind, now)
                .map_err(|_| too_many(kind))?;
        }
        Ok((place, Duration::ZERO))
    }

    /// A transaction's token comes before its place: what sleeps in a place would shed all that its peer sends else.
    async fn queued(
        &self,
        limits: &Limits,
        exchange: &Exchange,
        bytes: u64,
        now: Instant,
    ) -> Result<(Place, Duration), Refusal> {
        let lane = lane(exchange);
        let full = |full| overloaded(exchange, full);
        let token = self.spend(limits, lane.clone(), Kind::Send, now).err();
        let token = token.unwrap_or_default().min(LONGEST_WAIT);
        if token.is_zero()
            && let Ok(place) = self.budget.take(limits, &lane, bytes, Shed::Last)
        {
            return Ok((place, Duration::ZERO));
        }
        // Others' waiting keeps nobody out who need not wait.
        let _waits = self
            .queue
            .take(&QUEUE, &lane, 0, Shed::Last)
            .map_err(full)?;
        if token > Duration::ZERO {
            tokio::time::sleep(token).await;
        }
        let asked = tokio::time::Instant::now();
        let mut waited = token;
        loop {
            // Listening begins before the look, so that no place falls free between the two.
            let freed = self.budget.freed();
            let room = match self.budget.take(limits, &lane, bytes, Shed::Last) {
                Ok(place) => return Ok((place, waited)),
                Err(room) => room,
            };
            let in_time = tokio::time::timeout_at(asked + LONGEST_WAIT, freed).await;
            in_time.map_err(|_| full(room))?;
            waited = token + asked.elapsed();
        }
    }

    /// Whether one more EDU to devices may pass.
    pub fn to_device(&self, limits: &Limits, exchange: &Exchange, now: Instant) -> bool {
        self.spend(limits, lane(exchange), Kind::ToDevice, now)
            .is_ok()
    }

    /// Whether there is so much under way that EDUs which only tell of the moment are left behind.
    pub fn sheds_edus(&self, limits: &Limits, exchange: &Exchange) -> bool {
        self.budget
            .fullness(limits, &lane(exchange), 0)
            .is_over(Shed::Edus)
    }

    fn spend(&self, limits: &Limits, lane: Lane, kind: Kind, now: Instant) -> Result<(), Duration> {
        if matches!(lane, Lane::Own(_)) {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let per_minute = limits.per_minute(kind);
        let bucket = buckets
            .entry((lane, kind))
            .or_insert_with(|| Bucket::full(per_minute, now));
        match kind {
            Kind::Send => bucket.spend_ahead(per_minute, now),
            _ => bucket.spend(per_minute, now),
        }
    }
}

fn lane(exchange: &Exchange) -> Lane {
    match exchange.is_own_zone() {
        true => Lane::Own(exchange.origin().to_owned()),
        false => Lane::Peer(
            exchange.peer.zone().to_owned(),
            exchange.face == Face::Inside,
        ),
    }
}

fn too_many(kind: Kind) -> Refusal {
    let detail = "more requests of this kind than [limits] lets through";
    Refusal::new(kind.rule(), Blame::TooMany, detail)
}

/// 429 makes a homeserver silence the whole destination, so ours gets it for a transaction alone, which it must keep;
/// a peer's gateway knows what it means and tells its homeserver 403.
fn overloaded(exchange: &Exchange, full: Room) -> Refusal {
    let sends = exchange.route.endpoint.op == Op::Send;
    let blame = match exchange.face {
        Face::Inside if !sends => Blame::TooMany,
        _ => Blame::Overloaded,
    };
    let (rule, detail) = match full {
        Room::Peer => (
            "protocol.overload.peer",
            "too much of this peer is under way",
        ),
        Room::All => ("protocol.overload.gateway", "too much is under way"),
    };
    Refusal::new(rule, blame, detail)
}
