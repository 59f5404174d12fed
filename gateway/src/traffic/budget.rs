//! What is under way: requests and the bytes of their bodies, of each lane and of all. As it fills, kind after kind is shed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::{Lane, Limits, Shed};

/// Where something is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The lane of one peer.
    Peer,
    /// The gateway.
    All,
}

#[derive(Debug, Default, Clone, Copy)]
struct Load {
    requests: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Budget {
    taken: Mutex<Taken>,
    /// Told whenever a place falls free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: Load,
    lanes: BTreeMap<Lane, Load>,
}

/// How full lane and gateway are, in eighths, rounded down; 8 or more is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fullness {
    peer: u64,
    all: u64,
}

/// One request's share, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    budget: Arc<Budget>,
    lane: Lane,
    bytes: u64,
}

impl Shed {
    /// So many eighths may be full before a kind is shed: a hanging peer leaves half of its lane to transactions.
    const fn threshold(self) -> u64 {
        match self {
            Self::History => 4,
            Self::State => 6,
            Self::Edus => 7,
            Self::Last => 8,
        }
    }
}

impl Load {
    /// With `bytes` more. A lone body larger than the budget still passes: its own limit is in the endpoint table.
    fn eighths(self, bytes: u64, most: Self) -> u64 {
        let of = |has: u64, most: u64| has.saturating_mul(8) / most.max(1);
        let with = if self.requests == 0 {
            0
        } else {
            self.bytes.saturating_add(bytes)
        };
        of(self.requests, most.requests).max(of(with, most.bytes))
    }
}

impl Fullness {
    pub(super) const fn is_over(self, shed: Shed) -> bool {
        self.peer >= shed.threshold() || self.all >= shed.threshold()
    }
}

impl Budget {
    pub(super) fn fullness(&self, limits: &Limits, lane: &Lane, bytes: u64) -> Fullness {
        self.lock().fullness(limits, lane, bytes)
    }

    /// A place in the budget, where its kind is not shed.
    pub(super) fn take(
        self: &Arc<Self>,
        limits: &Limits,
        lane: &Lane,
        bytes: u64,
        shed: Shed,
    ) -> Result<Place, Room> {
        let mut taken = self.lock();
        let full = taken.fullness(limits, lane, bytes);
        if full.peer >= shed.threshold() {
            return Err(Room::Peer);
        }
        if full.all >= shed.threshold() {
            return Err(Room::All);
        }
        taken.all.requests += 1;
        taken.all.bytes += bytes;
        let load = taken.lanes.entry(lane.clone()).or_default();
        load.requests += 1;
        load.bytes += bytes;
        drop(taken);
        Ok(Place {
            budget: Arc::clone(self),
            lane: lane.clone(),
            bytes,
        })
    }

    /// Done when a place falls free from now on.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn fullness(&self, limits: &Limits, lane: &Lane, bytes: u64) -> Fullness {
        let load = self.lanes.get(lane).copied().unwrap_or_default();
        let peer = Load {
            requests: limits.peer_requests.into(),
            bytes: limits.peer_bytes,
        };
        let all = Load {
            requests: limits.requests.into(),
            bytes: limits.bytes,
        };
        Fullness {
            peer: load.eighths(bytes, peer),
            all: self.all.eighths(bytes, all),
        }
    }

    fn give_back(&mut self, lane: &Lane, bytes: u64) {
        self.all.requests -= 1;
        self.all.bytes -= bytes;
        let Some(load) = self.lanes.get_mut(lane) else {
            return;
        };
        load.requests -= 1;
        load.bytes -= bytes;
        if load.requests == 0 {
            self.lanes.remove(lane);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.budget.lock().give_back(&self.lane, self.bytes);
        // All of them: the first may be of a lane that is full still.
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests state what must hold")]

    use super::super::DEFAULT_LIMITS;
    use super::*;

    const LIMITS: Limits = Limits {
        peer_requests: 8,
        requests: 16,
        peer_bytes: 800,
        bytes: 1600,
        ..DEFAULT_LIMITS
    };

    fn peer(zone: &str, inside: bool) -> Lane {
        Lane::Peer(zone.to_owned(), inside)
    }

    fn low() -> Lane {
        peer("low", true)
    }

    #[test]
    fn history_goes_first_then_state_and_transactions_last() {
        let budget: Arc<Budget> = Arc::default();
        let mut held = Vec::new();
        let mut shed = |kind| Budget::take(&budget, &LIMITS, &low(), 0, kind).is_err();
        let mut order = Vec::new();
        for _ in 0..8 {
            order.push([Shed::History, Shed::State, Shed::Edus, Shed::Last].map(&mut shed));
            held.push(Budget::take(&budget, &LIMITS, &low(), 0, Shed::Last).unwrap());
        }
        let none = [false; 4];
        let (some, more) = ([true, false, false, false], [true, true, false, false]);
        let most = [true, true, true, false];
        assert_eq!(order, [none, none, none, none, some, some, more, most]);
        let full = Budget::take(&budget, &LIMITS, &low(), 0, Shed::Last);
        assert_eq!(full.err(), Some(Room::Peer));
        drop(held);
        assert!(Budget::take(&budget, &LIMITS, &low(), 0, Shed::History).is_ok());
    }

    #[test]
    fn a_full_lane_leaves_the_others_room_until_all_is_full() {
        let budget: Arc<Budget> = Arc::default();
        let fill = |lane: Lane| -> Vec<Place> {
            (0..8)
                .map(|_| Budget::take(&budget, &LIMITS, &lane, 0, Shed::Last).unwrap())
                .collect()
        };
        let _hangs = fill(low());
        let other = peer("low", false);
        assert!(Budget::take(&budget, &LIMITS, &other, 0, Shed::Last).is_ok());
        let _also = fill(other);
        let mid = peer("mid", true);
        let full = Budget::take(&budget, &LIMITS, &mid, 0, Shed::Last);
        assert_eq!(full.err(), Some(Room::All));
    }

    #[test]
    fn bytes_count_as_requests_do_and_a_lone_body_passes() {
        let budget: Arc<Budget> = Arc::default();
        let one = Budget::take(&budget, &LIMITS, &low(), 5000, Shed::History).unwrap();
        assert!(Budget::take(&budget, &LIMITS, &low(), 1, Shed::Last).is_err());
        drop(one);
        let _half = Budget::take(&budget, &LIMITS, &low(), 400, Shed::History).unwrap();
        assert!(Budget::take(&budget, &LIMITS, &low(), 0, Shed::History).is_err());
        assert!(Budget::take(&budget, &LIMITS, &low(), 300, Shed::Last).is_ok());
    }

    #[tokio::test]
    async fn who_listened_before_a_place_fell_free_hears_of_it() {
        let budget: Arc<Budget> = Arc::default();
        let place = budget.take(&LIMITS, &low(), 0, Shed::Last).unwrap();
        let freed = budget.freed();
        drop(place);
        freed.await;
    }
}
