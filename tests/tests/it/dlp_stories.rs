//! From findings to what crosses, between a real gateway, our homeserver and a peer: one logs, three wait, values split
//! over messages, and a record that tells where and never what.

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::{TAX_ID, World, errors};

/// Numbers from the examples of published standards and banks; no accounts.
const IBANS: [&str; 6] = [
    "DE89 3704 0044 0532 0130 00",
    "DE75 5121 0800 1245 1261 99",
    "DE12 5001 0517 0648 4898 90",
    "DE02 1203 0000 0000 2020 51",
    "DE02 5001 0517 0137 0750 30",
    "DE02 1005 0000 0054 5404 02",
];

/// Alice says something in her room; whether it crossed whole.
fn says(world: &World, room: &mut Room, text: &str) -> (Event, bool) {
    let event = room.message(&world.alice(), text);
    let crossed = errors(&world.alice_sends(std::slice::from_ref(&event))).is_empty();
    assert_eq!(world.peer.far.saw(text), crossed, "{text}");
    (event, crossed)
}

/// The audit line of an event.
fn line(world: &World, event: &Event) -> Value {
    let lines = world.gateway.audit();
    let of_event = |line: &&Value| line["kind"] == "event" && line["event_id"] == event.id.as_str();
    lines.iter().find(of_event).cloned().unwrap_or_default()
}

#[test]
fn dl_5_one_account_number_crosses_and_is_noted_and_three_different_ones_wait() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let (one, crossed) = says(&world, &mut room, &format!("an {}", IBANS[0]));
    assert!(crossed);
    let noted = line(&world, &one);
    assert_eq!(noted["verdict"], "release");
    assert_eq!(noted["findings"][0]["detector"], "de.iban");
    let (three, crossed) = says(&world, &mut room, &IBANS[..3].join(", "));
    assert!(!crossed);
    let held = line(&world, &three);
    assert_eq!(
        (&held["rule"], &held["reason"]),
        (&json!("dlp.de.iban"), &json!("held"))
    );
    let found = held["findings"].as_array().unwrap().iter();
    let accounts = found.filter(|finding| finding["detector"] == "de.iban");
    assert_eq!(accounts.count(), 3);
}

#[test]
fn dl_5_the_fifth_account_number_of_a_room_and_hour_waits_also_after_a_restart() {
    let mut world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let mut other = world.alices_room(RoomVersion::V12);
    for iban in &IBANS[..4] {
        assert!(says(&world, &mut room, iban).1);
    }
    let again = format!("noch einmal {}", IBANS[0]);
    assert!(says(&world, &mut room, &again).1, "it is known already");
    world.gateway.restart();
    let (fifth, crossed) = says(&world, &mut room, IBANS[4]);
    assert!(!crossed, "the journal remembers");
    assert_eq!(line(&world, &fifth)["rule"], "dlp.de.iban");
    assert!(says(&world, &mut other, IBANS[5]).1, "another room");
}

#[test]
fn dl_7_the_record_says_where_and_which_and_never_what() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let (first, _) = says(&world, &mut room, &format!("meine {TAX_ID}"));
    let content = json!({"body": "x", "msgtype": "m.text", "Vorhaben Nordlicht": {"note": TAX_ID}});
    let hidden = room.event(&world.alice(), "m.room.message", None, content);
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&hidden))),
        std::slice::from_ref(&hidden.id)
    );
    let (first, hidden) = (line(&world, &first), line(&world, &hidden));
    let finding = &first["findings"][0];
    for (key, value) in [
        ("detector", json!("de.steuer_id")),
        ("strength", json!("high")),
        ("count", json!(1)),
        ("field", json!("/event/content/body")),
        ("start", json!(16)),
        ("end", json!(30)),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    let hash = finding["value"].as_str().unwrap();
    assert!(hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(hidden["findings"][0]["value"], hash, "the same value");
    assert_eq!(hidden["findings"][0]["field"], "/event/content/*/*");
    let audit = world.gateway.audit_text();
    for secret in ["86 095 742 719", "86095742719", "Nordlicht"] {
        assert!(!audit.contains(secret), "{secret}");
    }
    let other = World::new();
    let mut room = other.alices_room(RoomVersion::V12);
    let (event, _) = says(&other, &mut room, TAX_ID);
    assert_ne!(
        line(&other, &event)["findings"][0]["value"],
        hash,
        "another gateway, another key"
    );
}

#[test]
fn dl_7_whoever_was_held_back_can_be_told_the_rule_and_the_field() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let (event, _) = says(&world, &mut room, TAX_ID);
    let told = world.gateway.audit_shown(&event.id);
    assert!(
        told.contains("rule=dlp.de.steuer_id") && told.contains("/event/content/body"),
        "{told}"
    );
    assert!(!told.contains("742"), "{told}");
}

#[test]
fn dl_3_a_value_in_look_alikes_layers_and_odd_places_stays_behind() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    for text in [
        "Steuer-ID 86\u{2009}095\u{2009}742\u{2009}719",
        "Steuer-ID ８６０９５７４２７１９",
        "Anlage (G\u{415}HEIM)",
        "Anlage (G\u{200b}EHEIM)",
    ] {
        let (event, crossed) = says(&world, &mut room, text);
        assert!(!crossed, "{text}");
        let rule = line(&world, &event)["rule"].clone();
        assert!(rule.as_str().unwrap().starts_with("dlp."), "{text}: {rule}");
    }
}

#[test]
fn dl_8_findings_in_other_units_are_noted_with_their_field() {
    let world = World::new();
    let before = world.gateway.audit().len();
    world.peer.far.on(
        "GET /_matrix/federation/v1/query/profile",
        200,
        &json!({"displayname": format!("Bob {TAX_ID}")}),
    );
    let target = "/_matrix/federation/v1/query/profile?user_id=%40bob%3Alow.test";
    assert_eq!(world.from_homeserver("GET", target, None).status, 403);
    let lines = world.gateway.audit();
    let noted = lines[before..]
        .iter()
        .find(|line| line["event_type"] == "profile")
        .unwrap();
    assert_eq!(noted["rule"], "dlp.de.steuer_id");
    assert_eq!(noted["findings"][0]["field"], "/event/content/displayname");
}
