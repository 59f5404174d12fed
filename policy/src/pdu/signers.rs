//! Which keys a verification of an event will ask for, so that they can be fetched before it.

use std::collections::BTreeSet;

use super::{Integrity, Keys, Pdu, verify};
use crate::json::{Fault, Tree};

impl Pdu {
    /// The servers whose signatures [`Pdu::verify`] demands.
    #[must_use]
    pub fn required_servers(&self) -> BTreeSet<String> {
        // A shape that has no answer here was refused by `Pdu::read`, or is refused again by `verify`.
        verify::required_servers(&self.object).unwrap_or_default()
    }

    /// As [`Pdu::verify`], for the request of a restricted join: the resident server that lets the user in has not signed
    /// yet; it does so in its answer.
    ///
    /// # Errors
    /// Those of [`Pdu::verify`].
    pub fn verify_join_request(&self, keys: &dyn Keys, resident: &str) -> Result<Integrity, Fault> {
        verify::verify_without(self, keys, Some(resident))
    }

    /// The first of a server's key ids on this event.
    #[must_use]
    pub fn key_id_of(&self, server: &str) -> Option<&str> {
        let signatures = self.object.get("signatures").and_then(Tree::as_object)?;
        let by_key = signatures.get(server).and_then(Tree::as_object)?;
        by_key.keys().next().map(String::as_str)
    }
}
