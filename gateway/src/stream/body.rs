//! The body of a large answer on its way to the asker: texts and spools in turn, of known length.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Instant;

use super::spool::{Reader, SpoolError};
use crate::links::{Closed, Gate};

/// How long the asker may take for a whole body, whatever its size: a spool must not stay on the disk for ever.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(180);

/// Why a body broke off. Its connection ends then, before its announced length, so that the asker refuses the whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyBroken {
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// An operator has closed the link.
    #[error(transparent)]
    Closed(#[from] Closed),
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
    /// The link whose bytes it carries.
    gate: Option<Arc<Gate>>,
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
            gate: None,
        }
    }

    /// The same, which breaks off when the link closes.
    pub(crate) fn under(self, gate: Arc<Gate>) -> Self {
        Self {
            gate: Some(gate),
            ..self
        }
    }

    fn bytes(&mut self) -> Result<Option<Vec<u8>>, BodyBroken> {
        if self.gate.as_ref().is_some_and(|gate| gate.is_closed()) {
            return Err(Closed.into());
        }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http_body_util::BodyExt as _;

    use super::super::spool::Spools;
    use super::*;
    use crate::links::Links;

    #[tokio::test]
    async fn a_body_ends_where_it_is_when_its_link_closes_and_goes_on_when_another_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spools::new(folder.path().to_owned()).open();
        spool
            .write(&vec![b'x'; 2 * super::super::spool::MEMORY_BYTES])
            .unwrap();
        let parts = [Part::Text(b"[".to_vec()), Part::Spool(spool.finish())];
        let links = Links::default();
        let mut body = Spooled::new(VecDeque::from(parts)).under(links.gate("low"));
        links.gate("mid").close();
        for _ in 0..2 {
            assert!(body.frame().await.unwrap().unwrap().is_data());
        }
        links.gate("low").close();
        let broken = body.frame().await.unwrap();
        assert!(matches!(broken, Err(BodyBroken::Closed(_))), "{broken:?}");
        assert!(!body.is_end_stream());
    }
}
