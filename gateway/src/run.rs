//! `sluice run`: from a configuration file to a serving gateway, its reloads, and its graceful end.
//!
//! ```text
//! files ─ load ─▶ Active ─┐                      ┌─ inside listener (hook or CONNECT)
//!                         ├─▶ Gateway ─ serves ──┼─ border listener (mTLS)
//! audit log + journal ────┘                      ├─ operations listener
//!                                                └─ admin socket ── reload ──▶ load ─▶ Gateway::activate
//! ```
//!
//! What cannot be trusted is no reason to run on: a configuration, key or audit log that does not load ends the start.
//! A bundle that does not load does not: the gateway then refuses everything (503) until a reload brings a good one,
//! so that homeservers keep their queues.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluice_certs::UnixTime;
use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::accept::{self, Border, Bounds, Connect, Hook, Listener, Shutdown};
use crate::admin::{AdminAnswer, AdminHandler, AdminRequest, AdminSocket, Operator};
use crate::audit::entry::{Entry, ReloadEntry, StartEntry};
use crate::audit::{Audit, AuditConfig, SEGMENT_BYTES};
use crate::cli::{Exit, tell_failure, tell_mistakes};
use crate::config::{Config, Listen, Material, Mistakes, Way};
use crate::gateway::Gateway;
use crate::hold::Holds;
use crate::journal::{Journal, JournalError};
use crate::operations::{self, Health, Metrics};
use crate::tell;
use crate::wait::{self, Waits};
use crate::window::{Now, Windows};

mod leaves;
mod load;

pub use load::Loaded;

/// How often the table of strangers is looked through, and the health of bundle and audit log is told.
const TICK: Duration = Duration::from_secs(1);

/// Arguments of `sluice run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sluice run -c /etc/sluice/sluice.toml")]
pub struct RunArgs {
    #[command(flatten)]
    file: crate::cli::ConfigFile,
}

/// Runs the gateway until it is told to stop.
#[must_use]
pub fn command(args: &RunArgs) -> Exit {
    let config = match args.file.load(false) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if let Err(error) = crate::telemetry::start(&config.log) {
        return tell_failure(&error.to_string(), false);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(&args.file.config, config)),
        Err(error) => tell_failure(&format!("cannot start worker threads: {error}"), false),
    }
}

async fn run(file: &Path, config: Config) -> Exit {
    let material = match Material::load(&config, UnixTime::now()) {
        Ok(material) => material,
        Err(mistakes) => return tell_mistakes(&mistakes, false),
    };
    let loaded = match load::load(config, material, None) {
        Ok(loaded) => loaded,
        Err(mistakes) => return tell_mistakes(&mistakes, false),
    };
    // Before the line that says we serve: who reads it may tell us to stop at once.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(problem) => return tell_failure(&problem, false),
    };
    match Running::start(file, loaded).await {
        Ok(running) => running.until_stopped(signals).await,
        Err(problem) => tell_failure(&problem, false),
    }
}

/// A serving gateway.
struct Running {
    gateway: Arc<Gateway>,
    reloader: Arc<Reloader>,
    health: Arc<Health>,
    stop: accept::Trigger,
    shutdown: Shutdown,
    tasks: tokio::task::JoinSet<()>,
}

/// What the process is told from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on none of them ends the process by itself.
    fn listen() -> Result<Self, String> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                format!("cannot listen for signals: {error}; raise the limit of open files")
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

impl Running {
    async fn start(file: &Path, loaded: Loaded) -> Result<Self, String> {
        let Loaded {
            active,
            material,
            border_tls,
        } = loaded;
        let config = active.config.clone();
        let metrics = Metrics::new();
        let (audit, journal) = open_record(&config, &material, metrics.clone())?;
        let windows = open_windows(&config)?;
        let holds = Holds::open(&config.state.held, &journal)?;
        let health = Arc::new(Health::default());
        let (teller, told) = tell::queues(metrics.clone());
        let waiting = journal.waits().map_err(|error| error.to_string())?;
        let (waits, work) = Waits::new(waiting);
        let gateway = Arc::new(Gateway::new(
            active,
            audit,
            (journal, windows, holds),
            (teller, waits),
            metrics.clone(),
            run_id()?,
        ));
        let closed = gateway.restore_links().map_err(|error| error.to_string())?;
        record_start(&gateway, file).await?;
        gateway.record_closed(closed).await;
        gateway.settle_held().await?;
        let (stop, shutdown) = accept::shutdown();
        let (tls, tls_seen) = watch::channel(border_tls);
        let mut tasks = tokio::task::JoinSet::new();
        told.run(&gateway, &shutdown, &mut tasks);
        tasks.spawn(wait::work(Arc::clone(&gateway), work, shutdown.clone()));
        let inside = listen_inside(&config, &material, &gateway, &shutdown, &mut tasks).await?;
        let border = listen_border(&config, &gateway, tls_seen, &shutdown, &mut tasks).await?;
        let operations =
            listen_operations(&config, metrics, &health, &shutdown, &mut tasks).await?;
        let reloader = Arc::new(Reloader {
            file: file.to_owned(),
            gateway: Arc::clone(&gateway),
            tls,
            turn: tokio::sync::Mutex::default(),
        });
        serve_admin(&config, &reloader, &shutdown, &mut tasks)?;
        tell_health(&gateway, &health);
        health.heal("start");
        tell_ready(&config.zone, &inside, &border, operations.as_deref());
        Ok(Self {
            gateway,
            reloader,
            health,
            stop,
            shutdown,
            tasks,
        })
    }

