//! The joins of our own homeservers that are under way, and how long a request may wait for one.
//!
//! A room's other members speak as soon as the far homeserver has accepted a join; ours answers questions about the room
//! only when it has written the join down. What it answers between the two, 403 or 404, is "not yet" and must not become
//! a denial that is remembered for 400 days.
//!
//! Only what our own homeserver asked for stands here, so that a peer cannot make the gateway wait for a room of its
//! choice.

use std::collections::VecDeque;
use std::slice::Iter;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::exchange::{Exchange, Face};
use crate::route::Op;

/// Most joins that are kept; the oldest goes first, and costs no more than the wait for it.
pub(crate) const MAX_JOINS: usize = 1000;
/// How long after it was asked for, and again after it was answered, a join may still be under way.
pub(crate) const JOIN_LASTS: Duration = Duration::from_secs(60);
/// The pauses that one request may make, for all its rooms and events together: under 7 seconds, far below the 60 after
/// which a homeserver gives up.
static PAUSES: [Duration; 10] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
];

#[derive(Debug, PartialEq, Eq)]
struct Join {
    server: String,
    room_id: String,
    since: Instant,
}

impl Join {
    fn is(&self, server: &str, room_id: &str) -> bool {
        self.server == server && self.room_id == room_id
    }
}

/// The joins under way, oldest first. Held in memory alone: after a restart nothing is waited for.
#[derive(Debug, Default)]
pub(crate) struct Joins(Mutex<VecDeque<Join>>);

impl Joins {
    /// Keeps in mind that this exchange is a join of our own homeserver, if it is one.
    pub(crate) fn note(&self, exchange: &Exchange, now: Instant) {
        let joins = exchange.face == Face::Inside && exchange.route.endpoint.op == Op::SendJoin;
        if let (true, Some(room_id)) = (joins, exchange.route.room_id()) {
            self.begin(&exchange.local, room_id, now);
        }
    }

    fn begin(&self, server: &str, room_id: &str, now: Instant) {
        let mut joins = self.lock();
        joins.retain(|join| !join.is(server, room_id));
        if joins.len() >= MAX_JOINS {
            joins.pop_front();
        }
        joins.push_back(Join {
            server: server.to_owned(),
            room_id: room_id.to_owned(),
            since: now,
        });
    }

    /// The homeserver has answered for the room: it is in.
    pub(crate) fn end(&self, server: &str, room_id: &str) {
        self.lock().retain(|join| !join.is(server, room_id));
    }

    /// Whether the homeserver is joining the room.
    pub(crate) fn is_under_way(&self, server: &str, room_id: &str, now: Instant) -> bool {
        self.lock().iter().any(|join| {
            join.is(server, room_id) && now.saturating_duration_since(join.since) < JOIN_LASTS
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Join>> {
        // A panic while holding the lock cannot leave half a join: each is moved in whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one request may still wait.
#[derive(Debug)]
pub(crate) struct Patience(Iter<'static, Duration>);

impl Default for Patience {
    fn default() -> Self {
        Self(PAUSES.iter())
    }
}

impl Patience {
    /// Waits for the next pause; false where none is left.
    pub(crate) async fn pause(&mut self) -> bool {
        let Some(pause) = self.0.next() else {
            return false;
        };
        tokio::time::sleep(*pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_under_way_until_it_ends_or_its_time_is_over() {
        let (joins, start) = (Joins::default(), Instant::now());
        joins.begin("low.test", "!a", start);
        assert!(joins.is_under_way("low.test", "!a", start));
        assert!(!joins.is_under_way("low.test", "!b", start));
        assert!(!joins.is_under_way("other.test", "!a", start));
        assert!(!joins.is_under_way("low.test", "!a", start + JOIN_LASTS));
        let answered = start + Duration::from_secs(50);
        joins.begin("low.test", "!a", answered);
        assert!(joins.is_under_way("low.test", "!a", start + JOIN_LASTS));
        joins.end("low.test", "!a");
        assert!(!joins.is_under_way("low.test", "!a", answered));
    }

    #[test]
    fn the_oldest_joins_go_when_there_are_too_many() {
        let (joins, now) = (Joins::default(), Instant::now());
        for number in 0..=MAX_JOINS {
            joins.begin("low.test", &format!("!{number}"), now);
        }
        assert_eq!(joins.lock().len(), MAX_JOINS);
        assert!(!joins.is_under_way("low.test", "!0", now));
        assert!(joins.is_under_way("low.test", &format!("!{MAX_JOINS}"), now));
    }

    #[test]
    fn a_request_waits_a_few_seconds_at_most() {
        let total: Duration = PAUSES.iter().sum();
        assert!(total < Duration::from_secs(7), "{total:?}");
        assert!(PAUSES.is_sorted());
    }
}
