//! What a request is judged and relayed under: one snapshot of configuration, peers and policy, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sluice_policy::bundle::Bundle;
use sluice_policy::decide::{self, ClearanceOf, LinkClearance, LinkContext};
use sluice_policy::facts::Direction;
use sluice_policy::keys::SigningKey;
use sluice_policy::label::{Clearance, Label};
use sluice_policy::link::{Encryption, LinkPolicy, ThirdServers};
use time::OffsetDateTime;

use crate::config::Config;
use crate::exchange::{Exchange, Way};
use crate::links::Links;
use crate::peers::{Peer, Peers};
use crate::refusal::Refusal;
use crate::relay::{self, Homeserver, PeerClient, PeerTarget};
use crate::tell::Connected;

/// The snapshot.
#[derive(Debug)]
pub struct Active {
    /// The configuration.
    pub config: Config,
    /// The zone's own clearance, where it has one.
    pub clearance: Option<Clearance>,
    /// By which senders of our zone are told, where there is such a way.
    pub connector: Option<Connected>,
    /// The peer records with their clearances.
    pub peers: Peers,
    /// Our own zone, as the far end of a link between two of its homeservers.
    pub own: Arc<Peer>,
    /// The policy; without one nothing crosses.
    pub bundle: Result<Arc<Bundle>, String>,
    /// Our signing keys.
    pub keys: Arc<LinkKeys>,
    /// Clients of our homeservers, by server name.
    pub homeservers: BTreeMap<String, Arc<Homeserver>>,
    /// Clients of the peers' gateways, by zone; they outlive a reload where the peer did not change.
    pub clients: Arc<relay::Peers>,
    /// Whether the link with each peer is open; outlives reloads.
    pub links: Arc<Links>,
    /// Where and as whom each peer's gateway is dialled, by zone.
    pub targets: BTreeMap<String, PeerTarget>,
}

/// The keys that the gateway signs requests with.
#[derive(Debug)]
pub struct LinkKeys {
    /// Between gateways.
    pub signing: SigningKey,
    /// Towards our own homeserver.
    pub injected: SigningKey,
}

impl Active {
    /// Whether `server` is a homeserver of our zone.
    #[must_use]
    pub fn is_local(&self, server: &str) -> bool {
        self.config.homeserver(server).is_some()
    }

    /// Whose homeserver this is: a peer's, or our own zone's.
    #[must_use]
    pub fn zone_of(&self, server: &str) -> Option<&Arc<Peer>> {
        match self.is_local(server) {
            true => Some(&self.own),
            false => self.peers.by_server(server),
        }
    }

    /// Whether the gateway that vouches for the keys of a homeserver is the one that did `before`: its name, the key of its
    /// certificate, and its signing key.
    #[must_use]
    pub fn has_same_keys_from(&self, before: &Self, server: &str) -> bool {
        if let (Some(now), Some(then)) =
            (self.homeservers.get(server), before.homeservers.get(server))
        {
            return Arc::ptr_eq(now, then);
        }
        let source = |active: &Self| {
            let peer = active.peers.by_server(server)?;
            let pin = peer.record.key_sha256.to_ascii_lowercase();
            Some((peer.record.gateway.clone(), pin, peer.signing_key))
        };
        source(self).is_some_and(|now| source(before) == Some(now))
    }

    /// The homeservers of our zone.
    #[must_use]
    pub fn locals(&self) -> Vec<&str> {
        let homeservers = self.config.homeservers.iter();
        homeservers
            .map(|homeserver| homeserver.name.as_str())
            .collect()
    }

    /// The homeserver in whose name the gateway asks where the caller did not say.
    #[must_use]
    pub fn first_local(&self) -> &str {
        self.config
            .homeservers
            .first()
            .map_or("", |homeserver| homeserver.name.as_str())
    }

