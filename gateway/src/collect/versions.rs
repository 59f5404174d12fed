//! Room versions: what the journal knows, what the body itself announces, what our homeserver says.

use std::collections::BTreeMap;

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::ids;
use sluice_policy::pdu::{Pdu, RoomVersion};

use super::{Collector, Told, broken_journal, text};
use crate::exchange::{Exchange, Way};
use crate::gateway::{Active, Gateway};
use crate::refusal::Refusal;
use crate::route::UnitKind;

/// Room versions that the body itself announces, where the journal does not know better: `room_version` of an invite or template, create events of a state.
pub(super) fn announced_versions(
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
pub(super) fn may_announce(
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
pub(super) fn announced_field(
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

impl Collector<'_> {
    pub(super) async fn version_of(
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
}
