//! Pass one: a large answer is read as it comes, cut into units, counted, and put aside as it was received.
//!
//! Each unit is parsed here for what it tells of the room, and again when its batch is judged: its tree would not fit into
//! memory until then.

use std::collections::BTreeSet;

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::ids::is_event_id;
use sluice_policy::json::{self, Cut, Fault, Limits, Scanner};
use sluice_policy::label::ROOM_LABEL_TYPE;
use sluice_policy::pdu::{Pdu, RoomVersion, relations};

use super::spool::{Reader, Spool, SpoolError, Spools};
use super::{BATCH_EVENTS, BATCH_WEIGHT, MAX_EVENTS, TOO_MANY_ANSWERS};
use crate::asks::far_side;
use crate::collect::turns_encryption_on;
use crate::parse::{self, BodyFault, MAX_EVENT_BYTES, Parsed, Unit};
use crate::refusal::{Blame, Refusal};
use crate::relay::ReplyBody;
use crate::rooms;
use crate::route::{Shape, UnitKind};

/// Bytes beside the units: fields that the table names, and any others, which are parsed and left behind.
const ENVELOPE_BYTES: usize = 1024 * 1024;
/// Events that tell of their room, in one answer at most; a room's state has one of each type.
const TELLING_EVENTS: usize = 64;
/// What their trees may weigh together, in bytes.
const TELLING_WEIGHT: usize = 2 * 1024 * 1024;
/// Types of events that tell of their room what all others are judged by.
const TELLING: [&str; 2] = ["m.room.create", ROOM_LABEL_TYPE];
/// Ids of events that others relate to, in one answer at most; what relates to more is denied.
const TARGETS: usize = 1000;

/// What is known of a body once it has come.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Create events and room labels, in their order.
    pub(super) telling: Vec<Unit>,
    /// Ids of the events that others of the body relate to.
    pub(super) targets: BTreeSet<String>,
    /// Whether the state in it turns encryption on.
    pub(super) encrypted: bool,
    /// The servers of members and invited users, as far as they were asked for.
    servers: BTreeSet<String>,
}

/// A whole body that has come.
#[derive(Debug)]
pub(super) struct Taken {
    /// The envelope fields that the table names, checked.
    pub(super) fields: CanonicalJsonObject,
    /// See [`Facts`].
    pub(super) facts: Facts,
    /// Its length as received.
    pub(super) bytes: usize,
    /// Its units.
    pub(super) units: Units,
    events: usize,
}

/// The units of a body that has come, as they were received.
#[derive(Debug)]
pub(super) struct Units {
    shape: &'static Shape,
    spool: Reader,
    /// What was read of the spool and not yet used.
    ahead: Vec<u8>,
    used: usize,
}

/// Reads an answer to its end.
///
/// # Errors
/// [`Refusal`] where the far side breaks off, is too slow or sends no sound envelope, or where the spool fails.
pub(super) async fn take(
    spools: &Spools,
    shape: &'static Shape,
    mut body: ReplyBody,
) -> Result<Taken, Refusal> {
    let mut intake = Intake::new(shape, Some(spools.open()));
    while let Some(piece) = body.piece().await.map_err(|error| far_side(&error))? {
        intake.push(&piece)?;
    }
    intake.finish()
}

/// Reads an answer of our own homeserver to its end, for what it tells of a room: its [`TELLING`] events, and those of
/// `servers` that have somebody in it, each by one bare membership. All else is dropped.
///
/// # Errors
/// See [`take`].
pub(crate) async fn tell(
    shape: &'static Shape,
    mut body: ReplyBody,
    servers: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Parsed, Refusal> {
    let mut intake = Intake::new(shape, None);
    intake.shelf.wanted = Some(servers);
    while let Some(piece) = body.piece().await.map_err(|error| far_side(&error))? {
        intake.push(&piece)?;
    }
    let taken = intake.finish()?;
    let Facts {
        telling, servers, ..
    } = taken.facts;
    let members = servers.iter().map(|server| Unit {
        kind: UnitKind::Pdu,
        pattern: MEMBERS,
        pointer: String::new(),
        value: Ok(rooms::member_of(server)),
    });
    Ok(Parsed {
        fields: taken.fields,
        units: telling.into_iter().chain(members).collect(),
    })
}

/// Where bare memberships stand.
const MEMBERS: &str = "/pdus/*";

/// A body on its way in.
struct Intake<'s> {
    shape: &'static Shape,
    scanner: Scanner,
    shelf: Shelf<'s>,
    bytes: usize,
}

/// Where its units go.
struct Shelf<'s> {
    shape: &'static Shape,
    /// The servers whose members are looked for.
    wanted: Option<&'s (dyn Fn(&str) -> bool + Sync)>,
    /// `None` where only what tells of the room is wanted.
    spool: Option<Spool>,
    facts: Facts,
    events: usize,
    /// What the trees of the events that tell weigh.
    weight: usize,
}

