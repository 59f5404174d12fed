//! The scenes: what the demo plays and the end-to-end tests assert, one function each.
//!
//! A scene makes its own room, does what users do, and says what the other side saw and which rule decided. It never
//! looks into a gateway to find out whether something crossed: only the other side's homeserver can tell that.

use std::cell::RefCell;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::error::DemoError;
use super::world::{Crossing, World, plain};

mod border;
mod denied;
mod found;
mod labels;
mod ordinary;
mod record;

/// One scene. The list of all is [`SCENES`].
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Kebab-case, listed in the docs.
    pub name: &'static str,
    /// What should be seen, for a reader.
    pub expect: &'static str,
    /// Room versions to play it in.
    pub versions: &'static [&'static str],
    play: fn(&Stage<'_>) -> Result<Saw, DemoError>,
}

/// Where a scene plays.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// The two zones.
    pub world: &'a World,
    /// Room version.
    pub version: &'a str,
    planted: &'a RefCell<Vec<Canary>>,
}

/// A word in what was denied. It must be nowhere in the other zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The word.
    pub word: String,
    /// Whether it was said in zone `high`, so that `low` must not have it; else the other way round.
    pub from_high: bool,
}

/// What came of a scene. `name`, `expect`, `saw` and `ok` are a contract; keys may be added.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The scene's name.
    pub name: &'static str,
    /// What should have been seen.
    pub expect: &'static str,
    /// What was seen.
    pub saw: String,
    /// Whether that is what should have been.
    pub ok: bool,
    /// Who did what.
    pub said: String,
    /// The label it had.
    pub label: String,
    /// The rule that decided.
    pub rule: String,
    /// Room version.
    pub room_version: String,
    /// From the client's request until the other side could read it; absent where nothing was timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// What both gateways together added to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_milliseconds: Option<f64>,
    /// What the other zone must not have, for those who search its homeserver's database.
    #[serde(skip)]
    pub canaries: Vec<Canary>,
}

/// What a scene reports.
#[derive(Debug, Clone, Default)]
pub struct Saw {
    text: String,
    ok: bool,
    said: String,
    label: String,
    rule: String,
    took: Option<Duration>,
    added: Option<Duration>,
}

impl Saw {
    fn new(said: &str, ok: bool, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ok,
            said: said.to_owned(),
            ..Self::default()
        }
    }

    fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    fn rule(mut self, rule: &str) -> Self {
        rule.clone_into(&mut self.rule);
        self
    }

    /// Label, rule and time of a crossing.
    fn crossing(self, crossing: &Crossing) -> Self {
        let mut saw = self.label(&crossing.told()).rule(crossing.rule());
        saw.took = Some(crossing.took);
        saw.added = crossing.added;
        saw
    }
}

/// Plays one scene. A failure on the way is an outcome like another: not ok, with the failure as what was seen.
#[must_use]
pub fn play(scene: &Scene, world: &World, version: &str) -> Outcome {
    let planted = RefCell::default();
    let stage = Stage {
        world,
        version,
        planted: &planted,
    };
    let saw = (scene.play)(&stage).unwrap_or_else(|error| Saw::new("", false, error.to_string()));
    let dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    Outcome {
        name: scene.name,
        expect: scene.expect,
        saw: saw.text,
        ok: saw.ok,
        said: dash(saw.said),
        label: dash(saw.label),
        rule: dash(saw.rule),
        room_version: version.to_owned(),
        milliseconds: saw
            .took
            .and_then(|took| u64::try_from(took.as_millis()).ok()),
        added_milliseconds: saw
            .added
            .map(|added| (added.as_secs_f64() * 10_000.0).round() / 10.0),
        canaries: planted.into_inner(),
    }
}

/// The scene of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Scene> {
    SCENES.iter().find(|scene| scene.name == name)
}

/// A word that must not be found in zone `low`, different in every scene and run.
fn canary(stage: &Stage<'_>, what: &str) -> String {
    plant(stage, what, true)
}

