//! Alice's windows through restarts, over their end, on a damaged disk, and in two requests at once.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::os::unix::fs::FileExt;
use std::sync::LazyLock;
use std::time::Duration;

use super::*;

/// Some moment in 2026, in the middle of a minute.
const NOW: i64 = 1_780_000_030_000;

/// The monotonic clock at [`NOW`], a day after its beginning.
static START: LazyLock<Instant> = LazyLock::new(|| Instant::now() + Duration::from_secs(86_400));

/// The monotonic clock where nobody touches the one on the wall.
fn at(now_ms: i64) -> Instant {
    let passed = Duration::from_millis((now_ms - NOW).unsigned_abs());
    match now_ms < NOW {
        true => *START - passed,
        false => *START + passed,
    }
}

fn now(now_ms: i64) -> Now {
    Now {
        wall_ms: now_ms,
        instant: at(now_ms),
    }
}

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        World(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, now_ms: i64) -> Result<Windows, WindowError> {
        Windows::open(
            &self.path("windows.db"),
            &self.path("windows.key"),
            now(now_ms),
        )
    }

    fn opened(&self, now_ms: i64) -> Windows {
        self.open(now_ms).unwrap()
    }

    /// Everything that lies on the disk.
    fn disk(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.0.path()).unwrap();
        files
            .map(|file| file.unwrap().path())
            .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
            .collect()
    }

    /// The bytes of the key file without its header.
    fn slots(&self) -> Vec<u8> {
        std::fs::read(self.path("windows.key")).unwrap()[64..].to_vec()
    }
}

fn alice() -> Speaker {
    Speaker {
        link: "high->low".to_owned(),
        room: "!plans:high.test".to_owned(),
        sender: "@alice:high.test".to_owned(),
    }
}

fn part(event_id: &str, text: &str) -> Part {
    Part {
        event_id: event_id.to_owned(),
        sent_ms: NOW,
        is_news: true,
        texts: vec![text.to_owned()],
        html: Vec::new(),
    }
}

fn say(windows: &Windows, event_id: &str, text: &str, now_ms: i64) -> Result<(), WindowError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(windows.append(vec![(alice(), part(event_id, text))], at(now_ms)))
}

fn said(windows: &Windows, now_ms: i64) -> Vec<String> {
    let visit = windows
        .enter(BTreeMap::from([(alice(), Vec::new())]), at(now_ms))
        .unwrap();
    let window = visit.window(&alice());
    window.parts().flat_map(|part| part.texts.clone()).collect()
}

#[test]
fn a_window_lives_through_a_restart() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$1", "DE89 3704 0044", NOW).unwrap();
    say(&windows, "$2", "warte", NOW + 1000).unwrap();
    drop(windows);
    let windows = world.opened(NOW + 5_000);
    assert_eq!(said(&windows, NOW + 5_000), ["DE89 3704 0044", "warte"]);
    let bob = Speaker {
        sender: "@bob:high.test".to_owned(),
        ..alice()
    };
    let visit = windows.enter(BTreeMap::from([(bob.clone(), Vec::new())]), at(NOW));
    assert_eq!(visit.unwrap().window(&bob), Window::default());
}

#[test]
fn no_text_lies_on_the_disk_and_its_key_is_overwritten_when_the_window_is_over() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$1", "Geheimnis 4711", NOW).unwrap();
    for (file, bytes) in world.disk() {
        let readable = bytes.windows(9).any(|part| part == b"Geheimnis");
        assert!(!readable, "{file}");
    }
    let key = world.slots();
    assert!(key.iter().any(|byte| *byte != 0));
    windows.erase(now(NOW + WINDOW_MS)).unwrap();
    assert_eq!(
        world.slots(),
        key,
        "the minute's last message may be half a minute younger"
    );
    windows.erase(now(NOW + WINDOW_MS + SLICE_MS)).unwrap();
    assert!(world.slots().iter().all(|byte| *byte == 0));
    assert_eq!(said(&windows, NOW), [""; 0], "nothing opens it any more");
}

#[test]
fn what_is_over_is_erased_at_the_start() {
    let world = World::new();
    say(&world.opened(NOW), "$1", "hallo", NOW).unwrap();
    let later = NOW + WINDOW_MS + SLICE_MS;
    let windows = world.opened(later);
    assert!(world.slots().iter().all(|byte| *byte == 0));
    assert_eq!(said(&windows, later), [""; 0]);
}

#[test]
fn a_message_counts_for_ten_minutes_and_ten_count() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$0", "alt", NOW).unwrap();
    assert_eq!(said(&windows, NOW + WINDOW_MS - 1), ["alt"]);
    assert_eq!(said(&windows, NOW + WINDOW_MS), [""; 0]);
    for number in 1..=12 {
        say(&windows, &format!("${number}"), &number.to_string(), NOW).unwrap();
    }
    let expected: Vec<String> = (3..=12).map(|number: i32| number.to_string()).collect();
    assert_eq!(said(&windows, NOW), expected);
}

