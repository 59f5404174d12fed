//! Two kinds of failure, and each has its name: one event's policy fails and that event is denied; the gateway fails and
//! nothing crosses, nothing is remembered, and what was queued crosses after the repair.

use std::io::Write as _;

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::gateway::archive;
use sluice_tests::stub::room::{Event, Room, transaction};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{TAX_ID, World, errors, next_send, pdus, policy};

/// A policy that misbehaves by event type; its source lies beside it.
const POISON: &[u8] = include_bytes!("../../../policy/tests/fixtures/poison.wasm");
/// Events in a full transaction.
const FULL: usize = 50;
/// Where the odd one stands in it.
const ODD: usize = 17;

fn poison() -> BundleParts {
    BundleParts {
        wasm: POISON.to_vec(),
        data: b"{}".to_vec(),
        dlp: Vec::new(),
        ..policy()
    }
}

#[test]
fn the_failure_of_one_events_policy_denies_that_event_and_its_49_neighbours_cross() {
    let world = World::new();
    let bob = world.bob();
    let mut room = world.bobs_room(RoomVersion::V12);
    world.gateway.install(&poison());
    world.gateway.reload();
    for (kind, rule) in [
        ("test.loop", "protocol.policy.fuel"),
        ("test.memory", "protocol.policy.memory"),
        ("test.output", "protocol.policy.output"),
        ("test.undefined", "protocol.policy.undefined"),
        ("test.verdict", "protocol.policy.shape"),
        ("test.count", "protocol.policy.count"),
        ("test.conflict", "protocol.policy.trap"),
    ] {
        let mut events: Vec<Event> = (1..FULL)
            .map(|at| room.message(&bob, &at.to_string()))
            .collect();
        events.insert(ODD, room.event(&bob, kind, None, json!({"body": "poison"})));
        let before = world.gateway.audit().len();
        let reply = world.bob_sends(&events);
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, vec![events[ODD].id.clone()]),
            "{kind}: {}",
            world.gateway.log()
        );
        let crossed = pdus(&world.homeserver.far.requests_of("PUT ")[0].json());
        let mut expected: Vec<Value> = events.iter().map(|event| event.json.clone()).collect();
        expected[ODD] = events[ODD].redacted(RoomVersion::V12).json;
        assert_eq!(crossed, expected, "{kind}");
        let rules = world.rules_since(before);
        assert_eq!(
            rules.iter().filter(|seen| *seen == rule).count(),
            1,
            "{kind}: {rules:?}"
        );
        assert_eq!(
            rules
                .iter()
                .filter(|seen| *seen == "rego.sluice.release.event")
                .count(),
            FULL - 1,
            "{kind}"
        );
        world.forget();
    }
}

/// A transaction that a homeserver keeps sending until it is answered with 200.
struct Queued {
    target: String,
    body: Vec<u8>,
    events: Vec<Event>,
    outbound: Vec<Event>,
}

impl Queued {
    fn of(world: &World, room: &mut Room) -> Self {
        let bob = world.bob();
        // Enough for an audit record of several disk pages: a disk may be full and the last page of a file not.
        let mut events: Vec<Event> = (0..25)
            .map(|at| room.message(&bob, &at.to_string()))
            .collect();
        events.push(room.message(&bob, TAX_ID));
        let body = transaction(&world.peer.server, &events)
            .to_string()
            .into_bytes();
        let alice = world.alice();
        let outbound: Vec<Event> = (0..25)
            .map(|at| room.message(&alice, &at.to_string()))
            .collect();
        Self {
            target: next_send(),
            body,
            events,
            outbound,
        }
    }

    fn send(&self, world: &World) -> Reply {
        world.from_peer("PUT", &self.target, Some(&self.body))
    }

    /// Both ways: 503, and not one byte reached the far side.
    fn is_kept_back(&self, world: &World, story: &str) {
        for _ in 0..2 {
            let reply = self.send(world);
            assert_eq!(reply.status, 503, "{story}: {}", reply.text());
            assert!(!reply.text().contains(TAX_ID), "{story}");
        }
        world.nothing_reached_the_homeserver(story);
        let body = transaction("high.test", &self.outbound).to_string();
        let reply = world.from_homeserver("PUT", &next_send(), Some(body.as_bytes()));
        assert_eq!(reply.status, 503, "{story}, outbound: {}", reply.text());
        assert!(
            world.peer.far.requests_of("PUT ").is_empty(),
            "{story}, outbound"
        );
        world.forget();
    }

    /// The same transaction, once more: 200, and it crosses as if nothing had been.
    fn crosses(&self, world: &World, story: &str) {
        let reply = self.send(world);
        let Some((taxed, harmless)) = self.events.split_last() else {
            panic!("a transaction has events")
        };
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, vec![taxed.id.clone()]),
            "{story}: {}",
            world.gateway.log()
        );
        let arrived = world.homeserver.far.requests_of("PUT ");
        assert_eq!(arrived.len(), 1, "{story}");
        let mut expected: Vec<Value> = harmless.iter().map(|event| event.json.clone()).collect();
        expected.push(taxed.redacted(RoomVersion::V12).json);
        assert_eq!(pdus(&arrived[0].json()), expected, "{story}");
        world.forget();
    }

    /// The same under a policy without detectors: a denial that was remembered would show.
    fn crosses_whole(&self, world: &World, story: &str) {
        let reply = self.send(world);
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, Vec::new()),
            "{story}: nothing may have been remembered"
        );
        assert!(world.homeserver.far.saw(TAX_ID), "{story}");
        world.forget();
    }
}

