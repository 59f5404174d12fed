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

    use std::os::unix::fs::FileExt as _;

    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::spool::Spools;
    use super::*;
    use crate::links::Links;

    /// A body of four MiB of carol's, most of it on a disk that somebody spoils under way.
    fn spoiled_under_way(spoil: fn(&std::fs::File)) -> Spooled {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spools::new(folder.path().to_owned()).open();
        spool
            .write(&vec![b'x'; 4 * super::super::spool::MEMORY_BYTES])
            .unwrap();
        let reader = spool.finish();
        spoil(reader.file().unwrap());
        let parts = [Part::Text(b"[".to_vec()), Part::Spool(reader)];
        Spooled::new(VecDeque::from(parts))
    }

    /// What comes of an announced length over a connection.
    async fn sent(body: Spooled) -> (usize, usize) {
        let (near, mut far) = tokio::io::duplex(1024 * 1024);
        let announced = usize::try_from(body.size_hint().exact().unwrap()).unwrap();
        let body = std::sync::Mutex::new(Some(body));
        let service = hyper::service::service_fn(move |_| {
            let body = body.lock().unwrap().take().unwrap();
            async { Ok::<_, std::convert::Infallible>(hyper::Response::new(body)) }
        });
        let serve = hyper::server::conn::http1::Builder::new()
            .serve_connection(hyper_util::rt::TokioIo::new(near), service);
        let ask = async {
            far.write_all(b"GET / HTTP/1.1\r\nhost: carol.test\r\n\r\n")
                .await
                .unwrap();
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            got
        };
        let (_broken, got) = tokio::join!(serve, ask);
        let head = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let length = format!("content-length: {announced}\r\n");
        assert!(String::from_utf8_lossy(&got[..head + 2]).contains(&length));
        (got.len() - head - 4, announced)
    }

    #[tokio::test]
    async fn what_the_disk_cut_or_changed_under_way_ends_the_connection_before_the_announced_length()
     {
        const HALF: u64 = 2 * super::super::spool::MEMORY_BYTES as u64;
        for spoil in [
            |file: &std::fs::File| file.set_len(HALF).unwrap(),
            |file: &std::fs::File| file.write_all_at(b"carol", HALF).unwrap(),
        ] {
            let mut body = spoiled_under_way(spoil);
            let broken = loop {
                match body.frame().await.unwrap() {
                    Ok(_) => {}
                    Err(broken) => break broken,
                }
            };
            assert!(matches!(broken, BodyBroken::Spool(_)), "{broken:?}");
            assert!(!body.is_end_stream());

            let (got, announced) = sent(spoiled_under_way(spoil)).await;
            assert!(got > 0 && got < announced, "{got} of {announced}");
        }
    }

    #[tokio::test]
    async fn an_asker_who_takes_longer_than_a_whole_body_may_last_gets_no_more() {
        let parts = [Part::Text(b"[".to_vec()), Part::Text(b"]".to_vec())];
        let mut body = Spooled::new(VecDeque::from(parts));
        assert!(body.frame().await.unwrap().unwrap().is_data());
        let until = body.until.unwrap();
        let left = until.duration_since(Instant::now());
        assert!(left <= WRITE_DEADLINE && left + Duration::from_secs(60) > WRITE_DEADLINE);
        body.until = Some(Instant::now() - Duration::from_millis(1));
        let broken = body.frame().await.unwrap();
        assert!(matches!(broken, Err(BodyBroken::Slow)), "{broken:?}");
        assert!(!body.is_end_stream());
    }

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
