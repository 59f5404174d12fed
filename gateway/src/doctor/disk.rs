//! The machine: clock, folders that must be writable, free space.

use std::path::Path;

use sluice_certs::UnixTime;

use super::Finding;
use crate::config::Config;

/// Below this much free space for audit log and journal the doctor warns, in bytes.
pub const LOW_SPACE_BYTES: u64 = 1024 * 1024 * 1024;
/// Below this much the gateway will soon stop: nothing crosses without a durable record.
pub const NO_SPACE_BYTES: u64 = 64 * 1024 * 1024;
/// A clock before this instant (1 January 2026) was never set.
pub const OLDEST_SANE_CLOCK: u64 = 1_767_225_600;

/// Whether the clock was ever set. Signatures and certificates hang on it.
pub fn clock(now: UnixTime) -> Finding {
    if now.as_secs() < OLDEST_SANE_CLOCK {
        return Finding::fail("clock", "is before 2026", "set it, and keep it with NTP");
    }
    Finding::ok("clock", "was set")
}

/// The folders of journal and audit log, and that of the peers.
pub fn folders(config: &Config) -> Vec<Finding> {
    let state = &config.state;
    let journal = state.journal.parent().unwrap_or(Path::new("."));
    let mut findings = vec![
        writable("state.journal", journal),
        writable("state.audit", &state.audit),
    ];
    findings.push(space(&state.audit));
    findings
}

fn writable(what: &str, folder: &Path) -> Finding {
    // A file without a name: it cannot be left behind.
    match tempfile::tempfile_in(folder) {
        Ok(_) => Finding::ok(what, format!("{} is writable", folder.display())),
        Err(error) => {
            let remedy = "make the folder, owned by the gateway's user, mode 0700";
            Finding::fail(
                what,
                format!("{} is not writable: {error}", folder.display()),
                remedy,
            )
        }
    }
}

fn space(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(found) => judge_space(folder, found.f_bavail.saturating_mul(found.f_frsize)),
        Err(error) => {
            let detail = format!(
                "the free space at {} cannot be seen: {error}",
                folder.display()
            );
            Finding::fail("disk", detail, "make the folder that state.audit names")
        }
    }
}

pub(super) fn judge_space(folder: &Path, free: u64) -> Finding {
    let detail = format!(
        "{} MiB are free at {}",
        free / (1024 * 1024),
        folder.display()
    );
    match free {
        0..NO_SPACE_BYTES => Finding::fail(
            "disk",
            detail,
            "make room: without a durable record nothing crosses",
        ),
        NO_SPACE_BYTES..LOW_SPACE_BYTES => {
            Finding::warn("disk", detail, "make room, or move state.audit")
        }
        _ => Finding::ok("disk", detail),
    }
}
