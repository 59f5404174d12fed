//! What the log shows of libraries, and of defects.

#![allow(clippy::unwrap_used, reason = "tests state what must hold")]

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn libraries_stay_at_warnings_when_we_log_everything() {
    let written = Written::default();
    let sink = written.clone();
    let layer = tracing_subscriber::fmt::layer().with_writer(move || sink.clone());
    let subscriber = tracing_subscriber::registry()
        .with(filter(LogLevel::Debug))
        .with(layer);
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!(target: "hyper::proto", "authorization: canary-token");
        tracing::debug!(target: "sluice::judge", "stage done");
        tracing::warn!(target: "rustls", "handshake failed");
    });
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("canary-token"), "{text}");
    assert!(
        text.contains("stage done") && text.contains("handshake failed"),
        "{text}"
    );
}

/// Set in the copy of this test executable that panics: whether it has begun to log by then.
const PART: &str = "SLUICE_TEST_PART";
/// Its first letter has two bytes.
const CONTENT: &str = "Übung-canary-7c1e";

/// What a copy of this executable says that meets a defect in a thread and in a task.
fn said_by_a_defect(part: &str) -> String {
    let name = "telemetry::tests::a_panic_is_told_by_its_place_and_never_by_its_words";
    let done = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(PART, part)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let both = [done.stdout, done.stderr].concat();
    String::from_utf8(both).unwrap()
}

/// As a parser would that counts bytes where it should count letters.
fn meet_a_defect() {
    let slice = || CONTENT[std::hint::black_box(1)..].len();
    let thread = std::thread::Builder::new().name("audit".to_owned());
    assert!(thread.spawn(slice).unwrap().join().is_err());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let task = runtime.block_on(async move { tokio::spawn(async move { slice() }).await });
    assert!(task.is_err());
}

#[test]
fn a_panic_is_told_by_its_place_and_never_by_its_words() {
    if let Some(part) = std::env::var_os(PART) {
        if part == "logging" {
            let (format, level) = (LogFormat::Json, LogLevel::Error);
            start(&Log { format, level }).unwrap();
        }
        return meet_a_defect();
    }
    let bare = said_by_a_defect("not logging");
    assert!(bare.contains("canary"), "that is what it would say: {bare}");
    let said = said_by_a_defect("logging");
    assert!(!said.contains("canary"), "{said}");
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    for line in &lines {
        assert_eq!(line["level"], "ERROR");
        let place = line["place"].as_str().unwrap();
        assert!(place.contains("telemetry/tests.rs:"), "{place}");
        assert!(line["message"].as_str().unwrap().contains("please report"));
    }
    assert_eq!(lines[0]["thread"], "audit");
    assert_eq!(lines[1]["thread"], "tokio-rt-worker");
}