impl Intake<'_> {
    fn new(shape: &'static Shape, spool: Option<Spool>) -> Self {
        let patterns = shape.units.iter().map(|(pattern, _)| *pattern).collect();
        let envelope = parse::limits(ENVELOPE_BYTES);
        Self {
            shape,
            scanner: Scanner::new(patterns, MAX_EVENT_BYTES, envelope),
            shelf: Shelf {
                shape,
                wanted: None,
                spool,
                facts: Facts::default(),
                events: 0,
                weight: 0,
            },
            bytes: 0,
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        self.bytes += piece.len();
        let Self { scanner, shelf, .. } = self;
        scanner
            .push(piece, &mut |cut: Cut<'_>| shelf.put(&cut))
            .map_err(Refusal::from)
    }

    fn finish(self) -> Result<Taken, Refusal> {
        let envelope = self.scanner.finish().map_err(BodyFault::Json);
        let fields = envelope.and_then(|envelope| parse::keep_fields(self.shape, envelope));
        Ok(Taken {
            fields: fields.map_err(|fault| malformed(&fault))?,
            facts: self.shelf.facts,
            bytes: self.bytes,
            units: Units {
                shape: self.shape,
                spool: self.shelf.spool.map(Spool::finish).unwrap_or_default(),
                ahead: Vec::new(),
                used: 0,
            },
            events: self.shelf.events,
        })
    }
}

/// What ends an intake.
enum Broken {
    Body(BodyFault),
    Spool(SpoolError),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Body(BodyFault::Json(fault))
    }
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Body(fault) => malformed(&fault),
            Broken::Spool(error) => broken_spool(&error),
        }
    }
}

/// How long a unit's text is stands before it; so does its place among the shape's patterns.
const HEAD_BYTES: usize = 5;
/// Stands for the text of a unit that was too long.
const TOO_LONG: u32 = u32::MAX;

impl Shelf<'_> {
    fn put(&mut self, cut: &Cut<'_>) -> Result<(), Broken> {
        self.events += 1;
        if self.events > MAX_EVENTS {
            return Err(Broken::Body(BodyFault::Count(cut.pattern)));
        }
        let value = match cut.text {
            Ok(text) => json::parse_cut(text, &UNIT)?,
            Err(fault) => Err(fault),
        };
        let text = cut.text.unwrap_or_default();
        if let Some(spool) = &mut self.spool {
            let length = match cut.text {
                Ok(text) => u32::try_from(text.len()).unwrap_or(TOO_LONG),
                Err(_) => TOO_LONG,
            };
            let head = head(self.shape, cut.pattern, length);
            let written = spool.write(&head).and_then(|()| spool.write(text));
            written.map_err(Broken::Spool)?;
        }
        self.note(cut.pattern, text, value)
    }

    fn note(
        &mut self,
        pattern: &'static str,
        text: &[u8],
        value: Result<CanonicalJsonValue, Fault>,
    ) -> Result<(), Broken> {
        let Ok(CanonicalJsonValue::Object(event)) = value else {
            return Ok(());
        };
        self.facts.note_targets(&event);
        if let Some(wanted) = self.wanted
            && let Some(server) = rooms::member_server(&event).filter(|server| wanted(server))
        {
            self.facts.servers.insert(server);
        }
        let event = unit(self.shape, pattern, Ok(event));
        self.facts.encrypted |= turns_encryption_on(&event);
        if !event.value.as_ref().is_ok_and(tells) {
            return Ok(());
        }
        self.weight += heaviness(text);
        if self.facts.telling.len() >= TELLING_EVENTS || self.weight > TELLING_WEIGHT {
            return Err(Broken::Body(BodyFault::Count(pattern)));
        }
        self.facts.telling.push(event);
        Ok(())
    }
}

impl Facts {
    /// Which version's rules hold is not known yet; they differ in where a redaction names its target.
    fn note_targets(&mut self, event: &CanonicalJsonObject) {
        for version in [RoomVersion::V10, RoomVersion::V11] {
            for (_, event_id) in relations(version, event) {
                if self.targets.len() < TARGETS && is_event_id(event_id) {
                    self.targets.insert(event_id.to_owned());
                }
            }
        }
    }
}

fn tells(event: &CanonicalJsonObject) -> bool {
    let kind = event.get("type").and_then(CanonicalJsonValue::as_str);
    kind.is_some_and(|kind| TELLING.contains(&kind))
}

