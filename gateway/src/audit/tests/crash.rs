//! The gateway was killed; the journal was lost; the log was cut.

use std::io::Write;

use super::world::{LINK, World, denied, event_id};
use crate::audit::AuditError;
use crate::audit::entry::{ClosedEntry, Entry, Line, RecoveryCause, RecoveryEntry, RoomEntry};

/// A gateway that records `count` denials and is killed: no stop, no checkpoint.
async fn killed_after(world: &World, count: u32) {
    let audit = world.start();
    for number in 0..count {
        audit.record(vec![denied(number)]).await.unwrap();
    }
}

fn recovery(line: &str) -> RecoveryEntry {
    match serde_json::from_str::<Line>(line).unwrap().entry {
        Entry::Recovery(recovery) => recovery,
        other => panic!("not a recovery: {other:?}"),
    }
}

fn remove_journal(world: &World) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(world.home.path().join(format!("journal.db{end}")));
    }
}

#[tokio::test]
async fn a_killed_gateway_goes_on_and_says_so() {
    let world = World::new();
    killed_after(&world, 3).await;
    assert!(
        world
            .verify()
            .first_bad
            .unwrap()
            .what
            .starts_with("cut: there is no closing checkpoint")
    );
    assert!(world.verify_with_head(true).ok);
    let audit = world.start();
    assert_eq!(recovery(&world.lines(1)[3]).cause, RecoveryCause::Crash);
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}

#[tokio::test]
async fn a_torn_line_is_cut_and_counted() {
    let world = World::new();
    killed_after(&world, 3).await;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(world.segment(1))
        .unwrap();
    file.write_all(b"{\"seq\":4,\"time\":\"20").unwrap();
    assert!(world.verify().first_bad.unwrap().what.starts_with("torn"));
    assert!(
        world.verify_with_head(true).ok,
        "a line that is being written"
    );
    let audit = world.start();
    assert_eq!(recovery(&world.lines(1)[3]).bytes_cut, 19);
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}

#[tokio::test]
async fn zeros_left_by_a_power_cut_are_cut() {
    let world = World::new();
    killed_after(&world, 3).await;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(world.segment(1))
        .unwrap();
    file.write_all(&vec![0; 1_500_000]).unwrap();
    let audit = world.start();
    assert_eq!(recovery(&world.lines(1)[3]).bytes_cut, 1_500_000);
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}

#[tokio::test]
async fn a_line_that_was_synced_is_never_cut_silently() {
    let world = World::new();
    killed_after(&world, 3).await;
    let text = world.text(1);
    std::fs::write(world.segment(1), &text[..text.len() - 5]).unwrap();
    let error = world.try_start().unwrap_err();
    assert!(
        matches!(
            error,
            AuditError::JournalAhead {
                journal: 3,
                log: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("the log was cut"));
}

#[tokio::test]
async fn a_journal_ahead_of_its_log_is_refused() {
    let world = World::with_small_segments();
    world.stopped_log(20).await;
    std::fs::remove_dir_all(world.dir()).unwrap();
    assert!(matches!(
        world.try_start().unwrap_err(),
        AuditError::JournalAhead { log: 0, .. }
    ));
}

#[tokio::test]
async fn a_log_that_is_not_the_journals_is_refused() {
    let world = World::new();
    killed_after(&world, 3).await;
    let mut lines = world.lines(1);
    lines[2] = lines[2].replace("dlp.iban", "dlp.none");
    world.write_lines(1, &lines);
    assert!(matches!(
        world.try_start().unwrap_err(),
        AuditError::HeadMismatch { seq: 3, .. }
    ));
}

#[tokio::test]
async fn damage_in_the_middle_is_not_a_torn_line() {
    let world = World::new();
    killed_after(&world, 3).await;
    remove_journal(&world);
    let mut lines = world.lines(1);
    lines[1] = "{\"seq\":2,".to_owned();
    world.write_lines(1, &lines);
    let AuditError::Altered { fault, .. } = world.try_start().unwrap_err() else {
        panic!("it is altered")
    };
    assert_eq!((fault.line, fault.seq), (2, Some(2)));
}

#[tokio::test]
async fn a_deleted_journal_is_rebuilt_from_the_log() {
    let world = World::with_small_segments();
    let audit = world.start();
    let room = RoomEntry {
        room_id: "!plans:high.test".into(),
        version: Some("12".into()),
        ..RoomEntry::default()
    };
    let closed = |room: &str, open| {
        Entry::Closed(ClosedEntry {
            link: LINK.into(),
            room_id: room.into(),
            rule: "label.classification".into(),
            open,
            ..ClosedEntry::default()
        })
    };
    audit
        .record(vec![
            Entry::Room(room),
            closed("!one", false),
            closed("!two", false),
        ])
        .await
        .unwrap();
    for number in 0..20 {
        audit.record(vec![denied(number)]).await.unwrap();
    }
    audit.record(vec![closed("!two", true)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    drop(audit);
    remove_journal(&world);
    let config = world.config();
    let journal = std::sync::Arc::clone(&config.journal);
    let audit = crate::audit::Audit::open(config).unwrap();
    for number in 0..20 {
        assert!(
            journal.denial(&event_id(number), LINK).unwrap().is_some(),
            "denial {number} is sticky"
        );
    }
    assert_eq!(
        journal
            .room("!plans:high.test")
            .unwrap()
            .unwrap()
            .version
            .as_deref(),
        Some("12")
    );
    assert_eq!(
        journal.closed(LINK, "!one").unwrap().as_deref(),
        Some("label.classification")
    );
    assert_eq!(journal.closed(LINK, "!two").unwrap(), None);
    let last = std::fs::read_dir(world.dir()).unwrap().count() as u64 - 1;
    let recovery = recovery(&world.lines(last)[0]);
    assert_eq!(recovery.cause, RecoveryCause::JournalBehind);
    assert!(recovery.replayed > 20);
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}

#[tokio::test]
async fn a_journal_that_lost_its_last_writes_catches_up() {
    let world = World::new();
    killed_after(&world, 2).await;
    let copy = std::fs::read(world.journal_file()).unwrap();
    killed_after(&world, 5).await;
    remove_journal(&world);
    std::fs::write(world.journal_file(), copy).unwrap();
    drop(world.start());
    assert!(
        world
            .journal()
            .denial(&event_id(4), LINK)
            .unwrap()
            .is_some()
    );
    assert!(world.verify_with_head(true).ok);
}

#[tokio::test]
async fn an_empty_segment_left_by_a_crash_is_taken_up() {
    let world = World::with_small_segments();
    world.stopped_log(3).await;
    std::fs::write(world.segment(2), "").unwrap();
    let audit = world.start();
    audit.record(vec![denied(9)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}
