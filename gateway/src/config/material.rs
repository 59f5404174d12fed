//! The files that the configuration names: keys, certificates, the shared secret. All are read, and all mistakes told,
//! before a gateway starts. A file that holds a secret and that others may read is a mistake.

use std::path::Path;

use sluice_certs::{Authority, CertificateFacts, OwnCertificate, UnixTime};
use sluice_policy::bundle::BundleVerifyKey;
use sluice_policy::dlp::IndexKey;
use sluice_policy::keys::SigningKey;
use sluice_policy::label::{Clearance, MAX_CLEARANCE_BYTES};

use super::mistake::{Mistake, Mistakes, read_bounded};
use super::secret::{MAX_SECRET_BYTES, Secret, read_private};
use super::{Config, Way};

/// What the gateway is and can prove, loaded from files. Debug shows no secret.
#[derive(Debug)]
pub struct Material {
    /// Our certificate towards peers.
    pub border: OwnCertificate,
    /// The CA that issued it, PEM; goes into our record.
    pub ca_pem: String,
    /// What the homeserver must show.
    pub inside_secret: Secret,
    /// For way `connect`: the CA that names the Matrix servers inside the tunnels.
    pub inside_authority: Option<Authority>,
    /// Signs requests to peers.
    pub signing: SigningKey,
    /// Signs requests to our own homeservers.
    pub injected: SigningKey,
    /// Signs the audit log's checkpoints.
    pub audit: SigningKey,
    /// The public key that bundles must be signed with.
    pub bundle_key: BundleVerifyKey,
    /// The zone's own clearance, where it has one.
    pub clearance: Option<Clearance>,
    /// Keys the hashes of found values, where there is one.
    pub findings: Option<Secret>,
    /// Opens the bundle's indexes, where it has any.
    pub index_key: Option<IndexKey>,
    /// The token of the connector, where there is one.
    pub connector: Option<Secret>,
}

impl Material {
    /// Loads every file, or tells every mistake.
    pub fn load(config: &Config, now: UnixTime) -> Result<Self, Mistakes> {
        let mut loading = Loading {
            config,
            mistakes: Vec::new(),
        };
        let border = loading.border(now);
        let ca_pem = loading.ca(now);
        let inside_secret = loading.inside_secret();
        let inside_authority = loading.inside_authority(now);
        let signing = loading.signing("keys.signing", &config.keys.signing);
        let injected = loading.signing("keys.injected", &config.keys.injected);
        let audit = loading.signing("keys.audit", &config.keys.audit);
        let bundle_key = loading.bundle_key();
        let clearance = loading.clearance();
        let findings = loading.findings();
        let index_key = loading.index_key();
        let connector = loading.connector();
        let found = (
            border,
            ca_pem,
            inside_secret,
            inside_authority,
            signing,
            injected,
            audit,
            bundle_key,
            clearance,
            findings,
            index_key,
            connector,
        );
        match found {
            (
                Some(border),
                Some(ca_pem),
                Some(inside_secret),
                Some(inside_authority),
                Some(signing),
                Some(injected),
                Some(audit),
                Some(bundle_key),
                Some(clearance),
                Some(findings),
                Some(index_key),
                Some(connector),
            ) if loading.mistakes.is_empty() => Ok(Self {
                border,
                ca_pem,
                inside_secret,
                inside_authority,
                signing,
                injected,
                audit,
                bundle_key,
                clearance,
                findings,
                index_key,
                connector,
            }),
            _ => Err(Mistakes(loading.mistakes)),
        }
    }
}

/// Loads one signing key alone, for a command that needs no more. `key` is its place in the file.
pub fn signing_key(config: &Config, key: &str, file: &Path) -> Result<SigningKey, Mistakes> {
    let mut loading = Loading {
        config,
        mistakes: Vec::new(),
    };
    let found = loading.signing(key, file);
    found.ok_or(Mistakes(loading.mistakes))
}

struct Loading<'c> {
    config: &'c Config,
    mistakes: Vec<Mistake>,
}

