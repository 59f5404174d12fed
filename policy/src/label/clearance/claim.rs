//! The claim `aciClr`: a clearance as BASE64URL(UTF8(XML)), alone or in a token.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{Clearance, ClearanceError, MAX_CLEARANCE_BYTES, xml};
use crate::json::{Limits, Tree, parse_object};

/// Name of the claim.
pub(super) const NAME: &str = "aciClr";
/// A token's size at most, in bytes: Base64 within Base64, and other claims beside.
const MAX_TOKEN_BYTES: usize = 4 * MAX_CLEARANCE_BYTES;
/// The claims of a token.
const PAYLOAD: Limits = Limits {
    bytes: MAX_TOKEN_BYTES,
    depth: 16,
    nodes: 4096,
};

/// Reads a token in its compact form, or the claim's value alone.
pub(super) fn read(text: &[u8]) -> Result<Clearance, ClearanceError> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err(wrong(
            "the token is too large; give the clearance as XML or JSON",
        ));
    }
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
    match parts[..] {
        [value] => decoded(value),
        // Header, payload, signature: only the payload is read, see `Clearance::read`.
        [_, payload, _] => of_payload(&base64url(payload)?),
        _ => Err(wrong(
            "this is neither XML nor JSON nor a token of three parts",
        )),
    }
}

/// Reads the claim's value from a JSON object.
pub(super) fn of(value: &Tree) -> Result<Clearance, ClearanceError> {
    match value.as_str() {
        // Issuers that write the XML itself into the claim are about.
        Some(text) if text.trim_start().starts_with('<') => xml::read(text.trim().as_bytes()),
        Some(text) => decoded(text.as_bytes()),
        None => Err(wrong("the claim aciClr is not a text")),
    }
}

fn of_payload(payload: &[u8]) -> Result<Clearance, ClearanceError> {
    let claims = parse_object(payload, &PAYLOAD)
        .map_err(|fault| ClearanceError(format!("payload of the token: {fault}")))?;
    let claim = claims.get(NAME);
    of(claim.ok_or_else(|| wrong("the token has no claim aciClr"))?)
}

fn decoded(value: &[u8]) -> Result<Clearance, ClearanceError> {
    let xml = base64url(value)?;
    xml::read(super::without_mark(&xml).trim_ascii())
}

fn base64url(text: &[u8]) -> Result<Vec<u8>, ClearanceError> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, config)
        .decode(text)
        .map_err(|_| wrong("this is neither XML nor JSON, and no base64url text; give a clearance"))
}

fn wrong(text: &str) -> ClearanceError {
    ClearanceError(text.into())
}
