//! Our homeserver joins a room of the peer's: it is given all members, and what is said in the room while it still
//! writes the room down is waited for and not denied.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::RequireLabel;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Actor, Event, Room, new_key};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{World, errors, pdus, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
const ROOM_LABEL: &str = "org.sluice.room_confidentiality";
/// Longer than it takes the homeserver of these tests to know a room, shorter than the gateway's patience.
const A_WHILE: Duration = Duration::from_millis(400);
/// The gateway's patience for one request is under 7 seconds; the rest is for a busy machine.
const FAR_BELOW_A_TIME_OUT: Duration = Duration::from_secs(15);

/// What people write must be labelled.
fn demanding() -> BundleParts {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.require_label = RequireLabel::Event;
    }
    parts
}

/// A labelled room of bob's and the join by which alice enters it.
struct Joining {
    world: World,
    bob: Actor,
    room: Room,
    state: Vec<Event>,
    join: Event,
}

impl Joining {
    fn new() -> Self {
        let world = World::under(&demanding());
        let (alice, bob) = (world.alice(), world.bob());
        let mut room = Room::create(RoomVersion::V12, &bob);
        let label = json!({"label": {"PolicyIdentifier": {"name": "DE-SAMPLE"}, "Classification": "OFFEN", "Category": []}});
        let state = vec![
            room.create.clone(),
            room.member(&bob, &bob.user, "join"),
            room.event(&bob, ROOM_LABEL, Some(""), label),
        ];
        let join = room.member(&alice, &alice.user, "join");
        Self {
            world,
            bob,
            room,
            state,
            join,
        }
    }

    fn target(&self, query: &str) -> String {
        let (room, event) = (encoded(&self.room.id), encoded(&self.join.id));
        format!("{V2}/send_join/{room}/{event}{query}")
    }

    /// What the peer's homeserver answers, with these fields beside.
    fn answer(&self, beside: &Value) -> Value {
        let state = self.jsons();
        let mut answer = json!({"event": self.join.json, "state": state, "auth_chain": state});
        for (key, value) in beside.as_object().unwrap() {
            answer[key] = value.clone();
        }
        answer
    }

    fn jsons(&self) -> Vec<&Value> {
        self.state.iter().map(|event| &event.json).collect()
    }

    /// Our homeserver joins; the peer's gives this answer.
    fn join(&self, answer: &Value) -> Reply {
        let far = &self.world.peer.far;
        far.on(&format!("PUT {V2}/send_join/"), 200, answer);
        let body = self.join.text();
        let target = self.target("?omit_members=true");
        self.world
            .from_homeserver("PUT", &target, Some(body.as_bytes()))
    }

    /// Our homeserver answers the gateway's questions about the room from now on.
    fn homeserver_knows_the_room(&self) {
        let answer = json!({"pdus": self.jsons(), "auth_chain": []});
        let what = format!("GET {V1}/state/");
        self.world.homeserver.far.on(&what, 200, &answer);
    }

    fn questions(&self) -> usize {
        let what = format!("GET {V1}/state/");
        self.world.homeserver.far.requests_of(&what).len()
    }

    /// What reached our homeserver by `/send`.
    fn arrived(&self) -> Vec<Value> {
        let what = format!("PUT {V1}/send/");
        let sent = self.world.homeserver.far.requests_of(&what);
        sent.iter()
            .flat_map(|request| pdus(&request.json()))
            .collect()
    }
}

fn encoded(id: &str) -> String {
    id.replace('!', "%21").replace('$', "%24")
}

#[test]
fn a_join_asks_for_all_members_whatever_the_homeserver_asked_for() {
    let scene = Joining::new();
    let reply = scene.join(&scene.answer(&json!({"members_omitted": false})));
    assert_eq!(
        (reply.status, &reply.json()["members_omitted"]),
        (200, &json!(false))
    );
    let outbound = scene.world.peer.far.requests_of(&format!("PUT {V2}"));
    assert_eq!(outbound[0].target, scene.target(""));
}

#[test]
fn a_peers_join_asks_our_homeserver_for_all_members_too() {
    let world = World::new();
    let bob = world.bob();
    let mut room = world.alices_room(RoomVersion::V12);
    let join = room.member(&bob, &bob.user, "join");
    let target = format!("{V2}/send_join/{}/{}", encoded(&room.id), encoded(&join.id));
    let (asked, body) = (format!("{target}?omit_members=true"), join.text());
    let _ = world.from_peer("PUT", &asked, Some(body.as_bytes()));
    let inbound = world.homeserver.far.requests_of(&format!("PUT {V2}"));
    assert_eq!(inbound[0].target, target);
}

