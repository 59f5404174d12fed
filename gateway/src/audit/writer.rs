//! The writer: one thread that makes everything that waits durable with one write.
//!
//! The chain moves on only after a successful sync: if anything fails, the next batch cuts the file back to what was
//! durable, says so in a `recovery` line, and starts there. Lines that are durable but not in the journal are applied
//! before anything else is written; so there is never more than one batch of them.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

use super::chain::{Head, Sealed, rfc3339, seal};
use super::entry::{Closing, Entry, Line, RecoveryCause, RecoveryEntry};
use super::key::checkpoint;
use super::segment::{Disk, Segment, file_name};
use super::status::Status;
use super::{AuditConfig, AuditError};
use crate::journal::JournalError;

/// Calls that are taken into one batch at most.
const BATCH_JOBS: usize = 1024;
/// Entries after which a batch takes no further call.
const BATCH_ENTRIES: usize = 20_000;

/// One call of [`super::Audit::record`].
pub(super) struct Job {
    pub entries: Vec<Entry>,
    /// The closing checkpoint follows, and the writer ends.
    pub stop: bool,
    /// Gets the number of the call's last line.
    pub answer: oneshot::Sender<Result<u64, AuditError>>,
}

/// Where the log goes on: number and durable bytes of the segment, and whether it is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub segment: u64,
    pub offset: u64,
    pub closed: bool,
}

pub(super) struct Writer {
    config: AuditConfig,
    disk: Box<dyn Disk>,
    status: Arc<Status>,
    head: Head,
    position: Position,
    /// `None`: to be opened at `position` (after the start, after a failure, after a segment was closed).
    segment: Option<Segment>,
    /// Durable lines that the journal has not taken over, and the head after them.
    unapplied: Option<(Vec<Line>, Head)>,
    failed_batches: u64,
    /// Held as long as the writer lives.
    _lock: File,
}

/// Lines of one batch on their way to the disk.
struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    head: Head,
}

impl Writer {
    pub fn new(
        config: AuditConfig,
        disk: Box<dyn Disk>,
        status: Arc<Status>,
        head: Head,
        position: Position,
        lock: File,
    ) -> Self {
        Self {
            config,
            disk,
            status,
            head,
            position,
            segment: None,
            unapplied: None,
            failed_batches: 0,
            _lock: lock,
        }
    }

