//! A word planted in everything that is denied is found nowhere beyond the gateway: searched byte for byte in the far
//! homeserver's files and in what both gateways write.

use serde_json::{Value, json};
use sluice::demo::client::until;
use sluice::demo::pull::{Pull, pull};
use sluice::demo::trail;
use sluice::demo::world::{ARRIVES_WITHIN, GEHEIM, VS_NFD, World, labelled};
use sluice::demo::zone::{Way, Zone};
use sluice_policy::keys::SigningKey;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::evidence::{event, files_with};
use sluice_tests::own_world;
use sluice_tests::stub::room::seal;

/// In every denied field, followed by the field's name.
const CANARY: &str = "kanarienvogel";
/// In fields that may cross: proof that the search finds what is there.
const OPEN: &str = "brieftaube";

#[test]
fn a_canary_in_every_denied_field_is_nowhere_beyond_the_gateway() {
    let mut world = own_world(Way::Hook, Way::Connect);
    let room = world.room("12", Some(VS_NFD)).unwrap();
    let open = labelled(&format!("{OPEN} im Text"), VS_NFD);
    let target = world.say(&room, &world.alice, &world.bob, &open).unwrap();
    assert!(!target.empty());

    denied_messages(&world, &room, &target.event_id);
    denied_state(&world, &room);
    denied_profile(&world);
    denied_edus(&world, &room);
    unsigned_part(&world, &room, &target.event_id);
    let last = labelled(&format!("{OPEN} zum Schluss"), VS_NFD);
    let last = world.say(&room, &world.alice, &world.bob, &last).unwrap();
    assert!(!last.empty());
    world.bob.messages(&room).unwrap();
    world.bob.sync(None, std::time::Duration::ZERO).unwrap();

    let metrics: Vec<String> = [&world.high, &world.low].map(metrics).into();
    for text in &metrics {
        assert!(text.contains("sluice_") && !text.contains(CANARY));
    }
    world.stop().unwrap();
    let near = files_with(world.high.synapse.folder(), CANARY);
    let far = files_with(world.low.synapse.folder(), CANARY);
    assert!(!near.is_empty(), "alice's homeserver has what she wrote");
    assert!(far.is_empty(), "found in {far:?}");
    assert!(!files_with(world.low.synapse.folder(), OPEN).is_empty());
    for zone in [&world.high, &world.low] {
        for word in [CANARY, OPEN] {
            let found = files_with(zone.gateway_folder(), word);
            assert!(found.is_empty(), "{word} found in {found:?}");
        }
    }
}

fn denied_messages(world: &World, room: &str, target: &str) {
    let marked = |field: &str| format!("GEHEIM {CANARY}-{field}");
    let mut html = labelled("harmlos", VS_NFD);
    html["format"] = "org.matrix.custom.html".into();
    html["formatted_body"] = format!("<b>{}</b>", marked("formatted-body")).into();
    let mut unknown = labelled("harmlos", VS_NFD);
    unknown["org.example.deep"] = json!({"list": [{"note": marked("unknown-key")}]});
    let mut named = labelled("harmlos", VS_NFD);
    named[marked("key-name")] = true.into();
    let edit = json!({
        "msgtype": "m.text", "body": "* harmlos",
        "m.new_content": {"msgtype": "m.text", "body": marked("edit")},
        "m.relates_to": {"rel_type": "m.replace", "event_id": target},
    });
    let tax_id = format!("{CANARY}-tax Steuer-ID 86 095 742 719");
    let messages = [
        labelled(&format!("{CANARY}-label"), GEHEIM),
        labelled(&marked("body"), VS_NFD),
        labelled(&tax_id, VS_NFD),
        html,
        unknown,
        named,
        edit,
    ];
    for content in messages {
        let crossing = world.say(room, &world.alice, &world.bob, &content).unwrap();
        assert!(crossing.empty(), "crossed: {content}");
    }
    let reaction = json!({"m.relates_to": {
        "rel_type": "m.annotation", "event_id": target, "key": marked("reaction"),
    }});
    let crossing = world.send(room, &world.alice, &world.bob, "m.reaction", &reaction);
    assert!(crossing.unwrap().empty());
}

