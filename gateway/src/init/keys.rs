//! Every key and certificate of a new gateway.

use sluice_certs::{Authority, Issued, UnixTime};
use sluice_policy::ids;
use sluice_policy::keys::SigningKey;

use super::{Files, InitError};
use crate::config::{Config, Secret, Way};

/// What `init` makes; none of it exists anywhere else.
pub struct Keys {
    /// The hook's bearer secret, or the proxy's password.
    pub inside_secret: Secret,
    /// Signs the bundle, now and at each `sluice policy build`.
    pub bundle_key_pem: String,
    bundle_public_pem: String,
    ca: Authority,
    border: Issued,
    inside_ca: Option<Authority>,
    signing: SigningKey,
    injected: SigningKey,
    audit: SigningKey,
    /// Keys the hashes of found values in the audit log.
    findings: Secret,
}

impl Keys {
    /// Makes all of them from the system's randomness.
    pub fn generate(config: &Config, now: UnixTime) -> Result<Self, InitError> {
        let ca = Authority::generate(&format!("Sluice border CA of zone {}", config.zone), now)
            .map_err(failed)?;
        let border = ca.issue_gateway(&config.border.name, now).map_err(failed)?;
        let inside_ca = match config.inside.way {
            Way::Hook => None,
            Way::Connect { .. } => Some(
                Authority::generate(&format!("Sluice inside CA of zone {}", config.zone), now)
                    .map_err(failed)?,
            ),
        };
        let (bundle_key_pem, bundle_public_pem) =
            crate::shipped::new_bundle_key().map_err(failed)?;
        Ok(Self {
            inside_secret: Secret::generate().map_err(failed)?,
            bundle_key_pem,
            bundle_public_pem,
            ca,
            border,
            inside_ca,
            signing: signing_key("gw")?,
            injected: signing_key("sluice")?,
            audit: signing_key("audit")?,
            findings: Secret::generate().map_err(failed)?,
        })
    }

    /// Writes them where the configuration looks for them.
    pub fn write(&self, files: &mut Files) -> Result<(), InitError> {
        files.public("keys/ca.pem", self.ca.certificate_pem())?;
        files.secret("keys/ca.key", self.ca.key_pem())?;
        files.public("keys/border.pem", &self.border.certificate_pem)?;
        files.secret("keys/border.key", &self.border.key_pem)?;
        if let Some(inside_ca) = &self.inside_ca {
            files.public("keys/inside-ca.pem", inside_ca.certificate_pem())?;
            files.secret("keys/inside-ca.key", inside_ca.key_pem())?;
        }
        files.secret(
            "keys/inside.secret",
            &format!("{}\n", self.inside_secret.expose()),
        )?;
        files.secret("keys/signing.key", &self.signing.to_line())?;
        files.secret("keys/injected.key", &self.injected.to_line())?;
        files.secret("keys/audit.key", &self.audit.to_line())?;
        let audit_public = format!(
            "{} {}\n",
            self.audit.id(),
            ids::to_base64(&self.audit.public())
        );
        files.public("keys/audit.pub", &audit_public)?;
        files.secret(
            "keys/findings.key",
            &format!("{}\n", self.findings.expose()),
        )?;
        files.secret("keys/bundle.key", &self.bundle_key_pem)?;
        files.public("keys/bundle.pub", &self.bundle_public_pem)?;
        Ok(())
    }
}

/// A new signing key. Its id carries random characters: two keys must never share an id, or an old signature would be
/// checked with the new key.
fn signing_key(role: &str) -> Result<SigningKey, InitError> {
    let (mut seed, mut tag) = ([0; 32], [0; 3]);
    getrandom::fill(&mut seed).map_err(failed)?;
    getrandom::fill(&mut tag).map_err(failed)?;
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    SigningKey::from_seed(&format!("{role}_{tag}"), &seed).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> InitError {
    InitError::Keys(error.to_string())
}
