//! What a policy says when it breaks off may quote the event, so it must not reach the log. A test binary of its own,
//! because a subscriber counts for the whole process.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;
use sluice_policy::engine::{Engine, EventFailure};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_the_module_says_when_it_breaks_off_is_not_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::error!("the log works");
    let engine = Engine::load(include_bytes!("fixtures/poison.wasm"), &json!({})).unwrap();
    let facts =
        json!({"event": {"type": "test.conflict", "content": {"body": "CANARY"}}, "findings": []});
    assert_eq!(engine.decide(&[facts]).unwrap(), [Err(EventFailure::Trap)]);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("the log works"));
    assert!(!text.contains("opa"), "{text}");
}
