//! What was measured, as tables and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::plan::{Figures, Held, Row, Which, real};
use super::{floors, process};

/// The rate of nginx on one-event transactions that the gateways aim at, as a share.
const AIM: f64 = 0.15;
/// Idle memory of a gateway that is aimed at, KiB.
const AIM_IDLE_KIB: u64 = 64 * 1024;

/// The machine that the figures are of.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Model of the CPU.
    pub cpu: String,
    /// Cores.
    pub cores: usize,
    /// Kernel.
    pub kernel: String,
    /// Filesystem of the gateways' state.
    pub filesystem: String,
    /// Load average of the minute before.
    pub load: String,
}

impl Machine {
    /// This one; `dir` is where the state is.
    #[must_use]
    pub fn read(dir: &Path) -> Self {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = file("/proc/cpuinfo");
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cpu: model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned()),
            cores: process::cores(),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: process::filesystem(dir),
            load: file("/proc/loadavg")
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

/// One run in a line, for whoever waits.
#[must_use]
pub fn line(row: &Row) -> String {
    format!(
        "{:11} {:6} {:2} PDU{} x {:2}: {:8.1} tx/s {:8.1} PDU/s  cpu {:7.0} us/PDU  p50 {:8.2} ms  p99 {:8.2} ms  others {:2.0} %",
        row.road.name(),
        row.subject,
        row.shape.pdus,
        if row.shape.denials { " 10% denied" } else { "" },
        row.connections,
        row.rate(),
        row.event_rate(),
        row.cpu_an_event(),
        millis(row.sample.quantile(0.5)),
        millis(row.sample.quantile(0.99)),
        row.others_percent,
    )
}

/// Everything but the single latencies.
#[must_use]
pub fn json(figures: &Figures) -> Value {
    let Machine {
        cpu,
        cores,
        kernel,
        filesystem,
        load,
    } = &figures.machine;
    let held = figures.held.iter().map(|held| {
        json!({"road": held.road.name(), "gateway": held.gateway, "idle_kib": held.idle_kib, "peak_kib": held.peak_kib,
               "nginx_peak_kib": held.nginx_kib})
    });
    json!({
        "machine": {"cpu": cpu, "cores": cores, "kernel": kernel, "filesystem": filesystem, "load_before": load},
        "floors": {"verify_strict_micros": figures.floors.verify_micros, "syncs_a_second": figures.floors.syncs_per_second,
                   "sync_bytes": floors::LINES},
        "runs": figures.rows.iter().map(Row::json).collect::<Vec<_>>(),
        "memory": held.collect::<Vec<_>>(),
        "wrk": figures.wrk.map(|(rate, connections)| json!({"requests_a_second": rate, "connections": connections})),
        "ratios": ratios(figures).iter().map(|(connections, ratio)| json!({"connections": connections, "ratio": ratio}))
            .collect::<Vec<_>>(),
        "skipped": figures.skipped,
    })
}

/// The tables, in Markdown.
#[must_use]
pub fn markdown(figures: &Figures) -> String {
    let mut text = String::new();
    let machine = &figures.machine;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "Machine: {} cores, {}, Linux {}, state on {}, load average before {}.\n",
        machine.cores, machine.cpu, machine.kernel, machine.filesystem, machine.load
    );
    let _ = writeln!(
        text,
        "Floors: one `verify_strict` {:.1} µs; {:.0} syncs/s of {} bytes each.\n",
        figures.floors.verify_micros,
        figures.floors.syncs_per_second,
        floors::LINES
    );
    rows(&mut text, figures);
    stages(&mut text, figures);
    memory(&mut text, &figures.held);
    conclusions(&mut text, figures);
    text
}

