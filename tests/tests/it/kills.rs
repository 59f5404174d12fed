//! A gateway killed with SIGKILL at random instants under load, again and again, between a homeserver and a peer that
//! behave as homeservers do: they repeat a transaction until it is acknowledged. From what both ends and the record hold:
//! nothing acknowledged is lost, nothing denied crosses, nothing comes in two forms, the chain is whole.
//!
//! Every test run kills 30 times. The long run:
//!
//! ```text
//! cargo test --workspace --release --test it -- --ignored --nocapture a_thousand_kills
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_policy::pdu::{Pdu, RoomVersion};
use sluice_tests::stub::homeserver::StubHomeserver;
use sluice_tests::stub::peer::{StubPeer, exchange, x_matrix};
use sluice_tests::stub::room::{Actor, Event, Room, object, transaction};
use sluice_tests::stub::wire::{Far, Reply, read_reply, request_bytes};
use sluice_tests::stub::{TAX_ID, World, errors, next_send, pdus};

use crate::chaos::Dice;

#[test]
fn thirty_kills_lose_nothing_and_let_nothing_out() {
    kill(30);
}

#[test]
#[ignore = "some twenty minutes; it has a command of its own"]
fn a_thousand_kills_lose_nothing_and_let_nothing_out() {
    kill(1000);
}

fn kill(times: usize) {
    let mut world = World::new();
    let rooms: Vec<Room> = (0..2 * LANES)
        .map(|lane| match lane < LANES {
            true => world.bobs_room(RoomVersion::V12),
            false => world.alices_room(RoomVersion::V12),
        })
        .collect();
    let (alice, bob) = (world.alice(), world.bob());
    let border = world.gateway.border().to_owned();
    let secret = world.gateway.inside_secret();
    let World {
        gateway,
        record,
        homeserver,
        peer,
        ..
    } = &mut world;
    let roads: Vec<Road> = rooms
        .into_iter()
        .enumerate()
        .map(|(lane, room)| Road {
            room,
            speaker: if lane < LANES { &bob } else { &alice },
            way: match lane < LANES {
                true => Way::Border {
                    record,
                    address: &border,
                },
                false => Way::Hook {
                    secret: &secret,
                    socket: gateway.file("hook.sock"),
                },
            },
            homeserver,
            peer,
        })
        .collect();
    let (stop, start) = (AtomicBool::new(false), Instant::now());
    let (said, crashes) = std::thread::scope(|scope| {
        let talks: Vec<_> = roads
            .into_iter()
            .map(|road| scope.spawn(|| road.talk(&stop)))
            .collect();
        let crashes = kill_again_and_again(gateway, times);
        stop.store(true, Ordering::Relaxed);
        let said: Vec<Said> = talks
            .into_iter()
            .flat_map(|talk| talk.join().unwrap())
            .collect();
        (said, crashes)
    });
    let transactions = said.len();
    println!(
        "{times} kills in {:.0} s; {transactions} transactions acknowledged, {} of them sent more than once",
        start.elapsed().as_secs_f64(),
        said.iter().filter(|said| said.attempts > 1).count()
    );
    assert!(transactions > times, "there was load");
    assert!(
        said.iter().any(|said| said.attempts > 1),
        "kills met requests"
    );
    let (inward, outward): (Vec<&Said>, Vec<&Said>) = said.iter().partition(|said| said.inward);
    for (said, far) in [(inward, &world.homeserver.far), (outward, &world.peer.far)] {
        assert!(!far.saw(TAX_ID), "what is denied crossed");
        arrived(&said, far);
    }
    the_record_is_whole(&mut world, &said, crashes);
}

/// One sender of transactions, in a room of its own.
struct Road<'a> {
    room: Room,
    speaker: &'a Actor,
    way: Way<'a>,
    homeserver: &'a StubHomeserver,
    peer: &'a StubPeer,
}

enum Way<'a> {
    Border { record: &'a Value, address: &'a str },
    Hook { secret: &'a str, socket: PathBuf },
}

/// A transaction that was acknowledged.
struct Said {
    inward: bool,
    attempts: usize,
    whole: Vec<Event>,
    denied: Event,
}

