//! Stage `collect`: everything that a judgement needs and that must be asked for is gathered here, so that the judgement
//! itself is a pure function: room versions, keys, earlier denials, closed rooms, labels of rooms and of target events.
//!
//! ```text
//! Parsed ──> for each unit: room -> version -> Pdu::read -> keys -> verify -> journal ──> Collected (Vec<Case>)
//! ```
//!
//! What is wrong with one unit condemns that unit. What the gateway cannot find out because something is down (a key,
//! a room) is a [`Refusal`] of the whole request, remembered by nobody, so that the sender's own retry heals it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::decide::{SIGHTING_MS, Sighting};
use sluice_policy::dlp::{self, Part};
use sluice_policy::edu::{Edu, EduKind};
use sluice_policy::json::Fault;
use sluice_policy::label::{Label, RoomLabel};
use sluice_policy::parallel;
use sluice_policy::pdu::{Integrity, Pdu, Relation, RoomStateElement, RoomVersion, Template};
use time::OffsetDateTime;

use crate::exchange::{Exchange, Way};
use crate::gateway::{Active, Gateway};
use crate::hold::Presented;
use crate::joins::Patience;
use crate::journal::Denial;
use crate::parse::{Parsed, Unit};
use crate::refusal::Refusal;
use crate::rooms::truthful;
use crate::route::{Op, UnitKind};
use crate::traffic;
use crate::wait::Pair;
use crate::window::{Speaker, Visit};
use sluice_policy::ids;

mod company;
mod listed;
mod returned;
mod said;
mod targets;

pub(crate) use company::THIRD_SERVER;
pub use listed::ListedRoom;
pub(crate) use listed::turns_encryption_on;
pub(crate) use returned::EMPTY_ECHO;
pub use returned::Returned;
pub(crate) use targets::facts as target_facts;

/// One unit with all that is known of it.
#[derive(Debug)]
pub struct Case {
    /// What it is.
    pub kind: UnitKind,
    /// The table's path of it.
    pub pattern: &'static str,
    /// Its place in that list, from 0.
    pub index: u32,
    /// Its checked form, or what condemned it.
    pub material: Result<Material, Condemned>,
}

/// A unit that passed the protocol checks.
#[expect(
    clippy::large_enum_variant,
    reason = "one a unit, made once and moved twice"
)]
#[derive(Debug)]
pub enum Material {
    /// An event.
    Pdu(Box<PduCase>),
    /// An ephemeral event.
    Edu(EduCase),
    /// Anything without hashes and signatures of its own.
    Plain(CanonicalJsonObject),
    /// A room that is shown to those who were not invited.
    Listed(Box<ListedRoom>),
}

/// An ephemeral event with those of its rooms that are closed on this link.
#[derive(Debug)]
pub struct EduCase {
    /// The event.
    pub edu: Edu,
    /// Its closed rooms.
    pub closed: Vec<String>,
    /// Rooms of our own of which nobody here knows whether they have a label, where the link demands labels.
    pub unknown: Vec<String>,
    /// What its first labelled room says; rooms with other labels are taken out of it.
    pub room: Option<RoomLabel>,
}

/// An event with its surroundings.
#[derive(Debug)]
pub struct PduCase {
    /// The event.
    pub pdu: Pdu,
    /// Whole, or arrived in its redacted form.
    pub integrity: Integrity,
    /// An earlier denial on this link.
    pub denial: Option<Denial>,
    /// The rule that closed its room for this link, if it is closed.
    pub closed: Option<String>,
    /// The events that it relates to, with what is known of their labels.
    pub targets: Vec<(Relation, Target)>,
    /// What its room's label state says, where known.
    pub room: Option<RoomLabel>,
    /// Whether it labels its room and was denied on any link because it lowers, so that it never becomes what is known.
    pub lowering_refused: bool,
    /// Whether it is sent now, and not part of what a room's history or state already holds.
    pub is_news: bool,
    /// Whether nobody was asked what its room says, because enough was asked for the body.
    pub unasked: bool,
    /// What it says, and whose window that belongs to; `None` where it is not read together with others.
    pub said: Option<(Speaker, Part)>,
    /// How it came back, where it is of our own zone and returns to it; nobody but the protocol judges it then.
    pub returned: Option<Returned>,
    /// The zone of its sender, where that is neither ours nor the peer's and a peer record names it.
    pub third: Option<String>,
    /// The server that it brings into its room, where it is not ours and the journal does not know it there.
    pub newcomer: Option<String>,
    /// Whether it was taken over before and is not sent yet.
    pub waits_already: bool,
    /// The ticket by which it may cross although policy holds it.
    pub ticket: Option<Presented>,
}

/// What is known of an event that another one relates to.
#[expect(
    clippy::large_enum_variant,
    reason = "few events relate to others, and then a label is known"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Its label, or that it has none.
    Known {
        /// The label.
        label: Option<Label>,
        /// Whether it hangs on the link's own policy.
        by_link: bool,
    },
    /// Nobody here knows it.
    Unknown,
}

/// What condemned a unit before policy saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condemned {
    /// The rule id, `protocol.*`.
    pub rule: String,
    /// The event id, where one could be computed.
    pub event_id: Option<String>,
    /// Room, type and sender as far as they were well-formed.
    pub room_id: Option<String>,
    /// Whether it makes a user of a server that nobody here knows a member of its room, or nearly one. It cannot be
    /// verified, and so it can refuse and never release.
    pub stranger: bool,
}

