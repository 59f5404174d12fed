//! The shipped policy bundle, built from the parts inside the binary and signed with the new gateway's own key: bundles
//! are always signed, and a key that lies in the tree would be everybody's.

use sluice_policy::bundle::{Bundle, BundleSigningKey};

use super::InitError;

/// The archive, signed with a private key (PKCS#8 PEM).
pub fn shipped(key_pem: &str) -> Result<Vec<u8>, InitError> {
    let key = BundleSigningKey::from_pem(key_pem).map_err(failed)?;
    let parts = crate::shipped::demo_parts().map_err(failed)?;
    Bundle::build_shipped(&parts, &key).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> InitError {
    InitError::Keys(error.to_string())
}
