//! Secrets in files: read with bounds, never shown, and the question who else may read them.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::mistake::{Mistake, read_bounded};

/// Largest key or secret file, in bytes.
pub const MAX_SECRET_BYTES: u64 = 64 * 1024;
/// Shortest shared secret that is accepted, in characters; `init` makes 43 (256 bits).
pub const MIN_SECRET_CHARS: usize = 32;
/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// A shared secret. Debug does not show it, and it is compared in constant time only.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret from a file's text; the line end is not part of it.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.len() < MIN_SECRET_CHARS {
            return Err(format!("is shorter than {MIN_SECRET_CHARS} characters"));
        }
        if !secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err("has characters other than A-Z, a-z, 0-9, - and _".to_owned());
        }
        Ok(Self(secret.to_owned()))
    }

    /// A new secret of 256 random bits.
    pub fn generate() -> Result<Self, getrandom::Error> {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        ))
    }

    /// Whether `offered` is the secret, in time that does not depend on where they differ.
    pub fn matches(&self, offered: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), offered).into()
    }

    /// The secret itself, to be written into a file or a header; never into a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Reads a file that holds a secret. Refused where group or others may read it.
pub fn read_private(file: &Path) -> Result<String, Mistake> {
    let text = read_bounded(file, MAX_SECRET_BYTES)?;
    match exposed(file) {
        Some(mistake) => Err(mistake),
        None => Ok(text),
    }
}

/// What is wrong with the permissions of a file that holds a secret.
pub fn exposed(file: &Path) -> Option<Mistake> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let message = format!("holds a secret and has mode {mode:04o}, so that others may read it");
    let remedy = format!("run: chmod 600 {}", file.display());
    (mode & OTHERS != 0).then(|| Mistake::of_file(file, message, remedy))
}
