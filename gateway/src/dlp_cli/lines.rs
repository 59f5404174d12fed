//! One line of `dlp scan`: `{"id","text"}` or `{"id","event"}`, read as strictly as the gateway reads bodies.

use std::io::{self, BufRead, Read as _};

use sluice_policy::json::{Limits, Object, Tree, parse_object};

/// Bytes of a line at most. A unit that the gateway judges is smaller.
pub(super) const LINE_BYTES: usize = 2 * 1024 * 1024;

/// What to scan.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    /// As given, `null` where there is none.
    pub(super) id: Tree,
    pub(super) what: What,
}

/// A text alone, or an event.
#[derive(Debug, PartialEq)]
pub(super) enum What {
    Text(String),
    Event(Object),
}

/// Reads a line; else says what is wrong with it, without repeating it.
pub(super) fn read(line: &[u8]) -> Result<Asked, String> {
    let limits = Limits {
        bytes: LINE_BYTES,
        ..Limits::REQUEST
    };
    let mut object = parse_object(line, &limits).map_err(|fault| fault.to_string())?;
    let id = object.remove("id").unwrap_or(Tree::Null);
    let what = match (object.remove("text"), object.remove("event")) {
        (Some(Tree::String(text)), None) => What::Text(text),
        (None, Some(Tree::Object(event))) => What::Event(event),
        _ => {
            return Err(
                "write {\"id\",\"text\"} with a text or {\"id\",\"event\"} with an object"
                    .to_owned(),
            );
        }
    };
    Ok(Asked { id, what })
}

/// One line without its end, `None` at the end. What is longer than a line may be is cut and will not parse.
pub(super) fn next(input: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input
        .take(LINE_BYTES as u64 + 2)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        skip_rest(input)?;
    }
    Ok(Some(line))
}

fn skip_rest(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        let done = end.is_some() || buffer.is_empty();
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}
