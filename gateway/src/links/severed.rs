//! A connection that breaks when the link closes whose bytes it carries: looked at before each read and write, and woken
//! when it happens, so that a write that waits for a slow reader ends too.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Gate;

/// The link whose bytes a connection carries at the moment; `None`: of none that could be closed. Set before the bytes
/// are handed to the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carries(Arc<Mutex<Option<Arc<Gate>>>>);

/// `inner`, which breaks when the link of [`Carries`] closes.
pub(crate) struct Severed<T> {
    inner: T,
    carries: Carries,
    watching: Option<Watching>,
}

struct Watching {
    gate: Arc<Gate>,
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Carries {
    /// From now on the connection carries bytes of this link.
    pub(crate) fn set(&self, gate: Option<Arc<Gate>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gate;
    }

    fn get(&self) -> Option<Arc<Gate>> {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gate.clone()
    }
}

impl Watching {
    fn new(gate: Arc<Gate>) -> Self {
        let watched = Arc::clone(&gate);
        Self {
            gate,
            closed: Box::pin(async move { watched.closed().await }),
        }
    }
}

impl<T> Severed<T> {
    pub(crate) fn new(inner: T, carries: Carries) -> Self {
        Self {
            inner,
            carries,
            watching: None,
        }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(gate) = self.carries.get() else {
            self.watching = None;
            return Ok(());
        };
        let watching = match self.watching.take() {
            Some(watching) if Arc::ptr_eq(&watching.gate, &gate) => watching,
            _ => Watching::new(gate),
        };
        if self.watching.insert(watching).closed.as_mut().poll(cx) == Poll::Ready(()) {
            // A future that is done must not be polled again.
            self.watching = None;
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                super::Closed,
            ));
        }
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Severed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Severed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests state what must hold")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::Links;
    use super::*;

    #[tokio::test]
    async fn a_write_that_waits_for_bob_ends_when_the_link_closes_and_he_gets_no_byte_more() {
        let (ours, mut bob) = tokio::io::duplex(8);
        let (links, carries) = (Links::default(), Carries::default());
        let mut line = Severed::new(ours, carries.clone());
        line.write_all(b"free").await.unwrap();
        carries.set(Some(links.gate("low")));
        let writing = tokio::spawn(async move { line.write_all(&[1; 64]).await });
        while !writing.is_finished() {
            links.gate("low").close();
            tokio::task::yield_now().await;
        }
        let kind = writing.await.unwrap().map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::ConnectionAborted));
        let mut got = Vec::new();
        bob.read_to_end(&mut got).await.unwrap();
        assert!(got.starts_with(b"free") && got.len() <= 8, "{got:?}");
    }

    #[tokio::test]
    async fn a_connection_of_no_link_and_one_of_another_link_go_on() {
        let (ours, mut bob) = tokio::io::duplex(64);
        let (links, carries) = (Links::default(), Carries::default());
        let mut line = Severed::new(ours, carries.clone());
        links.gate("low").close();
        line.write_all(b"a").await.unwrap();
        carries.set(Some(links.gate("mid")));
        line.write_all(b"b").await.unwrap();
        carries.set(Some(links.gate("low")));
        assert!(line.write_all(b"c").await.is_err());
        drop(line);
        let mut got = String::new();
        bob.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "ab");
    }
}
