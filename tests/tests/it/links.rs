//! The emergency stop: an operator closes a link, nothing crosses from that moment on, and everything arrives after he has
//! opened it. And single rooms, closed and opened by hand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::peer::exchange;
use sluice_tests::stub::room::transaction;
use sluice_tests::stub::wire::read_reply;
use sluice_tests::stub::{World, errors, next_send};

/// What the emergency stop takes at most.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long a stub hangs: longer than any test.
const FOR_EVER: Duration = Duration::from_secs(120);
pub(crate) const BACKFILL: &str = "/_matrix/federation/v1/backfill/%21a%3Ahigh.test?v=%24V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w&limit=10";

/// Exit code and JSON answer of a command to the running gateway.
pub(crate) fn sluice(world: &World, args: &[&str]) -> (i32, Value) {
    let done = Command::new(sluice_tests::sluice_binary())
        .args(args)
        .args(["--json", "-c"])
        .arg(world.gateway.file("sluice.toml"))
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {}", String::from_utf8_lossy(&done.stderr)));
    (done.status.code().unwrap(), answer)
}

pub(crate) fn told(world: &World, args: &[&str]) -> Value {
    let (code, answer) = sluice(world, args);
    assert_eq!(code, 0, "{args:?}: {answer}");
    answer
}

/// Waits until something is so; it is a matter of milliseconds.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn lines_of(world: &World, kind: &str) -> Vec<Value> {
    let lines = world.gateway.audit();
    lines
        .into_iter()
        .filter(|line| line["kind"] == kind)
        .collect()
}

#[test]
fn a_slow_body_ends_within_a_second_of_the_emergency_stop_and_open_connections_with_it() {
    let world = World::new();
    let mut room = world.bobs_room(RoomVersion::V12);
    let event = room.message(&world.bob(), "half of this");
    let body = transaction(&world.peer.server, &[event]).to_string();
    let dial = || {
        world
            .peer
            .dial(&world.record, world.gateway.border())
            .unwrap()
    };

    let mut idle = dial();
    let version = world
        .peer
        .request("GET", "/_matrix/federation/v1/version", "high.test", None);
    let _answered = exchange(&mut idle, &version).unwrap();
    let mut slow = dial();
    let target = next_send();
    let bytes = world
        .peer
        .request("PUT", &target, "high.test", Some(body.as_bytes()));
    slow.write_all(&bytes[..bytes.len() - 10]).unwrap();
    slow.flush().unwrap();
    std::thread::sleep(Duration::from_millis(300));

    told(&world, &["link", "close", "low", "--reason", "incident 17"]);
    let closed = Instant::now();
    let reply = read_reply(&mut slow).unwrap();
    assert_eq!(
        (reply.status, reply.json()["errcode"].as_str()),
        (403, Some("M_FORBIDDEN"))
    );
    let mut rest = Vec::new();
    // However it ends: nothing more is said on either.
    let _ended = slow.read_to_end(&mut rest);
    let _ended = idle.read_to_end(&mut rest);
    assert!(closed.elapsed() < AT_ONCE, "{:?}", closed.elapsed());
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    world.nothing_reached_the_homeserver("a transaction that was cut off");

    // Whoever comes now is told so, with his body unread, and no byte leaves either.
    let again = world.raw(&bytes);
    assert_eq!(again.status, 403);
    world.nothing_reached_the_homeserver("a closed link");
    world.peer.far.forget();
    let mut ours = sluice_tests::stub::room::Room::create(RoomVersion::V12, &world.alice());
    let alice = world.alice_sends(&[ours.message(&world.alice(), "nobody hears this")]);
    assert_eq!(
        (alice.status, alice.json()["errcode"].as_str()),
        (403, Some("M_FORBIDDEN"))
    );
    let pull = world.from_homeserver("GET", BACKFILL, None);
    assert_eq!(pull.status, 403);
    assert!(
        world.peer.far.raw().is_empty(),
        "a byte left on a closed link"
    );
}

