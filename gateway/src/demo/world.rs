//! The ordinary world of the demo and the tests: zones `high` and `low`, alice at the one, bob at the other.
//!
//! `high` handles everything up to GEHEIM, `low` up to VS-NfD, so the link lets OFFEN and VS-NfD across, and from `high`
//! to `low` it demands that a message has a label. Scenes and tests make rooms and users of their own in it, so that they
//! can run side by side.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Client, RoomOptions};
use super::error::{DemoError, io};
use super::process::remove_at_end;
use super::trail::{self, Ruling};
use super::zone::{POLICY_NAME, POLICY_URI, Way, Zone, ZoneOptions, clearance};

/// What a world is made from.
#[derive(Debug, Clone)]
pub struct WorldOptions<'a> {
    /// The `sluice` binary.
    pub binary: &'a Path,
    /// Python with the pinned Synapse.
    pub python: &'a Path,
    /// The way out of `high`.
    pub high: Way,
    /// The way out of `low`.
    pub low: Way,
    /// A folder to work in and leave behind; otherwise a temporary one, removed at the end.
    pub keep: Option<&'a Path>,
}

/// Two zones, joined, with their users. Dropping it kills everything in it.
#[derive(Debug)]
pub struct World {
    /// The zone with the wider clearance.
    pub high: Zone,
    /// The zone with the narrower one.
    pub low: Zone,
    /// A user and administrator of `high.test`.
    pub alice: Client,
    /// A user and administrator of `low.test`.
    pub bob: Client,
    numbers: AtomicUsize,
    // Last: the folder goes after the processes that use it.
    folder: Folder,
}

impl World {
    /// Makes, starts and joins the two zones. `progress` gets one line a step.
    ///
    /// # Errors
    /// With the step that failed.
    pub fn build(options: &WorldOptions<'_>, progress: &dyn Fn(&str)) -> Result<Self, DemoError> {
        let folder = Folder::open(options.keep)?;
        progress("making keys, certificates and configurations of two gateways");
        let mut high = zone(options, "high", options.high, &folder)?;
        let mut low = zone(options, "low", options.low, &folder)?;
        let link = clearance(LINK_LEVELS);
        high.introduce_to(&low, &link, &link)?;
        low.introduce_to(&high, &link, &link)?;
        progress("starting two homeservers and two gateways");
        high.synapse.launch()?;
        low.synapse.launch()?;
        high.synapse.wait_until_up()?;
        low.synapse.wait_until_up()?;
        high.start_gateway()?;
        low.start_gateway()?;
        let alice = high.synapse.register(ALICE, ALICE_PASSWORD, true)?;
        let bob = low.synapse.register(BOB, BOB_PASSWORD, true)?;
        Ok(Self {
            high,
            low,
            alice,
            bob,
            numbers: AtomicUsize::new(0),
            folder,
        })
    }

    /// Stops gateways and homeservers in order: each gateway closes its audit log.
    ///
    /// # Errors
    /// When one of them had to be killed.
    pub fn stop(&mut self) -> Result<(), DemoError> {
        self.high.stop_gateway()?;
        self.low.stop_gateway()?;
        self.high.synapse.stop()?;
        self.low.synapse.stop()
    }

    /// The folder with everything in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A room of alice's in which bob is, with a room label if `label` names a level.
    ///
    /// # Errors
    /// When creating, inviting or joining fails.
    pub fn room(&self, version: &str, label: Option<&str>) -> Result<String, DemoError> {
        let room = self.room_of_one(&self.alice, version, label)?;
        self.bring(&self.alice, &self.bob, &room)?;
        Ok(room)
    }

    /// A room with nobody but its creator.
    ///
    /// # Errors
    /// When creating fails.
    pub fn room_of_one(
        &self,
        creator: &Client,
        version: &str,
        label: Option<&str>,
    ) -> Result<String, DemoError> {
        let initial_state = label.map(room_label).into_iter().collect();
        creator.create_room(&RoomOptions {
            version: Some(version),
            initial_state,
            ..RoomOptions::default()
        })
    }

