//! A bundle: everything that decides, in one signed archive.
//!
//! It has OPA's own bundle format, so that `opa` can read it and check its signature, with our files beside:
//!
//! ```text
//! .manifest  .signatures.json  data.json  policy.wasm          OPA's
//! sluice/profile.json  sluice/links.json  sluice/labels.json   name, version; the policy of each link; switches
//! sluice/spif/*.xml    sluice/dlp/*.toml                       security policies, detectors
//! sluice/dlp/index/*.idx                                      tables and documents as keyed hashes; the key is not here
//! ```
//!
//! Invariant: a [`Bundle`] exists only if the signature by the given key covers every file of the archive, each file
//! is one of the above, and all of them load. The same parts and the same key give the same files, byte for byte, and
//! the same archive but for the signature itself, which is random in ECDSA.

mod archive;
mod hash;
mod key;
mod labels;
mod signature;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use self::key::{BundleSigningKey, BundleVerifyKey, KeyError};
use self::{archive::Files, signature::SIGNATURES};
use crate::{
    dlp::{Detectors, HashKey, Index, IndexKey, LoadOptions},
    engine::{ENTRYPOINT, Engine, EngineError},
    label::{Discard, Spif, SpifOptions, Spifs},
    link::{DEFAULT_LINK, LinkPolicy, zones},
};

/// Bytes of an archive at most, as it lies on disk.
pub const ARCHIVE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of all files of a bundle together at most.
pub const UNPACKED_BYTES: usize = 64 * 1024 * 1024;

/// Files in a bundle at most.
pub const FILES: usize = 512;

const MANIFEST: &str = ".manifest";
const DATA: &str = "data.json";
const POLICY: &str = "policy.wasm";
const PROFILE: &str = "sluice/profile.json";
const LINKS: &str = "sluice/links.json";
const LABELS: &str = "sluice/labels.json";
const SPIF_DIR: &str = "sluice/spif/";
const DLP_DIR: &str = "sluice/dlp/";
/// Below [`DLP_DIR`].
const INDEX_DIR: &str = "sluice/dlp/index/";

/// A bundle that is signed and whole.
#[derive(Debug)]
pub struct Bundle {
    /// SHA-256 of the archive, in hexadecimal; names the bundle in the audit record.
    pub id: String,
    /// Name and version of the profile that it was built from.
    pub profile: Profile,
    /// The security policies.
    pub spifs: Spifs,
    /// The detectors.
    pub detectors: Detectors,
    /// The compiled policy.
    pub engine: Engine,
    /// The policy of each link by its name `high->low`, and the default under `*`.
    pub links: BTreeMap<String, LinkPolicy>,
    /// Key of the hashes of found values, which no bundle holds; without one it is drawn anew at each start.
    pub value_key: Option<HashKey>,
}

/// Name and version of a profile.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name of the profile.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
}

/// What an operator has switched on in the label stage, in `[labels]` of `bundle.toml`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSettings {
    /// Pairs of policies, by name, between which a label may lose restriction on its way there and back.
    #[serde(default)]
    pub lossy_round_trips: Vec<(String, String)>,
    /// What a translation may leave out where an equivalence says `action="discard"` (LB-9).
    #[serde(default)]
    pub discard: Discard,
    /// Compatibility switches for reading all security policies, of [`SpifOptions::NAMES`].
    #[serde(default)]
    pub spif_compat: Vec<String>,
}

/// What a bundle is built from.
#[derive(Clone, Debug)]
pub struct BundleParts {
    /// Name and version of the profile.
    pub profile: Profile,
    /// Security policies: file name and XML.
    pub spifs: Vec<(String, String)>,
    /// Detectors: file name and TOML.
    pub dlp: Vec<(String, String)>,
    /// Indexes that detectors name: file name and bytes.
    pub indexes: Vec<(String, Vec<u8>)>,
    /// Opens the indexes; it never goes into the bundle.
    pub index_key: Option<IndexKey>,
    /// The policy of each link.
    pub links: BTreeMap<String, LinkPolicy>,
    /// Switches of the label stage.
    pub labels: LabelSettings,
    /// The compiled policy.
    pub wasm: Vec<u8>,
    /// The data of the policy, as `opa build` wrote it.
    pub data: Vec<u8>,
}

