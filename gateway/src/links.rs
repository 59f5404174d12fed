//! Whether a link is open: the emergency stop. One gate a peer, looked at before each byte that crosses.
//!
//! ```text
//! sluice link close ─▶ Gate::close ─┬─▶ requests under way end (Gate::while_open), answered 403
//!                                   ├─▶ connections that carry bytes of the link break (severed.rs)
//!                                   └─▶ the next request is answered 403 before its body is read
//! ```
//!
//! A request carries data one way and its answer the other, so that both links with a peer are closed and opened
//! together. What an operator closed stands in the audit log and in the journal, and is closed from the first moment of
//! the next start.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::refusal::Refusal;

mod severed;

pub(crate) use severed::{Carries, Severed};

/// The rule of every refusal on a closed link.
pub const LINK_CLOSED: &str = "protocol.link_closed";

/// The gates of all peers, by zone. They outlive reloads; a zone gets one when it is first asked for, which only zones
/// of peer records and of the journal are.
#[derive(Debug, Default)]
pub struct Links(RwLock<BTreeMap<String, Arc<Gate>>>);

/// Whether anything may cross between us and one peer. Starts open.
#[derive(Debug, Default)]
pub struct Gate {
    closed: watch::Sender<bool>,
}

/// An operator has closed the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operator has closed the link")]
pub struct Closed;

impl Links {
    /// The gate of a peer.
    #[must_use]
    pub fn gate(&self, zone: &str) -> Arc<Gate> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = known.get(zone) {
            return Arc::clone(gate);
        }
        drop(known);
        let mut gates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(zone.to_owned()).or_default())
    }
}

impl Gate {
    /// From now on nothing crosses, and what is under way ends.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// From now on requests may begin again.
    pub fn open(&self) {
        self.closed.send_replace(false);
    }

    /// Whether it is closed now.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Returns when it is closed, at once if it already is.
    pub async fn closed(&self) {
        // The sender is `self`, so that waiting cannot fail.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Does the work for as long as the gate is open; when it closes, the work ends where it is.
    ///
    /// # Errors
    /// [`Closed`]
    pub async fn while_open<T>(&self, work: impl Future<Output = T>) -> Result<T, Closed> {
        tokio::select! {
            biased;
            () = self.closed() => Err(Closed),
            // What the closing itself made fail, in the same moment, is not the far side's failure.
            done = work => if self.is_closed() { Err(Closed) } else { Ok(done) },
        }
    }
}

impl From<Closed> for Refusal {
    fn from(closed: Closed) -> Self {
        Self::forbidden(LINK_CLOSED, closed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_ends_in_the_moment_of_the_closing_is_closed_and_not_failed() {
        let gate = Links::default().gate("low");
        let broken = async {
            gate.close();
            Err::<(), _>("the connection broke")
        };
        assert_eq!(gate.while_open(broken).await, Err(Closed));
    }

    #[tokio::test]
    async fn what_is_under_way_ends_when_the_link_closes_and_nothing_begins_until_it_opens() {
        let links = Links::default();
        let low = links.gate("low");
        assert_eq!(low.while_open(async { 1 }).await, Ok(1));
        let stuck = low.while_open(std::future::pending::<()>());
        let operator = async {
            tokio::task::yield_now().await;
            links.gate("low").close();
        };
        assert_eq!(tokio::join!(stuck, operator).0, Err(Closed));
        assert!(low.is_closed());
        assert_eq!(low.while_open(async { 2 }).await, Err(Closed));
        assert_eq!(links.gate("mid").while_open(async { 3 }).await, Ok(3));
        low.open();
        assert_eq!(low.while_open(async { 4 }).await, Ok(4));
    }
}
