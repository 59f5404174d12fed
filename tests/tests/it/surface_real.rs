//! Public rooms, aliases, spaces, knocks and profiles between two real homeservers: on links that open them, and on the
//! shipped ones, which do not.

use serde_json::{Value, json};
use sluice::demo::client::{Client, escape, until};
use sluice::demo::world::{ARRIVES_WITHIN, World};
use sluice::demo::zone::{Way, Zone};
use sluice_policy::link::Opening;
use sluice_tests::stub::gateway::archive;
use sluice_tests::{own_world, world};

/// Low shows high everything that a link can open; high shows low the same of rooms whose label is known.
fn opened_world() -> World {
    let world = own_world(Way::Hook, Way::Connect);
    let mut parts = sluice::shipped::demo_parts().unwrap();
    for link in parts.links.values_mut() {
        link.opens = vec![
            Opening::PublicRooms,
            Opening::Aliases,
            Opening::Hierarchy,
            Opening::Knock,
        ];
        link.profile_fields.push("m.tz".to_owned());
    }
    for zone in [&world.high, &world.low] {
        let key = zone.gateway_folder().join("keys").join("bundle.key");
        let bundle = archive(&parts, &std::fs::read_to_string(key).unwrap());
        std::fs::write(zone.gateway_folder().join("bundle.tar.gz"), bundle).unwrap();
        let configuration = zone.configuration().display().to_string();
        zone.sluice(&["reload", "-c", &configuration]).unwrap();
    }
    world
}

