//! The gateway is the only way in: what the homeservers served is what the gateways recorded, request by request.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use sluice::demo::client::escape;
use sluice::demo::pull::{Pull, pull};
use sluice::demo::synapse::Synapse;
use sluice::demo::world::{GEHEIM, VS_NFD, World, labelled};
use sluice::demo::zone::{Way, Zone};
use sluice_tests::evidence::{recorded_at_border, served};
use sluice_tests::own_world;

/// Fewer requests than this would prove little.
const LEAST: usize = 200;
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn homeservers_serve_exactly_what_their_gateways_recorded() {
    let world = own_world(Way::Hook, Way::Connect);
    lively_traffic(&world);
    let (high, low) = (settled(&world.high), settled(&world.low));
    let total = sum(&high) + sum(&low);
    println!("{total} federation requests, at high.test {high:?}, at low.test {low:?}");
    assert!(total > LEAST, "only {total} requests");

    planted_direct_request(&world.low.synapse);
    let start = Instant::now();
    while served(&world.low.synapse) == low {
        assert!(
            start.elapsed() < SETTLED_WITHIN,
            "a direct request is not noticed"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let difference = sum(&served(&world.low.synapse)) - sum(&recorded_at_border(&world.low));
    assert_eq!(difference, 1, "one request came past the gateway");
}

/// Messages that cross and messages that may not, profiles, history asked for again, and requests that are refused.
fn lively_traffic(world: &World) {
    let room = world.room("12", Some(VS_NFD)).unwrap();
    let mut last = String::new();
    for number in 0..20 {
        let level = if number % 4 == 0 { GEHEIM } else { VS_NFD };
        let text = format!("Meldung {number}");
        let sent = world
            .say(&room, &world.alice, &world.bob, &labelled(&text, level))
            .unwrap();
        world
            .say(&room, &world.bob, &world.alice, &labelled(&text, VS_NFD))
            .unwrap();
        last = sent.event_id;
    }
    world.bob.profile(world.alice.user_id()).unwrap();
    world
        .alice
        .invite(&room, "@eve:third.test")
        .expect_err("refused by the gateway, so no homeserver sees it");
    for (asking, asked) in [(&world.low, &world.high), (&world.high, &world.low)] {
        let event = format!("/_matrix/federation/v1/event/{}", escape(&last));
        for _ in 0..90 {
            ask(asking, asked, &event);
        }
        ask(asking, asked, "/_matrix/federation/v1/publicRooms");
    }
}

fn ask(asking: &Zone, asked: &Zone, uri: &str) {
    let ask = Pull {
        destination: asked.server_name(),
        method: "GET",
        uri,
        body: None,
    };
    pull(asking, &ask).unwrap();
}

/// Waits until the homeserver's log and the gateway's tell the same; they are written at different moments.
fn settled(zone: &Zone) -> BTreeMap<String, usize> {
    let start = Instant::now();
    loop {
        let (served, recorded) = (served(&zone.synapse), recorded_at_border(zone));
        if served == recorded {
            return served;
        }
        assert!(
            start.elapsed() < SETTLED_WITHIN,
            "{} served {served:?}, its gateway recorded {recorded:?}",
            zone.server_name()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What somebody with access to the socket could do.
fn planted_direct_request(synapse: &Synapse) {
    let mut socket = UnixStream::connect(Synapse::socket_in(synapse.folder())).unwrap();
    socket
        .write_all(b"GET /_matrix/federation/v1/version HTTP/1.1\r\nHost: low.test\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn sum(counts: &BTreeMap<String, usize>) -> usize {
    counts.values().sum()
}
