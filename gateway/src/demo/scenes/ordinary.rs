//! Everyday traffic: it crosses.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::client::{Client, until};
use super::super::error::DemoError;
use super::super::world::{ARRIVES_WITHIN, LABEL_KEY, VS_NFD, labelled};
use super::{Saw, Stage, bare_message, body};

/// Profile and keys, before there is any room.
pub fn first_contact(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let profile = world.bob.profile(world.alice.user_id())?;
    let name = profile["displayname"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok(Saw::new(
        "bob looks alice up",
        !name.is_empty(),
        format!("display name {name:?}"),
    ))
}

pub fn invite_and_join(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let both = |client: &Client| {
        let members = client.members(&room)?;
        let joined = |user: &Client| {
            members
                .iter()
                .any(|(id, membership)| id == user.user_id() && membership == "join")
        };
        Ok((joined(&world.alice) && joined(&world.bob)).then_some(()))
    };
    until("both members at alice's", ARRIVES_WITHIN, || {
        both(&world.alice)
    })?;
    until("both members at bob's", ARRIVES_WITHIN, || both(&world.bob))?;
    Ok(Saw::new(
        "alice invites bob, bob joins",
        true,
        "both members on both sides",
    )
    .label("room: VS-NfD"))
}

pub fn message_high_to_low(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let crossing = world.say(
        &room,
        &world.alice,
        &world.bob,
        &bare_message("Guten Morgen"),
    )?;
    let ok = body(&crossing.content) == "Guten Morgen";
    Ok(Saw::new(
        "alice: Guten Morgen",
        ok,
        format!("bob: {:?}", body(&crossing.content)),
    )
    .crossing(&crossing))
}

pub fn message_low_to_high(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let crossing = world.say(
        &room,
        &world.bob,
        &world.alice,
        &bare_message("Moin zurück"),
    )?;
    let ok = body(&crossing.content) == "Moin zurück";
    Ok(Saw::new(
        "bob: Moin zurück",
        ok,
        format!("alice: {:?}", body(&crossing.content)),
    )
    .crossing(&crossing))
}

pub fn reply_edit_reaction(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let target = world
        .say(
            &room,
            &world.alice,
            &world.bob,
            &labelled("Treffen um 10", VS_NFD),
        )?
        .event_id;
    let mut reply = labelled("passt", VS_NFD);
    add(
        &mut reply,
        "m.relates_to",
        json!({"m.in_reply_to": {"event_id": target}}),
    );
    let reply = world.say(&room, &world.bob, &world.alice, &reply)?;
    let edit = json!({
        "msgtype": "m.text", "body": "* Treffen um 11",
        "m.new_content": {"msgtype": "m.text", "body": "Treffen um 11"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": target},
    });
    let edit = world.say(&room, &world.alice, &world.bob, &edit)?;
    let reaction =
        json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": target, "key": "👍"}});
    let reaction = world.send(&room, &world.alice, &world.bob, "m.reaction", &reaction)?;
    let ok = body(&reply.content) == "passt"
        && edit.content["m.new_content"]["body"] == "Treffen um 11"
        && reaction.content["m.relates_to"]["key"] == "👍";
    let text = format!(
        "reply {:?}, edit {}, reaction {}",
        body(&reply.content),
        !edit.empty(),
        !reaction.empty()
    );
    Ok(Saw::new("bob replies; alice edits and reacts", ok, text).crossing(&edit))
}

pub fn typing_and_receipt(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let message = world
        .say(
            &room,
            &world.alice,
            &world.bob,
            &labelled("gelesen?", VS_NFD),
        )?
        .event_id;
    let since_bob = position(&world.bob)?;
    world.alice.typing(&room, true)?;
    world
        .bob
        .wait_for("alice typing", Some(&since_bob), ARRIVES_WITHIN, |sync| {
            ephemeral(sync, &room, "m.typing")
                .find(|event| {
                    event["content"]["user_ids"]
                        .as_array()
                        .is_some_and(|ids| ids.iter().any(|id| id == world.alice.user_id()))
                })
                .map(drop)
        })?;
    let since_alice = position(&world.alice)?;
    world.bob.receipt(&room, &message)?;
    world.alice.wait_for(
        "bob's receipt",
        Some(&since_alice),
        ARRIVES_WITHIN,
        |sync| {
            ephemeral(sync, &room, "m.receipt")
                .find(|event| !event["content"][&message]["m.read"][world.bob.user_id()].is_null())
                .map(drop)
        },
    )?;
    Ok(Saw::new(
        "alice types, bob reads",
        true,
        "typing at bob's, receipt at alice's",
    )
    .label("room: VS-NfD"))
}

pub fn within_clearance(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let crossing = world.say(
        &room,
        &world.alice,
        &world.bob,
        &labelled("Dienstplan im Anhang", VS_NFD),
    )?;
    let level = &crossing.content[LABEL_KEY]["originator"]["Classification"];
    let ok = body(&crossing.content) == "Dienstplan im Anhang" && level == VS_NFD;
    let text = format!("bob: {:?}, label {level}", body(&crossing.content));
    Ok(Saw::new("alice: Dienstplan im Anhang", ok, text).crossing(&crossing))
}

pub fn display_name(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let clara = world.newcomer(&world.high, "clara")?;
    let room = world.room_of_one(&clara, stage.version, Some(VS_NFD))?;
    world.bring(&clara, &world.bob, &room)?;
    clara.set_displayname("Clara, Lagezentrum")?;
    let seen = until("the new display name", ARRIVES_WITHIN, || {
        let member = world.bob.state(&room, "m.room.member", clara.user_id())?;
        Ok(member["displayname"]
            .as_str()
            .filter(|name| name.starts_with("Clara,"))
            .map(str::to_owned))
    })?;
    Ok(Saw::new("clara changes her display name", true, format!("{seen:?}")).label("room: VS-NfD"))
}

/// Where a sync stands now.
fn position(client: &Client) -> Result<String, DemoError> {
    super::super::client::text(&client.sync(None, Duration::ZERO)?, "next_batch")
}

fn ephemeral<'a>(sync: &'a Value, room: &str, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let events = sync["rooms"]["join"][room]["ephemeral"]["events"].as_array();
    events
        .into_iter()
        .flatten()
        .filter(move |event| event["type"] == kind)
}

fn add(content: &mut Value, key: &str, value: Value) {
    if let Some(content) = content.as_object_mut() {
        content.insert(key.to_owned(), value);
    }
}
