//! Strict JSON: bytes in, one canonical tree out, and that tree written afresh.
//!
//! Every body and every header field that carries JSON goes through this parser, and only what [`write`] makes of the
//! tree goes out. What two parsers could read differently (duplicate keys, lone surrogates, floats, integers beyond
//! 2^53-1, `-0`, a byte order mark) is refused, so the far side sees what was judged.
//!
//! ```text
//! bytes ──parse_envelope──> Envelope { rest, elements: [PDU, PDU, EDU, ...] }   a fault condemns its element only
//! pieces ──Scanner────────> Cut, Cut, Cut ... and the envelope at the end        as above, for what is larger than memory
//! bytes ──parse───────────> Tree                                               a fault condemns the whole
//! Object ──write──────────> canonical bytes
//! ```

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};

pub use self::envelope::{Element, Envelope, parse_envelope};
pub use self::fault::Fault;
pub use self::scan::{Cut, Scanner, parse_cut};
pub use self::write::{write, write_tree};

mod envelope;
mod fault;
mod scan;
mod strict;
mod write;

#[cfg(test)]
mod tests;

/// A canonical JSON value: no floats, integers within ±(2^53-1).
pub type Tree = CanonicalJsonValue;

/// A canonical JSON object; its keys are sorted and unique.
pub type Object = CanonicalJsonObject;

/// How large a JSON text may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Length of the text, in bytes.
    pub bytes: usize,
    /// Containers inside each other; a scalar at the root has depth 0.
    pub depth: usize,
    /// Values of any kind, the root included; keys are not counted.
    pub nodes: usize,
}

impl Limits {
    /// Nesting that no event needs and that every parser on the way can follow.
    pub const DEPTH: usize = 64;

    /// The body of `/send`. Synapse's own bound for a request: a lower one would stop a link on which a full
    /// transaction of large to-device messages waits.
    pub const SEND: Self = Self {
        bytes: 12_800 * 1024,
        depth: Self::DEPTH,
        nodes: 50_000,
    };

    /// One PDU as received. Its canonical form is bound to 65,536 bytes later; `unsigned`, which is thrown away, and
    /// spaces do not count there.
    pub const PDU: Self = Self {
        bytes: 512 * 1024,
        depth: Self::DEPTH,
        nodes: 50_000,
    };

    /// One EDU. Synapse splits to-device messages at 64 KiB; a single message may be longer.
    pub const EDU: Self = Self {
        bytes: 256 * 1024,
        depth: Self::DEPTH,
        nodes: 50_000,
    };

    /// The body of a request about one event, one user or one set of keys.
    pub const REQUEST: Self = Self {
        bytes: 1024 * 1024,
        depth: Self::DEPTH,
        nodes: 100_000,
    };

    /// A body with the state of a room.
    pub const STATE: Self = Self {
        bytes: 32 * 1024 * 1024,
        depth: Self::DEPTH,
        nodes: 500_000,
    };

    /// A key document.
    pub const KEYS: Self = Self {
        bytes: 64 * 1024,
        depth: 8,
        nodes: 1_000,
    };
}

/// Reads a JSON text strictly.
///
/// # Errors
///
/// The first [`Fault`] found, by rule `protocol.json.*`.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Tree, Fault> {
    strict::parse_text(strict::text(bytes, limits)?, limits)
}

/// Reads a JSON text strictly and takes it only if it is an object.
///
/// # Errors
///
/// The first [`Fault`] found, by rule `protocol.json.*`.
pub fn parse_object(bytes: &[u8], limits: &Limits) -> Result<Object, Fault> {
    match parse(bytes, limits)? {
        Tree::Object(object) => Ok(object),
        _ => Err(Fault::NotAnObject),
    }
}

/// An integer as a tree, if it lies within ±(2^53-1).
#[must_use]
pub fn integer(value: i64) -> Option<Tree> {
    value.try_into().ok().map(Tree::Integer)
}
