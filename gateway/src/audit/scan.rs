//! Reads a log and checks its chain: for the gateway at its start, and for `sluice audit verify`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::Serialize;

use super::chain::Head;
use super::entry::{Closing, Entry, Line};
use super::key::AuditPublicKey;
use super::segment;

/// The longest line that is read. The types of an entry keep every line that we write below it.
pub(crate) const LINE_BYTES: u64 = 512 * 1024;

/// What is wrong with a log, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Name of the segment's file.
    pub file: String,
    /// Number of the line in that file, from 1.
    pub line: u64,
    /// Number of the line in the chain, where it is known.
    pub seq: Option<u64>,
    /// What was found: a word (`changed`, `removed`, `reordered`, `cut`, `torn`, `signature`, `checkpoint`), a colon,
    /// and an explanation.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} line {}: {}", self.file, self.line, self.what)
    }
}

/// Whose signatures on checkpoints are believed.
pub(crate) struct Keys<'a> {
    /// The known keys.
    pub known: &'a [AuditPublicKey],
    /// Whether a checkpoint by any other key is a fault.
    pub others_are_faults: bool,
}

/// Where a scan ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The last good line.
    pub head: Head,
    /// Segment of the end; 0: there is none.
    pub segment: u64,
    /// Bytes of that segment up to the end of its last good line.
    pub good: u64,
    /// Lines of that segment up to there.
    pub lines: u64,
    /// How the last segment was closed, if it was.
    pub closed: Option<Closing>,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
    /// The fault is an unfinished end of the last segment, behind which no line stands: what a crash leaves.
    pub torn: bool,
}

/// Reads the log from segment `from` on, and gives each good line, with the end of the log as it
/// would be if it were the last one, to `visit`.
///
/// The first line of the first segment that is read is believed about what stood before it, unless it is segment 1.
pub(crate) fn scan<E: From<io::Error>>(
    dir: &Path,
    from: u64,
    keys: &Keys<'_>,
    visit: &mut dyn FnMut(Line, &End) -> Result<(), E>,
) -> Result<End, E> {
    let numbers: Vec<u64> = segment::list(dir)?
        .into_iter()
        .filter(|number| *number >= from)
        .collect();
    let mut walk = Walk::new(keys);
    for (at, number) in numbers.iter().enumerate() {
        if !walk.enter(*number, from) {
            break;
        }
        let last = at + 1 == numbers.len();
        walk.read(dir, *number, last, visit)?;
        if walk.end.fault.is_some() {
            break;
        }
    }
    Ok(walk.end)
}

/// The segment in which the line `seq` stands or should stand: the last one whose first line is not behind it.
pub(crate) fn segment_of(dir: &Path, seq: u64) -> io::Result<u64> {
    for number in segment::list(dir)?.into_iter().rev() {
        let mut reader = BufReader::new(File::open(dir.join(segment::file_name(number)))?);
        let first = next_line(&mut reader)?.and_then(|raw| raw.parse());
        if first.is_some_and(|line| line.seq <= seq) {
            return Ok(number);
        }
    }
    Ok(1)
}

/// The bytes of one line as they stand in the file.
pub(crate) struct Raw {
    /// Without the newline.
    pub bytes: Vec<u8>,
    /// Whether a newline followed.
    pub whole: bool,
}

impl Raw {
    /// The line, if these bytes are one.
    pub fn parse(&self) -> Option<Line> {
        if self.whole {
            serde_json::from_slice(&self.bytes).ok()
        } else {
            None
        }
    }

    fn length(&self) -> u64 {
        self.bytes.len() as u64 + u64::from(self.whole)
    }
}

