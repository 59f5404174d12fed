//! Answers that the gateway makes itself: key documents, delegation, version.

use hyper::StatusCode;
use sluice_policy::json;

use super::{Answer, Gateway, now_ms};
use crate::accept::Head;
use crate::audit::entry::{Entry, RequestEntry};
use crate::exchange::{Exchange, Face};
use crate::gateway::Active;
use crate::identify::Caller;
use crate::keystore::Need;
use crate::record::{audit_face, heading};
use crate::refusal::{Blame, Refusal};
use crate::route::{Op, Route};

impl Gateway {
    pub(super) async fn synthesise(
        &self,
        active: &Active,
        head: &Head,
        caller: &Caller,
        route: &Route,
        reference: &str,
    ) -> Result<Answer, Refusal> {
        if caller.xmatrix.is_some() {
            self.verify(active, head, caller, &[]).await?;
        }
        let body = match (route.endpoint.op, caller.face) {
            (Op::ServerKeys, Face::Inside) => self.keys_of_peer(active, caller).await?,
            (Op::ServerKeys, Face::Border) => self.keys_of_ours(active, caller).await?,
            (Op::WellKnown, Face::Inside) => well_known(&caller.remote),
            (Op::Version, Face::Inside) => version(),
            _ => {
                return Err(Refusal::new(
                    "protocol.route.refused",
                    Blame::NotFound,
                    "not answered at this face",
                ));
            }
        };
        self.synthesised_line(caller, route, reference).await?;
        Ok(Answer::new(StatusCode::OK, body))
    }

    /// For our homeserver: the other homeserver's real keys and our injected one, signed by the injected one alone.
    async fn keys_of_peer(&self, active: &Active, caller: &Caller) -> Result<Vec<u8>, Refusal> {
        let known = match active.is_local(&caller.remote) {
            true => {
                self.own_keys(active, &caller.remote, None, Need::End)
                    .await?
            }
            false => {
                let wanted = (None, Need::End);
                self.peer_keys(active, &caller.peer, &caller.local, &caller.remote, wanted)
                    .await?
            }
        };
        Ok(json::write(&known.document.publish(
            &caller.remote,
            &active.keys.injected,
            now_ms(),
        )))
    }

    /// For a peer's gateway: our homeserver's own document, as it signed it.
    async fn keys_of_ours(&self, active: &Active, caller: &Caller) -> Result<Vec<u8>, Refusal> {
        let known = self
            .own_keys(active, &caller.local, None, Need::End)
            .await?;
        let signed = known.document.as_signed(&known.signed);
        let signed = signed.map_err(|fault| {
            let detail =
                format!("the key document of our homeserver cannot be shown to peers: {fault}");
            Refusal::ourselves("gateway.keys", detail)
        })?;
        Ok(json::write(&signed))
    }

    /// The list of public rooms of a link that does not open it.
    pub(super) async fn nothing_listed(&self, exchange: &Exchange) -> Result<Answer, Refusal> {
        let line = RequestEntry {
            own: true,
            ..heading(exchange)
        };
        self.recorded(Entry::Request(line)).await?;
        Ok(Answer::new(StatusCode::OK, br#"{"chunk":[]}"#.to_vec()))
    }

    async fn synthesised_line(
        &self,
        caller: &Caller,
        route: &Route,
        reference: &str,
    ) -> Result<(), Refusal> {
        let (origin, destination) = match caller.face {
            Face::Inside => (&caller.local, &caller.remote),
            Face::Border => (&caller.remote, &caller.local),
        };
        let line = RequestEntry {
            request: reference.into(),
            face: audit_face(caller.face),
            op: route.endpoint.op.as_str().into(),
            method: route.endpoint.method.into(),
            path: route.endpoint.path.into(),
            origin: origin.as_str().into(),
            destination: destination.as_str().into(),
            peer: Some(caller.peer.zone().into()),
            own: true,
            ..RequestEntry::default()
        };
        self.recorded(Entry::Request(line)).await
    }
}

fn well_known(server: &str) -> Vec<u8> {
    serde_json::json!({"m.server": format!("{server}:8448")})
        .to_string()
        .into_bytes()
}

fn version() -> Vec<u8> {
    serde_json::json!({"server": {"name": "Sluice", "version": env!("CARGO_PKG_VERSION")}})
        .to_string()
        .into_bytes()
}
