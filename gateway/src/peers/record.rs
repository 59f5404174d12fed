//! The record that two operators exchange: everything a gateway must know of its peer, and nothing secret.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sluice_certs::PeerIdentity;
use sluice_policy::ids;
use sluice_policy::json::{Limits, parse_object};

use super::Peer;
use crate::config::{Config, Material, Mistake, names};

/// Largest record and its nesting.
pub const RECORD_LIMITS: Limits = Limits {
    bytes: 256 * 1024,
    depth: 16,
    nodes: 20_000,
};
/// Homeservers behind one gateway at most.
pub const MAX_SERVER_NAMES: usize = 1000;
/// Longest CA, in characters of PEM.
pub const MAX_CA_CHARS: usize = 16 * 1024;

/// A gateway's record, as `sluice peer export` prints it. All of it is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The zone's name, which is also the link's end.
    pub zone: String,
    /// The gateway's name: the one SAN of its certificate.
    pub gateway: String,
    /// Where it listens for us, `HOST:PORT`.
    pub address: String,
    /// The CA that issued its certificate, PEM.
    pub ca: String,
    /// SHA-256 of its certificate's SubjectPublicKeyInfo, hexadecimal.
    pub key_sha256: String,
    /// The Matrix server names that it speaks for.
    pub server_names: Vec<String>,
    /// Its public signing key.
    pub signing_key: RecordKey,
}

/// A public Ed25519 key with its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordKey {
    /// `ed25519:NAME`.
    pub id: String,
    /// Unpadded base64 of 32 bytes.
    pub key: String,
}

/// Why a record cannot be used. The peer's operator, or who carried the record, must correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Not strict JSON.
    #[error(
        "is not strict JSON ({0}); let the peer run `sluice peer export` again and carry the file unchanged"
    )]
    Json(String),
    /// JSON of another shape.
    #[error("is no peer record ({0}); let the peer run `sluice peer export` of this version")]
    Shape(String),
    /// A field with a wrong value.
    #[error("has a wrong `{field}`: {wrong}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it, and what to do.
        wrong: String,
    },
    /// It claims what is ours.
    #[error("claims {what}, which is our own; a record of ourselves cannot be a peer")]
    Ours {
        /// What it claims.
        what: String,
    },
    /// It claims what belongs to another peer.
    #[error(
        "claims {what}, which belongs to the peer {zone:?}; ask both operators, and remove the wrong record"
    )]
    Taken {
        /// What it claims.
        what: String,
        /// The zone that has it.
        zone: String,
    },
}

impl RecordFault {
    /// The fault as a mistake in a file.
    pub fn in_file(&self, file: &Path) -> Mistake {
        let text = self.to_string();
        let (message, remedy) = text
            .split_once("; ")
            .unwrap_or((&text, "import the peer's record again"));
        Mistake::of_file(file, message, remedy)
    }
}

impl Record {
    /// Our own record.
    pub fn own(config: &Config, material: &Material) -> Self {
        Self {
            zone: config.zone.clone(),
            gateway: config.border.name.clone(),
            address: config.border.address.clone(),
            ca: material.ca_pem.clone(),
            key_sha256: material.border.facts().pin.to_string(),
            server_names: config
                .homeservers
                .iter()
                .map(|homeserver| homeserver.name.clone())
                .collect(),
            signing_key: RecordKey {
                id: material.signing.id().to_owned(),
                key: ids::to_base64(&material.signing.public()),
            },
        }
    }

    /// Reads a record strictly: one spelling, no unknown key, no key twice.
    pub fn read(text: &[u8]) -> Result<Self, RecordFault> {
        strict(text)
    }

    /// Checks every field and makes the peer of it, its link closed.
    pub fn into_peer(self) -> Result<Peer, RecordFault> {
        names::zone(&self.zone).map_err(|wrong| field("zone", &self.zone, &wrong))?;
        names::dns_name(&self.gateway).map_err(|wrong| field("gateway", &self.gateway, &wrong))?;
        names::dial_address(&self.address)
            .map_err(|wrong| field("address", &self.address, &wrong))?;
        self.check_server_names()?;
        if self.ca.len() > MAX_CA_CHARS {
            return Err(RecordFault::Field {
                field: "ca",
                wrong: format!("is longer than {MAX_CA_CHARS} characters"),
            });
        }
        let identity =
            PeerIdentity::new(&self.gateway, &self.ca, &self.key_sha256).map_err(|error| {
                RecordFault::Field {
                    field: "ca",
                    wrong: error.to_string(),
                }
            })?;
        let signing_key = self.signing_key.public()?;
        Ok(Peer {
            record: self,
            identity,
            signing_key,
            send: None,
            receive: None,
        })
    }

    fn check_server_names(&self) -> Result<(), RecordFault> {
        let wrong = |wrong: String| {
            Err(RecordFault::Field {
                field: "server_names",
                wrong,
            })
        };
        if self.server_names.is_empty() || self.server_names.len() > MAX_SERVER_NAMES {
            return wrong(format!("must be 1 to {MAX_SERVER_NAMES} names"));
        }
        let mut seen = BTreeSet::new();
        for name in &self.server_names {
            names::server_name(name).map_err(|fault| field("server_names", name, &fault))?;
            if !seen.insert(name) {
                return wrong(format!("{name:?} stands twice"));
            }
        }
        Ok(())
    }
}

impl RecordKey {
    /// The key itself, if it is one that can be trusted to be hard to forge for.
    pub fn public(&self) -> Result<[u8; 32], RecordFault> {
        let wrong = |wrong: &str| RecordFault::Field {
            field: "signing_key",
            wrong: wrong.to_owned(),
        };
        if !ids::is_key_id(&self.id) {
            return Err(wrong("the id is not ed25519:NAME"));
        }
        let bytes = ids::base64_bytes::<32>(&self.key)
            .ok_or_else(|| wrong("not 32 bytes in unpadded base64"))?;
        match ed25519_dalek::VerifyingKey::from_bytes(&bytes) {
            Ok(point) if point.is_weak() => Err(wrong("a weak key, for which anybody can sign")),
            Ok(_) => Ok(bytes),
            Err(_) => Err(wrong("not a point on the curve")),
        }
    }
}

/// Strict JSON of a known shape.
pub(super) fn strict<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, RecordFault> {
    let tree =
        parse_object(text, &RECORD_LIMITS).map_err(|fault| RecordFault::Json(fault.to_string()))?;
    let value =
        serde_json::to_value(tree).map_err(|error| RecordFault::Shape(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| RecordFault::Shape(error.to_string()))
}

fn field(field: &'static str, value: &str, wrong: &str) -> RecordFault {
    RecordFault::Field {
        field,
        wrong: format!("{value:?} {wrong}"),
    }
}
