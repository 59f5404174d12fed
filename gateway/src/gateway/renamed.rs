//! A peer whose link an operator closed stays closed when its record comes back under another zone name.
//!
//! A gate is found by its zone, and a zone is what a record says. So a closing is remembered together with all that no two
//! records may share - gateway name, certificate key, signing key, server names - and whoever has one of these is closed
//! too, at each start and each reload. A peer of which none of it stays the same is, by all that can be known, another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use super::{Active, Gateway, now_ms};
use crate::audit::AuditError;
use crate::audit::entry::{Entry, LinkEntry, Text};
use crate::journal::{ClosedLink, JournalError};
use crate::peers::Peer;

/// What a peer is known by beside its zone.
fn names_of(peer: &Peer) -> impl Iterator<Item = Text> {
    let record = &peer.record;
    let own = [
        record.gateway.as_str().into(),
        record.key_sha256.to_ascii_lowercase().into(),
        record.signing_key.key.as_str().into(),
    ];
    let servers = record.server_names.iter();
    own.into_iter()
        .chain(servers.map(|name| name.as_str().into()))
}

/// What is recorded of a peer that an operator opens: its names of today.
pub(super) fn opened_as(active: &Active, zone: &str) -> Vec<Text> {
    let peer = active.peers.by_zone(zone);
    peer.into_iter().flat_map(|peer| names_of(peer)).collect()
}

/// What is recorded of a peer that is closed: its names of today, and those that it was closed with before.
pub(super) fn closed_as(active: &Active, zone: &str, before: &[ClosedLink]) -> Vec<Text> {
    let before = before.iter().filter(|closed| closed.peer == zone);
    let old = before.flat_map(|closed| closed.known_as.iter().map(|name| name.as_str().into()));
    let all: BTreeSet<Text> = opened_as(active, zone).into_iter().chain(old).collect();
    all.into_iter().collect()
}

/// A closing as the journal would have it, which does not have it.
pub(super) fn as_closed(line: &LinkEntry) -> ClosedLink {
    ClosedLink {
        peer: line.peer.to_string(),
        known_as: line.known_as.iter().map(ToString::to_string).collect(),
        operator: line.operator.to_string(),
        reason: line.reason.as_ref().map(ToString::to_string),
        since: now_ms(),
    }
}

impl Gateway {
    /// What operators closed: by a journal that has taken over all that the log has, and what could not be recorded.
    ///
    /// # Errors
    /// [`JournalError`]: it has not, or cannot be read.
    pub(super) async fn closed_links(&self) -> Result<Vec<ClosedLink>, JournalError> {
        match self.audit.probe().await {
            Err(AuditError::Journal(error) | AuditError::Unapplied(error)) => Err(error),
            _ => self.closed_by_now(),
        }
    }

    /// The same by the journal as it is.
    ///
    /// # Errors
    /// [`JournalError`]: it cannot be read.
    pub(super) fn closed_by_now(&self) -> Result<Vec<ClosedLink>, JournalError> {
        let mut closed = self.journal.closed_links()?;
        closed.extend(self.unrecorded().iter().cloned());
        Ok(closed)
    }

    /// Forgets unrecorded closings of these peers; of others the names that now belong to an opened one, as the journal does.
    pub(super) fn forget_closed(&self, lines: &[LinkEntry]) {
        let mut unrecorded = self.unrecorded();
        for line in lines {
            unrecorded.retain(|closed| *closed.peer != *line.peer);
            let is_opened =
                |name: &String| line.open && line.known_as.iter().any(|of| *of == **name);
            for closed in unrecorded.iter_mut() {
                closed.known_as.retain(|name| !is_opened(name));
            }
        }
    }

    pub(super) fn unrecorded(&self) -> MutexGuard<'_, Vec<ClosedLink>> {
        let unrecorded = self.unrecorded.lock();
        unrecorded.unwrap_or_else(PoisonError::into_inner)
    }

    /// A reload may have brought a peer under another name since it was looked up. Where the journal does not know of its
    /// closing yet, the closing's own lines tell.
    pub(super) async fn close_renamed(&self, lines: &[LinkEntry]) {
        let closed = self.closed_links().await;
        let closed = closed.unwrap_or_else(|_| lines.iter().map(as_closed).collect());
        let again = Self::close_again(&self.active(), &closed);
        self.record_closed(again).await;
    }

    /// Closes what operators closed, under whichever name it is there now; the lines are for the record, where something
    /// was closed that stands in none yet.
    pub(super) fn close_again(active: &Active, closed: &[ClosedLink]) -> Vec<Entry> {
        for link in closed {
            active.links.gate(&link.peer).close();
        }
        let by_name: BTreeMap<&str, &ClosedLink> = closed
            .iter()
            .flat_map(|link| link.known_as.iter().map(move |name| (name.as_str(), link)))
            .collect();
        let mut lines = Vec::new();
        for peer in active.peers.iter() {
            let own = closed.iter().find(|link| link.peer == peer.zone());
            let found =
                own.or_else(|| names_of(peer).find_map(|name| by_name.get(name.as_str()).copied()));
            let Some(found) = found else { continue };
            active.links.gate(peer.zone()).close();
            let known_as = closed_as(active, peer.zone(), closed);
            if own.is_none_or(|own| own.known_as.len() < known_as.len().min(Entry::KNOWN_AS)) {
                tracing::warn!(peer = peer.zone(), closed_as = found.peer, "link closed");
                lines.push(Entry::Link(LinkEntry {
                    peer: peer.zone().into(),
                    open: false,
                    operator: found.operator.as_str().into(),
                    reason: found.reason.as_deref().map(Into::into),
                    known_as,
                }));
            }
        }
        lines
    }

    /// Records what [`Gateway::close_again`] found. It is closed already, so that a log that cannot be written opens nothing.
    pub(crate) async fn record_closed(&self, lines: Vec<Entry>) {
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.audit.note(lines).await {
            tracing::error!(%error, "what stays closed under another name could not be recorded; it is closed all the same");
        }
    }
}
