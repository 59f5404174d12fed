//! Large rooms of real homeservers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice::demo::client::{RoomOptions, escape};
use sluice::demo::trail;
use sluice::demo::world::{VS_NFD, World, wide_room_label};
use sluice::demo::zone::Way;
use sluice_tests::world;

/// A homeserver gives up after this time, and so would its user.
const PATIENCE: Duration = Duration::from_secs(60);
/// A homeserver makes a room of so many state events within that time; further ones are sent one by one.
const AT_ONCE: usize = 1000;

#[test]
fn a_room_of_a_thousand_state_events_is_joined_through_both_gateways() {
    joined(world(Way::Hook), 1000);
}

/// `cargo test --workspace --test it -- --ignored five_thousand`; its result stands in docs/performance.md.
#[test]
#[ignore = "takes four minutes; its result stands in docs/performance.md"]
fn a_room_of_five_thousand_state_events_is_joined_through_both_gateways() {
    joined(world(Way::Hook), 5000);
}

/// alice makes a room of that many parts; bob joins it from the other side and sees every one of them.
fn joined(world: &World, parts: usize) {
    let part = |number: usize| {
        json!({
            "type": "org.example.part", "state_key": format!("part {number}"),
            "content": {"text": format!("Teil {number} der Lage")},
        })
    };
    let label = wide_room_label(VS_NFD);
    let at_once = parts.min(AT_ONCE);
    let first = std::iter::once(label).chain((0..at_once).map(part));
    let state: Vec<Value> = first.collect();
    let start = Instant::now();
    let room = world
        .alice
        .create_room(&RoomOptions {
            version: Some("12"),
            initial_state: state,
            ..RoomOptions::default()
        })
        .unwrap();
    for part in (at_once..parts).map(part) {
        let key = part["state_key"].as_str().unwrap();
        let sent = world
            .alice
            .send_state(&room, "org.example.part", key, &part["content"]);
        sent.unwrap();
    }
    let made = start.elapsed();
    let start = Instant::now();
    world.bring(&world.alice, &world.bob, &room).unwrap();
    let joined = start.elapsed();
    eprintln!("{parts} state events: made in {made:.1?}, joined in {joined:.1?}");
    assert!(joined < PATIENCE, "{joined:?}");

    let state = world
        .bob
        .get(&format!("/_matrix/client/v3/rooms/{}/state", escape(&room)))
        .unwrap();
    let there = state.as_array().unwrap().iter();
    let there = there.filter(|event| {
        event["type"] == "org.example.part" && event["content"]["text"].is_string()
    });
    assert_eq!(there.count(), parts);
    for zone in [&world.high, &world.low] {
        let answers = trail::of_kind(&zone.audit(), "answer").unwrap();
        let of_join = answers
            .iter()
            .filter(|line| line["op"] == "send_join")
            .filter_map(|line| line["pdus"]["release"].as_u64());
        let largest = of_join.max().unwrap_or(0);
        assert!(largest >= parts as u64, "{}: {largest}", zone.name());
    }
}
