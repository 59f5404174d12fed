//! A world of stubs around the real gateway: our homeserver and the peer's zone are scripts that keep every byte they
//! receive, so that a test can say "nothing reached it" and mean it.
//!
//! ```text
//! alice@high.test                                                          bob@low.test
//! StubHomeserver ── unix socket ──┐                           ┌── mTLS ── StubPeer (raw sockets, own border)
//!        └───────── hook ───────▶ │  `sluice run` (zone high)  │ ◀────────────┘
//!                                 └───────────────────────────┘
//! ```

pub mod gateway;
pub mod homeserver;
pub mod labels;
pub mod peer;
pub mod room;
pub mod service;
pub mod wire;

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{DEFAULT_LINK, LinkPolicy, RequireLabel};
use sluice_policy::pdu::RoomVersion;

use self::gateway::Gateway;
use self::homeserver::StubHomeserver;
use self::labels::Clearances;
use self::peer::{StubPeer, exchange, x_matrix};
use self::room::{Actor, Event, Room, new_key, transaction};
use self::wire::{Reply, request_bytes};

/// A tax id with a right check digit: what the shipped detectors find, and the sample policy denies on every link.
pub const TAX_ID: &str = "Steuer-ID 86 095 742 719";
/// `/send` and the beginning of a transaction id.
pub const SEND: &str = "/_matrix/federation/v1/send/";

/// Our gateway, our homeserver and one peer.
#[derive(Debug)]
pub struct World {
    /// The gateway of zone `high`.
    pub gateway: Gateway,
    /// Its record, as the peer knows it.
    pub record: Value,
    /// The homeserver `high.test`.
    pub homeserver: StubHomeserver,
    /// The homeserver `second.test` of the same zone, in a world that has it.
    pub second: Option<StubHomeserver>,
    /// The zone `low`.
    pub peer: StubPeer,
    _folder: tempfile::TempDir,
}

impl World {
    /// A world under the shipped policy, but that no label is demanded.
    #[must_use]
    pub fn new() -> Self {
        Self::under(&policy())
    }

    /// A world under a policy.
    ///
    /// # Panics
    /// Where it cannot be set up.
    #[must_use]
    pub fn under(parts: &BundleParts) -> Self {
        Self::with(parts, &Clearances::default())
    }

    /// A world under a policy, with these clearances.
    ///
    /// # Panics
    /// Where it cannot be set up.
    #[must_use]
    pub fn with(parts: &BundleParts, clearances: &Clearances) -> Self {
        Self::made(parts, clearances, false)
    }

    /// A world in which our zone has a second homeserver.
    ///
    /// # Panics
    /// Where it cannot be set up.
    #[must_use]
    pub fn of_two_homeservers(parts: &BundleParts) -> Self {
        Self::made(parts, &Clearances::default(), true)
    }

