//! The time of the windows: it begins at the clock on the wall and goes on by the monotonic one, so that a wrong answer of a
//! time server neither ends a window nor stops the gateway.
//!
//! What was written is dated by this time, also over a restart: how far the wall stands from it is kept beside the texts.

use std::time::Instant;

/// The clock on the wall may stray so far from the monotonic one before it is told as a jump, in milliseconds. A clock
/// that is slewed takes the other with it.
pub const JUMP_MS: i64 = 10_000;
/// How long a jump is told in health, in milliseconds.
pub const JUMP_TOLD_MS: i64 = 60_000;

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock on the wall, in milliseconds since 1970.
    pub wall_ms: i64,
    /// By the monotonic one.
    pub instant: Instant,
}

impl Now {
    /// This moment.
    #[must_use]
    pub fn read() -> Self {
        Self {
            wall_ms: crate::gateway::now_ms(),
            instant: Instant::now(),
        }
    }
}

/// A clock that jumped, for whoever looks after the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// How far, in milliseconds; below 0 where it was set back.
    pub by_ms: i64,
}

impl std::fmt::Display for Jump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = if self.by_ms < 0 { "back" } else { "forward" };
        write!(
            f,
            "the clock was set {way} by {} s, or the machine slept; what was said lately is still known; guard the time source",
            self.by_ms.unsigned_abs() / 1000
        )
    }
}

/// The time of the windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    start_ms: i64,
    /// How far the wall stands before this time.
    ahead_ms: i64,
    told: Option<(Jump, Instant)>,
}

impl Clock {
    /// Begins at a time, where the wall was known to stand `ahead_ms` before it.
    pub(super) fn new(start_ms: i64, ahead_ms: i64, now: Now) -> Self {
        let mut clock = Self {
            start: now.instant,
            start_ms,
            ahead_ms,
            told: None,
        };
        clock.look(now);
        clock
    }

    /// The time, in milliseconds since 1970 by the wall as it stood at the beginning.
    pub(super) fn time(&self, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.start).as_millis();
        self.start_ms
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// How far the wall stands before this time.
    pub(super) const fn ahead_ms(&self) -> i64 {
        self.ahead_ms
    }

    /// Looks at the wall, whether it has jumped since the last look.
    pub(super) fn look(&mut self, now: Now) {
        let ahead_ms = now.wall_ms.saturating_sub(self.time(now.instant));
        let by_ms = ahead_ms.saturating_sub(self.ahead_ms);
        if by_ms.saturating_abs() > JUMP_MS {
            self.ahead_ms = ahead_ms;
            self.told = Some((Jump { by_ms }, now.instant));
        }
    }

    /// The jump of the last minute.
    pub(super) fn jump(&self, at: Instant) -> Option<Jump> {
        let (jump, since) = self.told?;
        let passed = at.saturating_duration_since(since).as_millis();
        (passed < JUMP_TOLD_MS.unsigned_abs().into()).then_some(jump)
    }
}