/// The next line, at most [`LINE_BYTES`] of it; `None` at the end.
pub(crate) fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Raw>> {
    let mut bytes = Vec::new();
    reader.take(LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let whole = bytes.pop_if(|last| *last == b'\n').is_some();
    Ok(Some(Raw { bytes, whole }))
}

/// Whether any line can be read in the rest of the segment.
fn any_line(rest: &mut impl BufRead) -> bool {
    while let Ok(Some(raw)) = next_line(rest) {
        if raw.parse().is_some() {
            return true;
        }
    }
    false
}

/// Whether the line `seq` stands in `next` or the rest of the segment.
fn stands_later(seq: u64, next: Option<&Raw>, rest: &mut impl BufRead) -> bool {
    if next
        .and_then(Raw::parse)
        .is_some_and(|line| line.seq == seq)
    {
        return true;
    }
    while let Ok(Some(raw)) = next_line(rest) {
        if raw.parse().is_some_and(|line| line.seq == seq) {
            return true;
        }
    }
    false
}

/// Where the line before the current one stands: the one that is to blame if the chain breaks.
#[derive(Clone)]
struct Place {
    file: String,
    line: u64,
}

struct Walk<'a> {
    keys: &'a Keys<'a>,
    end: End,
    before: Option<Place>,
    trusting: bool,
}

impl<'a> Walk<'a> {
    fn new(keys: &'a Keys<'a>) -> Self {
        let end = End {
            head: Head::genesis(),
            segment: 0,
            good: 0,
            lines: 0,
            closed: None,
            fault: None,
            torn: false,
        };
        Self {
            keys,
            end,
            before: None,
            trusting: false,
        }
    }

    /// Steps into a segment; false if it does not follow the one before.
    fn enter(&mut self, number: u64, from: u64) -> bool {
        let expected = if self.end.segment == 0 {
            from
        } else {
            self.end.segment + 1
        };
        self.trusting = self.end.segment == 0 && number > 1;
        if number != expected {
            let missing = segment::file_name(expected);
            self.fault(
                &missing,
                1,
                self.next_seq(),
                "removed: the segment is missing",
            );
            return false;
        }
        if self.end.segment != 0 && self.end.closed.is_none() {
            let (file, line) = (segment::file_name(self.end.segment), self.end.lines + 1);
            self.fault(
                &file,
                line,
                self.next_seq(),
                "cut: the segment has no checkpoint, but another one follows it",
            );
            return false;
        }
        self.end = End {
            segment: number,
            good: 0,
            lines: 0,
            closed: None,
            ..self.end.clone()
        };
        true
    }

    fn read<E: From<io::Error>>(
        &mut self,
        dir: &Path,
        number: u64,
        last: bool,
        visit: &mut dyn FnMut(Line, &End) -> Result<(), E>,
    ) -> Result<(), E> {
        let file = segment::file_name(number);
        let mut reader = BufReader::new(File::open(dir.join(&file))?);
        let mut next = next_line(&mut reader)?;
        while let Some(raw) = next {
            next = next_line(&mut reader)?;
            let line = raw.parse();
            let at = self.end.lines + 1;
            let Some(line) = line else {
                let followed =
                    next.is_some_and(|next| next.parse().is_some()) || any_line(&mut reader);
                self.unreadable(&file, at, last && !followed);
                return Ok(());
            };
            if let Some(fault) = self.check(&file, at, &line, &raw, next.as_ref(), &mut reader) {
                self.end.fault = Some(fault);
                return Ok(());
            }
            self.end.head = Head::of(line.seq, &raw.bytes);
            self.end.good += raw.length();
            self.end.lines = at;
            if let Entry::Checkpoint(checkpoint) = &line.entry {
                self.end.closed = Some(checkpoint.closing);
            }
            self.before = Some(Place {
                file: file.clone(),
                line: at,
            });
            self.trusting = false;
            visit(line, &self.end)?;
        }
        Ok(())
    }

    /// `very_last`: no line follows. A crash leaves half a line; a power cut may leave zeros behind it.
    fn unreadable(&mut self, file: &str, at: u64, very_last: bool) {
        self.end.torn = very_last && self.end.closed.is_none();
        let what = if self.end.torn {
            "torn: the last line is not finished"
        } else {
            "changed: not a line of the log"
        };
        self.fault(file, at, self.next_seq(), what);
    }

