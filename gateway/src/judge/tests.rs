//! Whatever the endpoint table carries is looked at by the detectors, wherever in a unit it stands.
#![allow(clippy::unwrap_used, reason = "tests")]

use ruma_common::CanonicalJsonValue;
use serde_json::json;
use sluice_policy::bundle::{BundleSigningKey, BundleVerifyKey};
use sluice_policy::facts::Direction;
use sluice_policy::label::RoomLabel;
use sluice_policy::pdu::{Pdu, RoomVersion};

use super::*;
use crate::route::{Action, ENDPOINTS};
use crate::shipped;

const TAX_ID: &str = "Steuer-ID 86095742719";
const ROOM: &str = "!4h8mOMTHYK4Ow-JZZR1nofCR1CKZNXD-s7cXlOD164I";

fn bundle() -> Bundle {
    let (private, public) = shipped::new_bundle_key().unwrap();
    let key = BundleSigningKey::from_pem(&private).unwrap();
    let archive = Bundle::build(&shipped::demo_parts().unwrap(), &key).unwrap();
    Bundle::open(&archive, &BundleVerifyKey::from_pem(&public).unwrap()).unwrap()
}

fn object(value: serde_json::Value) -> CanonicalJsonObject {
    match value.try_into().unwrap() {
        CanonicalJsonValue::Object(object) => object,
        _ => CanonicalJsonObject::new(),
    }
}

fn case(kind: UnitKind, pattern: &'static str, material: Material) -> Case {
    Case {
        kind,
        pattern,
        index: 0,
        material: Ok(material),
    }
}

fn message(content: serde_json::Value) -> Material {
    event("m.room.message", None, content)
}

fn event(kind: &str, state_key: Option<&str>, content: serde_json::Value) -> Material {
    let mut event = json!({
        "type": kind, "room_id": ROOM, "sender": "@bob:low.test", "content": content, "depth": 1,
        "auth_events": [], "prev_events": [], "origin_server_ts": 1, "hashes": {"sha256": "A".repeat(43)}, "signatures": {},
    });
    if let Some(state_key) = state_key {
        event["state_key"] = json!(state_key);
    }
    let pdu = Pdu::read(object(event), RoomVersion::V12).unwrap();
    Material::Pdu(Box::new(PduCase {
        pdu,
        integrity: Integrity::Whole,
        denial: None,
        closed: None,
        targets: Vec::new(),
        room: None,
        lowering_refused: false,
        is_news: true,
        unasked: false,
        said: None,
        returned: None,
        third: None,
        newcomer: None,
        ticket: None,
        waits_already: false,
    }))
}

fn edu(kind: &str, content: serde_json::Value) -> Material {
    let edu = Edu::read(object(json!({"edu_type": kind, "content": content}))).unwrap();
    Material::Edu(EduCase {
        edu,
        closed: Vec::new(),
        unknown: Vec::new(),
        room: None,
    })
}

/// A unit of the kind with a tax id in it. A new kind must be given one here.
fn planted(kind: UnitKind) -> Material {
    let plain = |value| Material::Plain(object(value));
    let state = |extra: serde_json::Value| {
        let mut state = json!({"type": "m.room.name", "state_key": "", "sender": "@bob:low.test"});
        state["content"] = extra;
        plain(state)
    };
    let listed = |tree| {
        Material::Listed(Box::new(ListedRoom {
            room_id: ROOM.to_owned(),
            tree: object(tree),
            room: RoomLabel::default(),
        }))
    };
    match kind {
        UnitKind::Pdu => message(json!({ "body": TAX_ID })),
        UnitKind::Edu => edu(
            "m.device_list_update",
            json!({"user_id": "@bob:low.test", "device_id": "86095742719", "stream_id": 1, "prev_id": []}),
        ),
        UnitKind::StrippedState | UnitKind::Template => state(json!({ "name": TAX_ID })),
        UnitKind::Profile => plain(json!({ "displayname": TAX_ID })),
        UnitKind::DeviceList => plain(json!({"devices": [{"device_display_name": TAX_ID}]})),
        UnitKind::Keys => {
            plain(json!({"device_keys": {"@bob:low.test": {"DEV": {"note": TAX_ID}}}}))
        }
        UnitKind::Claim => {
            plain(json!({"one_time_keys": {"@bob:low.test": {"DEV": {TAX_ID: "x"}}}}))
        }
        UnitKind::Ids => plain(json!({"device_keys": {"@bob:low.test": [TAX_ID]}})),
        UnitKind::Search => plain(json!({"filter": {"generic_search_term": TAX_ID}})),
        UnitKind::Directory => listed(json!({"room_id": ROOM, "topic": TAX_ID})),
        UnitKind::Alias => listed(json!({"room_id": ROOM, "servers": [TAX_ID]})),
        UnitKind::Summary => listed(json!({"room_id": ROOM, "children_state": [{"note": TAX_ID}]})),
    }
}