impl Loading<'_> {
    fn border(&mut self, now: UnixTime) -> Option<OwnCertificate> {
        let border = &self.config.border;
        let certificate = self.public("border.certificate", &border.certificate);
        let key = self.private("border.key", &border.key);
        let remedy = "give the two files that `sluice init` made together";
        let own = self.sound(
            "border.certificate",
            OwnCertificate::load(&certificate?, &key?),
            remedy,
        )?;
        if own.facts().names != [border.name.as_str()] {
            let message = format!(
                "names {:?} and not the gateway {:?}",
                own.facts().names.join(" "),
                border.name
            );
            let remedy =
                "issue a certificate with border.name as its one SAN, or correct border.name";
            self.wrong("border.certificate", message, remedy);
        }
        self.valid("border.certificate", own.facts(), now)?;
        Some(own)
    }

    fn ca(&mut self, now: UnixTime) -> Option<String> {
        let pem = self.public("border.ca", &self.config.border.ca)?;
        let remedy = "give the CA certificate that issued border.certificate";
        let facts = self.sound("border.ca", CertificateFacts::of_pem(&pem), remedy)?;
        self.valid("border.ca", &facts, now)?;
        Some(pem)
    }

    fn inside_secret(&mut self) -> Option<Secret> {
        let text = self.private("inside.secret", &self.config.inside.secret)?;
        let remedy =
            "write 43 random characters, as `sluice init` does, and the same into homeserver.yaml";
        self.sound("inside.secret", Secret::from_text(&text), remedy)
    }

    /// `Some(None)` for way `hook`, which needs no CA.
    fn inside_authority(&mut self, now: UnixTime) -> Option<Option<Authority>> {
        let Way::Connect { certificate, key } = &self.config.inside.way else {
            return Some(None);
        };
        let certificate = self.public("inside.certificate", certificate);
        let key = self.private("inside.key", key);
        let certificate = certificate?;
        let remedy = "give the two files that `sluice init` made together";
        let authority = self.sound(
            "inside.certificate",
            Authority::load(&certificate, &key?),
            remedy,
        )?;
        let facts = self.sound(
            "inside.certificate",
            CertificateFacts::of_pem(&certificate),
            remedy,
        )?;
        self.valid("inside.certificate", &facts, now)?;
        Some(Some(authority))
    }

    fn signing(&mut self, key: &str, file: &Path) -> Option<SigningKey> {
        let line = self.private(key, file)?;
        self.sound(
            key,
            SigningKey::from_line(&line),
            "give the file that `sluice init` made",
        )
    }

    fn bundle_key(&mut self) -> Option<BundleVerifyKey> {
        let pem = self.public("keys.bundle", &self.config.keys.bundle)?;
        let remedy = "give the file keys/bundle.pub that `sluice init` made";
        self.sound("keys.bundle", BundleVerifyKey::from_pem(&pem), remedy)
    }

    /// `Some(None)` where the zone has none of its own.
    fn clearance(&mut self) -> Option<Option<Clearance>> {
        let Some(file) = &self.config.clearance else {
            return Some(None);
        };
        let read = read_bounded(file, MAX_CLEARANCE_BYTES as u64);
        let text = self.read("clearance", read)?;
        let remedy = "write it as docs/look-up/labels.md says";
        self.sound("clearance", Clearance::read(text.as_bytes()), remedy)
            .map(Some)
    }

    /// `Some(None)` where the configuration names none.
    fn findings(&mut self) -> Option<Option<Secret>> {
        let Some(file) = &self.config.keys.findings else {
            return Some(None);
        };
        let text = self.private("keys.findings", file)?;
        let remedy = "write 43 random characters, as `sluice init` does";
        self.sound("keys.findings", Secret::from_text(&text), remedy)
            .map(Some)
    }

    /// `Some(None)` where the configuration names none.
    fn index_key(&mut self) -> Option<Option<IndexKey>> {
        let Some(file) = &self.config.keys.indexes else {
            return Some(None);
        };
        let text = self.private("keys.indexes", file)?;
        let remedy = "give the key file of `sluice dlp index`";
        self.sound("keys.indexes", IndexKey::from_text(&text), remedy)
            .map(Some)
    }

    /// `Some(None)` where the configuration names none.
    fn connector(&mut self) -> Option<Option<Secret>> {
        let Some(connector) = &self.config.connector else {
            return Some(None);
        };
        let text = self.private("connector.token", &connector.token)?;
        let remedy = "write the access token of an administrator of the homeserver";
        self.sound("connector.token", Secret::from_text(&text), remedy)
            .map(Some)
    }

    fn public(&mut self, key: &str, file: &Path) -> Option<String> {
        let read = read_bounded(file, MAX_SECRET_BYTES);
        self.read(key, read)
    }

    fn private(&mut self, key: &str, file: &Path) -> Option<String> {
        let read = read_private(file);
        self.read(key, read)
    }

    /// Moves a file's mistake to the line of the configuration that names the file.
    fn read(&mut self, key: &str, read: Result<String, Mistake>) -> Option<String> {
        match read {
            Ok(text) => Some(text),
            Err(mistake) => {
                let message = format!("{} {}", mistake.file.display(), mistake.message);
                self.wrong(key, message, &mistake.remedy);
                None
            }
        }
    }

    fn sound<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        made: Result<T, E>,
        remedy: &str,
    ) -> Option<T> {
        match made {
            Ok(made) => Some(made),
            Err(error) => {
                self.wrong(key, error.to_string(), remedy);
                None
            }
        }
    }

    fn valid(&mut self, key: &str, facts: &CertificateFacts, now: UnixTime) -> Option<()> {
        if facts.is_valid_at(now) {
            return Some(());
        }
        let when = if now.as_secs() > facts.not_after {
            "has expired"
        } else {
            "is not valid yet"
        };
        self.wrong(
            key,
            when.to_owned(),
            "renew the certificate, or set the clock",
        );
        None
    }

    fn wrong(&mut self, key: &str, message: String, remedy: &str) {
        let mistake = self.config.origin.mistake(key, message, remedy);
        self.mistakes.push(mistake);
    }
}
