//! The walk: what people do in rooms, step by step, across the border between two real homeservers. Each step says what
//! both sides see; at the end no request has come past a gateway.
//!
//! Two walks are part of every test run: version 12 by the hook, version 10 by CONNECT. The whole matrix, each version
//! both ways, with longer outages:
//!
//! ```text
//! cargo test --workspace --test it -- --ignored --nocapture --test-threads 2 the_whole_walk
//! ```

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice::demo::client::{Client, escape, until};
use sluice::demo::world::{ARRIVES_WITHIN, VS_NFD, World, labelled};
use sluice::demo::zone::Way;
use sluice_tests::{own_world, profile};

mod ciphers;
mod devices;
mod finding;
mod members;
mod messages;
mod outages;
mod rooms;

/// A step: its name in the docs, and what happens in it.
type Step = (&'static str, fn(&mut Walk));

/// The steps, in their order; docs/look-up/walk.md lists them with what is seen.
const STEPS: &[Step] = &[
    ("create, invite, join", members::create_invite_join),
    ("reject an invitation", members::reject_an_invitation),
    ("join without an invitation", members::join_a_public_room),
    (
        "restricted join through a space",
        members::restricted_join_through_a_space,
    ),
    ("leave, kick, ban, unban", members::leave_kick_ban_unban),
    ("power levels", rooms::power_levels),
    ("server ACL", rooms::server_acl),
    (
        "topic, name, avatar, pinned events",
        rooms::topic_name_avatar_pinned,
    ),
    ("upgrade", rooms::upgrade),
    ("replies and threads", messages::replies_and_threads),
    (
        "reactions, edits, redactions",
        messages::reactions_edits_redactions,
    ),
    ("polls", messages::polls),
    ("location and stickers", messages::location_and_stickers),
    ("read markers and typing", devices::read_markers_and_typing),
    ("presence", devices::presence),
    ("device lists", devices::device_lists),
    ("key requests", devices::key_requests),
    ("profiles", finding::profiles),
    (
        "history as a late joiner sees it",
        finding::history_of_a_late_joiner,
    ),
    ("encrypted messages", ciphers::two_clients_talk),
    ("200 missed messages", outages::two_hundred_missed_messages),
    (
        "both homeservers restarted",
        outages::both_homeservers_restarted,
    ),
    ("one homeserver down", outages::one_homeserver_down),
    (
        "no request past a gateway",
        outages::no_request_past_a_gateway,
    ),
];

/// Two zones and the room in which most of it happens.
struct Walk {
    world: World,
    version: &'static str,
    /// A room of alice's, with bob.
    room: String,
    /// For how long a homeserver is away.
    outage: Duration,
}

#[test]
fn the_walk_in_version_12_by_the_hook() {
    walk("12", Way::Hook, SHORT_OUTAGE);
}

#[test]
fn the_walk_in_version_10_by_connect() {
    walk("10", Way::Connect, SHORT_OUTAGE);
}

/// One walk of the full matrix.
macro_rules! whole_walk {
    ($name:ident, $version:literal, $way:expr) => {
        #[test]
        #[ignore = "minutes each; the full matrix has a command of its own"]
        fn $name() {
            walk($version, $way, LONG_OUTAGE);
        }
    };
}

whole_walk!(the_whole_walk_in_version_10_by_the_hook, "10", Way::Hook);
whole_walk!(the_whole_walk_in_version_10_by_connect, "10", Way::Connect);
whole_walk!(the_whole_walk_in_version_11_by_the_hook, "11", Way::Hook);
whole_walk!(the_whole_walk_in_version_11_by_connect, "11", Way::Connect);
whole_walk!(the_whole_walk_in_version_12_by_the_hook, "12", Way::Hook);
whole_walk!(the_whole_walk_in_version_12_by_connect, "12", Way::Connect);

fn walk(version: &'static str, way: Way, outage: Duration) {
    let world = own_world(way, way);
    for zone in [&world.high, &world.low] {
        profile::install(zone, opened, settings_of_the_walk);
    }
    let room = world
        .room_of_one(&world.alice, version, Some(VS_NFD))
        .unwrap();
    let mut walk = Walk {
        world,
        version,
        room,
        outage,
    };
    for (name, step) in STEPS {
        let start = Instant::now();
        step(&mut walk);
        println!(
            "version {version}, {}: {name}: {:.1} s",
            way.as_str(),
            start.elapsed().as_secs_f64()
        );
    }
}

/// The shipped links, opened: everything that a link can let through by type.
fn opened(text: &str) -> String {
    let edus = text.replace(
        "edus = [\"m.typing\", \"m.receipt\", \"m.device_list_update\"]",
        "edus = [\"m.typing\", \"m.receipt\", \"m.presence\", \"m.device_list_update\", \"m.signing_key_update\", \
         \"m.direct_to_device\"]",
    );
    edus.replace("encryption = \"refuse\"", "encryption = \"label-only\"")
}

/// Places may be named on these links.
fn settings_of_the_walk(settings: &mut Value) {
    if let Some(rules) = settings["settings"]["dlp"]["ordinary"].as_array_mut() {
        for rule in rules
            .iter_mut()
            .filter(|rule| rule["detector"] == "location.*")
        {
            rule["action"] = "log".into();
        }
    }
}

impl Walk {
    /// Alice says something, and bob reads it as it was said.
    fn alice_says(&self, room: &str, content: &Value) -> String {
        self.crosses(
            &self.world.alice,
            &self.world.bob,
            room,
            "m.room.message",
            content,
        )
    }

    /// Bob says something, and alice reads it as it was said.
    fn bob_says(&self, room: &str, content: &Value) -> String {
        self.crosses(
            &self.world.bob,
            &self.world.alice,
            room,
            "m.room.message",
            content,
        )
    }

    /// A message event of one user that the other one's homeserver shows as it was sent.
    fn crosses(&self, by: &Client, to: &Client, room: &str, kind: &str, content: &Value) -> String {
        let crossing = self.world.send(room, by, to, kind, content).unwrap();
        assert_eq!(&crossing.content, content, "{kind}: {}", crossing.rule());
        crossing.event_id
    }

    /// A state event of one user, which becomes what the other one's homeserver takes for the room's state.
    fn sets(&self, by: &Client, to: &Client, room: &str, kind: &str, key: &str, content: &Value) {
        by.send_state(room, kind, key, content).unwrap();
        until(
            &format!("{kind} at {}", to.user_id()),
            ARRIVES_WITHIN,
            || {
                Ok(to
                    .state(room, kind, key)
                    .is_ok_and(|seen| &seen == content)
                    .then_some(()))
            },
        )
        .unwrap();
    }

    /// Both homeservers take this user for what `membership` says, or for nobody of the room.
    fn both_see(&self, room: &str, user: &Client, membership: Option<&str>) {
        for watcher in [&self.world.alice, &self.world.bob] {
            sees(watcher, room, user.user_id(), membership);
        }
    }

    /// A room of alice's in which bob is.
    fn fresh_room(&self) -> String {
        self.world.room(self.version, Some(VS_NFD)).unwrap()
    }

    /// The proof that a room lives: a message each way.
    fn lives(&self, room: &str) {
        self.alice_says(room, &labelled("lebt", VS_NFD));
        self.bob_says(room, &labelled("lebt auch hier", VS_NFD));
    }
}

/// Waits until a user's homeserver takes somebody for what `membership` says.
fn sees(watcher: &Client, room: &str, user_id: &str, membership: Option<&str>) {
    let what = format!("{user_id} is {membership:?} for {}", watcher.user_id());
    until(&what, ARRIVES_WITHIN, || {
        let seen = watcher.state(room, "m.room.member", user_id);
        let seen = seen
            .ok()
            .and_then(|content| Some(content["membership"].as_str()?.to_owned()));
        Ok((seen.as_deref() == membership).then_some(()))
    })
    .unwrap();
}

/// The server of a user.
fn server(user: &Client) -> &str {
    user.user_id()
        .split_once(':')
        .map_or("", |(_, server)| server)
}

fn relation(kind: &str, event_id: &str) -> Value {
    json!({"rel_type": kind, "event_id": event_id})
}

fn room_path(room: &str, tail: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{tail}", escape(room))
}

/// How long a homeserver is away in the test run.
const SHORT_OUTAGE: Duration = Duration::from_secs(20);
/// As [`SHORT_OUTAGE`], in the full matrix.
const LONG_OUTAGE: Duration = Duration::from_secs(120);
