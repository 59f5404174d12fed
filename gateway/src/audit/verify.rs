//! Verifies a log that may have been tampered with: everything that the chain, its signatures and the journal can tell.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::chain::Head;
use super::entry::Closing;
use super::key::AuditPublicKey;
use super::scan::{End, Fault, Keys, scan};
use super::segment::file_name;

/// What `sluice audit verify --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing is wrong.
    pub ok: bool,
    /// Good lines, checkpoints included, up to the first bad one.
    pub entries: u64,
    /// The first thing that is wrong.
    pub first_bad: Option<Fault>,
    /// The last good line.
    pub head: Head,
}

/// What the log is held against.
#[derive(Clone, Debug, Default)]
pub struct Against<'a> {
    /// Keys whose checkpoints are believed. They never come from the log's own directory.
    pub keys: &'a [AuditPublicKey],
    /// Head of the journal, read before the log.
    pub head: Option<Head>,
    /// A gateway is writing the log: it needs no closing checkpoint, and its last line may be unfinished.
    pub live: bool,
}

/// Verifies the log in `dir`.
///
/// # Errors
/// The log cannot be read.
pub fn verify(dir: &Path, against: &Against<'_>) -> io::Result<Report> {
    let keys = Keys {
        known: against.keys,
        others_are_faults: true,
    };
    let wanted = against.head.as_ref().map_or(0, |head| head.seq);
    let mut at_head = None;
    let end = scan::<io::Error>(dir, 1, &keys, &mut |line, end| {
        if line.seq == wanted {
            at_head = Some(end.clone());
        }
        Ok(())
    })?;
    let first_bad = chain_fault(&end, against.live)
        .or_else(|| head_fault(&end, against, at_head.as_ref()))
        .or_else(|| end_fault(&end, against.live));
    Ok(Report {
        ok: first_bad.is_none(),
        entries: end.head.seq,
        first_bad,
        head: end.head,
    })
}

fn chain_fault(end: &End, live: bool) -> Option<Fault> {
    end.fault.clone().filter(|_| !(live && end.torn))
}

/// The journal remembers the last line that it took over: a log that ends before it, or has another line there, is not
/// the log that was written.
fn head_fault(end: &End, against: &Against<'_>, at_head: Option<&End>) -> Option<Fault> {
    let head = against.head.as_ref().filter(|head| head.seq > 0)?;
    let Some(at_head) = at_head else {
        let what = format!(
            "cut: the log ends here, but the journal has taken over line {}",
            head.seq
        );
        return Some(behind(end, what));
    };
    if at_head.head.hash != head.hash {
        let what =
            "changed: this line, or one before it, is not the one that the journal took over"
                .to_owned();
        let file = file_name(at_head.segment);
        return Some(Fault {
            file,
            line: at_head.lines,
            seq: Some(head.seq),
            what,
        });
    }
    (!against.live && end.head.seq > head.seq).then(|| {
        behind(
            at_head,
            "changed: lines stand here that the journal has not taken over".to_owned(),
        )
    })
}

fn end_fault(end: &End, live: bool) -> Option<Fault> {
    if end.segment == 0 {
        return Some(behind(end, "cut: there is no log".to_owned()));
    }
    match end.closed {
        Some(Closing::Stop) => None,
        _ if live => None,
        Some(Closing::Full) => {
            let what =
                "cut: the checkpoint before says that this segment follows, and it is missing"
                    .to_owned();
            Some(Fault {
                file: file_name(end.segment + 1),
                line: 1,
                seq: Some(end.head.seq + 1),
                what,
            })
        }
        None => {
            let what =
                "cut: there is no closing checkpoint (a gateway that runs or was killed: --live)"
                    .to_owned();
            Some(behind(end, what))
        }
    }
}

/// A fault behind the last good line.
fn behind(end: &End, what: String) -> Fault {
    Fault {
        file: file_name(end.segment.max(1)),
        line: end.lines + 1,
        seq: Some(end.head.seq + 1),
        what,
    }
}
