//! Room knowledge: version, label and the labels of target events, learned from what crosses, and where that is not
//! enough by asking our own homeserver in the name of the joined peer.
//!
//! Part of stage `collect`. What is learned is an audit entry first, so that a lost journal finds it again.

use std::collections::BTreeSet;
use std::time::Instant;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};
use sluice_policy::bundle::Bundle;
use sluice_policy::decide;
use sluice_policy::ids::is_hash_room_id;
use sluice_policy::label::{Clearance, Label, LabelError, ROOM_LABEL_TYPE, RoomLabel};
use sluice_policy::link::HighWater;
use sluice_policy::pdu::{Integrity, Pdu, RoomVersion};
use time::OffsetDateTime;

use crate::asks::HOMESERVER_FAILED;
use crate::audit::entry::{Entry, LabelValue, RoomEntry, Text};
use crate::collect::{broken_journal, read_create};
use crate::exchange::{Exchange, Way};
use crate::gateway::{Active, Gateway};
use crate::joins::Patience;
use crate::journal::Room;
use crate::keystore::KeyPatience;
use crate::parse::Parsed;
use crate::refusal::Refusal;
use crate::route::{Op, UnitKind, encode};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// What a room's state says.
#[derive(Debug, Clone, Default, PartialEq)]
struct RoomState {
    version: Option<RoomVersion>,
    creator: Option<String>,
    label: RoomLabel,
    /// Id of the event that labels it, where its version is known.
    label_event: Option<String>,
    /// Who sent that event.
    labelled_by: Option<String>,
    /// Whether that event stands there in its redacted form.
    kept_back: bool,
    /// The servers of its members and invited users.
    servers: BTreeSet<String>,
}

/// What is asked about a room.
#[derive(Debug)]
struct Question<'a> {
    room_id: &'a str,
    /// The event that the answer is for.
    event: &'a Object,
    /// Its id; `None` while the room's version is not known, because that makes the id.
    event_id: Option<&'a str>,
    /// Whether our homeserver gives the event out, and so has it.
    outbound: bool,
}

