//! Room knowledge: version, label and the labels of target events, learned from what crosses, and where that is not
//! enough by asking our own homeserver in the name of the joined peer.
//!
//! Part of stage `collect`. What is learned is an audit entry first, so that a lost journal finds it again.

use std::time::Instant;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};
use sluice_policy::bundle::Bundle;
use sluice_policy::ids::is_hash_room_id;
use sluice_policy::label::{Label, LabelError, ROOM_LABEL_TYPE};
use sluice_policy::pdu::{Integrity, Pdu, RoomVersion};
use time::OffsetDateTime;

use crate::asks::HOMESERVER_FAILED;
use crate::audit::entry::{Entry, LabelEntry, LabelValue, RoomEntry};
use crate::collect::{Target, broken_journal, read_create};
use crate::exchange::Exchange;
use crate::gateway::{Active, Gateway};
use crate::joins::Patience;
use crate::parse::Parsed;
use crate::refusal::Refusal;
use crate::route::{Op, UnitKind, encode};

/// What a room's state says.
#[derive(Debug, Clone, Default, PartialEq)]
struct RoomState {
    version: Option<RoomVersion>,
    creator: Option<String>,
    label: Option<Label>,
}

impl Gateway {
    /// The version of a room: known, or asked for at the events before `event`.
    ///
    /// # Errors
    /// [`Refusal`] where journal or homeserver cannot answer now; `Ok(None)` where nobody knows the room.
    pub(crate) async fn room_version(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
        event: &Object,
        outbound: bool,
        patience: &mut Patience,
    ) -> Result<Option<RoomVersion>, Refusal> {
        let known = self.journal.room(room_id).map_err(broken_journal)?;
        if let Some(version) = known.and_then(|room| room.version) {
            return Ok(RoomVersion::parse(&version));
        }
        if is_hash_room_id(room_id) {
            return Ok(Some(RoomVersion::V12));
        }
        let state = self
            .ask_room(active, exchange, room_id, event, outbound, patience)
            .await?;
        Ok(state.and_then(|state| state.version))
    }

