//! Holding between two real homeservers: what alice reads, what bob reads, and what a reviewer does in between.

use serde_json::{Value, json};
use sluice::demo::client::{Client, until};
use sluice::demo::world::{ARRIVES_WITHIN, VS_NFD, World, labelled};
use sluice::demo::zone::Way;
use sluice_tests::evidence::{events, files_with};
use sluice_tests::own_world;

/// Three account numbers from the examples of standards.
const THREE: &str =
    "DE89 3704 0044 0532 0130 00, DE75 5121 0800 1245 1261 99, DE12 5001 0517 0648 4898 90";
const PART: &str = "1245 1261 99";

fn waiting(world: &World) -> Vec<Value> {
    let configuration = world.high.configuration();
    let listed = world.high.sluice(&[
        "hold",
        "list",
        "--json",
        "-c",
        &configuration.display().to_string(),
    ]);
    let lines = listed.unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn decide(world: &World, what: &str, item: &Value) {
    let configuration = world.high.configuration().display().to_string();
    world
        .high
        .sluice(&["hold", what, item.as_str().unwrap(), "-c", &configuration])
        .unwrap();
}

/// What the border told a user, in the room that her homeserver made for that.
fn told(user: &Client) -> Vec<String> {
    let notices = user.wait_for("the server notice", None, ARRIVES_WITHIN, |sync| {
        let invited = sync["rooms"]["invite"]
            .as_object()
            .and_then(|rooms| rooms.keys().next());
        invited.cloned()
    });
    let room = notices.unwrap();
    user.join(&room, &[]).unwrap();
    let texts = until("the notice", ARRIVES_WITHIN, || {
        let texts: Vec<String> = user
            .messages(&room)?
            .iter()
            .filter(|event| event["type"] == "m.room.message")
            .filter_map(|event| event["content"]["body"].as_str().map(str::to_owned))
            .collect();
        Ok((!texts.is_empty()).then_some(texts))
    });
    texts.unwrap()
}

#[test]
fn a_message_with_three_account_numbers_waits_for_a_reviewer_and_arrives_when_it_is_sent_again() {
    let mut world = own_world(Way::Hook, Way::Hook);
    let border = world
        .high
        .synapse
        .register("verwalter", "a long password", true)
        .unwrap();
    let folder = world.high.gateway_folder().to_owned();
    let token = folder.join("keys/connector.token");
    std::fs::write(&token, border.access_token()).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let configuration = world.high.configuration();
    let more = format!(
        "\n[connector]\naddress = \"{}\"\ntoken = \"keys/connector.token\"\n",
        world.high.synapse.base()
    );
    let text = std::fs::read_to_string(&configuration).unwrap() + &more;
    std::fs::write(&configuration, text).unwrap();
    world.high.stop_gateway().unwrap();
    world.high.start_gateway().unwrap();

    let room = world.room("12", Some(VS_NFD)).unwrap();
    let held = world
        .say(&room, &world.alice, &world.bob, &labelled(THREE, VS_NFD))
        .unwrap();
    assert!(held.empty());
    let next = world
        .say(&room, &world.alice, &world.bob, &labelled("weiter", VS_NFD))
        .unwrap();
    assert_eq!(next.content["body"], "weiter", "the room lives on");
    let notices = told(&world.alice);
    assert!(
        notices
            .iter()
            .any(|text| text.contains(&held.event_id) && text.contains("dlp.de.iban")),
        "{notices:?}"
    );
    assert!(notices.iter().all(|text| !text.contains(PART)));

    world.high.stop_gateway().unwrap();
    world.high.start_gateway().unwrap();
    let items = waiting(&world);
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(items[0]["event_id"], held.event_id.as_str());
    decide(&world, "release", &items[0]["item"]);
    let changed = labelled(&format!("{THREE}, DE02 1203 0000 0000 2020 51"), VS_NFD);
    assert!(
        world
            .say(&room, &world.alice, &world.bob, &changed)
            .unwrap()
            .empty()
    );
    let mut again = labelled(THREE, VS_NFD);
    again["m.mentions"] = json!({"user_ids": [world.bob.user_id()]});
    let again = world.say(&room, &world.alice, &world.bob, &again).unwrap();
    assert_eq!(again.content["body"], THREE);
    assert!(
        world
            .say(&room, &world.alice, &world.bob, &labelled(THREE, VS_NFD))
            .unwrap()
            .empty()
    );
    let there = events(&world.low.synapse, &room);
    assert_eq!(
        there[&held.event_id],
        json!({}),
        "what was held stays empty"
    );

    for item in waiting(&world) {
        decide(&world, "reject", &item["item"]);
    }
    assert!(files_with(&folder, PART).is_empty());
    assert_eq!(
        std::fs::read_dir(folder.join("state/held/keys"))
            .unwrap()
            .count(),
        0
    );
    let low = world.low.server_name().to_owned();
    assert_eq!(world.alice.retry_interval(&low).unwrap(), 0);
}