impl Condemned {
    /// Condemned by a rule before anything of it could be read.
    pub(crate) fn new(rule: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            event_id: None,
            room_id: None,
            stranger: false,
        }
    }

    fn of(rule: &str, pdu: &Pdu) -> Self {
        Self {
            rule: rule.to_owned(),
            event_id: Some(pdu.event_id().to_owned()),
            room_id: Some(pdu.room_id().to_owned()),
            stranger: false,
        }
    }
}

/// A body whose units are ready to be judged.
#[derive(Debug)]
pub struct Collected {
    /// The envelope.
    pub fields: CanonicalJsonObject,
    /// The units.
    pub cases: Vec<Case>,
    /// The room version that the envelope announces, where it is news.
    pub announced: Option<(String, RoomVersion)>,
    /// What the room in the path says, where that is known.
    pub room: Option<RoomLabel>,
    /// Whether somebody would enter a room that is encrypted.
    pub encrypted: bool,
    /// The labels of what crossed lately, by room, where the link keeps a high-water mark.
    pub water: BTreeMap<String, Vec<Label>>,
    /// What detectors found within the hour, by room.
    pub seen: BTreeMap<String, Vec<Sighting>>,
    /// Rooms in which something waits that nothing of this body may overtake.
    pub queued: BTreeSet<String>,
    /// What the senders of the body said lately; `None` where nothing is read together.
    pub visit: Option<Visit>,
    /// The zones of senders that are neither ours nor the peer's.
    pub thirds: BTreeSet<String>,
}

impl Collected {
    /// What detectors found in a room within the hour.
    pub(crate) fn seen(&self, room_id: &str) -> &[Sighting] {
        self.seen.get(room_id).map_or(&[], Vec::as_slice)
    }
}

/// Signatures checked before other requests have their turn on this thread; about 3 ms.
const EVENTS_A_TURN: u32 = 64;

/// What a body tells that all its units are judged by, wherever it stands.
pub(crate) struct Told<'a> {
    /// The envelope.
    pub(crate) fields: &'a CanonicalJsonObject,
    /// The create events and room labels of a large body, all units of another one.
    pub(crate) telling: &'a [Unit],
    /// Whether the state in it turns encryption on.
    pub(crate) encrypted: bool,
}

/// Gathers what the judgement of one body needs.
///
/// # Errors
/// [`Refusal`] where the gateway cannot find out what it must know; nothing is remembered.
pub async fn collect(
    gateway: &Gateway,
    active: &Active,
    exchange: &Exchange,
    way: Way,
    parsed: Parsed,
) -> Result<Collected, Refusal> {
    let Parsed { fields, units } = parsed;
    let told = Told {
        fields: &fields,
        telling: &units,
        encrypted: units.iter().any(turns_encryption_on),
    };
    let mut collector = Collector::begin(gateway, active, exchange, way, &told).await?;
    let announced = announced_field(exchange, &fields).filter(|(room, version)| {
        if !may_announce(active, exchange, way, room, *version) {
            return false;
        }
        let known = gateway.journal.room(room).ok().flatten();
        known.and_then(|room| room.version).is_none()
    });
    let collected = collector.batch(units, &[]).await?;
    Ok(Collected {
        fields,
        announced,
        ..collected
    })
}

/// What waits between the two homeservers of a transaction.
fn queued(
    gateway: &Gateway,
    exchange: &Exchange,
    way: Way,
) -> (BTreeSet<String>, BTreeSet<String>) {
    if exchange.route.endpoint.op != Op::Send || way != Way::Request {
        return Default::default();
    }
    gateway.waits.queued(&Pair {
        origin: exchange.origin().to_owned(),
        destination: exchange.destination().to_owned(),
    })
}

impl<'a> Collector<'a> {
    /// What is known before the first unit is looked at.
    ///
    /// # Errors
    /// See [`collect`].
    pub(crate) async fn begin(
        gateway: &'a Gateway,
        active: &'a Active,
        exchange: &'a Exchange,
        way: Way,
        told: &Told<'_>,
    ) -> Result<Self, Refusal> {
        let versions = announced_versions(gateway, active, exchange, way, told)?;
        let mut collector = Self {
            gateway,
            active,
            exchange,
            way,
            versions,
            shown: None,
            known: BTreeMap::new(),
            encrypted: false,
            demanded: !exchange.is_own_zone() && active.demands_labels(&exchange.link(way)),
            counts: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            said: BTreeMap::new(),
            water: BTreeMap::new(),
            seen: BTreeMap::new(),
            patience: Patience::default(),
            restoring: returned::Restoring::default(),
            newcomers: BTreeSet::new(),
            thirds: BTreeSet::new(),
            queued: queued(gateway, exchange, way),
            came_ms: crate::gateway::now_ms(),
        };
        collector.shown = collector.label_shown(told.telling).await?;
        collector.encrypted = collector.enters_an_encrypted_room(told.encrypted)?;
        Ok(collector)
    }

    /// The version of a room that is known already.
    pub(crate) fn version(&self, room_id: &str) -> Option<RoomVersion> {
        self.versions.get(room_id).copied()
    }

