//! The clearance of a link's direction: the classifications and category values that may pass.

use serde::{Deserialize, Serialize};

use super::{
    name,
    wire::{Category, PolicyIdentifier},
};

/// A clearance's size at most, in bytes of JSON.
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
        if json.len() > MAX_CLEARANCE_BYTES {
            return Err(ClearanceError(format!(
                "larger than {MAX_CLEARANCE_BYTES} bytes; shorten the lists"
            )));
        }
        serde_json::from_str(json).map_err(|error| ClearanceError(error.to_string()))
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
        let values = written
            .categories
            .iter()
            .flat_map(|category| &category.values);
        let tags = written.categories.iter().map(|category| &category.tag_name);
        let names: Vec<&String> = written
            .classifications
            .iter()
            .chain(values)
            .chain(tags)
            .collect();
        if names.len() > MAX_CLEARANCE_NAMES {
            return Err(ClearanceError(format!(
                "more than {MAX_CLEARANCE_NAMES} names; shorten the lists"
            )));
        }
        if names
            .iter()
            .chain([&&written.policy.name])
            .any(|name| !name::is_clean(name))
        {
            return Err(ClearanceError(
                "a name is empty or has invisible characters; write it plainly".into(),
            ));
        }
        if written
            .policy
            .uri
            .as_deref()
            .is_some_and(|uri| !name::is_oid_uri(uri))
        {
            return Err(ClearanceError(
                "uri of PolicyIdentifier is not urn:oid: and a dotted number".into(),
            ));
        }
        Ok(Clearance {
            policy: written.policy,
            classifications: written.classifications,
            categories: written.categories,
        })
    }
}
