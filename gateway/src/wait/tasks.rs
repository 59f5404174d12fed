//! Who works on the queues: a task that sends for each pair, and one for each event that checks are asked about. One that breaks
//! off by a defect of the gateway's own is begun again, so that it stops its pair, or its room, for a pause and not until the
//! next start. Where what begins them breaks off, all of it begins anew with what the queues have.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{Id, JoinError, JoinSet};

use super::{Inbox, Pair, Waits, check, pair_of, send};
use crate::accept::Shutdown;
use crate::audit::entry::WaitEntry;
use crate::gateway::Gateway;
use crate::operations::Metrics;

/// Pause before what broke off is begun again: a defect that is always there must not keep a processor busy.
const BROKEN_PAUSE: Duration = Duration::from_secs(5);

/// What a task does.
#[derive(Clone, Debug)]
enum Job {
    /// Sends what waits of a pair, until nothing does.
    Send(Pair),
    /// Asks the checks of an event.
    Ask(Box<WaitEntry>),
    /// Ends an event whose checks broke off, as if they had not answered.
    Fail(Box<WaitEntry>),
}

/// Works on the queues until the gateway stops. What is under way then is at the next start.
pub(crate) async fn work(gateway: Arc<Gateway>, inbox: Inbox, shutdown: Shutdown) {
    let make = || {
        let (waits, metrics) = (Arc::clone(&gateway.waits), gateway.metrics.clone());
        let gateway = Arc::clone(&gateway);
        let run = move |job| carry_out(Arc::clone(&gateway), job);
        Tasks::new(waits, metrics, BROKEN_PAUSE, run)
    };
    keep_working(make, inbox, shutdown).await;
}

/// Works with tasks made by `make`, and with new ones where those break off.
async fn keep_working<R, F>(make: impl Fn() -> Tasks<R>, inbox: Inbox, shutdown: Shutdown)
where
    R: Fn(Job) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let inbox = Arc::new(Mutex::new(inbox));
    loop {
        let tasks = make();
        let (metrics, pause) = (tasks.metrics.clone(), tasks.pause);
        let mut working = JoinSet::new();
        working.spawn(tasks.work(Arc::clone(&inbox), shutdown.clone()));
        if !matches!(working.join_next().await, Some(Err(_))) {
            return;
        }
        metrics.broken("queue");
        tracing::error!("the work on what waits broke off and is begun again; please report this");
        tokio::time::sleep(pause).await;
    }
}

async fn carry_out(gateway: Arc<Gateway>, job: Job) {
    match job {
        Job::Send(pair) => send::drain(&gateway, &pair).await,
        Job::Ask(line) => check::ask(&gateway, &line).await,
        Job::Fail(line) => check::fail(&gateway, &line).await,
    }
}

/// The tasks, with what each does.
struct Tasks<R> {
    waits: Arc<Waits>,
    metrics: Metrics,
    pause: Duration,
    run: R,
    under_way: JoinSet<()>,
    jobs: HashMap<Id, Job>,
    sending: BTreeSet<Pair>,
}

impl<R, F> Tasks<R>
where
    R: Fn(Job) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn new(waits: Arc<Waits>, metrics: Metrics, pause: Duration, run: R) -> Self {
        Self {
            waits,
            metrics,
            pause,
            run,
            under_way: JoinSet::new(),
            jobs: HashMap::new(),
            sending: BTreeSet::new(),
        }
    }

    async fn work(mut self, inbox: Arc<Mutex<Inbox>>, mut shutdown: Shutdown) {
        let mut inbox = inbox.lock().await;
        for line in self.waits.anew(&mut inbox) {
            self.take(line);
        }
        loop {
            tokio::select! {
                () = shutdown.fired() => return,
                lines = inbox.recv() => {
                    let Some(lines) = lines else { return };
                    lines.into_iter().for_each(|line| self.take(line));
                }
                Some(ended) = self.under_way.join_next_with_id() => match ended {
                    Ok((id, ())) => self.ended(id),
                    Err(error) => self.broke_off(&error),
                },
            }
        }
    }

    fn take(&mut self, line: WaitEntry) {
        self.send(pair_of(&line));
        if line.verdict.is_none() {
            self.begin(Job::Ask(Box::new(line)), None);
        }
    }

    /// One task sends for a pair.
    fn send(&mut self, pair: Pair) {
        if self.sending.insert(pair.clone()) {
            self.begin(Job::Send(pair), None);
        }
    }

    fn begin(&mut self, job: Job, after: Option<Duration>) {
        let work = (self.run)(job.clone());
        let task = self.under_way.spawn(async move {
            if let Some(pause) = after {
                tokio::time::sleep(pause).await;
            }
            work.await;
        });
        self.jobs.insert(task.id(), job);
    }

    fn ended(&mut self, id: Id) {
        let Some(Job::Send(pair)) = self.jobs.remove(&id) else {
            return;
        };
        self.sending.remove(&pair);
        // What came while it ended has a queue that nobody works on.
        if !self.waits.is_empty(&pair) {
            self.send(pair);
        }
    }

    /// Nobody ends a task before its time, so this is a defect. What it says of itself may hold anything, and is not logged.
    fn broke_off(&mut self, error: &JoinError) {
        let Some(job) = self.jobs.remove(&error.id()) else {
            return;
        };
        self.metrics.broken(job.word());
        job.tell();
        let next = match job {
            Job::Ask(line) => Job::Fail(line),
            again => again,
        };
        self.begin(next, Some(self.pause));
    }
}

