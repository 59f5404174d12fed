//! Where a label comes from, and what becomes of it on the way into another policy.
//!
//! What alice writes is labelled in the German policy, what bob writes in NATO's, and each is judged by what the other
//! zone may have. The event itself crosses as it was written: a label is translated to decide on it, and never sent so.

use serde_json::{Value, json};

use super::super::client::{Client, until};
use super::super::error::DemoError;
use super::super::trail::{self, Ruling};
use super::super::world::{
    ARRIVES_WITHIN, Crossing, GEHEIM, LABEL_KEY, OFFEN, RESTRICTED, ROOM_LABEL_TYPE, UNCLASSIFIED,
    VS_NFD, label, labelled, wide_room_label,
};
use super::super::zone::{GERMAN, NATO, Policy, Zone};
use super::{Saw, Stage, bare_message, body, canary, canary_from_low};

/// Each side labels in its own policy, and the other side reads it.
pub fn translated(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, None)?;
    let (alice, bob) = (&world.alice, &world.bob);
    let there = world.say(&room, alice, bob, &labelled("Lage um zwölf", VS_NFD))?;
    let back = world.say(&room, bob, alice, &labelled("noted", RESTRICTED))?;
    let unchanged = |crossing: &Crossing, level: &str| {
        level_of(&crossing.content) == level && !crossing.empty()
    };
    let mut ok = unchanged(&there, VS_NFD) && unchanged(&back, RESTRICTED);
    for zone in [&world.high, &world.low] {
        ok &= says(&first(zone, &there)?, VS_NFD, RESTRICTED, NATO);
        ok &= says(&first(zone, &back)?, RESTRICTED, VS_NFD, GERMAN);
    }
    let text = format!(
        "bob: {:?}, label {}; alice: {:?}, label {}: {}",
        body(&there.content),
        level_of(&there.content),
        body(&back.content),
        level_of(&back.content),
        back.told()
    );
    Ok(Saw::new(
        "alice says something VS-NfD, bob answers RESTRICTED",
        ok,
        text,
    )
    .crossing(&there))
}

/// Two lowest levels that sound alike, and that nobody may take for each other.
pub fn without_counterpart(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, None)?;
    let (alice, bob) = (&world.alice, &world.bob);
    let there = labelled(&canary(stage, "offen"), OFFEN);
    let there = world.say(&room, alice, bob, &there)?;
    let back = labelled(&canary_from_low(stage, "unclassified"), UNCLASSIFIED);
    let back = world.say(&room, bob, alice, &back)?;
    let ok = stopped(&there, "label.translation", "event")
        && stopped(&back, "label.translation", "event");
    let text = format!("{}; {}", step("OFFEN", &there), step("UNCLASSIFIED", &back));
    Ok(Saw::new(
        "alice says something OFFEN, bob something UNCLASSIFIED",
        ok,
        text,
    )
    .crossing(&there))
}

/// The same words in a room with a label, and in one without.
pub fn room_stands_in(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let (alice, bob) = (&world.alice, &world.bob);
    let with = world.room(stage.version, Some(VS_NFD))?;
    let with = world.say(&with, alice, bob, &bare_message("wie besprochen"))?;
    let without = world.room(stage.version, None)?;
    let secret = canary(stage, "bare");
    let without = world.say(&without, alice, bob, &bare_message(&secret))?;
    let ok = crossed(&with, "room")
        && body(&with.content) == "wie besprochen"
        && stopped(&without, "label.missing", "none");
    let text = format!(
        "{}; {}",
        step("in a VS-NfD room", &with),
        step("in a room without a label", &without)
    );
    Ok(Saw::new("alice: the same in two rooms, without a label", ok, text).crossing(&with))
}

