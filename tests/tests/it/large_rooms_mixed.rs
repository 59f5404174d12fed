//! Large rooms with events of our own zone that come back without their content, and with those of a third zone's users, in
//! every part of the answer.

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::ThirdServers;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::gateway::CLEARANCE;
use sluice_tests::stub::homeserver::StubHomeserver;
use sluice_tests::stub::labels::{
    GEHEIM, LABEL, NFD, OFFEN, ROOM_LABEL, clearance, demanding, encoded, label,
};
use sluice_tests::stub::peer::StubPeer;
use sluice_tests::stub::room::{Actor, Event, Room};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{TAX_ID, World, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
/// More than three batches, and more than a spool keeps in memory.
const MANY: usize = 1600;
/// At both ends of batches, in the middle of one, and in the last.
const PLACES: [usize; 6] = [3, 511, 512, 700, 1024, 1580];

/// A room of bob's with many state events.
struct Large {
    room: Room,
    state: Vec<Event>,
}

impl Large {
    fn new(world: &World) -> Self {
        let bob = world.bob();
        let mut room = Room::create(RoomVersion::V12, &bob);
        let mut state = vec![room.create.clone(), room.member(&bob, &bob.user, "join")];
        for number in 0..MANY {
            let content = json!({"text": format!("Teil {number} {}", "lang ".repeat(80))});
            state.push(part(&mut room, &bob, number, content));
        }
        Self { room, state }
    }

    /// Puts an event of somebody's into each of the places.
    fn mixed_with(&mut self, who: &Actor, content: &Value) -> Vec<Event> {
        let mut put = Vec::new();
        for at in PLACES {
            let event = part(&mut self.room, who, MANY + at, content.clone());
            self.state.insert(at, event.clone());
            put.push(event);
        }
        put
    }

    /// A user of one of our homeservers joins by way of bob's, which answers with this state.
    fn joined_by(
        &mut self,
        world: &World,
        us: &StubHomeserver,
        who: &Actor,
        state: &[Event],
    ) -> Reply {
        let join = self.room.member(who, &who.user, "join");
        let all: Vec<&Value> = state.iter().map(|event| &event.json).collect();
        let answer = json!({
            "event": join.json, "origin": "low.test", "members_omitted": false,
            "servers_in_room": ["low.test"], "state": all, "auth_chain": all[..2],
        });
        let far = &world.peer.far;
        far.on(&format!("PUT {V2}/send_join/"), 200, &answer);
        let target = format!(
            "{V2}/send_join/{}/{}",
            encoded(&self.room.id),
            encoded(&join.id)
        );
        let body = join.text().into_bytes();
        world.through_the_hook(us, "low.test", "PUT", &target, Some(&body))
    }
}

fn part(room: &mut Room, who: &Actor, number: usize, content: Value) -> Event {
    let key = format!("{} {number}", who.user);
    room.event(who, "org.example.part", Some(&key), content)
}

/// Their homeserver answers whoever asks for these events.
fn has(homeserver: &StubHomeserver, events: &[Event]) {
    for event in events {
        let target = format!("GET {V1}/event/{}", encoded(&event.id));
        let answer =
            json!({"origin": homeserver.name, "origin_server_ts": 1, "pdus": [event.json]});
        homeserver.far.on(&target, 200, &answer);
    }
}

/// State in which some events are replaced by others of the same id.
fn with(state: &[Event], replace: impl Fn(&Event) -> Option<Event>) -> Vec<Event> {
    let replaced = state.iter();
    replaced
        .map(|event| replace(event).unwrap_or_else(|| event.clone()))
        .collect()
}

fn state_of(reply: &Reply) -> Vec<Value> {
    reply.json()["state"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn trees(events: &[Event]) -> Vec<Value> {
    events.iter().map(|event| event.json.clone()).collect()
}

#[test]
fn events_of_ours_that_come_back_empty_or_changed_are_whole_again_in_every_part_of_a_large_answer()
{
    let world = World::of_two_homeservers(&policy());
    let (alice, anna) = (world.alice(), world.anna());
    let mut large = Large::new(&world);
    let ours = large.mixed_with(&alice, &json!({"text": TAX_ID}));
    let lost = part(&mut large.room, &alice, 9999, json!({"text": TAX_ID}));
    has(&world.homeserver, &ours);
    let came = with(&large.state, |event| {
        let place = ours.iter().position(|ours| ours.id == event.id)?;
        let mut changed = event.clone();
        changed.json["content"]["text"] = json!("what alice never said");
        Some(match place % 2 {
            0 => event.redacted(RoomVersion::V12),
            _ => changed,
        })
    });
    // One more, which her homeserver does not give: it is left out.
    let mut came_with_lost = came.clone();
    came_with_lost.insert(900, lost.redacted(RoomVersion::V12));
    let before = world.gateway.audit().len();
    let reply = large.joined_by(&world, world.second(), &anna, &came_with_lost);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(
        state_of(&reply) == trees(&large.state),
        "another state or order"
    );
    let rules = world.rules_since(before);
    let count = |rule: &str| rules.iter().filter(|seen| *seen == rule).count();
    assert_eq!(count("protocol.own_event_restored"), PLACES.len());
    assert_eq!(count("protocol.own_event_lost"), 1);
    // Each changed copy is an alarm.
    assert_eq!(count("protocol.hash"), PLACES.len() / 2);
    assert!(!world.gateway.audit_text().contains(TAX_ID));
}

/// Labels are demanded; bob's event stands in the first part, ours, to which it relates, in the last, and empty.
#[test]
fn what_relates_to_an_event_of_ours_takes_its_label_although_that_came_back_empty_in_another_part()
{
    for (level, crosses) in [(OFFEN, true), (GEHEIM, false)] {
        let world = World::of_two_homeservers(&demanding());
        let (alice, anna, bob) = (world.alice(), world.anna(), world.bob());
        let mut large = Large::new(&world);
        let say = json!({"label": label(OFFEN)});
        let labelling = large.room.event(&bob, ROOM_LABEL, Some(""), say);
        let said = json!({"msgtype": "m.text", "body": "Ziel", LABEL: label(level)});
        let target = large.room.event(&alice, "m.room.message", None, said);
        let relation = json!({"rel_type": "m.reference", "event_id": target.id});
        let said = json!({"msgtype": "m.text", "body": "darauf", "m.relates_to": relation});
        let relating = large.room.event(&bob, "m.room.message", None, said);
        has(&world.homeserver, std::slice::from_ref(&target));
        large.state.insert(5, relating);
        large
            .state
            .extend([labelling, target.redacted(RoomVersion::V12)]);
        let state = large.state.clone();
        let reply = large.joined_by(&world, world.second(), &anna, &state);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let state = state_of(&reply);
        let content = &state[5]["content"];
        assert_eq!(content["body"] == "darauf", crosses, "{level}: {content}");
        assert_eq!(state.last(), Some(&target.json), "whole, whatever it says");
    }
}

fn listed() -> BundleParts {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.third_servers = ThirdServers::Listed;
    }
    parts
}

#[test]
fn what_a_third_zones_users_said_is_judged_twice_in_every_part_of_a_large_answer() {
    let world = World::under(&listed());
    let third = StubPeer::new("third");
    third.serve(&world.record);
    let receive = clearance("DE-SAMPLE", &[OFFEN], &[]).to_string();
    world
        .gateway
        .import_for(&third.record(), CLEARANCE, &receive);
    world.gateway.reload();
    let carol = Actor {
        user: format!("@carol:{}", third.server),
        key: third.key.clone(),
    };
    let (alice, bob) = (world.alice(), world.bob());
    let labelled = |level: &str| json!({"text": "gesagt", LABEL: label(level)});
    let mut large = Large::new(&world);
    // bob may send this to us, carol may not, by whichever way.
    let bobs = large.mixed_with(&bob, &labelled(NFD));
    let hers = large.mixed_with(&carol, &labelled(NFD));
    let open = large.mixed_with(&carol, &json!({"text": "offen", LABEL: label(OFFEN)}));
    let state = large.state.clone();
    let reply = large.joined_by(&world, &world.homeserver, &alice, &state);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let is_hers = |event: &Event| hers.iter().any(|hers| hers.id == event.id);
    let expected = with(&large.state, |event| {
        is_hers(event).then(|| event.redacted(RoomVersion::V12))
    });
    let came = state_of(&reply);
    assert!(came == trees(&expected), "another state or order");
    for whole in bobs.iter().chain(&open) {
        assert!(came.contains(&whole.json));
    }
    let asked = third.far.requests_of("GET /_matrix/key/v2/server");
    assert_eq!(asked.len(), 1, "her keys are asked for once");
}
