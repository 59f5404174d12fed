//! From files to one [`Active`] snapshot: the same way at the start and at each reload.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::ServerConfig;
use sha2::{Digest, Sha256};
use sluice_policy::dlp::HashKey;

use crate::check::open_bundle;
use crate::config::{Config, HsAddress, Material, Mistake, Mistakes, Secret};
use crate::gateway::{Active, LinkKeys};
use crate::links::Links;
use crate::peers::{Own, Peer, Peers, Record};
use crate::relay::{self, Deadlines, Homeserver, HomeserverAddress, PeerTarget};
use crate::tell::Connected;

/// Everything that the files say, checked.
pub struct Loaded {
    /// What requests will be judged under.
    pub active: Active,
    /// Keys and certificates.
    pub material: Material,
    /// The border listener's TLS.
    pub border_tls: Arc<ServerConfig>,
}

/// Loads peers and bundle and makes the clients; `before` lends the clients that did not change.
pub(super) fn load(
    config: Config,
    material: Material,
    before: Option<&Active>,
) -> Result<Loaded, Mistakes> {
    for notice in config.danger.notices() {
        tracing::warn!(notice, "configuration");
    }
    let own = Own::of(&config, &material);
    let peers = Peers::load(&config.state.peers, &own)?;
    let own_zone = own_zone(&config, &material)?;
    let tls_mistake = |error: &dyn std::fmt::Display| {
        Mistakes(vec![config.origin.mistake(
            "border.certificate",
            error.to_string(),
            "run `sluice check`",
        )])
    };
    let identities = peers.iter().map(|peer| &peer.identity);
    let border_tls = sluice_certs::tls::border_server(&material.border, identities)
        .map_err(|error| tls_mistake(&error))?;
    let bundle = open_bundle(&config, &material)
        .map(|bundle| Arc::new(bundle.keyed(material.findings.as_ref().map(hash_key))))
        .map_err(|mistakes| mistakes.to_string());
    let keys = Arc::new(LinkKeys {
        signing: material.signing.clone(),
        injected: material.injected.clone(),
    });
    let clients = before.map_or_else(
        || Arc::new(relay::Peers::new(Deadlines::default())),
        |before| Arc::clone(&before.clients),
    );
    let links = before.map_or_else(Arc::default, |before| Arc::clone(&before.links));
    let targets = targets(&peers, &material, &links)?;
    let active = Active {
        homeservers: homeservers(&config, before),
        clients,
        links,
        targets,
        clearance: material.clearance.clone(),
        connector: config
            .connector
            .as_ref()
            .zip(material.connector.clone())
            .map(|(connector, token)| Connected::new(connector, token)),
        config,
        peers,
        own: own_zone,
        bundle,
        keys,
    };
    if before.is_none() {
        active.clients.replace(active.targets.clone());
    }
    Ok(Loaded {
        active,
        material,
        border_tls,
    })
}

/// Our own zone as the far end of a link, for traffic between two of its homeservers.
fn own_zone(config: &Config, material: &Material) -> Result<Arc<Peer>, Mistakes> {
    let own = Record::own(config, material).into_peer();
    own.map(Arc::new).map_err(|fault| {
        let message = format!("our own record {fault}");
        Mistakes(vec![config.origin.mistake(
            "zone",
            message,
            "run `sluice check`",
        )])
    })
}

/// What a running gateway cannot change: where it listens and what it writes.
pub(super) fn same_places(before: &Config, after: &Config) -> Result<(), Mistakes> {
    let listen = |config: &Config| {
        format!(
            "{:?}",
            (&config.inside, config.border.listen, &config.operations)
        )
    };
    let state =
        |config: &Config| format!("{:?}", (&config.state, &config.keys.audit, &config.zone));
    let mut mistakes = Vec::new();
    if listen(before) != listen(after) {
        mistakes.push(after.origin.mistake(
            "inside.listen",
            "a listener was changed",
            "restart the gateway for that",
        ));
    }
    if state(before) != state(after) {
        let message = "zone, audit key or a place under [state] was changed";
        mistakes.push(
            after
                .origin
                .mistake("state.audit", message, "restart the gateway for that"),
        );
    }
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(Mistakes(mistakes))
    }
}

/// A bundle that does not load, as a mistake in the configuration's words.
pub(super) fn bundle_mistake(config: &Config, error: &str) -> Mistakes {
    Mistakes(vec![config.origin.mistake(
        "state.bundle",
        error,
        "build it again with `sluice policy build`",
    )])
}

/// The key of value hashes that a secret stands for, whatever its length.
fn hash_key(secret: &Secret) -> HashKey {
    HashKey::new(&Sha256::digest(secret.expose()).into())
}

fn homeservers(config: &Config, before: Option<&Active>) -> BTreeMap<String, Arc<Homeserver>> {
    let kept = |name: &str, address: &HsAddress| {
        let before = before?;
        let same = before
            .config
            .homeserver(name)
            .is_some_and(|homeserver| homeserver.address == *address);
        same.then(|| before.homeservers.get(name).cloned())
            .flatten()
    };
    let client = |address: &HsAddress| {
        let address = match address {
            HsAddress::Unix(path) => HomeserverAddress::Unix(path.clone()),
            HsAddress::Http(address) => HomeserverAddress::Http(address.to_string()),
        };
        Arc::new(Homeserver::new(address, Deadlines::default()))
    };
    let all = config.homeservers.iter();
    all.map(|homeserver| {
        let name = homeserver.name.clone();
        let client =
            kept(&name, &homeserver.address).unwrap_or_else(|| client(&homeserver.address));
        (name, client)
    })
    .collect()
}

fn targets(
    peers: &Peers,
    material: &Material,
    links: &Links,
) -> Result<BTreeMap<String, PeerTarget>, Mistakes> {
    let mut targets = BTreeMap::new();
    let mut mistakes: Vec<Mistake> = Vec::new();
    for peer in peers.iter() {
        match target(peer, material, links) {
            Ok(target) => drop(targets.insert(peer.zone().to_owned(), target)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() {
        Ok(targets)
    } else {
        Err(Mistakes(mistakes))
    }
}

fn target(peer: &Peer, material: &Material, links: &Links) -> Result<PeerTarget, Mistake> {
    let wrong = |message: String| {
        let file = crate::peers::file_of(std::path::Path::new("peers"), peer.zone());
        Mistake::of_file(&file, message, "import the peer's record again")
    };
    let record = &peer.record;
    let tls = sluice_certs::tls::peer_client(&material.border, &peer.identity)
        .map_err(|error| wrong(error.to_string()))?;
    let name = rustls_pki_types::ServerName::try_from(record.gateway.clone())
        .map_err(|error| wrong(error.to_string()))?;
    let expected = record.key_sha256.to_ascii_lowercase();
    let own = material.border.facts().pin;
    Ok(PeerTarget {
        address: record.address.clone(),
        name,
        tls,
        pin: Arc::new(move |shown: &rustls_pki_types::CertificateDer<'_>| {
            crate::accept::key_sha256(shown).is_some_and(|key| key == expected)
        }),
        gate: links.gate(peer.zone()),
        version: format!("{record:?} {own}"),
    })
}
