//! The shipped profile, built into the program: compiled policy, security policies and detectors, so that `init` makes
//! a bundle without `opa`. `gateway/tests/policy.rs` compiles it anew and compares the bytes.

use rcgen::KeyPair;
use sluice_policy::bundle::BundleParts;

use crate::policy_cli::profile::{self, ProfileError};

/// Name of the shipped profile.
pub const DEMO: &str = "demo";

/// The texts of the shipped profile, by the paths that its `bundle.toml` names.
const TEXTS: &[(&str, &str)] = &[
    (
        "../../spif/de-sample.xml",
        include_str!("../../rules/spif/de-sample.xml"),
    ),
    (
        "../../spif/nato-sample.xml",
        include_str!("../../rules/spif/nato-sample.xml"),
    ),
    ("../../dlp/de.toml", include_str!("../../rules/dlp/de.toml")),
    (
        "../../dlp/marking.toml",
        include_str!("../../rules/dlp/marking.toml"),
    ),
    (
        "../../dlp/payment.toml",
        include_str!("../../rules/dlp/payment.toml"),
    ),
];

const PROFILE: &str = include_str!("../../rules/profiles/demo/bundle.toml");
const WASM: &[u8] = include_bytes!("../../rules/profiles/demo/compiled/policy.wasm");
const DATA: &[u8] = include_bytes!("../../rules/profiles/demo/compiled/data.json");

/// The parts of the shipped profile, to be signed by `BundleParts` and a key of the operator's own.
///
/// # Errors
/// [`ProfileError`] only if the program was built from a tree with a broken profile.
pub fn demo_parts() -> Result<BundleParts, ProfileError> {
    let text = |path: &str| {
        TEXTS
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, text)| (*text).to_owned())
    };
    let written = profile::parse("demo/bundle.toml", PROFILE)?;
    written.parts(WASM.to_vec(), DATA.to_vec(), |path| {
        text(path).ok_or_else(|| "not built in".to_owned())
    })
}

/// A new key pair for bundles: private key (PKCS#8 PEM) and public key (PEM).
///
/// # Errors
/// Where the system gives no randomness.
pub fn new_bundle_key() -> Result<(String, String), rcgen::Error> {
    let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    Ok((pair.serialize_pem(), pair.public_key_pem()))
}