#[test]
fn the_same_event_again_changes_nothing() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$1", "eins", NOW).unwrap();
    say(&windows, "$2", "zwei", NOW).unwrap();
    say(&windows, "$1", "eins", NOW + 1).unwrap();
    assert_eq!(said(&windows, NOW + 1), ["eins", "zwei"]);
}

#[test]
fn two_requests_at_the_same_moment_see_each_other() {
    let world = World::new();
    let windows = world.opened(NOW);
    let first = windows
        .enter(
            BTreeMap::from([(alice(), vec![part("$1", "DE89 3704")])]),
            at(NOW),
        )
        .unwrap();
    assert_eq!(first.window(&alice()), Window::default());
    let second = windows
        .enter(
            BTreeMap::from([(alice(), vec![part("$2", "0044 0532")])]),
            at(NOW),
        )
        .unwrap();
    assert_eq!(
        second.window(&alice()).around("$2", NOW).before,
        ["DE89 3704"]
    );
    drop((first, second));
    assert_eq!(said(&windows, NOW), [""; 0], "neither was released");
}

#[test]
fn keys_that_are_missing_foreign_or_damaged_are_a_loud_error() {
    let world = World::new();
    say(&world.opened(NOW), "$1", "hallo", NOW).unwrap();
    let keys = std::fs::read(world.path("windows.key")).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(world.path("windows.key"), bytes).unwrap();
        world.open(NOW + 1).unwrap_err()
    };
    assert!(matches!(refused(&[]), WindowError::OtherKeys { .. }));
    assert!(matches!(refused(&keys[..100]), WindowError::Keys { .. }));
    assert!(matches!(refused(&[7; 832]), WindowError::Keys { .. }));
    let mut foreign = keys.clone();
    foreign[10] ^= 1;
    assert!(matches!(refused(&foreign), WindowError::OtherKeys { .. }));
    let used = 64 + keys[64..].iter().position(|byte| *byte != 0).unwrap();
    let mut torn = keys.clone();
    torn[used + 20] ^= 1;
    assert!(matches!(refused(&torn), WindowError::Keys { .. }));
    assert!(refused(&torn).to_string().contains("move this file"));
    std::fs::write(world.path("windows.key"), &keys).unwrap();
    assert_eq!(said(&world.opened(NOW + 1), NOW + 1), ["hallo"]);
}

#[test]
fn windows_that_are_gone_while_their_keys_are_in_use_are_a_loud_error() {
    let world = World::new();
    say(&world.opened(NOW), "$1", "hallo", NOW).unwrap();
    let remove = || {
        for file in ["windows.db", "windows.db-wal", "windows.db-shm"] {
            // The last two are there only while it is open.
            let _ = std::fs::remove_file(world.path(file));
        }
    };
    remove();
    let error = world.open(NOW + 1).unwrap_err();
    assert!(matches!(error, WindowError::OtherKeys { .. }));
    remove();
    assert!(
        world.open(NOW + WINDOW_MS + SLICE_MS).is_ok(),
        "nothing is lost by then"
    );
}

#[test]
fn a_key_whose_write_was_torn_before_it_was_used_is_no_error() {
    let world = World::new();
    drop(world.opened(NOW));
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(world.path("windows.key"))
        .unwrap();
    file.write_all_at(&[9; 30], 64 * 3).unwrap();
    let windows = world.opened(NOW + 1);
    assert!(world.slots().iter().all(|byte| *byte == 0));
    say(&windows, "$1", "hallo", NOW + 1).unwrap();
    assert_eq!(said(&windows, NOW + 1), ["hallo"]);
}

#[test]
fn a_row_that_was_changed_is_an_error_and_not_an_empty_window() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$1", "hallo", NOW).unwrap();
    let other = rusqlite::Connection::open(world.path("windows.db")).unwrap();
    other
        .execute("UPDATE texts SET event = zeroblob(32)", [])
        .unwrap();
    let visit = windows.enter(BTreeMap::from([(alice(), Vec::new())]), at(NOW));
    assert!(matches!(visit, Err(WindowError::Changed { .. })));
}

#[test]
fn a_clock_that_was_set_back_while_the_gateway_stood_still_stops_nothing_and_is_told() {
    let world = World::new();
    say(&world.opened(NOW), "$1", "hallo", NOW).unwrap();
    let back = NOW - 60 * SLICE_MS;
    let windows = world.opened(back);
    assert_eq!(said(&windows, back), ["hallo"]);
    say(&windows, "$2", "welt", back + 1000).unwrap();
    assert_eq!(said(&windows, back + 1000), ["hallo", "welt"]);
    let jump = windows.erase(now(back + 2000)).unwrap().unwrap();
    assert!(jump.by_ms < -59 * SLICE_MS, "{jump}");
    assert!(jump.to_string().contains("set back"), "{jump}");
    let over = back + WINDOW_MS + 2 * SLICE_MS;
    assert_eq!(windows.erase(now(over)), Ok(None), "told for a minute");
    assert!(
        world.slots().iter().all(|byte| *byte == 0),
        "over all the same"
    );
}

