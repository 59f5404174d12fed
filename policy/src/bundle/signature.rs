//! The signature: OPA's `.signatures.json`, one JWT (ES256) whose payload lists every file with its hash.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{
    BundleError,
    archive::Files,
    hash,
    key::{BundleSigningKey, BundleVerifyKey},
};

/// Path of the signature in the archive.
pub(super) const SIGNATURES: &str = ".signatures.json";

/// The name of the key, for `opa ... --verification-key-id`. There is only one key, which the configuration names.
const KEY_ID: &str = "sluice";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Signatures {
    signatures: [String; 1],
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    files: Vec<Signed>,
    keyid: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    name: String,
    hash: String,
    algorithm: String,
}

/// Signs all files; gives the text of `.signatures.json`.
pub(super) fn sign(files: &Files, key: &BundleSigningKey) -> Result<Vec<u8>, BundleError> {
    let signed = files.iter().map(|(name, bytes)| {
        Ok(Signed {
            name: name.clone(),
            hash: hash::of(name, bytes)?,
            algorithm: hash::ALGORITHM.to_owned(),
        })
    });
    let payload = Payload {
        files: signed.collect::<Result<_, BundleError>>()?,
        keyid: KEY_ID.to_owned(),
    };
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(KEY_ID.to_owned());
    let token = jsonwebtoken::encode(&header, &payload, &EncodingKey::from_ec_der(key.pkcs8()))
        .map_err(|_| BundleError::Signing)?;
    serde_json::to_vec(&Signatures {
        signatures: [token],
    })
    .map_err(|_| BundleError::Signing)
}

/// Checks that the key signed exactly these files.
pub(super) fn verify(
    files: &Files,
    signatures: &[u8],
    key: &BundleVerifyKey,
) -> Result<(), BundleError> {
    let Signatures {
        signatures: [token],
    } = serde_json::from_slice(signatures)
        .map_err(|_| BundleError::Broken(format!("{SIGNATURES} cannot be read")))?;
    // A bundle has no term of its own; the policies in it have.
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let payload = jsonwebtoken::decode::<Payload>(
        &token,
        &DecodingKey::from_ec_der(key.point()),
        &validation,
    )
    .map_err(|_| BundleError::WrongKey)?
    .claims;
    let mut signed: BTreeMap<&str, &Signed> = payload
        .files
        .iter()
        .map(|file| (file.name.as_str(), file))
        .collect();
    for (name, bytes) in files {
        let file = signed
            .remove(name.as_str())
            .ok_or_else(|| BundleError::Changed(format!("{name} is not signed")))?;
        if file.algorithm != hash::ALGORITHM || file.hash != hash::of(name, bytes)? {
            return Err(BundleError::Changed(format!(
                "{name} is not the file that was signed"
            )));
        }
    }
    match signed.keys().next() {
        Some(name) => Err(BundleError::Changed(format!(
            "{name} was signed and is not there"
        ))),
        None => Ok(()),
    }
}
