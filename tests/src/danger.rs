//! Harm to a gateway that only tests do.

#![allow(
    clippy::panic,
    reason = "a harness that cannot do its harm has to stop the test, loudly"
)]

use std::path::{Path, PathBuf};

use sluice::demo::zone::Zone;

/// Makes the gateway, from its next start on, wait so long between its record and the relay; 0 takes that back.
///
/// # Panics
/// When the configuration cannot be written.
pub fn pause_after_record(zone: &Zone, milliseconds: u64) {
    let path = zone.configuration();
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| told(&path, &error));
    let kept = text.split(DANGER).next().unwrap_or_default().to_owned();
    let text = match milliseconds {
        0 => kept,
        _ => format!("{kept}{DANGER}pause_after_record_ms = {milliseconds}\n"),
    };
    std::fs::write(&path, text).unwrap_or_else(|error| told(&path, &error));
}

/// Deletes a stopped gateway's journal, with SQLite's files beside it.
///
/// # Panics
/// When there was none.
pub fn delete_journal(zone: &Zone) {
    let journal = zone.journal();
    std::fs::remove_file(&journal).unwrap_or_else(|error| told(&journal, &error));
    for ending in ["-wal", "-shm"] {
        let mut beside = journal.clone().into_os_string();
        beside.push(ending);
        let _absent_after_a_clean_stop = std::fs::remove_file(PathBuf::from(beside));
    }
}

/// Moves a stopped gateway's audit log away.
///
/// # Panics
/// When there was none.
pub fn move_audit_away(zone: &Zone) {
    let audit = zone.audit();
    std::fs::rename(&audit, audit.with_extension("lost"))
        .unwrap_or_else(|error| told(&audit, &error));
}

fn told(path: &Path, error: &std::io::Error) -> ! {
    panic!("{}: {error}", path.display())
}

const DANGER: &str = "\n[danger]\n";