impl<'a> Question<'a> {
    fn about(pdu: &'a Pdu, outbound: bool) -> Self {
        Self {
            room_id: pdu.room_id(),
            event: pdu.object(),
            event_id: Some(pdu.event_id()),
            outbound,
        }
    }
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
        let question = Question {
            room_id,
            event,
            event_id: None,
            outbound,
        };
        let state = self.ask_room(active, exchange, &question, patience).await?;
        Ok(state.and_then(|state| state.version))
    }

    /// What the journal knows of a room's label.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn known_room(&self, room_id: &str) -> Result<RoomLabel, Refusal> {
        let room = self.journal.room(room_id).map_err(broken_journal)?;
        Ok(room.map(read_room).unwrap_or_default())
    }

    /// Whether the journal knows if a room has a label, and which.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn knows_room_label(&self, room_id: &str) -> Result<bool, Refusal> {
        let room = self.journal.room(room_id).map_err(broken_journal)?;
        Ok(room.is_some_and(|room| room.label.is_some()))
    }

    /// What the room of an event says, asked for where the journal does not know it, or no longer for sure; `None` where
    /// nobody knows. What was known counts until our homeserver answers.
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
    ) -> Result<Option<RoomLabel>, Refusal> {
        let room = self.journal.room(pdu.room_id()).map_err(broken_journal)?;
        let stale = room.as_ref().is_some_and(|room| room.stale);
        let known = room.filter(|room| room.label.is_some()).map(read_room);
        // What no loaded policy knew may be known under another bundle.
        let is_nobodys = known.as_ref().is_some_and(RoomLabel::is_nobodys);
        if known.is_some() && !stale && !is_nobodys {
            return Ok(known);
        }
        let question = Question::about(pdu, outbound);
        let state = self.ask_room(active, exchange, &question, patience).await?;
        Ok(state.map(|state| state.label).or(known))
    }

    /// Whether a copy of an event is the whole of it: our homeserver gives a peer the redacted form of what the peer may
    /// not see, and that says nothing about the label.
    pub(crate) async fn is_whole(
        &self,
        active: &Active,
        exchange: &Exchange,
        found: &Pdu,
        patience: &mut KeyPatience,
    ) -> Result<bool, Refusal> {
        let servers = found.required_servers();
        for server in &servers {
            if !self.knows_server(active, exchange, server) {
                return Ok(false);
            }
            let key_id = found.key_id_of(server);
            if !self
                .has_keys(active, exchange, server, key_id, patience)
                .await?
            {
                return Ok(false);
            }
        }
        let integrity = found.verify(&self.keys.view(&servers));
        Ok(integrity == Ok(Integrity::Whole))
    }

    /// Asks our homeserver for an event of the room of `pdu`; once more where it has come into that room meanwhile. That
    /// it lacks the event is no reason to wait: it lacks all that was said before it joined.
    pub(crate) async fn ask_event(
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
        let question = Question::about(pdu, outbound);
        self.ask_room(active, exchange, &question, patience).await?;
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
        question: &Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<RoomState>, Refusal> {
        loop {
            // Looked up before the question: another request may learn meanwhile that the join has ended.
            let joining = self.is_joining(exchange, question.room_id);
            let state = self.ask_room_now(active, exchange, question).await?;
            if state.is_some() {
                self.joins.end(&exchange.local, question.room_id);
            }
            if state.is_some() || !joining || !patience.pause().await {
                return Ok(state);
            }
        }
    }

    /// Asks our homeserver for a room's state before an event. The answer is the state before the event that is named, so
    /// an event of its own is named itself: the one before it may be the very state that labels the room. Where it lacks
    /// the event, the one before is named; where it lacks that too, one at the room's present end: a homeserver that
    /// catches up after an outage sends only the newest event of each room.
    async fn ask_room_now(
        &self,
        active: &Active,
        exchange: &Exchange,
        question: &Question<'_>,
    ) -> Result<Option<RoomState>, Refusal> {
        let Question { room_id, event, .. } = *question;
        let sent = exchange.route.endpoint.op == Op::Send;
        if let Some(event_id) = question.event_id.filter(|_| question.outbound) {
            // A peer chooses what it pulls; only what our homeserver sends stands at the room's present end.
            let state = self
                .ask_state(active, exchange, room_id, event_id, sent)
                .await?;
            if state.is_some() {
                return Ok(state);
            }
        }
        // A peer chooses what its event stands behind, too: its word about the room's label is held against the present.
        let before = first_previous(event).filter(|_| question.outbound || !is_label_state(event));
        if let Some(before) = before {
            let state = self
                .ask_state(active, exchange, room_id, &before, false)
                .await?;
            if state.is_some() {
                return Ok(state);
            }
        }
        if !sent {
            return Ok(None);
        }
        let Some(end) = self.ask_end(active, exchange, room_id, event).await? else {
            return Ok(None);
        };
        let is_present = !self.labels_room(active, exchange, &end).await?;
        self.ask_state(active, exchange, room_id, &end, is_present)
            .await
    }

    /// Whether an event of our homeserver labels its room, so that the state before it is not the room's present one.
    async fn labels_room(
        &self,
        active: &Active,
        exchange: &Exchange,
        event_id: &str,
    ) -> Result<bool, Refusal> {
        let target = format!("/_matrix/federation/v1/event/{}", encode(event_id));
        let answer = self.ask(active, exchange, &target).await?;
        let found =
            answer.and_then(|answer| answer.units.into_iter().find_map(|unit| unit.value.ok()));
        Ok(found.is_none_or(|event| is_label_state(&event)))
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

    /// Asks our homeserver for a room's state before an event, in the name of the peer's homeserver. Where `is_present`,
    /// that is the room's present state and its label is kept; a peer could choose an old event.
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
        let bundle = active.bundle()?;
        // What the room said before the refused event is no longer known then, so that nobody is cleared for the room
        // until somebody with authority labels it.
        let refused = match &state.label_event {
            Some(event_id) => self.is_refused_lowering(event_id)?,
            None => false,
        };
        let at = OffsetDateTime::now_utc();
        // What was redacted is not known. Here somebody took a label away, and nobody is cleared until there is another;
        // of a peer's room, its gateway kept the label back, and its events are judged by what they say themselves.
        let ours = exchange.outbound(Way::Request) && exchange.route.endpoint.op == Op::Send;
        state.label = match refused || (state.kept_back && ours) {
            true => RoomLabel::from(Label::nobody()),
            false => truthful(bundle, label, at),
        };
        let sender = state.labelled_by.as_deref();
        state.label = self.in_force(active, exchange, room_id, state.label, sender)?;
        let known = RoomEntry {
            room_id: room_id.into(),
            version: state.version.map(|version| version.as_str().into()),
            creator: state.creator.as_deref().map(Into::into),
            servers: state
                .servers
                .iter()
                .filter(|server| active.peers.by_server(server).is_some())
                .map(|server| Text::from(server.as_str()))
                .take(Entry::SERVERS)
                .collect(),
            ..RoomEntry::default()
        };
        let entry = match is_present && (ours || !state.kept_back) {
            true => labelled(known, &state.label),
            false => known,
        };
        self.recorded(Entry::Room(entry)).await?;
        Ok(Some(state))
    }

    /// What counts for a room that is now said to say `said`: that, or what was known before, where it lowers that and
    /// `sender` may not (MX-7).
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn in_force(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
        said: RoomLabel,
        sender: Option<&str>,
    ) -> Result<RoomLabel, Refusal> {
        if !self.knows_room_label(room_id)? {
            return Ok(said);
        }
        let known = self.known_room(room_id)?;
        if known.is_nobodys() {
            return Ok(said);
        }
        let name = exchange.link(Way::Request);
        let link = active.link_context(exchange, Way::Request, &name)?;
        let (bundle, at) = (active.bundle()?, OffsetDateTime::now_utc());
        let links = active.link_names();
        let (before, after) = (&known, &said);
        match decide::may_replace(bundle, &link, &links, (before, after), sender, at) {
            true => Ok(said),
            false => Ok(known),
        }
    }

    /// Whether an event that labels a room was denied because it lowers (MX-7), on whichever link.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn is_refused_lowering(&self, event_id: &str) -> Result<bool, Refusal> {
        let denied = self
            .journal
            .was_denied_by(event_id, decide::LABEL_ROOM_LOWERED);
        denied.map_err(broken_journal)
    }

    /// The labels of what crossed lately in a room, where the link keeps a high-water mark (MX-12).
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) fn water(
        &self,
        active: &Active,
        link: &str,
        room_id: &str,
    ) -> Result<Vec<Label>, Refusal> {
        let Some(HighWater { events, hours }) =
            active.bundle()?.link(link).and_then(|link| link.high_water)
        else {
            return Ok(Vec::new());
        };
        let since = crate::gateway::now_ms().saturating_sub(i64::from(hours) * HOUR_MS);
        let labels = self.journal.water(link, room_id, since, events);
        let labels = labels.map_err(broken_journal)?;
        let read = |label| read_label(label).unwrap_or_else(Label::nobody);
        Ok(labels.iter().map(read).collect())
    }
}