/// What an event's tree weighs, in bytes, where others of the body relate to it.
pub(super) fn is_target(unit: &Unit, version: RoomVersion, facts: &Facts) -> Option<usize> {
    let event = unit.value.as_ref().ok()?;
    let pdu = Pdu::read(event.clone(), version).ok()?;
    let wanted = facts.targets.contains(pdu.event_id());
    wanted.then(|| heaviness(&json::write(event)))
}

impl Taken {
    /// Whether it is on the disk, or so many events that they are not judged at once.
    pub(super) fn is_large(&self) -> bool {
        self.units.spool.is_large() || self.events > BATCH_EVENTS
    }
}

impl Units {
    /// Whether all units were given.
    pub(super) fn is_empty(&self) -> bool {
        self.used >= self.ahead.len() && self.spool.left() == 0
    }

    /// Begins again with the first unit.
    pub(super) fn rewind(&mut self) {
        self.spool.rewind();
        self.ahead.clear();
        self.used = 0;
    }

    /// The next units, as many as are judged together; none at the end.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub(super) fn batch(&mut self) -> Result<Vec<Unit>, SpoolError> {
        let (mut units, mut weight) = (Vec::new(), 0);
        while units.len() < BATCH_EVENTS && !self.is_empty() {
            let (pattern, length) = self.peek()?;
            let text = match length {
                TOO_LONG => &[],
                length => self.look(HEAD_BYTES, length as usize)?,
            };
            let more = heaviness(text);
            if !units.is_empty() && weight + more > BATCH_WEIGHT {
                break;
            }
            weight += more;
            let value = match length {
                TOO_LONG => Err(Fault::Size),
                // It was a JSON value when it was put aside, and the spool would tell if it was changed.
                _ => json::parse_cut(text, &UNIT).and_then(|value| value),
            };
            self.used += HEAD_BYTES + text.len();
            units.push(unit(self.shape, pattern, parse::as_object(value)));
        }
        Ok(units)
    }

    /// Pattern and length of the unit that comes next.
    fn peek(&mut self) -> Result<(&'static str, u32), SpoolError> {
        let shape = self.shape;
        let head = self.look(0, HEAD_BYTES)?;
        let [place, length @ ..] = head else {
            return Err(SpoolError::Changed);
        };
        let length = length.try_into().map_err(|_| SpoolError::Changed)?;
        let (pattern, _) = shape
            .units
            .get(usize::from(*place))
            .ok_or(SpoolError::Changed)?;
        Ok((pattern, u32::from_le_bytes(length)))
    }

    /// `length` bytes, from `skip` bytes behind what was used.
    fn look(&mut self, skip: usize, length: usize) -> Result<&[u8], SpoolError> {
        while self.ahead.len() - self.used < skip + length {
            let more = self.spool.read()?.ok_or(SpoolError::Changed)?;
            self.ahead.drain(..self.used);
            self.used = 0;
            self.ahead.extend_from_slice(&more);
        }
        let at = self.used + skip;
        self.ahead.get(at..at + length).ok_or(SpoolError::Changed)
    }
}

fn head(shape: &Shape, pattern: &str, length: u32) -> [u8; HEAD_BYTES] {
    let place = shape.units.iter().position(|(known, _)| *known == pattern);
    let place = place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(u8::MAX);
    let [a, b, c, d] = length.to_le_bytes();
    [place, a, b, c, d]
}

fn unit(
    shape: &'static Shape,
    pattern: &'static str,
    value: Result<CanonicalJsonObject, Fault>,
) -> Unit {
    let known = shape.units.iter().find(|(known, _)| *known == pattern);
    Unit {
        kind: known.map_or(UnitKind::Pdu, |(_, kind)| *kind),
        pattern,
        pointer: String::new(),
        value,
    }
}

/// About what the tree of a text takes in memory: a map costs hundreds of bytes, every other value some dozens.
fn heaviness(text: &[u8]) -> usize {
    const MAP: usize = 600;
    const VALUE: usize = 48;
    let weights = text.iter().map(|byte| match byte {
        b'{' => MAP,
        b',' | b'[' => VALUE,
        _ => 1,
    });
    weights.sum()
}

const UNIT: Limits = parse::limits(MAX_EVENT_BYTES);

fn malformed(fault: &BodyFault) -> Refusal {
    Refusal::new(fault.rule(), Blame::FarSide, fault.to_string())
}

/// A spool that fails is no verdict: nothing crosses, and nothing is remembered. One that is full is load, of which a
/// homeserver must not think that the destination is gone.
pub(super) fn broken_spool(error: &SpoolError) -> Refusal {
    match error {
        SpoolError::Full | SpoolError::FullForPeer | SpoolError::Reserve { .. } => {
            Refusal::new(TOO_MANY_ANSWERS, Blame::TooMany, error.to_string())
        }
        SpoolError::Disk { .. } | SpoolError::Changed | SpoolError::Sealing => {
            Refusal::ourselves("gateway.spool", error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