    async fn until_stopped(mut self, signals: Signals) -> Exit {
        let reason = self.wait(signals).await;
        tracing::info!(reason, "stopping: finishing what is under way");
        self.health.fail("start", "stopping");
        self.stop.fire();
        while self.tasks.join_next().await.is_some() {}
        drop(self.shutdown);
        let strangers = self.gateway.strangers.drain();
        if !strangers.is_empty()
            && let Err(error) = self.gateway.audit.note(strangers).await
        {
            tracing::error!(%error, "the last refusals could not be recorded");
        }
        match self.gateway.audit.stop(reason).await {
            Ok(_) => Exit::Done,
            Err(error) => tell_failure(
                &format!("the audit log could not be closed: {error}"),
                false,
            ),
        }
    }

    /// Waits for a signal to stop; reloads and ticks meanwhile.
    async fn wait(&mut self, mut signals: Signals) -> &'static str {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return "signal",
                _ = signals.interrupt.recv() => return "interrupt",
                _ = signals.hang_up.recv() => {
                    let answer = self.reloader.reload().await;
                    tracing::info!(ok = answer.ok, message = answer.message, details = ?answer.details, "reload");
                }
                _ = tick.tick() => self.tick().await,
                Some(ended) = self.tasks.join_next() => self.tell_ended(&ended),
            }
        }
    }

    /// Until the gateway stops only a defect of its own ends one of its tasks.
    fn tell_ended(&self, ended: &Result<(), tokio::task::JoinError>) {
        let broke_off = ended.is_err();
        tracing::error!(
            broke_off,
            "a part of the gateway ended; start the gateway again, and report this"
        );
        self.health.fail(
            "tasks",
            "a part of the gateway ended: start the gateway again",
        );
    }

    async fn tick(&self) {
        let strangers = self.gateway.strangers.tick(OffsetDateTime::now_utc());
        if !strangers.is_empty()
            && let Err(error) = self.gateway.audit.note(strangers).await
        {
            tracing::error!(%error, "refusals of strangers could not be recorded");
        }
        // Its error is told by `tell_health`; this is the attempt that heals.
        let _still_failing = self.gateway.audit.caught_up().await;
        self.erase_windows();
        self.gateway.expire_held().await;
        tell_health(&self.gateway, &self.health);
    }
}

impl Running {
    /// What was said longer ago than windows last, and whether the clock jumped meanwhile.
    fn erase_windows(&self) {
        match self.gateway.windows.erase(Now::read()) {
            Ok(jump) => {
                self.health.heal("windows");
                match jump {
                    Some(jump) => self.health.fail("clock", jump.to_string()),
                    None => self.health.heal("clock"),
                }
            }
            Err(error) => self.health.fail("windows", error.to_string()),
        }
    }
}

/// Reads everything again and swaps it in, or changes nothing.
struct Reloader {
    file: PathBuf,
    gateway: Arc<Gateway>,
    tls: watch::Sender<Arc<rustls::ServerConfig>>,
    turn: tokio::sync::Mutex<()>,
}

impl Reloader {
    async fn reload(&self) -> AdminAnswer {
        let _one_at_a_time = self.turn.lock().await;
        let (answer, error) = match self.read_again() {
            Ok(loaded) => match self.swap(loaded).await {
                Ok(message) => (AdminAnswer::done(message), None),
                Err(error) => {
                    let message = format!("nothing was changed: {error}");
                    (AdminAnswer::refused(message, Vec::new()), Some("journal"))
                }
            },
            Err(mistakes) => {
                let details = mistakes.0.iter().map(ToString::to_string).collect();
                let message = "nothing was changed: the new files have mistakes";
                (AdminAnswer::refused(message, details), Some("mistakes"))
            }
        };
        let active = self.gateway.active();
        let bundle = active
            .bundle
            .as_ref()
            .ok()
            .map(|bundle| bundle.id.as_str().into());
        let line = Entry::Reload(ReloadEntry {
            ok: answer.ok,
            bundle,
            error: error.map(Into::into),
        });
        if let Err(error) = self.gateway.audit.note(vec![line]).await {
            tracing::error!(%error, "the reload could not be recorded");
        }
        answer
    }