/// Version, creator, and what stands where the room's label would.
fn read_state(
    room_id: &str,
    events: impl Iterator<Item = Object>,
) -> (RoomState, Result<RoomLabel, LabelError>) {
    let (mut state, mut label) = (RoomState::default(), Ok(RoomLabel::default()));
    let mut labelling = None;
    for event in events {
        if let Some((_, version)) = read_create(&event).filter(|(room, _)| room == room_id) {
            state.version = Some(version);
            state.creator = text(&event, "sender").map(str::to_owned);
        }
        state.servers.extend(member_server(&event));
        if is_label_state(&event) {
            label = match event.get("content") {
                Some(Value::Object(content)) => RoomLabel::from_content(content),
                _ => Ok(RoomLabel::default()),
            };
            state.labelled_by = text(&event, "sender").map(str::to_owned);
            state.kept_back =
                matches!(event.get("content"), Some(Value::Object(content)) if content.is_empty());
            labelling = Some(event);
        }
    }
    let pdu = state.version.zip(labelling);
    let pdu = pdu.and_then(|(version, event)| Pdu::read(event, version).ok());
    state.label_event = pdu.map(|pdu| pdu.event_id().to_owned());
    (state, label)
}

/// A bare membership of somebody of a server: all of it that [`member_server`] looks at.
pub(crate) fn member_of(server: &str) -> Object {
    let text = |text: &str| Value::String(text.to_owned());
    let content = Object::from([("membership".to_owned(), text("join"))]);
    Object::from([
        ("type".to_owned(), text("m.room.member")),
        ("state_key".to_owned(), text(&format!("@somebody:{server}"))),
        ("content".to_owned(), Value::Object(content)),
    ])
}