#[test]
fn what_was_recorded_as_released_and_is_not_yet_written_is_not_written() {
    let mut world = World::new();
    world.gateway.edit("sluice.toml", |text| {
        format!("{text}\n[danger]\npause_after_record_ms = 3000\n")
    });
    let (mut his, mut hers) = (
        world.bobs_room(RoomVersion::V12),
        world.alices_room(RoomVersion::V12),
    );
    world.gateway.restart();
    let recorded = || {
        lines_of(&world, "request")
            .iter()
            .filter(|line| line["op"] == "send")
            .count()
    };
    for inbound in [true, false] {
        let before = recorded();
        let (event, who) = match inbound {
            true => (his.message(&world.bob(), "canary"), "bob"),
            false => (hers.message(&world.alice(), "canary"), "alice"),
        };
        world.forget();
        let status = std::thread::scope(|scope| {
            let sent = scope.spawn(|| match inbound {
                true => world.bob_sends(&[event]).status,
                false => world.alice_sends(&[event]).status,
            });
            until("the release is recorded", || recorded() > before);
            told(&world, &["link", "close", "high->low"]);
            let closed = Instant::now();
            let status = sent.join().unwrap();
            assert!(closed.elapsed() < AT_ONCE, "{who}: {:?}", closed.elapsed());
            status
        });
        assert_eq!(status, 403, "{who}");
        std::thread::sleep(Duration::from_millis(3500));
        let saw = |far: &sluice_tests::stub::wire::Far| far.saw("canary");
        assert!(
            !saw(&world.homeserver.far) && !saw(&world.peer.far),
            "{who}"
        );
        told(&world, &["link", "open", "high->low"]);
    }
}

#[test]
fn an_answer_that_is_waited_for_ends_within_a_second_of_the_emergency_stop() {
    let world = World::new();
    for far in [&world.peer.far, &world.homeserver.far] {
        far.slow("GET /_matrix/federation/v1/backfill", FOR_EVER);
    }
    for from_peer in [true, false] {
        let far = if from_peer {
            &world.homeserver.far
        } else {
            &world.peer.far
        };
        far.forget();
        std::thread::scope(|scope| {
            let pull = scope.spawn(|| match from_peer {
                true => world.from_peer("GET", BACKFILL, None),
                false => world.from_homeserver("GET", BACKFILL, None),
            });
            until("the pull has crossed", || far.saw("backfill"));
            told(&world, &["link", "close", "low->high"]);
            let closed = Instant::now();
            assert_eq!(pull.join().unwrap().status, 403);
            assert!(closed.elapsed() < AT_ONCE, "{:?}", closed.elapsed());
        });
        told(&world, &["link", "open", "low"]);
    }
}

#[test]
fn a_closed_link_stays_closed_over_a_restart_and_a_lost_journal_and_the_record_says_who_and_why() {
    let mut world = World::new();
    let mid = world.another_peer("mid");
    let mut room = world.alices_room(RoomVersion::V12);
    let answer = told(&world, &["link", "close", "low", "--reason", "incident 17"]);
    assert_eq!(answer["ok"], true);
    let mut say = |world: &World| {
        let event = room.message(&world.alice(), "still there?");
        let to_low = world.alice_sends(std::slice::from_ref(&event)).status;
        (to_low, world.alice_sends_to(&mid, &[event]).status)
    };
    for when in ["now", "after a restart", "after the journal was lost"] {
        assert_eq!(say(&world), (403, 200), "{when}");
        let listed = told(&world, &["link", "list"]);
        let links = listed["links"].as_array().unwrap();
        for link in links {
            let is_low = link["peer"] == "low";
            assert_eq!(link["open"], !is_low, "{when}: {link}");
            if is_low {
                assert_eq!(link["reason"], "incident 17", "{when}");
                assert!(
                    link["since"].as_str().unwrap().ends_with('Z'),
                    "{when}: {link}"
                );
                assert!(!link["operator"].as_str().unwrap().is_empty(), "{when}");
            }
        }
        assert_eq!(links.len(), 4, "{when}: {listed}");
        world.gateway.stop();
        if when == "after a restart" {
            world.gateway.delete_journal();
        }
        world.gateway.start();
    }
    world.forget();
    told(
        &world,
        &["link", "open", "low->high", "--reason", "all clear"],
    );
    assert_eq!(say(&world), (200, 200));
    let recorded = lines_of(&world, "link");
    let seen: Vec<_> = recorded
        .iter()
        .map(|line| (&line["peer"], &line["open"], &line["reason"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("low"), &json!(false), &json!("incident 17")),
            (&json!("low"), &json!(true), &json!("all clear"))
        ]
    );
    // The gateway's folder belongs to whoever asks here.
    let owner = std::fs::metadata(&world.gateway.dir).unwrap().uid();
    let me = sluice::admin::Operator::of(owner).name;
    assert!(
        recorded.iter().all(|line| line["operator"] == me.as_str()),
        "{recorded:?}"
    );
    // Both homeservers hear of it by an empty transaction of the other, so that neither waits out its back-off.
    for (far, from) in [
        (&world.homeserver.far, "low.test"),
        (&world.peer.far, "high.test"),
    ] {
        until("an empty transaction", || {
            let sent = far.requests_of("PUT /_matrix/federation/v1/send/sluice-");
            sent.iter().any(|request| {
                let body = request.json();
                body["origin"] == from && body["pdus"] == json!([]) && body["edus"] == json!([])
            })
        });
    }
}