#[test]
fn a_clock_that_jumps_forward_ends_no_window_also_not_over_a_restart_and_is_told() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$1", "hallo", NOW).unwrap();
    let keys = world.slots();
    let jumped = |passed: i64| Now {
        wall_ms: NOW + 3_600_000 + passed,
        instant: at(NOW + passed),
    };
    let jump = windows.erase(jumped(1000)).unwrap().unwrap();
    assert_eq!(jump.by_ms, 3_600_000);
    assert_eq!(world.slots(), keys, "no key is overwritten");
    assert_eq!(said(&windows, NOW + 1000), ["hallo"]);
    assert_eq!(windows.erase(jumped(1000 + JUMP_TOLD_MS)), Ok(None));
    drop(windows);
    let open = |now| Windows::open(&world.path("windows.db"), &world.path("windows.key"), now);
    let windows = open(jumped(70_000)).unwrap();
    assert_eq!(said(&windows, NOW + 70_000), ["hallo"]);
    assert_eq!(windows.erase(jumped(71_000)), Ok(None), "it is known");
    windows.erase(jumped(WINDOW_MS + SLICE_MS)).unwrap();
    assert!(world.slots().iter().all(|byte| *byte == 0));
}

#[test]
fn a_machine_that_only_ticks_tells_of_no_jump() {
    let world = World::new();
    let windows = world.opened(NOW);
    for seconds in 0..100 {
        let mut moment = now(NOW + seconds * 1000);
        moment.wall_ms += seconds * 50;
        assert_eq!(windows.erase(moment), Ok(None), "a slewed clock");
    }
}

fn of(link: &str, number: u32) -> (Speaker, Part) {
    let speaker = Speaker {
        link: link.to_owned(),
        sender: format!("@user{number}:low.test"),
        ..alice()
    };
    (speaker, part("$1", "hallo"))
}

/// What becomes of calls that wait for the writer at the same moment.
fn append(windows: &Windows, calls: &[Vec<(Speaker, Part)>]) -> Vec<Result<(), WindowError>> {
    let time = lock(&windows.clock).time(at(NOW));
    lock(&windows.store).append(calls, time)
}

#[test]
fn a_link_that_is_flooded_stops_itself_and_no_other() {
    let world = World::new();
    let windows = world.opened(NOW);
    lock(&windows.shares).most = 12;
    let flood: Vec<Vec<(Speaker, Part)>> =
        (0..8).map(|number| vec![of("low->high", number)]).collect();
    let answers = append(&windows, &flood);
    assert!(answers[..6].iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(answers[6], Err(full("low->high")));
    assert!(full("low->high").to_string().contains("link low->high"));
    let enter = |(speaker, part)| windows.enter(BTreeMap::from([(speaker, vec![part])]), at(NOW));
    assert_eq!(enter(of("low->high", 9)).err(), Some(full("low->high")));
    assert!(enter(of("high->low", 9)).is_ok());
    let both = [vec![of("low->high", 9)], vec![of("high->low", 9)]];
    let answers = append(&windows, &both);
    assert!(
        answers[0].is_err() && answers[1].is_ok(),
        "in one durable write"
    );
    drop(windows);
    let windows = world.opened(NOW + 1000);
    lock(&windows.shares).most = 12;
    assert!(
        windows
            .has_room(&BTreeMap::from([{
                let (speaker, part) = of("low->high", 9);
                (speaker, vec![part])
            }]))
            .is_err(),
        "counted anew at the start"
    );
    let over = NOW + WINDOW_MS + SLICE_MS;
    windows.erase(now(over)).unwrap();
    assert_eq!(
        lock(&windows.shares).links(),
        0,
        "room again when windows are over"
    );
}

#[test]
fn one_sender_of_many_messages_takes_no_room() {
    let world = World::new();
    let windows = world.opened(NOW);
    lock(&windows.shares).most = 50;
    for number in 0..100 {
        say(&windows, &format!("${number}"), "hallo", NOW).unwrap();
    }
    assert_eq!(said(&windows, NOW).len(), 10);
}

#[test]
fn old_messages_that_are_pulled_leave_what_was_said_since() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$half", "DE89 3704 0044", NOW).unwrap();
    let pulled: Vec<(Speaker, Part)> = (0..30)
        .map(|number| Part {
            sent_ms: NOW - 3_600_000 + number,
            is_news: false,
            ..part(&format!("${number}"), "alt")
        })
        .map(|part| (alice(), part))
        .collect();
    assert_eq!(append(&windows, &[pulled]), [Ok(())]);
    let heard = said(&windows, NOW);
    assert!(heard.contains(&"DE89 3704 0044".to_owned()), "{heard:?}");
    let visit = windows.enter(BTreeMap::from([(alice(), Vec::new())]), at(NOW));
    let window = visit.unwrap().window(&alice());
    let around = window.around_part(&part("$rest", ""));
    assert_eq!(around.before, ["DE89 3704 0044"]);
}

