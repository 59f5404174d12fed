//! A gateway put before a federation that is there already: the rooms live on, and what they are is learned from the
//! homeservers.

use std::path::Path;

use serde_json::{Value, json};
use sluice::demo::client::{Client, RoomOptions};
use sluice::demo::synapse::Synapse;
use sluice::demo::trail;
use sluice::demo::world::{
    ARRIVES_WITHIN, GEHEIM, OFFEN, ROOM_LABEL_TYPE, VS_NFD, label, labelled, plain, room_label,
};
use sluice::demo::zone::{GERMAN, Way, Zone, clearance};
use sluice_policy::link::{DEFAULT_LINK, RequireLabel, ThirdServers};
use sluice_tests::zones::{Wire, folder, policy, start, start_homeservers, user, zone};

/// A room that was there before the gateways.
struct Old {
    id: String,
    /// Something above what the links are cleared for, said while both were in it.
    secret: String,
}

#[test]
fn gateways_put_before_a_federation_that_is_there_already_and_the_rooms_live_on() {
    let folder = folder();
    let mut parts = policy(ThirdServers::Refuse);
    // Every message needs a label, its own or its room's: what a room's label is must be found out.
    if let Some(link) = parts.links.get_mut(DEFAULT_LINK) {
        link.require_label = RequireLabel::Event;
    }
    let mut high = zone(folder.path(), "high", Way::Hook, &[], &parts);
    let mut low = zone(folder.path(), "low", Way::Hook, &[], &parts);
    let fragments = [&high, &low].map(|zone| yaml(&zone.synapse));

    // First without gateways: the homeservers federate by a line that changes nothing.
    let wire = directly(folder.path(), &[&high, &low]);
    start_homeservers(&mut [&mut high, &mut low]);
    let (alice, bob) = (user(&high.synapse, "alice"), user(&low.synapse, "bob"));
    let clara = user(&high.synapse, "clara");
    let shared = ["10", "12"].map(|version| shared_room(&alice, &bob, version));
    let alone = old_room(&alice, "12");
    let history = say(&alice, &alone.id, &labelled("lange her", VS_NFD));
    let unlabelled = say(&alice, &alone.id, &plain("unter dem Etikett des Raums"));
    for synapse in [&mut high.synapse, &mut low.synapse] {
        synapse.stop().unwrap();
    }
    drop(wire);

    // Then the gateways are put in.
    for (zone, fragment) in [&high, &low].into_iter().zip(&fragments) {
        write_yaml(&zone.synapse, fragment);
    }
    let may = clearance(GERMAN, &[OFFEN, VS_NFD]);
    high.introduce_to(&low, &may, &may).unwrap();
    low.introduce_to(&high, &may, &may).unwrap();
    start(&mut [&mut high, &mut low]);

    for room in &shared {
        lives_on(&alice, &bob, &room.id);
        // What was there before stays; a member who comes now has it too.
        let dora = user(&low.synapse, &format!("dora-{}", room.id.len()));
        bob.invite(&room.id, dora.user_id()).unwrap();
        dora.join(&room.id, &["low.test"]).unwrap();
        alice.invite(&room.id, clara.user_id()).unwrap();
        clara.join(&room.id, &["high.test"]).unwrap();
        let hello = say(&dora, &room.id, &plain("bin dazugekommen"));
        assert_eq!(
            arrived(&clara, &room.id, &hello)["body"],
            "bin dazugekommen"
        );
        assert_eq!(
            arrived(&dora, &room.id, &room.secret)["body"],
            "canary-alt",
            "it crossed before there was a gateway"
        );
    }
    // A room that only alice was in, with a history from before: bob comes, and gets of it what the link grants.
    alice.invite(&alone.id, bob.user_id()).unwrap();
    bob.join(&alone.id, &["high.test"]).unwrap();
    lives_on(&alice, &bob, &alone.id);
    let seen = bob.messages(&alone.id).unwrap();
    let content = |event: &str| {
        let found = seen.iter().find(|seen| seen["event_id"] == *event);
        found.map(|event| event["content"].clone())
    };
    assert_eq!(content(&history).unwrap()["body"], "lange her");
    assert_eq!(
        content(&unlabelled).unwrap()["body"],
        "unter dem Etikett des Raums"
    );
    assert_eq!(content(&alone.secret).unwrap(), json!({}));
    // A room label from before counts: of what the rooms say nothing was told to the gateways.
    let asked = asked_its_homeserver(&high);
    assert!(asked > 0 && asked_its_homeserver(&low) > 0, "{asked}");
    for zone in [&high, &low] {
        let (code, answer) = zone.verify_audit(&zone.audit(), true).unwrap();
        assert_eq!(code, 0, "{answer}");
    }
    assert_eq!(alice.retry_interval("low.test").unwrap(), 0);
    assert_eq!(bob.retry_interval("high.test").unwrap(), 0);
}

