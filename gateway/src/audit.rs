//! The audit log: the tamper-evident record of every decision, and the gateway's write-ahead log.
//!
//! ```text
//! record ──▶ queue ──▶ [writer thread: all that waits → one write, one fdatasync → journal] ──▶ done
//!                          │
//!                          ▼
//!   audit-00000001.jsonl   line, line, line ... checkpoint      (signed; the next segment goes on from its hash)
//!   audit-00000002.jsonl   line, line ...
//! ```
//!
//! Invariant 6: nothing crosses before its lines are durable. [`Audit::record`] returns after the lines are on the disk and
//! in the journal. If either fails, `record` fails, and nothing crosses; it heals by itself when writing works again.
//! Where the log has lines that the journal has not, these hold already: [`Audit::caught_up`] stands before every judgement.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sluice_policy::keys::SigningKey;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

use crate::journal::{Journal, JournalError};
use entry::{Entry, StopEntry};
use segment::{Disk, RealDisk};
use status::Status;
use writer::Job;

pub use chain::Head;
pub use key::{AuditPublicKey, KeyError};
pub use scan::Fault;
pub use strangers::Strangers;

pub(crate) use chain::millis;
pub(crate) use text::hex as text_hex;

mod chain;
pub mod entry;
mod key;
mod open;
mod scan;
mod segment;
pub mod show;
mod status;
pub mod strangers;
#[cfg(test)]
mod tests;
mod text;
pub mod verify;
mod writer;

/// Entries of one call of [`Audit::record`] at most: more than the PDUs of the largest answer (32 MiB) can be.
pub const RECORD_ENTRIES: usize = 200_000;
/// Calls that wait for the writer at most; further ones wait in front of the queue.
pub const QUEUE: usize = 1024;
/// The size of a segment, if the configuration says nothing else: 64 MiB.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The clock. Tests bring their own.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// Told how long a durable write took, and of how many entries it was.
pub type Observer = Arc<dyn Fn(Duration, usize) + Send + Sync>;

/// Where the log is, and what it needs.
#[derive(Clone)]
pub struct AuditConfig {
    /// Directory of the segments; made if it is missing.
    pub dir: PathBuf,
    /// Signs the checkpoints.
    pub key: Arc<SigningKey>,
    /// A segment is closed once it has this size ([`SEGMENT_BYTES`]).
    pub segment_bytes: u64,
    /// Filled from the log.
    pub journal: Arc<Journal>,
    /// Gives the time of each line.
    pub clock: Clock,
    /// Told of each durable write.
    pub observe: Observer,
}

/// The open audit log. One a gateway; shared by all tasks.
pub struct Audit {
    queue: Option<mpsc::Sender<Job>>,
    status: Arc<Status>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Why nothing was recorded, or why the log does not open. Nothing may cross then (invariant 1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// Another gateway writes this log.
    #[error(
        "audit log {dir} is in use by another gateway: stop that one, or give this one a directory of its own"
    )]
    Locked {
        /// The log's directory.
        dir: String,
    },
    /// The journal has taken over lines that the log does not have.
    #[error(
        "audit log {dir} ends at line {log}, but the journal has taken over line {journal}: the log was cut; restore \
         it from a copy, or move log and journal away together, which forgets all denials"
    )]
    JournalAhead {
        /// The log's directory.
        dir: String,
        /// The journal's head.
        journal: u64,
        /// The last line of the log.
        log: u64,
    },
    /// A line that the journal has taken over is not the one in the log.
    #[error(
        "audit log {dir}: line {seq} is not the one that the journal took over: the log was changed, or belongs to \
         another journal; run `sluice audit verify {dir}` and restore it from a copy"
    )]
    HeadMismatch {
        /// The log's directory.
        dir: String,
        /// The journal's head.
        seq: u64,
    },
    /// The chain is broken.
    #[error(
        "audit log {dir} is damaged: {fault}; run `sluice audit verify {dir}` and restore it from a copy"
    )]
    Altered {
        /// The log's directory.
        dir: String,
        /// The first thing that is wrong.
        fault: Fault,
    },
    /// The disk does not do its part.
    #[error(
        "audit log {path}: {error}; make it writable and the disk not full; writing is tried again by itself"
    )]
    Io {
        /// Directory or file.
        path: String,
        /// What the system reported.
        error: String,
    },
    /// The journal does not do its part.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The lines are in the log, but the journal has not taken them over: it does so before anything else is written.
    #[error("recorded, but not in the journal yet: {0}")]
    Unapplied(JournalError),
    /// Nothing was given to be recorded: this must not become a proof.
    #[error("nothing to record")]
    Nothing,
    /// More than [`RECORD_ENTRIES`].
    #[error("{0} entries in one record, {RECORD_ENTRIES} are allowed")]
    TooMany(usize),
    /// The gateway is stopping, or its writer broke off.
    #[error("the audit log is closed: start the gateway again")]
    Stopped,
}