#[test]
fn an_answer_that_leaves_members_out_all_the_same_is_refused() {
    let scene = Joining::new();
    let beside = json!({"members_omitted": true, "servers_in_room": ["low.test"]});
    let before = scene.world.gateway.audit().len();
    let reply = scene.join(&scene.answer(&beside));
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(!reply.text().contains("m.room.create"));
    let rules = scene.world.rules_since(before);
    assert!(
        rules.contains(&"protocol.members_omitted".to_owned()),
        "{rules:?}"
    );
}

#[test]
fn a_room_in_which_a_third_servers_user_is_cannot_be_joined_and_one_that_she_has_left_can() {
    for (membership, status) in [
        ("join", 403),
        ("invite", 403),
        ("knock", 403),
        ("leave", 200),
    ] {
        let mut scene = Joining::new();
        let eve = Actor {
            user: "@eve:third.test".to_owned(),
            key: new_key("hs_third"),
        };
        let member = scene.room.member(&eve, &eve.user, membership);
        scene.state.push(member);
        let before = scene.world.gateway.audit().len();
        let reply = scene.join(&scene.answer(&json!({})));
        assert_eq!(reply.status, status, "{membership}: {}", reply.text());
        assert!(!reply.text().contains("third.test"), "{membership}");
        let rules = scene.world.rules_since(before);
        assert!(
            rules.contains(&"protocol.third_server".to_owned()),
            "{membership}: {rules:?}"
        );
    }
}

#[test]
fn what_is_said_before_our_homeserver_has_written_its_join_down_is_waited_for() {
    for errcode in [
        "M_FORBIDDEN",
        // Synapse's word where a room was joined without its members, before this gateway stood here.
        "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE",
    ] {
        let mut scene = Joining::new();
        assert_eq!(scene.join(&scene.answer(&json!({}))).status, 200);
        let not_yet = json!({"errcode": errcode, "error": "Host not in room."});
        let far = &scene.world.homeserver.far;
        far.on(&format!("GET {V1}/"), 403, &not_yet);
        let messages = ["eins", "zwei", "drei", "vier", "fünf"]
            .map(|text| scene.room.message(&scene.bob.clone(), text));
        let reply = std::thread::scope(|threads| {
            threads.spawn(|| {
                std::thread::sleep(A_WHILE);
                scene.homeserver_knows_the_room();
            });
            scene.world.bob_sends(&messages)
        });
        let log = scene.world.gateway.log();
        assert_eq!(errors(&reply), [""; 0], "{errcode}: {log}");
        let arrived = scene.arrived();
        for (message, arrived) in messages.iter().zip(&arrived) {
            assert_eq!(arrived["content"], message.json["content"], "{errcode}");
        }
        assert_eq!(arrived.len(), messages.len());
    }
}

#[test]
fn a_join_that_never_comes_about_costs_one_wait_a_request_and_then_denies() {
    let mut scene = Joining::new();
    assert_eq!(scene.join(&scene.answer(&json!({}))).status, 200);
    let messages = ["eins", "zwei"].map(|text| scene.room.message(&scene.bob.clone(), text));
    let started = Instant::now();
    let reply = scene.world.bob_sends(&messages);
    let took = started.elapsed();
    assert_eq!(errors(&reply).len(), 2);
    assert!(took > A_WHILE && took < FAR_BELOW_A_TIME_OUT, "{took:?}");
    let questions = scene.questions();
    assert!((4..20).contains(&questions), "{questions}");
    assert!(
        scene
            .arrived()
            .iter()
            .all(|event| event["content"] == json!({}))
    );
}

#[test]
fn nobody_waits_for_a_room_that_our_homeserver_does_not_join() {
    let mut scene = Joining::new();
    let message = scene.room.message(&scene.bob.clone(), "eins");
    let reply = scene.world.bob_sends(std::slice::from_ref(&message));
    assert_eq!(errors(&reply), [message.id]);
    assert_eq!(scene.questions(), 1, "it is asked once and believed");
}

#[test]
fn a_peers_own_join_makes_the_gateway_wait_for_nothing() {
    let mut scene = Joining::new();
    let bob = scene.bob.clone();
    let again = scene.room.member(&bob, &bob.user, "join");
    let target = format!(
        "{V2}/send_join/{}/{}",
        encoded(&scene.room.id),
        encoded(&again.id)
    );
    // Without the label, which our homeserver's word would teach.
    let state = &scene.jsons()[..2];
    let answer = json!({"event": again.json, "state": state, "auth_chain": []});
    let far = &scene.world.homeserver.far;
    far.on(&format!("PUT {V2}/send_join/"), 200, &answer);
    let body = again.text();
    let _ = scene.world.from_peer("PUT", &target, Some(body.as_bytes()));
    let before = scene.questions();
    let message = scene.room.message(&bob, "eins");
    let reply = scene.world.bob_sends(std::slice::from_ref(&message));
    assert_eq!(errors(&reply), [message.id]);
    assert_eq!(scene.questions(), before + 1);
}