/// The server of a user who is in the room, or invited.
pub(crate) fn member_server(event: &Object) -> Option<String> {
    if text(event, "type") != Some("m.room.member") {
        return None;
    }
    let Some(Value::Object(content)) = event.get("content") else {
        return None;
    };
    let is_there = matches!(text(content, "membership"), Some("join" | "invite"));
    let user = text(event, "state_key").filter(|_| is_there)?;
    sluice_policy::ids::user_server(user).map(str::to_owned)
}

fn is_label_state(event: &Object) -> bool {
    text(event, "type") == Some(ROOM_LABEL_TYPE) && text(event, "state_key") == Some("")
}

pub(crate) fn read_label(value: &serde_json::Value) -> Option<Label> {
    serde_json::from_value(value.clone()).ok()
}

/// A label as the record keeps it: a valid one in its policy's words, without free text. Of any other only that there was
/// one, by a label that nobody is cleared for, because its names could be content.
pub(crate) fn remembered(
    bundle: &Bundle,
    label: Result<Option<Label>, LabelError>,
    at: OffsetDateTime,
) -> Option<LabelValue> {
    match label {
        Ok(None) => None,
        Ok(Some(label)) => {
            let kept = bundle.spifs.recordable(&label, at);
            kept.and_then(|label| LabelValue::new(label.to_record()))
                .or_else(invalid_label)
        }
        Err(_) => invalid_label(),
    }
}

/// What a room's label state says, as it may be kept and held against, in the words of its policy: names that a loaded
/// policy does not know and free texts could be content. Of a label or clearance with such names, or of a label that a
/// free text decides, only remains that nobody is cleared for the room.
pub(crate) fn truthful(
    bundle: &Bundle,
    read: Result<RoomLabel, LabelError>,
    at: OffsetDateTime,
) -> RoomLabel {
    let nobody = || RoomLabel::from(Label::nobody());
    let Ok(RoomLabel {
        label,
        clearance,
        may_lower,
    }) = read
    else {
        return nobody();
    };
    let spifs = &bundle.spifs;
    let kept_label = label.as_ref().map(|label| spifs.recordable(label, at));
    let fits = |clearance: &Clearance| LabelValue::new(clearance.to_json()).is_some();
    let kept_clearance = clearance
        .as_ref()
        .map(|clearance| spifs.recordable_clearance(clearance).filter(fits));
    if kept_label == Some(None) || kept_clearance == Some(None) {
        return nobody();
    }
    RoomLabel {
        label: kept_label.flatten(),
        clearance: kept_clearance.flatten(),
        may_lower,
    }
}

/// The entry with what a room's label state says, which [`truthful`] has seen.
pub(crate) fn labelled(entry: RoomEntry, room: &RoomLabel) -> RoomEntry {
    let label = room.label.as_ref().map(Label::to_record);
    let clearance = room.clearance.as_ref().map(serde_json::to_value);
    RoomEntry {
        label: Some(label.and_then(|label| LabelValue::new(label).or_else(invalid_label))),
        clearance: clearance.and_then(Result::ok).and_then(LabelValue::new),
        may_lower: room
            .may_lower
            .iter()
            .map(|user| Text::from(user.as_str()))
            .collect(),
        ..entry
    }
}

/// What the journal keeps of a room's label; a clearance that is no longer one clears nobody.
fn read_room(room: Room) -> RoomLabel {
    let clearance = room.clearance.map(serde_json::from_value::<Clearance>);
    let label = room.label.flatten();
    RoomLabel {
        label: match &clearance {
            Some(Err(_)) => Some(Label::nobody()),
            Some(Ok(_)) | None => {
                label.map(|label| read_label(&label).unwrap_or_else(Label::nobody))
            }
        },
        clearance: clearance.and_then(Result::ok),
        may_lower: room.may_lower,
    }
}

/// Stands where there was a label whose names could be content.
fn invalid_label() -> Option<LabelValue> {
    LabelValue::new(Label::nobody().to_json())
}

pub(crate) fn first_previous(event: &Object) -> Option<String> {
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
