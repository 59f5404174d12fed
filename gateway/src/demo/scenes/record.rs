//! The audit log: it verifies, and a forged copy does not.

use std::path::Path;

use super::super::error::{DemoError, io};
use super::super::trail;
use super::super::zone::Zone;
use super::{Saw, Stage};

pub fn verified(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let (high, high_lines) = verify(&stage.world.high)?;
    let (low, low_lines) = verify(&stage.world.low)?;
    let text = format!(
        "high {} over {high_lines} lines, low {} over {low_lines} lines",
        yes(high),
        yes(low)
    );
    Ok(Saw::new(
        "both logs are verified while they are written",
        high && low,
        text,
    ))
}

/// Changes one verdict in a copy of the log, as somebody would who wants to hide a leak.
pub fn tampered(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let zone = &stage.world.high;
    let copy = tempfile::tempdir().map_err(io("create a folder in", &std::env::temp_dir()))?;
    let changed = copy_with_one_change(&zone.audit(), copy.path())?;
    let (code, answer) = zone.verify_audit(copy.path(), true)?;
    let caught = changed && code == 1 && answer["ok"] == false && !answer["first_bad"].is_null();
    let text = format!("exit code {code}, first bad line {}", answer["first_bad"]);
    Ok(Saw::new(
        "a verdict is changed in a copy of high's log",
        caught,
        text,
    ))
}

fn verify(zone: &Zone) -> Result<(bool, u64), DemoError> {
    let (code, answer) = zone.verify_audit(&zone.audit(), true)?;
    Ok((
        code == 0 && answer["ok"] == true,
        answer["entries"].as_u64().unwrap_or_default(),
    ))
}

/// Copies the segments; the first `release` becomes `redact`. Returns whether there was one.
fn copy_with_one_change(from: &Path, to: &Path) -> Result<bool, DemoError> {
    let mut changed = false;
    for path in trail::segments(from)? {
        let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
        let forged = if changed {
            text.clone()
        } else {
            text.replacen("\"verdict\":\"release\"", "\"verdict\":\"redact\"", 1)
        };
        changed |= forged != text;
        let target = to.join(path.file_name().unwrap_or_default());
        std::fs::write(&target, forged).map_err(io("write", &target))?;
    }
    Ok(changed)
}

fn yes(ok: bool) -> &'static str {
    if ok { "ok" } else { "NOT ok" }
}
