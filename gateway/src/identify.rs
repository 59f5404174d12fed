//! Stage `identify`: who asks, from whose certificate or secret, in which homeserver's name, and for whom.
//!
//! Three names must be one (invariant 7): the certificate's key, the server name in X-Matrix and the signing
//! key all stand in one peer record. Everything here is decided from the head, before a byte of the body is read; only
//! the signature waits for the body, which it covers.

use std::sync::Arc;

use hyper::Method;
use sluice_certs::UnixTime;
use sluice_policy::keys::verify_request_raw;

use crate::accept::{self, Head};
use crate::exchange::Face;
use crate::gateway::Active;
use crate::peers::Peer;
use crate::refusal::{Blame, Refusal};
use crate::route::Who;
use crate::xmatrix::XMatrix;

/// An identified caller. Its signature is still to be checked ([`Caller::verify`]).
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the request came in.
    pub face: Face,
    /// Our homeserver of the two.
    pub local: String,
    /// The peer's homeserver of the two.
    pub remote: String,
    /// The peer.
    pub peer: Arc<Peer>,
    /// The signature, where the request carries one.
    pub xmatrix: Option<XMatrix>,
}

/// Identifies the caller of a request.
///
/// # Errors
/// [`Refusal`] with the rule that did not fit; nothing of the body was read.
pub fn identify(active: &Active, head: &Head) -> Result<Caller, Refusal> {
    match &head.face {
        accept::Face::Inside { destination } => inside(active, destination, xmatrix(head)?),
        accept::Face::Border { certificates, .. } => {
            let peer = active.peers.identify(certificates, UnixTime::now());
            let peer = peer.map_err(|error| Refusal::forbidden(error.rule(), error.to_string()))?;
            border(active, Arc::clone(peer), xmatrix(head)?)
        }
    }
}

fn xmatrix(head: &Head) -> Result<Option<XMatrix>, Refusal> {
    let header = head.authorization.as_deref().map(XMatrix::parse);
    header
        .transpose()
        .map_err(|error| unauthenticated("protocol.xmatrix", error.to_string()))
}

fn inside(active: &Active, destination: &str, xmatrix: Option<XMatrix>) -> Result<Caller, Refusal> {
    let Some(peer) = active.zone_of(destination).cloned() else {
        return Err(Refusal::forbidden(
            "protocol.unlisted",
            "the destination stands in no peer record",
        ));
    };
    let local = match &xmatrix {
        Some(xmatrix) if !active.is_local(&xmatrix.origin) => {
            return Err(Refusal::forbidden(
                "protocol.origin",
                "the origin is no homeserver of this zone",
            ));
        }
        Some(xmatrix) if xmatrix.origin == destination => {
            return Err(Refusal::forbidden(
                "protocol.destination",
                "a homeserver asks itself",
            ));
        }
        Some(xmatrix) if xmatrix.destination != destination => {
            return Err(Refusal::forbidden(
                "protocol.destination",
                "X-Matrix names another destination",
            ));
        }
        Some(xmatrix) => xmatrix.origin.clone(),
        None => active.first_local().to_owned(),
    };
    Ok(Caller {
        face: Face::Inside,
        local,
        remote: destination.to_owned(),
        peer,
        xmatrix,
    })
}

fn border(active: &Active, peer: Arc<Peer>, xmatrix: Option<XMatrix>) -> Result<Caller, Refusal> {
    let Some(xmatrix) = xmatrix else {
        return Err(unauthenticated(
            "protocol.xmatrix",
            "a peer's request without X-Matrix",
        ));
    };
    if !peer.speaks_for(&xmatrix.origin) {
        return Err(Refusal::forbidden(
            "protocol.origin",
            "the peer does not speak for this origin",
        ));
    }
    if !active.is_local(&xmatrix.destination) {
        return Err(Refusal::forbidden(
            "protocol.destination",
            "the destination is no homeserver of this zone",
        ));
    }
    if xmatrix.key != peer.record.signing_key.id {
        return Err(unauthenticated(
            "protocol.signing_key",
            "the key id is not the one in the peer record",
        ));
    }
    let (local, remote) = (xmatrix.destination.clone(), xmatrix.origin.clone());
    Ok(Caller {
        face: Face::Border,
        local,
        remote,
        peer,
        xmatrix: Some(xmatrix),
    })
}

impl Caller {
    /// Whether the caller is whom the table's line asks for.
    ///
    /// # Errors
    /// [`Refusal`] where a homeserver must be authenticated and no X-Matrix is there.
    pub fn require(&self, who: Who) -> Result<(), Refusal> {
        match (who, &self.xmatrix) {
            (Who::Homeserver, None) => Err(unauthenticated(
                "protocol.xmatrix",
                "the X-Matrix header is missing",
            )),
            _ => Ok(()),
        }
    }

    /// Checks the signature over the bytes as they were received.
    ///
    /// # Errors
    /// [`Refusal`] where it does not verify.
    pub fn verify(
        &self,
        method: &Method,
        target: &str,
        body: &[u8],
        key: Option<[u8; 32]>,
    ) -> Result<(), Refusal> {
        let wrong = || {
            unauthenticated(
                "protocol.xmatrix_signature",
                "the X-Matrix signature does not verify",
            )
        };
        let xmatrix = self.xmatrix.as_ref().ok_or_else(wrong)?;
        let key = key.ok_or_else(wrong)?;
        let content = (!body.is_empty()).then_some(body);
        let XMatrix {
            origin,
            destination,
            sig,
            ..
        } = xmatrix;
        verify_request_raw(
            method.as_str(),
            target,
            origin,
            destination,
            content,
            sig,
            &key,
        )
        .map_err(|_| wrong())
    }
}

fn unauthenticated(rule: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(rule, Blame::Unauthenticated, detail)
}