    /// The label of a room as far as the journal knows it.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn known_room_label(&self, room_id: &str) -> Result<Option<Label>, Refusal> {
        let room = self.journal.room(room_id).map_err(broken_journal)?;
        Ok(room
            .and_then(|room| room.label)
            .flatten()
            .and_then(|label| read_label(&label)))
    }

    /// Whether the journal knows if a room has a label, and which.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn knows_room_label(&self, room_id: &str) -> Result<bool, Refusal> {
        let room = self.journal.room(room_id).map_err(broken_journal)?;
        Ok(room.is_some_and(|room| room.label.is_some()))
    }

    /// The label of the room of an event, asked for where the journal does not know whether there is one.
    ///
    /// # Errors
    /// [`Refusal`] where journal or homeserver cannot answer now.
    pub(crate) async fn room_label(
        &self,
        active: &Active,
        exchange: &Exchange,
        pdu: &Pdu,
        outbound: bool,
        patience: &mut Patience,
    ) -> Result<Option<Label>, Refusal> {
        let room = self.journal.room(pdu.room_id()).map_err(broken_journal)?;
        if let Some(label) = room.and_then(|room| room.label) {
            return Ok(label.and_then(|label| read_label(&label)));
        }
        let state = self
            .ask_room(
                active,
                exchange,
                pdu.room_id(),
                pdu.object(),
                outbound,
                patience,
            )
            .await?;
        Ok(state.and_then(|state| state.label))
    }

    /// The effective label of the event that `pdu` aims at, fetched from our homeserver where it is not remembered.
    ///
    /// # Errors
    /// [`Refusal`] where journal or homeserver cannot answer now.
    pub(crate) async fn target_label(
        &self,
        active: &Active,
        exchange: &Exchange,
        pdu: &Pdu,
        event_id: &str,
        outbound: bool,
        patience: &mut Patience,
    ) -> Result<Target, Refusal> {
        if let Some(label) = self.journal.label(event_id).map_err(broken_journal)? {
            return Ok(Target::Known(label.and_then(|label| read_label(&label))));
        }
        let answer = self
            .ask_event(active, exchange, pdu, event_id, outbound, patience)
            .await?;
        let Some(answer) = answer else {
            return Ok(Target::Unknown);
        };
        let Some(found) = answer.units.into_iter().find_map(|unit| unit.value.ok()) else {
            return Ok(Target::Unknown);
        };
        let Ok(found) = Pdu::read(found, pdu.version()) else {
            return Ok(Target::Unknown);
        };
        if found.event_id() != event_id || found.room_id() != pdu.room_id() {
            return Ok(Target::Unknown);
        }
        if !self.is_whole(active, exchange, &found).await? {
            return Ok(Target::Unknown);
        }
        let label = match Label::from_content(found.content()) {
            Err(_) => return Ok(Target::Unknown),
            Ok(Some(label)) => Some(label),
            Ok(None) => {
                self.room_label(active, exchange, pdu, outbound, patience)
                    .await?
            }
        };
        let written = remembered(
            active.bundle()?,
            Ok(label.clone()),
            OffsetDateTime::now_utc(),
        );
        self.learn(Entry::Label(LabelEntry {
            event_id: event_id.into(),
            label: written,
        }))
        .await?;
        Ok(Target::Known(label))
    }

    /// Whether a copy of an event is the whole of it: our homeserver gives a peer the redacted form of what the peer may
    /// not see, and that says nothing about the label.
    async fn is_whole(
        &self,
        active: &Active,
        exchange: &Exchange,
        found: &Pdu,
    ) -> Result<bool, Refusal> {
        let servers = found.required_servers();
        for server in &servers {
            if !self.knows_server(active, exchange, server) {
                return Ok(false);
            }
            self.ensure_keys(active, exchange, server, found.key_id_of(server))
                .await?;
        }
        let integrity = found.verify(&self.keys.view(&servers));
        Ok(integrity == Ok(Integrity::Whole))
    }

    /// Asks our homeserver for an event of the room of `pdu`; once more where it has come into that room meanwhile. That
    /// it lacks the event is no reason to wait: it lacks all that was said before it joined.
    async fn ask_event(
        &self,
        active: &Active,
        exchange: &Exchange,
        pdu: &Pdu,
        event_id: &str,
        outbound: bool,
        patience: &mut Patience,
    ) -> Result<Option<Parsed>, Refusal> {
        let target = format!("/_matrix/federation/v1/event/{}", encode(event_id));
        let joining = self.is_joining(exchange, pdu.room_id());
        let answer = self.ask(active, exchange, &target).await?;
        if answer.is_some() || !joining {
            return Ok(answer);
        }
        self.ask_room(
            active,
            exchange,
            pdu.room_id(),
            pdu.object(),
            outbound,
            patience,
        )
        .await?;
        self.ask(active, exchange, &target).await
    }

    /// Whether our homeserver is joining the room, so that what it does not know it may know soon. What it pulls itself is
    /// never waited for: it may need just that answer to finish the join.
    fn is_joining(&self, exchange: &Exchange, room_id: &str) -> bool {
        exchange.route.endpoint.op == Op::Send
            && self
                .joins
                .is_under_way(&exchange.local, room_id, Instant::now())
    }

    /// Asks our homeserver about a room until it knows it, as long as it is joining it and patience lasts.
    async fn ask_room(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
        event: &Object,
        outbound: bool,
        patience: &mut Patience,
    ) -> Result<Option<RoomState>, Refusal> {
        loop {
            // Looked up before the question: another request may learn meanwhile that the join has ended.
            let joining = self.is_joining(exchange, room_id);
            let state = self
                .ask_room_now(active, exchange, room_id, event, outbound)
                .await?;
            if state.is_some() {
                self.joins.end(&exchange.local, room_id);
            }
            if state.is_some() || !joining || !patience.pause().await {
                return Ok(state);
            }
        }
    }

    /// Asks our homeserver for a room's state before `event`; or, where it lacks what stands before, at the room's
    /// present end: a homeserver that catches up after an outage sends only the newest event of each room.
    async fn ask_room_now(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
        event: &Object,
        outbound: bool,
    ) -> Result<Option<RoomState>, Refusal> {
        if let Some(before) = first_previous(event) {
            let state = self
                .ask_state(active, exchange, room_id, &before, outbound)
                .await?;
            if state.is_some() {
                return Ok(state);
            }
        }
        if exchange.route.endpoint.op != Op::Send {
            return Ok(None);
        }
        match self.ask_end(active, exchange, room_id, event).await? {
            Some(end) => self.ask_state(active, exchange, room_id, &end, true).await,
            None => Ok(None),
        }
    }

    /// An event at the room's present end, out of the template by which the sender of `event` could leave.
    async fn ask_end(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
        event: &Object,
    ) -> Result<Option<String>, Refusal> {
        let sender = text(event, "sender")
            .filter(|sender| sluice_policy::ids::user_server(sender) == Some(&exchange.remote));
        let Some(sender) = sender else {
            return Ok(None);
        };
        let target = format!(
            "/_matrix/federation/v1/make_leave/{}/{}",
            encode(room_id),
            encode(sender)
        );
        let answer = match self.ask(active, exchange, &target).await {
            // Synapse's answer where it knows of the room, from an invitation say, and has no state of it.
            Err(refusal) if refusal.rule == HOMESERVER_FAILED => None,
            answer => answer?,
        };
        let templates = answer.into_iter().flat_map(|answer| answer.units);
        Ok(templates
            .filter_map(|unit| unit.value.ok())
            .find_map(|template| first_previous(&template)))
    }

    /// Asks our homeserver for a room's state at an event, in the name of the peer's homeserver. Where `is_present`, that
    /// is the room's present state and its label is kept; a peer could choose an old event.
    async fn ask_state(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
        event_id: &str,
        is_present: bool,
    ) -> Result<Option<RoomState>, Refusal> {
        let target = format!(
            "/_matrix/federation/v1/state/{}?event_id={}",
            encode(room_id),
            encode(event_id)
        );
        let Some(answer) = self.ask(active, exchange, &target).await? else {
            return Ok(None);
        };
        let events = answer
            .units
            .into_iter()
            .filter(|unit| unit.kind == UnitKind::Pdu);
        let (mut state, label) = read_state(room_id, events.filter_map(|unit| unit.value.ok()));
        let label = remembered(active.bundle()?, label, OffsetDateTime::now_utc());
        state.label = label
            .as_ref()
            .and_then(|label| read_label(label.as_value()));
        self.learn(Entry::Room(RoomEntry {
            room_id: room_id.into(),
            version: state.version.map(|version| version.as_str().into()),
            creator: state.creator.as_deref().map(Into::into),
            label: is_present.then_some(label),
            ..RoomEntry::default()
        }))
        .await?;
        Ok(Some(state))
    }

    async fn learn(&self, entry: Entry) -> Result<(), Refusal> {
        let failed = |error| {
            Refusal::ourselves(
                "gateway.audit",
                format!("the audit log cannot be written: {error}"),
            )
        };
        self.audit
            .record(vec![entry])
            .await
            .map(drop)
            .map_err(failed)
    }
}