#[test]
fn all_links_are_closed_at_once_and_what_is_no_link_is_refused_by_name() {
    let world = World::new();
    let mid = world.another_peer("mid");
    let (code, answer) = sluice(&world, &["link", "close", "lwo"]);
    assert_eq!((code, &answer["ok"]), (1, &json!(false)));
    assert!(
        answer["details"]
            .as_array()
            .unwrap()
            .contains(&json!("high->low")),
        "{answer}"
    );
    let long = "x".repeat(300);
    let (code, answer) = sluice(&world, &["link", "close", "low", "--reason", &long]);
    assert_eq!(code, 1, "{answer}");
    assert_eq!(
        world.from_homeserver("GET", BACKFILL, None).status,
        404,
        "it is open"
    );
    told(&world, &["link", "close", "--all"]);
    for peer in [&world.peer, &mid] {
        let reply = world.from_homeserver_to(peer, "GET", BACKFILL, None);
        assert_eq!(reply.status, 403, "{}", peer.zone);
    }
    told(&world, &["link", "open", "mid"]);
    assert_eq!(
        world.from_homeserver_to(&mid, "GET", BACKFILL, None).status,
        404
    );
    assert_eq!(world.from_homeserver("GET", BACKFILL, None).status, 403);
}

#[test]
fn a_room_is_closed_and_opened_by_hand_and_stays_so_over_a_restart() {
    let mut world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    told(
        &world,
        &[
            "room",
            "close",
            &room.id,
            "high->low",
            "--reason",
            "spillage",
        ],
    );
    for when in ["now", "after a restart"] {
        let event = room.message(&world.alice(), when);
        let reply = world.alice_sends(std::slice::from_ref(&event));
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, vec![event.id]),
            "{when}"
        );
        let rooms = told(&world, &["room", "list", "low"])["rooms"].clone();
        assert_eq!(rooms.as_array().unwrap().len(), 1, "{when}: {rooms}");
        for (key, value) in [
            ("link", "high->low"),
            ("room_id", &room.id),
            ("rule", "operator"),
            ("reason", "spillage"),
        ] {
            assert_eq!(rooms[0][key], value, "{when}: {rooms}");
        }
        assert!(
            rooms[0]["since"].is_string() && rooms[0]["operator"].is_string(),
            "{rooms}"
        );
        world.gateway.restart();
    }
    let (code, answer) = sluice(&world, &["room", "open", &room.id, "low->high"]);
    assert_eq!(code, 1, "that direction was never closed: {answer}");
    let (code, answer) = sluice(&world, &["room", "close", "lage", "low"]);
    assert_eq!(code, 1, "{answer}");
    told(
        &world,
        &["room", "open", &room.id, "low", "--reason", "cleaned"],
    );
    assert_eq!(told(&world, &["room", "list"])["rooms"], json!([]));
    let event = room.message(&world.alice(), "again");
    assert_eq!(errors(&world.alice_sends(&[event])), Vec::<String>::new());
    let lines = lines_of(&world, "closed");
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (&line["open"], &line["reason"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!(false), &json!("spillage")),
            (&json!(true), &json!("cleaned"))
        ]
    );
}

/// Opens many connections to the admin socket and keeps them: half of them say nothing, half ask and read no answer.
const HANGS: &str = r#"
import socket, sys, time
kept = []
for number in range(24):
    line = socket.socket(socket.AF_UNIX)
    line.connect(sys.argv[1])
    kept.append(line)
    try:
        if number % 2:
            line.sendall(b'{"command":"hold","ask":{"do":"list","after":0}}\n')
    except OSError:
        pass
print("there", flush=True)
time.sleep(60)
"#;