    /// Everything that must hold for a line: its place in the chain, then what a checkpoint adds.
    fn check(
        &self,
        file: &str,
        at: u64,
        line: &Line,
        raw: &Raw,
        next: Option<&Raw>,
        rest: &mut impl BufRead,
    ) -> Option<Fault> {
        let here = |what: &str| {
            Some(Fault {
                file: file.to_owned(),
                line: at,
                seq: Some(line.seq),
                what: what.to_owned(),
            })
        };
        if self.end.closed.is_some() {
            return here("checkpoint: a line stands behind the checkpoint that closes the segment");
        }
        if !self.trusting {
            let (seq_fits, prev_fits) = (
                Some(line.seq) == self.next_seq(),
                line.prev == self.end.head.hash,
            );
            match (seq_fits, prev_fits) {
                (true, true) => {}
                (false, true) => return here("changed: its number does not fit"),
                (true, false) => return self.blame(file, at, line, raw, next),
                (false, false) => return self.out_of_order(file, at, line, next, rest),
            }
        }
        let Entry::Checkpoint(checkpoint) = &line.entry else {
            return None;
        };
        let describes = checkpoint.head == line.prev.as_str()
            && checkpoint.entries + 1 == line.seq
            && checkpoint.segment == self.end.segment;
        if !describes {
            return here("checkpoint: it does not describe the lines before it");
        }
        match self
            .keys
            .known
            .iter()
            .find(|key| checkpoint.key == key.id())
        {
            Some(key) if key.signed(checkpoint, &line.time) => None,
            Some(_) => here("signature: it is not by the audit key"),
            None if self.keys.others_are_faults => {
                here("signature: it is by a key that was not given with --key")
            }
            None => None,
        }
    }

    /// The number fits and the hash does not: either the line before was changed, or this one's `prev` was. The line
    /// after this one knows which.
    fn blame(
        &self,
        file: &str,
        at: u64,
        line: &Line,
        raw: &Raw,
        next: Option<&Raw>,
    ) -> Option<Fault> {
        let intact = next
            .and_then(Raw::parse)
            .is_none_or(|next| next.prev == Head::of(line.seq, &raw.bytes).hash);
        let (place, seq) = match &self.before {
            Some(before) if intact => (before.clone(), line.seq.saturating_sub(1)),
            _ => (
                Place {
                    file: file.to_owned(),
                    line: at,
                },
                line.seq,
            ),
        };
        let what = "changed: its bytes do not fit the hash in the line after it";
        Some(Fault {
            file: place.file,
            line: place.line,
            seq: Some(seq),
            what: what.to_owned(),
        })
    }

    /// Neither number nor hash fits: lines are missing, or stand elsewhere.
    fn out_of_order(
        &self,
        file: &str,
        at: u64,
        line: &Line,
        next: Option<&Raw>,
        rest: &mut impl BufRead,
    ) -> Option<Fault> {
        let expected = self.next_seq()?;
        let found = line.seq < expected || stands_later(expected, next, rest);
        let what = if found {
            format!(
                "reordered: line {expected} belongs here, and {} stands here",
                line.seq
            )
        } else {
            format!(
                "removed: line {expected} belongs here, and {} follows",
                line.seq
            )
        };
        Some(Fault {
            file: file.to_owned(),
            line: at,
            seq: Some(expected),
            what,
        })
    }

    fn next_seq(&self) -> Option<u64> {
        self.end.head.seq.checked_add(1)
    }

    fn fault(&mut self, file: &str, line: u64, seq: Option<u64>, what: &str) {
        self.end.fault = Some(Fault {
            file: file.to_owned(),
            line,
            seq,
            what: what.to_owned(),
        });
    }
}
