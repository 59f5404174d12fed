//! The signature of a federation request (`Authorization: X-Matrix`): method, path with query, origin, destination
//! and body, as one canonical JSON object.

use serde_json::value::RawValue;

use super::signing::{SigningKey, signed_bytes, verify_signature};
use crate::json::{Fault, Object, Tree, write};

/// The object that a request's signature covers. `uri` is path and query exactly as on the wire; `content` is the
/// body, and is left out where the request has none.
#[must_use]
pub fn request_json(
    method: &str,
    uri: &str,
    origin: &str,
    destination: &str,
    content: Option<&Tree>,
) -> Object {
    let text = |key: &str, value: &str| (key.to_owned(), Tree::String(value.to_owned()));
    let mut object = Object::from([
        text("destination", destination),
        text("method", method),
        text("origin", origin),
        text("uri", uri),
    ]);
    if let Some(content) = content {
        object.insert("content".to_owned(), content.clone());
    }
    object
}

/// Signs the object of [`request_json`]; the signature in unpadded base64.
#[must_use]
pub fn sign_request(key: &SigningKey, request: &Object) -> String {
    key.sign_bytes(&signed_bytes(request))
}

/// Checks a signature over the object of [`request_json`].
///
/// # Errors
///
/// [`Fault::RequestSignature`].
pub fn verify_request(request: &Object, signature: &str, key: &[u8; 32]) -> Result<(), Fault> {
    verify(&signed_bytes(request), signature, key)
}

/// Checks a signature over the body exactly as received, for the requests of our own homeserver.
///
/// A homeserver may sign a body that our parser refuses in part (a float in a to-device message). It signs the
/// canonical bytes that it sends, so they are put between the other fields as they are.
///
/// # Errors
///
/// [`Fault::Syntax`] if the body is not one JSON value, [`Fault::RequestSignature`] if the signature is wrong.
pub fn verify_request_raw(
    method: &str,
    uri: &str,
    origin: &str,
    destination: &str,
    raw_content: Option<&[u8]>,
    signature: &str,
    key: &[u8; 32],
) -> Result<(), Fault> {
    if let Some(body) = raw_content {
        // A body that is more than one value could bring fields of its own.
        serde_json::from_slice::<&RawValue>(body).map_err(|_| Fault::Syntax)?;
    }
    let signed = around(method, uri, origin, destination, raw_content);
    verify(&signed, signature, key)
}

/// Signs the object of [`request_json`] for a body that is canonical JSON already, without writing it a second time;
/// the signature in unpadded base64.
#[must_use]
pub fn sign_request_raw(
    method: &str,
    uri: &str,
    origin: &str,
    destination: &str,
    canonical_content: Option<&[u8]>,
    key: &SigningKey,
) -> String {
    key.sign_bytes(&around(method, uri, origin, destination, canonical_content))
}

/// What is signed of a request: the body's bytes as they are, put between the other fields.
fn around(
    method: &str,
    uri: &str,
    origin: &str,
    destination: &str,
    content: Option<&[u8]>,
) -> Vec<u8> {
    let rest = write(&request_json(method, uri, origin, destination, None));
    let Some(body) = content else { return rest };
    let mut signed = Vec::with_capacity(body.len() + rest.len() + 16);
    signed.extend_from_slice(b"{\"content\":");
    signed.extend_from_slice(body);
    signed.push(b',');
    signed.extend_from_slice(&rest[1..]);
    signed
}

fn verify(signed: &[u8], signature: &str, key: &[u8; 32]) -> Result<(), Fault> {
    if verify_signature(key, signed, signature) {
        Ok(())
    } else {
        Err(Fault::RequestSignature)
    }
}