/// Points both homeservers' ways out at a line between their federation sockets.
fn directly(folder: &Path, zones: &[&Zone]) -> Wire {
    let sockets: Vec<_> = zones
        .iter()
        .map(|zone| {
            let socket = Synapse::socket_in(zone.synapse.folder());
            (zone.server_name(), socket)
        })
        .collect();
    let line = folder.join("line.sock");
    for zone in zones {
        let hook = zone.gateway_folder().join("hook.sock");
        let (hook, line) = (hook.display().to_string(), line.display().to_string());
        let fragment = yaml(&zone.synapse);
        assert!(fragment.contains(&hook), "{fragment}");
        write_yaml(&zone.synapse, &fragment.replace(&hook, &line));
    }
    Wire::between(&line, &sockets)
}

fn yaml(synapse: &Synapse) -> String {
    std::fs::read_to_string(synapse.folder().join("gateway.yaml")).unwrap()
}

fn write_yaml(synapse: &Synapse, text: &str) {
    std::fs::write(synapse.folder().join("gateway.yaml"), text).unwrap();
}

/// A room of alice's, labelled VS-NfD with a clearance for all levels, with something GEHEIM in it.
fn old_room(alice: &Client, version: &str) -> Old {
    let mut state = room_label(VS_NFD);
    state["content"]["clearance"] = clearance(GERMAN, &[OFFEN, VS_NFD, "VS-VERTRAULICH", GEHEIM]);
    let id = alice
        .create_room(&RoomOptions {
            version: Some(version),
            initial_state: vec![state],
            ..RoomOptions::default()
        })
        .unwrap();
    let secret = say(alice, &id, &labelled("canary-alt", GEHEIM));
    Old { id, secret }
}

/// As [`old_room`], and bob is in it and has seen everything.
fn shared_room(alice: &Client, bob: &Client, version: &str) -> Old {
    let room = old_room(alice, version);
    alice.invite(&room.id, bob.user_id()).unwrap();
    bob.join(&room.id, &["high.test"]).unwrap();
    let secret = say(alice, &room.id, &labelled("canary-alt", GEHEIM));
    assert_eq!(arrived(bob, &room.id, &secret)["body"], "canary-alt");
    Old { secret, ..room }
}

/// Both sides talk; what has no label has the room's, and what is too high does not cross.
fn lives_on(alice: &Client, bob: &Client, room: &str) {
    for (speaker, listener) in [(alice, bob), (bob, alice)] {
        for content in [plain("wie bisher"), labelled("wie bisher", OFFEN)] {
            let said = say(speaker, room, &content);
            assert_eq!(arrived(listener, room, &said)["body"], "wie bisher");
        }
        let secret = say(speaker, room, &labelled("canary-neu", GEHEIM));
        assert_eq!(arrived(listener, room, &secret), json!({}));
    }
    let state = bob.state(room, ROOM_LABEL_TYPE, "").unwrap();
    assert_eq!(state["label"], label(VS_NFD));
}

fn say(who: &Client, room: &str, content: &Value) -> String {
    who.send(room, "m.room.message", content).unwrap()
}

fn arrived(who: &Client, room: &str, event: &str) -> Value {
    who.wait_event(room, event, ARRIVES_WITHIN).unwrap()["content"].clone()
}

/// How often a gateway asked its own homeserver about a room.
fn asked_its_homeserver(zone: &Zone) -> usize {
    let requests = trail::of_kind(&zone.audit(), "request").unwrap();
    let asks = |line: &&Value| line["face"] == "own" && line["op"] == "state";
    requests.iter().filter(asks).count()
}