/// As [`canary`], for what is said in zone `low`.
fn canary_from_low(stage: &Stage<'_>, what: &str) -> String {
    plant(stage, what, false)
}

fn plant(stage: &Stage<'_>, what: &str, from_high: bool) -> String {
    let number = stage.world.next_number();
    // The end keeps one number from being the start of another.
    let word = format!("canary-{what}-{number}-{}-end", std::process::id());
    stage.planted.borrow_mut().push(Canary {
        word: word.clone(),
        from_high,
    });
    word
}

/// The next message must follow at once: a refusal never stops the link.
fn next_follows(stage: &Stage<'_>, room: &str) -> Result<bool, DemoError> {
    let world = stage.world;
    let crossing = world.say(room, &world.alice, &world.bob, &open_message("und weiter"))?;
    Ok(crossing.content["body"] == "und weiter" && crossing.took < AT_ONCE)
}

fn body(content: &Value) -> &str {
    content["body"].as_str().unwrap_or_default()
}

/// One ordinary message, labelled so that any link takes it.
fn open_message(text: &str) -> Value {
    super::world::labelled(text, super::world::VS_NFD)
}

/// As [`open_message`], without a label.
fn bare_message(text: &str) -> Value {
    plain(text)
}

/// "At once", on a machine that runs two homeservers and a test suite beside it.
const AT_ONCE: Duration = Duration::from_secs(5);
const TWELVE: &[&str] = &["12"];
const TEN_AND_TWELVE: &[&str] = &["10", "12"];
const EVERY: &[&str] = &["10", "11", "12"];

