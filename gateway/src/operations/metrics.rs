//! What is counted. Label values come from closed sets: operations and stages by their type, links and rules from
//! configuration and bundle, capped. Nothing that a stranger writes can become a label value.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Distinct rule ids that get a series of their own; any more are counted as `other`.
pub const MAX_RULES: usize = 512;
/// Distinct links that get a series of their own.
pub const MAX_LINKS: usize = 256;
/// Longest rule id or link name that becomes a label value.
pub const MAX_LABEL_CHARS: usize = 96;
/// What a value is counted as that got no series of its own.
pub const OTHER: &str = "other";

/// The gateway's two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Towards our homeservers.
    Inside,
    /// Towards peers.
    Outside,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Relayed and answered by the far side.
    Relayed,
    /// Answered by the gateway itself.
    Answered,
    /// Refused by a rule.
    Refused,
    /// Failed: the gateway or the far side could not.
    Failed,
}

/// The stages of a request's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are the documentation, see docs/architecture.md"
)]
pub enum Stage {
    Accept,
    Identify,
    Route,
    Parse,
    Collect,
    Judge,
    Record,
    Rebuild,
    Relay,
    Log,
}

impl Face {
    /// The label value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }
}

impl Outcome {
    /// The label value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl Stage {
    /// The label value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Identify => "identify",
            Self::Route => "route",
            Self::Parse => "parse",
            Self::Collect => "collect",
            Self::Judge => "judge",
            Self::Record => "record",
            Self::Rebuild => "rebuild",
            Self::Relay => "relay",
            Self::Log => "log",
        }
    }
}

/// All counters of one process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Series>);

struct Series {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    events: Family<EventLabels, Counter>,
    refused: Family<RuleLabels, Counter>,
    stages: Family<StageLabels, Histogram, fn() -> Histogram>,
    slowed: Histogram,
    audit_sync: Histogram,
    audit_batch: Histogram,
    in_flight: Family<FaceLabels, Gauge>,
    bundle: Family<BundleLabels, Gauge>,
    notices: Family<NoticeLabels, Counter>,
    broken: Family<TaskLabels, Counter>,
    rules: Bounded,
    links: Bounded,
}

