//! Who may not take part, and that a refusal costs nobody a back-off.

use super::super::error::DemoError;
use super::super::pull::knock_without_certificate;
use super::super::world::{GEHEIM, VS_NFD, labelled};
use super::{Saw, Stage, canary};

/// A homeserver that no peer record lists: our users cannot reach it, and it cannot reach us.
pub fn third_homeserver(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room_of_one(&world.alice, stage.version, Some(VS_NFD))?;
    let outbound = world.alice.invite(&room, "@eve:third.test");
    let inbound = knock_without_certificate(&world.low, "/_matrix/federation/v1/version")?;
    let told = match &outbound {
        Ok(()) => "the invitation went out".to_owned(),
        Err(error) => error.to_string(),
    };
    let refused = outbound.err().and_then(|error| error.status()) == Some(403);
    let knocked = inbound.map_or("no answer".to_owned(), |(status, _)| {
        format!("an answer {status}")
    });
    let ok = refused && knocked == "no answer";
    Ok(Saw::new(
        "alice invites eve of third.test; a stranger knocks at low",
        ok,
        format!("{told}; the stranger got {knocked}"),
    ))
}

/// One more refusal, and then the question that every earlier scene raised too.
pub fn no_back_off(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room(stage.version)?;
    let denied = world.say(
        &room,
        &world.alice,
        &world.bob,
        &labelled(&canary(stage, "retry"), GEHEIM),
    )?;
    let high = world.alice.retry_interval(world.low.server_name())?;
    let low = world.bob.retry_interval(world.high.server_name())?;
    let text = format!("retry_interval at high {high}, at low {low}");
    Ok(Saw::new(
        "alice's homeserver after refusals",
        denied.empty() && high == 0 && low == 0,
        text,
    )
    .crossing(&denied))
}
