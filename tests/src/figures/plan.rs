//! The runs: which there are, how one is done, what is asserted of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::corpus::{Shape, Transaction};
use super::floors::{self, Floors};
use super::load::{self, End, Entrance, Sample};
use super::must;
use super::nginx::{self, Nginx};
use super::process::{self, Memory};
use super::report::Machine;
use super::roads::{Counters, Road};
use super::upstream::Upstream;

/// What is asked for on the command line.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time on the clock of each run.
    pub time: Duration,
    /// Where gateways live, and where raw output stays.
    pub out: PathBuf,
    /// Connections, one request in flight on each.
    pub connections: Vec<usize>,
}

/// The roads that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Homeserver, gateway, mTLS, gateway, homeserver.
    Full,
    /// Peer, mTLS, gateway, homeserver.
    Border,
}

impl Which {
    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full road",
            Self::Border => "border half",
        }
    }
}

/// One line of the tables.
#[derive(Debug, Clone)]
pub struct Row {
    /// The road.
    pub road: Which,
    /// `sluice`, or what it is compared with.
    pub subject: &'static str,
    /// What was sent.
    pub shape: Shape,
    /// Connections.
    pub connections: usize,
    /// What was measured.
    pub sample: Sample,
    /// CPU of the subject, microseconds a transaction.
    pub cpu_micros: f64,
    /// Share of all CPU time in the machine that neither the subject nor the load took, in percent.
    pub others_percent: f64,
    /// What each gateway counted.
    pub counters: Vec<Counters>,
}

impl Row {
    /// Transactions a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        real(self.sample.timed) / self.sample.seconds.max(f64::MIN_POSITIVE)
    }

    /// Events a second.
    #[must_use]
    pub fn event_rate(&self) -> f64 {
        self.rate() * real(self.shape.pdus)
    }

    /// CPU of the subject, microseconds an event.
    #[must_use]
    pub fn cpu_an_event(&self) -> f64 {
        self.cpu_micros / real(self.shape.pdus)
    }

    /// All of it but the single latencies.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "road": self.road.name(), "subject": self.subject, "pdus": self.shape.pdus, "denials": self.shape.denials,
            "connections": self.connections, "transactions": self.sample.timed, "seconds": self.sample.seconds,
            "transactions_a_second": self.rate(), "events_a_second": self.event_rate(),
            "cpu_micros_a_transaction": self.cpu_micros, "cpu_micros_an_event": self.cpu_an_event(),
            "p50_micros": self.sample.quantile(0.5), "p99_micros": self.sample.quantile(0.99),
            "refused_events": self.sample.refused, "other_cpu_percent": self.others_percent,
            "gateways": self.counters.iter().map(Counters::json).collect::<Vec<_>>(),
        })
    }
}

/// Memory of the gateways of one road.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The road.
    pub road: Which,
    /// Of the gateways, the first that a request passes, and so on.
    pub gateway: usize,
    /// Before the load, after some events: resident, KiB.
    pub idle_kib: u64,
    /// Most, over all runs, KiB.
    pub peak_kib: u64,
    /// Of the nginx of the same road, all of its processes: most, KiB.
    pub nginx_kib: Option<u64>,
}

/// All that was found out.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The machine.
    pub machine: Machine,
    /// Its floors.
    pub floors: Floors,
    /// The runs.
    pub rows: Vec<Row>,
    /// Memory.
    pub held: Vec<Held>,
    /// Requests a second of nginx's full road by the word of `wrk`, one event a transaction, and its connections.
    pub wrk: Option<(f64, usize)>,
    /// What was skipped, with the package that it needs.
    pub skipped: Vec<String>,
}

/// Does everything, and tells each run as it is done.
///
/// # Panics
/// Where something does not work or a verdict is not the expected one.
pub fn all(options: &Options, tell: &dyn Fn(&str)) -> Figures {
    must("out", std::fs::create_dir_all(options.out.join("raw")));
    let mut figures = Figures {
        machine: Machine::read(&options.out),
        floors: floors::measure(&options.out, options.time.min(Duration::from_secs(2))),
        rows: Vec::new(),
        held: Vec::new(),
        wrk: None,
        skipped: Vec::new(),
    };
    for (which, name) in [(Which::Full, "full"), (Which::Border, "border")] {
        one_road(options, which, &options.out.join(name), &mut figures, tell);
    }
    figures
}

