//! The `X-Matrix` authorisation of a federation request, read strictly and written anew.
//!
//! Place in a request's life: `identify` reads the one header that `accept` let through; `rebuild` writes a new one.
//! Invariant: an [`XMatrix`] names its origin *and* its destination, and both are lower-case DNS names. The
//! specification lets the destination be absent; then a signed request could be replayed at another server.
//!
//! ```text
//! X-Matrix origin="low.test",destination="high.test",key="ed25519:a1",sig="…"
//! ```
//!
//! This module checks the form only. Whether the signature holds is decided where the keys are.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sluice_policy::ids::{is_key_id, is_server_name};

/// Longest header value that is read, in bytes: two names of 230 bytes, a key id and a signature fit several times.
pub const MAX_HEADER_BYTES: usize = 2048;
/// Most parameters in one header, known and unknown.
pub const MAX_PARAMETERS: usize = 16;
/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
const SCHEME: &str = "X-Matrix";

/// The four parameters of an `X-Matrix` header. `Debug` leaves the signature out: it must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct XMatrix {
    /// Server name of the sender, lower case, with its port if it has one.
    pub origin: String,
    /// Server name of the receiver, lower case.
    pub destination: String,
    /// Key id, `ed25519:` and the version.
    pub key: String,
    /// Signature in base64 as received; known to decode to 64 bytes.
    pub sig: String,
}

/// Why a header is no `X-Matrix` authorisation. The sender is to blame for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XMatrixError {
    /// Longer than [`MAX_HEADER_BYTES`] or with more than [`MAX_PARAMETERS`] parameters.
    #[error("the Authorization header is too long")]
    TooLong,
    /// Another scheme, such as `Bearer`.
    #[error("the Authorization scheme is not X-Matrix")]
    Scheme,
    /// Not a list of `name=value`.
    #[error("the X-Matrix parameters are malformed")]
    Syntax,
    /// The parameter stands twice: readers differ in which one they believe.
    #[error("an X-Matrix parameter is given twice")]
    Duplicate,
    /// The named parameter is required.
    #[error("the X-Matrix parameter `{0}` is missing")]
    Missing(&'static str),
    /// The named parameter has a value that cannot be true.
    #[error("the X-Matrix parameter `{0}` is not valid")]
    Value(&'static str),
}

impl XMatrix {
    /// Reads the value of one `Authorization` header.
    ///
    /// Values may be quoted or bare (bare ones with colons), names and scheme in any case, several spaces may follow
    /// the scheme and blanks may surround commas. Unknown parameters are ignored, repeated ones are refused.
    ///
    /// # Errors
    /// See [`XMatrixError`].
    pub fn parse(header: &str) -> Result<Self, XMatrixError> {
        if header.len() > MAX_HEADER_BYTES {
            return Err(XMatrixError::TooLong);
        }
        let mut parameters = parameters(after_scheme(header)?)?;
        let mut take = |name: &'static str| {
            let at = parameters.iter().position(|(given, _)| given == name);
            at.map(|at| parameters.swap_remove(at).1)
                .ok_or(XMatrixError::Missing(name))
        };
        let found = Self {
            origin: take("origin")?,
            destination: take("destination")?,
            key: take("key")?,
            sig: take("sig")?,
        };
        found.check()?;
        Ok(found)
    }

    /// Writes the header value, every parameter quoted. Names and key ids that passed [`XMatrix::parse`] or come from
    /// a checked peer record hold no character that would need escaping.
    pub fn format(&self) -> String {
        let Self {
            origin,
            destination,
            key,
            sig,
        } = self;
        format!(r#"{SCHEME} origin="{origin}",destination="{destination}",key="{key}",sig="{sig}""#)
    }

    fn check(&self) -> Result<(), XMatrixError> {
        if !is_server_name(&self.origin) {
            return Err(XMatrixError::Value("origin"));
        }
        if !is_server_name(&self.destination) {
            return Err(XMatrixError::Value("destination"));
        }
        if !is_key_id(&self.key) {
            return Err(XMatrixError::Value("key"));
        }
        match STANDARD_NO_PAD.decode(self.sig.trim_end_matches('=')) {
            Ok(bytes) if bytes.len() == SIGNATURE_BYTES => Ok(()),
            _ => Err(XMatrixError::Value("sig")),
        }
    }
}

impl fmt::Debug for XMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XMatrix")
            .field("origin", &self.origin)
            .field("destination", &self.destination)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

fn after_scheme(header: &str) -> Result<&str, XMatrixError> {
    let (scheme, rest) = header.split_once(' ').ok_or(XMatrixError::Scheme)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(XMatrixError::Scheme);
    }
    Ok(rest.trim_matches([' ', '\t']))
}

/// All parameters, names in lower case, each at most once.
fn parameters(mut rest: &str) -> Result<Vec<(String, String)>, XMatrixError> {
    let mut found: Vec<(String, String)> = Vec::new();
    loop {
        let (name, value, after) = parameter(rest)?;
        if found.iter().any(|(given, _)| *given == name) {
            return Err(XMatrixError::Duplicate);
        }
        if found.len() == MAX_PARAMETERS {
            return Err(XMatrixError::TooLong);
        }
        found.push((name, value));
        match trim_start(after) {
            "" => return Ok(found),
            more => {
                let more = more.strip_prefix(',').ok_or(XMatrixError::Syntax)?;
                rest = trim_start(more);
            }
        }
    }
}

/// One `name=value` from the front of `text`, and what follows it.
fn parameter(text: &str) -> Result<(String, String, &str), XMatrixError> {
    let (name, rest) = text.split_once('=').ok_or(XMatrixError::Syntax)?;
    let name = name.trim_end_matches([' ', '\t']);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(XMatrixError::Syntax);
    }
    let rest = trim_start(rest);
    let (value, after) = match rest.strip_prefix('"') {
        Some(quoted) => quoted_value(quoted)?,
        None => bare_value(rest)?,
    };
    Ok((name.to_ascii_lowercase(), value, after))
}

/// A quoted value after its opening quote; a backslash takes the next character as it is.
fn quoted_value(text: &str) -> Result<(String, &str), XMatrixError> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(characters.next().ok_or(XMatrixError::Syntax)?.1),
            c if c.is_control() => return Err(XMatrixError::Syntax),
            c => value.push(c),
        }
    }
    Err(XMatrixError::Syntax)
}

/// A bare value. Beyond a token it may hold what names, key ids and base64 need: `:`, `/` and `=`.
fn bare_value(text: &str) -> Result<(String, &str), XMatrixError> {
    let allowed = |b: u8| is_token(b) || matches!(b, b':' | b'/' | b'=');
    let end = text.bytes().position(|b| !allowed(b)).unwrap_or(text.len());
    if end == 0 {
        return Err(XMatrixError::Syntax);
    }
    Ok((text[..end].to_owned(), &text[end..]))
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests;