/// Why an archive is no bundle.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BundleError {
    /// A file that every bundle has is not there.
    #[error("the bundle lacks {0}; build it anew with `sluice policy build`")]
    Missing(&'static str),
    /// The archive or one of its files cannot be read.
    #[error("the bundle is broken: {0}; build it anew with `sluice policy build`")]
    Broken(String),
    /// There is no signature.
    #[error("the bundle is not signed; build it with `sluice policy build --key KEY`")]
    Unsigned,
    /// The signature is not by the given key.
    #[error(
        "the bundle is not signed by the configured key; check `keys.bundle`, or sign it with the key that belongs to it"
    )]
    WrongKey,
    /// A file is not the one that was signed.
    #[error("the bundle was changed after it was signed: {0}")]
    Changed(String),
    /// The compiled policy does not run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A part of the profile is wrong; every mistake that was found.
    #[error("the profile has mistakes:\n  {}", .0.join("\n  "))]
    Parts(Vec<String>),
    /// The bundle cannot be signed.
    #[error("the bundle cannot be signed with this key")]
    Signing,
}

#[derive(Serialize)]
struct Manifest {
    revision: String,
    roots: [&'static str; 1],
    wasm: [WasmEntry; 1],
    rego_version: u8,
}

#[derive(Serialize)]
struct WasmEntry {
    entrypoint: &'static str,
    module: &'static str,
}

impl Bundle {
    /// Builds and signs an archive, after loading every part as [`Bundle::open`] will, and holding it against itself.
    ///
    /// # Errors
    /// [`BundleError::Parts`] with every mistake found, [`BundleError::Engine`], [`BundleError::Signing`].
    pub fn build(parts: &BundleParts, key: &BundleSigningKey) -> Result<Vec<u8>, BundleError> {
        parts.check()?;
        Self::seal(parts, key)
    }

    /// The same for the parts that come with the program: its own tests have held every pattern and example of them.
    ///
    /// # Errors
    /// [`BundleError::Parts`], [`BundleError::Engine`], [`BundleError::Signing`].
    pub fn build_shipped(
        parts: &BundleParts,
        key: &BundleSigningKey,
    ) -> Result<Vec<u8>, BundleError> {
        parts.load(true)?;
        parts.engine()?;
        Self::seal(parts, key)
    }

    fn seal(parts: &BundleParts, key: &BundleSigningKey) -> Result<Vec<u8>, BundleError> {
        let mut files = parts.files()?;
        let signatures = signature::sign(&files, key)?;
        files.insert(SIGNATURES.to_owned(), signatures);
        archive::write(&files)
    }

    /// Opens an archive: signature first, then everything in it.
    ///
    /// # Errors
    /// [`BundleError`], which tells a missing, a broken, an unsigned and a wrongly signed bundle apart.
    pub fn open(archive: &[u8], key: &BundleVerifyKey) -> Result<Self, BundleError> {
        Self::open_with(archive, key, None)
    }

    /// The same for a bundle with indexes, which are opened by their key.
    ///
    /// # Errors
    /// [`BundleError`]; [`BundleError::Parts`] where an index is not of this key.
    pub fn open_with(
        archive: &[u8],
        key: &BundleVerifyKey,
        index_key: Option<IndexKey>,
    ) -> Result<Self, BundleError> {
        let mut files = archive::read(archive)?;
        let signatures = files.remove(SIGNATURES).ok_or(BundleError::Unsigned)?;
        signature::verify(&files, &signatures, key)?;
        let parts = BundleParts {
            index_key,
            ..BundleParts::from_files(files)?
        };
        let (spifs, detectors) = parts.load(true)?;
        let engine = parts.engine()?;
        let BundleParts { profile, links, .. } = parts;
        Ok(Self {
            id: hex(&Sha256::digest(archive)),
            profile,
            spifs,
            detectors,
            engine,
            links,
            value_key: None,
        })
    }

