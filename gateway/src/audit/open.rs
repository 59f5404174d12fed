//! Opens a log: lock, check from the journal's head on, fill the journal, cut what a crash left unfinished.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use super::entry::{Closing, Entry, Line, RecoveryCause, RecoveryEntry};
use super::scan::{End, Keys, scan, segment_of};
use super::segment::{Disk, file_name};
use super::status::Status;
use super::writer::{Position, Writer};
use super::{AuditConfig, AuditError, AuditPublicKey, Head};
use crate::journal::Journal;

/// The file whose lock says that a gateway writes here.
const LOCK: &str = "audit.lock";
/// Lines that the journal takes over in one transaction while it is filled.
const REPLAY_LINES: usize = 1000;

pub(super) fn open(
    config: AuditConfig,
    disk: Box<dyn Disk>,
) -> Result<(Writer, Arc<Status>), AuditError> {
    let failed = |error: io::Error| io_error(&config.dir, &error);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.dir)
        .map_err(failed)?;
    let lock = lock(&config.dir)?;
    let journal_head = config.journal.head()?;
    let (end, replayed) = replay(&config, &journal_head)?;
    let dir = config.dir.display().to_string();
    if let Some(fault) = end.fault.clone().filter(|_| !end.torn) {
        return Err(AuditError::Altered { dir, fault });
    }
    if end.head.seq < journal_head.seq {
        return Err(AuditError::JournalAhead {
            dir,
            journal: journal_head.seq,
            log: end.head.seq,
        });
    }
    config.journal.prune((config.clock)())?;
    let recovery = recovery(&config.dir, &end, replayed).map_err(failed)?;
    let status = Arc::new(Status::new(end.head.clone()));
    let position = Position {
        segment: end.segment.max(1),
        offset: end.good,
        closed: end.closed.is_some(),
    };
    let mut writer = Writer::new(config, disk, Arc::clone(&status), end.head, position, lock);
    if let Some(recovery) = recovery {
        writer.commit(vec![Entry::Recovery(recovery)], false)?;
    }
    Ok((writer, status))
}

fn lock(dir: &Path) -> Result<File, AuditError> {
    let failed = |error: io::Error| io_error(dir, &error);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(LOCK))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AuditError::Locked {
            dir: dir.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Reads the log from the journal's head on, and gives the journal what it does not have. Returns how many lines.
fn replay(config: &AuditConfig, journal_head: &Head) -> Result<(End, u64), AuditError> {
    let from = match journal_head.seq {
        0 => 1,
        seq => segment_of(&config.dir, seq).map_err(|error| io_error(&config.dir, &error))?,
    };
    let key = [AuditPublicKey::of(&config.key)];
    // A checkpoint by an earlier audit key is no reason not to start; `audit verify` is told all keys.
    let keys = Keys {
        known: &key,
        others_are_faults: false,
    };
    let mut filling = Filling {
        journal: &config.journal,
        lines: Vec::new(),
        head: journal_head.clone(),
        count: 0,
    };
    let end = scan(&config.dir, from, &keys, &mut |line, end| {
        if line.seq == journal_head.seq && end.head.hash != journal_head.hash {
            return Err(Stop::Audit(AuditError::HeadMismatch {
                dir: config.dir.display().to_string(),
                seq: line.seq,
            }));
        }
        if line.seq > journal_head.seq {
            filling.add(line, &end.head).map_err(Stop::Audit)
        } else {
            Ok(())
        }
    });
    let end = end.map_err(|stop| match stop {
        Stop::Audit(error) => error,
        Stop::Io(error) => io_error(&config.dir, &error),
    })?;
    filling.flush()?;
    Ok((end, filling.count))
}

enum Stop {
    Audit(AuditError),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Lines on their way into the journal.
struct Filling<'a> {
    journal: &'a Journal,
    lines: Vec<Line>,
    head: Head,
    count: u64,
}

impl Filling<'_> {
    fn add(&mut self, line: Line, head: &Head) -> Result<(), AuditError> {
        self.lines.push(line);
        self.head = head.clone();
        self.count += 1;
        if self.lines.len() >= REPLAY_LINES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), AuditError> {
        if !self.lines.is_empty() {
            self.journal.apply(&self.lines, &self.head)?;
            self.lines.clear();
        }
        Ok(())
    }
}

/// The line that says how the log was taken up; `None` after a graceful stop, and for a new log.
fn recovery(dir: &Path, end: &End, replayed: u64) -> io::Result<Option<RecoveryEntry>> {
    let length = match end.segment {
        0 => 0,
        number => std::fs::metadata(dir.join(file_name(number)))?.len(),
    };
    let bytes_cut = length.saturating_sub(end.good);
    let graceful = end.closed == Some(Closing::Stop) || (end.head.seq == 0 && bytes_cut == 0);
    let cause = match (graceful, replayed) {
        (true, 0) => return Ok(None),
        (true, _) => RecoveryCause::JournalBehind,
        (false, _) => RecoveryCause::Crash,
    };
    let segment = file_name(end.segment).into();
    Ok(Some(RecoveryEntry {
        cause,
        segment,
        bytes_cut,
        replayed,
        failed_batches: 0,
    }))
}

fn io_error(dir: &Path, error: &io::Error) -> AuditError {
    AuditError::Io {
        path: dir.display().to_string(),
        error: error.to_string(),
    }
}