    /// Whether labels hang on what events relate to.
    pub(crate) const fn looks_for_targets(&self) -> bool {
        self.demanded
    }

    /// Gathers what the judgement of some units of the body needs. `pool` are events of other parts of it that these may
    /// relate to. What the parts before have taught stands in the journal by now.
    ///
    /// # Errors
    /// See [`collect`].
    pub(crate) async fn batch(
        &mut self,
        units: Vec<Unit>,
        pool: &[Case],
    ) -> Result<Collected, Refusal> {
        self.water.clear();
        self.seen.clear();
        let mut cases = self.cases(units).await?;
        let found = targets::Search::new(self, &cases, pool).all().await?;
        for (at, targets) in found {
            if let Some(Ok(Material::Pdu(case))) =
                cases.get_mut(at).map(|case| case.material.as_mut())
            {
                case.targets = targets;
            }
        }
        let visit = enter(self.gateway, &cases)?;
        let room = match (&self.shown, self.exchange.route.room_id()) {
            (Some(shown), _) => Some(shown.clone()),
            (None, Some(room_id)) => Some(self.known_room(room_id)?),
            (None, None) => None,
        };
        Ok(Collected {
            fields: CanonicalJsonObject::new(),
            cases,
            announced: None,
            room,
            encrypted: self.encrypted,
            water: std::mem::take(&mut self.water),
            seen: std::mem::take(&mut self.seen),
            queued: self.queued.0.clone(),
            visit: Some(visit),
            thirds: std::mem::take(&mut self.thirds),
        })
    }

    /// Events that units of any part may relate to, before the first part; they come again in theirs.
    ///
    /// # Errors
    /// See [`collect`].
    pub(crate) async fn pool(&mut self, units: Vec<Unit>) -> Result<Vec<Case>, Refusal> {
        let mut cases = self.cases(units).await?;
        // They come again: what is found, asked or taken once a body is theirs then.
        self.counts.clear();
        self.newcomers.clear();
        self.restoring.begin_again();
        for case in &mut cases {
            if let Ok(Material::Pdu(case)) = &mut case.material {
                case.ticket = None;
            }
        }
        Ok(cases)
    }

    /// Reads and verifies units, and adds what journal and rooms know of them.
    async fn cases(&mut self, units: Vec<Unit>) -> Result<Vec<Case>, Refusal> {
        let mut steps = Vec::with_capacity(units.len());
        for unit in units {
            let count = self.counts.entry(unit.pattern).or_default();
            let (kind, pattern, index) = (unit.kind, unit.pattern, *count);
            *count += 1;
            if index % EVENTS_A_TURN == EVENTS_A_TURN - 1 {
                tokio::task::yield_now().await;
            }
            steps.push((kind, pattern, index, self.step(unit).await?));
        }
        let signed: Vec<&Signed> = steps
            .iter()
            .filter_map(|(.., step)| match step {
                Step::Signed(signed) => Some(signed),
                Step::Done(_) => None,
            })
            .collect();
        let mut verified = self.verify_all(&signed).into_iter();
        let mut cases = Vec::with_capacity(steps.len());
        for (kind, pattern, index, step) in steps {
            let material = match step {
                Step::Done(material) => material,
                Step::Signed(Signed { pdu, .. }) => match verified.next() {
                    Some(verified) => self.checked(pdu, verified, pattern).await?,
                    None => Err(Condemned::of("protocol.signature", &pdu)),
                },
            };
            cases.push(Case {
                kind,
                pattern,
                index,
                material,
            });
        }
        Ok(cases)
    }

    /// An event whose signatures and hash were looked at, whole again where it came back to our zone without its content.
    async fn checked(
        &mut self,
        pdu: Pdu,
        verified: Verified,
        pattern: &'static str,
    ) -> Result<Result<Material, Condemned>, Refusal> {
        let (pdu, integrity, returned) =
            match self.returned(pdu, verified.integrity, pattern).await? {
                Ok(checked) => checked,
                Err(condemned) => return Ok(Err(condemned)),
            };
        let residue = match returned {
            // Another copy than the one that was looked at.
            Some(Returned::Redacted | Returned::Tampered) => pdu.check_residue(),
            Some(Returned::Whole) | None => verified.residue,
        };
        if let Err(fault) = residue {
            return Ok(Err(Condemned::of(fault.rule(), &pdu)));
        }
        let case = self.surround(pdu, integrity).await?;
        Ok(Ok(Material::Pdu(Box::new(PduCase { returned, ..case }))))
    }

    /// Signatures, hash and residue of events; of many of them on several threads.
    fn verify_all(&self, signed: &[&Signed]) -> Vec<Verified> {
        let one = |signed: &&Signed| Verified {
            integrity: self.verify(&signed.pdu, &signed.servers),
            residue: signed.pdu.check_residue(),
        };
        if signed.len() < parallel::FROM {
            return signed.iter().map(one).collect();
        }
        tokio::task::block_in_place(|| parallel::map(signed, one))
    }

    /// What the journal knew of a room when it was first asked about for this body: what one part teaches does not
    /// change how the next is judged.
    fn known_room(&mut self, room_id: &str) -> Result<RoomLabel, Refusal> {
        if let Some(known) = self.known.get(room_id) {
            return Ok(known.clone());
        }
        let known = self.gateway.known_room(room_id)?;
        self.known.insert(room_id.to_owned(), known.clone());
        Ok(known)
    }
}

