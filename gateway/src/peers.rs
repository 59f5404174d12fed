//! The peers: who may speak to us from outside, and in whose name.
//!
//! ```text
//! sluice peer export ──▶ record (JSON, carried by people) ──▶ sluice peer import ──▶ peers/ZONE.json ──▶ Peers
//! ```
//!
//! A record binds certificate, Matrix server names and signing key of one gateway; `Peers` finds the record by any of
//! them, and two records never share one. A link is open only when both clearances were given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluice_certs::{CertificateDer, IdentityError, PeerIdentity, Pin, UnixTime};
use sluice_policy::label::Clearance;

use crate::config::{Config, Material, Mistake, Mistakes};

mod checked;
pub mod cli;
pub mod record;
pub mod store;

pub use record::{Record, RecordFault};

/// Peers at most.
pub const MAX_PEERS: usize = 1000;

/// What we are ourselves: no peer may claim any of it.
#[derive(Debug, Clone)]
pub struct Own {
    /// Our zone.
    pub zone: String,
    /// Our gateway's name.
    pub gateway: String,
    /// Our homeservers.
    pub server_names: BTreeSet<String>,
    /// Our certificate's key.
    pub pin: Pin,
    /// Our signing key between gateways.
    pub signing_key: [u8; 32],
}

/// One peer gateway, as its record and our operator say.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The record as it was imported.
    pub record: Record,
    /// What its certificate must be.
    pub identity: PeerIdentity,
    /// Its public signing key; the id is in the record.
    pub signing_key: [u8; 32],
    /// What may go to it.
    pub send: Option<Clearance>,
    /// What may come from it.
    pub receive: Option<Clearance>,
}

/// All peers. Immutable: a reload makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    by_zone: BTreeMap<String, Arc<Peer>>,
    by_server: BTreeMap<String, Arc<Peer>>,
    by_pin: BTreeMap<Pin, Arc<Peer>>,
    checked: checked::Checked,
}

impl Own {
    /// Our own identity from configuration and key files.
    pub fn of(config: &Config, material: &Material) -> Self {
        Self {
            zone: config.zone.clone(),
            gateway: config.border.name.clone(),
            server_names: config
                .homeservers
                .iter()
                .map(|homeserver| homeserver.name.clone())
                .collect(),
            pin: material.border.facts().pin,
            signing_key: material.signing.public(),
        }
    }
}

impl Peer {
    /// The peer's zone.
    pub fn zone(&self) -> &str {
        &self.record.zone
    }

    /// Whether it speaks for a Matrix server name, spelled exactly so.
    pub fn speaks_for(&self, server_name: &str) -> bool {
        self.record
            .server_names
            .iter()
            .any(|name| name == server_name)
    }

    /// Whether both clearances were given. A closed link relays nothing in either direction.
    pub fn is_open(&self) -> bool {
        self.send.is_some() && self.receive.is_some()
    }
}