    /// The policy.
    ///
    /// # Errors
    /// [`Refusal`] where there is none that loads: a failure of the gateway, no verdict.
    pub fn bundle(&self) -> Result<&Bundle, Refusal> {
        self.bundle
            .as_deref()
            .map_err(|error| Refusal::ourselves("gateway.bundle", error.clone()))
    }

    /// Whether rooms may cross one half of an exchange in which users of a third server are that stands in a peer record.
    #[must_use]
    pub fn lists_thirds(&self, exchange: &Exchange, way: Way) -> bool {
        let bundle = self.bundle.as_ref().ok();
        let policy = bundle.and_then(|bundle| bundle.link(&exchange.link(way)));
        exchange.is_own_zone()
            || policy.is_some_and(|policy| policy.third_servers == ThirdServers::Listed)
    }

    /// Whether users of a server may be in a room that crosses one half of an exchange.
    #[must_use]
    pub fn admits(&self, exchange: &Exchange, way: Way, server: &str) -> bool {
        self.is_local(server)
            || exchange.peer.speaks_for(server)
            || (self.lists_thirds(exchange, way) && self.peers.by_server(server).is_some())
    }

    /// The link from a peer's zone to ours; `None` while it is closed. `name` is its name.
    #[must_use]
    pub fn link_from<'a>(&'a self, peer: &'a Peer, name: &'a str) -> Option<LinkContext<'a>> {
        let (_, receive) = (peer.send.as_ref()?, peer.receive.as_ref()?);
        Some(LinkContext {
            name,
            from: peer.zone(),
            to: &self.config.zone,
            direction: Direction::Inbound,
            clearances: self.clearances(receive),
        })
    }

    /// As [`Self::link_from`]; `None` also while an operator has closed it.
    #[must_use]
    pub fn open_link_from<'a>(&'a self, peer: &'a Peer, name: &'a str) -> Option<LinkContext<'a>> {
        let link = self.link_from(peer, name)?;
        (!self.links.gate(peer.zone()).is_closed()).then_some(link)
    }

    /// The zone of a server that is at neither end of an exchange, where a peer record names it. Within our own zone
    /// there is none: what came from a peer was judged when it came.
    #[must_use]
    pub fn third(&self, exchange: &Exchange, server: &str) -> Option<&str> {
        if exchange.is_own_zone() || self.is_local(server) || exchange.peer.speaks_for(server) {
            return None;
        }
        self.peers.by_server(server).map(|peer| peer.zone())
    }

    /// The peers of these zones, each with the name of the link from it to ours.
    #[must_use]
    pub fn links_from(&self, zones: &BTreeSet<String>) -> Vec<(&Peer, String)> {
        let peers = zones.iter().filter_map(|zone| self.peers.by_zone(zone));
        peers
            .map(|peer| (peer.as_ref(), self.name_from(peer.zone())))
            .collect()
    }

    /// The name of the link from a zone to ours.
    #[must_use]
    pub fn name_from(&self, zone: &str) -> String {
        format!("{zone}->{}", self.config.zone)
    }

    /// The zone's own clearance, and this one of a peer's record.
    fn clearances<'a>(&'a self, peer: &'a Clearance) -> Vec<LinkClearance<'a>> {
        let held = |of, clearance| LinkClearance { of, clearance };
        let zone = self.clearance.as_ref();
        zone.map(|zone| held(ClearanceOf::Zone, zone))
            .into_iter()
            .chain([held(ClearanceOf::Peer, peer)])
            .collect()
    }

    /// The link of one half of an exchange, with what may cross it: the sender's side may originate it and the
    /// receiver's side may have it (LB-8). `name` is [`Exchange::link`] of that half. Nothing may cross the link within
    /// our own zone by its clearances: nobody asks them there.
    ///
    /// # Errors
    /// [`Refusal`] where the peer's record lacks a clearance: the link is closed.
    pub fn link_context<'a>(
        &'a self,
        exchange: &'a Exchange,
        way: Way,
        name: &'a str,
    ) -> Result<LinkContext<'a>, Refusal> {
        let outbound = exchange.outbound(way);
        let (peer, direction) = match outbound {
            true => (exchange.peer.send.as_ref(), Direction::Outbound),
            false => (exchange.peer.receive.as_ref(), Direction::Inbound),
        };
        let closed = || {
            Refusal::forbidden(
                "protocol.link_closed",
                "the peer's record has no clearance for this direction",
            )
        };
        let clearances = match exchange.is_own_zone() {
            true => Vec::new(),
            false => self.clearances(peer.ok_or_else(closed)?),
        };
        let (from, to) = exchange.zones(way);
        Ok(LinkContext {
            name,
            from,
            to,
            direction,
            clearances,
        })
    }

    /// The names of every link of this gateway, both directions of each peer.
    #[must_use]
    pub fn link_names(&self) -> Vec<String> {
        let ours = &self.config.zone;
        let zones = self.peers.iter().map(|peer| peer.zone());
        zones
            .flat_map(|theirs| [format!("{ours}->{theirs}"), format!("{theirs}->{ours}")])
            .collect()
    }

    /// Whether a room of this label may be known on the other side of this half of an exchange.
    ///
    /// # Errors
    /// [`Refusal`] where the link is closed or there is no bundle.
    pub fn grants(&self, exchange: &Exchange, way: Way, label: &Label) -> Result<bool, Refusal> {
        let name = exchange.link(way);
        let link = self.link_context(exchange, way, &name)?;
        let at = OffsetDateTime::now_utc();
        Ok(decide::grants(self.bundle()?, &link, label, at))
    }

    /// Whether the link demands labels, so that labels of rooms and targets must be known.
    #[must_use]
    pub fn demands_labels(&self, link: &str) -> bool {
        self.bundle
            .as_ref()
            .is_ok_and(|bundle| bundle.link(link).is_some_and(LinkPolicy::demands_labels))
    }

    /// The profile fields that cross a link.
    ///
    /// # Errors
    /// [`Refusal`] where there is no bundle.
    pub fn profile_fields(&self, link: &str) -> Result<&[String], Refusal> {
        let policy = self.bundle()?.link(link);
        Ok(policy.map_or(&[], |policy| policy.profile_fields.as_slice()))
    }

    /// Whether a link refuses ciphertext in either direction, so that its rooms cannot be encrypted.
    ///
    /// # Errors
    /// [`Refusal`] where there is no bundle.
    pub fn refuses_encryption(&self, exchange: &Exchange) -> Result<bool, Refusal> {
        let bundle = self.bundle()?;
        if exchange.is_own_zone() {
            return Ok(false);
        }
        let refuses = |way| {
            let policy = bundle.link(&exchange.link(way));
            policy.is_none_or(|policy| policy.encryption == Encryption::Refuse)
        };
        Ok(refuses(Way::Request) || refuses(Way::Answer))
    }

    /// The client of one of our homeservers.
    ///
    /// # Errors
    /// [`Refusal`] where the configuration has no such homeserver.
    pub fn homeserver(&self, name: &str) -> Result<&Homeserver, Refusal> {
        let missing = || {
            Refusal::ourselves(
                "gateway.homeserver",
                "the homeserver is not in the configuration",
            )
        };
        self.homeservers
            .get(name)
            .map(Arc::as_ref)
            .ok_or_else(missing)
    }

    /// The client of a peer's gateway.
    ///
    /// # Errors
    /// [`Refusal`] where the peer's record has left the configuration meanwhile.
    pub fn peer_client(&self, peer: &Peer) -> Result<Arc<PeerClient>, Refusal> {
        let missing = || Refusal::ourselves("gateway.peer", "the peer's record was removed");
        self.clients.get(peer.zone()).ok_or_else(missing)
    }

    /// The moment between the audit log's sync and the relay, stretched for the tests that kill the gateway in it.
    pub async fn pause_after_record(&self) {
        let millis = self.config.danger.pause_after_record_ms;
        if millis > 0 {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
    }
}
