//! What a request is judged and relayed under: one snapshot of configuration, peers and policy, replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_policy::bundle::Bundle;
use sluice_policy::keys::SigningKey;
use sluice_policy::label::Clearance;
use sluice_policy::link::LinkPolicy;

use crate::config::Config;
use crate::exchange::{Exchange, Way};
use crate::peers::{Peer, Peers};
use crate::refusal::Refusal;
use crate::relay::{self, Homeserver, PeerClient, PeerTarget};

/// The snapshot.
#[derive(Debug)]
pub struct Active {
    /// The configuration.
    pub config: Config,
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

    /// The clearances of the peer's record that every label on this half of an exchange must satisfy.
    ///
    /// # Errors
    /// [`Refusal`] where the peer's record lacks one: the link is closed.
    pub fn clearances<'a>(
        &'a self,
        exchange: &'a Exchange,
        way: Way,
    ) -> Result<Vec<&'a Clearance>, Refusal> {
        let own = match exchange.outbound(way) {
            true => exchange.peer.send.as_ref(),
            false => exchange.peer.receive.as_ref(),
        };
        let own = own.ok_or_else(|| {
            Refusal::forbidden(
                "protocol.link_closed",
                "the peer's record has no clearance for this direction",
            )
        })?;
        Ok(vec![own])
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
