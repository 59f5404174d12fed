//! A gateway killed again and again under traffic loses nothing and lets nothing out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use sluice::demo::client::Client;
use sluice::demo::trail;
use sluice::demo::world::{GEHEIM, VS_NFD, World, labelled};
use sluice::demo::zone::{Way, Zone};
use sluice_tests::danger::pause_after_record;
use sluice_tests::evidence::{events, files_with};
use sluice_tests::own_world;

/// SIGKILLs in all.
const KILLS: usize = 20;
/// Of these, between the audit log's sync and the relay.
const KILLS_IN_BETWEEN: usize = 5;
/// Starts and immediate stops at the end.
const STOPPED_AT_ONCE: usize = 8;
/// That moment, stretched.
const PAUSE: Duration = Duration::from_millis(2000);
/// One user says something every so often, in one room after the other: below 10 a second and room.
const PACE: Duration = Duration::from_millis(150);
/// Every so many messages one is above the link's clearance.
const DENIED_EVERY: usize = 4;
/// Homeservers look for what they owe to others once a minute.
const EQUAL_WITHIN: Duration = Duration::from_secs(150);
const CANARY: &str = "canary-chaos-";

#[test]
fn a_gateway_killed_twenty_times_loses_nothing_and_leaks_nothing() {
    let mut world = own_world(Way::Hook, Way::Connect);
    let rooms = ["10", "11", "12"].map(|version| world.room(version, Some(VS_NFD)).unwrap());
    for room in &rooms {
        // A homeserver that is cut off while it still joins takes the rest of the state up minutes later.
        world.bob.messages(room).unwrap();
    }
    let World {
        high,
        low,
        alice,
        bob,
        ..
    } = &mut world;
    let mut dice = Dice::new();
    let stop = AtomicBool::new(false);
    let (said, kills) = std::thread::scope(|scope| {
        let talks = [&*alice, &*bob].map(|user| scope.spawn(|| talk(user, &rooms, &stop)));
        let kills = kill_again_and_again(high, low, &mut dice);
        stop.store(true, Ordering::Relaxed);
        let said: Vec<Said> = talks
            .into_iter()
            .flat_map(|talk| talk.join().unwrap())
            .collect();
        (said, kills)
    });
    last_words(&world, &rooms);
    let took = wait_until_equal(&world, &rooms);

    let denied: Vec<&Said> = said.iter().filter(|said| said.denied).collect();
    println!(
        "{} messages, {} of them denied; equal after {:.1} s",
        said.len(),
        denied.len(),
        took.as_secs_f64()
    );
    assert!(!denied.is_empty() && said.len() > 2 * KILLS);
    for message in &said {
        arrived_as_it_should(&world, message);
    }
    the_record_is_whole(&mut world, &kills);
    for (zone, own) in [(&world.high, "alice"), (&world.low, "bob")] {
        let other = if own == "alice" { "bob" } else { "alice" };
        let needle = format!("{CANARY}{other}");
        assert!(files_with(zone.synapse.folder(), &needle).is_empty());
        let needle = format!("{CANARY}{own}");
        assert!(!files_with(zone.synapse.folder(), &needle).is_empty());
        assert!(files_with(zone.gateway_folder(), CANARY).is_empty());
    }
}

/// What somebody said.
struct Said {
    room: String,
    event_id: String,
    body: String,
    by_alice: bool,
    denied: bool,
}

fn talk(user: &Client, rooms: &[String], stop: &AtomicBool) -> Vec<Said> {
    let by_alice = user.user_id().starts_with("@alice");
    let name = if by_alice { "alice" } else { "bob" };
    let mut said = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let room = &rooms[said.len() % rooms.len()];
        let denied = said.len() % DENIED_EVERY == DENIED_EVERY - 1;
        let body = match denied {
            true => format!("{CANARY}{name}-{}", said.len()),
            false => format!("{name} {}", said.len()),
        };
        let level = if denied { GEHEIM } else { VS_NFD };
        let content = labelled(&body, level);
        // The homeserver itself is well all the time: only the border is under attack.
        let event_id = user.send(room, "m.room.message", &content).unwrap();
        said.push(Said {
            room: room.clone(),
            event_id,
            body,
            by_alice,
            denied,
        });
        std::thread::sleep(PACE);
    }
    said
}

/// Returns how often each zone's gateway was killed.
fn kill_again_and_again(
    high: &mut Zone,
    low: &mut Zone,
    dice: &mut Dice,
) -> BTreeMap<String, usize> {
    let mut kills = BTreeMap::new();
    for number in 0..KILLS {
        let zone = if dice.below(2) == 0 {
            &mut *high
        } else {
            &mut *low
        };
        if number % (KILLS / KILLS_IN_BETWEEN) == 0 {
            kill_between_record_and_relay(zone);
        } else {
            std::thread::sleep(Duration::from_millis(dice.below(700)));
            zone.kill_gateway();
        }
        zone.start_gateway().unwrap();
        *kills.entry(zone.name().to_owned()).or_default() += 1;
    }
    kills
}

