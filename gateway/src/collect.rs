//! Stage `collect`: everything that a judgement needs and that must be asked for is gathered here, so that the judgement
//! itself is a pure function: room versions, keys, earlier denials, closed rooms, labels of rooms and of target events.
//!
//! ```text
//! Parsed ──> for each unit: room -> version -> Pdu::read -> keys -> verify -> journal ──> Collected (Vec<Case>)
//! ```
//!
//! What is wrong with one unit condemns that unit; so do keys of a server that is at neither end of the exchange and away.
//! What the gateway cannot find out because an end of it is down (a key, a room) is a [`Refusal`] of the whole request,
//! remembered by nobody, so that the sender's own retry heals it.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::decide::Sighting;
use sluice_policy::label::{Label, RoomLabel};
use sluice_policy::pdu::RoomVersion;

use crate::exchange::{Exchange, Way};
use crate::gateway::{Active, Gateway};
use crate::joins::Patience;
use crate::keystore::KeyPatience;
use crate::parse::{Parsed, Unit};
use crate::refusal::Refusal;
use crate::route::{Op, UnitKind};
use crate::wait::Pair;

mod around;
mod case;
mod company;
mod edus;
mod listed;
mod returned;
mod said;
mod shown;
mod signed;
mod targets;
mod versions;

use around::enter;
pub use case::{Case, Collected, Condemned, EduCase, Material, PduCase, Target};
pub(crate) use company::THIRD_SERVER;
pub use listed::ListedRoom;
pub(crate) use listed::turns_encryption_on;
pub(crate) use returned::EMPTY_ECHO;
pub use returned::Returned;
use signed::{Signed, Step};
pub(crate) use targets::facts as target_facts;
pub(crate) use versions::read_create;
use versions::{announced_field, announced_versions, may_announce};

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
    /// How many events it was asked for, because others of this body relate to them.
    asked_targets: usize,
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
    /// How long it may wait for keys of servers that are at neither end of the exchange.
    keys: KeyPatience,
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
        gateway.caught_up().await?;
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
            asked_targets: 0,
            answered: BTreeMap::new(),
            said: BTreeMap::new(),
            water: BTreeMap::new(),
            seen: BTreeMap::new(),
            patience: Patience::default(),
            keys: KeyPatience::default(),
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

    async fn step(&mut self, unit: Unit) -> Result<Step, Refusal> {
        let object = match unit.value {
            Ok(object) => object,
            Err(fault) => return Ok(Step::Done(Err(Condemned::new(fault.rule())))),
        };
        self.refuse_company(&object, unit.kind).await?;
        self.gateway.caught_up().await?;
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
                let fields = self.profile_fields()?;
                crate::plain::check(self.exchange, self.way, unit.kind, object, fields)
                    .map(Material::Plain)
            }
        };
        Ok(Step::Done(material))
    }

    /// The profile fields that the link lists; all of them within our own zone.
    fn profile_fields(&self) -> Result<Option<&'a [String]>, Refusal> {
        let link = self.exchange.link(self.way);
        match self.exchange.is_own_zone() {
            true => Ok(None),
            false => self.active.profile_fields(&link).map(Some),
        }
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

fn text(value: &CanonicalJsonValue) -> Option<&str> {
    match value {
        CanonicalJsonValue::String(text) => Some(text),
        _ => None,
    }
}

/// A journal that cannot be read is no verdict: nothing crosses.
pub(crate) fn broken_journal(error: impl std::fmt::Display) -> Refusal {
    Refusal::ourselves(
        "gateway.journal",
        format!("the journal cannot be read: {error}"),
    )
}
