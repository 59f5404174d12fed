//! The roads through real gateways: how they are set up, how a request for each is dressed, what they counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice_policy::keys::SigningKey;

use super::corpus::{Corpus, Transaction};
use super::load::Entrance;
use super::upstream::Upstream;
use super::{load, must};
use crate::stub::gateway::Gateway;
use crate::stub::peer::{StubPeer, client_config, x_matrix};
use crate::stub::room::{Actor, new_key};
use crate::stub::wire::request_bytes;

/// The homeserver that sends, and the one that receives.
const FROM: &str = "high.test";
const TO: &str = "low.test";

/// A road through one or two gateways to the stub homeserver.
#[derive(Debug)]
pub struct Road {
    /// The gateways, in the order in which a request passes them.
    pub gateways: Vec<Gateway>,
    /// The homeserver at its end.
    pub upstream: Upstream,
    /// Where its socket is.
    pub socket: PathBuf,
    /// What is sent over it.
    pub corpus: Corpus,
    /// Where the load goes in.
    pub entrance: Entrance,
    dress: Dress,
    /// Only there to be asked for keys.
    _near: Option<Upstream>,
    _peer: Option<StubPeer>,
}

/// What a request carries for its first gateway.
#[derive(Debug)]
enum Dress {
    /// The secret of the hook; signed by the homeserver.
    Hook { secret: String, key: SigningKey },
    /// Signed by the gateway between the two.
    Border { key: SigningKey },
}

impl Road {
    /// Through both gateways, from the hook of one zone to the homeserver of the other.
    ///
    /// # Panics
    /// Where it cannot be set up.
    #[must_use]
    pub fn full(dir: &Path) -> Self {
        let (key, upstream, socket) = end(dir);
        let near = Upstream::start(FROM, &key, &dir.join("from.sock"));
        let mut high = gateway(&dir.join("high"), "high", FROM, &dir.join("from.sock"));
        let mut low = gateway(&dir.join("low"), "low", TO, &socket);
        high.import(&low.record());
        low.import(&high.record());
        high.start();
        low.start();
        let entrance = Entrance::Unix(high.file("hook.sock"));
        let dress = Dress::Hook {
            secret: high.inside_secret(),
            key: key.clone(),
        };
        let corpus = Corpus::new(Actor {
            user: format!("@alice:{FROM}"),
            key,
        });
        Self {
            gateways: vec![high, low],
            upstream,
            socket,
            corpus,
            entrance,
            dress,
            _near: Some(near),
            _peer: None,
        }
        .begun()
    }

    /// Through the border of one gateway, from a peer that signs for itself.
    ///
    /// # Panics
    /// Where it cannot be set up.
    #[must_use]
    pub fn border(dir: &Path) -> Self {
        let (_, upstream, socket) = end(dir);
        let mut low = gateway(&dir.join("low"), "low", TO, &socket);
        let (record, peer) = (low.record(), StubPeer::new("high"));
        peer.serve(&record);
        low.import(&peer.record());
        low.start();
        let name = record["gateway"].as_str().unwrap_or_default().to_owned();
        let entrance = Entrance::Tls(
            low.border().to_owned(),
            name,
            client_config(&peer.own, &record),
        );
        let dress = Dress::Border {
            key: peer.signing.clone(),
        };
        let corpus = Corpus::new(Actor {
            user: format!("@alice:{FROM}"),
            key: peer.key.clone(),
        });
        Self {
            gateways: vec![low],
            upstream,
            socket,
            corpus,
            entrance,
            dress,
            _near: None,
            _peer: Some(peer),
        }
        .begun()
    }

    /// Makes the rooms known.
    fn begun(mut self) -> Self {
        let beginnings = self.corpus.beginnings();
        self.upstream.expect(&beginnings);
        let requests = self.dressed(&beginnings);
        let end = load::End::Once(std::time::Duration::from_secs(60));
        let sample = load::run(&self.entrance, &requests, 1, end, || (), || ());
        assert_eq!(
            (sample.all, sample.refused),
            (beginnings.len(), 0),
            "the rooms are not known: {}",
            self.logs()
        );
        self
    }

    /// The bytes of the requests, as the first gateway expects them.
    #[must_use]
    pub fn dressed(&self, transactions: &[Transaction]) -> Vec<Vec<u8>> {
        transactions.iter().map(|one| self.dress(one)).collect()
    }