fn lax() -> BundleParts {
    BundleParts {
        dlp: Vec::new(),
        ..policy()
    }
}

/// Starts a gateway anew with another file in the bundle's place, and repairs it by `reload`.
fn without_its_bundle(story: &str, bundle: impl FnOnce(&World) -> Option<Vec<u8>>) {
    let mut world = World::new();
    let queued = Queued::of(&world, &mut world.bobs_room(RoomVersion::V12));
    let path = world.gateway.file("bundle.tar.gz");
    let replacement = bundle(&world);
    world.gateway.stop();
    match replacement {
        Some(bytes) => std::fs::write(&path, bytes).unwrap(),
        None => std::fs::remove_file(&path).unwrap(),
    }
    world.gateway.start();
    queued.is_kept_back(&world, story);
    let ready = world.gateway.page("/readyz");
    assert_eq!(ready.status, 503, "{story}: {}", ready.text());
    assert!(ready.text().contains("bundle"), "{story}: {}", ready.text());
    assert!(
        world
            .rules_since(0)
            .iter()
            .any(|rule| rule == "gateway.bundle"),
        "{story}"
    );
    world.gateway.install(&lax());
    world.gateway.reload();
    queued.crosses_whole(&world, story);
    world.gateway.install(&policy());
    world.gateway.reload();
    queued.crosses(&world, story);
}

#[test]
fn without_a_bundle_nothing_crosses_and_the_queue_crosses_when_there_is_one() {
    without_its_bundle("no bundle", |_| None);
}