/// A unit on its way to a [`Case`].
#[expect(
    clippy::large_enum_variant,
    reason = "one a unit, made once and moved twice"
)]
enum Step {
    Done(Result<Material, Condemned>),
    Signed(Signed),
}

/// An event whose keys are at hand and whose signatures are still to be verified.
struct Signed {
    pdu: Pdu,
    servers: BTreeSet<String>,
}

/// What was found of a [`Signed`] event.
struct Verified {
    integrity: Result<Integrity, Fault>,
    residue: Result<(), Fault>,
}

/// Opens the windows of all who say something in a body, and shows to others what they say.
fn enter(gateway: &Gateway, cases: &[Case]) -> Result<Visit, Refusal> {
    let mut says: BTreeMap<Speaker, Vec<Part>> = BTreeMap::new();
    for case in cases {
        if let Ok(Material::Pdu(case)) = &case.material
            && let Some((speaker, part)) = &case.said
        {
            says.entry(speaker.clone()).or_default().push(part.clone());
        }
    }
    let visit = gateway.windows.enter(says, Instant::now());
    visit.map_err(|error| Refusal::ourselves("gateway.windows", error.to_string()))
}

/// Room versions that the body itself announces, where the journal does not know better: `room_version` of an invite or template, create events of a state.
fn announced_versions(
    gateway: &Gateway,
    active: &Active,
    exchange: &Exchange,
    way: Way,
    told: &Told<'_>,
) -> Result<BTreeMap<String, RoomVersion>, Refusal> {
    let pdus = told
        .telling
        .iter()
        .filter(|unit| unit.kind == UnitKind::Pdu);
    let created = pdus.filter_map(|unit| read_create(unit.value.as_ref().ok()?));
    let announced = announced_field(exchange, told.fields);
    let announced = announced.into_iter().chain(created);
    let mut versions = BTreeMap::new();
    for (room, version) in announced {
        let known = gateway.journal.room(&room).map_err(broken_journal)?;
        let known = known.and_then(|room| RoomVersion::parse(&room.version?));
        if known.is_some() || may_announce(active, exchange, way, &room, version) {
            versions.entry(room).or_insert(known.unwrap_or(version));
        }
    }
    // The state that answers a knock says nothing of it; the template before it did.
    if let Some(room) = exchange.route.room_id()
        && !versions.contains_key(room)
    {
        let known = gateway.journal.room(room).map_err(broken_journal)?;
        let known = known.and_then(|room| RoomVersion::parse(&room.version?));
        versions.extend(known.map(|version| (room.to_owned(), version)));
    }
    Ok(versions)
}

/// Whether the author of this half may tell us the version of a room that we do not know: our own homeserver may; a peer
/// not for a room that was made here. An id without a domain is the hash of a create event, which only version 12 has.
fn may_announce(
    active: &Active,
    exchange: &Exchange,
    way: Way,
    room: &str,
    version: RoomVersion,
) -> bool {
    if ids::is_hash_room_id(room) != (version == RoomVersion::V12) {
        return false;
    }
    let ours = room
        .split_once(':')
        .is_some_and(|(_, server)| active.is_local(server));
    exchange.outbound(way) || !ours
}

/// The `room_version` of an invite or of a template.
fn announced_field(
    exchange: &Exchange,
    fields: &CanonicalJsonObject,
) -> Option<(String, RoomVersion)> {
    let version = fields
        .get("room_version")
        .and_then(text)
        .and_then(RoomVersion::parse)?;
    Some((exchange.route.room_id()?.to_owned(), version))
}

/// Room id and version of a create event, if it is one of a version that the gateway judges.
pub(crate) fn read_create(event: &CanonicalJsonObject) -> Option<(String, RoomVersion)> {
    if event.get("type").and_then(text) != Some("m.room.create") {
        return None;
    }
    let CanonicalJsonValue::Object(content) = event.get("content")? else {
        return None;
    };
    let version = RoomVersion::parse(content.get("room_version").and_then(text)?)?;
    let pdu = Pdu::read(event.clone(), version).ok()?;
    Some((pdu.room_id().to_owned(), version))
}

fn text(value: &CanonicalJsonValue) -> Option<&str> {
    match value {
        CanonicalJsonValue::String(text) => Some(text),
        _ => None,
    }
}