/// Counts one request as under way until it is dropped.
pub struct InFlight(Gauge);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    face: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    link: String,
    verdict: &'static str,
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaceLabels {
    face: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoticeLabels {
    way: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BundleLabels {
    id: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A fresh registry, every counter at zero.
    pub fn new() -> Self {
        let mut series = Series {
            registry: Registry::with_prefix("sluice"),
            requests: Family::default(),
            events: Family::default(),
            refused: Family::default(),
            stages: Family::new_with_constructor(seconds_histogram),
            slowed: seconds_histogram(),
            audit_sync: seconds_histogram(),
            audit_batch: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            in_flight: Family::default(),
            bundle: Family::default(),
            notices: Family::default(),
            broken: Family::default(),
            rules: Bounded::new(MAX_RULES),
            links: Bounded::new(MAX_LINKS),
        };
        series.register();
        Self(Arc::new(series))
    }

    /// A request has ended. `operation` is the endpoint table's name for it.
    pub fn request(&self, face: Face, operation: &'static str, outcome: Outcome) {
        self.0
            .requests
            .get_or_create(&RequestLabels {
                operation,
                face: face.word(),
                outcome: outcome.word(),
            })
            .inc();
    }

    /// A unit was judged. `verdict` is the verdict's word.
    pub fn event(&self, link: &str, verdict: &'static str, rule: &str) {
        let (link, rule) = (self.0.links.admit(link), self.0.rules.admit(rule));
        self.0
            .events
            .get_or_create(&EventLabels {
                link,
                verdict,
                rule,
            })
            .inc();
    }

    /// A whole request or connection was refused by a rule.
    pub fn refused(&self, rule: &str) {
        self.0
            .refused
            .get_or_create(&RuleLabels {
                rule: self.0.rules.admit(rule),
            })
            .inc();
    }

    /// A stage took this long for one request.
    pub fn stage(&self, stage: Stage, took: Duration) {
        self.0
            .stages
            .get_or_create(&StageLabels {
                stage: stage.word(),
            })
            .observe(took.as_secs_f64());
    }

    /// A transaction waited this long for its token and its place.
    pub fn slowed(&self, wait: Duration) {
        self.0.slowed.observe(wait.as_secs_f64());
    }

    /// The audit log synced a batch of `entries` lines.
    pub fn audit_sync(&self, took: Duration, entries: usize) {
        self.0.audit_sync.observe(took.as_secs_f64());
        // Exact below 2^53; batches are thousands at most.
        #[expect(clippy::cast_precision_loss, reason = "batches are far below 2^53")]
        self.0.audit_batch.observe(entries as f64);
    }

    /// A request has begun; it counts as under way until the answer is dropped.
    pub fn in_flight(&self, face: Face) -> InFlight {
        let gauge = self
            .0
            .in_flight
            .get_or_create_owned(&FaceLabels { face: face.word() });
        gauge.inc();
        InFlight(gauge)
    }

    /// The bundle that decides from now on.
    pub fn bundle(&self, id: &str) {
        self.0.bundle.clear();
        self.0
            .bundle
            .get_or_create(&BundleLabels { id: id.to_owned() })
            .set(1);
    }

    /// Somebody was told of something, or could not be: `told`, `failed`, or `lost` because too many waited.
    pub fn notice(&self, way: &'static str, outcome: &'static str) {
        let labels = NoticeLabels { way, outcome };
        self.0.notices.get_or_create(&labels).inc();
    }

    /// A task on what waits broke off by a defect, and is begun again: `send` or `check`.
    pub fn broken(&self, task: &'static str) {
        self.0.broken.get_or_create(&TaskLabels { task }).inc();
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Series {
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register(
            "requests",
            "Requests by operation, face and outcome",
            self.requests.clone(),
        );
        all.register(
            "events",
            "Judged units by link, verdict and rule",
            self.events.clone(),
        );
        all.register(
            "refused",
            "Refused requests and connections by rule",
            self.refused.clone(),
        );
        let stages = self.stages.clone();
        all.register_with_unit(
            "stage",
            "Time a request spent in a stage",
            Unit::Seconds,
            stages,
        );
        let slowed = self.slowed.clone();
        all.register_with_unit(
            "slowed",
            "Time that transactions waited because a peer sends too many",
            Unit::Seconds,
            slowed,
        );
        let sync = self.audit_sync.clone();
        all.register_with_unit(
            "audit_sync",
            "Time of one durable write of the audit log",
            Unit::Seconds,
            sync,
        );
        all.register(
            "audit_batch",
            "Lines in one durable write of the audit log",
            self.audit_batch.clone(),
        );
        all.register(
            "in_flight",
            "Requests under way by face",
            self.in_flight.clone(),
        );
        all.register(
            "notices",
            "Notices by way and outcome",
            self.notices.clone(),
        );
        all.register(
            "broken",
            "Tasks on what waits that broke off by a defect",
            self.broken.clone(),
        );
        all.register(
            "bundle",
            "The policy bundle that decides, by id",
            self.bundle.clone(),
        );
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A set of label values that cannot grow without end. A rule id comes from a policy author's file, and a careless rule
/// could build one from an event.
struct Bounded {
    limit: usize,
    seen: Mutex<BTreeSet<String>>,
}

impl Bounded {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: Mutex::new(BTreeSet::new()),
        }
    }

    fn admit(&self, value: &str) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(value) {
            return value.to_owned();
        }
        if seen.len() >= self.limit || !is_label(value) {
            return OTHER.to_owned();
        }
        seen.insert(value.to_owned());
        value.to_owned()
    }
}

fn is_label(value: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._->*".contains(&byte);
    !value.is_empty() && value.len() <= MAX_LABEL_CHARS && value.bytes().all(allowed)
}

/// 50 microseconds to about 13 seconds.
fn seconds_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 19))
}
