//! matrix-nio, a Matrix client that others wrote: plays a story given as JSON and tells what its users received.

#![allow(
    clippy::panic,
    reason = "a client that cannot be started has to stop the test, loudly"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use sluice::demo::cache::{self, Pins};

const NIO: Pins = Pins {
    title: "matrix-nio",
    requirements: include_str!("../nio/requirements.txt"),
};

/// Runs a story, a Python program that reads one JSON object from stdin and prints one.
///
/// # Panics
/// When the story fails; the text is what it said.
#[must_use]
pub fn play(program: &str, story: &Value) -> Value {
    let python = cache::environment(&NIO, &|line| eprintln!("{line}"))
        .unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(python);
    command
        .args(["-I", "-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{error}"));
    if let Some(mut input) = child.stdin.take() {
        let written = input.write_all(story.to_string().as_bytes());
        written.unwrap_or_else(|error| panic!("{error}"));
    }
    let output = child
        .wait_with_output()
        .unwrap_or_else(|error| panic!("{error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}