    fn made(parts: &BundleParts, clearances: &Clearances, two: bool) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let socket = folder.path().join("federation.sock");
        let homeserver = StubHomeserver::start("high.test", new_key("hs_high"), &socket);
        let other = folder.path().join("second.sock");
        let second =
            two.then(|| StubHomeserver::start("second.test", new_key("hs_second"), &other));
        let mut homeservers = vec![("high.test", socket.as_path())];
        homeservers.extend(two.then_some(("second.test", other.as_path())));
        let mut gateway = Gateway::init_for(&folder.path().join("gateway"), "high", &homeservers);
        let (record, peer) = (gateway.record(), StubPeer::new("low"));
        peer.serve(&record);
        let Clearances {
            send,
            receive,
            zone,
        } = clearances;
        gateway.import_for(&peer.record(), &send.to_string(), &receive.to_string());
        if let Some(zone) = zone {
            gateway.clear_zone(zone);
        }
        gateway.install(parts);
        gateway.start();
        Self {
            gateway,
            record,
            homeserver,
            second,
            peer,
            _folder: folder,
        }
    }

    /// The second homeserver of our zone.
    ///
    /// # Panics
    /// Where the world has none.
    #[must_use]
    pub fn second(&self) -> &StubHomeserver {
        self.second
            .as_ref()
            .unwrap_or_else(|| panic!("a world of one homeserver"))
    }

    /// anna, on the second homeserver of our zone.
    #[must_use]
    pub fn anna(&self) -> Actor {
        Actor {
            user: "@anna:second.test".to_owned(),
            key: self.second().key.clone(),
        }
    }

    /// A second peer, joined and served.
    #[must_use]
    pub fn another_peer(&self, zone: &str) -> StubPeer {
        let peer = StubPeer::new(zone);
        peer.serve(&self.record);
        self.gateway.import(&peer.record());
        self.gateway.reload();
        peer
    }

    /// alice, on our homeserver.
    #[must_use]
    pub fn alice(&self) -> Actor {
        Actor {
            user: "@alice:high.test".to_owned(),
            key: self.homeserver.key.clone(),
        }
    }

    /// bob, on the peer's homeserver.
    #[must_use]
    pub fn bob(&self) -> Actor {
        Actor {
            user: "@bob:low.test".to_owned(),
            key: self.peer.key.clone(),
        }
    }

    /// Sends bytes over the peer's certificate.
    ///
    /// # Panics
    /// Where there is no answer.
    #[must_use]
    pub fn raw(&self, bytes: &[u8]) -> Reply {
        let line = self.peer.dial(&self.record, self.gateway.border());
        let mut line = line.unwrap_or_else(|error| panic!("border: {error}"));
        exchange(&mut line, bytes).unwrap_or_else(|error| panic!("border: {error}"))
    }

    /// A well-signed request of the peer's homeserver.
    #[must_use]
    pub fn from_peer(&self, method: &str, target: &str, body: Option<&[u8]>) -> Reply {
        self.raw(
            &self
                .peer
                .request(method, target, &self.homeserver.name, body),
        )
    }

    /// A well-signed request of our homeserver, through the hook.
    #[must_use]
    pub fn from_homeserver(&self, method: &str, target: &str, body: Option<&[u8]>) -> Reply {
        self.from_homeserver_to(&self.peer, method, target, body)
    }

    /// A well-signed request of our homeserver to the homeserver of this peer, through the hook.
    #[must_use]
    pub fn from_homeserver_to(
        &self,
        peer: &StubPeer,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Reply {
        self.through_the_hook(&self.homeserver, &peer.server, method, target, body)
    }

    /// A well-signed request of one of our homeservers to the homeserver of this name, through the hook.
    #[must_use]
    pub fn through_the_hook(
        &self,
        us: &StubHomeserver,
        them: &str,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Reply {
        let bytes = self.for_the_hook(us, them, method, target, body);
        self.gateway.hook(&bytes)
    }

    fn for_the_hook(
        &self,
        us: &StubHomeserver,
        them: &str,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Vec<u8> {
        let secret = format!(
            "Proxy-Authorization: Bearer {}",
            self.gateway.inside_secret()
        );
        let fields = [
            secret,
            x_matrix(&us.key, method, target, &us.name, them, body),
        ];
        let absolute = format!("matrix-federation://{them}{target}");
        request_bytes(method, &absolute, &format!("{them}:80"), &fields, body)
    }

    /// alice's homeserver sends events and hangs up after a while.
    pub fn alice_sends_and_hangs_up(&self, events: &[Event], after: std::time::Duration) {
        let body = transaction(&self.homeserver.name, events).to_string();
        let (us, them) = (&self.homeserver, self.peer.server.as_str());
        let bytes = self.for_the_hook(us, them, "PUT", &next_send(), Some(body.as_bytes()));
        self.gateway.hook_and_hang_up(&bytes, after);
    }

    /// bob's homeserver sends events.
    #[must_use]
    pub fn bob_sends(&self, events: &[Event]) -> Reply {
        let body = transaction(&self.peer.server, events).to_string();
        self.from_peer("PUT", &next_send(), Some(body.as_bytes()))
    }

    /// alice's homeserver sends events.
    #[must_use]
    pub fn alice_sends(&self, events: &[Event]) -> Reply {
        let body = transaction(&self.homeserver.name, events).to_string();
        self.from_homeserver("PUT", &next_send(), Some(body.as_bytes()))
    }

    /// alice's homeserver sends events to this peer's.
    #[must_use]
    pub fn alice_sends_to(&self, peer: &StubPeer, events: &[Event]) -> Reply {
        let body = transaction(&self.homeserver.name, events).to_string();
        self.from_homeserver_to(peer, "PUT", &next_send(), Some(body.as_bytes()))
    }

    /// A room of bob's that the gateway has seen made, and whose keys it knows. The record of bytes begins after that.
    ///
    /// # Panics
    /// Where it does not cross.
    #[must_use]
    pub fn bobs_room(&self, version: RoomVersion) -> Room {
        let mut room = Room::create(version, &self.bob());
        let join = room.member(&self.bob(), "@bob:low.test", "join");
        let reply = self.bob_sends(&[room.create.clone(), join]);
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, Vec::new()),
            "{}",
            self.gateway.log()
        );
        self.forget();
        room
    }

    /// As [`World::bobs_room`], of alice's.
    ///
    /// # Panics
    /// Where it does not cross.
    #[must_use]
    pub fn alices_room(&self, version: RoomVersion) -> Room {
        let mut room = Room::create(version, &self.alice());
        let join = room.member(&self.alice(), "@alice:high.test", "join");
        let reply = self.alice_sends(&[room.create.clone(), join]);
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, Vec::new()),
            "{}",
            self.gateway.log()
        );
        self.forget();
        room
    }

    /// Begins a new record of bytes on both sides.
    pub fn forget(&self) {
        self.homeserver.far.forget();
        self.peer.far.forget();
    }

    /// Fails unless not one byte reached our homeserver since the record began.
    ///
    /// # Panics
    /// Then.
    pub fn nothing_reached_the_homeserver(&self, story: &str) {
        let raw = self.homeserver.far.raw();
        assert!(raw.is_empty(), "{story}: {}", String::from_utf8_lossy(&raw));
    }

    /// The rules of all audit lines after the first `before`, in order.
    #[must_use]
    pub fn rules_since(&self, before: usize) -> Vec<String> {
        let lines = self.gateway.audit();
        lines
            .iter()
            .skip(before)
            .filter_map(|line| line["rule"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// The shipped policy with links that demand no label and let typing and receipts cross.
///
/// # Panics
/// Where the shipped profile is broken.
#[must_use]
pub fn policy() -> BundleParts {
    let mut parts = sluice::shipped::demo_parts().unwrap_or_else(|error| panic!("{error}"));
    let edus = ["m.typing", "m.receipt", "m.device_list_update"];
    let link = LinkPolicy {
        edus: edus.map(str::to_owned).to_vec(),
        profile_fields: ["displayname", "avatar_url"].map(str::to_owned).to_vec(),
        ..LinkPolicy::new(RequireLabel::None)
    };
    parts.links = [(DEFAULT_LINK.to_owned(), link)].into();
    parts
}

/// A `/send` target that was not used before.
#[must_use]
pub fn next_send() -> String {
    format!("{SEND}{}", room::random_word())
}

/// The ids of those events of a `/send` answer that have an error.
#[must_use]
pub fn errors(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let Some(results) = body["pdus"].as_object() else {
        return Vec::new();
    };
    results
        .iter()
        .filter(|(_, result)| result.get("error").is_some())
        .map(|(id, _)| id.clone())
        .collect()
}

/// The events of a `/send` body that arrived somewhere.
#[must_use]
pub fn pdus(body: &Value) -> Vec<Value> {
    body["pdus"].as_array().cloned().unwrap_or_default()
}

/// The answer of a homeserver to `event`, `backfill` or `get_missing_events`.
#[must_use]
pub fn answer_of(list: &str, origin: &str, events: &[Event]) -> Value {
    let events: Vec<&Value> = events.iter().map(|event| &event.json).collect();
    json!({"origin": origin, "origin_server_ts": room::now_ms(), list: events})
}