/// What gathers for one body, in one part or several.
pub(crate) struct Collector<'a> {
    gateway: &'a Gateway,
    active: &'a Active,
    exchange: &'a Exchange,
    way: Way,
    versions: BTreeMap<String, RoomVersion>,
    /// What the room's label state says as an invite or the answer to a join proves it.
    shown: Option<RoomLabel>,
    /// Whether somebody would enter a room that is encrypted.
    encrypted: bool,
    /// What the journal knew of rooms when this body came.
    known: BTreeMap<String, RoomLabel>,
    /// How many units each path had so far.
    counts: BTreeMap<&'static str, u32>,
    /// Whether the link demands labels, so that those of rooms and targets must be known.
    demanded: bool,
    /// How often our homeserver was asked about a room for this body.
    asked: BTreeMap<String, usize>,
    /// What was last known of a room's label for this body.
    answered: BTreeMap<String, RoomLabel>,
    /// What this body itself says of its rooms' labels, for the events behind it.
    said: BTreeMap<String, RoomLabel>,
    /// The labels of what crossed lately, by room, where the link keeps a high-water mark.
    water: BTreeMap<String, Vec<Label>>,
    /// What detectors found within the hour, by room.
    seen: BTreeMap<String, Vec<Sighting>>,
    /// How long this body may wait for joins of our homeserver, for all its events together.
    patience: Patience,
    /// What may still be asked to restore events of our own zone.
    restoring: returned::Restoring,
    /// Rooms, and servers that the body brings into them, as far as looked at.
    newcomers: BTreeSet<(String, String)>,
    /// The zones of senders that are neither ours nor the peer's.
    thirds: BTreeSet<String>,
    /// The rooms and events that wait to be sent between the two homeservers.
    queued: (BTreeSet<String>, BTreeSet<String>),
    /// When the body came, in milliseconds since 1970.
    came_ms: i64,
}

/// Our homeserver is asked so often about a room for one body: the first events may stand where it knows nothing, but
/// an answer with ten thousand of them must not become as many requests.
const ASKS_A_ROOM: usize = 3;