fn one_road(
    options: &Options,
    which: Which,
    dir: &Path,
    figures: &mut Figures,
    tell: &dyn Fn(&str),
) {
    let mut road = match which {
        Which::Full => Road::full(dir),
        Which::Border => Road::border(dir),
    };
    let nginx = if nginx::installed("nginx") {
        Some(Nginx::start(&dir.join("nginx"), &road.socket))
    } else {
        figures.skipped.push(format!(
            "nginx on the {}: Debian package {}",
            which.name(),
            nginx::PACKAGE
        ));
        None
    };
    let idle: Vec<Memory> = road
        .pids()
        .iter()
        .map(|pid| process::memory(&[*pid]))
        .collect();
    for pdus in [1, 50] {
        for connections in &options.connections {
            let shape = Shape {
                pdus,
                denials: false,
            };
            compare(
                options,
                which,
                &mut road,
                nginx.as_ref(),
                (shape, *connections),
                figures,
                tell,
            );
        }
        let (shape, connections) = (
            Shape {
                pdus,
                denials: true,
            },
            options.connections.iter().copied().max(),
        );
        compare(
            options,
            which,
            &mut road,
            None,
            (shape, connections.unwrap_or(1)),
            figures,
            tell,
        );
    }
    if let (Which::Full, Some(nginx)) = (which, &nginx) {
        second_opinion(options, &mut road, nginx, figures);
    }
    let peak = nginx
        .as_ref()
        .map(|nginx| process::memory(&subject(nginx, which)).peak_kib);
    let held = road
        .pids()
        .into_iter()
        .zip(idle)
        .enumerate()
        .map(|(gateway, (pid, idle))| Held {
            road: which,
            gateway,
            idle_kib: idle.now_kib,
            peak_kib: process::memory(&[pid]).peak_kib,
            nginx_kib: peak,
        });
    figures.held.extend(held);
}

/// One run of the gateways and, right after it, one of nginx with the same bodies.
fn compare(
    options: &Options,
    which: Which,
    road: &mut Road,
    nginx: Option<&Nginx>,
    (shape, connections): (Shape, usize),
    figures: &mut Figures,
    tell: &dyn Fn(&str),
) {
    let count = enough(options, road, shape, connections);
    let transactions = road.corpus.make(count, shape);
    road.upstream.expect(&transactions);
    let requests = road.dressed(&transactions);
    let before = road.counters();
    let clock = Clock::new(road.pids());
    let (sample, clock) = timed(
        clock,
        &road.entrance.clone(),
        &requests,
        connections,
        End::Once(options.time),
    );
    let counters: Vec<Counters> = road
        .counters()
        .iter()
        .zip(&before)
        .map(|(after, before)| after.since(before))
        .collect();
    check(
        &transactions[..sample.all],
        &sample,
        &counters,
        &road.upstream,
    );
    let row = clock.row((which, "sluice"), (shape, connections), sample, counters);
    keep(options, row, figures, tell);
    let Some(nginx) = nginx else { return };
    let (entrance, requests) = (entrance(nginx, which), Road::plain(&transactions));
    road.upstream.expect(&transactions);
    let clock = Clock::new(subject(nginx, which));
    let (sample, clock) = timed(
        clock,
        &entrance,
        &requests,
        connections,
        End::Repeat(options.time),
    );
    assert_eq!(
        road.upstream.arrived(),
        (sample.all as u64, 0),
        "nginx lost requests"
    );
    let row = clock.row((which, "nginx"), (shape, connections), sample, Vec::new());
    keep(options, row, figures, tell);
}

/// Nothing was judged otherwise than it had to be, and all of it arrived.
fn check(sent: &[Transaction], sample: &Sample, counters: &[Counters], upstream: &Upstream) {
    let events: u64 = sent.iter().map(|one| one.events.len() as u64).sum();
    let denied: u64 = sent.iter().map(|one| one.denied as u64).sum();
    assert_eq!(sample.refused as u64, denied, "results with an error");
    assert_eq!(
        upstream.arrived(),
        (sent.len() as u64, 0),
        "transactions that arrived"
    );
    for (at, counters) in counters.iter().enumerate() {
        // Behind the first gateway a denied event is an empty one, which passes as such.
        let redacted = if at == 0 { denied } else { 0 };
        let expected = [
            ("redact".to_owned(), redacted),
            ("release".to_owned(), events - redacted),
        ];
        let expected = expected
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counters.verdicts, expected, "verdicts of gateway {at}");
    }
}