    fn read_again(&self) -> Result<Loaded, Mistakes> {
        let before = self.gateway.active();
        let config = Config::load(&self.file)?;
        load::same_places(&before.config, &config)?;
        let material = Material::load(&config, UnixTime::now())?;
        let loaded = load::load(config, material, Some(&before))?;
        match &loaded.active.bundle {
            Err(error) => Err(load::bundle_mistake(&loaded.active.config, error)),
            Ok(_) => Ok(loaded),
        }
    }

    async fn swap(&self, loaded: Loaded) -> Result<String, JournalError> {
        let Loaded {
            active, border_tls, ..
        } = loaded;
        let message = format!(
            "active: {} peers, bundle {}",
            active.peers.iter().count(),
            active
                .bundle
                .as_ref()
                .map_or("none", |bundle| bundle.id.as_str())
        );
        self.gateway.activate(active).await?;
        self.tls.send_replace(border_tls);
        Ok(message)
    }
}

impl AdminHandler for Reloader {
    async fn handle(&self, operator: &Operator, request: AdminRequest) -> AdminAnswer {
        let gateway = &self.gateway;
        match request {
            AdminRequest::Reload {} => self.reload().await,
            AdminRequest::LinkList {} => gateway.list_links(),
            AdminRequest::LinkSet { link, open, reason } => {
                let (link, reason) = (link.as_deref(), reason.as_deref());
                gateway.set_links(operator, link, open, reason).await
            }
            AdminRequest::RoomList { link } => gateway.list_rooms(link.as_deref()),
            AdminRequest::RoomSet {
                room_id,
                link,
                open,
                reason,
            } => {
                let room = (room_id.as_str(), link.as_str());
                let reason = reason.as_deref();
                gateway.set_room(operator, room, open, reason).await
            }
            AdminRequest::Hold { ask } => gateway.review(ask, operator).await,
        }
    }

    fn is_reviewer(&self, operator: &Operator) -> bool {
        let reviewers = &self.gateway.active().config.hold.reviewers;
        crate::hold::names_user(reviewers, operator)
    }
}

fn open_record(
    config: &Config,
    material: &Material,
    metrics: Metrics,
) -> Result<(Audit, Arc<Journal>), String> {
    for folder in [
        Some(config.state.audit.as_path()),
        config.state.journal.parent(),
    ]
    .into_iter()
    .flatten()
    {
        std::fs::create_dir_all(folder).map_err(|error| {
            format!(
                "cannot make the folder {}: {error}; make it writable for this user",
                folder.display()
            )
        })?;
    }
    let journal =
        Arc::new(Journal::open(&config.state.journal).map_err(|error| error.to_string())?);
    let audit = Audit::open(AuditConfig {
        dir: config.state.audit.clone(),
        key: Arc::new(material.audit.clone()),
        segment_bytes: SEGMENT_BYTES,
        journal: Arc::clone(&journal),
        clock: Arc::new(OffsetDateTime::now_utc),
        observe: Arc::new(move |took, entries| metrics.audit_sync(took, entries)),
    });
    Ok((audit.map_err(|error| error.to_string())?, journal))
}

fn open_windows(config: &Config) -> Result<Windows, String> {
    let state = &config.state;
    let windows = Windows::open(&state.windows, &state.window_keys, Now::read());
    windows.map_err(|error| error.to_string())
}

async fn record_start(gateway: &Gateway, file: &Path) -> Result<(), String> {
    let active = gateway.active();
    let line = StartEntry {
        version: env!("CARGO_PKG_VERSION").into(),
        zone: active.config.zone.as_str().into(),
        bundle: active
            .bundle
            .as_ref()
            .ok()
            .map(|bundle| bundle.id.as_str().into()),
        config_sha256: std::fs::read(file)
            .ok()
            .map(|bytes| sha256_hex(&bytes).into()),
    };
    gateway
        .audit
        .record(vec![Entry::Start(line)])
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}