    /// `host` invites `guest`, who joins.
    ///
    /// # Errors
    /// When either is refused.
    pub fn bring(&self, host: &Client, guest: &Client, room: &str) -> Result<(), DemoError> {
        host.invite(room, guest.user_id())?;
        let server = host
            .user_id()
            .split_once(':')
            .map_or("", |(_, server)| server);
        guest.join(room, &[server])
    }

    /// A user nobody has met.
    ///
    /// # Errors
    /// When the homeserver refuses.
    pub fn newcomer(&self, zone: &Zone, name: &str) -> Result<Client, DemoError> {
        zone.synapse.register(
            &format!("{name}{}", self.next_number()),
            NEWCOMER_PASSWORD,
            false,
        )
    }

    /// A number not given out before in this world.
    #[must_use]
    pub fn next_number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The zone whose homeserver a user is on.
    #[must_use]
    pub fn zone_of(&self, user: &Client) -> &Zone {
        if user.user_id().ends_with(self.high.server_name()) {
            &self.high
        } else {
            &self.low
        }
    }

    /// Says something and waits until the other side has it, in whatever form.
    ///
    /// # Errors
    /// When it cannot be said, or does not come.
    pub fn say(
        &self,
        room: &str,
        speaker: &Client,
        listener: &Client,
        content: &Value,
    ) -> Result<Crossing, DemoError> {
        self.send(room, speaker, listener, "m.room.message", content)
    }

    /// As [`Self::say`], for any message event type.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn send(
        &self,
        room: &str,
        speaker: &Client,
        listener: &Client,
        kind: &str,
        content: &Value,
    ) -> Result<Crossing, DemoError> {
        let start = Instant::now();
        let event_id = speaker.send(room, kind, content)?;
        self.arrival(room, speaker, listener, event_id, start)
    }

    /// As [`Self::say`], for a state event with an empty state key.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn set(
        &self,
        room: &str,
        speaker: &Client,
        listener: &Client,
        kind: &str,
        content: &Value,
    ) -> Result<Crossing, DemoError> {
        let start = Instant::now();
        let event_id = speaker.send_state(room, kind, "", content)?;
        self.arrival(room, speaker, listener, event_id, start)
    }

    fn arrival(
        &self,
        room: &str,
        speaker: &Client,
        listener: &Client,
        event_id: String,
        start: Instant,
    ) -> Result<Crossing, DemoError> {
        let event = listener.wait_event(room, &event_id, ARRIVES_WITHIN)?;
        let took = start.elapsed();
        let rulings = trail::rulings(&self.zone_of(speaker).audit(), &event_id)?;
        let added = self.added(&event_id)?;
        Ok(Crossing {
            event_id,
            content: event["content"].clone(),
            took,
            ruling: decisive(rulings),
            added,
        })
    }

    /// What both gateways took for themselves. They write that line after the answer, so it may come a moment later.
    fn added(&self, event_id: &str) -> Result<Option<Duration>, DemoError> {
        for _ in 0..LOG_LINE_TRIES {
            let own = |zone: &Zone| trail::own_time(&zone.audit(), &zone.gateway_log(), event_id);
            if let (Some(high), Some(low)) = (own(&self.high)?, own(&self.low)?) {
                return Ok(Some(high + low));
            }
            std::thread::sleep(LOG_LINE_PAUSE);
        }
        Ok(None)
    }
}

/// How often a gateway's log is looked at for the line of a request that was just answered.
const LOG_LINE_TRIES: u32 = 20;
const LOG_LINE_PAUSE: Duration = Duration::from_millis(10);

/// An event that went from one side to the other.
#[derive(Debug, Clone)]
pub struct Crossing {
    /// Its id, the same on both sides.
    pub event_id: String,
    /// Its content on the other side; `{}` where the gateway redacted it.
    pub content: Value,
    /// From the client's request until the other side's client could read it.
    pub took: Duration,
    /// What the speaker's own gateway decided; `None` if it never saw the event.
    pub ruling: Option<Ruling>,
    /// What the two gateways themselves added to that time.
    pub added: Option<Duration>,
}