impl AuditError {
    /// What an operator is told where `what`: the log does not have what he asked for, or may have it where its writer broke
    /// off.
    pub(crate) fn without(&self, what: &str) -> String {
        match self {
            Self::Stopped => format!(
                "{what} yet, and nobody can tell whether it was recorded: {self}; if it was, it counts from then on"
            ),
            _ => format!("{what}, because it could not be recorded: {self}"),
        }
    }
}

impl Audit {
    /// Opens the log: locks it, checks it from the journal's head on, fills the journal with what it lacks, cuts the
    /// unfinished line that a crash has left, and starts the writer.
    ///
    /// # Errors
    /// [`AuditError`], with the remedy. The gateway must not run then.
    pub fn open(config: AuditConfig) -> Result<Self, AuditError> {
        Self::open_on(config, Box::new(RealDisk))
    }

    pub(crate) fn open_on(config: AuditConfig, disk: Box<dyn Disk>) -> Result<Self, AuditError> {
        let dir = config.dir.display().to_string();
        let (writer, status) = open::open(config, disk)?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(jobs))
            .map_err(|error| AuditError::Io {
                path: dir,
                error: error.to_string(),
            })?;
        Ok(Self {
            queue: Some(queue),
            status,
            thread: Some(thread),
        })
    }

    /// Records entries, in this order and without others between them. Returns when they are durable and the journal
    /// has taken them over, with the number of the last one. All calls that wait at the same time share one durable write.
    ///
    /// # Errors
    /// [`AuditError`]: nothing may be relayed. With [`AuditError::Unapplied`] the lines are in the log, which then says more
    /// than was done; with [`AuditError::Stopped`] they may be, and the next start sees; with any other they are not.
    pub async fn record(&self, entries: Vec<Entry>) -> Result<u64, AuditError> {
        if entries.is_empty() {
            return Err(AuditError::Nothing);
        }
        if entries.len() > RECORD_ENTRIES {
            return Err(AuditError::TooMany(entries.len()));
        }
        self.send(entries, false).await
    }

    /// As [`Audit::record`], for what holds by standing in the log: also where the journal has yet to take it over. That it
    /// does before anything else is written or judged ([`Audit::caught_up`]).
    ///
    /// # Errors
    /// [`AuditError`]: the log does not have the lines.
    pub async fn note(&self, entries: Vec<Entry>) -> Result<(), AuditError> {
        match self.record(entries).await {
            Ok(_) | Err(AuditError::Unapplied(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the journal has all that the log has; where writing has failed, it is tried again. Before anything is read of
    /// the journal by which something may cross: a closing or a denial that the log alone has counts like any other.
    ///
    /// # Errors
    /// [`AuditError`]: it has not, or nothing can be written.
    pub async fn caught_up(&self) -> Result<(), AuditError> {
        if self.failing().is_none() {
            return Ok(());
        }
        self.probe().await.map_err(|error| match error {
            // Of the line that says that writing goes on; nothing else was to be recorded.
            AuditError::Unapplied(error) => AuditError::Journal(error),
            error => error,
        })
    }

    /// Tries to write again if writing has failed; does nothing otherwise. For `/readyz`.
    ///
    /// # Errors
    /// [`AuditError`]: it still fails.
    pub async fn probe(&self) -> Result<(), AuditError> {
        self.send(Vec::new(), false).await.map(|_| ())
    }

    /// Writes the `stop` line and the closing checkpoint. Whatever is recorded later fails.
    ///
    /// # Errors
    /// [`AuditError`]: the log has no closing checkpoint; the next start will see a crash.
    pub async fn stop(&self, reason: &str) -> Result<Head, AuditError> {
        self.send(
            vec![Entry::Stop(StopEntry {
                reason: reason.into(),
            })],
            true,
        )
        .await?;
        Ok(self.head())
    }

    /// The last durable line.
    #[must_use]
    pub fn head(&self) -> Head {
        self.status.head()
    }

    /// Durable writes since the start: for the metrics, and to see the group commit at work.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.status.syncs()
    }

    /// Why nothing can be recorded at the moment; `None`: all is well.
    #[must_use]
    pub fn failing(&self) -> Option<String> {
        self.status.failing()
    }

    async fn send(&self, entries: Vec<Entry>, stop: bool) -> Result<u64, AuditError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(AuditError::Stopped)?;
        let job = Job {
            entries,
            stop,
            answer,
        };
        // Where nobody takes it, its answer is dropped with it.
        drop(queue.send(job).await);
        answered.await.unwrap_or_else(|_| {
            self.status.note(Err(&AuditError::Stopped));
            Err(AuditError::Stopped)
        })
    }
}

impl Drop for Audit {
    /// Waits until the writer has finished what was given to it, so that the directory's lock is free afterwards.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}
