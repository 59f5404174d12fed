//! The life of the gateway and of its links: starts, reloads, what operators do, what they should look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Text;

/// `kind: link`: an operator closed or opened the links with a peer, both directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkEntry {
    /// The peer's zone.
    pub peer: Text,
    /// True: open again.
    #[serde(default)]
    pub open: bool,
    /// Who did it: the name of the user who asked at the admin socket.
    pub operator: Text,
    /// The operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// What the peer is known by beside its zone: gateway, keys, server names. At most [`super::Entry::KNOWN_AS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_as: Vec<Text>,
}

/// `kind: strangers`: refusals before authentication, summed up ([`super::super::strangers`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StrangersEntry {
    /// Source address; an IPv6 source is its /64 network; `other`: all that did not fit into the table.
    pub source: Text,
    /// Start of the minute, RFC 3339.
    pub minute: Text,
    /// Refusals by rule.
    pub counts: BTreeMap<Text, u64>,
}

/// `kind: start`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StartEntry {
    /// Version of the program.
    pub version: Text,
    /// The zone that the gateway stands before.
    pub zone: Text,
    /// Id of the active bundle, if one loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Text>,
    /// SHA-256 of the configuration file, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_sha256: Option<Text>,
}

/// `kind: stop`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StopEntry {
    /// `signal`, `admin`...
    pub reason: Text,
}

/// `kind: recovery`: how the log was taken up again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecoveryEntry {
    /// What had happened.
    pub cause: RecoveryCause,
    /// File of the segment that was taken up.
    pub segment: Text,
    /// Bytes of unfinished lines that were cut from its end. They were never acknowledged to anybody.
    pub bytes_cut: u64,
    /// Lines that the journal did not have yet and took over from the log.
    pub replayed: u64,
    /// Batches that could not be written before (only after `write_failed`).
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub failed_batches: u64,
}

/// Why a recovery was needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryCause {
    /// The gateway ended without a closing checkpoint.
    #[default]
    Crash,
    /// The journal was missing or behind, and was filled from the log.
    JournalBehind,
    /// Writing had failed (disk full, read-only...) and works again.
    WriteFailed,
}

/// `kind: reload`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReloadEntry {
    /// True: what was read is active. False: nothing changed.
    pub ok: bool,
    /// Id of the bundle that is active after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Text>,
    /// Code of the first error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
}

/// `kind: alarm`: something that an operator should look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmEntry {
    /// The rule that raised it (`protocol.hash`, `room.closed`...).
    pub rule: Text,
    /// Reference of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Text>,
    /// Link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Text>,
    /// Zone of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Text>,
    /// Server name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Text>,
    /// Room id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// Event id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
}

/// `kind: checkpoint`: the gateway's signature over the chain so far ([`super::super::checkpoint`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointEntry {
    /// Hash of the line before this one: what is signed for.
    pub head: Text,
    /// Lines before this one, over all segments.
    pub entries: u64,
    /// Number of the segment that this line closes.
    pub segment: u64,
    /// Why it was closed.
    pub closing: Closing,
    /// Key id (`ed25519:ID`) of the audit key.
    pub key: Text,
    /// Signature, unpadded base64.
    pub sig: Text,
}

/// Why a segment was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closing {
    /// It is full: another segment follows.
    #[default]
    Full,
    /// The gateway stopped gracefully: the log may end here.
    Stop,
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}
