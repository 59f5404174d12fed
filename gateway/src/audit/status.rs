//! What the writer tells the other threads: its head, its count of durable writes, whether it fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{AuditError, Head};

/// Shared by the writer, which writes it, and [`super::Audit`].
#[derive(Debug)]
pub(super) struct Status {
    head: Mutex<Head>,
    failing: Mutex<Option<String>>,
    syncs: AtomicU64,
}

impl Status {
    pub fn new(head: Head) -> Self {
        Self {
            head: Mutex::new(head),
            failing: Mutex::new(None),
            syncs: AtomicU64::new(0),
        }
    }

    pub fn head(&self) -> Head {
        lock(&self.head).clone()
    }

    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    pub fn failing(&self) -> Option<String> {
        lock(&self.failing).clone()
    }

    pub fn synced(&self, head: &Head) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        lock(&self.head).clone_from(head);
    }

    /// Notes how the last batch went; true if that is news.
    pub fn note(&self, outcome: Result<(), &AuditError>) -> bool {
        let mut failing = lock(&self.failing);
        let before = failing.is_some();
        *failing = outcome.err().map(ToString::to_string);
        before != failing.is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
