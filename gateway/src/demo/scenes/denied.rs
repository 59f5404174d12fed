//! What may not cross: it arrives empty, under the same id, and stays so whichever way it is asked for.

use serde_json::{Value, json};

use super::super::client::{escape, until};
use super::super::error::DemoError;
use super::super::pull::{Pull, pull};
use super::super::trail::{self, Ruling};
use super::super::world::{ARRIVES_WITHIN, GEHEIM, VS_NFD, labelled};
use super::{Saw, Stage, bare_message, body, canary, next_follows, open_message};

pub fn above_clearance(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let secret = canary(stage, "label");
    refused(
        stage,
        &labelled(&secret, GEHEIM),
        "alice: something GEHEIM",
        "label.classification",
    )
}

pub fn unlabelled(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, None)?;
    let bare = world.say(
        &room,
        &world.alice,
        &world.bob,
        &bare_message("ohne Kennzeichnung"),
    )?;
    let again = world.say(
        &room,
        &world.alice,
        &world.bob,
        &open_message("mit Kennzeichnung"),
    )?;
    let ok = bare.empty()
        && body(&again.content) == "mit Kennzeichnung"
        && bare.rule().starts_with("label.");
    let text = format!(
        "without: {}, with: {:?}",
        shown(&bare.content),
        body(&again.content)
    );
    Ok(Saw::new("alice: the same without and with a label", ok, text).crossing(&bare))
}

/// Power levels cannot be redacted without changing who may do what, so their denial closes the room for the link.
pub fn never_redact(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let mut levels = world.alice.state(&room, "m.room.power_levels", "")?;
    if let Some(levels) = levels.as_object_mut() {
        let remark = format!("GEHEIM: {}", canary(stage, "levels"));
        levels.insert("org.example.remark".to_owned(), remark.into());
    }
    let denied = world
        .alice
        .send_state(&room, "m.room.power_levels", "", &levels)?;
    let rulings = until_ruled(stage, &denied)?;
    let next = world
        .alice
        .send(&room, "m.room.message", &open_message("danach"))?;
    let refused = until_ruled(stage, &next)?;
    let stays_away = [&denied, &next]
        .into_iter()
        .all(|event| world.bob.event(&room, event).is_err());
    world.bob.leave(&room)?;
    until("bob's leave at alice's", ARRIVES_WITHIN, || {
        let members = world.alice.members(&room)?;
        let left = |(id, membership): &(String, String)| {
            id == world.bob.user_id() && membership == "leave"
        };
        Ok(members.iter().any(left).then_some(()))
    })?;
    let retry = world.alice.retry_interval(world.low.server_name())?;
    let closed = rulings.verdict == "drop" && refused.rule == "protocol.room_closed";
    let text = format!(
        "bob: {}, then his own leave; retry_interval {retry}",
        if stays_away {
            "nothing more of the room"
        } else {
            "events of a closed room"
        }
    );
    Ok(Saw::new(
        "alice sets power levels with a marking in them",
        closed && stays_away && retry == 0,
        text,
    )
    .label("room: VS-NfD")
    .rule(&rulings.rule))
}

/// The first decision of alice's gateway on an event.
fn until_ruled(stage: &Stage<'_>, event_id: &str) -> Result<Ruling, DemoError> {
    let audit = stage.world.high.audit();
    until("a decision", ARRIVES_WITHIN, || {
        Ok(trail::rulings(&audit, event_id)?.into_iter().next())
    })
}

