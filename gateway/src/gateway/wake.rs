//! After a link was opened: both sides' homeservers have backed off, for ten minutes and more, and kept what they owe.
//! What ends a back-off is a valid request of the other side, so each gets an empty transaction in its name.

use std::sync::Arc;

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue as Json};

use super::{Active, Gateway, now_ms};
use crate::http::Outgoing;
use crate::links::Gate;
use crate::peers::Peer;
use crate::refusal::Refusal;
use crate::route;

/// Pairs of homeservers that are woken at most; a peer may speak for a thousand. The others wake by what they send.
pub const PAIRS: usize = 64;
/// Largest answer to an empty transaction.
const ANSWER_BYTES: usize = 64 * 1024;

impl Gateway {
    /// Lets the homeservers of both sides know that they can reach each other again.
    pub(super) async fn wake(self: Arc<Self>, zone: String) {
        let active = self.active();
        let peer = active.peers.by_zone(&zone);
        let Some(peer) = peer.filter(|peer| is_linked(&active, peer)).cloned() else {
            return;
        };
        let pairs = peer.record.server_names.iter().flat_map(|remote| {
            let locals = active.locals();
            locals
                .into_iter()
                .map(move |local| (local, remote.as_str()))
        });
        let pairs: Vec<(&str, &str)> = pairs.take(PAIRS).collect();
        let gate = active.links.gate(&zone);
        for (local, remote) in pairs {
            let woken = gate.while_open(async {
                tokio::join!(
                    self.wake_ours(&active, &gate, local, remote),
                    self.wake_theirs(&active, &peer, local, remote)
                )
            });
            match woken.await {
                Err(_closed_again) => return,
                Ok((ours, theirs)) => {
                    for failed in [ours.err(), theirs.err()].into_iter().flatten() {
                        tracing::info!(local, remote, %failed, "a homeserver was not woken; it wakes by itself later");
                    }
                }
            }
        }
    }

    async fn wake_ours(
        &self,
        active: &Active,
        gate: &Arc<Gate>,
        local: &str,
        remote: &str,
    ) -> Result<(), Refusal> {
        let key = &active.keys.injected;
        let outgoing = self.empty_transaction(remote, local, key).await?;
        let homeserver = active.homeserver(local)?;
        let sent = homeserver.send_of(gate, &outgoing, ANSWER_BYTES).await;
        sent.map(drop)
            .map_err(|error| crate::asks::far_side(&error))
    }

    async fn wake_theirs(
        &self,
        active: &Active,
        peer: &Peer,
        local: &str,
        remote: &str,
    ) -> Result<(), Refusal> {
        let key = &active.keys.signing;
        let outgoing = self.empty_transaction(local, remote, key).await?;
        let client = active.peer_client(peer)?;
        let sent = client.send(&outgoing, ANSWER_BYTES).await;
        sent.map(drop)
            .map_err(|error| crate::asks::far_side(&error))
    }

    /// Written, signed and recorded.
    async fn empty_transaction(
        &self,
        origin: &str,
        destination: &str,
        key: &sluice_policy::keys::SigningKey,
    ) -> Result<Outgoing, Refusal> {
        let reference = self.next_reference();
        let target = format!("/_matrix/federation/v1/send/sluice-{reference}");
        let route = route::route("PUT", &target).map_err(|_| {
            Refusal::ourselves("gateway.ask", "the endpoint table lacks transactions")
        })?;
        let now = Json::Integer(now_ms().try_into().unwrap_or_default());
        let body: CanonicalJsonObject = [
            ("origin", Json::String(origin.to_owned())),
            ("origin_server_ts", now),
            ("pdus", Json::Array(Vec::new())),
            ("edus", Json::Array(Vec::new())),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let outgoing =
            crate::rebuild::signed("PUT", &target, origin, destination, Some(body), key)?;
        self.own_line(&reference, &route, origin, destination)
            .await?;
        Ok(outgoing)
    }
}

/// Whether there is a link to wake: a peer that nothing may cross to is not spoken to.
fn is_linked(active: &Active, peer: &Peer) -> bool {
    let Ok(bundle) = active.bundle() else {
        return false;
    };
    let links = super::operator::both(&active.config.zone, peer.zone());
    peer.is_open() && links.iter().all(|link| bundle.link(link).is_some())
}
