//! What can be wrong with a unit before any policy looks at it.
//!
//! A fault's text is fixed: it never repeats a byte of the input, so that it may stand in logs and answers.

use thiserror::Error;

/// A breach of the protocol, found by the checks that run before policy and cannot be switched off by it.
///
/// The `&'static str` of a variant names the field or the check, in the words of this program, never of the input.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum Fault {
    /// Not JSON.
    #[error("not well-formed JSON")]
    Syntax,
    /// Not UTF-8.
    #[error("JSON text is not UTF-8")]
    Encoding,
    /// Starts with a byte order mark.
    #[error("JSON text starts with a byte order mark")]
    Bom,
    /// An object names a key twice, after escapes are decoded.
    #[error("an object names the same key twice")]
    DuplicateKey,
    /// A number with a fraction or an exponent.
    #[error("a number has a fraction or an exponent; only integers are allowed")]
    Float,
    /// `-0`, which some parsers read as 0 and others as a float.
    #[error("negative zero")]
    NegativeZero,
    /// A number beyond ±(2^53-1).
    #[error("a number lies outside -(2^53-1) to 2^53-1")]
    IntegerRange,
    /// A UTF-16 surrogate without its partner.
    #[error("a string escapes a lone surrogate")]
    Surrogate,
    /// Nested too deep.
    #[error("nested too deep")]
    Depth,
    /// Too many values.
    #[error("too many values")]
    Nodes,
    /// Too many bytes.
    #[error("too many bytes")]
    Size,
    /// Something follows the value.
    #[error("data after the end of the JSON value")]
    Trailing,
    /// A key that serde_json gives a meaning of its own.
    #[error("a key is reserved by the JSON library")]
    ReservedKey,
    /// An object is required.
    #[error("an object is required here")]
    NotAnObject,
    /// An array is required.
    #[error("an array is required here")]
    NotAnArray,

    /// An event, stripped event or template has the wrong keys or types.
    #[error("event has the wrong shape: {0}")]
    Shape(&'static str),
    /// A part of an event is longer than the specification allows.
    #[error("event is too large: {0}")]
    EventSize(&'static str),
    /// A part of an event that redaction leaves in place could carry free data.
    #[error("event would leave unchecked data after redaction: {0}")]
    Residue(&'static str),
    /// The content hash does not match, and the event is not in its redacted form.
    #[error("content hash does not match and the event is not redacted")]
    Hash,
    /// A required signature is missing or wrong.
    #[error("a required signature is missing or wrong")]
    Signature,
    /// No known key can check a required signature.
    #[error("no key is known for a required signature")]
    KeyUnknown,

    /// An EDU of a type that is not in the list.
    #[error("EDU of an unknown type")]
    EduUnknownType,
    /// An EDU has the wrong keys or types.
    #[error("EDU has the wrong shape: {0}")]
    EduShape(&'static str),

    /// A key document has the wrong shape.
    #[error("key document is wrong: {0}")]
    KeyDocument(&'static str),
    /// A public key of small order, which verifies signatures that nobody made, or one whose private key is known.
    #[error("a public key is weak or compromised")]
    WeakKey,
    /// A key document's signature by one of its own keys is missing or wrong.
    #[error("key document is not signed by a key that it lists")]
    KeySignature,
    /// A request's signature is wrong.
    #[error("the request's signature is wrong")]
    RequestSignature,
    /// A signing key file cannot be read; the remedy is in the text.
    #[error("signing key: {0}")]
    SigningKey(&'static str),
}

impl Fault {
    /// The rule id under which the fault is logged and counted.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Syntax => "protocol.json.syntax",
            Self::Encoding => "protocol.json.encoding",
            Self::Bom => "protocol.json.bom",
            Self::DuplicateKey => "protocol.json.duplicate_key",
            Self::Float => "protocol.json.float",
            Self::NegativeZero => "protocol.json.negative_zero",
            Self::IntegerRange => "protocol.json.integer_range",
            Self::Surrogate => "protocol.json.surrogate",
            Self::Depth => "protocol.json.depth",
            Self::Nodes => "protocol.json.nodes",
            Self::Size => "protocol.json.size",
            Self::Trailing => "protocol.json.trailing",
            Self::ReservedKey => "protocol.json.reserved_key",
            Self::NotAnObject => "protocol.json.not_an_object",
            Self::NotAnArray => "protocol.json.not_an_array",
            Self::Shape(_) => "protocol.shape",
            Self::EventSize(_) => "protocol.size",
            Self::Residue(_) => "protocol.residue",
            Self::Hash => "protocol.hash",
            Self::Signature => "protocol.signature",
            Self::KeyUnknown => "protocol.key_unknown",
            Self::EduUnknownType => "protocol.edu.unknown_type",
            Self::EduShape(_) => "protocol.edu.shape",
            Self::KeyDocument(_) => "protocol.keys.shape",
            Self::WeakKey => "protocol.keys.weak",
            Self::KeySignature => "protocol.keys.signature",
            Self::RequestSignature => "protocol.request_signature",
            Self::SigningKey(_) => "protocol.keys.signing_key",
        }
    }
}