fn decided(bundle: &Bundle, case: &Case) -> UnitDecision {
    let link = LinkContext {
        name: "low->high",
        from: "low",
        to: "high",
        direction: Direction::Inbound,
        clearances: Vec::new(),
    };
    let collected = Collected {
        fields: CanonicalJsonObject::new(),
        cases: Vec::new(),
        announced: None,
        room: None,
        encrypted: false,
        water: BTreeMap::new(),
        seen: BTreeMap::new(),
        queued: BTreeSet::new(),
        visit: None,
        thirds: BTreeSet::new(),
    };
    let unit = facts::of(Some(ROOM), case, &collected, None).unwrap();
    let at = OffsetDateTime::now_utc();
    decide::decide_units(bundle, &link, &[unit], at)
        .unwrap()
        .remove(0)
}

#[test]
fn dl_8_every_unit_of_the_endpoint_table_is_scanned() {
    let bundle = bundle();
    let relayed = ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.action == Action::Relay);
    let mut kinds = BTreeSet::new();
    for endpoint in relayed {
        let units = endpoint.request.units.iter().chain(endpoint.response.units);
        for (pattern, kind) in units {
            let case = case(*kind, pattern, planted(*kind));
            let rule = decided(&bundle, &case).decision.rule;
            assert_eq!(
                rule,
                "dlp.de.steuer_id",
                "{} {pattern}",
                endpoint.op.as_str()
            );
            kinds.insert(*kind);
        }
    }
    assert_eq!(kinds.len(), 13, "every kind stands in the table");
}

#[test]
fn dl_8_every_field_of_an_event_is_scanned_also_those_that_nobody_knows() {
    let bundle = bundle();
    let poll = json!({"m.poll": {"question": {"m.text": [{"body": "?"}]}, "answers": [{"m.id": "1", "m.text": [{"body": TAX_ID}]}]}});
    for (kind, state_key, content) in [
        ("m.room.message", None, json!({ "body": TAX_ID })),
        (
            "m.room.message",
            None,
            json!({"body": "x", "formatted_body": format!("<b>{TAX_ID}</b>")}),
        ),
        (
            "m.room.message",
            None,
            json!({"body": "*", "m.new_content": {"body": TAX_ID}}),
        ),
        (
            "m.room.message",
            None,
            json!({"body": "x", "filename": format!("{TAX_ID}.pdf")}),
        ),
        (
            "m.room.message",
            None,
            json!({"body": "x", "file": {"url": "mxc://a/b", "note": TAX_ID}}),
        ),
        (
            "m.room.message",
            None,
            json!({"body": "x", "info": {"thumbnail_info": {"n": 86_095_742_719_i64}}}),
        ),
        ("m.room.message", None, json!({"body": "x", TAX_ID: true})),
        (
            "m.room.message",
            None,
            json!({"body": "x", "org.example": [[{"deep": TAX_ID}]]}),
        ),
        (
            "m.location",
            None,
            json!({"m.location": {"uri": "geo:1,2", "description": TAX_ID}}),
        ),
        ("m.poll.start", None, poll),
        ("m.reaction", None, json!({"m.relates_to": {"key": TAX_ID}})),
        ("m.room.name", Some(""), json!({ "name": TAX_ID })),
        (
            "m.room.topic",
            Some(""),
            json!({"topic": "x", "m.topic": {"m.text": [{"body": TAX_ID}]}}),
        ),
        (
            "m.room.member",
            Some("@bob:low.test"),
            json!({"membership": "join", "displayname": TAX_ID}),
        ),
        (
            "m.room.member",
            Some("@bob:low.test"),
            json!({"membership": "leave", "reason": TAX_ID}),
        ),
        ("org.example.state", Some(TAX_ID), json!({})),
        (TAX_ID, None, json!({})),
    ] {
        let story = format!("{kind} {content}");
        let case = case(UnitKind::Pdu, "/pdus/*", event(kind, state_key, content));
        assert_eq!(
            decided(&bundle, &case).decision.rule,
            "dlp.de.steuer_id",
            "{story}"
        );
    }
}