impl Collector<'_> {
    async fn step(&mut self, unit: Unit) -> Result<Step, Refusal> {
        let object = match unit.value {
            Ok(object) => object,
            Err(fault) => return Ok(Step::Done(Err(Condemned::new(fault.rule())))),
        };
        self.refuse_company(&object, unit.kind).await?;
        let material = match unit.kind {
            UnitKind::Pdu => {
                return Ok(match self.pdu(object, unit.pattern).await? {
                    Ok(signed) => Step::Signed(signed),
                    Err(condemned) => Step::Done(Err(condemned)),
                });
            }
            UnitKind::Edu => self.edu(object)?,
            UnitKind::StrippedState => self.stripped(object),
            UnitKind::Template => self.template(object),
            UnitKind::Directory | UnitKind::Summary | UnitKind::Alias => {
                self.listed(unit.kind, unit.pattern, object)?
            }
            _ => {
                let fields = self.active.profile_fields(&self.exchange.link(self.way))?;
                crate::plain::check(self.exchange, self.way, unit.kind, object, fields)
                    .map(Material::Plain)
            }
        };
        Ok(Step::Done(material))
    }

    async fn pdu(
        &mut self,
        object: CanonicalJsonObject,
        pattern: &'static str,
    ) -> Result<Result<Signed, Condemned>, Refusal> {
        if self.names_another_room(&object) {
            return Ok(Err(Condemned::new("protocol.room_mismatch")));
        }
        let Some(version) = self.version_of(&object).await? else {
            return Ok(Err(Condemned::new("protocol.room_version")));
        };
        let pdu = match Pdu::read(object, version) {
            Ok(pdu) => pdu,
            Err(fault) => return Ok(Err(Condemned::new(fault.rule()))),
        };
        if let Err(rule) = self.belongs_here(&pdu, pattern) {
            return Ok(Err(Condemned::of(rule, &pdu)));
        }
        let servers = pdu.required_servers();
        for server in &servers {
            if !self
                .gateway
                .knows_server(self.active, self.exchange, server)
            {
                return Ok(Err(self.of_a_stranger(&pdu)));
            }
            let key_id = pdu.key_id_of(server);
            self.gateway
                .ensure_keys(self.active, self.exchange, server, key_id)
                .await?;
        }
        Ok(Ok(Signed { pdu, servers }))
    }

    /// Whether an event says itself that it is not of the room in the path: nobody is asked about such a room.
    fn names_another_room(&self, event: &CanonicalJsonObject) -> bool {
        let stated = event.get("room_id").and_then(text);
        let asked = self.exchange.route.room_id();
        matches!((stated, asked), (Some(stated), Some(asked)) if stated != asked)
    }

    /// Condemned because a server that we do not know had to sign it.
    fn of_a_stranger(&self, pdu: &Pdu) -> Condemned {
        let member = pdu.state_key().and_then(ids::user_server);
        let unknown = member.is_none_or(|server| {
            !self
                .gateway
                .knows_server(self.active, self.exchange, server)
        });
        Condemned {
            stranger: pdu.brings_a_member() && unknown,
            ..Condemned::of(THIRD_SERVER, pdu)
        }
    }

    /// The rule that closed a room for this half's link. A pull by event id names no room, so that only here it can be
    /// refused where the room is closed in the other direction, as pulls by room id are.
    fn closed(&self, room_id: &str) -> Result<Option<String>, Refusal> {
        let ways = match self.exchange.route.endpoint.op {
            Op::Event => vec![Way::Request, Way::Answer],
            _ => vec![self.way],
        };
        for way in ways {
            let link = self.exchange.link(way);
            let closed = self
                .gateway
                .journal
                .closed(&link, room_id)
                .map_err(broken_journal)?;
            if closed.is_some() {
                return Ok(closed);
            }
        }
        Ok(None)
    }

    /// A join is on its way to the server that will countersign it; everything else must have all its signatures.
    fn verify(&self, pdu: &Pdu, servers: &BTreeSet<String>) -> Result<Integrity, Fault> {
        let keys = self.gateway.keys.view(servers);
        match (self.exchange.route.endpoint.op, self.way) {
            (Op::SendJoin, Way::Request) => {
                pdu.verify_join_request(&keys, self.exchange.destination())
            }
            _ => pdu.verify(&keys),
        }
    }

    /// Adds what journal and rooms know.
    async fn surround(&mut self, pdu: Pdu, integrity: Integrity) -> Result<PduCase, Refusal> {
        let (active, exchange) = (self.active, self.exchange);
        self.gateway
            .refuse_event_of_hidden_room(active, exchange, self.way, pdu.room_id())?;
        let link = self.exchange.link(self.way);
        let is_sent = self.exchange.route.endpoint.op == Op::Send && self.is_sent_now();
        if !is_sent {
            // Its verdict is on its way, and a denial must be seen here.
            self.gateway.waits.settled(&link, pdu.event_id()).await?;
        }
        let waits_already = self.queued.1.contains(pdu.event_id());
        let journal = &self.gateway.journal;
        let third = self.third(&pdu);
        let newcomer = self.newcomer(&pdu)?;
        let denial = self.denial(pdu.event_id(), third.as_deref())?;
        let closed = self.closed(pdu.room_id())?;
        let outbound = self.exchange.outbound(self.way);
        let room = if let Some(said) = self.said.get(pdu.room_id()) {
            Some(said.clone())
        } else if let Some(shown) = self.shown.clone().filter(|_| self.demanded) {
            Some(shown)
        } else if self.demanded {
            self.room_label(&pdu, outbound).await?
        } else {
            Some(self.known_room(pdu.room_id())?)
        };
        if !self.water.contains_key(pdu.room_id()) {
            let water = self.gateway.water(self.active, &link, pdu.room_id())?;
            self.water.insert(pdu.room_id().to_owned(), water);
        }
        if !self.seen.contains_key(pdu.room_id()) {
            let since = crate::gateway::now_ms().saturating_sub(SIGHTING_MS);
            let seen = journal.sightings(&link, pdu.room_id(), since);
            let seen = seen.map_err(broken_journal)?;
            self.seen.insert(pdu.room_id().to_owned(), seen);
        }
        let lowering_refused =
            pdu.is_label_state() && self.gateway.is_refused_lowering(pdu.event_id())?;
        // A label that the peer's gateway kept back stands here in its redacted form: anything may follow it.
        let kept_back = !outbound && room.as_ref().is_some_and(RoomLabel::is_nobodys);
        let is_news = self.exchange.route.endpoint.op == Op::Send && !kept_back;
        let asked = self.asked.get(pdu.room_id());
        let unasked = room.is_none() && asked.is_some_and(|asked| *asked > ASKS_A_ROOM);
        let mut case = PduCase {
            pdu,
            integrity,
            denial,
            closed,
            targets: Vec::new(),
            room,
            lowering_refused,
            is_news,
            unasked,
            said: None,
            returned: None,
            third,
            newcomer,
            ticket: None,
            waits_already,
        };
        case.ticket = self.ticket_for(&case, &link)?;
        case.said = self.said_in(&case, &link);
        self.as_first_seen(&mut case)?;
        self.hear(&case)?;
        Ok(case)
    }

    /// The ticket that a reviewer's release has made for what this event says.
    fn ticket_for(&self, case: &PduCase, link: &str) -> Result<Option<Presented>, Refusal> {
        if case.denial.is_some() || case.integrity != Integrity::Whole {
            return Ok(None);
        }
        let Gateway { holds, journal, .. } = self.gateway;
        let presented = holds.present(journal, link, &case.pdu, self.came_ms);
        presented.map_err(broken_journal)
    }

    /// Whether events are brought to us as they are said, and not pulled from what was said once.
    const fn is_sent_now(&self) -> bool {
        matches!(self.way, Way::Request)
    }

    /// What an event says that may cross and is read with what its sender says around it. Not in the state of a room: that
    /// has one event a key, and each was read so when it was sent.
    fn said_in(&self, case: &PduCase, link: &str) -> Option<(Speaker, Part)> {
        let bulk = matches!(
            (self.exchange.route.endpoint.op, self.way),
            (Op::State | Op::EventAuth | Op::SendJoin, Way::Answer)
        );
        let unjudged = self.exchange.is_own_zone() || case.returned.is_some();
        if bulk || unjudged || case.integrity != Integrity::Whole || case.denial.is_some() {
            return None;
        }
        let pdu = &case.pdu;
        let said = dlp::said(pdu.kind(), pdu.content(), "");
        let speaker = Speaker {
            link: link.to_owned(),
            room: pdu.room_id().to_owned(),
            sender: pdu.sender().to_owned(),
        };
        let sent_ms = pdu.origin_server_ts();
        let part = Part {
            // Whoever writes the time of sending may lie, to keep two halves apart or to push one out.
            sent_ms: if self.is_sent_now() {
                self.came_ms
            } else {
                sent_ms.min(self.came_ms)
            },
            is_news: self.is_sent_now(),
            ..Part::new(pdu.event_id(), sent_ms, &said)
        };
        (!part.is_empty()).then_some((speaker, part))
    }

    /// What the room of an event says: known, or asked for; `None` where nobody knows. Where enough was asked for one body,
    /// it is what our homeserver answered for an event before, so that a burst of events is not denied for its length. Not
    /// in a pull, whose events lie far apart, and not after an event that changes the label.
    async fn room_label(
        &mut self,
        pdu: &Pdu,
        outbound: bool,
    ) -> Result<Option<RoomLabel>, Refusal> {
        let room_id = pdu.room_id();
        if self.may_ask(room_id) {
            let label = self
                .gateway
                .room_label(
                    self.active,
                    self.exchange,
                    pdu,
                    outbound,
                    &mut self.patience,
                )
                .await?;
            let holds = self.exchange.route.endpoint.op == Op::Send && !pdu.is_label_state();
            match label.clone().filter(|_| holds) {
                Some(answered) => self.answered.insert(room_id.to_owned(), answered),
                None => self.answered.remove(room_id),
            };
            return Ok(label);
        }
        if self.gateway.knows_room_label(room_id)? {
            return self.gateway.known_room(room_id).map(Some);
        }
        if pdu.is_label_state() {
            self.answered.remove(room_id);
        }
        Ok(self.answered.get(room_id).cloned())
    }

    /// The label in a whole, signed event of `invite_room_state` or of the state that answers a join: our homeserver
    /// gives no state of a room to a peer that is only invited, and has none of a room that it is joining. A stripped
    /// event proves nothing and is not looked at.
    async fn label_shown(&self, units: &[Unit]) -> Result<Option<RoomLabel>, Refusal> {
        let room = self.exchange.route.room_id().unwrap_or_default();
        let Some(version) = self.versions.get(room) else {
            return Ok(None);
        };
        let shown = units
            .iter()
            .filter(|unit| self.shows_state(unit))
            .filter_map(|unit| Pdu::read(unit.value.as_ref().ok()?.clone(), *version).ok())
            .find(|pdu| pdu.is_label_state() && pdu.room_id() == room);
        let Some(pdu) = shown else { return Ok(None) };
        if self.gateway.is_refused_lowering(pdu.event_id())? {
            return self.gateway.known_room(room).map(Some);
        }
        let servers = pdu.required_servers();
        for server in &servers {
            if !self
                .gateway
                .knows_server(self.active, self.exchange, server)
            {
                return Ok(None);
            }
            let key_id = pdu.key_id_of(server);
            self.gateway
                .ensure_keys(self.active, self.exchange, server, key_id)
                .await?;
        }
        if pdu.verify(&self.gateway.keys.view(&servers)) != Ok(Integrity::Whole) {
            return Ok(None);
        }
        let at = OffsetDateTime::now_utc();
        let read = RoomLabel::from_content(pdu.content());
        let said = truthful(self.active.bundle()?, read, at);
        // A peer's word may raise what is known here, and never lower it.
        let sender = self.exchange.outbound(self.way).then(|| pdu.sender());
        let (gateway, active) = (self.gateway, self.active);
        gateway
            .in_force(active, self.exchange, room, said, sender)
            .map(Some)
    }

    fn shows_state(&self, unit: &Unit) -> bool {
        let joining = self.exchange.route.endpoint.op == Op::SendJoin && self.way == Way::Answer;
        unit.kind == UnitKind::StrippedState || (joining && unit.pattern == "/state/*")
    }

    async fn version_of(
        &mut self,
        object: &CanonicalJsonObject,
    ) -> Result<Option<RoomVersion>, Refusal> {
        if let Some((_, version)) = read_create(object) {
            return Ok(Some(version));
        }
        let Some(room_id) = object
            .get("room_id")
            .and_then(text)
            .filter(|id| ids::is_room_id(id))
        else {
            return Ok(None);
        };
        if let Some(version) = self.versions.get(room_id) {
            return Ok(Some(*version));
        }
        if !self.may_ask(room_id) {
            return Ok(None);
        }
        let outbound = self.exchange.outbound(self.way);
        let version = self
            .gateway
            .room_version(
                self.active,
                self.exchange,
                room_id,
                object,
                outbound,
                &mut self.patience,
            )
            .await?;
        if let Some(version) = version {
            self.versions.insert(room_id.to_owned(), version);
        }
        Ok(version)
    }

    fn may_ask(&mut self, room_id: &str) -> bool {
        let asked = self.asked.entry(room_id.to_owned()).or_default();
        *asked += 1;
        *asked <= ASKS_A_ROOM
    }

    /// The event stands in the room and under the id that the path names, and its sender may speak here.
    fn belongs_here(&self, pdu: &Pdu, pattern: &'static str) -> Result<(), &'static str> {
        let route = &self.exchange.route;
        if route.room_id().is_some_and(|room| room != pdu.room_id()) {
            return Err("protocol.room_mismatch");
        }
        let names_this_event = matches!(
            route.endpoint.op,
            Op::Event | Op::SendJoin | Op::SendKnock | Op::SendLeave | Op::Invite
        ) && matches!(pattern, "" | "/event" | "/pdus/*");
        if names_this_event && route.params.get("event") != Some(pdu.event_id()) {
            return Err("protocol.event_id");
        }
        let made_by = pdu.room_id().split_once(':').map(|(_, server)| server);
        if pdu.kind() == "m.room.create" && made_by.is_some_and(|by| by != pdu.sender_server()) {
            return Err("protocol.sender");
        }
        let author = self.exchange.author(self.way);
        let must_be_author = self.way == Way::Request && pattern != "/invite_room_state/*";
        if must_be_author && pdu.sender_server() != author && !self.is_brought(pdu) {
            return Err("protocol.sender");
        }
        Ok(())
    }

    fn edu(&self, object: CanonicalJsonObject) -> Result<Result<Material, Condemned>, Refusal> {
        let edu = match Edu::read(object) {
            Ok(edu) => edu,
            Err(fault) => return Ok(Err(Condemned::new(fault.rule()))),
        };
        let author = self.exchange.author(self.way);
        let reader = match self.way {
            Way::Request => self.exchange.destination(),
            Way::Answer => self.exchange.origin(),
        };
        if edu.user_servers().iter().any(|server| *server != author)
            || edu
                .recipient_servers()
                .iter()
                .any(|server| *server != reader)
        {
            return Ok(Err(Condemned::new("protocol.edu.user")));
        }
        if let Some(rule) = self.crowded_out(&edu) {
            return Ok(Err(Condemned::new(rule)));
        }
        let link = self.exchange.link(self.way);
        let (mut closed, mut unknown, mut first) = (Vec::new(), Vec::new(), None);
        // What enters tells nothing that our homeserver does not know of the room already.
        let must_be_known = self.demanded && self.exchange.outbound(self.way);
        for room in edu.room_ids() {
            if self
                .gateway
                .journal
                .closed(&link, room)
                .map_err(broken_journal)?
                .is_some()
            {
                closed.push(room.to_owned());
            }
            if must_be_known && !self.gateway.knows_room_label(room)? {
                unknown.push(room.to_owned());
                continue;
            }
            let said = self.gateway.known_room(room)?;
            if *first.get_or_insert_with(|| said.clone()) != said {
                closed.push(room.to_owned());
            }
        }
        Ok(Ok(Material::Edu(EduCase {
            edu,
            closed,
            unknown,
            room: first,
        })))
    }

    /// The rule of an EDU that there are too many of, or too much else.
    fn crowded_out(&self, edu: &Edu) -> Option<&'static str> {
        let (traffic, limits) = (&self.gateway.traffic, &self.active.config.limits);
        match edu.kind() {
            EduKind::DirectToDevice => (!traffic.to_device(limits, self.exchange, Instant::now()))
                .then_some(traffic::Kind::ToDevice.rule()),
            EduKind::Typing | EduKind::Receipt | EduKind::Presence => traffic
                .sheds_edus(limits, self.exchange)
                .then_some("protocol.overload.edus"),
            EduKind::DeviceListUpdate | EduKind::SigningKeyUpdate => None,
        }
    }

    /// The template is for the room and the user that were asked for, in a version that the gateway judges.
    fn template(&self, object: CanonicalJsonObject) -> Result<Material, Condemned> {
        let route = &self.exchange.route;
        let membership = match route.endpoint.op {
            Op::MakeJoin => "join",
            Op::MakeKnock => "knock",
            _ => "leave",
        };
        let room = route.room_id().unwrap_or_default();
        let version = self
            .versions
            .get(room)
            .ok_or_else(|| Condemned::new("protocol.room_version"))?;
        let template = Template::read(object, *version, membership)
            .map_err(|fault| Condemned::new(fault.rule()))?;
        if template.room_id() != room || Some(template.sender()) != route.params.get("user") {
            return Err(Condemned::new("protocol.template"));
        }
        Ok(Material::Plain(template.object().clone()))
    }

    /// A whole event that an invite shows: with a clean residue, and not denied before.
    fn shown_event(&self, pdu: &Pdu) -> Result<Material, Condemned> {
        pdu.check_residue()
            .map_err(|fault| Condemned::of(fault.rule(), pdu))?;
        let link = self.exchange.link(self.way);
        match self.gateway.journal.denial(pdu.event_id(), &link) {
            Ok(None) => Ok(Material::Plain(pdu.outgoing())),
            Ok(Some(denial)) => Err(Condemned::of(&denial.rule, pdu)),
            Err(_) => Err(Condemned::of("gateway.journal", pdu)),
        }
    }

    /// State shown to the invited user: whole events lose `unsigned` and foreign signatures, both kinds unknown keys.
    fn stripped(&self, object: CanonicalJsonObject) -> Result<Material, Condemned> {
        let room = self.exchange.route.room_id().unwrap_or_default();
        let version = self
            .versions
            .get(room)
            .ok_or_else(|| Condemned::new("protocol.room_version"))?;
        let element = RoomStateElement::read(object, *version)
            .map_err(|fault| Condemned::new(fault.rule()))?;
        match element {
            RoomStateElement::Full(pdu) if pdu.room_id() != room => {
                Err(Condemned::new("protocol.room_mismatch"))
            }
            RoomStateElement::Full(pdu) => self.shown_event(&pdu),
            RoomStateElement::Stripped(state) => Ok(Material::Plain(state.object().clone())),
        }
    }
}

/// A journal that cannot be read is no verdict: nothing crosses.
pub(crate) fn broken_journal(error: impl std::fmt::Display) -> Refusal {
    Refusal::ourselves(
        "gateway.journal",
        format!("the journal cannot be read: {error}"),
    )
}
