//! The folder of peer records: one file a peer, `ZONE.json`, replaced as a whole.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_policy::label::Clearance;

use super::record::{RECORD_LIMITS, RecordFault, strict};
use super::{Peer, Record, file_of};
use crate::config::Mistake;
use crate::config::mistake::read_bounded;

/// A peer's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The record as the peer exported it.
    pub record: Record,
    /// What may go to the peer: a clearance, or null while the link is closed.
    #[serde(default)]
    pub send: Option<Value>,
    /// What may come from the peer.
    #[serde(default)]
    pub receive: Option<Value>,
}

impl Stored {
    /// The peer that the file means.
    pub fn peer(self) -> Result<Peer, RecordFault> {
        let (send, receive) = (
            clearance("send", self.send)?,
            clearance("receive", self.receive)?,
        );
        Ok(Peer {
            send,
            receive,
            ..self.record.into_peer()?
        })
    }
}

/// The record files of a folder, in the order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, Mistake> {
    let cannot = |error: io::Error| {
        Mistake::of_file(
            folder,
            format!("cannot be read: {error}"),
            "make state.peers a folder that the gateway may read",
        )
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(cannot)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one file.
pub fn read(file: &Path) -> Result<Stored, Mistake> {
    let text = read_bounded(file, RECORD_LIMITS.bytes as u64)?;
    strict(text.as_bytes()).map_err(|fault| fault.in_file(file))
}

/// Writes a peer's file: a new file beside it, synced, then renamed, so that a reload never sees half a record.
pub fn write(folder: &Path, stored: &Stored) -> io::Result<PathBuf> {
    let file = file_of(folder, &stored.record.zone);
    let mut text = serde_json::to_vec_pretty(stored)?;
    text.push(b'\n');
    std::fs::create_dir_all(folder)?;
    let mut draft = tempfile::Builder::new()
        .prefix(".import-")
        .tempfile_in(folder)?;
    draft.write_all(&text)?;
    draft
        .as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o600))?;
    draft.as_file().sync_all()?;
    draft.persist(&file).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(file)
}

fn clearance(field: &'static str, value: Option<Value>) -> Result<Option<Clearance>, RecordFault> {
    let Some(value) = value else { return Ok(None) };
    let read = Clearance::parse(&value.to_string());
    read.map(Some).map_err(|error| RecordFault::Field {
        field,
        wrong: error.to_string(),
    })
}
