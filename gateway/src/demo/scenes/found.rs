//! What detectors find: however it is written, and wherever it stands.

use serde_json::{Value, json};

use super::super::client::until;
use super::super::error::DemoError;
use super::super::trail;
use super::super::world::{ARRIVES_WITHIN, Crossing, VS_NFD};
use super::denied::{refused, shown};
use super::{Saw, Stage, body, canary, next_follows, open_message};

/// Numbers from the examples of published standards and banks; no accounts.
const IBANS: [&str; 3] = [
    "DE89 3704 0044 0532 0130 00",
    "DE75 5121 0800 1245 1261 99",
    "DE12 5001 0517 0648 4898 90",
];

/// One is everyday business, and is noted; three different ones are a list.
pub fn iban(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room(stage.version)?;
    let say = |text: &str| world.say(&room, &world.alice, &world.bob, &open_message(text));
    let one = say(&format!("bitte auf {} überweisen", IBANS[0]))?;
    let three = say(&format!("{}: {}", canary(stage, "iban"), IBANS.join(", ")))?;
    let noted = found(&one, "de.iban");
    let ok = body(&one.content).contains(IBANS[0])
        && noted
        && three.empty()
        && three.rule() == "dlp.de.iban"
        && next_follows(stage, &room)?;
    let text = format!(
        "one: {}{}; three: {}",
        if one.empty() { "empty" } else { "read" },
        if noted { " and noted" } else { "" },
        shown(&three.content)
    );
    Ok(Saw::new("alice: one IBAN, then three", ok, text).crossing(&three))
}

pub fn tax_id(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let text = format!("{}: meine Steuer-ID ist 86095742719", canary(stage, "tax"));
    refused(
        stage,
        &open_message(&text),
        "alice: a German tax id",
        "dlp.de.steuer_id",
    )
}

pub fn token(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let key = ["AKIA", "Q3EGRZPLM5XN", "7UHT"].concat();
    let text = format!("{}: der Schlüssel ist {key}", canary(stage, "token"));
    refused(
        stage,
        &open_message(&text),
        "alice: an access key",
        "dlp.secret.",
    )
}

pub fn marking(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    // At the start it would be a typed marking, and a matter of labels.
    let text = format!("Anlage (GEHEIM): {}", canary(stage, "marking"));
    refused(
        stage,
        &open_message(&text),
        "alice: marked GEHEIM, labelled VS-NfD",
        "dlp.marking.",
    )
}

/// The second letter is Cyrillic: people read GEHEIM, and a program that compares letters does not.
pub fn look_alikes(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let text = format!("Anlage (G\u{415}HEIM): {}", canary(stage, "look-alike"));
    let saw = refused(
        stage,
        &open_message(&text),
        "alice: GEHEIM with a Cyrillic letter, labelled VS-NfD",
        "dlp.",
    )?;
    Ok(saw)
}

/// What is harmless in each of two messages and is not in both together: the one that completes it stays behind.
pub fn split(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room(stage.version)?;
    let say = |text: &str| world.say(&room, &world.alice, &world.bob, &open_message(text));
    let first = say("meine Steuer-ID ist 86 095")?;
    let second = say(&format!("742 719 {}", canary(stage, "split")))?;
    let ok = !first.empty()
        && second.empty()
        && second.rule() == "dlp.de.steuer_id"
        && next_follows(stage, &room)?;
    let text = format!(
        "the first half: {}; the second: {}",
        if first.empty() { "empty" } else { "read" },
        shown(&second.content)
    );
    Ok(Saw::new("alice: a tax id in two messages", ok, text).crossing(&second))
}

pub fn file_name(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let mut content = open_message("Anlage");
    content["msgtype"] = "m.file".into();
    content["url"] = "mxc://high.test/anlage".into();
    let name = format!("{} Steuer-ID 86095742719.pdf", canary(stage, "file"));
    content["filename"] = name.into();
    refused(
        stage,
        &content,
        "alice: a file with a tax id in its name",
        "dlp.de.steuer_id",
    )
}

pub fn room_name(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let name = format!("GEHEIM: Vorhaben {}", canary(stage, "name"));
    let said = "alice names the room with a marking";
    state(stage, "m.room.name", "name", &name, said)
}

pub fn room_topic(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let topic = format!("{}: Steuer-ID 86095742719", canary(stage, "topic"));
    let said = "alice gives the room a topic with a tax id";
    state(stage, "m.room.topic", "topic", &topic, said)
}

/// A display name stands in a member event of every room and in the profile.
pub fn display_name(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let clara = world.newcomer(&world.high, "clara")?;
    let room = world.room_of_one(&clara, stage.version, Some(VS_NFD))?;
    world.bring(&clara, &world.bob, &room)?;
    let word = canary(stage, "display-name");
    clara.set_displayname(&format!("{word} Steuer-ID 86095742719"))?;
    until("the member event without a name", ARRIVES_WITHIN, || {
        let member = world.bob.state(&room, "m.room.member", clara.user_id())?;
        Ok(member["displayname"].is_null().then_some(()))
    })?;
    let profile = world.bob.profile(clara.user_id());
    let told = profile.is_ok_and(|profile| profile.to_string().contains(&word));
    let greeting = world.say(&room, &clara, &world.bob, &open_message("und weiter"))?;
    let ok = !told && body(&greeting.content) == "und weiter";
    let text = format!(
        "a member without a name, a profile {} it, and the next message",
        if told { "with" } else { "without" }
    );
    Ok(Saw::new("clara puts a tax id into her display name", ok, text).label("room: VS-NfD"))
}

/// A room's state with something in it that a detector knows: the state stays as it was, and the room goes on.
fn state(
    stage: &Stage<'_>,
    kind: &str,
    key: &str,
    value: &str,
    said: &str,
) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, Some(VS_NFD))?;
    let crossing = world.set(
        &room,
        &world.alice,
        &world.bob,
        kind,
        &json!({ key: value }),
    )?;
    let state = world.bob.state(&room, kind, "").unwrap_or(Value::Null);
    let ok = crossing.empty()
        && crossing.rule().starts_with("dlp.")
        && state[key].is_null()
        && next_follows(stage, &room)?;
    let text = format!("{kind} {}, the room goes on", shown(&crossing.content));
    Ok(Saw::new(said, ok, text).crossing(&crossing))
}

/// Whether the audit record of an event names a detector.
fn found(crossing: &Crossing, detector: &str) -> bool {
    let findings = |ruling: &trail::Ruling| ruling.line["findings"].as_array().cloned();
    let findings = crossing.ruling.as_ref().and_then(findings);
    let named = |finding: &Value| finding["detector"] == detector && finding["value"].is_string();
    findings.is_some_and(|findings| findings.iter().any(named))
}
