//! How much of everything one peer may have: token buckets by kind of request, and a budget of what is under way.
//!
//! ```text
//!                 ┌ bucket of its kind empty ───────────▶ 403, `/send` waits instead (bucket.rs)
//! a request ──▶ ──┤ budget of the peer or of all full ──▶ shed by kind: history first, transactions last (budget.rs)
//!                 └ Place, held until its answer is made
//! ```
//!
//! A lane is a peer and a face: what floods in from a peer takes nothing from what our homeservers send there, and a peer
//! that hangs takes nothing from another. Time comes in as a parameter.

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

/// Longest that a transaction waits for its bucket: far below the 60 s after which a homeserver gives up.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

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
    /// Pulls of a room's history.
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
            Op::Backfill => Self::Backfill,
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

type LaneKey = (String, bool);

/// The buckets and the budget. The lanes are those of peer records, so they are bounded by them.
#[derive(Debug, Default)]
pub struct Traffic {
    buckets: Mutex<BTreeMap<(LaneKey, Kind), Bucket>>,
    budget: Arc<Mutex<Budget>>,
}

impl Traffic {
    /// Takes a request in, of a body of `bytes`: it holds its [`Place`] until its answer is made. What it must wait for
    /// first is the second value.
    ///
    /// # Errors
    /// [`Refusal`]: the bucket of its kind is empty (403), or it is shed.
    pub fn admit(
        &self,
        limits: &Limits,
        exchange: &Exchange,
        bytes: u64,
        now: Instant,
    ) -> Result<(Place, Duration), Refusal> {
        let op = exchange.route.endpoint.op;
        let lane = lane(exchange);
        let place = Budget::take(&self.budget, limits, &lane, bytes, Shed::of(op));
        let place = place.map_err(|full| overloaded(exchange, full))?;
        let Some(kind) = Kind::of(op) else {
            return Ok((place, Duration::ZERO));
        };
        match self.spend(limits, lane, kind, now) {
            Ok(()) => Ok((place, Duration::ZERO)),
            Err(wait) if kind == Kind::Send => Ok((place, wait.min(LONGEST_WAIT))),
            Err(_) => Err(too_many(kind)),
        }
    }

    /// Whether one more EDU to devices may pass.
    pub fn to_device(&self, limits: &Limits, exchange: &Exchange, now: Instant) -> bool {
        self.spend(limits, lane(exchange), Kind::ToDevice, now)
            .is_ok()
    }

    /// Whether there is so much under way that EDUs which only tell of the moment are left behind.
    pub fn sheds_edus(&self, limits: &Limits, exchange: &Exchange) -> bool {
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget
            .fullness(limits, &lane(exchange), 0)
            .is_over(Shed::Edus)
    }

    fn spend(
        &self,
        limits: &Limits,
        lane: LaneKey,
        kind: Kind,
        now: Instant,
    ) -> Result<(), Duration> {
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

fn lane(exchange: &Exchange) -> LaneKey {
    (
        exchange.peer.zone().to_owned(),
        exchange.face == Face::Inside,
    )
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
