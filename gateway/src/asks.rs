//! What the gateway asks on its own account: key documents of both sides, and rooms and events of its own homeserver in
//! the name of a joined peer, signed by the injected key. Each such request has its own audit line (`face: own`).

use std::sync::Arc;
use std::time::Instant;

use ruma_common::CanonicalJsonValue;
use sluice_policy::json::{self, Limits};
use sluice_policy::keys::KeyDocument;

use crate::audit::entry::{Entry, Face, RequestEntry};
use crate::exchange::Exchange;
use crate::gateway::{Active, Gateway, now_ms};
use crate::http::Outgoing;
use crate::keystore::{KEYS_FAILED, KeyPatience, Known, Need};
use crate::links::Closed;
use crate::parse::{self, Parsed};
use crate::peers::Peer;
use crate::rebuild;
use crate::refusal::{AUDIT_FAILED, Blame, Refusal};
use crate::relay::{Answer, RelayError, Reply};
use crate::route::{self, Route, Shape};
use crate::stream::intake;

/// Largest key document.
const KEY_DOCUMENT: Limits = Limits {
    bytes: 64 * 1024,
    depth: 8,
    nodes: 1000,
};
/// The rule where our homeserver answers a question of ours with a failure of its own.
pub(crate) const HOMESERVER_FAILED: &str = "gateway.homeserver";
const KEYS_TARGET: &str = "/_matrix/key/v2/server";

/// What a homeserver of ours says.
#[derive(Debug)]
pub(crate) enum Said {
    /// This.
    Found(Box<Parsed>),
    /// That who asks may not know.
    Forbidden,
    /// That there is nothing.
    NotFound,
}

impl Gateway {
    /// Asks our own homeserver in the name of the exchange's remote homeserver.
    ///
    /// # Errors
    /// [`Refusal`] where the homeserver does not answer; `Ok(None)` where it answers that there is nothing.
    pub(crate) async fn ask(
        &self,
        active: &Active,
        exchange: &Exchange,
        target: &str,
    ) -> Result<Option<Parsed>, Refusal> {
        let (origin, destination) = (exchange.remote.as_str(), exchange.local.as_str());
        self.ask_as(active, exchange, (origin, destination), target)
            .await
    }

    /// Asks one of our homeservers in the name of another homeserver, whose requests the injected key signs towards it.
    ///
    /// # Errors
    /// As [`Gateway::ask`].
    pub(crate) async fn ask_as(
        &self,
        active: &Active,
        exchange: &Exchange,
        (origin, destination): (&str, &str),
        target: &str,
    ) -> Result<Option<Parsed>, Refusal> {
        let said = self.said(active, exchange, (origin, destination), target);
        Ok(match said.await? {
            Said::Found(answer) => Some(*answer),
            Said::Forbidden | Said::NotFound => None,
        })
    }

    /// As [`Gateway::ask_as`], with the way in which there is nothing.
    ///
    /// # Errors
    /// As [`Gateway::ask`].
    pub(crate) async fn said(
        &self,
        active: &Active,
        exchange: &Exchange,
        (origin, destination): (&str, &str),
        target: &str,
    ) -> Result<Said, Refusal> {
        let unroutable = |_| {
            Refusal::ourselves(
                "gateway.ask",
                "the gateway asked for something outside of its table",
            )
        };
        let route = route::route("GET", target).map_err(unroutable)?;
        let outgoing = rebuild::signed(
            "GET",
            &route.target(),
            origin,
            destination,
            None,
            &active.keys.injected,
        )?;
        self.own_line(&exchange.reference, &route, origin, destination)
            .await?;
        let gate = active.links.gate(exchange.peer.zone());
        let reply = active
            .homeserver(destination)?
            .open_of(&gate, &outgoing)
            .await
            .map_err(|error| far_side(&error))?;
        match reply.status() {
            200 => read_answer(active, &route.endpoint.response, reply)
                .await
                .map(|answer| Said::Found(Box::new(answer))),
            403 => Ok(Said::Forbidden),
            404 => Ok(Said::NotFound),
            status => Err(Refusal::ourselves(
                HOMESERVER_FAILED,
                format!("our homeserver answers {status}"),
            )),
        }
    }

    /// The key document of one of our homeservers.
    pub(crate) async fn own_keys(
        &self,
        active: &Active,
        server: &str,
        key_id: Option<&str>,
        need: Need,
    ) -> Result<Arc<Known>, Refusal> {
        let fetch = async || {
            let outgoing = Outgoing {
                method: hyper::Method::GET,
                path_and_query: KEYS_TARGET.to_owned(),
                host: server.to_owned(),
                authorization: None,
                body: None,
            };
            self.keys_line(server, server).await?;
            let sent = active
                .homeserver(server)?
                .send(&outgoing, KEY_DOCUMENT.bytes)
                .await;
            read_document(server, sent.map_err(|error| far_side(&error))?)
        };
        self.keys
            .ensure(server, key_id, now_ms(), need, fetch)
            .await
    }

