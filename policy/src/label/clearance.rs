//! Clearances: the classifications and category values that may pass, as XML, JSON, or inside a token.

mod claim;
mod xml;

use serde::{Deserialize, Serialize};

use super::{
    name,
    wire::{Category, LabelError, PolicyIdentifier, reading, without_mark, write_json},
};
use crate::json::{Limits, parse};

/// A clearance's size at most, in bytes of JSON or XML.
pub const MAX_CLEARANCE_BYTES: usize = 64 * 1024;
/// Names in a clearance at most: classifications and category values together.
pub const MAX_CLEARANCE_NAMES: usize = 4096;

/// What may pass, as a list of classifications and category values. Never a maximum: a level that is not listed does
/// not pass, also not one below a listed level.
///
/// JSON: `{"PolicyIdentifier":{"name","uri"},"ClassificationList":["..."],"Category":[{"TagName","Type",
/// "GenericValue":[]}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Clearance {
    /// The policy that the clearance is written in.
    #[serde(rename = "PolicyIdentifier")]
    pub policy: PolicyIdentifier,
    /// Names of the classifications that may pass.
    #[serde(rename = "ClassificationList")]
    pub classifications: Vec<String>,
    /// Category values that may pass.
    #[serde(rename = "Category")]
    pub categories: Vec<Category>,
}

/// Why a clearance cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("clearance: {0}")]
pub struct ClearanceError(String);

impl Clearance {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// An unknown, missing or repeated key, an unknown category type, an empty or unclean name, a text over
    /// [`MAX_CLEARANCE_BYTES`].
    pub fn parse(json: &str) -> Result<Clearance, ClearanceError> {
        check_size(json.as_bytes())?;
        serde_json::from_str(json).map_err(|error| ClearanceError(error.to_string()))
    }

    /// Reads a file, told apart by content: XML (`ConfidentialityClearance`), JSON, or the claim `aciClr`
    /// (BASE64URL of the XML) alone, in a JSON object, or in a signed token in its compact form.
    ///
    /// The signature of a token is **not** checked, nor is its period: the file is the operator's, who answers for
    /// where it came from. Nothing that arrives over a network may be read with this.
    ///
    /// # Errors
    /// As [`Clearance::parse`]; also XML that is not exactly a clearance.
    pub fn read(bytes: &[u8]) -> Result<Clearance, ClearanceError> {
        let text = without_mark(bytes).trim_ascii();
        match text.first() {
            Some(b'<') => xml::read(text),
            Some(b'{') => read_json(text),
            _ => claim::read(text),
        }
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }

    /// The XML form.
    #[must_use]
    pub fn to_xml(&self) -> String {
        xml::write(self)
    }

    /// SHA-256 over the canonical JSON form, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        write_json::sha256(self.to_json())
    }
}

/// Strict JSON: a clearance, or an object with the claim.
fn read_json(text: &[u8]) -> Result<Clearance, ClearanceError> {
    check_size(text)?;
    let limits = Limits {
        bytes: MAX_CLEARANCE_BYTES,
        depth: 8,
        nodes: 2 * MAX_CLEARANCE_NAMES,
    };
    let tree = parse(text, &limits).map_err(|fault| ClearanceError(fault.to_string()))?;
    let object = tree.as_object();
    if let Some(claim) = object.and_then(|object| object.get(claim::NAME)) {
        return claim::of(claim);
    }
    serde_json::to_value(&tree)
        .and_then(serde_json::from_value)
        .map_err(|error| ClearanceError(error.to_string()))
}

fn check_size(text: &[u8]) -> Result<(), ClearanceError> {
    if text.len() > MAX_CLEARANCE_BYTES {
        return Err(ClearanceError(format!(
            "larger than {MAX_CLEARANCE_BYTES} bytes; shorten the lists"
        )));
    }
    Ok(())
}

impl From<LabelError> for ClearanceError {
    fn from(error: LabelError) -> ClearanceError {
        ClearanceError(error.to_string())
    }
}

/// A clearance as it was written, before names are looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "PolicyIdentifier")]
    policy: PolicyIdentifier,
    #[serde(rename = "ClassificationList")]
    classifications: Vec<String>,
    #[serde(rename = "Category", default)]
    categories: Vec<Category>,
}

impl TryFrom<Written> for Clearance {
    type Error = ClearanceError;

    fn try_from(written: Written) -> Result<Clearance, ClearanceError> {
        let Written {
            mut policy,
            mut classifications,
            mut categories,
        } = written;
        let values = categories.iter_mut().flat_map(|category| {
            std::iter::once(&mut category.tag_name).chain(&mut category.values)
        });
        let names: Vec<&mut String> = classifications.iter_mut().chain(values).collect();
        if names.len() > MAX_CLEARANCE_NAMES {
            return Err(ClearanceError(format!(
                "more than {MAX_CLEARANCE_NAMES} names; shorten the lists"
            )));
        }
        for name in names.into_iter().chain([&mut policy.name]) {
            *name = clean(name)?;
        }
        let uris = categories.iter().map(|category| &category.uri);
        if !uris
            .chain([&policy.uri])
            .flatten()
            .all(|uri| name::is_oid_uri(uri))
        {
            return Err(ClearanceError(
                "uri of PolicyIdentifier or URI of Category is not urn:oid: and a dotted number"
                    .into(),
            ));
        }
        Ok(Clearance {
            policy,
            classifications,
            categories,
        })
    }
}

/// A name with spaces collapsed, as in XML; line ends and what cannot be seen are refused before.
fn clean(name: &str) -> Result<String, ClearanceError> {
    let read = if name.chars().any(char::is_control) {
        None
    } else {
        reading::token(name, "name").ok()
    };
    read.ok_or_else(|| {
        ClearanceError("a name is empty or has invisible characters; write it plainly".into())
    })
}

#[cfg(test)]
mod tests;