async fn listen_inside(
    config: &Config,
    material: &Material,
    gateway: &Arc<Gateway>,
    shutdown: &Shutdown,
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<String, String> {
    let listener = match &config.inside.listen {
        Listen::Unix(path) => Listener::unix(path),
        Listen::Tcp(address) => Listener::tcp(*address).await,
    };
    let listener = listener
        .map_err(|error| busy("inside.listen", &config.inside.listen.to_string(), &error))?;
    let address = listener.address();
    let secret = accept::Secret::new(material.inside_secret.expose())
        .ok_or("the secret of inside.secret is empty")?;
    let (gateway, shutdown, bounds) = (Arc::clone(gateway), shutdown.clone(), Bounds::default());
    match (&config.inside.way, &material.inside_authority) {
        (Way::Hook, _) => {
            let hook = Hook {
                listener,
                secret,
                bounds,
            };
            tasks.spawn(async move { hook.run(gateway, shutdown).await });
        }
        (Way::Connect { .. }, Some(authority)) => {
            let leaves =
                Arc::new(leaves::Leaves::new(authority).map_err(|error| error.to_string())?);
            let connect = Connect {
                listener,
                secret,
                leaves,
                bounds,
            };
            tasks.spawn(async move { connect.run(gateway, shutdown).await });
        }
        (Way::Connect { .. }, None) => {
            return Err("inside.certificate and inside.key are missing".to_owned());
        }
    }
    Ok(address)
}

async fn listen_border(
    config: &Config,
    gateway: &Arc<Gateway>,
    tls: watch::Receiver<Arc<rustls::ServerConfig>>,
    shutdown: &Shutdown,
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<String, String> {
    let listener = Listener::tcp(config.border.listen).await;
    let listener = listener
        .map_err(|error| busy("border.listen", &config.border.listen.to_string(), &error))?;
    let address = listener.address();
    let border = Border {
        listener,
        tls,
        bounds: Bounds::default(),
    };
    let (gateway, shutdown) = (Arc::clone(gateway), shutdown.clone());
    tasks.spawn(async move { border.run(gateway, shutdown).await });
    Ok(address)
}

async fn listen_operations(
    config: &Config,
    metrics: Metrics,
    health: &Arc<Health>,
    shutdown: &Shutdown,
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<Option<String>, String> {
    let Some(operations) = &config.operations else {
        return Ok(None);
    };
    let listener = tokio::net::TcpListener::bind(operations.listen).await;
    let listener = listener
        .map_err(|error| busy("operations.listen", &operations.listen.to_string(), &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| error.to_string())?
        .to_string();
    let (health, mut shutdown) = (Arc::clone(health), shutdown.clone());
    tasks.spawn(async move {
        operations::serve(
            listener,
            metrics,
            health,
            async move { shutdown.fired().await },
        )
        .await
    });
    Ok(Some(address))
}

fn serve_admin(
    config: &Config,
    reloader: &Arc<Reloader>,
    shutdown: &Shutdown,
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<(), String> {
    let socket = AdminSocket::bind(&config.state.admin).map_err(|error| {
        busy(
            "state.admin",
            &config.state.admin.display().to_string(),
            &error,
        )
    })?;
    if !config.hold.reviewers.is_empty() {
        socket.open_to_reviewers().map_err(|error| {
            let place = config.state.admin.display();
            format!("cannot open {place} to the reviewers of hold.reviewers: {error}")
        })?;
    }
    let (reloader, mut shutdown) = (Arc::clone(reloader), shutdown.clone());
    tasks.spawn(async move {
        socket
            .serve(reloader, async move { shutdown.fired().await })
            .await
    });
    Ok(())
}

fn busy(key: &str, place: &str, error: &std::io::Error) -> String {
    format!("cannot listen on {place} ({key}): {error}; free the address or choose another one")
}

fn tell_health(gateway: &Gateway, health: &Health) {
    match &gateway.active().bundle {
        Ok(bundle) => {
            health.heal("bundle");
            gateway.metrics.bundle(&bundle.id);
        }
        Err(error) => health.fail("bundle", error.clone()),
    }
    match gateway.audit.failing() {
        None => health.heal("audit"),
        Some(error) => health.fail("audit", error),
    }
}

/// The one line on stdout, for whoever started the gateway.
fn tell_ready(zone: &str, inside: &str, border: &str, operations: Option<&str>) {
    let line = serde_json::json!({
        "ready": true, "zone": zone,
        "listeners": {"inside": inside, "border": border, "operations": operations},
    });
    let mut stdout = std::io::stdout().lock();
    // Whoever started us may have closed the pipe; the gateway serves all the same.
    let _closed = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Eight random characters that tell the references of this run from those of others.
fn run_id() -> Result<String, String> {
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