fn rows(text: &mut String, figures: &Figures) {
    text.push_str(
        "| Road | Through | PDUs | Connections | Requests/s | PDUs/s | CPU µs/PDU | p50 ms | p99 ms | Ed25519 | Others' CPU |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in &figures.rows {
        let denied = if row.shape.denials {
            ", 10 % denied"
        } else {
            ""
        };
        let share = match row.subject {
            "sluice" => format!(
                "{:.0} %",
                ed25519_share(row, figures.floors.verify_micros) * 100.0
            ),
            _ => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {}{denied} | {} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {share} | {:.0} % |",
            row.road.name(),
            row.subject,
            row.shape.pdus,
            row.connections,
            row.rate(),
            row.event_rate(),
            row.cpu_an_event(),
            millis(row.sample.quantile(0.5)),
            millis(row.sample.quantile(0.99)),
            row.others_percent,
        );
    }
    text.push('\n');
}

/// Verifications of the event and of the request, in each gateway, as a share of the gateways' CPU.
fn ed25519_share(row: &Row, verify_micros: f64) -> f64 {
    let gateways = if row.road == Which::Full { 2.0 } else { 1.0 };
    let verifications = gateways * (real(row.shape.pdus) + 1.0);
    verifications * verify_micros / row.cpu_micros.max(f64::MIN_POSITIVE)
}

/// Where a transaction's time goes in each gateway, as far as the gateways' own metrics tell.
fn stages(text: &mut String, figures: &Figures) {
    text.push_str(
        "| Road | PDUs | Connections | Gateway | judge ms | record ms | relay ms |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in &figures.rows {
        for (at, counters) in row.counters.iter().enumerate() {
            let mean = |stage: &str| {
                counters.stages.get(stage).unwrap_or(&0.0) * 1000.0 / real(row.sample.all.max(1))
            };
            let denied = if row.shape.denials {
                ", 10 % denied"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "| {} | {}{denied} | {} | {} | {:.2} | {:.2} | {:.2} |",
                row.road.name(),
                row.shape.pdus,
                row.connections,
                at + 1,
                mean("judge"),
                mean("record"),
                mean("relay"),
            );
        }
    }
    text.push('\n');
}

fn memory(text: &mut String, held: &[Held]) {
    text.push_str("| Road | Gateway | Idle MiB | Peak MiB | nginx, all processes, peak MiB |\n|---|--:|--:|--:|--:|\n");
    for one in held {
        let nginx = one.nginx_kib.map_or_else(|| "-".to_owned(), mib);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {nginx} |",
            one.road.name(),
            one.gateway + 1,
            mib(one.idle_kib),
            mib(one.peak_kib)
        );
    }
    text.push('\n');
}

fn conclusions(text: &mut String, figures: &Figures) {
    for (connections, ratio) in ratios(figures) {
        let verdict = if ratio >= AIM { "reached" } else { "missed" };
        let _ = writeln!(
            text,
            "- One PDU a transaction, full road, {connections} connections: {ratio:.3} of nginx's rate (aim {AIM}: {verdict})."
        );
    }
    if let Some(most) = figures.held.iter().map(|held| held.idle_kib).max() {
        let verdict = if most <= AIM_IDLE_KIB {
            "reached"
        } else {
            "missed"
        };
        let _ = writeln!(
            text,
            "- Idle memory of a gateway: {} MiB (aim {}: {verdict}).",
            mib(most),
            mib(AIM_IDLE_KIB)
        );
    }
    if let Some((rate, connections)) = figures.wrk {
        let _ = writeln!(
            text,
            "- nginx's full road by wrk, one PDU, {connections} connections: {rate:.0} requests/s."
        );
    }
    for skipped in &figures.skipped {
        let _ = writeln!(text, "- Skipped: {skipped}.");
    }
}

/// The gateways' rate as a share of nginx's, on one-event transactions over the full road.
#[must_use]
pub fn ratios(figures: &Figures) -> Vec<(usize, f64)> {
    let ours = figures.rows.iter().filter(|row| {
        row.subject == "sluice"
            && row.road == Which::Full
            && row.shape.pdus == 1
            && !row.shape.denials
    });
    let theirs = |ours: &Row| {
        let same = |row: &&Row| {
            row.subject == "nginx"
                && row.road == ours.road
                && row.shape == ours.shape
                && row.connections == ours.connections
        };
        figures.rows.iter().find(same)
    };
    ours.filter_map(|ours| Some((ours.connections, ours.rate() / theirs(ours)?.rate())))
        .collect()
}

fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}

fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}
