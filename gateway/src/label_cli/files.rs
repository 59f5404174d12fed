//! Files of the label commands: read within bounds, `-` once as stdin, policies all or none.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use sluice_policy::label::{
    Clearance, Label, LabelError, MAX_LABEL_BYTES, Mode, Reading, Spif, SpifOptions, Spifs,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Compat, Failure, Streams};

/// A label's file at most, in bytes; the label in it is bounded further.
const MAX_LABEL_FILE: u64 = 128 * 1024;
/// A clearance's or token's file at most, in bytes.
const MAX_CLEARANCE_FILE: u64 = 256 * 1024;
/// A policy's file at most, in bytes; the reader has the same bound and names it.
const MAX_SPIF_FILE: u64 = 4 * 1024 * 1024;

/// A label from a file. The outer failure is that there is no text to read, the inner one that it is no label.
pub(super) fn label(
    path: &Path,
    mode: Mode,
    streams: &mut Streams<'_>,
) -> Result<Result<Reading, LabelError>, Failure> {
    Ok(match bytes(path, MAX_LABEL_FILE, streams)? {
        Some(bytes) => Label::read_noting(&bytes, mode),
        None => Err(LabelError::TooLarge {
            limit: MAX_LABEL_BYTES,
            what: "bytes",
        }),
    })
}

/// A clearance from a file. The inner failure says what is wrong with it.
pub(super) fn clearance(
    path: &Path,
    streams: &mut Streams<'_>,
) -> Result<Result<Clearance, String>, Failure> {
    Ok(match bytes(path, MAX_CLEARANCE_FILE, streams)? {
        Some(bytes) => Clearance::read(&bytes).map_err(|error| error.to_string()),
        None => Err(format!(
            "clearance: larger than {MAX_CLEARANCE_FILE} bytes; shorten the lists"
        )),
    })
}

/// The text of a label or clearance; `None` where it is larger than either may be.
pub(super) fn either(path: &Path, streams: &mut Streams<'_>) -> Result<Option<Vec<u8>>, Failure> {
    bytes(path, MAX_CLEARANCE_FILE, streams)
}

/// The bytes of a policy.
pub(super) fn policy(path: &Path, streams: &mut Streams<'_>) -> Result<Vec<u8>, Failure> {
    bytes(path, MAX_SPIF_FILE, streams)?.ok_or_else(|| {
        Failure::usage(format!(
            "{}: larger than {MAX_SPIF_FILE} bytes; shorten the policy",
            path.display()
        ))
    })
}

/// All policies; each mistake in one of them stands on a line of its own.
pub(super) fn policies(
    paths: &[PathBuf],
    compat: &Compat,
    streams: &mut Streams<'_>,
) -> Result<Spifs, Failure> {
    let options = options(compat)?;
    let mut spifs = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        let text = String::from_utf8(policy(path, streams)?).map_err(|_| {
            Failure::usage(format!("{}: not UTF-8; save it as UTF-8", path.display()))
        })?;
        match Spif::parse_with(&text, options) {
            Ok(spif) => spifs.push(spif),
            Err(errors) => mistakes.extend(
                errors
                    .iter()
                    .map(|error| format!("{}: {error}", path.display())),
            ),
        }
    }
    if mistakes.is_empty() {
        match Spifs::new(spifs) {
            Ok(spifs) => return Ok(spifs),
            Err(errors) => mistakes.extend(errors.iter().map(ToString::to_string)),
        }
    }
    Err(Failure::usage(format!(
        "{}; correct the policy, `sluice label lint` lists all",
        mistakes.join("\n")
    )))
}

/// The switches of `--compat`.
pub(super) fn options(compat: &Compat) -> Result<SpifOptions, Failure> {
    SpifOptions::named(&compat.switches).map_err(|unknown| {
        Failure::usage(format!("--compat: {unknown:?} is no switch; see --help"))
    })
}

/// The instant of `--at`, or now.
pub(super) fn instant(at: Option<&str>) -> Result<OffsetDateTime, Failure> {
    Ok(instant_given(at)?.unwrap_or_else(OffsetDateTime::now_utc))
}

/// The instant of `--at`, if it was given.
pub(super) fn instant_given(at: Option<&str>) -> Result<Option<OffsetDateTime>, Failure> {
    at.map(|text| OffsetDateTime::parse(text, &Rfc3339))
        .transpose()
        .map_err(|_| {
            Failure::usage("--at: not RFC 3339; write an instant such as 2026-03-01T12:00:00Z")
        })
}

/// Refuses a second `-`: the first one has read stdin to its end.
pub(super) fn once_stdin<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    match paths.filter(|path| is_stdin(path)).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::usage("- stands twice; stdin can be read once")),
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The whole file, `None` where it is longer than `limit`: a part of one could be read as another.
fn bytes(path: &Path, limit: u64, streams: &mut Streams<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::could_not(format!("{}: cannot be read: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        (&mut *streams.input)
            .take(limit + 1)
            .read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(failed)?;
        file.take(limit + 1).read_to_end(&mut bytes)
    };
    let length = read.map_err(failed)?;
    Ok((length as u64 <= limit).then_some(bytes))
}
