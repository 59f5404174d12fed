//! The body of a large answer on its way to the asker: texts and spools in turn, of known length.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Instant;

use super::spool::{Reader, SpoolError};

/// How long the asker may take for a whole body, whatever its size: a spool must not stay on the disk for ever.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(180);

/// Why a body broke off. Its connection ends then, before its announced length, so that the asker refuses the whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyBroken {
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Longer than [`WRITE_DEADLINE`].
    #[error("the asker took the answer too slowly")]
    Slow,
}

/// A judged and recorded answer.
#[derive(Debug)]
pub struct Spooled {
    parts: VecDeque<Part>,
    left: u64,
    until: Option<Instant>,
}

/// A part of it.
#[derive(Debug)]
pub(crate) enum Part {
    /// In memory.
    Text(Vec<u8>),
    /// In a spool.
    Spool(Reader),
}

impl Spooled {
    /// These parts, one behind the other.
    pub(crate) fn new(parts: VecDeque<Part>) -> Self {
        let left = parts.iter().map(|part| match part {
            Part::Text(text) => text.len() as u64,
            Part::Spool(spool) => spool.left(),
        });
        Self {
            left: left.sum(),
            parts,
            until: None,
        }
    }

    fn bytes(&mut self) -> Result<Option<Vec<u8>>, BodyBroken> {
        let until = *self
            .until
            .get_or_insert_with(|| Instant::now() + WRITE_DEADLINE);
        if Instant::now() > until {
            return Err(BodyBroken::Slow);
        }
        while let Some(part) = self.parts.front_mut() {
            let bytes = match part {
                Part::Text(text) => Some(std::mem::take(text)),
                Part::Spool(spool) => spool.read()?,
            };
            if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                return Ok(Some(bytes));
            }
            self.parts.pop_front();
        }
        Ok(None)
    }
}

impl Body for Spooled {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        // A frame of a spool is read in less time than handing it to another thread takes.
        let next = self.bytes().transpose();
        Poll::Ready(next.map(|bytes| bytes.map(|bytes| Frame::data(Bytes::from(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
