//! Somebody is away for a while.

use super::*;
use sluice_tests::evidence::{events, recorded_at_border, served};

/// Low's gateway is away; what is said meanwhile is more than its homeserver asks for at once.
pub(super) fn two_hundred_missed_messages(walk: &mut Walk) {
    let room = walk.fresh_room();
    walk.world.low.stop_gateway().unwrap();
    let missed: Vec<String> = (0..MISSED)
        .map(|number| {
            let content = labelled(&format!("verpasst {number}"), VS_NFD);
            walk.world
                .alice
                .send(&room, "m.room.message", &content)
                .unwrap()
        })
        .collect();
    walk.world.low.start_gateway().unwrap();
    // A signed request of the other side ends the back-off.
    let reply = labelled("wieder da", VS_NFD);
    walk.world
        .bob
        .send(&room, "m.room.message", &reply)
        .unwrap();
    until("the 200 missed messages", SETTLED_WITHIN, || {
        walk.world.bob.messages(&room)?;
        let there = events(&walk.world.low.synapse, &room);
        let whole = |id: &&String| {
            there
                .get(*id)
                .is_some_and(|content| content["body"].is_string())
        };
        Ok((missed.iter().filter(whole).count() == MISSED).then_some(()))
    })
    .unwrap();
    walk.lives(&room);
}

pub(super) fn both_homeservers_restarted(walk: &mut Walk) {
    let World { high, low, .. } = &mut walk.world;
    for zone in [&mut *high, &mut *low] {
        zone.synapse.stop().unwrap();
    }
    for zone in [&mut *high, &mut *low] {
        zone.synapse.launch().unwrap();
    }
    for zone in [high, low] {
        zone.synapse.wait_until_up().unwrap();
    }
    walk.lives(&walk.room);
    walk.lives(&walk.fresh_room());
}

/// Low's homeserver is away; its gateway goes on and tells so. What was said meanwhile arrives.
pub(super) fn one_homeserver_down(walk: &mut Walk) {
    let room = walk.fresh_room();
    walk.world.low.synapse.kill();
    let start = Instant::now();
    let mut missed = Vec::new();
    while start.elapsed() < walk.outage {
        let content = labelled(&format!("abwesend {}", missed.len()), VS_NFD);
        missed.push(
            walk.world
                .alice
                .send(&room, "m.room.message", &content)
                .unwrap(),
        );
        std::thread::sleep(walk.outage / 10);
    }
    walk.world.low.synapse.launch().unwrap();
    walk.world.low.synapse.wait_until_up().unwrap();
    let reply = labelled("wieder da", VS_NFD);
    walk.world
        .bob
        .send(&room, "m.room.message", &reply)
        .unwrap();
    for id in &missed {
        let event = walk
            .world
            .bob
            .wait_event(&room, id, SETTLED_WITHIN)
            .unwrap();
        assert!(event["content"]["body"].is_string(), "{event}");
    }
    walk.lives(&room);
}

/// What the homeservers served on their federation sockets is in their gateways' records. Of what a gateway recorded and
/// passed on while the homeserver was away, the homeserver knows nothing.
pub(super) fn no_request_past_a_gateway(walk: &mut Walk) {
    for zone in [&walk.world.high, &walk.world.low] {
        let past = || {
            let recorded = recorded_at_border(zone);
            let more = |(op, count): &(String, usize)| {
                *count > recorded.get(op).copied().unwrap_or_default()
            };
            served(&zone.synapse)
                .into_iter()
                .filter(more)
                .collect::<Vec<_>>()
        };
        let late = until("both records tell the same", ARRIVES_WITHIN, || {
            Ok(past().is_empty().then_some(()))
        });
        late.unwrap_or_else(|_| panic!("past the gateway of {}: {:?}", zone.server_name(), past()));
        assert!(served(&zone.synapse).values().sum::<usize>() > LEAST_REQUESTS);
    }
}

/// Fewer requests would prove little.
const LEAST_REQUESTS: usize = 100;
/// As the name of the step says.
const MISSED: usize = 200;
/// After an outage homeservers take their time.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