impl Crossing {
    /// Nothing of the content arrived.
    #[must_use]
    pub fn empty(&self) -> bool {
        self.content
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    }

    /// The rule that the speaker's gateway named, or a dash.
    #[must_use]
    pub fn rule(&self) -> &str {
        self.ruling.as_ref().map_or("-", |ruling| &ruling.rule)
    }
}

/// Text content without a label.
#[must_use]
pub fn plain(body: &str) -> Value {
    json!({"msgtype": "m.text", "body": body})
}

/// Text content with a label of the sample policy.
#[must_use]
pub fn labelled(body: &str, level: &str) -> Value {
    json!({"msgtype": "m.text", "body": body, LABEL_KEY: label(level)})
}

/// A label on the wire.
#[must_use]
pub fn label(level: &str) -> Value {
    json!({
        "schema": "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0",
        "originator": {
            "PolicyIdentifier": {"name": POLICY_NAME, "uri": POLICY_URI},
            "Classification": level,
            "Category": [],
            "CreationDateTime": "2026-03-01T12:00:00Z",
            "ReviewDateTime": "2031-03-01T00:00:00Z",
        },
        "alternative": [],
    })
}

/// The room's label as a state event for `createRoom`.
#[must_use]
pub fn room_label(level: &str) -> Value {
    json!({"type": ROOM_LABEL_TYPE, "state_key": "", "content": {"label": label(level)}})
}

/// A denial outlives a later release of the redacted copy, so it is the decision that people ask for.
fn decisive(rulings: Vec<Ruling>) -> Option<Ruling> {
    let denied = rulings
        .iter()
        .find(|ruling| ruling.verdict != "release")
        .cloned();
    denied.or_else(|| rulings.into_iter().next())
}

fn zone(
    options: &WorldOptions<'_>,
    name: &str,
    way: Way,
    folder: &Folder,
) -> Result<Zone, DemoError> {
    let folder = folder.path().join(name);
    std::fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    Zone::prepare(&ZoneOptions {
        name,
        way,
        folder: &folder,
        binary: options.binary,
        python: options.python,
    })
}

/// The folder of a world: left behind or removed.
#[derive(Debug)]
enum Folder {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    fn open(keep: Option<&Path>) -> Result<Self, DemoError> {
        if let Some(path) = keep {
            std::fs::create_dir_all(path).map_err(io("create", path))?;
            if std::fs::read_dir(path)
                .map_err(io("read", path))?
                .next()
                .is_some()
            {
                return Err(DemoError::Setup(format!(
                    "{} is not empty; name an empty or new folder",
                    path.display()
                )));
            }
            return path
                .canonicalize()
                .map(Self::Kept)
                .map_err(io("find", path));
        }
        let made = tempfile::Builder::new().prefix("sluice-").tempdir();
        let temporary = made.map_err(io("create a folder in", &std::env::temp_dir()))?;
        remove_at_end(temporary.path())?;
        Ok(Self::Temporary(temporary))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Level of everything that anybody may read.
pub const OFFEN: &str = "OFFEN";
/// Level within the clearance of the link.
pub const VS_NFD: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
/// Level above the clearance of the link.
pub const GEHEIM: &str = "GEHEIM";
/// What the link between the zones lets across, both ways.
pub const LINK_LEVELS: &[&str] = &[OFFEN, VS_NFD];
/// Content key of an event's label.
pub const LABEL_KEY: &str = "org.sluice.confidentiality";
/// Type of the room's label.
pub const ROOM_LABEL_TYPE: &str = "org.sluice.room_confidentiality";
/// How long anything may take to arrive on a busy machine.
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(20);
/// Local part of the user on `high.test`.
pub const ALICE: &str = "alice";
/// Local part of the user on `low.test`.
pub const BOB: &str = "bob";
/// The demo's passwords are public; its homeservers listen on loopback only.
pub const ALICE_PASSWORD: &str = "alice-demo";
/// As [`ALICE_PASSWORD`].
pub const BOB_PASSWORD: &str = "bob-demo";
const NEWCOMER_PASSWORD: &str = "newcomer-demo";
