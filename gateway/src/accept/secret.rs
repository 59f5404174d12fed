//! The secret that our homeserver shows on the inside listener.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use subtle::ConstantTimeEq as _;

/// Name of the proxy user that `CONNECT` is made by.
const PROXY_USER: &str = "sluice";

/// The inside secret. `Debug` hides it; comparing takes the same time wherever the first difference stands.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the secret as read from its file, without the line break at its end. `None` if nothing is left: an empty
    /// secret would admit whoever sends none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_end_matches(['\r', '\n']);
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Whether the request shows this secret as `Proxy-Authorization: Bearer`, in exactly one field.
    pub(super) fn shown_as_bearer(&self, headers: &HeaderMap) -> bool {
        credential(headers, "Bearer").is_some_and(|shown| self.equals(shown))
    }

    /// The same as `Basic`, with the user `sluice`.
    pub(super) fn shown_as_basic(&self, headers: &HeaderMap) -> bool {
        let decoded = credential(headers, "Basic").and_then(|shown| STANDARD.decode(shown).ok());
        let user = format!("{PROXY_USER}:");
        decoded.is_some_and(|pair| {
            pair.strip_prefix(user.as_bytes())
                .is_some_and(|password| self.equals(password))
        })
    }

    fn equals(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// What follows the scheme in the only `Proxy-Authorization` field.
fn credential<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a [u8]> {
    let mut fields = headers.get_all(PROXY_AUTHORIZATION).iter();
    let (Some(only), None) = (fields.next(), fields.next()) else {
        return None;
    };
    after_scheme(only, scheme)
}

fn after_scheme<'a>(value: &'a HeaderValue, scheme: &str) -> Option<&'a [u8]> {
    let bytes = value.as_bytes();
    let (given, rest) = bytes.split_at_checked(scheme.len())?;
    if !given.eq_ignore_ascii_case(scheme.as_bytes()) {
        return None;
    }
    rest.strip_prefix(b" ").map(<[u8]>::trim_ascii_start)
}