/// All scenes, in the order in which the demo plays them.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "first-contact",
        expect: "bob finds alice's profile; both homeservers learn each other's keys through the gateways",
        versions: TWELVE,
        play: ordinary::first_contact,
    },
    Scene {
        name: "invite-and-join",
        expect: "bob joins, both sides see both members",
        versions: TWELVE,
        play: ordinary::invite_and_join,
    },
    Scene {
        name: "plain-message-high-to-low",
        expect: "bob reads it",
        versions: TWELVE,
        play: ordinary::message_high_to_low,
    },
    Scene {
        name: "plain-message-low-to-high",
        expect: "alice reads it",
        versions: TWELVE,
        play: ordinary::message_low_to_high,
    },
    Scene {
        name: "reply-edit-reaction",
        expect: "bob sees reply, edit and reaction; they take their target's label",
        versions: TWELVE,
        play: ordinary::reply_edit_reaction,
    },
    Scene {
        name: "typing-and-receipt",
        expect: "bob sees alice type, alice sees that bob has read",
        versions: TWELVE,
        play: ordinary::typing_and_receipt,
    },
    Scene {
        name: "labelled-within-clearance",
        expect: "bob reads it, with its label",
        versions: TWELVE,
        play: ordinary::within_clearance,
    },
    Scene {
        name: "label-translated-across-border",
        expect: "bob reads VS-NfD, judged as RESTRICTED; alice reads RESTRICTED, judged as VS-NfD; no label is changed",
        versions: TEN_AND_TWELVE,
        play: labels::translated,
    },
    Scene {
        name: "label-without-counterpart",
        expect: "OFFEN and NATO UNCLASSIFIED are not the same: neither crosses",
        versions: TEN_AND_TWELVE,
        play: labels::without_counterpart,
    },
    Scene {
        name: "room-label-stands-in",
        expect: "a message without a label is read in a VS-NfD room, and is empty in a room without a label",
        versions: TEN_AND_TWELVE,
        play: labels::room_stands_in,
    },
    Scene {
        name: "label-above-room",
        expect: "VS-NfD is empty in a room labelled OFFEN, and is read after the room became VS-NfD",
        versions: TEN_AND_TWELVE,
        play: labels::above_room,
    },
    Scene {
        name: "typed-marking",
        expect: "[VS-NfD] is read in a room without a label, [GEHEIM] is not, and what only looks like VS-NfD is not",
        versions: TEN_AND_TWELVE,
        play: labels::typed_marking,
    },
    Scene {
        name: "reply-to-higher",
        expect: "a reply to something GEHEIM is GEHEIM, also if it says less; only whom the room names may say less",
        versions: TEN_AND_TWELVE,
        play: labels::reply_to_higher,
    },
    Scene {
        name: "edit-that-lowers",
        expect: "an edit of something GEHEIM is empty, whether it has a lower label, a lower marking or none",
        versions: TEN_AND_TWELVE,
        play: labels::edit_that_lowers,
    },
    Scene {
        name: "label-above-clearance",
        expect: "an empty event with the same id; the next message follows at once",
        versions: EVERY,
        play: denied::above_clearance,
    },
    Scene {
        name: "unlabelled-where-demanded",
        expect: "an empty event with the same id; the same with a label is read",
        versions: TWELVE,
        play: denied::unlabelled,
    },
    Scene {
        name: "iban",
        expect: "one is read and noted; a message with three different ones is empty",
        versions: TWELVE,
        play: found::iban,
    },
    Scene {
        name: "tax-id",
        expect: "an empty event with the same id",
        versions: TWELVE,
        play: found::tax_id,
    },
    Scene {
        name: "token",
        expect: "an empty event with the same id",
        versions: TWELVE,
        play: found::token,
    },
    Scene {
        name: "marking",
        expect: "an empty event with the same id",
        versions: TWELVE,
        play: found::marking,
    },
    Scene {
        name: "marking-in-look-alikes",
        expect: "an empty event with the same id",
        versions: TWELVE,
        play: found::look_alikes,
    },
    Scene {
        name: "split-over-two-messages",
        expect: "the first half is read, the message that completes the value is empty",
        versions: TWELVE,
        play: found::split,
    },
    Scene {
        name: "file-name",
        expect: "an empty event with the same id",
        versions: TWELVE,
        play: found::file_name,
    },
    Scene {
        name: "denied-pull",
        expect: "asked for by event, backfill and get_missing_events: never the content",
        versions: EVERY,
        play: denied::pull_again,
    },
    Scene {
        name: "late-joiner",
        expect: "who joins later reads what was allowed, and never what was denied",
        versions: EVERY,
        play: denied::late_joiner,
    },
    Scene {
        name: "room-name-with-marking",
        expect: "bob sees no such name; the room goes on",
        versions: TWELVE,
        play: found::room_name,
    },
    Scene {
        name: "room-topic",
        expect: "bob sees no such topic; the room goes on",
        versions: TWELVE,
        play: found::room_topic,
    },
    Scene {
        name: "display-name-with-tax-id",
        expect: "bob sees a member without a name, and no such profile; the room goes on",
        versions: TWELVE,
        play: found::display_name,
    },
    Scene {
        name: "never-redact",
        expect: "power levels with a marking do not cross: the room is closed for the link, leaving it is not",
        versions: EVERY,
        play: denied::never_redact,
    },
    Scene {
        name: "display-name-across-border",
        expect: "bob sees the new display name",
        versions: TWELVE,
        play: ordinary::display_name,
    },
    Scene {
        name: "unlisted-third-homeserver-refused",
        expect: "alice is told 403; who knocks without a certificate gets no answer",
        versions: TWELVE,
        play: border::third_homeserver,
    },
    Scene {
        name: "no-back-off-after-refusals",
        expect: "no homeserver backs off from the other",
        versions: TWELVE,
        play: border::no_back_off,
    },
    Scene {
        name: "audit-verified",
        expect: "both audit logs verify",
        versions: TWELVE,
        play: record::verified,
    },
    Scene {
        name: "tampered-copy-caught",
        expect: "a copy with one word changed does not verify, and the line is named",
        versions: TWELVE,
        play: record::tampered,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique() {
        for (index, scene) in SCENES.iter().enumerate() {
            assert!(
                scene
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{}",
                scene.name
            );
            assert!(
                !SCENES
                    .iter()
                    .skip(index + 1)
                    .any(|other| other.name == scene.name),
                "{} twice",
                scene.name
            );
            assert!(named(scene.name).is_some());
        }
    }
}