    /// Writes until all senders are gone or a stop was written.
    pub fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let jobs = gather(first, &mut queue);
            if self.serve(jobs) {
                return;
            }
        }
    }

    /// Writes one batch and answers everybody in it; true if the log was closed.
    fn serve(&mut self, jobs: Vec<Job>) -> bool {
        let stop = jobs.iter().any(|job| job.stop);
        let (mut answers, mut entries) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            entries.extend(job.entries);
            answers.push((job.answer, entries.len()));
        }
        let (started, count) = (Instant::now(), entries.len());
        let outcome = self.commit(entries, stop);
        if outcome.is_ok() {
            (self.config.observe)(started.elapsed(), count);
        }
        self.note(outcome.as_ref().map(|_| ()));
        for (answer, count) in answers {
            // Whoever no longer waits has given up its request; the line stays.
            let _ = answer.send(outcome.clone().map(|before| before + count as u64));
        }
        stop && outcome.is_ok()
    }

    /// Makes the entries durable and applies them. Returns the number of the line before the first of them.
    pub fn commit(&mut self, entries: Vec<Entry>, stop: bool) -> Result<u64, AuditError> {
        let outcome = self.try_commit(entries, stop);
        if outcome.is_err() {
            self.segment = None;
            self.failed_batches = self.failed_batches.saturating_add(1);
        }
        outcome
    }

    fn try_commit(&mut self, entries: Vec<Entry>, stop: bool) -> Result<u64, AuditError> {
        self.apply()?;
        if entries.is_empty() && self.failed_batches == 0 {
            return Ok(self.head.seq);
        }
        if self.position.closed {
            self.position = Position {
                segment: self.position.segment + 1,
                offset: 0,
                closed: false,
            };
        }
        let mut segment = self.open_segment()?;
        let mut batch = Batch {
            bytes: Vec::new(),
            lines: Vec::new(),
            head: self.head.clone(),
        };
        if self.failed_batches > 0 {
            self.push(&mut batch, self.recovery())?;
        }
        let before = batch.head.seq;
        for entry in entries {
            self.push(&mut batch, entry)?;
        }
        let full = segment.synced + batch.bytes.len() as u64 >= self.config.segment_bytes;
        let closing = if stop {
            Some(Closing::Stop)
        } else {
            full.then_some(Closing::Full)
        };
        if let Some(closing) = closing {
            self.push_checkpoint(&mut batch, closing)?;
        }
        segment
            .append(self.disk.as_mut(), &batch.bytes)
            .map_err(|error| self.io(&error))?;
        self.durable(segment, batch, closing.is_some());
        self.apply().map_err(AuditError::Unapplied)?;
        if closing.is_some() {
            self.prune();
        }
        self.failed_batches = 0;
        Ok(before)
    }

    /// The batch is on the disk: from here on it is part of the log, whatever else fails.
    fn durable(&mut self, segment: Segment, batch: Batch, closed: bool) {
        self.head = batch.head;
        self.status.synced(&self.head);
        self.position = Position {
            segment: segment.number,
            offset: segment.synced,
            closed,
        };
        self.segment = (!closed).then_some(segment);
        self.unapplied = Some((batch.lines, self.head.clone()));
    }

    fn apply(&mut self) -> Result<(), JournalError> {
        if let Some((lines, head)) = &self.unapplied {
            self.config.journal.apply(lines, head)?;
            self.unapplied = None;
        }
        Ok(())
    }

    /// Once a segment. The lines are durable and applied already; what is not forgotten now is forgotten later.
    fn prune(&self) {
        if let Err(error) = self.config.journal.prune((self.config.clock)()) {
            tracing::warn!(%error, "old denials and labels were not pruned; it is tried again with the next segment");
        }
    }

    fn open_segment(&mut self) -> Result<Segment, AuditError> {
        if let Some(segment) = self.segment.take() {
            return Ok(segment);
        }
        Segment::open(
            &self.config.dir,
            self.position.segment,
            self.position.offset,
        )
        .map_err(|error| self.io(&error))
    }

    fn push(&self, batch: &mut Batch, entry: Entry) -> Result<(), AuditError> {
        self.push_at(batch, entry, (self.config.clock)())
    }

    fn push_checkpoint(&self, batch: &mut Batch, closing: Closing) -> Result<(), AuditError> {
        // The checkpoint signs its own time too, so that the clock is asked once for both.
        let now = (self.config.clock)();
        let time = rfc3339(now);
        let checkpoint = checkpoint(
            &self.config.key,
            &batch.head,
            self.position.segment,
            closing,
            &time,
        );
        self.push_at(batch, Entry::Checkpoint(checkpoint), now)
    }

    fn push_at(
        &self,
        batch: &mut Batch,
        entry: Entry,
        now: OffsetDateTime,
    ) -> Result<(), AuditError> {
        let sealed = seal(entry, &batch.head, now);
        let Sealed { line, bytes, head } =
            sealed.map_err(|error| self.io(&io::Error::other(error)))?;
        batch.bytes.extend_from_slice(&bytes);
        batch.bytes.push(b'\n');
        batch.lines.push(line);
        batch.head = head;
        Ok(())
    }

    fn recovery(&self) -> Entry {
        Entry::Recovery(RecoveryEntry {
            cause: RecoveryCause::WriteFailed,
            segment: file_name(self.position.segment).into(),
            failed_batches: self.failed_batches,
            ..RecoveryEntry::default()
        })
    }

    /// One line in the gateway's own log when writing begins to fail, and one when it works again.
    fn note(&self, outcome: Result<(), &AuditError>) {
        if !self.status.note(outcome) {
            return;
        }
        match outcome {
            Ok(()) => tracing::info!("the audit log can be written again"),
            Err(error) => {
                tracing::error!(%error, "nothing crosses: the audit log cannot be written")
            }
        }
    }

    fn io(&self, error: &io::Error) -> AuditError {
        AuditError::Io {
            path: self.config.dir.display().to_string(),
            error: error.to_string(),
        }
    }
}

/// Everything that waits, up to the limits of a batch. Nothing is waited for: there is no timer.
fn gather(first: Job, queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let (mut entries, mut stop) = (first.entries.len(), first.stop);
    let mut jobs = vec![first];
    while !stop && jobs.len() < BATCH_JOBS && entries < BATCH_ENTRIES {
        let Ok(job) = queue.try_recv() else { break };
        (entries, stop) = (entries + job.entries.len(), job.stop);
        jobs.push(job);
    }
    jobs
}
