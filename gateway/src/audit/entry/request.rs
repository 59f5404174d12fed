//! Requests and their answers, as a whole.

use serde::{Deserialize, Serialize};

use super::{Text, Verdict, is_false};

/// `kind: request`: a relayed request. Durable before its first byte is relayed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Reference of the request.
    pub request: Text,
    /// The face it came in by.
    pub face: Face,
    /// Link that its data flows on, `high->low`.
    pub link: Text,
    /// Name of the operation in the endpoint table.
    pub op: Text,
    /// HTTP method.
    pub method: Text,
    /// Path template of the endpoint table (`/_matrix/federation/v1/event/{eventId}`); never the query's content.
    pub path: Text,
    /// Room that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// Event that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
    /// Server name of the origin.
    pub origin: Text,
    /// Server name of the destination.
    pub destination: Text,
    /// Zone of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Text>,
    /// PDUs by verdict.
    #[serde(default)]
    pub pdus: Counts,
    /// EDUs released.
    #[serde(default)]
    pub edus_released: u32,
    /// Body bytes received.
    #[serde(default)]
    pub bytes: u64,
    /// The gateway answers it itself: nothing is relayed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own: bool,
}

/// `kind: answer`: the response of a relayed request, where it carried judged units. Durable before it is passed on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerEntry {
    /// Reference of the request.
    pub request: Text,
    /// Link that the response's data flows on: the opposite of the request's.
    pub link: Text,
    /// Name of the operation in the endpoint table.
    pub op: Text,
    /// HTTP status that the other side gave.
    pub status: u16,
    /// PDUs by verdict.
    #[serde(default)]
    pub pdus: Counts,
    /// Other judged units by verdict (stripped state, profiles, device lists, summaries...).
    #[serde(default)]
    pub units: Counts,
    /// Body bytes received.
    #[serde(default)]
    pub bytes: u64,
}

/// `kind: refused`: a request refused as a whole. Refusals before authentication are [`super::StrangersEntry`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefusedEntry {
    /// Reference of the request, as in the error that the sender got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Text>,
    /// The rule that refused.
    pub rule: Text,
    /// The face it came in by.
    pub face: Face,
    /// Zone of the peer, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Text>,
    /// Server name that the request gives as its origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Text>,
    /// Server name that the request gives as its destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Text>,
    /// Name of the operation in the endpoint table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Text>,
    /// Room that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// HTTP status that the gateway answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Source address (`198.51.100.7:40112`, or `unix`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
}

/// The face of the gateway that a request came in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// From our homeserver.
    #[default]
    Inside,
    /// From a peer.
    Border,
    /// The gateway's own request.
    Own,
}

/// Units by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Relayed as they were.
    pub release: u32,
    /// Waiting for a check.
    pub hold: u32,
    /// Relayed in their redacted form.
    pub redact: u32,
    /// Not relayed.
    pub drop: u32,
}

impl Counts {
    /// Counts one unit.
    pub fn add(&mut self, verdict: Verdict) {
        let slot = match verdict {
            Verdict::Release => &mut self.release,
            Verdict::Hold => &mut self.hold,
            Verdict::Redact => &mut self.redact,
            Verdict::Drop => &mut self.drop,
        };
        *slot = slot.saturating_add(1);
    }
}