/// A room that states no clearance has what its label says, and nothing above it.
pub fn above_room(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let (alice, bob) = (&world.alice, &world.bob);
    // Labelled when bob is in it: OFFEN does not cross, so he could not have joined.
    let room = world.room(stage.version, None)?;
    let labels_room = |level: &str| {
        let content = json!({"label": label(level)});
        world.set(&room, alice, bob, ROOM_LABEL_TYPE, &content)
    };
    let open = labels_room(OFFEN)?;
    let secret = labelled(&canary(stage, "above-room"), VS_NFD);
    let above = world.say(&room, alice, bob, &secret)?;
    let raised = labels_room(VS_NFD)?;
    let within = world.say(&room, alice, bob, &labelled("nun im Rahmen", VS_NFD))?;
    let ok = open.empty()
        && stopped(&above, "label.above_room", "event")
        && crossed(&raised, "event")
        && crossed(&within, "event")
        && body(&within.content) == "nun im Rahmen";
    let text = format!(
        "{}; {}",
        step("in an OFFEN room", &above),
        step("after it became VS-NfD", &within)
    );
    Ok(Saw::new("alice: the same label in a lower room", ok, text).crossing(&above))
}

/// What people type who have no client for labels.
pub fn typed_marking(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.room(stage.version, None)?;
    let say = |text: &str| world.say(&room, &world.alice, &world.bob, &bare_message(text));
    let marked = say("[VS-NfD] Treffen um zehn")?;
    let secret = say(&format!("[GEHEIM] {}", canary(stage, "typed")))?;
    // A hyphen that is not the hyphen of the policy: a reader sees VS-NfD, and no rule would.
    let alike = say(&format!("[VS\u{2011}NfD] {}", canary(stage, "alike")))?;
    let ok = crossed(&marked, "marking")
        && body(&marked.content) == "[VS-NfD] Treffen um zehn"
        && stopped(&secret, "label.classification", "marking")
        && stopped(&alike, "label.marking_invalid", "none");
    let text = format!(
        "{}; {}; {}",
        step("[VS-NfD]", &marked),
        step("[GEHEIM]", &secret),
        step("its look-alike", &alike)
    );
    Ok(Saw::new("alice types markings", ok, text).crossing(&marked))
}

/// Whoever answers is heard by those who may hear what was asked, unless the room says otherwise.
pub fn reply_to_higher(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let clara = world.newcomer(&world.high, "clara")?;
    let mut state = wide_room_label(VS_NFD);
    state["content"]["may_lower"] = json!([clara.user_id()]);
    let room = world.room_that_says(&world.alice, stage.version, Some(state))?;
    world.bring(&world.alice, &clara, &room)?;
    world.bring(&world.alice, &world.bob, &room)?;
    let question = labelled(&canary(stage, "question"), GEHEIM);
    let question = world.say(&room, &world.alice, &world.bob, &question)?;
    let reply = |speaker: &Client, content: Value| {
        let content = replying(content, &question.event_id);
        world.say(&room, speaker, &world.bob, &content)
    };
    let bare = reply(&world.alice, bare_message(&canary(stage, "bare-reply")))?;
    let lower = reply(
        &world.alice,
        labelled(&canary(stage, "lower-reply"), VS_NFD),
    )?;
    let named = reply(&clara, labelled("freigegeben", VS_NFD))?;
    let ok = stopped(&question, "label.classification", "event")
        && stopped(&bare, "label.classification", "target")
        && stopped(&lower, "label.lower_than_target", "event")
        && crossed(&named, "event")
        && body(&named.content) == "freigegeben";
    let text = format!(
        "{}; {}; {}",
        step("without a label", &bare),
        step("labelled VS-NfD", &lower),
        step("labelled VS-NfD by clara, whom the room names", &named)
    );
    Ok(Saw::new("replies to something GEHEIM", ok, text).crossing(&bare))
}

