//! The certificates of a federation: its own CA, gateway certificates, and the check of a peer's certificate.
//!
//! ```text
//! authority ── makes ──▶ issued ── loaded by ──▶ own ──▶ tls (border server, peer client, inside server)
//!                                                          │
//!                        identity (the record of a peer) ◀─┘ asked about every certificate a peer shows
//! ```
//!
//! One invariant: a peer is believed only when chain, name, key and time all fit its record; the functions that make
//! TLS configurations offer no way to leave one of the four out.

pub mod authority;
pub mod facts;
pub mod identity;
pub mod own;
pub mod tls;

pub use authority::{Authority, AuthorityError, Issued};
pub use facts::{CertificateFacts, FactsError};
pub use identity::{IdentityError, PeerIdentity, Pin, RecordError};
pub use own::{OwnCertificate, OwnError};
pub use rustls_pki_types::{CertificateDer, UnixTime};
pub use tls::TlsError;

#[cfg(test)]
mod tests;