impl Peers {
    /// Reads the folder of peer records. A folder that is not there is no peer. Every mistake in every file is told.
    pub fn load(folder: &Path, own: &Own) -> Result<Self, Mistakes> {
        let mut peers = Self::default();
        let mut mistakes = Vec::new();
        for file in store::files(folder)? {
            match store::read(&file)
                .and_then(|stored| stored.peer().map_err(|fault| fault.in_file(&file)))
            {
                Ok(peer) => mistakes.extend(peers.add(&file, peer, own)),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() {
            Ok(peers)
        } else {
            Err(Mistakes(mistakes))
        }
    }

    /// All peers, by zone.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.by_zone.values()
    }

    /// The peer of a zone.
    pub fn by_zone(&self, zone: &str) -> Option<&Arc<Peer>> {
        self.by_zone.get(zone)
    }

    /// The peer that speaks for a Matrix server name, spelled exactly so.
    pub fn by_server(&self, server_name: &str) -> Option<&Arc<Peer>> {
        self.by_server.get(server_name)
    }

    /// The peer whose record fits the certificates shown in a handshake (leaf first) in chain, name, key and time.
    pub fn identify(
        &self,
        shown: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<&Arc<Peer>, IdentityError> {
        let checked = self.checked.pin(shown, now);
        if let Some(peer) = checked.and_then(|pin| self.by_pin.get(&pin)) {
            return Ok(peer);
        }
        let leaf = shown.first().ok_or(IdentityError::NoCertificate)?;
        let facts =
            sluice_certs::CertificateFacts::of_der(leaf).map_err(|_| IdentityError::Malformed)?;
        let Some(peer) = self.by_pin.get(&facts.pin) else {
            return Err(self.nearest_error(shown, now));
        };
        peer.identity.check(shown, now)?;
        self.checked.remember(shown, facts.pin, now);
        Ok(peer)
    }

    /// Which record an unknown certificate came closest to: what the audit record should say about it.
    fn nearest_error(&self, shown: &[CertificateDer<'_>], now: UnixTime) -> IdentityError {
        let errors = self
            .iter()
            .filter_map(|peer| peer.identity.check(shown, now).err());
        errors
            .max_by_key(nearness)
            .unwrap_or(IdentityError::UnknownPeer)
    }

    /// What of `peer` is already owned by another or by ourselves; `None` if nothing is. Its own zone's earlier record
    /// does not count: a new record replaces it.
    pub fn conflict(&self, peer: &Peer, own: &Own) -> Option<RecordFault> {
        own_conflict(peer, own).or_else(|| {
            let others = self.iter().filter(|other| other.zone() != peer.zone());
            others.into_iter().find_map(|other| shared(peer, other))
        })
    }

    fn add(&mut self, file: &Path, peer: Peer, own: &Own) -> Option<Mistake> {
        if self.by_zone.len() >= MAX_PEERS {
            let message = format!("is one peer more than {MAX_PEERS}");
            return Some(Mistake::of_file(
                file,
                message,
                "remove records that are no longer needed",
            ));
        }
        if file.file_stem().and_then(|stem| stem.to_str()) != Some(peer.zone()) {
            let message = format!("holds the record of zone {:?}", peer.zone());
            return Some(Mistake::of_file(
                file,
                message,
                "name the file after the zone, or import the record again",
            ));
        }
        if let Some(fault) = self.conflict(&peer, own) {
            return Some(fault.in_file(file));
        }
        let peer = Arc::new(peer);
        for name in &peer.record.server_names {
            self.by_server.insert(name.clone(), Arc::clone(&peer));
        }
        self.by_pin.insert(peer.identity.pin(), Arc::clone(&peer));
        self.by_zone.insert(peer.record.zone.clone(), peer);
        None
    }
}

/// The file of a zone's record.
pub fn file_of(folder: &Path, zone: &str) -> PathBuf {
    folder.join(format!("{zone}.json"))
}

fn own_conflict(peer: &Peer, own: &Own) -> Option<RecordFault> {
    let claimed = |what: &str| RecordFault::Ours {
        what: what.to_owned(),
    };
    if peer.zone() == own.zone {
        return Some(claimed(&format!("the zone name {:?}", own.zone)));
    }
    if peer.record.gateway == own.gateway {
        return Some(claimed(&format!("the gateway name {:?}", own.gateway)));
    }
    if let Some(name) = peer
        .record
        .server_names
        .iter()
        .find(|name| own.server_names.contains(*name))
    {
        return Some(claimed(&format!("the server name {name:?}")));
    }
    if peer.identity.pin() == own.pin {
        return Some(claimed("the certificate's key"));
    }
    (peer.signing_key == own.signing_key).then(|| claimed("the signing key"))
}

fn shared(peer: &Peer, other: &Peer) -> Option<RecordFault> {
    let taken = |what: String| RecordFault::Taken {
        what,
        zone: other.zone().to_owned(),
    };
    if let Some(name) = peer
        .record
        .server_names
        .iter()
        .find(|name| other.speaks_for(name))
    {
        return Some(taken(format!("the server name {name:?}")));
    }
    if peer.record.gateway == other.record.gateway {
        return Some(taken(format!(
            "the gateway name {:?}",
            other.record.gateway
        )));
    }
    if peer.identity.pin() == other.identity.pin() {
        return Some(taken("the certificate's key".to_owned()));
    }
    (peer.signing_key == other.signing_key).then(|| taken("the signing key".to_owned()))
}

/// How far the check of a certificate came before it failed.
fn nearness(error: &IdentityError) -> u8 {
    match error {
        IdentityError::OtherKey => 5,
        IdentityError::OtherName { .. } => 4,
        IdentityError::Expired | IdentityError::NotYetValid => 3,
        IdentityError::Usage(_) => 2,
        IdentityError::ForeignCa => 1,
        IdentityError::NoCertificate | IdentityError::Malformed | IdentityError::UnknownPeer => 0,
    }
}

#[cfg(test)]
mod tests;