/// The gateway has written down that it lets a transaction cross, and is killed before a byte of it has.
fn kill_between_record_and_relay(zone: &mut Zone) {
    zone.stop_gateway().unwrap();
    pause_after_record(zone, u64::try_from(PAUSE.as_millis()).unwrap());
    let before = transactions(zone);
    zone.start_gateway().unwrap();
    while transactions(zone) == before {
        std::thread::sleep(Duration::from_millis(20));
    }
    let seen = Instant::now();
    zone.kill_gateway();
    // Seen at most one look after it was written, so well within the pause.
    assert!(seen.elapsed() < PAUSE / 2, "the kill came late");
    pause_after_record(zone, 0);
}

/// Lines of the audit log that let a `/send` cross.
fn transactions(zone: &Zone) -> usize {
    let lines = trail::of_kind(&zone.audit(), "request").unwrap();
    lines
        .iter()
        .filter(|line| line["op"] == "send" && line["own"] != true)
        .count()
}

/// One more message each, so that both homeservers look at what they still owe the other.
fn last_words(world: &World, rooms: &[String]) {
    std::thread::sleep(LONGEST_BACK_OFF);
    for room in rooms {
        for user in [&world.alice, &world.bob] {
            user.send(room, "m.room.message", &labelled("Ende", VS_NFD))
                .unwrap();
        }
    }
}

fn wait_until_equal(world: &World, rooms: &[String]) -> Duration {
    let start = Instant::now();
    for room in rooms {
        loop {
            // Walks back to the room's beginning, so that bob's homeserver has what was there before he came.
            world.bob.messages(room).unwrap();
            let (high, low) = (
                events(&world.high.synapse, room),
                events(&world.low.synapse, room),
            );
            if high.keys().eq(low.keys()) {
                break;
            }
            let only = |one: &BTreeMap<_, _>, other: &BTreeMap<_, _>| {
                one.keys().filter(|id| !other.contains_key(*id)).count()
            };
            assert!(
                start.elapsed() < EQUAL_WITHIN,
                "{room}: {} events only at high, {} only at low",
                only(&high, &low),
                only(&low, &high)
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    start.elapsed()
}

fn arrived_as_it_should(world: &World, message: &Said) {
    let (near, far) = if message.by_alice {
        (&world.high, &world.low)
    } else {
        (&world.low, &world.high)
    };
    let content = |zone: &Zone| events(&zone.synapse, &message.room)[&message.event_id].clone();
    assert_eq!(content(near)["body"], message.body.as_str());
    if message.denied {
        assert_eq!(content(far), json!({}), "{} leaked", message.event_id);
    } else {
        assert_eq!(content(far), content(near), "{}", message.event_id);
    }
}

/// Each kill is told by a recovery; the logs verify while they are written and when they are closed.
fn the_record_is_whole(world: &mut World, kills: &BTreeMap<String, usize>) {
    for zone in [&world.high, &world.low] {
        let recoveries = trail::of_kind(&zone.audit(), "recovery").unwrap();
        let crashes = recoveries
            .iter()
            .filter(|line| line["cause"] == "crash")
            .count();
        let killed = kills.get(zone.name()).copied().unwrap_or_default();
        assert_eq!(
            crashes,
            killed,
            "recoveries of {}: {recoveries:?}",
            zone.name()
        );
        let (code, answer) = zone.verify_audit(&zone.audit(), true).unwrap();
        assert_eq!(code, 0, "{answer}");
    }
    world.stop().unwrap();
    for zone in [&world.high, &world.low] {
        let (code, answer) = zone.verify_audit(&zone.audit(), false).unwrap();
        assert_eq!(code, 0, "{answer}");
    }
    // Whoever starts it may stop it the moment it says that it serves.
    for _ in 0..STOPPED_AT_ONCE {
        world.low.start_gateway().unwrap();
        world.low.stop_gateway().unwrap();
        let (code, answer) = world.low.verify_audit(&world.low.audit(), false).unwrap();
        assert_eq!(code, 0, "stopped at once: {answer}");
    }
}

/// Random enough to hit any moment; `SLUICE_TEST_SEED` repeats a run's choices.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .subsec_nanos()
        };
        let seed = std::env::var("SLUICE_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(clock()) | 1);
        println!("SLUICE_TEST_SEED={seed}");
        Self(seed)
    }

    /// Xorshift.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// `destination_max_retry_interval` of the test's homeservers, and a little.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(6);