/// An edit repeats what it edits, so that a lower label on it would be a way out.
pub fn edit_that_lowers(stage: &Stage<'_>) -> Result<Saw, DemoError> {
    let world = stage.world;
    let room = world.wide_room(stage.version)?;
    let secret = canary(stage, "edited");
    let (alice, bob) = (&world.alice, &world.bob);
    let target = world.say(&room, alice, bob, &labelled(&secret, GEHEIM))?;
    let edit = |content: Value| world.say(&room, alice, bob, &editing(content, &target.event_id));
    let lower = edit(labelled(&secret, VS_NFD))?;
    let marked = edit(bare_message(&format!("[VS-NfD] {secret}")))?;
    let bare = edit(bare_message(&secret))?;
    let ok = stopped(&target, "label.classification", "event")
        && stopped(&lower, "label.lower_than_target", "event")
        && stopped(&marked, "label.classification", "target")
        && stopped(&bare, "label.classification", "target");
    let text = format!(
        "{}; {}; {}",
        step("labelled VS-NfD", &lower),
        step("marked [VS-NfD]", &marked),
        step("without either", &bare)
    );
    Ok(Saw::new("alice edits something GEHEIM", ok, text).crossing(&bare))
}

fn replying(mut content: Value, target: &str) -> Value {
    content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": target}});
    content
}

/// A label of the content's stands beside the new content, which replaces the old one without it.
fn editing(content: Value, target: &str) -> Value {
    let mut edit = json!({
        "msgtype": "m.text", "body": format!("* {}", body(&content)),
        "m.new_content": {"msgtype": "m.text", "body": content["body"]},
        "m.relates_to": {"rel_type": "m.replace", "event_id": target},
    });
    if !content[LABEL_KEY].is_null() {
        edit[LABEL_KEY] = content[LABEL_KEY].clone();
        edit["m.new_content"][LABEL_KEY] = content[LABEL_KEY].clone();
    }
    edit
}

fn level_of(content: &Value) -> &str {
    let level = &content[LABEL_KEY]["originator"]["Classification"];
    level.as_str().unwrap_or("none")
}

/// The first decision of a zone's gateway on an event. The far one may write it a moment after the event arrived.
fn first(zone: &Zone, crossing: &Crossing) -> Result<Ruling, DemoError> {
    until("a decision", ARRIVES_WITHIN, || {
        let rulings = trail::rulings(&zone.audit(), &crossing.event_id)?;
        Ok(rulings.into_iter().next())
    })
}

/// Whether the audit record names the label, what it was translated to, the policy as it decided, and whose clearance.
fn says(ruling: &Ruling, level: &str, translated: &str, policy: Policy) -> bool {
    let (spif, line) = (&ruling.line["spif"], &ruling.line);
    let hash = |value: &Value| value.as_str().is_some_and(|hash| hash.len() == SHA256_HEX);
    ruling.verdict == "release"
        && (ruling.level(), ruling.source()) == (level, "event")
        && ruling.translated() == translated
        && ruling.policy() == policy.oid
        && spif["version"].is_string()
        && hash(&spif["sha256"])
        && hash(&line["label"]["sha256"])
        && hash(&line["clearance"])
        && line["clearance_of"] == "peer"
}

fn crossed(crossing: &Crossing, source: &str) -> bool {
    let released = |ruling: &Ruling| ruling.verdict == "release" && ruling.source() == source;
    !crossing.empty() && crossing.ruling.as_ref().is_some_and(released)
}

fn stopped(crossing: &Crossing, rule: &str, source: &str) -> bool {
    let ruled = |ruling: &Ruling| ruling.rule == rule && ruling.source() == source;
    crossing.empty() && crossing.ruling.as_ref().is_some_and(ruled)
}

/// One step of a scene: what was seen, by which rule and label.
fn step(what: &str, crossing: &Crossing) -> String {
    let seen = if crossing.empty() { "empty" } else { "read" };
    let label = crossing
        .ruling
        .as_ref()
        .map_or_else(|| "-".to_owned(), Ruling::brief);
    format!("{what}: {seen} by {}, label {label}", crossing.rule())
}

const SHA256_HEX: usize = 64;
