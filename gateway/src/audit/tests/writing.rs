//! Recorded before released: group commit, failure, healing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::world::{LINK, World, denied, event_id, last_closing, request};
use crate::audit::entry::{Closing, Entry, Line, RecoveryCause};
use crate::audit::{AuditError, QUEUE};

#[tokio::test]
async fn recorded_means_on_the_disk_and_in_the_journal() {
    let world = World::new();
    let config = world.config();
    let journal = Arc::clone(&config.journal);
    let audit = crate::audit::Audit::open(config).unwrap();
    let last = audit.record(vec![request(), denied(1)]).await.unwrap();
    assert_eq!(last, 2);
    assert_eq!(world.lines(1).len(), 2);
    assert_eq!(
        journal.denial(&event_id(1), LINK).unwrap().unwrap().rule,
        "dlp.iban"
    );
    assert_eq!(journal.head().unwrap(), audit.head());
    assert_eq!(
        audit.record(Vec::new()).await.unwrap_err(),
        AuditError::Nothing,
        "no proof of nothing"
    );
}

#[tokio::test]
async fn what_could_not_be_made_durable_is_not_found_by_the_next_start() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    for fault in [&world.disk.full, &world.disk.broken] {
        fault.store(true, Ordering::SeqCst);
        let refused = audit.record(vec![denied(2)]).await;
        assert!(matches!(refused, Err(AuditError::Io { .. })));
        assert_eq!(world.lines(1).len(), 1);
        fault.store(false, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_wait_share_one_sync() {
    let world = World::new();
    let audit = Arc::new(world.start());
    world.disk.close_gate();
    let record = |number| {
        let audit = Arc::clone(&audit);
        tokio::spawn(async move { audit.record(vec![denied(number), request()]).await })
    };
    let mut calls = vec![record(0)];
    while world.disk.arrived.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // The first batch is at the gate; everybody else comes to the queue behind it.
    calls.extend((1..=100).map(record));
    while audit.queue.as_ref().unwrap().capacity() > QUEUE - 100 {
        tokio::task::yield_now().await;
    }
    assert!(
        calls.iter().all(|call| !call.is_finished()),
        "nobody has a proof before the sync"
    );
    world.disk.open_gate();
    let mut seqs = Vec::new();
    for call in calls {
        seqs.push(call.await.unwrap().unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=101).map(|number| number * 2).collect::<Vec<_>>());
    let syncs = world.disk.syncs.load(Ordering::SeqCst);
    assert_eq!(
        syncs, 2,
        "one for the first record, one for the hundred that waited"
    );
    assert_eq!(audit.syncs(), syncs);
}

#[tokio::test]
async fn a_segment_is_closed_by_a_checkpoint_and_the_next_goes_on_from_it() {
    let world = World::with_small_segments();
    world.stopped_log(20).await;
    assert!(world.segment(3).exists());
    assert_eq!(
        last_closing(world.lines(1).last().unwrap()),
        Some(Closing::Full)
    );
    let report = world.verify_with_head(false);
    assert!(report.ok, "{report:?}");
    let audit = world.start();
    audit.record(vec![denied(99)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    drop(audit);
    assert!(world.verify_with_head(false).ok);
    assert_eq!(
        world.verify().entries,
        report.entries + 3,
        "a graceful stop needs no recovery line"
    );
}

#[tokio::test]
async fn nothing_is_recorded_after_the_stop() {
    let world = World::new();
    let audit = world.start();
    let head = audit.stop("signal").await.unwrap();
    assert_eq!(head.seq, 2, "the stop and its checkpoint");
    assert_eq!(
        audit.record(vec![denied(1)]).await.unwrap_err(),
        AuditError::Stopped
    );
}

#[tokio::test]
async fn a_full_disk_lets_nothing_cross_and_heals() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    world.disk.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(matches!(
            audit.record(vec![denied(2)]).await,
            Err(AuditError::Io { .. })
        ));
    }
    assert!(audit.failing().unwrap().contains("disk not full"));
    assert!(
        world
            .journal()
            .denial(&event_id(2), LINK)
            .unwrap()
            .is_none(),
        "nothing is remembered"
    );
    world.disk.full.store(false, Ordering::SeqCst);
    audit.probe().await.unwrap();
    assert_eq!(audit.failing(), None);
    audit.record(vec![denied(3)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
    let Line {
        entry: Entry::Recovery(recovery),
        ..
    } = serde_json::from_str(&world.lines(1)[1]).unwrap()
    else {
        panic!("the log says that writing had failed")
    };
    assert_eq!(
        (recovery.cause, recovery.failed_batches),
        (RecoveryCause::WriteFailed, 3)
    );
}

#[tokio::test]
async fn a_read_only_directory_heals() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    world.disk.broken.store(true, Ordering::SeqCst);
    assert!(audit.record(vec![denied(2)]).await.is_err());
    world.disk.broken.store(false, Ordering::SeqCst);
    audit.record(vec![denied(3)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
    assert!(
        !world.text(1).contains(&event_id(2)),
        "what was not durable was cut away"
    );
}

#[tokio::test]
async fn a_directory_moved_away_underneath_is_noticed_and_heals() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    let aside = world.home.path().join("aside");
    std::fs::rename(world.dir(), &aside).unwrap();
    assert!(audit.record(vec![denied(2)]).await.is_err());
    std::fs::rename(&aside, world.dir()).unwrap();
    audit.record(vec![denied(3)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}

#[tokio::test]
async fn a_log_written_to_by_somebody_else_is_noticed() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    std::fs::write(world.segment(1), "").unwrap();
    assert!(matches!(
        audit.record(vec![denied(2)]).await,
        Err(AuditError::Io { .. })
    ));
    assert!(
        audit
            .record(vec![denied(2)])
            .await
            .unwrap_err()
            .to_string()
            .contains("became shorter")
    );
}

#[tokio::test]
async fn a_journal_that_fails_lets_nothing_cross_and_takes_over_later() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    let aside = world.home.path().join("aside.db");
    std::fs::rename(world.journal_file(), &aside).unwrap();
    let error = audit.record(vec![denied(2)]).await.unwrap_err();
    assert!(
        matches!(error, AuditError::Unapplied(_)),
        "it is in the log"
    );
    assert!(error.to_string().contains("restart the gateway"), "{error}");
    let error = audit.record(vec![denied(3)]).await.unwrap_err();
    assert!(matches!(error, AuditError::Journal(_)), "it is not");
    assert!(
        !world.text(1).contains(&event_id(3)),
        "no second batch runs ahead of the journal"
    );
    std::fs::rename(&aside, world.journal_file()).unwrap();
    audit.record(vec![denied(4)]).await.unwrap();
    let journal = world.journal();
    for number in [1, 2, 4] {
        assert!(
            journal.denial(&event_id(number), LINK).unwrap().is_some(),
            "denial {number}"
        );
    }
    audit.stop("signal").await.unwrap();
    assert!(world.verify_with_head(false).ok);
}

#[tokio::test]
async fn two_gateways_do_not_write_one_log() {
    let world = World::new();
    let audit = world.start();
    let error = world.try_start().unwrap_err();
    assert!(matches!(error, AuditError::Locked { .. }));
    assert!(error.to_string().contains("another gateway"));
    drop(audit);
    world.start();
}

#[test]
fn an_operator_reads_where_it_is_not_certain_that_nothing_was_recorded() {
    let told = |error: AuditError| error.without("nothing was done");
    let full = AuditError::Io {
        path: "audit-00000001.jsonl".to_owned(),
        error: "no space left".to_owned(),
    };
    assert!(told(full.clone()).starts_with("nothing was done, because"));
    assert!(!told(full).contains("nobody can tell"));
    let uncertain = told(AuditError::Stopped);
    assert!(uncertain.starts_with("nothing was done yet, and nobody can tell"));
    assert!(uncertain.ends_with("it counts from then on"));
}