    /// The same bundle, which hashes found values by this key (DL-7).
    #[must_use]
    pub fn keyed(self, value_key: Option<HashKey>) -> Self {
        Self { value_key, ..self }
    }

    /// The policy of a link: its own, else the bundle's default, else none, and then nothing crosses.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&LinkPolicy> {
        self.links
            .get(name)
            .or_else(|| self.links.get(DEFAULT_LINK))
    }
}

impl BundleParts {
    /// Loads every part and runs the detectors' own examples.
    ///
    /// # Errors
    /// [`BundleError::Parts`] with every mistake found, or [`BundleError::Engine`].
    pub fn check(&self) -> Result<(), BundleError> {
        let wrong = self
            .links
            .keys()
            .filter(|name| *name != DEFAULT_LINK && zones(name).is_none());
        let wrong: Vec<String> = wrong
            .map(|name| format!("links: {name:?} is not FROM->TO; write \"high->low\""))
            .collect();
        if !wrong.is_empty() {
            return Err(BundleError::Parts(wrong));
        }
        self.load(false)?;
        self.engine()?;
        Ok(())
    }

    /// `trusted` is for opening: whoever signed a bundle has seen every pattern compile and every example pass.
    fn load(&self, trusted: bool) -> Result<(Spifs, Detectors), BundleError> {
        let mut mistakes = Vec::new();
        let mut spifs = Vec::new();
        let options = SpifOptions::named(&self.labels.spif_compat).unwrap_or_else(|unknown| {
            mistakes.push(format!(
                "labels.spif_compat: {unknown:?} is no switch; write one of {:?}",
                SpifOptions::NAMES
            ));
            SpifOptions::default()
        });
        for (name, xml) in &self.spifs {
            match Spif::parse_with(xml, options) {
                Ok(spif) => spifs.push(spif),
                Err(errors) => mistakes.extend(errors.iter().map(|error| {
                    format!(
                        "{name}:{}: {} ({})",
                        error.line.unwrap_or(0),
                        error.message,
                        error.code
                    )
                })),
            }
        }
        if !mistakes.is_empty() {
            return Err(BundleError::Parts(mistakes));
        }
        let spifs = Spifs::new(spifs).map_err(|errors| {
            BundleError::Parts(errors.into_iter().map(|error| error.message).collect())
        })?;
        let spifs = spifs.discarding(self.labels.discard);
        let mistakes = labels::mistakes(&self.links, &self.labels, &spifs);
        if !mistakes.is_empty() {
            return Err(BundleError::Parts(mistakes));
        }
        let options = LoadOptions {
            indexes: self.indexes()?,
            trusted,
            ..LoadOptions::default()
        };
        let detectors =
            Detectors::parse_with(&self.dlp, &spifs, &options).map_err(BundleError::Parts)?;
        Ok((spifs, detectors))
    }

    /// The indexes by the names that detectors call them. One that does not open is a mistake of the whole bundle.
    fn indexes(&self) -> Result<BTreeMap<String, Index>, BundleError> {
        let Some(key) = &self.index_key else {
            let without_key = |(name, _): &(String, Vec<u8>)| {
                format!(
                    "{name}: the key of indexes is missing; name it in keys.indexes, or give --index-key"
                )
            };
            return match self.indexes.iter().map(without_key).collect::<Vec<_>>() {
                none if none.is_empty() => Ok(BTreeMap::new()),
                mistakes => Err(BundleError::Parts(mistakes)),
            };
        };
        let (mut indexes, mut mistakes) = (BTreeMap::new(), Vec::new());
        for (file, bytes) in &self.indexes {
            match Index::read(bytes, key) {
                Ok((name, index)) => {
                    if indexes.insert(name, index).is_some() {
                        mistakes.push(format!("{file}: another index has its name; rename one"));
                    }
                }
                Err(error) => mistakes.push(format!("{file}: {error}")),
            }
        }
        if mistakes.is_empty() {
            Ok(indexes)
        } else {
            Err(BundleError::Parts(mistakes))
        }
    }

