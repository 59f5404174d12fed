//! What a bundle says about a link: an ordered pair of zones, written `high->low`.

use serde::{Deserialize, Serialize};

use crate::label::Clearance;

/// The name under which a bundle keeps the policy of all links that it does not name.
pub const DEFAULT_LINK: &str = "*";

/// The policy of one link.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPolicy {
    /// What must carry a label.
    pub require_label: RequireLabel,
    /// Types of EDU that may cross; all others are dropped.
    #[serde(default)]
    pub edus: Vec<String>,
    /// What becomes of ciphertext.
    #[serde(default)]
    pub encryption: Encryption,
    /// A clearance beside those of the peer's record: a label must be granted by each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Clearance>,
}

impl LinkPolicy {
    /// Whether anything that crosses must have a label, so that labels of rooms and targets must be known.
    #[must_use]
    pub fn demands_labels(&self) -> bool {
        self.require_label != RequireLabel::None
    }
}

/// What a link demands of labels.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequireLabel {
    /// Nothing; a label that is there is judged all the same.
    None,
    /// What people write must have an effective label: its own, its target's or its room's.
    Event,
    /// Every room must have a label.
    Room,
}

/// What a link does with ciphertext.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Encrypted events are redacted.
    #[default]
    Refuse,
}

/// The two zones of a link's name, `None` where it is none.
#[must_use]
pub fn zones(name: &str) -> Option<(&str, &str)> {
    let (from, to) = name.split_once("->")?;
    (is_zone(from) && is_zone(to)).then_some((from, to))
}

/// Zone names go into file names, logs and metrics.
fn is_zone(name: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    !name.is_empty() && name.len() <= ZONE_BYTES && name.bytes().all(plain)
}

/// Bytes of a zone's name at most.
const ZONE_BYTES: usize = 64;
