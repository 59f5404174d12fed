//! Detectors as they are written to a file, in the order of the keys that people write.

use serde::Serialize;

use super::ImportError;

/// What stands above the detectors.
const HEAD: &str = "# Imported by `sluice dlp import`. Detectors of origin \"import\" need no examples; add some and remove the \
                    key to have them tested.\n\n";

/// A rule file.
#[derive(Serialize)]
pub(super) struct File {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allow: Vec<Allow>,
    pub(super) detector: Vec<Detector>,
}

/// A detector.
#[derive(Serialize)]
pub(super) struct Detector {
    pub(super) id: String,
    pub(super) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) keywords: Vec<String>,
    pub(super) regex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<Group>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) all_of: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) within: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entropy: Option<f64>,
    pub(super) dialect: &'static str,
    pub(super) strength: &'static str,
    pub(super) views: &'static [&'static str],
    pub(super) origin: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allow: Vec<Allow>,
}

/// Which group is the value.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Group {
    Number(usize),
    Word(&'static str),
}

/// An allow-list.
#[derive(Clone, Serialize)]
pub(super) struct Allow {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) regexes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) words: Vec<String>,
    pub(super) target: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) all: bool,
    pub(super) dialect: &'static str,
}

impl File {
    pub(super) fn ids(&self) -> Vec<String> {
        self.detector
            .iter()
            .map(|detector| detector.id.clone())
            .collect()
    }
}

/// The file's text.
pub(super) fn toml(file: &File) -> Result<String, ImportError> {
    let text = toml::to_string_pretty(file).map_err(|error| ImportError::Unwritable {
        reason: error.to_string(),
    })?;
    Ok(format!("{HEAD}{text}"))
}
