//! What a request is judged and relayed under: one snapshot of configuration, peers and policy, replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_policy::bundle::Bundle;
use sluice_policy::decide::{self, ClearanceOf, LinkClearance, LinkContext};
use sluice_policy::facts::Direction;
use sluice_policy::keys::SigningKey;
use sluice_policy::label::{Clearance, Label};
use sluice_policy::link::LinkPolicy;
use time::OffsetDateTime;

use crate::config::Config;
use crate::exchange::{Exchange, Way};
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
    /// The policy; without one nothing crosses.
    pub bundle: Result<Arc<Bundle>, String>,
    /// Our signing keys.
    pub keys: Arc<LinkKeys>,
    /// Clients of our homeservers, by server name.
    pub homeservers: BTreeMap<String, Arc<Homeserver>>,
    /// Clients of the peers' gateways, by zone; they outlive a reload where the peer did not change.
    pub clients: Arc<relay::Peers>,
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

    /// The link of one half of an exchange, with what may cross it: the sender's side may originate it and the
    /// receiver's side may have it (LB-8). `name` is [`Exchange::link`] of that half.
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
        let peer = peer.ok_or_else(|| {
            Refusal::forbidden(
                "protocol.link_closed",
                "the peer's record has no clearance for this direction",
            )
        })?;
        let held = |of, clearance| LinkClearance { of, clearance };
        let zone = self.clearance.as_ref();
        let (from, to) = exchange.zones(way);
        Ok(LinkContext {
            name,
            from,
            to,
            direction,
            clearances: zone
                .map(|zone| held(ClearanceOf::Zone, zone))
                .into_iter()
                .chain([held(ClearanceOf::Peer, peer)])
                .collect(),
        })
    }

    /// Every link of this gateway, both directions of each peer.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
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