    /// The key document of a peer's homeserver, from the gateway that vouches for it.
    pub(crate) async fn peer_keys(
        &self,
        active: &Active,
        peer: &Peer,
        local: &str,
        server: &str,
        (key_id, need): (Option<&str>, Need),
    ) -> Result<Arc<Known>, Refusal> {
        let fetch = async || {
            if active.links.gate(peer.zone()).is_closed() {
                return Err(Closed.into());
            }
            let outgoing = rebuild::signed(
                "GET",
                KEYS_TARGET,
                local,
                server,
                None,
                &active.keys.signing,
            )?;
            self.keys_line(local, server).await?;
            let sent = active
                .peer_client(peer)?
                .send(&outgoing, KEY_DOCUMENT.bytes)
                .await;
            read_document(server, sent.map_err(|error| far_side(&error))?)
        };
        self.keys
            .ensure(server, key_id, now_ms(), need, fetch)
            .await
    }

    /// Whether the keys of a homeserver are at hand. Without those of an end of the exchange nothing of it goes on; those of
    /// anybody else are waited for as long as `patience` lasts, and missing where their gateway is away or its link closed.
    ///
    /// # Errors
    /// [`Refusal`] where an end of the exchange does not give its keys, or the audit log cannot be written.
    pub(crate) async fn has_keys(
        &self,
        active: &Active,
        exchange: &Exchange,
        server: &str,
        key_id: Option<&str>,
        patience: &mut KeyPatience,
    ) -> Result<bool, Refusal> {
        let is_end = server == exchange.local || server == exchange.remote;
        let need = match is_end {
            true => Need::End,
            false => patience.need(),
        };
        let asked = Instant::now();
        let found = match active.peers.by_server(server) {
            _ if active.is_local(server) => self.own_keys(active, server, key_id, need).await,
            Some(peer) => {
                self.peer_keys(active, peer, &exchange.local, server, (key_id, need))
                    .await
            }
            None => Err(Refusal::forbidden(
                "protocol.third_server",
                "a server that stands in no peer record",
            )),
        };
        match found {
            Ok(_) => {}
            Err(refusal) if is_end || refusal.rule == AUDIT_FAILED => return Err(refusal),
            Err(Refusal { rule, detail, .. }) => {
                tracing::warn!(reference = %exchange.reference, server, rule, detail, "keys are missing");
                patience.spend(asked);
                return Ok(false);
            }
        }
        if !is_end {
            patience.spend(asked);
        }
        Ok(true)
    }

    async fn keys_line(&self, origin: &str, destination: &str) -> Result<(), Refusal> {
        let unroutable =
            |_| Refusal::ourselves("gateway.ask", "the endpoint table lacks the key document");
        let route = route::route("GET", KEYS_TARGET).map_err(unroutable)?;
        self.own_line(&self.next_reference(), &route, origin, destination)
            .await
    }

    pub(crate) async fn own_line(
        &self,
        reference: &str,
        route: &Route,
        origin: &str,
        destination: &str,
    ) -> Result<(), Refusal> {
        let line = RequestEntry {
            request: reference.into(),
            face: Face::Own,
            op: route.endpoint.op.as_str().into(),
            method: route.endpoint.method.into(),
            path: route.endpoint.path.into(),
            room_id: route.room_id().map(Into::into),
            event_id: route.params.get("event").map(Into::into),
            origin: origin.into(),
            destination: destination.into(),
            ..RequestEntry::default()
        };
        self.recorded(Entry::Request(line)).await
    }
}

/// A large answer is read for what it tells of its room alone.
async fn read_answer(
    active: &Active,
    shape: &'static Shape,
    reply: Reply,
) -> Result<Parsed, Refusal> {
    if shape.is_streamed() {
        let pieces = reply
            .pieces(shape.limit)
            .map_err(|error| far_side(&error))?;
        // Of whom no record speaks, nobody asks who is in the room.
        let known = |server: &str| active.peers.by_server(server).is_some();
        return intake::tell(shape, pieces, &known).await;
    }
    let answer = reply.whole(shape.limit).await;
    let answer = answer.map_err(|error| far_side(&error))?;
    parse::parse(shape, &answer.body).map_err(|fault| {
        Refusal::new(
            fault.rule(),
            Blame::FarSide,
            "our homeserver's answer is malformed",
        )
    })
}

fn read_document(server: &str, answer: Answer) -> Result<Known, Refusal> {
    let wrong = |detail: String| Refusal::new(KEYS_FAILED, Blame::Ourselves, detail);
    if answer.status != 200 {
        return Err(wrong(format!(
            "the key document of {server} is answered {}",
            answer.status
        )));
    }
    let tree = json::parse(&answer.body, &KEY_DOCUMENT);
    let Ok(CanonicalJsonValue::Object(signed)) = tree else {
        return Err(wrong(format!(
            "the key document of {server} is not strict JSON"
        )));
    };
    let now = now_ms();
    let document = KeyDocument::read(signed.clone(), server, now)
        .map_err(|fault| wrong(format!("the key document of {server} is refused: {fault}")))?;
    if document.valid_until_ts <= now {
        return Err(wrong(format!("the key document of {server} has expired")));
    }
    Ok(Known::new(document, signed, now))
}

/// A far side that does not answer is nobody's verdict.
pub(crate) fn far_side(error: &RelayError) -> Refusal {
    match error {
        RelayError::Closed(closed) => Refusal::from(*closed),
        error => Refusal::new("gateway.relay", Blame::FarSide, error.to_string()),
    }
}
