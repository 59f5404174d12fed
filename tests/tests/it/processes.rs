//! Nothing that the demo starts outlives it, not even when it is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sluice::demo::process::{Supervised, remove_at_end};

/// Set in the copy of this test executable that plays the part of the demo.
const PART: &str = "SLUICE_TEST_PART";

#[test]
fn a_killed_demo_leaves_neither_process_nor_folder() {
    if std::env::var_os(PART).is_some() {
        return play_the_demo();
    }
    let mut demo = Command::new(std::env::current_exe().unwrap())
        .args([
            "processes::a_killed_demo_leaves_neither_process_nor_folder",
            "--exact",
            "--nocapture",
        ])
        .env(PART, "demo")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let said = lines
        .find_map(|line| line.split_once("started ").map(|(_, rest)| rest.to_owned()))
        .unwrap();
    let (pid, folder) = said.split_once(' ').unwrap();
    assert!(runs(pid) && Path::new(folder).is_dir());
    demo.kill().unwrap();
    demo.wait().unwrap();

    let start = Instant::now();
    while runs(pid) || Path::new(folder).exists() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "process {pid} or {folder} is still there"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts a child that would run for an hour and a folder, says so, and waits to be killed.
fn play_the_demo() {
    let folder = tempfile::tempdir().unwrap().keep();
    remove_at_end(&folder).unwrap();
    let child = Supervised::start(
        "sleep",
        Command::new("sleep").arg("3600").stdin(Stdio::null()),
    )
    .unwrap();
    println!("started {} {}", child.pid(), folder.display());
    std::io::stdout().flush().unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn runs(pid: &str) -> bool {
    let listed = Command::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .output()
        .unwrap();
    let state = String::from_utf8(listed.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

#[test]
fn a_stopped_child_is_waited_for_and_a_dropped_one_is_killed() {
    let mut child = Supervised::start("sleep", Command::new("sleep").arg("3600")).unwrap();
    let pid = child.pid().to_string();
    assert!(
        child
            .stop()
            .unwrap()
            .is_some_and(|status| !status.success())
    );
    assert!(!runs(&pid));
    let other = Supervised::start("sleep", Command::new("sleep").arg("3600")).unwrap();
    let pid = other.pid().to_string();
    drop(other);
    assert!(!runs(&pid));
}
