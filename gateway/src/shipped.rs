//! The shipped profile, built into the program: compiled policy, security policies and detectors, so that `init` makes
//! a bundle without `opa`. `gateway/tests/policy.rs` compiles it anew and compares the bytes.

use rcgen::KeyPair;
use sluice_policy::bundle::BundleParts;
use sluice_policy::label::Spif;

use crate::policy_cli::profile::{self, ProfileError};

/// Name of the shipped profile.
pub const DEMO: &str = "demo";

/// A file of `rules/` under the path by which a profile names it.
macro_rules! rule {
    ($path:literal) => {
        (
            concat!("../../", $path),
            include_str!(concat!("../../rules/", $path)),
        )
    };
}

/// The sample security policies.
const SPIFS: &[(&str, &str)] = &[
    rule!("spif/de-sample.xml"),
    rule!("spif/nato-sample.xml"),
    rule!("spif/eu-sample.xml"),
    rule!("spif/fr-sample.xml"),
    rule!("spif/health-sample.xml"),
];

/// The packs of detectors: the one list of them.
const PACKS: &[(&str, &str)] = &[
    rule!("dlp/de.toml"),
    rule!("dlp/eu.toml"),
    rule!("dlp/evasion.toml"),
    rule!("dlp/health.toml"),
    rule!("dlp/location.toml"),
    rule!("dlp/marking.toml"),
    rule!("dlp/network.toml"),
    rule!("dlp/payment.toml"),
    rule!("dlp/secret.toml"),
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
        SPIFS
            .iter()
            .chain(PACKS)
            .find(|(name, _)| *name == path)
            .map(|(_, text)| (*text).to_owned())
    };
    let written = profile::parse("demo/bundle.toml", PROFILE)?;
    written.parts(WASM.to_vec(), DATA.to_vec(), |path| {
        let text = text(path).ok_or_else(|| "not built in".to_owned());
        text.map(String::into_bytes)
    })
}

/// The shipped packs of detectors: file name and TOML.
#[must_use]
pub fn packs() -> Vec<(String, String)> {
    let named = |(path, text): &(&str, &str)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        (name.to_owned(), (*text).to_owned())
    };
    PACKS.iter().map(named).collect()
}

/// The sample security policies, which shipped markings name. They load, or a test says which does not.
#[must_use]
pub fn spifs() -> Vec<Spif> {
    let texts = SPIFS.iter().map(|(_, xml)| Spif::parse(xml));
    texts.filter_map(Result::ok).collect()
}

/// A new key pair for bundles: private key (PKCS#8 PEM) and public key (PEM).
///
/// # Errors
/// Where the system gives no randomness.
pub fn new_bundle_key() -> Result<(String, String), rcgen::Error> {
    let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    Ok((pair.serialize_pem(), pair.public_key_pem()))
}
