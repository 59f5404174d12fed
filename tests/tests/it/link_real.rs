//! The emergency stop between two real homeservers: what is said while it lasts arrives after it.

use std::time::{Duration, Instant};

use sluice::demo::client::until;
use sluice::demo::world::{ARRIVES_WITHIN, VS_NFD, World, labelled, plain};
use sluice::demo::zone::{Way, Zone};
use sluice_tests::evidence::events;
use sluice_tests::own_world;

/// What each side says while the link is closed.
const SAID: usize = 3;

/// Gives a homeserver the back-off that it has in the field: ten minutes at least, so that nothing heals by itself here.
fn back_off_as_in_the_field(zone: &mut Zone) {
    zone.synapse.stop().unwrap();
    let path = zone.synapse.folder().join("homeserver.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace(
            "destination_min_retry_interval: 1s",
            "destination_min_retry_interval: 10m",
        )
        .replace(
            "destination_max_retry_interval: 5s",
            "destination_max_retry_interval: 1d",
        );
    assert!(text.contains("10m") && text.contains("1d"));
    std::fs::write(&path, text).unwrap();
    zone.synapse.start().unwrap();
}

#[test]
fn what_is_said_while_a_link_is_closed_arrives_soon_after_it_is_opened() {
    let mut world = own_world(Way::Hook, Way::Connect);
    for zone in [&mut world.high, &mut world.low] {
        back_off_as_in_the_field(zone);
    }
    let World {
        high,
        low,
        alice,
        bob,
        ..
    } = &world;
    let room = world.room("12", Some(VS_NFD)).unwrap();
    for (from, to) in [(alice, bob), (bob, alice)] {
        world
            .say(&room, from, to, &labelled("vorher", VS_NFD))
            .unwrap();
    }
    let configuration = high.configuration().display().to_string();
    let sluice = |word| {
        let arguments = [
            "link",
            word,
            "low",
            "--reason",
            "Übung",
            "-c",
            &configuration,
        ];
        high.sluice(&arguments).unwrap()
    };
    sluice("close");
    let said: Vec<[String; 2]> = (0..SAID)
        .map(|number| {
            let content = labelled(&format!("aufgehoben {number}"), VS_NFD);
            let from_bob = plain(&format!("aufgehoben {number}"));
            [(alice, content), (bob, from_bob)]
                .map(|(user, content)| user.send(&room, "m.room.message", &content).unwrap())
        })
        .collect();
    for (user, other) in [(alice, low.server_name()), (bob, high.server_name())] {
        until("the homeserver notices", ARRIVES_WITHIN, || {
            Ok((user.retry_interval(other)? > 0).then_some(()))
        })
        .unwrap();
        println!(
            "{} backs off {} ms",
            user.user_id(),
            user.retry_interval(other).unwrap()
        );
    }
    std::thread::sleep(Duration::from_secs(1));
    let (there, here) = (events(&low.synapse, &room), events(&high.synapse, &room));
    assert!(
        said.iter()
            .all(|[hers, his]| !there.contains_key(hers) && !here.contains_key(his))
    );

    sluice("open");
    let opened = Instant::now();
    for [hers, his] in &said {
        for (user, event) in [(bob, hers), (alice, his)] {
            let arrived = user.wait_event(&room, event, ARRIVES_WITHIN).unwrap();
            let body = arrived["content"]["body"].as_str().unwrap();
            assert!(body.starts_with("aufgehoben"), "{arrived}");
        }
    }
    println!(
        "all of it arrived {:.1} s after the link was opened",
        opened.elapsed().as_secs_f64()
    );
    for (user, other) in [(alice, low.server_name()), (bob, high.server_name())] {
        until("no back-off is left", ARRIVES_WITHIN, || {
            Ok((user.retry_interval(other)? == 0).then_some(()))
        })
        .unwrap();
    }
}