/// A public room in its homeserver's list, with a name and an alias made of `word`.
fn public_room(host: &Client, word: &str, more: &Value) -> String {
    let mut body = json!({
        "preset": "public_chat", "visibility": "public", "room_version": "12", "name": format!("Kantine {word}"),
        "room_alias_name": word,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = host.post("/_matrix/client/v3/createRoom", &body).unwrap();
    made["room_id"].as_str().unwrap().to_owned()
}

/// The list of a server; a homeserver keeps an answer for each limit for half a minute.
fn listed(client: &Client, server: &str, limit: u32) -> Vec<String> {
    let path = format!("/_matrix/client/v3/publicRooms?server={server}&limit={limit}");
    rooms(&client.get(&path).unwrap()["chunk"])
}

fn rooms(list: &Value) -> Vec<String> {
    let list = list.as_array().cloned().unwrap_or_default();
    let id = |room: &Value| room["room_id"].as_str().map(str::to_owned);
    list.iter().filter_map(id).collect()
}

fn join_by_alias(client: &Client, alias: &str) -> Result<(), sluice::demo::error::DemoError> {
    let path = format!("/_matrix/client/v3/join/{}", escape(alias));
    client.post(&path, &json!({})).map(drop)
}

fn knock(client: &Client, room: &str, via: &str) -> Result<(), sluice::demo::error::DemoError> {
    let path = format!(
        "/_matrix/client/v3/knock/{}?server_name={via}&via={via}",
        escape(room)
    );
    client
        .post(&path, &json!({"reason": "darf ich?"}))
        .map(drop)
}

fn membership(client: &Client, room: &str, of: &Client) -> Option<String> {
    let members = client.members(room).ok()?;
    let found = members.into_iter().find(|(id, _)| id == of.user_id())?;
    Some(found.1)
}

#[test]
fn where_a_link_opens_them_rooms_are_found_joined_browsed_and_knocked_at() {
    let world = opened_world();
    let (alice, bob) = (&world.alice, &world.bob);

    let open = public_room(bob, "offen", &json!({}));
    assert_eq!(listed(alice, "low.test", 5), [open.clone()]);
    let search = |term: &str| {
        let body = json!({"limit": 5, "filter": {"generic_search_term": term}});
        let found = alice.post("/_matrix/client/v3/publicRooms?server=low.test", &body);
        rooms(&found.unwrap()["chunk"])
    };
    assert_eq!(search("Kantine"), [open.clone()]);
    assert!(search("Werkstatt").is_empty());

    join_by_alias(alice, "#offen:low.test").unwrap();
    let said = bob.say(&open, "willkommen").unwrap();
    let heard = alice.wait_event(&open, &said, ARRIVES_WITHIN).unwrap();
    assert_eq!(heard["content"]["body"], "willkommen");

    browsed(alice, bob);
    knocked_at(alice, bob);

    let tz = format!("/_matrix/client/v3/profile/{}/m.tz", escape(bob.user_id()));
    bob.put(&tz, &json!({"m.tz": "Europe/Berlin"})).unwrap();
    let rank = format!(
        "/_matrix/client/v3/profile/{}/org.example.rank",
        escape(bob.user_id())
    );
    bob.put(&rank, &json!({"org.example.rank": "Hptm"}))
        .unwrap();
    let profile = alice.profile(bob.user_id()).unwrap();
    assert_eq!(profile["m.tz"], "Europe/Berlin", "{profile}");
    assert_eq!(profile.get("org.example.rank"), None, "{profile}");

    labelled_side(&world);
    assert_eq!(alice.retry_interval("low.test").unwrap(), 0);
    assert_eq!(bob.retry_interval("high.test").unwrap(), 0);
}

/// A space of bob's with a room that alice is not in.
fn browsed(alice: &Client, bob: &Client) {
    let space = public_room(
        bob,
        "haus",
        &json!({"creation_content": {"type": "m.space"}}),
    );
    let child = public_room(bob, "stube", &json!({}));
    let via = json!({"via": ["low.test"], "suggested": true});
    bob.send_state(&space, "m.space.child", &child, &via)
        .unwrap();
    join_by_alias(alice, "#haus:low.test").unwrap();
    let path = format!("/_matrix/client/v1/rooms/{}/hierarchy", escape(&space));
    until("the space with its room", ARRIVES_WITHIN, || {
        let seen = alice.get(&path)?;
        Ok((rooms(&seen["rooms"]) == [space.clone(), child.clone()]).then_some(()))
    })
    .unwrap();
}

fn knocked_at(alice: &Client, bob: &Client) {
    let rules =
        json!({"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}});
    let made = bob.post(
        "/_matrix/client/v3/createRoom",
        &json!({"preset": "private_chat", "room_version": "12", "name": "Zimmer", "initial_state": [rules]}),
    );
    let room = made.unwrap()["room_id"].as_str().unwrap().to_owned();
    knock(alice, &room, "low.test").unwrap();
    until("the knock at bob's", ARRIVES_WITHIN, || {
        Ok((membership(bob, &room, alice).as_deref() == Some("knock")).then_some(()))
    })
    .unwrap();
    let shown = alice.sync(None, std::time::Duration::ZERO).unwrap();
    let state = shown["rooms"]["knock"][&room]["knock_state"]["events"].to_string();
    assert!(state.contains("Zimmer"), "{state}");
    bob.invite(&room, alice.user_id()).unwrap();
    alice.join(&room, &["low.test"]).unwrap();
    let said = bob.say(&room, "herein").unwrap();
    let heard = alice.wait_event(&room, &said, ARRIVES_WITHIN).unwrap();
    assert_eq!(heard["content"]["body"], "herein");
}

/// From high every message needs a label, so that a room is shown once its label is known, and not before.
fn labelled_side(world: &World) {
    let (alice, bob) = (&world.alice, &world.bob);
    let room = public_room(
        alice,
        "lage",
        &json!({"initial_state": [sluice::demo::world::room_label(sluice::demo::world::VS_NFD)]}),
    );
    assert!(
        listed(bob, "high.test", 5).is_empty(),
        "nobody knows its label"
    );
    assert!(join_by_alias(bob, "#lage:high.test").is_err());
    let dora = world.newcomer(&world.low, "dora").unwrap();
    world.bring(alice, &dora, &room).unwrap();
    assert_eq!(listed(bob, "high.test", 6), [room]);
    join_by_alias(bob, "#lage:high.test").unwrap();
}

#[test]
fn where_a_link_opens_nothing_all_that_looks_empty() {
    let world = world(Way::Hook);
    let word = format!("zu{}", world.next_number());
    let room = public_room(&world.bob, &word, &json!({}));
    assert!(listed(&world.alice, "low.test", 5).is_empty());
    let refused = join_by_alias(&world.alice, &format!("#{word}:low.test")).unwrap_err();
    assert!([404, 502].contains(&refused.status().unwrap()), "{refused}");
    let refused = knock(&world.alice, &room, "low.test").unwrap_err();
    assert_eq!(refused.status(), Some(403), "{refused}");
    assert!(
        refused.to_string().contains("border gateway"),
        "our own user is told who refused: {refused}"
    );
    assert!(asked(&world.low).is_empty(), "nothing crossed the border");
    assert_eq!(world.alice.retry_interval("low.test").unwrap(), 0);
}

/// What a gateway's border was asked of that which a link may open.
fn asked(zone: &Zone) -> Vec<Value> {
    let lines = sluice::demo::trail::of_kind(&zone.audit(), "request").unwrap();
    let ops = ["public_rooms", "query_directory", "make_knock"];
    let is_asked =
        |line: &Value| line["face"] == "border" && ops.iter().any(|op| line["op"] == *op);
    lines.into_iter().filter(is_asked).collect()
}

#[test]
fn nobody_is_invited_to_an_encrypted_room_across_a_border_that_refuses_it_and_is_told_why() {
    let world = world(Way::Connect);
    let on = json!({"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}});
    let room = world.room_that_says(&world.bob, "12", Some(on)).unwrap();
    let refused = world.bob.invite(&room, world.alice.user_id()).unwrap_err();
    assert_eq!(refused.status(), Some(403), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("Encrypted rooms are not allowed"),
        "{refused}"
    );
}