/// Version, creator, and what stands where the room's label would.
fn read_state(
    room_id: &str,
    events: impl Iterator<Item = Object>,
) -> (RoomState, Result<Option<Label>, LabelError>) {
    let (mut state, mut label) = (RoomState::default(), Ok(None));
    for event in events {
        if let Some((_, version)) = read_create(&event).filter(|(room, _)| room == room_id) {
            state.version = Some(version);
            state.creator = text(&event, "sender").map(str::to_owned);
        }
        if text(&event, "type") == Some(ROOM_LABEL_TYPE) && text(&event, "state_key") == Some("") {
            label = match event.get("content") {
                Some(Value::Object(content)) => Label::from_room_state(content),
                _ => Ok(None),
            };
        }
    }
    (state, label)
}

fn read_label(value: &serde_json::Value) -> Option<Label> {
    serde_json::from_value(value.clone()).ok()
}

/// A label as the record keeps it: a valid one as it is. Of any other only that there was one, by a label that nobody is
/// cleared for, because its names could be content.
pub(crate) fn remembered(
    bundle: &Bundle,
    label: Result<Option<Label>, LabelError>,
    at: OffsetDateTime,
) -> Option<LabelValue> {
    match label {
        Ok(None) => None,
        Ok(Some(label)) if bundle.spifs.is_valid(&label, at) => {
            LabelValue::new(label.to_json()).or_else(invalid_label)
        }
        Ok(Some(_)) | Err(_) => invalid_label(),
    }
}

fn invalid_label() -> Option<LabelValue> {
    LabelValue::new(serde_json::json!({
        "PolicyIdentifier": {"name": "sluice:invalid"}, "Classification": "invalid", "Category": []
    }))
}

fn first_previous(event: &Object) -> Option<String> {
    match event.get("prev_events")? {
        Value::Array(list) => list.iter().find_map(|id| match id {
            Value::String(id) if sluice_policy::ids::is_event_id(id) => Some(id.clone()),
            _ => None,
        }),
        _ => None,
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    match object.get(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