impl Road<'_> {
    fn talk(mut self, stop: &AtomicBool) -> Vec<Said> {
        let mut said = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            said.push(self.say());
            std::thread::sleep(PACE);
        }
        said
    }

    /// Sends one transaction until it is acknowledged, as a homeserver does.
    fn say(&mut self) -> Said {
        let whole: Vec<Event> = (0..2)
            .map(|_| self.room.message(self.speaker, "Lage unverändert"))
            .collect();
        let denied = self.room.message(self.speaker, TAX_ID);
        let events: Vec<Event> = whole.iter().chain([&denied]).cloned().collect();
        let inward = matches!(self.way, Way::Border { .. });
        let origin = if inward {
            &self.peer.server
        } else {
            &self.homeserver.name
        };
        let body = transaction(origin, &events).to_string();
        let target = next_send();
        for attempts in 1.. {
            let reply = self.send(&target, body.as_bytes());
            let reply = reply.ok().filter(|reply| reply.status == 200);
            if let Some(reply) = reply {
                assert_eq!(
                    errors(&reply),
                    std::slice::from_ref(&denied.id),
                    "{}",
                    reply.text()
                );
                return Said {
                    inward,
                    attempts,
                    whole,
                    denied,
                };
            }
            std::thread::sleep(PACE);
        }
        unreachable!("attempts have no end")
    }

    fn send(&self, target: &str, body: &[u8]) -> io::Result<Reply> {
        match &self.way {
            Way::Border { record, address } => {
                let bytes = self
                    .peer
                    .request("PUT", target, &self.homeserver.name, Some(body));
                exchange(&mut self.peer.dial(record, address)?, &bytes)
            }
            Way::Hook { secret, socket } => {
                let (us, them) = (&self.homeserver, &self.peer.server);
                let fields = [
                    format!("Proxy-Authorization: Bearer {secret}"),
                    x_matrix(&us.key, "PUT", target, &us.name, them, Some(body)),
                ];
                let absolute = format!("matrix-federation://{them}{target}");
                let bytes =
                    request_bytes("PUT", &absolute, &format!("{them}:80"), &fields, Some(body));
                let mut stream = UnixStream::connect(socket)?;
                stream.write_all(&bytes)?;
                read_reply(&mut stream)
            }
        }
    }
}

/// Returns how many of the killed gateways had come so far as to write in their log.
fn kill_again_and_again(gateway: &mut sluice_tests::stub::gateway::Gateway, times: usize) -> usize {
    let mut dice = Dice::new();
    let mut serving = 0;
    for number in 0..times {
        if number % DURING_START == DURING_START - 1 {
            gateway.kill();
            serving += 1;
            gateway.start_and_kill_after(Duration::from_millis(dice.below(LONGEST_START)));
        } else {
            std::thread::sleep(Duration::from_micros(dice.below(LONGEST_LIFE)));
            gateway.kill();
            serving += 1;
        }
        gateway.start();
    }
    serving
}

/// Everything acknowledged is there, in the one form that it may have, under one transaction id however often it was sent.
fn arrived(said: &[&Said], far: &Far) {
    let mut forms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut targets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for request in far.requests_of("PUT ") {
        *times.entry(request.target.clone()).or_default() += 1;
        for pdu in pdus(&request.json()) {
            let read = Pdu::read(object(&pdu), RoomVersion::V12).unwrap();
            let id = read.event_id().to_owned();
            forms.entry(id.clone()).or_default().insert(pdu.to_string());
            targets
                .entry(id)
                .or_default()
                .insert(request.target.clone());
        }
    }
    for said in said {
        let redacted = said.denied.redacted(RoomVersion::V12);
        let mut ids = BTreeSet::new();
        for event in said.whole.iter().chain([&redacted]) {
            let form = BTreeSet::from([event.json.to_string()]);
            assert_eq!(
                forms.get(&event.id),
                Some(&form),
                "{} is lost or came otherwise",
                event.id
            );
            ids.extend(targets[&event.id].iter());
        }
        assert_eq!(ids.len(), 1, "another transaction id: {ids:?}");
        // What came twice came as the sender's own repetition, which the transaction id makes one.
        assert!(
            ids.iter().all(|id| times[*id] <= said.attempts),
            "the gateway repeats by itself"
        );
    }
}

/// The chain verifies, tells of each kill, and has a line for everything that crossed.
fn the_record_is_whole(world: &mut World, said: &[Said], crashes: usize) {
    world.gateway.stop();
    let folder = world.gateway.file("state/audit").display().to_string();
    let verified = world
        .gateway
        .command(&["audit", "verify", &folder, "--json"], "");
    assert!(verified.contains("\"ok\":true"), "{verified}");
    let lines = world.gateway.audit();
    let of_kind = |kind: &'static str| lines.iter().filter(move |line| line["kind"] == kind);
    let recoveries = of_kind("recovery")
        .filter(|line| line["cause"] == "crash")
        .count();
    assert!(
        recoveries >= crashes,
        "{recoveries} recoveries of {crashes} kills"
    );
    let verdicts = |verdict: &'static str| -> BTreeSet<&str> {
        of_kind("event")
            .filter(|line| line["verdict"] == verdict)
            .filter_map(|line| line["event_id"].as_str())
            .collect()
    };
    let (released, redacted) = (verdicts("release"), verdicts("redact"));
    for said in said {
        for event in &said.whole {
            assert!(
                released.contains(event.id.as_str()),
                "{} crossed without a line",
                event.id
            );
        }
        assert!(redacted.contains(said.denied.id.as_str()));
        assert!(!released.contains(said.denied.id.as_str()));
    }
}

/// Senders on each side.
const LANES: usize = 2;
/// Between two attempts, and between two transactions.
const PACE: Duration = Duration::from_millis(10);
/// Every so many kills one hits a gateway that is starting.
const DURING_START: usize = 5;
/// Milliseconds.
const LONGEST_START: u64 = 400;
/// Microseconds that a gateway may serve before it is killed.
const LONGEST_LIFE: u64 = 250_000;
