//! A profile as its author writes it: `bundle.toml`, which names the files that a bundle is built from.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluice_policy::{
    bundle::{BundleParts, LabelSettings, Profile},
    link::LinkPolicy,
};
use thiserror::Error;

/// `bundle.toml`. All paths are relative to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Name of the profile.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Security policies.
    pub spif: Vec<String>,
    /// Detectors.
    pub dlp: Vec<String>,
    /// Indexes that detectors name, made by `sluice dlp index`: by name, their files.
    #[serde(default)]
    pub indexes: BTreeMap<String, String>,
    /// Folder of the rules and their tests, with `capabilities.json`.
    pub rego: String,
    /// The tables of the rules.
    pub settings: String,
    /// The policy of each link, and of all others under `*`.
    pub links: BTreeMap<String, LinkPolicy>,
    /// Switches of the label stage.
    #[serde(default)]
    pub labels: LabelSettings,
}

/// Why a profile cannot be read.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// `bundle.toml` is wrong; the message names line and column.
    #[error("{path}: {message}")]
    Toml {
        /// The file.
        path: String,
        /// What is wrong, with the place.
        message: String,
    },
    /// A file that it names cannot be read.
    #[error("{path}: {message}; bundle.toml names it")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
}

/// Reads the text of a `bundle.toml`; `path` is for messages.
///
/// # Errors
/// [`ProfileError::Toml`].
pub fn parse(path: &str, text: &str) -> Result<Written, ProfileError> {
    toml::from_str(text).map_err(|error| ProfileError::Toml {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

impl Written {
    /// The parts of the bundle, with the texts that `read` finds under the paths of this profile.
    ///
    /// # Errors
    /// [`ProfileError::File`] for the first text that is not there.
    pub fn parts(
        self,
        wasm: Vec<u8>,
        data: Vec<u8>,
        read: impl Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<BundleParts, ProfileError> {
        let texts = |paths: Vec<String>| -> Result<Vec<(String, String)>, ProfileError> {
            let utf8 = |bytes| String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned());
            let text = |path: String| match read(&path).and_then(utf8) {
                Ok(text) => Ok((file_name(&path).to_owned(), text)),
                Err(message) => Err(ProfileError::File { path, message }),
            };
            paths.into_iter().map(text).collect()
        };
        let index = |(name, path): (String, String)| match read(&path) {
            Ok(bytes) => Ok((format!("{name}.idx"), bytes)),
            Err(message) => Err(ProfileError::File { path, message }),
        };
        let indexes = self.indexes.into_iter().map(index);
        let indexes = indexes.collect::<Result<_, ProfileError>>()?;
        Ok(BundleParts {
            profile: Profile {
                name: self.name,
                version: self.version,
            },
            spifs: texts(self.spif)?,
            dlp: texts(self.dlp)?,
            indexes,
            index_key: None,
            links: self.links,
            labels: self.labels,
            wasm,
            data,
        })
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
