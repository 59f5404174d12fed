//! The ordinary world of the demo and the tests: zones `high` and `low`, alice at the one, bob at the other.
//!
//! `high` is a German zone, `low` a NATO-like one, and each writes labels of its own policy. What a link lets across is
//! said in the words of the zone that receives, so every label of the other policy crosses by translation only:
//!
//! ```text
//! high ── UNCLASSIFIED, RESTRICTED (NATO) ──> low      every message needs a label
//! high <── OFFEN, VS-NfD (DE-SAMPLE) ──────── low      no label is needed
//! ```
//!
//! VS-NfD and RESTRICTED mean the same; OFFEN and UNCLASSIFIED have no counterpart and do not cross. Scenes and tests make
//! rooms and users of their own in it, so that they can run side by side.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Client, RoomOptions};
use super::error::{DemoError, io};
use super::process::remove_at_end;
use super::trail::{self, Ruling};
use super::zone::{GERMAN, NATO, Policy, Way, Zone, ZoneOptions, clearance};

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
    /// The own clearance of zone `high`; without it the links' clearances alone decide.
    pub high_clearance: Option<&'a Value>,
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
        let (to_low, to_high) = (clearance(NATO, TO_LOW), clearance(GERMAN, TO_HIGH));
        high.introduce_to(&low, &to_high, &to_low)?;
        low.introduce_to(&high, &to_low, &to_high)?;
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

    /// A room of alice's in which bob is, labelled VS-NfD, in which every level may be said: what does not cross is
    /// stopped by the link.
    ///
    /// # Errors
    /// When creating, inviting or joining fails.
    pub fn wide_room(&self, version: &str) -> Result<String, DemoError> {
        let room = self.wide_room_of_one(&self.alice, version)?;
        self.bring(&self.alice, &self.bob, &room)?;
        Ok(room)
    }

    /// As [`Self::wide_room`], with nobody but its creator.
    ///
    /// # Errors
    /// When creating fails.
    pub fn wide_room_of_one(&self, creator: &Client, version: &str) -> Result<String, DemoError> {
        self.room_that_says(creator, version, Some(wide_room_label(VS_NFD)))
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
        self.room_that_says(creator, version, label.map(room_label))
    }

    /// A room with nobody but its creator, and with this state of its own, as [`room_label`] makes one.
    ///
    /// # Errors
    /// When creating fails.
    pub fn room_that_says(
        &self,
        creator: &Client,
        version: &str,
        state: Option<Value>,
    ) -> Result<String, DemoError> {
        creator.create_room(&RoomOptions {
            version: Some(version),
            initial_state: state.into_iter().collect(),
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

    /// The label that the speaker's gateway decided on, in words; see [`Ruling::told`].
    #[must_use]
    pub fn told(&self) -> String {
        self.ruling
            .as_ref()
            .map_or_else(|| "-".to_owned(), Ruling::told)
    }
}

/// Text content without a label.
#[must_use]
pub fn plain(body: &str) -> Value {
    json!({"msgtype": "m.text", "body": body})
}

/// Text content with a label.
#[must_use]
pub fn labelled(body: &str, level: &str) -> Value {
    json!({"msgtype": "m.text", "body": body, LABEL_KEY: label(level)})
}

/// The policy of a level's name; no name is in both.
fn policy_of(level: &str) -> Policy {
    if NATO_LEVELS.contains(&level) {
        NATO
    } else {
        GERMAN
    }
}

/// A label on the wire, of the policy that has the level.
#[must_use]
pub fn label(level: &str) -> Value {
    json!({
        "schema": "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0",
        "originator": {
            "PolicyIdentifier": policy_of(level).identifier(),
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

/// As [`room_label`], with a clearance for every level of the German policy. Without it what is said may not be labelled
/// above the room.
#[must_use]
pub fn wide_room_label(level: &str) -> Value {
    let mut state = room_label(level);
    state["content"]["clearance"] = clearance(GERMAN, GERMAN_LEVELS);
    state
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
        clearance: options.high_clearance.filter(|_| name == "high"),
        others: &[],
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

/// German level of everything that anybody may read. NATO's policy has no level that means the same.
pub const OFFEN: &str = "OFFEN";
/// German level within the clearance of the links.
pub const VS_NFD: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
/// German level above the clearance of the links.
pub const GEHEIM: &str = "GEHEIM";
/// NATO's lowest level: no classification, and not public either. The German policy has no level that means the same.
pub const UNCLASSIFIED: &str = "UNCLASSIFIED";
/// NATO's level for what is VS-NfD in the German policy.
pub const RESTRICTED: &str = "RESTRICTED";
/// What the link to `low` lets across, in NATO's policy.
pub const TO_LOW: &[&str] = &[UNCLASSIFIED, RESTRICTED];
/// What the link to `high` lets across, in the German policy.
pub const TO_HIGH: &[&str] = &[OFFEN, VS_NFD];
/// The names of NATO's levels; the German policy has none of them.
const NATO_LEVELS: &[&str] = &[
    UNCLASSIFIED,
    RESTRICTED,
    "CONFIDENTIAL",
    "SECRET",
    "TOP SECRET",
];
/// The names of the German levels.
const GERMAN_LEVELS: &[&str] = &[OFFEN, VS_NFD, "VS-VERTRAULICH", GEHEIM, "STRENG GEHEIM"];
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
