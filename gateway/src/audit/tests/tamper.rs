//! Mallory has the log's directory: every change that she makes is found and named.

use sluice_policy::keys::SigningKey;

use super::world::{LINK, World, denied};
use crate::audit::show::{Filter, show};
use crate::audit::verify::{Against, verify};
use crate::audit::{AuditPublicKey, Fault};
use crate::audit_cli::{ShowArgs, VerifyArgs, run_show, run_verify};

/// A stopped log of one segment: 10 denials, stop, checkpoint.
async fn log() -> World {
    let world = World::new();
    world.stopped_log(10).await;
    assert!(world.verify_with_head(false).ok);
    world
}

fn tampered(world: &World, change: impl FnOnce(&mut Vec<String>)) -> Fault {
    let mut lines = world.lines(1);
    change(&mut lines);
    world.write_lines(1, &lines);
    let report = world.verify();
    assert!(!report.ok);
    report.first_bad.unwrap()
}

#[track_caller]
fn assert_fault(fault: &Fault, line: u64, seq: u64, word: &str) {
    assert_eq!((fault.line, fault.seq), (line, Some(seq)), "{fault}");
    assert!(fault.what.starts_with(word), "{fault}");
    assert_eq!(fault.file, "audit-00000001.jsonl");
}

#[tokio::test]
async fn a_changed_line_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| {
        lines[4] = lines[4].replace("redact", "release")
    });
    assert_fault(&fault, 5, 5, "changed:");
}

#[tokio::test]
async fn a_changed_link_of_the_chain_is_found_where_it_is() {
    let world = log().await;
    let fault = tampered(&world, |lines| {
        let hash = lines[4].split('"').nth(9).unwrap().to_owned();
        lines[4] = lines[4].replace(&hash, &"a".repeat(64));
    });
    assert_fault(&fault, 5, 5, "changed:");
}

#[tokio::test]
async fn a_changed_number_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| {
        lines[4] = lines[4].replace("\"seq\":5", "\"seq\":6")
    });
    assert_fault(&fault, 5, 6, "changed:");
}

#[tokio::test]
async fn a_line_of_rubbish_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| lines[4] = "rubbish".to_owned());
    assert_fault(&fault, 5, 5, "changed:");
}

#[tokio::test]
async fn a_removed_line_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| drop(lines.remove(4)));
    assert_fault(&fault, 5, 5, "removed:");
}

#[tokio::test]
async fn reordered_lines_are_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| lines.swap(4, 7));
    assert_fault(&fault, 5, 5, "reordered:");
}

#[tokio::test]
async fn a_repeated_line_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| lines.insert(5, lines[4].clone()));
    assert_fault(&fault, 6, 6, "reordered:");
}

#[tokio::test]
async fn a_cut_log_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| lines.truncate(6));
    assert_fault(&fault, 7, 7, "cut:");
    let fault = world.verify_with_head(true).first_bad.unwrap();
    assert_fault(
        &fault,
        7,
        7,
        "cut: the log ends here, but the journal has taken over line 12",
    );
}

#[tokio::test]
async fn a_line_behind_the_checkpoint_is_found() {
    let world = log().await;
    let fault = tampered(&world, |lines| lines.push(lines[3].clone()));
    assert_fault(&fault, 13, 4, "checkpoint:");
}