    fn engine(&self) -> Result<Engine, BundleError> {
        let data = serde_json::from_slice(&self.data)
            .map_err(|_| BundleError::Broken(format!("{DATA} is not JSON")))?;
        Ok(Engine::load(&self.wasm, &data)?)
    }

    /// The files of the archive, the signature excepted.
    fn files(&self) -> Result<Files, BundleError> {
        let manifest = Manifest {
            revision: format!("{} {}", self.profile.name, self.profile.version),
            roots: [""],
            wasm: [WasmEntry {
                entrypoint: ENTRYPOINT,
                module: POLICY,
            }],
            rego_version: 1,
        };
        let mut files = Files::from([
            (MANIFEST.to_owned(), json(&manifest)?),
            (DATA.to_owned(), self.data.clone()),
            (POLICY.to_owned(), self.wasm.clone()),
            (PROFILE.to_owned(), json(&self.profile)?),
            (LINKS.to_owned(), json(&self.links)?),
            (LABELS.to_owned(), json(&self.labels)?),
        ]);
        let text = |(name, text): &(String, String)| (name.clone(), text.clone().into_bytes());
        let spifs = self.spifs.iter().map(text).map(|file| (SPIF_DIR, file));
        let dlp = self.dlp.iter().map(text).map(|file| (DLP_DIR, file));
        let indexes = self.indexes.iter().cloned().map(|file| (INDEX_DIR, file));
        for (directory, (name, bytes)) in spifs.chain(dlp).chain(indexes) {
            if files.insert(format!("{directory}{name}"), bytes).is_some() {
                return Err(BundleError::Parts(vec![format!(
                    "{name}: two files of this name; rename one"
                )]));
            }
        }
        Ok(files)
    }

    fn from_files(mut files: Files) -> Result<Self, BundleError> {
        let mut take = |name: &'static str| files.remove(name).ok_or(BundleError::Missing(name));
        take(MANIFEST)?;
        let (wasm, data) = (take(POLICY)?, take(DATA)?);
        let (profile, links) = (read(PROFILE, &take(PROFILE)?)?, read(LINKS, &take(LINKS)?)?);
        let labels = read(LABELS, &take(LABELS)?)?;
        let (mut spifs, mut dlp, mut indexes) = (Vec::new(), Vec::new(), Vec::new());
        for (path, bytes) in files {
            if let Some(name) = path.strip_prefix(INDEX_DIR) {
                indexes.push((name.to_owned(), bytes));
                continue;
            }
            let text = String::from_utf8(bytes)
                .map_err(|_| BundleError::Broken(format!("{path} is not UTF-8")))?;
            match (path.strip_prefix(SPIF_DIR), path.strip_prefix(DLP_DIR)) {
                (Some(name), _) => spifs.push((name.to_owned(), text)),
                (_, Some(name)) => dlp.push((name.to_owned(), text)),
                _ => {
                    return Err(BundleError::Broken(format!(
                        "{path} does not belong into a bundle"
                    )));
                }
            }
        }
        Ok(Self {
            profile,
            spifs,
            dlp,
            indexes,
            index_key: None,
            links,
            labels,
            wasm,
            data,
        })
    }
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, BundleError> {
    serde_json::to_vec(value).map_err(|error| BundleError::Broken(error.to_string()))
}

fn read<T: for<'de> Deserialize<'de>>(name: &str, bytes: &[u8]) -> Result<T, BundleError> {
    serde_json::from_slice(bytes).map_err(|error| BundleError::Broken(format!("{name}: {error}")))
}

/// Bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
