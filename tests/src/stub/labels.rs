//! Labels, clearances and links of the tests of labels, and what the record says of an event.

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{LinkPolicy, RequireLabel};
use sluice_policy::pdu::RoomVersion;

use super::peer::StubPeer;
use super::room::{Actor, Event, Room};
use super::wire::Reply;
use super::{World, errors, policy};

/// Key of an event's label.
pub const LABEL: &str = "org.sluice.confidentiality";
/// Type of the state event that labels a room.
pub const ROOM_LABEL: &str = "org.sluice.room_confidentiality";
/// The lowest level of the sample policy.
pub const OFFEN: &str = "OFFEN";
/// The next one.
pub const NFD: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
/// One that no link of these tests is cleared for, unless they say so.
pub const GEHEIM: &str = "GEHEIM";

/// A category: tag set, type, values.
pub type Chosen<'a> = (&'a str, &'a str, &'a [&'a str]);

/// What may cross, and what the zone may hold.
#[derive(Debug)]
pub struct Clearances {
    /// What may be sent to the peer.
    pub send: Value,
    /// What may be received from it.
    pub receive: Value,
    /// The zone's own, where it has one.
    pub zone: Option<Value>,
}

impl Default for Clearances {
    fn default() -> Self {
        let both = clearance("DE-SAMPLE", &[OFFEN, NFD], &[]);
        Self {
            send: both.clone(),
            receive: both,
            zone: None,
        }
    }
}

/// A label of the German sample policy.
#[must_use]
pub fn label(level: &str) -> Value {
    label_of("DE-SAMPLE", level, &[])
}

/// A label.
#[must_use]
pub fn label_of(policy: &str, level: &str, categories: &[Chosen<'_>]) -> Value {
    let mut label = json!({"PolicyIdentifier": {"name": policy}, "Classification": level});
    label["Category"] = chosen(categories);
    label
}

/// A clearance.
#[must_use]
pub fn clearance(policy: &str, levels: &[&str], categories: &[Chosen<'_>]) -> Value {
    let mut clearance = json!({"PolicyIdentifier": {"name": policy}, "ClassificationList": levels});
    clearance["Category"] = chosen(categories);
    clearance
}

/// The content of a room's label state with this label, in which every level of these tests may be said.
#[must_use]
pub fn wide(level: &str) -> Value {
    let ceiling = clearance("DE-SAMPLE", &[OFFEN, NFD, GEHEIM], &[]);
    json!({"label": label(level), "clearance": ceiling})
}

fn chosen(categories: &[Chosen<'_>]) -> Value {
    let category = |(set, kind, values): &Chosen<'_>| json!({"TagName": set, "Type": kind, "GenericValue": values});
    categories.iter().map(category).collect()
}

/// The shipped policy under which what people write must be labelled on every link.
#[must_use]
pub fn demanding() -> BundleParts {
    links(|_| {})
}

/// As [`demanding`], with a change to every link.
#[must_use]
pub fn links(change: impl Fn(&mut LinkPolicy)) -> BundleParts {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.require_label = RequireLabel::Event;
        change(link);
    }
    parts
}

/// A message that says nothing of its label.
#[must_use]
pub fn plain(text: &str) -> Value {
    json!({"msgtype": "m.text", "body": text})
}

/// A message with a label.
#[must_use]
pub fn labelled(text: &str, label: &Value) -> Value {
    let mut content = plain(text);
    content[LABEL] = label.clone();
    content
}

/// The content as an answer to an event.
#[must_use]
pub fn answering(mut content: Value, target: &Event) -> Value {
    content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": target.id}});
    content
}

/// The content as an edit of an event.
#[must_use]
pub fn editing(content: Value, target: &Event) -> Value {
    let mut edit = content.clone();
    edit["m.new_content"] = content;
    edit["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": target.id});
    edit
}

/// A reaction to an event.
#[must_use]
pub fn reacting(target: &Event) -> Value {
    json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": target.id, "key": "+1"}})
}

/// Whose homeserver sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Ours: alice's.
    Ours,
    /// The peer's: bob's.
    Theirs,
}

/// Both directions of a link.
pub const SIDES: [Side; 2] = [Side::Ours, Side::Theirs];

impl Room {
    /// The next message with this content.
    pub fn says(&mut self, sender: &Actor, content: Value) -> Event {
        self.event(sender, "m.room.message", None, content)
    }

    /// The next state event that labels the room.
    pub fn labels(&mut self, sender: &Actor, content: Value) -> Event {
        self.event(sender, ROOM_LABEL, Some(""), content)
    }
}

/// An id as it stands in a path.
#[must_use]
pub fn encoded(id: &str) -> String {
    id.replace('!', "%21")
        .replace('$', "%24")
        .replace('@', "%40")
        .replace(':', "%3A")
}

/// Begin of the federation API's paths.
const V1: &str = "/_matrix/federation/v1";

impl World {
    /// Our homeserver says that this was a room's state before the event; of every event where there is none.
    pub fn homeserver_says(&self, room: &Room, before: Option<&Event>, state: &[&Event]) {
        let state: Vec<&Value> = state.iter().map(|event| &event.json).collect();
        let answer = json!({"pdus": state, "auth_chain": []});
        let before = before.map_or_else(String::new, |event| encoded(&event.id));
        let what = format!("GET {V1}/state/{}?event_id={before}", encoded(&room.id));
        self.homeserver.far.on(&what, 200, &answer);
    }

    /// Our homeserver does not have this event of a room.
    pub fn homeserver_lacks(&self, room: &Room, event: &Event) {
        let missing = json!({"errcode": "M_NOT_FOUND", "error": "not here"});
        let (room, event) = (encoded(&room.id), encoded(&event.id));
        let what = format!("GET {V1}/state/{room}?event_id={event}");
        self.homeserver.far.on(&what, 404, &missing);
    }

    /// Our homeserver has this event, and gives it out.
    pub fn homeserver_has(&self, event: &Event) {
        let answer = super::answer_of("pdus", "high.test", std::slice::from_ref(event));
        let what = format!("GET {V1}/event/{}", encoded(&event.id));
        self.homeserver.far.on(&what, 200, &answer);
    }

    /// Our homeserver says that a room ends at this event, to a user of the peer's who could leave it.
    pub fn homeserver_ends(&self, room: &Room, end: &Event) {
        let template = json!({
            "type": "m.room.member", "room_id": room.id, "sender": "@bob:low.test", "state_key": "@bob:low.test",
            "content": {"membership": "leave"}, "depth": 9, "prev_events": [end.id], "auth_events": [],
            "origin_server_ts": 1,
        });
        let answer = json!({"room_version": room.version.as_str(), "event": template});
        let what = format!("GET {V1}/make_leave/{}/", encoded(&room.id));
        self.homeserver.far.on(&what, 200, &answer);
        self.homeserver_has(end);
    }

    /// By which level an event was judged last.
    #[must_use]
    pub fn level_of(&self, event: &Event) -> Value {
        self.decision(&event.id)["label"]["classification"].clone()
    }

    /// Who speaks on a side.
    #[must_use]
    pub fn speaker(&self, side: Side) -> Actor {
        match side {
            Side::Ours => self.alice(),
            Side::Theirs => self.bob(),
        }
    }

    /// One side's homeserver sends events.
    #[must_use]
    pub fn sends(&self, side: Side, events: &[Event]) -> Reply {
        match side {
            Side::Ours => self.alice_sends(events),
            Side::Theirs => self.bob_sends(events),
        }
    }

    /// Sends events in one transaction, and gives for each the rule that denied it; `""` where it crossed as it is.
    ///
    /// # Panics
    /// Where the answer and the record do not agree.
    #[must_use]
    pub fn judged(&self, side: Side, events: &[Event]) -> Vec<String> {
        self.rules_of(&self.sends(side, events), events)
    }

    /// alice's homeserver sends one event to this peer's; as [`World::judged`].
    #[must_use]
    pub fn judged_for(&self, peer: &StubPeer, event: &Event) -> String {
        let events = std::slice::from_ref(event);
        self.rules_of(&self.alice_sends_to(peer, events), events)
            .concat()
    }

    fn rules_of(&self, reply: &Reply, events: &[Event]) -> Vec<String> {
        assert_eq!(
            reply.status,
            200,
            "{}\n{}",
            reply.text(),
            self.gateway.log()
        );
        let refused = errors(reply);
        let judged = events.iter().map(|event| {
            let rule = self.denial_of(&event.id);
            assert_eq!(
                rule.is_empty(),
                !refused.contains(&event.id),
                "{rule}: {}",
                reply.text()
            );
            rule
        });
        judged.collect()
    }

    /// Sends one event; as [`World::judged`].
    #[must_use]
    pub fn judged_one(&self, side: Side, event: &Event) -> String {
        self.judged(side, std::slice::from_ref(event)).concat()
    }

    /// The rule that denied an event the last time it was judged; `""` where it was released.
    #[must_use]
    pub fn denial_of(&self, event_id: &str) -> String {
        let line = self.decision(event_id);
        match line["verdict"].as_str() {
            Some("release") => String::new(),
            _ => line["rule"].as_str().unwrap_or("no line").to_owned(),
        }
    }

    /// The newest audit line about an event; `Null` where there is none.
    #[must_use]
    pub fn decision(&self, event_id: &str) -> Value {
        let about = |line: &Value| line["kind"] == "event" && line["event_id"] == event_id;
        let lines = self.gateway.audit();
        lines.into_iter().rev().find(about).unwrap_or_default()
    }

    /// A room of alice's whose label state says this, in which both are.
    #[must_use]
    pub fn labelled_room(&self, content: Value) -> Room {
        let mut room = self.alices_room(RoomVersion::V12);
        let state = room.labels(&self.alice(), content);
        // What is above the link's clearance is denied on the way, and known all the same.
        let _denied = self.judged_one(Side::Ours, &state);
        self.forget();
        room
    }
}
