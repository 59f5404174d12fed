//! The benchmark works: over both roads everything that is sent arrives, is judged as it must be, and is counted. How
//! fast is nobody's business here.

use std::path::Path;
use std::time::Duration;

use sluice_tests::figures::nginx::{self, Nginx};
use sluice_tests::figures::plan::{self, Options, Which};
use sluice_tests::figures::report;

/// On the disk that the build is on, and short enough for the path of a socket.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("fig")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap()
}

fn little(out: &Path) -> Options {
    Options {
        time: Duration::from_millis(200),
        out: out.to_owned(),
        connections: vec![2],
    }
}

#[test]
fn a_short_run_over_both_roads_counts_every_verdict_and_keeps_its_raw_output() {
    let dir = folder();
    let figures = plan::all(&little(dir.path()), &|_| ());
    let ours: Vec<_> = figures
        .rows
        .iter()
        .filter(|row| row.subject == "sluice")
        .collect();
    for road in [Which::Full, Which::Border] {
        for (pdus, denials) in [(1, false), (1, true), (50, false), (50, true)] {
            let row = ours
                .iter()
                .find(|row| (row.road, row.shape.pdus, row.shape.denials) == (road, pdus, denials));
            let row = row.unwrap_or_else(|| panic!("no run of {} with {pdus}", road.name()));
            assert!(row.sample.timed > 0, "{}", report::line(row));
            assert_eq!(row.counters.len(), if road == Which::Full { 2 } else { 1 });
        }
    }
    let denied = ours
        .iter()
        .filter(|row| row.shape.denials && row.shape.pdus == 50);
    assert!(
        denied
            .into_iter()
            .all(|row| row.sample.refused == row.sample.all * 5),
        "a tenth is denied"
    );
    let json = report::json(&figures);
    assert_eq!(json["runs"].as_array().unwrap().len(), figures.rows.len());
    assert!(
        json["memory"][0]["idle_kib"].as_u64().unwrap() > 0,
        "{json}"
    );
    assert!(
        dir.path()
            .join("raw/full-road-sluice-1pdu-2conn.txt")
            .metadata()
            .unwrap()
            .len()
            > 0
    );
    assert!(report::markdown(&figures).contains("| full road | sluice | 50 |"));
    assert_eq!(
        report::ratios(&figures).is_empty(),
        !nginx::installed("nginx")
    );
}

#[test]
fn nginx_and_wrk_are_there_or_the_skip_names_their_packages() {
    let missing: Vec<_> = [("nginx", nginx::PACKAGE), (nginx::WRK, nginx::WRK)]
        .into_iter()
        .filter(|(program, _)| !nginx::installed(program))
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() {
        let dir = folder();
        let socket = dir.path().join("nobody.sock");
        drop(Nginx::start(&dir.path().join("nginx"), &socket));
        return;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "install Debian's {}",
        missing.join(" and ")
    );
    eprintln!("skipped: needs Debian's {}", missing.join(" and "));
}
