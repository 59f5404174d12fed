//! One token bucket: it holds a minute's number of tokens and fills evenly. Own code, because it is these thirty lines;
//! a crate would bring a clock of its own.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(per_minute: u32, now: Instant) -> Self {
        Self {
            tokens: f64::from(per_minute),
            at: now,
        }
    }

    /// Takes a token; where there is none, says how long one takes to come.
    pub(super) fn spend(&mut self, per_minute: u32, now: Instant) -> Result<(), Duration> {
        self.fill(per_minute, now);
        if self.tokens < 1.0 {
            return Err(self.wait_for(1.0, per_minute));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Takes a token, also one that is still to come, and then says how long to wait for it. The debt is a minute's number
    /// at most, so that a flood does not hold back what comes long after it.
    pub(super) fn spend_ahead(&mut self, per_minute: u32, now: Instant) -> Result<(), Duration> {
        self.fill(per_minute, now);
        self.tokens = (self.tokens - 1.0).max(-f64::from(per_minute));
        match self.tokens < 0.0 {
            true => Err(self.wait_for(0.0, per_minute)),
            false => Ok(()),
        }
    }

    fn fill(&mut self, per_minute: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let come = f64::from(per_minute) * passed.as_secs_f64() / MINUTE.as_secs_f64();
        self.tokens = (self.tokens + come).min(f64::from(per_minute));
        self.at = self.at.max(now);
    }

    fn wait_for(&self, tokens: f64, per_minute: u32) -> Duration {
        let missing = (tokens - self.tokens) / f64::from(per_minute.max(1));
        MINUTE.mul_f64(missing.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_number_passes_at_once_and_then_as_many_as_come() {
        let start = Instant::now();
        let mut bucket = Bucket::full(60, start);
        assert!((0..60).all(|_| bucket.spend(60, start).is_ok()));
        assert_eq!(bucket.spend(60, start), Err(Duration::from_secs(1)));
        let later = start + Duration::from_secs(3);
        assert!((0..3).all(|_| bucket.spend(60, later).is_ok()));
        assert!(bucket.spend(60, later).is_err());
        let much_later = start + Duration::from_secs(3600);
        assert!((0..60).all(|_| bucket.spend(60, much_later).is_ok()));
        assert!(bucket.spend(60, much_later).is_err());
        assert!(
            bucket.spend(60, start).is_err(),
            "an earlier moment fills nothing"
        );
    }

    #[test]
    fn what_is_slowed_waits_longer_and_longer_and_never_over_a_minute() {
        let start = Instant::now();
        let mut bucket = Bucket::full(2, start);
        assert!(bucket.spend_ahead(2, start).is_ok() && bucket.spend_ahead(2, start).is_ok());
        assert_eq!(bucket.spend_ahead(2, start), Err(Duration::from_secs(30)));
        for _ in 0..10 {
            assert_eq!(bucket.spend_ahead(2, start), Err(Duration::from_secs(60)));
        }
        let later = start + Duration::from_secs(120);
        assert!(bucket.spend_ahead(2, later).is_ok());
    }

    #[test]
    fn a_smaller_limit_counts_at_once() {
        let start = Instant::now();
        let mut bucket = Bucket::full(100, start);
        assert!((0..5).all(|_| bucket.spend(5, start).is_ok()));
        assert!(bucket.spend(5, start).is_err());
    }
}