impl Job {
    const fn word(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::Ask(_) | Self::Fail(_) => "check",
        }
    }

    fn tell(&self) {
        match self {
            Self::Send(pair) => tracing::error!(
                origin = pair.origin,
                destination = pair.destination,
                "sending what has waited broke off and is begun again; please report this"
            ),
            Self::Ask(line) | Self::Fail(line) => tracing::error!(
                item = %line.item,
                event_id = %line.event_id,
                "a check broke off and counts as failed; please report this"
            ),
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests, of what panics too"
)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::accept::{self, Trigger};
    use crate::audit::entry::Verdict;

    const PAUSE: Duration = Duration::from_millis(200);

    fn line(origin: &str, verdict: Option<Verdict>) -> WaitEntry {
        WaitEntry {
            item: origin.into(),
            origin: origin.into(),
            destination: "low.test".into(),
            room_id: "!plans".into(),
            verdict,
            ..WaitEntry::default()
        }
    }

    /// Queues with these events, worked on by `run`.
    fn worked_on<F>(
        lines: Vec<WaitEntry>,
        run: impl Fn(Arc<Waits>, Job) -> F + Send + Sync + 'static,
    ) -> (Arc<Waits>, Metrics, Trigger)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (waits, inbox) = Waits::new(lines);
        let (waits, metrics) = (Arc::new(waits), Metrics::new());
        let (stop, shutdown) = accept::shutdown();
        let (of_tasks, counted, run) = (Arc::clone(&waits), metrics.clone(), Arc::new(run));
        let make = move || {
            let (waits, run) = (Arc::clone(&of_tasks), Arc::clone(&run));
            let run = move |job| run(Arc::clone(&waits), job);
            Tasks::new(Arc::clone(&of_tasks), counted.clone(), PAUSE, run)
        };
        tokio::spawn(keep_working(make, inbox, shutdown));
        (waits, metrics, stop)
    }

    async fn soon(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn sends_all(waits: &Waits, pair: &Pair) {
        waits.remove(pair, &waits.ready(pair, usize::MAX));
    }

    #[tokio::test]
    async fn a_pair_whose_task_breaks_off_goes_on_after_a_pause_and_others_meanwhile() {
        let broken = line("alices.test", Some(Verdict::Release));
        let other = line("bobs.test", Some(Verdict::Release));
        let (alices, bobs) = (pair_of(&broken), pair_of(&other));
        let tries = Arc::new(AtomicUsize::new(0));
        let (counted, hers) = (Arc::clone(&tries), alices.clone());
        let start = Instant::now();
        let (waits, metrics, _stop) = worked_on(vec![broken, other], move |waits, job| {
            let (tries, hers) = (Arc::clone(&counted), hers.clone());
            async move {
                let Job::Send(pair) = job else { return };
                if pair == hers && tries.fetch_add(1, Ordering::SeqCst) < 2 {
                    panic!("a defect");
                }
                sends_all(&waits, &pair);
            }
        });
        soon(|| waits.is_empty(&bobs)).await;
        assert!(!waits.is_empty(&alices));
        soon(|| waits.is_empty(&alices)).await;
        assert!(start.elapsed() >= PAUSE * 2, "it does not spin");
        assert_eq!(tries.load(Ordering::SeqCst), 3);
        let told = metrics.encode().unwrap();
        assert!(told.contains("broken_total{task=\"send\"} 2"), "{told}");
        // It is worked on as every other from then on.
        waits.enqueue(vec![line("alices.test", Some(Verdict::Redact))]);
        soon(|| waits.is_empty(&alices)).await;
    }

    #[tokio::test]
    async fn where_the_work_on_all_breaks_off_it_begins_anew_with_all_that_waits() {
        let (broken, asked) = (
            line("alices.test", Some(Verdict::Release)),
            line("bobs.test", None),
        );
        let (alices, bobs) = (pair_of(&broken), pair_of(&asked));
        let (tries, hers) = (AtomicUsize::new(0), alices.clone());
        let (waits, metrics, _stop) = worked_on(vec![broken, asked], move |waits, job| {
            let is_hers = matches!(&job, Job::Send(pair) if *pair == hers);
            if is_hers && tries.fetch_add(1, Ordering::SeqCst) == 0 {
                panic!("a defect where tasks are begun");
            }
            async move {
                match job {
                    Job::Send(pair) => sends_all(&waits, &pair),
                    Job::Ask(line) | Job::Fail(line) => waits.decide(&line, Verdict::Redact),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        soon(|| waits.is_empty(&alices) && waits.is_empty(&bobs)).await;
        let told = metrics.encode().unwrap();
        assert!(told.contains("broken_total{task=\"queue\"} 1"), "{told}");
        waits.enqueue(vec![line("alices.test", Some(Verdict::Redact))]);
        soon(|| waits.is_empty(&alices)).await;
    }

    #[tokio::test]
    async fn a_check_that_breaks_off_ends_its_event_as_one_that_failed() {
        let asked = line("alices.test", None);
        let pair = pair_of(&asked);
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let (waits, metrics, _stop) = worked_on(vec![asked], move |waits, job| {
            let tries = Arc::clone(&counted);
            async move {
                match job {
                    // As where nothing can be sent yet.
                    Job::Send(_) => std::future::pending().await,
                    Job::Ask(_) => panic!("a defect"),
                    Job::Fail(_) if tries.fetch_add(1, Ordering::SeqCst) == 0 => {
                        panic!("another defect")
                    }
                    Job::Fail(line) => waits.decide(&line, Verdict::Redact),
                }
            }
        });
        soon(|| !waits.ready(&pair, 1).is_empty()).await;
        assert_eq!(waits.ready(&pair, 1)[0].verdict, Some(Verdict::Redact));
        let told = metrics.encode().unwrap();
        assert!(told.contains("broken_total{task=\"check\"} 2"), "{told}");
    }
}
