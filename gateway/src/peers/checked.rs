//! The certificates that were found good this very second.
//!
//! Every request is identified by its certificates, and a connection carries many a second. Whether a chain is good
//! depends on the records, which never change here, on the certificates and on the second: so an answer of the same
//! second for the same bytes is the same answer. Only good ones are kept; a second later nothing of it counts.

use std::sync::{Mutex, PoisonError};

use sluice_certs::{CertificateDer, Pin, UnixTime};

/// Chains remembered at most; a peer could show its leaf with any intermediates.
const MOST: usize = 64;

/// What was found good in one second.
#[derive(Debug, Default)]
pub(super) struct Checked(Mutex<(u64, Vec<Good>)>);

#[derive(Debug)]
struct Good {
    shown: Vec<CertificateDer<'static>>,
    pin: Pin,
}

impl Checked {
    /// The key of the peer whose chain this is, if that was found out this second.
    pub(super) fn pin(&self, shown: &[CertificateDer<'_>], now: UnixTime) -> Option<Pin> {
        let checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let good = checked.1.iter().find(|good| good.shown == shown)?;
        (checked.0 == now.as_secs()).then_some(good.pin)
    }

    /// Remembers a chain that is good.
    pub(super) fn remember(&self, shown: &[CertificateDer<'_>], pin: Pin, now: UnixTime) {
        let mut checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.0 != now.as_secs() {
            *checked = (now.as_secs(), Vec::new());
        }
        if checked.1.len() < MOST {
            let shown = shown.iter().map(|one| one.clone().into_owned()).collect();
            checked.1.push(Good { shown, pin });
        }
    }
}

/// A copy of the peers begins with nothing.
impl Clone for Checked {
    fn clone(&self) -> Self {
        Self::default()
    }
}
