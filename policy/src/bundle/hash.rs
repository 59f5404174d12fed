//! The hash of a file as OPA takes it: over the bytes, but over the parsed value for `data.json` and `.manifest`.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{BundleError, DATA, MANIFEST, hex};

/// Name of the algorithm in the signature.
pub(super) const ALGORITHM: &str = "SHA-256";

/// SHA-256 of a file in hexadecimal.
pub(super) fn of(path: &str, bytes: &[u8]) -> Result<String, BundleError> {
    if path != DATA && path != MANIFEST {
        return Ok(hex(&Sha256::digest(bytes)));
    }
    let value = serde_json::from_slice(bytes)
        .map_err(|_| BundleError::Broken(format!("{path} is not JSON")))?;
    let mut text = String::new();
    write(&value, &mut text);
    Ok(hex(&Sha256::digest(text)))
}

/// Objects with sorted keys, no spaces.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                separate(index, out);
                scalar(&Value::from(key.as_str()), out);
                out.push(':');
                write(&fields[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out);
            }
            out.push(']');
        }
        other => scalar(other, out),
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

/// As Go's encoder writes it, which escapes two separators that Rust's leaves alone.
fn scalar(value: &Value, out: &mut String) {
    out.push_str(
        &value
            .to_string()
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029"),
    );
}
