//! `large_room [--events N] [--words BYTES | --numbers BYTES] [--out DIR]`: joins a room of many state events through two gateways, and tells time and
//! memory. See `docs/performance.md`.
#![allow(
    clippy::panic,
    reason = "a benchmark that cannot set up its world has to stop, loudly"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sluice_tests::figures::process::{cpu_micros, forget_peak, machine_cpu_micros, memory};
use sluice_tests::large::{Reason, TwoZones};
use sluice_tests::stub::gateway::Gateway;

/// What a join may take, from a homeserver's request to the last byte of its answer.
const TIME: Duration = Duration::from_secs(60);
/// What a gateway may take more than it held before, in KiB.
const MEMORY_KIB: u64 = 64 * 1024;
const USAGE: &str = "Usage: large_room [--events N] [--words BYTES | --numbers BYTES] [--out DIR]
  --events N   state events of the room (default 99990; an answer may have 100000 events)
  --words BYTES    text in each event beside what a member has (default none; 90000 events with 5100 make 500 MiB)
  --numbers BYTES  the same, of sentences with several numbers in each
  --out DIR    where the gateways live; on a real disk (default target/large-room)
Example: cargo build --release -p sluice && cargo run --release -p sluice-tests --bin large_room";

fn main() -> ExitCode {
    let (events, reason, out) = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("{mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Of an earlier run: an audit log must not be continued by gateways with other keys.
    let _absent = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    let zones = TwoZones::start(&out);
    let room = zones.room(events, reason);
    let gateways = [("high", &zones.high), ("low", &zones.low)];
    let before = gateways.map(|(_, gateway)| (held(gateway), cpu_micros(&[gateway.pid()])));
    let (own, machine) = (std::process::id(), machine_cpu_micros());
    let own_before = cpu_micros(&[own]);
    let joined = zones.join(&room);
    let machine = machine_cpu_micros() - machine;
    let mut others = machine.saturating_sub(cpu_micros(&[own]) - own_before);
    let complete = joined.reply.status == 200 && is_complete(&joined.reply.body, room.state.len());
    println!(
        "{} state events, {:.1} MiB, status {}: {:.1} s through both gateways",
        room.state.len(),
        joined.reply.body.len() as f64 / 1_048_576.0,
        joined.reply.status,
        joined.time.as_secs_f64()
    );
    let mut good = complete && joined.time <= TIME;
    for ((name, gateway), (before, cpu)) in gateways.into_iter().zip(before) {
        let more = gateway.peak_memory_kib().saturating_sub(before);
        let cpu = cpu_micros(&[gateway.pid()]) - cpu;
        others = others.saturating_sub(cpu);
        println!(
            "{name}: {:.1} MiB before, {:.1} MiB more at the peak; {:.1} s of CPU",
            before as f64 / 1024.0,
            more as f64 / 1024.0,
            cpu as f64 / 1e6,
        );
        println!("{}", stages(gateway));
        good &= more <= MEMORY_KIB;
    }
    println!(
        "others on this machine: {:.1} s of CPU meanwhile",
        others as f64 / 1e6
    );
    if good {
        return ExitCode::SUCCESS;
    }
    eprintln!("missed: complete {complete}, at most {TIME:?}, at most {MEMORY_KIB} KiB more");
    ExitCode::FAILURE
}

/// What a gateway holds now, in KiB; its peak begins anew.
fn held(gateway: &Gateway) -> u64 {
    forget_peak(gateway.pid());
    memory(&[gateway.pid()]).now_kib
}

/// Every event is there as it was sent: nothing of it is redacted.
fn is_complete(body: &[u8], events: usize) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let state = answer["state"].as_array().map_or(&[][..], Vec::as_slice);
    let named = state.iter().filter(|event| {
        event["content"]
            .as_object()
            .is_some_and(|content| !content.is_empty())
    });
    state.len() == events && named.count() == events
}

/// Seconds in each stage by the gateway's own metrics.
fn stages(gateway: &Gateway) -> String {
    let page = gateway.page("/metrics").text();
    let lines = page
        .lines()
        .filter(|line| line.starts_with("sluice_stage_seconds_sum"));
    lines.map(|line| format!("  {line}\n")).collect()
}

fn options(mut args: impl Iterator<Item = String>) -> Result<(usize, Reason, PathBuf), String> {
    let (mut events, mut reason) = (99_990, Reason::None);
    let mut out = PathBuf::from("target/large-room");
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || {
            let number = value.parse();
            number.map_err(|_| format!("{arg} {value}: give a number"))
        };
        match arg.as_str() {
            "--events" => events = number()?,
            "--words" => reason = Reason::Words(number()?),
            "--numbers" => reason = Reason::Numbers(number()?),
            "--out" => out = PathBuf::from(value),
            _ => return Err(format!("{arg} is not known")),
        }
    }
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    Ok((events, reason, here.join(out)))
}
