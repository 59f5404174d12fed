//! The ordinary world of these tests: the gateway of zone `high`, its directory, its key, its clock.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use sluice_policy::keys::SigningKey;
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::audit::entry::{Closing, Entry, EventEntry, RequestEntry, Verdict};
use crate::audit::segment::Disk;
use crate::audit::verify::{Against, Report, verify};
use crate::audit::{Audit, AuditConfig, AuditError, AuditPublicKey};
use crate::journal::Journal;

pub const LINK: &str = "high->low";

pub struct World {
    pub home: TempDir,
    pub segment_bytes: u64,
    pub clock: Arc<AtomicI64>,
    pub disk: Arc<FakeDisk>,
}

impl World {
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            segment_bytes: 1 << 20,
            clock: Arc::new(AtomicI64::new(1_770_000_000)),
            disk: Arc::default(),
        }
    }

    /// A log whose segments are closed after a few lines.
    pub fn with_small_segments() -> Self {
        Self {
            segment_bytes: 1500,
            ..Self::new()
        }
    }

    pub fn dir(&self) -> PathBuf {
        self.home.path().join("audit")
    }

    pub fn journal_file(&self) -> PathBuf {
        self.home.path().join("journal.db")
    }

    pub fn key(&self) -> SigningKey {
        SigningKey::from_seed("audit", &[7; 32]).unwrap()
    }

    pub fn public(&self) -> AuditPublicKey {
        AuditPublicKey::of(&self.key())
    }

    pub fn journal(&self) -> Arc<Journal> {
        Arc::new(Journal::open(&self.journal_file()).unwrap())
    }

    pub fn config(&self) -> AuditConfig {
        let clock = Arc::clone(&self.clock);
        AuditConfig {
            dir: self.dir(),
            key: Arc::new(self.key()),
            segment_bytes: self.segment_bytes,
            journal: self.journal(),
            observe: Arc::new(|_, _| {}),
            clock: Arc::new(move || {
                OffsetDateTime::from_unix_timestamp(clock.load(Ordering::Relaxed)).unwrap()
            }),
        }
    }

    pub fn try_start(&self) -> Result<Audit, AuditError> {
        Audit::open_on(self.config(), Box::new(Arc::clone(&self.disk)))
    }

    pub fn start(&self) -> Audit {
        self.try_start().unwrap()
    }

    pub fn verify(&self) -> Report {
        verify(
            &self.dir(),
            &Against {
                keys: &[self.public()],
                ..Against::default()
            },
        )
        .unwrap()
    }

    /// As `sluice audit verify --head JOURNAL [--live]`.
    pub fn verify_with_head(&self, live: bool) -> Report {
        let head = Some(Journal::read_head(&self.journal_file()).unwrap());
        verify(
            &self.dir(),
            &Against {
                keys: &[self.public()],
                head,
                live,
            },
        )
        .unwrap()
    }

    pub fn segment(&self, number: u64) -> PathBuf {
        self.dir().join(format!("audit-{number:08}.jsonl"))
    }

    pub fn text(&self, number: u64) -> String {
        std::fs::read_to_string(self.segment(number)).unwrap()
    }

    pub fn lines(&self, number: u64) -> Vec<String> {
        self.text(number).lines().map(str::to_owned).collect()
    }

    pub fn write_lines(&self, number: u64, lines: &[String]) {
        std::fs::write(
            self.segment(number),
            lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        )
        .unwrap();
    }

    /// A log with `count` denials and a graceful stop.
    pub async fn stopped_log(&self, count: u32) {
        let audit = self.start();
        for number in 0..count {
            audit.record(vec![denied(number)]).await.unwrap();
        }
        audit.stop("signal").await.unwrap();
    }
}

/// Alice's message number `number` was redacted on its way to `low`.
pub fn denied(number: u32) -> Entry {
    Entry::Event(EventEntry {
        request: "r1".into(),
        link: LINK.into(),
        event_id: Some(event_id(number).into()),
        room_id: Some("!plans:high.test".into()),
        event_type: Some("m.room.message".into()),
        sender: Some("@alice:high.test".into()),
        verdict: Verdict::Redact,
        rule: "dlp.iban".into(),
        remember: true,
        ..EventEntry::default()
    })
}

pub fn event_id(number: u32) -> String {
    format!("$message-{number}")
}

pub fn request() -> Entry {
    Entry::Request(RequestEntry {
        request: "r1".into(),
        link: LINK.into(),
        ..RequestEntry::default()
    })
}

pub fn last_closing(line: &str) -> Option<Closing> {
    match serde_json::from_str::<crate::audit::entry::Line>(line)
        .unwrap()
        .entry
    {
        Entry::Checkpoint(checkpoint) => Some(checkpoint.closing),
        _ => None,
    }
}

/// A real file below a disk that counts, can be told to fail, and can be held up.
#[derive(Default)]
pub struct FakeDisk {
    pub syncs: AtomicU64,
    /// Writes fail after half of the bytes.
    pub full: AtomicBool,
    /// Syncs fail.
    pub broken: AtomicBool,
    /// Syncs that have come to the gate.
    pub arrived: AtomicU64,
    gate: Mutex<bool>,
    opened: Condvar,
}

impl FakeDisk {
    pub fn close_gate(&self) {
        *self.gate.lock().unwrap() = true;
    }

    pub fn open_gate(&self) {
        *self.gate.lock().unwrap() = false;
        self.opened.notify_all();
    }
}

impl Disk for Arc<FakeDisk> {
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        drop(
            self.opened
                .wait_while(self.gate.lock().unwrap(), |closed| *closed)
                .unwrap(),
        );
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        }
        file.sync_data()
    }
}