    fn dress(&self, transaction: &Transaction) -> Vec<u8> {
        let (target, body) = (transaction.target(), Some(transaction.body.as_slice()));
        match &self.dress {
            Dress::Hook { secret, key } => {
                let secret = format!("Proxy-Authorization: Bearer {secret}");
                let fields = [secret, x_matrix(key, "PUT", &target, FROM, TO, body)];
                request_bytes(
                    "PUT",
                    &format!("matrix-federation://{TO}{target}"),
                    &format!("{TO}:80"),
                    &fields,
                    body,
                )
            }
            Dress::Border { key } => request_bytes(
                "PUT",
                &target,
                TO,
                &[x_matrix(key, "PUT", &target, FROM, TO, body)],
                body,
            ),
        }
    }

    /// The bytes of the same requests for a proxy that does nothing: same bodies, heads of the same length.
    #[must_use]
    pub fn plain(transactions: &[Transaction]) -> Vec<Vec<u8>> {
        let signature = "A".repeat(86);
        let field = format!(
            "Authorization: X-Matrix origin=\"{FROM}\",destination=\"{TO}\",key=\"ed25519:hs_high\",sig=\"{signature}\""
        );
        let fields = [field];
        let plain =
            |one: &Transaction| request_bytes("PUT", &one.target(), TO, &fields, Some(&one.body));
        transactions.iter().map(plain).collect()
    }

    /// The process ids of the gateways.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.gateways.iter().map(Gateway::pid).collect()
    }

    /// What each gateway has counted up to now.
    #[must_use]
    pub fn counters(&self) -> Vec<Counters> {
        self.gateways
            .iter()
            .map(|gateway| Counters::read(&gateway.page("/metrics").text()))
            .collect()
    }

    fn logs(&self) -> String {
        self.gateways.iter().map(Gateway::log).collect()
    }
}

/// The receiving homeserver.
fn end(dir: &Path) -> (SigningKey, Upstream, PathBuf) {
    // Of an earlier run: an audit log must not be continued by gateways with other keys.
    let _absent = std::fs::remove_dir_all(dir);
    must(&dir.display().to_string(), std::fs::create_dir_all(dir));
    let socket = dir.join("to.sock");
    let upstream = Upstream::start(TO, &new_key("hs_low"), &socket);
    (new_key("hs_high"), upstream, socket)
}

/// As `sluice init` makes it, with the shipped bundle and the log level that it ships with.
fn gateway(dir: &Path, zone: &str, homeserver: &str, socket: &Path) -> Gateway {
    let gateway = Gateway::init(dir, zone, homeserver, socket);
    gateway.edit("sluice.toml", |text| {
        text.replace("level = \"debug\"", "level = \"info\"")
    });
    gateway
}

/// The counters of one gateway that matter here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counters {
    /// Judged events by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Seconds in each stage, all requests together.
    pub stages: BTreeMap<String, f64>,
}

impl Counters {
    fn read(page: &str) -> Self {
        let mut counters = Self::default();
        for line in page.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            if series.starts_with("sluice_events_total{") {
                *counters
                    .verdicts
                    .entry(label(series, "verdict"))
                    .or_default() += value.parse::<u64>().unwrap_or(0);
            }
            if series.starts_with("sluice_stage_seconds_sum{") {
                counters
                    .stages
                    .insert(label(series, "stage"), value.parse().unwrap_or(0.0));
            }
        }
        counters
    }

    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let verdict = |(name, count): (&String, &u64)| {
            (
                name.clone(),
                count - before.verdicts.get(name).unwrap_or(&0),
            )
        };
        let stage = |(name, sum): (&String, &f64)| {
            (name.clone(), sum - before.stages.get(name).unwrap_or(&0.0))
        };
        Self {
            verdicts: self
                .verdicts
                .iter()
                .map(verdict)
                .filter(|(_, count)| *count > 0)
                .collect(),
            stages: self.stages.iter().map(stage).collect(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::json!({"verdicts": self.verdicts, "stage_seconds": self.stages})
    }
}

fn label(series: &str, name: &str) -> String {
    let value = series
        .split_once(&format!("{name}=\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    value.map(|(value, _)| value.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_a_page_of_metrics() {
        let page = "# HELP sluice_events x\nsluice_events_total{link=\"high->low\",verdict=\"release\",rule=\"a\"} 3\n\
                    sluice_events_total{link=\"high->low\",verdict=\"release\",rule=\"b\"} 4\n\
                    sluice_stage_seconds_sum{stage=\"judge\"} 0.5\n";
        let counters = Counters::read(page);
        assert_eq!(
            counters.verdicts,
            BTreeMap::from([("release".to_owned(), 7)])
        );
        assert_eq!(
            counters.since(&counters),
            Counters {
                verdicts: BTreeMap::new(),
                stages: BTreeMap::from([("judge".to_owned(), 0.0)]),
            }
        );
    }
}