#[tokio::test]
async fn a_log_forged_as_a_whole_lacks_the_signature() {
    let world = World::new();
    let mallory = World::new();
    world.stopped_log(4).await;
    let mut config = mallory.config();
    config.key = std::sync::Arc::new(SigningKey::from_seed("audit", &[66; 32]).unwrap());
    let audit = crate::audit::Audit::open(config).unwrap();
    audit.record(vec![denied(1)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    std::fs::copy(mallory.segment(1), world.segment(1)).unwrap();
    assert_fault(&world.verify().first_bad.unwrap(), 3, 3, "signature:");
    let other = AuditPublicKey::of(&SigningKey::from_seed("earlier", &[7; 32]).unwrap());
    let report = verify(
        &world.dir(),
        &Against {
            keys: &[other],
            ..Against::default()
        },
    )
    .unwrap();
    assert!(
        report
            .first_bad
            .unwrap()
            .what
            .contains("not given with --key")
    );
}

#[tokio::test]
async fn a_checkpoint_that_says_stop_instead_of_full_is_found() {
    let world = World::with_small_segments();
    world.stopped_log(20).await;
    let mut lines = world.lines(1);
    let last = lines.pop().unwrap();
    lines.push(last.replace("\"closing\":\"full\"", "\"closing\":\"stop\""));
    world.write_lines(1, &lines);
    std::fs::remove_file(world.segment(2)).unwrap();
    std::fs::remove_file(world.segment(3)).unwrap();
    assert!(
        world
            .verify()
            .first_bad
            .unwrap()
            .what
            .starts_with("signature:")
    );
}

#[tokio::test]
async fn a_log_cut_after_a_checkpoint_is_found() {
    let world = World::with_small_segments();
    world.stopped_log(20).await;
    for number in 2.. {
        if std::fs::remove_file(world.segment(number)).is_err() {
            break;
        }
    }
    let fault = world.verify().first_bad.unwrap();
    assert_eq!(
        (fault.file.as_str(), fault.line),
        ("audit-00000002.jsonl", 1)
    );
    assert!(fault.what.starts_with("cut:"), "{fault}");
    assert!(
        !world.verify_with_head(true).ok,
        "also while a gateway writes"
    );
}

#[tokio::test]
async fn a_log_cut_after_a_closing_checkpoint_is_found_by_the_journal() {
    let world = log().await;
    let audit = world.start();
    audit.record(vec![denied(11)]).await.unwrap();
    audit.stop("signal").await.unwrap();
    drop(audit);
    std::fs::remove_file(world.segment(2)).unwrap();
    assert!(world.verify().ok, "the log alone cannot know");
    assert!(
        world
            .verify_with_head(false)
            .first_bad
            .unwrap()
            .what
            .starts_with("cut:")
    );
}

#[tokio::test]
async fn a_missing_segment_is_found() {
    let world = World::with_small_segments();
    world.stopped_log(20).await;
    std::fs::remove_file(world.segment(2)).unwrap();
    let fault = world.verify().first_bad.unwrap();
    assert_eq!(fault.file, "audit-00000002.jsonl");
    assert!(fault.what.starts_with("removed:"), "{fault}");
    std::fs::remove_file(world.segment(1)).unwrap();
    assert_eq!(
        world.verify().first_bad.unwrap().file,
        "audit-00000001.jsonl"
    );
}

#[tokio::test]
async fn the_last_line_of_an_open_segment_is_held_against_the_journal() {
    let world = World::new();
    let audit = world.start();
    audit.record(vec![denied(1)]).await.unwrap();
    audit.record(vec![denied(2)]).await.unwrap();
    assert!(world.verify_with_head(true).ok);
    let mut lines = world.lines(1);
    lines[1] = lines[1].replace("redact", "release");
    world.write_lines(1, &lines);
    let report = world.verify_with_head(true);
    assert_fault(&report.first_bad.unwrap(), 2, 2, "changed:");
}

#[tokio::test]
async fn the_command_says_it_with_exit_codes() {
    let world = log().await;
    let key = world.home.path().join("audit.pub");
    std::fs::write(&key, world.public().to_line()).unwrap();
    let mut args = VerifyArgs {
        dir: world.dir(),
        key: vec![key.clone()],
        head: Some(world.journal_file()),
        live: false,
        config: None,
        json: true,
    };
    let verify = |args: &VerifyArgs| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run_verify(args, None, &mut out, &mut err);
        (
            code,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    };
    let (code, out, _) = verify(&args);
    assert_eq!(code, 0);
    assert!(
        out.starts_with(r#"{"ok":true,"entries":12,"first_bad":null"#),
        "{out}"
    );
    tampered(&world, |lines| drop(lines.remove(4)));
    let (code, out, _) = verify(&args);
    assert_eq!(code, 1);
    assert!(
        out.contains(
            r#""first_bad":{"file":"audit-00000001.jsonl","line":5,"seq":5,"what":"removed:"#
        ),
        "{out}"
    );
    args.key.clear();
    let (code, _, err) = verify(&args);
    assert_eq!(code, 2);
    assert!(err.contains("give --key PUB"), "{err}");
    args.key.push(key);
    args.dir = world.home.path().join("nowhere");
    assert_eq!(verify(&args).0, 3);
}

#[tokio::test]
async fn show_filters_and_escapes() {
    let world = log().await;
    let shown = |filter: Filter| {
        let mut out = Vec::new();
        show(&world.dir(), &filter, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let one = shown(Filter {
        event: Some("$message-3".into()),
        ..Filter::default()
    });
    assert_eq!(one.lines().count(), 1);
    assert!(
        one.contains(" event ") && one.contains("rule=dlp.iban") && one.contains("verdict=redact"),
        "{one}"
    );
    assert_eq!(
        shown(Filter {
            rule: Some("dlp.*".into()),
            ..Filter::default()
        })
        .lines()
        .count(),
        10
    );
    assert_eq!(
        shown(Filter {
            link: Some("low->high".into()),
            ..Filter::default()
        })
        .lines()
        .count(),
        0
    );
    assert_eq!(shown(Filter::default()).lines().count(), 12);

    std::fs::write(
        world.segment(2),
        "{\"seq\":13,\"event_id\":\"\\u001b[2J\\u202e\"}\n",
    )
    .unwrap();
    let text = shown(Filter {
        event: Some("\u{1b}[2J\u{202e}".into()),
        ..Filter::default()
    });
    assert!(text.contains(r"\u{1b}[2J\u{202e}"), "{text}");
    let args = ShowArgs {
        dir: world.dir(),
        event: None,
        link: Some(LINK.into()),
        rule: None,
        json: true,
    };
    let mut out = Vec::new();
    assert_eq!(run_show(&args, &mut out, &mut Vec::new()), 0);
    let first = String::from_utf8(out)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&first).unwrap()["kind"],
        "event"
    );
}