#[test]
fn names_and_event_ids_cannot_be_guessed_from_what_the_disk_keeps() {
    use sha2::{Digest, Sha256};
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$AbCdEfGhIjKl", "hallo", NOW).unwrap();
    let Speaker { link, room, sender } = alice();
    let mut guess = Sha256::new();
    for part in [&link, &room, &sender] {
        guess.update((part.len() as u64).to_le_bytes());
        guess.update(part.as_bytes());
    }
    let guess: [u8; 32] = guess.finalize().into();
    let plain = [
        link.as_bytes(),
        room.as_bytes(),
        sender.as_bytes(),
        b"$AbCdEfGhIjKl",
        &guess,
    ];
    let secret = lock(&lock(&windows.store).keys()).secret.clone();
    for (file, bytes) in world.disk() {
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!plain.iter().any(|name| has(name)), "{file}");
        assert_eq!(has(&secret[..]), file.ends_with("windows.key"), "{file}");
    }
    drop(windows);
    assert_eq!(
        said(&world.opened(NOW + 1), NOW + 1),
        ["hallo"],
        "known again"
    );
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let world = World::new();
    let windows = world.opened(NOW);
    let other = rusqlite::Connection::open(world.path("windows.db")).unwrap();
    other.execute("DROP TABLE texts", []).unwrap();
    let error = say(&windows, "$1", "hallo", NOW).unwrap_err();
    assert!(matches!(error, WindowError::Database { .. }));
    assert!(error.to_string().contains("make the file writable"));
    let nothing = Part {
        texts: Vec::new(),
        ..part("$2", "")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let silent = runtime.block_on(windows.append(vec![(alice(), nothing)], at(NOW)));
    assert_eq!(silent, Ok(()), "who says nothing needs no disk");
}

#[test]
fn one_sender_cannot_crowd_what_is_being_judged() {
    let world = World::new();
    let windows = world.opened(NOW);
    let many: Vec<Part> = (0..=PENDING_A_WINDOW)
        .map(|number| part(&format!("${number}"), "x"))
        .collect();
    let first = windows
        .enter(BTreeMap::from([(alice(), many)]), at(NOW))
        .unwrap();
    let second = windows.enter(BTreeMap::from([(alice(), vec![part("$x", "x")])]), at(NOW));
    assert!(matches!(second, Err(WindowError::Crowded)));
    drop(first);
    assert!(
        windows
            .enter(BTreeMap::from([(alice(), Vec::new())]), at(NOW))
            .is_ok()
    );
    assert!(lock(&windows.pending).parts.is_empty());
}

#[test]
fn what_is_read_with_html_lives_through_a_restart() {
    let world = World::new();
    let html = Part {
        texts: vec!["hallo".to_owned()],
        html: vec!["DE89 3704".to_owned()],
        ..part("$1", "")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let windows = world.opened(NOW);
    runtime
        .block_on(windows.append(vec![(alice(), html)], at(NOW)))
        .unwrap();
    drop(windows);
    let windows = world.opened(NOW);
    let visit = windows
        .enter(BTreeMap::from([(alice(), Vec::new())]), at(NOW))
        .unwrap();
    let window = visit.window(&alice());
    let around = window.around("$2", NOW);
    assert_eq!(around.before, ["hallo"]);
    assert_eq!(around.html_before, ["DE89 3704"]);
}

#[test]
fn a_second_process_cannot_use_the_same_windows() {
    let world = World::new();
    let first = world.opened(NOW);
    let error = world.open(NOW).unwrap_err();
    assert!(matches!(error, WindowError::InUse { .. }));
    assert!(error.to_string().contains("stop that one"));
    drop(first);
    assert!(world.open(NOW).is_ok());
}

#[test]
fn what_debug_shows_of_a_visit_is_no_text() {
    let world = World::new();
    let windows = world.opened(NOW);
    say(&windows, "$1", "Geheimnis", NOW).unwrap();
    let says = BTreeMap::from([(alice(), vec![part("$2", "Geheimnis")])]);
    let visit = windows.enter(says, at(NOW)).unwrap();
    assert!(!format!("{visit:?} {windows:?}").contains("Geheim"));
}
