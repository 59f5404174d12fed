//! A case as the decision sees it. Cases that the protocol has decided already have none.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};
use sluice_policy::decide::UnitFacts;
use sluice_policy::dlp::Around;
use sluice_policy::facts::Kind;
use sluice_policy::label::RoomLabel;
use sluice_policy::pdu::Integrity;

use super::heard::Heard;
use crate::collect::{Case, Collected, Material, PduCase, target_facts};
use crate::route::UnitKind;

/// `room_id` is the room in the path; stripped state and templates are of it.
pub(super) fn of<'a>(
    room_id: Option<&'a str>,
    case: &'a Case,
    collected: &'a Collected,
    heard: Option<&'a Heard>,
) -> Option<UnitFacts<'a>> {
    let room = collected.room.as_ref();
    let blank = |content| UnitFacts {
        kind: kind(case.kind),
        content,
        event_type: "",
        sender: None,
        state_key: None,
        room_id,
        room_version: None,
        targets: Vec::new(),
        room: None,
        previous_room: None,
        redacted: false,
        seen: &[],
        around: Around::default(),
    };
    match case.material.as_ref().ok()? {
        Material::Pdu(pdu) if pdu.denial.is_some() || pdu.integrity == Integrity::Redacted => None,
        Material::Pdu(pdu) if pdu.returned.is_some() => None,
        Material::Pdu(pdu) => Some(UnitFacts {
            seen: collected.seen(pdu.pdu.room_id()),
            around: heard.map(Heard::around).unwrap_or_default(),
            ..event(pdu)
        }),
        Material::Edu(edu) => Some(UnitFacts {
            event_type: edu.edu.kind().as_str(),
            room_id: one_room(&edu.edu.room_ids()),
            room: edu.room.as_ref(),
            ..blank(edu.edu.content())
        }),
        Material::Listed(listed) => Some(UnitFacts {
            room_id: Some(&listed.room_id),
            room: Some(&listed.room),
            ..blank(&listed.tree)
        }),
        Material::Plain(tree) => Some(UnitFacts {
            room: room
                .filter(|_| matches!(case.kind, UnitKind::StrippedState | UnitKind::Template)),
            ..state(tree, blank(state_content(case.kind, tree)))
        }),
    }
}

/// An event with what it relates to and its room.
pub(crate) fn event(case: &PduCase) -> UnitFacts<'_> {
    let pdu = &case.pdu;
    UnitFacts {
        kind: Kind::Pdu,
        content: pdu.content(),
        event_type: pdu.kind(),
        sender: Some(pdu.sender()),
        state_key: pdu.state_key(),
        room_id: Some(pdu.room_id()),
        room_version: Some(pdu.version().as_str()),
        targets: target_facts(&case.targets),
        room: case.room.as_ref(),
        // What a room's history holds was lowered, if at all, before; only what is new lowers, and only what was said.
        previous_room: case
            .room
            .as_ref()
            .filter(|room| case.is_news && pdu.is_label_state() && **room != RoomLabel::default()),
        redacted: false,
        seen: &[],
        around: Around::default(),
    }
}

/// The room of what is of one room alone: a detector for another one must not be kept from looking.
fn one_room<'a>(rooms: &[&'a str]) -> Option<&'a str> {
    match rooms {
        [room] => Some(room),
        _ => None,
    }
}

/// A stripped event or a template is shown as the event that it stands for; anything else as it is.
fn state<'a>(tree: &'a Object, blank: UnitFacts<'a>) -> UnitFacts<'a> {
    let text = |key: &str| tree.get(key).and_then(Value::as_str);
    match blank.kind {
        Kind::StrippedState | Kind::Template => UnitFacts {
            event_type: text("type").unwrap_or_default(),
            sender: text("sender"),
            state_key: text("state_key"),
            ..blank
        },
        _ => blank,
    }
}

fn state_content(kind: UnitKind, tree: &Object) -> &Object {
    match (kind, tree.get("content")) {
        (UnitKind::StrippedState | UnitKind::Template, Some(Value::Object(content))) => content,
        _ => tree,
    }
}

const fn kind(kind: UnitKind) -> Kind {
    match kind {
        UnitKind::Pdu => Kind::Pdu,
        UnitKind::StrippedState => Kind::StrippedState,
        UnitKind::Template => Kind::Template,
        UnitKind::Edu => Kind::Edu,
        UnitKind::Profile => Kind::Profile,
        UnitKind::DeviceList => Kind::DeviceList,
        UnitKind::Keys => Kind::Keys,
        UnitKind::Claim => Kind::Claim,
        UnitKind::Ids => Kind::Ids,
        UnitKind::Directory => Kind::Directory,
        UnitKind::Search => Kind::Search,
        UnitKind::Alias => Kind::Alias,
        UnitKind::Summary => Kind::Summary,
    }
}