#[test]
fn reviewers_who_hang_on_all_their_places_keep_no_operator_from_the_emergency_stop() {
    let mut world = World::new();
    world.gateway.edit("sluice.toml", |text| {
        format!("{text}\n[hold]\nreviewers = [\"65534\"]\n")
    });
    world.gateway.restart();
    if std::fs::metadata(&world.gateway.dir).unwrap().uid() != 0 {
        eprintln!("only root can act as a second user");
        return;
    }
    let socket = world.gateway.file("state/admin.sock");
    for folder in socket.ancestors().skip(1).take(3) {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    }
    let mut mallory = Command::new("python3")
        .args(["-c", HANGS])
        .arg(&socket)
        .uid(65534)
        .gid(65534)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stdout = BufReader::new(mallory.stdout.take().unwrap());
    stdout.read_line(&mut said).unwrap();
    assert_eq!(said, "there\n");
    let start = Instant::now();
    told(&world, &["link", "close", "low"]);
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert_eq!(world.from_homeserver("GET", BACKFILL, None).status, 403);
    mallory.kill().unwrap();
    mallory.wait().unwrap();
    assert!(
        world.gateway.log().contains("too many reviewers"),
        "{}",
        world.gateway.log()
    );
}

#[test]
fn who_opens_a_link_wakes_those_of_that_link_alone() {
    let world = World::new();
    let mid = world.another_peer("mid");
    let closed_by_record = sluice_tests::stub::peer::StubPeer::new("dim");
    closed_by_record.serve(&world.record);
    let record = closed_by_record.record().to_string();
    world
        .gateway
        .command(&["peer", "import", "-", "--json"], &record);
    world.gateway.reload();
    told(&world, &["link", "close", "low"]);
    told(&world, &["link", "close", "dim"]);
    world.forget();
    mid.far.forget();
    told(&world, &["link", "open", "--all"]);
    let sends = "PUT /_matrix/federation/v1/send/sluice-";
    until("low wakes", || {
        !world.peer.far.requests_of(sends).is_empty()
    });
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        mid.far.raw().is_empty(),
        "the link with mid was open all the time"
    );
    assert!(
        closed_by_record.far.raw().is_empty(),
        "the link with dim has no clearance"
    );
    let ours = world.homeserver.far.requests_of(sends);
    let from: Vec<Value> = ours
        .iter()
        .map(|request| request.json()["origin"].clone())
        .collect();
    assert_eq!(from, [json!("low.test")]);
}

#[test]
fn a_closed_peer_that_comes_back_under_another_zone_name_stays_closed_until_an_operator_opens_it() {
    let mut world = World::new();
    told(&world, &["link", "close", "low", "--reason", "incident 17"]);
    let rename = |world: &World, from: &str, to: &str| {
        std::fs::remove_file(world.gateway.file(&format!("peers/{from}.json"))).unwrap();
        let mut record = world.peer.record();
        record["zone"] = json!(to);
        world.gateway.import(&record);
    };
    let listed = |world: &World, zone: &str| {
        let links = told(world, &["link", "list"])["links"].clone();
        let mut all = links.as_array().unwrap().iter();
        let found = all.find(|link| link["peer"] == zone);
        found.cloned().unwrap_or_default()
    };
    let pull = |world: &World| world.from_homeserver("GET", BACKFILL, None).status;
    let push = |world: &World| world.from_peer("GET", BACKFILL, None).status;

    rename(&world, "low", "tiefland");
    world.gateway.reload();
    assert_eq!((pull(&world), push(&world)), (403, 403), "after a reload");
    let link = listed(&world, "tiefland");
    assert_eq!(
        (&link["open"], &link["reason"]),
        (&json!(false), &json!("incident 17"))
    );

    world.gateway.stop();
    world.gateway.delete_journal();
    rename(&world, "tiefland", "flachland");
    world.gateway.start();
    assert_eq!(
        (pull(&world), push(&world)),
        (403, 403),
        "after a start without a journal"
    );
    assert_eq!(listed(&world, "flachland")["open"], false);

    told(&world, &["link", "open", "flachland"]);
    for when in ["at once", "after a restart"] {
        assert_eq!(pull(&world), 404, "{when}");
        world.gateway.restart();
    }
    let closings = lines_of(&world, "link");
    let peers: Vec<_> = closings
        .iter()
        .map(|line| (&line["peer"], &line["open"]))
        .collect();
    assert_eq!(
        peers,
        [
            (&json!("low"), &json!(false)),
            (&json!("tiefland"), &json!(false)),
            (&json!("flachland"), &json!(false)),
            (&json!("flachland"), &json!(true)),
        ]
    );
}
