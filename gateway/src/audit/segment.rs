//! The files of the log: `audit-00000001.jsonl`, `audit-00000002.jsonl`...
//!
//! The current file is checked before each write: it must still be the one that stands under its name, and as long as
//! it was left. A log whose directory was moved or whose file was changed underneath is a failed log, not a record
//! written to nowhere.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The two things that a disk does for the log. Tests put a counting or a failing one in its place.
pub(crate) trait Disk: Send {
    /// Writes all bytes at `offset`.
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self, file: &File) -> io::Result<()>;
}

/// The real disk: `pwrite` and `fdatasync`.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The segment that is being written.
pub(crate) struct Segment {
    path: PathBuf,
    file: File,
    /// Its number, from 1.
    pub number: u64,
    /// Bytes that are durable: where the next line begins.
    pub synced: u64,
}

impl Segment {
    /// Takes up an existing or new segment at `synced`; whatever stands behind it is cut off.
    pub fn open(dir: &Path, number: u64, synced: u64) -> io::Result<Self> {
        let path = dir.join(file_name(number));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        let length = file.metadata()?.len();
        if length < synced {
            return Err(io::Error::other(format!(
                "{} became shorter",
                file_name(number)
            )));
        }
        if length > synced {
            file.set_len(synced)?;
        }
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self {
            path,
            file,
            number,
            synced,
        })
    }

    /// Writes `bytes` behind what is durable, and makes them durable.
    pub fn append(&mut self, disk: &mut dyn Disk, bytes: &[u8]) -> io::Result<()> {
        self.still_ours()?;
        let written = disk.write_at(&self.file, bytes, self.synced);
        let durable = written.and_then(|()| disk.sync(&self.file));
        if durable.is_err() {
            // Whoever recorded it is told that it is not in the log: the next start must not find it there.
            let _cut = self.file.set_len(self.synced);
        }
        durable?;
        self.synced += bytes.len() as u64;
        Ok(())
    }

    fn still_ours(&self) -> io::Result<()> {
        let (named, open) = (std::fs::metadata(&self.path)?, self.file.metadata()?);
        if (named.dev(), named.ino()) != (open.dev(), open.ino()) {
            return Err(io::Error::other(format!(
                "{} was replaced",
                file_name(self.number)
            )));
        }
        if open.len() != self.synced {
            return Err(io::Error::other(format!(
                "{} was changed by another program",
                file_name(self.number)
            )));
        }
        Ok(())
    }
}

/// File name of a segment.
pub(crate) fn file_name(number: u64) -> String {
    format!("audit-{number:08}.jsonl")
}

/// Numbers of the segments in `dir`, ascending. Other files are none of the log's business.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        numbers.extend(entry?.file_name().to_str().and_then(number_of));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn number_of(name: &str) -> Option<u64> {
    let number = name
        .strip_prefix("audit-")?
        .strip_suffix(".jsonl")?
        .parse()
        .ok()?;
    (file_name(number) == name).then_some(number)
}
