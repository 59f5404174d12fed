//! One event as `policy decide` and `policy explain` read it: the event, and what a gateway would know around it.
//!
//! ```json
//! {"id": "any", "room_version": "12", "event": {...},
//!  "room": {"label": LABEL, "clearance": CLEARANCE, "may_lower": ["@user:server"]},
//!  "targets": {"$event_id": LABEL_OR_NULL}}
//! ```
//!
//! `room` is the room's state without the event. With `targets`, an event that the event relates to and that is not
//! among them is unknown; without, the event is judged as if it related to none.

use serde_json::Value;
use sluice_policy::{
    decide::{LABEL_MALFORMED, Relation, Target, TargetFacts, UnitFacts, relations},
    dlp::Around,
    facts::Kind,
    json::{Limits, Object, Tree, parse_envelope},
    label::{Label, ROOM_LABEL_TYPE, RoomLabel},
    pdu::RoomVersion,
};

/// Bytes of one line at most.
pub(super) const LINE_BYTES: usize = 1024 * 1024;

/// Rule: a room version that the gateway does not know.
pub(super) const ROOM_VERSION_UNKNOWN: &str = "protocol.room_version";

/// What a line is.
#[derive(Debug)]
pub(super) enum Line {
    /// An event that can be judged.
    Event(Box<Known>),
    /// One that is refused by this rule before that.
    Refused {
        /// As given.
        id: Value,
        /// The rule.
        rule: String,
    },
}

/// An event with its surroundings.
#[derive(Debug)]
pub(super) struct Known {
    /// As given.
    pub(super) id: Value,
    version: RoomVersion,
    event: Object,
    content: Object,
    room: Option<RoomLabel>,
    /// `None` for an event that is not known.
    targets: Vec<(Relation, Option<Option<Label>>)>,
}

/// Reads a line. A fault inside the event condemns the event; a line of another shape is wrong, and this says how.
pub(super) fn read(line: &[u8]) -> Result<Line, String> {
    let limits = Limits {
        bytes: LINE_BYTES,
        ..Limits::REQUEST
    };
    let mut envelope = parse_envelope(line, &["/event"], &limits, &Limits::PDU, Limits::PDU.nodes)
        .map_err(|fault| fault.rule().to_owned())?;
    let id = envelope.rest.get("id").map_or(Value::Null, |id| {
        serde_json::to_value(id).unwrap_or(Value::Null)
    });
    let element = match (envelope.elements.pop(), envelope.elements.pop()) {
        (Some(element), None) => element.value,
        _ => {
            return Err(
                "there is no event; write {\"id\",\"room_version\",\"event\",\"room\"}".to_owned(),
            );
        }
    };
    match element {
        Ok(Tree::Object(event)) => known(id, &envelope.rest, event),
        Ok(_) => Err("event is not an object".to_owned()),
        Err(fault) => Ok(Line::Refused {
            id,
            rule: fault.rule().to_owned(),
        }),
    }
}

fn known(id: Value, line: &Object, event: Object) -> Result<Line, String> {
    let (Some(_), Some(Tree::Object(content))) = (text(&event, "type"), event.get("content"))
    else {
        return Err("event has no type or no content".to_owned());
    };
    let content = content.clone();
    let Some(version) = text(line, "room_version") else {
        return Err("room_version is missing; write \"10\", \"11\" or \"12\"".to_owned());
    };
    let refused = |id, rule: &str| {
        Ok(Line::Refused {
            id,
            rule: rule.to_owned(),
        })
    };
    let Some(version) = RoomVersion::parse(version) else {
        return refused(id, ROOM_VERSION_UNKNOWN);
    };
    let labels = match line.get("targets") {
        None | Some(Tree::Null) => None,
        Some(Tree::Object(labels)) => Some(labels),
        Some(_) => {
            return Err(
                "targets is not an object; write {\"$event_id\": label or null}".to_owned(),
            );
        }
    };
    let targets = labels.map_or(Ok(Vec::new()), |labels| targets(version, &event, labels));
    let (Ok(room), Ok(targets)) = (room(line), targets) else {
        return refused(id, LABEL_MALFORMED);
    };
    Ok(Line::Event(Box::new(Known {
        id,
        version,
        content,
        room,
        targets,
        event,
    })))
}

/// Something stands in a label's place that is none.
struct Malformed;

/// What `room` says of its label; `null` and nothing are no label.
fn room(line: &Object) -> Result<Option<RoomLabel>, Malformed> {
    let room = match line.get("room") {
        None | Some(Tree::Null) => return Ok(None),
        Some(Tree::Object(room)) => room,
        Some(_) => return Err(Malformed),
    };
    let says = |key: &str| {
        let value = room.get(key).filter(|value| **value != Tree::Null)?;
        Some((key.to_owned(), value.clone()))
    };
    let content: Object = ["label", "clearance", "may_lower"]
        .into_iter()
        .filter_map(says)
        .collect();
    if content.is_empty() {
        return Ok(None);
    }
    RoomLabel::from_content(&content)
        .map(Some)
        .map_err(|_| Malformed)
}

/// How an event relates to another, and the label that is known of that: `None`: not known; `Some(None)`: it has none.
type RelatedLabel = (Relation, Option<Option<Label>>);

fn targets(
    version: RoomVersion,
    event: &Object,
    labels: &Object,
) -> Result<Vec<RelatedLabel>, Malformed> {
    let label = |tree: &Tree| match tree {
        Tree::Null => Ok(None),
        tree => Label::from_tree(tree).map(Some).map_err(|_| Malformed),
    };
    relations(version, event)
        .into_iter()
        .map(|(relation, id)| Ok((relation, labels.get(id).map(label).transpose()?)))
        .collect()
}

impl Known {
    /// The event as the judgement takes it.
    pub(super) fn unit(&self) -> UnitFacts<'_> {
        let targets = self.targets.iter().map(|(relation, label)| TargetFacts {
            relation: *relation,
            label: match label {
                Some(label) => Target::Known(label.as_ref()),
                None => Target::Unknown,
            },
            by_link: false,
        });
        let (event_type, state_key) = (text(&self.event, "type"), text(&self.event, "state_key"));
        let labels_room = event_type == Some(ROOM_LABEL_TYPE) && state_key == Some("");
        UnitFacts {
            kind: Kind::Pdu,
            event_type: event_type.unwrap_or_default(),
            sender: text(&self.event, "sender"),
            state_key,
            room_id: text(&self.event, "room_id"),
            room_version: Some(self.version.as_str()),
            content: &self.content,
            targets: targets.collect(),
            room: self.room.as_ref(),
            previous_room: self.room.as_ref().filter(|_| labels_room),
            redacted: false,
            seen: &[],
            around: Around::default(),
        }
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Tree::as_str)
}