#[test]
fn with_a_broken_bundle_nothing_crosses_and_the_queue_crosses_after_the_repair() {
    without_its_bundle("a broken bundle", |world| {
        let mut bytes = std::fs::read(world.gateway.file("bundle.tar.gz")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Some(bytes)
    });
}

#[test]
fn with_a_bundle_signed_by_another_key_nothing_crosses_and_the_queue_crosses_after_the_repair() {
    let (other, _) = sluice::shipped::new_bundle_key().unwrap();
    without_its_bundle("a bundle of another key", |_| {
        Some(archive(&policy(), &other))
    });
}

#[test]
fn a_reload_with_a_broken_bundle_changes_nothing() {
    let world = World::new();
    let queued = Queued::of(&world, &mut world.bobs_room(RoomVersion::V12));
    std::fs::write(world.gateway.file("bundle.tar.gz"), b"broken").unwrap();
    let config = world.gateway.file("sluice.toml");
    let reload = std::process::Command::new(sluice_tests::sluice_binary())
        .args(["reload", "-c"])
        .arg(config)
        .output();
    assert!(!reload.unwrap().status.success(), "the operator is told");
    queued.crosses(&world, "under the bundle from before");
}

#[test]
fn on_a_full_disk_nothing_crosses_and_the_queue_crosses_when_there_is_room() {
    let mut world = World::new();
    let mut room = world.bobs_room(RoomVersion::V12);
    world.gateway.stop();
    let skipped = "this machine lets nobody mount a tmpfs in a namespace (unshare of util-linux)";
    // A log that does not belong to this journal is refused, so both begin anew.
    std::fs::remove_file(world.gateway.file("state/journal.db")).unwrap();
    if world.gateway.start_on_a_small_disk().is_none() {
        assert!(std::env::var_os("CI").is_none(), "{skipped}");
        return eprintln!("skipped: {skipped}");
    }
    let join = room.member(&world.bob(), "@bob:low.test", "join");
    assert_eq!(
        errors(&world.bob_sends(&[room.create.clone(), join])),
        Vec::<String>::new()
    );
    world.forget();
    let queued = Queued::of(&world, &mut room);
    let filler = world.gateway.small_disk().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    // The gateway tries again by itself, and its attempts fill the last page of the log before it says that it fails.
    let told = (0..60).any(|_| {
        queued.is_kept_back(&world, "a full disk");
        std::thread::sleep(std::time::Duration::from_millis(300));
        world.gateway.page("/readyz").status == 503
    });
    assert!(
        told,
        "the operator is told: {}",
        world.gateway.page("/readyz").text()
    );
    drop(file);
    std::fs::remove_file(filler).unwrap();
    world.gateway.install(&lax());
    world.gateway.reload();
    queued.crosses_whole(&world, "there is room again");
    world.gateway.install(&policy());
    world.gateway.reload();
    queued.crosses(&world, "there is room again");
    let disk = world.gateway.small_disk().display().to_string();
    world
        .gateway
        .command(&["audit", "verify", &disk, "--live"], "");
}

#[test]
fn with_a_journal_that_takes_nothing_nothing_crosses_and_the_queue_crosses_after_the_repair() {
    let world = World::new();
    let queued = Queued::of(&world, &mut world.bobs_room(RoomVersion::V12));
    let journal = rusqlite::Connection::open(world.gateway.file("state/journal.db")).unwrap();
    journal
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let refuse = |what: &str| {
        format!(
            "CREATE TRIGGER no_{what} BEFORE {what} ON head BEGIN SELECT RAISE(FAIL, 'the journal is read-only'); END;"
        )
    };
    journal
        .execute_batch(&(refuse("INSERT") + &refuse("UPDATE")))
        .unwrap();
    queued.is_kept_back(&world, "a journal that takes nothing");
    journal
        .execute_batch("DROP TRIGGER no_INSERT; DROP TRIGGER no_UPDATE;")
        .unwrap();
    queued.crosses(&world, "a journal that takes again");
}

#[test]
fn on_a_read_only_disk_the_gateway_does_not_start_and_says_why() {
    let mut world = World::new();
    world.gateway.stop();
    let skipped = "this machine lets nobody mount in a namespace (unshare of util-linux)";
    let Some(said) = world.gateway.refuses_to_start_on_a_read_only_disk() else {
        assert!(std::env::var_os("CI").is_none(), "{skipped}");
        return eprintln!("skipped: {skipped}");
    };
    assert!(
        said.to_lowercase().contains("read-only") && said.contains("state"),
        "{said}"
    );
    world.gateway.start();
}

/// What a killed gateway denied, and then finds its journal damaged.
fn with_a_damaged_journal(harm: impl FnOnce(&mut Vec<u8>)) {
    let mut world = World::new();
    let mut room = world.bobs_room(RoomVersion::V12);
    let denied: Vec<Event> = (0..40)
        .map(|_| room.message(&world.bob(), TAX_ID))
        .collect();
    assert_eq!(errors(&world.bob_sends(&denied)).len(), denied.len());
    world.gateway.stop();
    let journal = world.gateway.file("state/journal.db");
    // The last connection takes what is written ahead into the file.
    let last = rusqlite::Connection::open(&journal).unwrap();
    last.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    last.close().unwrap();
    let mut bytes = std::fs::read(&journal).unwrap();
    harm(&mut bytes);
    std::fs::write(&journal, bytes).unwrap();
    let said = world.gateway.refuses_to_start();
    let remedy = said.contains("move it away") || said.contains("may be moved away");
    assert!(said.contains("journal.db") && remedy, "{said}");
    std::fs::rename(&journal, journal.with_extension("damaged")).unwrap();
    // Under a policy that would let them cross, only the memory of the denials keeps them back.
    world.gateway.install(&lax());
    world.gateway.start();
    world.forget();
    assert_eq!(errors(&world.bob_sends(&denied)).len(), denied.len());
    assert!(!world.homeserver.far.saw(TAX_ID));
}

#[test]
fn with_a_damaged_page_in_its_journal_the_gateway_does_not_start_and_rebuilds_it_when_it_is_gone() {
    with_a_damaged_journal(|bytes| {
        for byte in bytes.iter_mut().skip(4096) {
            *byte ^= 0xA5;
        }
    });
}

#[test]
fn with_one_event_id_changed_in_its_journal_the_gateway_does_not_start() {
    with_a_damaged_journal(|bytes| {
        let rule = bytes
            .windows(11)
            .position(|window| window == b"de.steuer_i");
        let at = rule.unwrap_or_else(|| panic!("no denial in the file"));
        // An event id begins some bytes before its rule.
        let id = bytes[..at].iter().rposition(|byte| *byte == b'$').unwrap();
        bytes[id + 5] = if bytes[id + 5] == b'A' { b'B' } else { b'A' };
    });
}

#[test]
fn a_torn_last_line_of_the_record_is_cut_and_told_and_what_was_denied_stays_denied() {
    let mut world = World::new();
    let mut room = world.bobs_room(RoomVersion::V12);
    let denied = room.message(&world.bob(), TAX_ID);
    let again = [denied];
    assert_eq!(errors(&world.bob_sends(&again)).len(), 1);
    world.gateway.kill();
    let folder = world.gateway.file("state/audit");
    let mut segments: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    segments.sort();
    let mut last = std::fs::File::options()
        .append(true)
        .open(segments.last().unwrap())
        .unwrap();
    last.write_all(br#"{"seq":99,"time":"20"#).unwrap();
    world.gateway.install(&lax());
    world.gateway.start();
    world.forget();
    assert_eq!(errors(&world.bob_sends(&again)).len(), 1);
    assert!(!world.homeserver.far.saw(TAX_ID));
    let cut = world
        .gateway
        .audit()
        .into_iter()
        .find(|line| line["cause"] == "crash");
    assert_eq!(cut.unwrap()["bytes_cut"], 20);
    world.gateway.stop();
    let folder = folder.display().to_string();
    world.gateway.command(&["audit", "verify", &folder], "");
}