/// How many transactions a run can send at most, by a short run beforehand.
fn enough(options: &Options, road: &mut Road, shape: Shape, connections: usize) -> usize {
    let trial = road.corpus.make(connections * (PILOT + 1), shape);
    road.upstream.expect(&trial);
    let requests = road.dressed(&trial);
    let sample = load::run(
        &road.entrance,
        &requests,
        connections,
        End::Once(PILOT_TIME),
        || (),
        || (),
    );
    let rate = real(sample.timed) / sample.seconds.max(f64::MIN_POSITIVE);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of requests, bounded below"
    )]
    let wanted = (rate * options.time.as_secs_f64() * SPARE) as usize;
    wanted.clamp(1, MOST_EVENTS / shape.pdus) + connections
}

/// Transactions of the trial run on each connection, and its time at most.
const PILOT: usize = 6;
const PILOT_TIME: Duration = Duration::from_secs(5);
/// More than the trial run promises, because it runs cold.
const SPARE: f64 = 1.6;
/// Events of one run at most, which bounds the memory of this program.
const MOST_EVENTS: usize = 100_000;

fn second_opinion(options: &Options, road: &mut Road, nginx: &Nginx, figures: &mut Figures) {
    if !nginx::installed(nginx::WRK) {
        figures.skipped.push(format!(
            "a second opinion on nginx: Debian package {}",
            nginx::WRK
        ));
        return;
    }
    let one = road.corpus.make(
        1,
        Shape {
            pdus: 1,
            denials: false,
        },
    );
    road.upstream.expect(&one);
    let connections = options.connections.iter().copied().max().unwrap_or(1);
    let rate = nginx.wrk(&one[0].target(), &one[0].body, connections, options.time);
    figures.wrk = Some((rate, connections));
}

fn subject(nginx: &Nginx, which: Which) -> Vec<u32> {
    match which {
        Which::Full => nginx.both(),
        Which::Border => nginx.far_alone(),
    }
}

fn entrance(nginx: &Nginx, which: Which) -> Entrance {
    match which {
        Which::Full => nginx.full_road(),
        Which::Border => nginx.border_half(),
    }
}

/// CPU time of the subject, of this program and of the machine.
struct Clock {
    subject: Vec<u32>,
    begun: [u64; 3],
    ended: [u64; 3],
}

impl Clock {
    fn new(subject: Vec<u32>) -> Self {
        Self {
            subject,
            begun: [0; 3],
            ended: [0; 3],
        }
    }

    fn look(subject: &[u32]) -> [u64; 3] {
        [
            process::cpu_micros(subject),
            process::cpu_micros(&[std::process::id()]),
            process::machine_cpu_micros(),
        ]
    }

    fn row(
        &self,
        (road, subject): (Which, &'static str),
        (shape, connections): (Shape, usize),
        sample: Sample,
        counters: Vec<Counters>,
    ) -> Row {
        let [cpu, own, machine] =
            std::array::from_fn(|at| real_micros(self.ended[at] - self.begun[at]));
        let all = sample.seconds * 1e6 * real(process::cores());
        Row {
            road,
            subject,
            shape,
            connections,
            cpu_micros: cpu / real(sample.timed.max(1)),
            others_percent: ((machine - cpu - own) / all * 100.0).max(0.0),
            sample,
            counters,
        }
    }
}

fn timed(
    mut clock: Clock,
    entrance: &Entrance,
    requests: &[Vec<u8>],
    connections: usize,
    end: End,
) -> (Sample, Clock) {
    let (mut begun, mut ended) = ([0; 3], [0; 3]);
    let subject = clock.subject.clone();
    let sample = load::run(
        entrance,
        requests,
        connections,
        end,
        || begun = Clock::look(&subject),
        || ended = Clock::look(&subject),
    );
    (clock.begun, clock.ended) = (begun, ended);
    (sample, clock)
}

fn keep(options: &Options, row: Row, figures: &mut Figures, tell: &dyn Fn(&str)) {
    let name = format!(
        "{}-{}-{}pdu-{}conn{}.txt",
        row.road.name().replace(' ', "-"),
        row.subject,
        row.shape.pdus,
        row.connections,
        if row.shape.denials { "-denials" } else { "" }
    );
    let lines: Vec<String> = row.sample.latencies.iter().map(u32::to_string).collect();
    must(
        &name,
        std::fs::write(options.out.join("raw").join(&name), lines.join("\n")),
    );
    tell(&super::report::line(&row));
    figures.rows.push(row);
}

/// A count as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
#[must_use]
pub fn real(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a benchmark are far below 2^52"
)]
fn real_micros(micros: u64) -> f64 {
    micros as f64
}