fn denied_state(world: &World, room: &str) {
    let kinds = [
        ("m.room.name", "name"),
        ("m.room.topic", "topic"),
        ("org.example.state", "note"),
    ];
    for (kind, key) in kinds {
        let content = json!({key: format!("GEHEIM {CANARY}-{key}")});
        let crossing = world.set(room, &world.alice, &world.bob, kind, &content);
        assert!(crossing.unwrap().empty(), "{kind}");
    }
}

/// A display name goes into every room as a member event, and is asked for as a profile.
fn denied_profile(world: &World) {
    let name = format!("GEHEIM {CANARY}-displayname");
    world.alice.set_displayname(&name).unwrap();
    let seen = world.bob.profile(world.alice.user_id());
    assert!(seen.is_err() || seen.is_ok_and(|profile| !profile.to_string().contains(CANARY)));
}

/// Presence and messages to devices: the link from high takes neither.
fn denied_edus(world: &World, room: &str) {
    let status = json!({"presence": "online", "status_msg": format!("{CANARY}-presence")});
    let alice = world.alice.user_id();
    let path = format!("/_matrix/client/v3/presence/{alice}/status");
    world.alice.put(&path, &status).unwrap();
    let note = json!({"body": format!("{CANARY}-to-device")});
    world
        .alice
        .to_device("org.example.note", world.bob.user_id(), &note)
        .unwrap();
    world.alice.typing(room, true).unwrap();
    until("both refused", ARRIVES_WITHIN, || {
        let edus = trail::of_kind(&world.high.audit(), "edu")?;
        let presence = edus
            .iter()
            .any(|line: &Value| line["edu_type"] == "m.presence");
        // Of a type that encryption does not need, so that it is not even read.
        let note = edus
            .iter()
            .any(|line: &Value| line["rule"] == "protocol.edu.shape");
        Ok((presence && note).then_some(()))
    })
    .unwrap();
}

/// A new event of alice's with words beside what is signed, as only her homeserver could send it.
fn unsigned_part(world: &World, room: &str, before: &str) {
    let before = event(&world.high.synapse, before);
    let key = std::fs::read_to_string(world.high.synapse.folder().join("signing.key")).unwrap();
    let key = SigningKey::from_line(&key).unwrap();
    let fields = json!({
        "type": "m.room.message", "room_id": room, "sender": world.alice.user_id(),
        "content": labelled(&format!("{OPEN} mit Beipack"), VS_NFD),
        "origin_server_ts": before["origin_server_ts"], "depth": before["depth"].as_i64().unwrap() + 1,
        "prev_events": before["prev_events"], "auth_events": before["auth_events"],
    });
    let mut sealed = seal(RoomVersion::V12, fields, &key, world.high.server_name());
    sealed.json["unsigned"] = json!({"age": 1, "note": format!("{CANARY}-unsigned")});
    let send = Pull {
        destination: world.low.server_name(),
        method: "PUT",
        uri: "/_matrix/federation/v1/send/canary-unsigned",
        body: Some(json!({
            "origin": world.high.server_name(), "origin_server_ts": before["origin_server_ts"],
            "pdus": [sealed.json],
        })),
    };
    // A homeserver takes one transaction of another at a time, and alice's may be sending one.
    let (status, answer) = until("the far side is free", ARRIVES_WITHIN, || {
        let (status, answer) = pull(&world.high, &send)?;
        Ok((![429, 502].contains(&status)).then_some((status, answer)))
    })
    .unwrap();
    assert_eq!(
        (status, &answer["pdus"][&sealed.id]),
        (200, &json!({})),
        "{answer}"
    );
    let arrived = world
        .bob
        .wait_event(room, &sealed.id, ARRIVES_WITHIN)
        .unwrap();
    assert_eq!(arrived["content"]["body"], format!("{OPEN} mit Beipack"));
}

/// What a gateway tells whoever watches it.
fn metrics(zone: &Zone) -> String {
    let address = zone.listeners()["operations"].as_str().unwrap();
    let url = format!("http://{address}/metrics");
    let mut answer = ureq::get(&url).call().unwrap();
    answer.body_mut().read_to_string().unwrap()
}
