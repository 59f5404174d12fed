//! Certificates for the names inside CONNECT tunnels, issued by the zone's inside CA when they are first asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use sluice_certs::{Authority, AuthorityError, OwnCertificate, UnixTime};

use crate::accept::{LeafRefused, LeafSource};

/// Names kept at most; the homeserver asks only for names of peers, so more is a mistake or an attack.
const MAX_NAMES: usize = 1024;
/// A certificate is valid for seven days and issued anew after one.
const RENEW_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The issuer with what it has issued.
pub(super) struct Leaves {
    authority: Authority,
    issued: Mutex<HashMap<String, (Instant, Arc<ServerConfig>)>>,
}

impl Leaves {
    pub(super) fn new(authority: &Authority) -> Result<Self, AuthorityError> {
        let authority = Authority::load(authority.certificate_pem(), authority.key_pem())?;
        Ok(Self {
            authority,
            issued: Mutex::default(),
        })
    }

    fn issue(&self, host: &str) -> Result<Arc<ServerConfig>, LeafRefused> {
        let refused = |error: &dyn std::fmt::Display| {
            LeafRefused(format!("no certificate for a tunnel: {error}"))
        };
        let issued = self
            .authority
            .issue_server(host, UnixTime::now())
            .map_err(|error| refused(&error))?;
        let own = OwnCertificate::load(&issued.certificate_pem, &issued.key_pem)
            .map_err(|error| refused(&error))?;
        sluice_certs::tls::inside_server(&own).map_err(|error| refused(&error))
    }
}

impl LeafSource for Leaves {
    fn tls(&self, host: &str) -> Result<Arc<ServerConfig>, LeafRefused> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, config)) = issued.get(host)
            && since.elapsed() < RENEW_AFTER
        {
            return Ok(Arc::clone(config));
        }
        if issued.len() >= MAX_NAMES {
            issued.clear();
        }
        let config = self.issue(host)?;
        issued.insert(host.to_owned(), (Instant::now(), Arc::clone(&config)));
        Ok(config)
    }
}