/// Asks once more for a denied event, in the name of bob's homeserver, by the three ways that give single events.
pub fn pull_again(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room(stage.version)?;
    let secret = canary(stage, "pull");
    let denied = world.say(&room, &world.alice, &world.bob, &labelled(&secret, GEHEIM))?;
    let after = world
        .say(&room, &world.alice, &world.bob, &open_message("danach"))?
        .event_id;
    let (event, room_part) = (escape(&denied.event_id), escape(&room));
    let missing =
        json!({"earliest_events": [], "latest_events": [after], "limit": 10, "min_depth": 0});
    let asks = [
        (
            "event",
            "GET",
            format!("/_matrix/federation/v1/event/{event}"),
            None,
        ),
        (
            "backfill",
            "GET",
            format!(
                "/_matrix/federation/v1/backfill/{room_part}?v={}&limit=20",
                escape(&after)
            ),
            None,
        ),
        (
            "get_missing_events",
            "POST",
            format!("/_matrix/federation/v1/get_missing_events/{room_part}"),
            Some(missing),
        ),
    ];
    let mut ok = denied.empty();
    let mut seen = Vec::new();
    for (name, method, uri, body) in asks {
        let ask = Pull {
            destination: world.high.server_name(),
            method,
            uri: &uri,
            body,
        };
        let (status, answer) = pull(&world.low, &ask)?;
        let came_empty = answer_holds_empty(&answer);
        ok &= status == 200 && came_empty && !answer.to_string().contains(&secret);
        seen.push(format!(
            "{name} {status} {}",
            if came_empty { "{}" } else { "not redacted" }
        ));
    }
    Ok(Saw::new(
        "bob's homeserver asks again for a GEHEIM event",
        ok,
        seen.join(", "),
    )
    .crossing(&denied))
}

/// The whole history was written before anybody of the other side was in the room.
pub fn late_joiner(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room_of_one(&world.alice, stage.version)?;
    let secret = canary(stage, "late");
    world
        .alice
        .send(&room, "m.room.message", &open_message("vorher"))?;
    let denied = world
        .alice
        .send(&room, "m.room.message", &labelled(&secret, GEHEIM))?;
    world
        .alice
        .send(&room, "m.room.message", &open_message("nachher"))?;
    let dora = world.newcomer(&world.low, "dora")?;
    world.bring(&world.alice, &dora, &room)?;
    let history = until("the history at dora's", ARRIVES_WITHIN, || {
        let events = dora.messages(&room)?;
        let readable = |text: &str| events.iter().any(|event| event["content"]["body"] == text);
        Ok((readable("vorher") && readable("nachher")).then_some(events))
    })?;
    let leaked = history
        .iter()
        .any(|event| event.to_string().contains(&secret));
    let content = history
        .iter()
        .find(|event| event["event_id"] == denied)
        .map(|event| event["content"].clone());
    let ok = !leaked && content.as_ref().is_none_or(|content| content == &json!({}));
    let text = format!(
        "{} events, the denied one: {}",
        history.len(),
        content.as_ref().map_or("absent".to_owned(), shown)
    );
    let rulings = trail::rulings(&world.high.audit(), &denied)?;
    let (label, rule) = rulings.first().map_or(("-".to_owned(), "-"), |ruling| {
        (ruling.told(), &ruling.rule)
    });
    Ok(
        Saw::new("dora joins after alice said something GEHEIM", ok, text)
            .label(&label)
            .rule(rule),
    )
}

/// The pattern of a refusal: empty on the other side, the expected rule, and the next message at once.
pub(super) fn refused(
    stage: &Stage<'_>,
    content: &Value,
    said: &str,
    rule: &str,
) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room(stage.version)?;
    let crossing = world.say(&room, &world.alice, &world.bob, content)?;
    let follows = next_follows(stage, &room)?;
    let ok = crossing.empty() && follows && crossing.rule().starts_with(rule);
    let text = format!(
        "bob: {} {}",
        shown(&crossing.content),
        if follows {
            "and the next message"
        } else {
            "and no next message in time"
        }
    );
    Ok(Saw::new(said, ok, text).crossing(&crossing))
}

/// Whether a list of events in a federation answer has one with empty content.
fn answer_holds_empty(answer: &Value) -> bool {
    let lists = [&answer["pdus"], &answer["events"]];
    lists
        .iter()
        .filter_map(|list| list.as_array())
        .flatten()
        .any(|event| event["type"] == "m.room.message" && event["content"] == json!({}))
}

pub(super) fn shown(content: &Value) -> String {
    if content == &json!({}) {
        "{} (empty)".to_owned()
    } else {
        "not empty".to_owned()
    }
}
