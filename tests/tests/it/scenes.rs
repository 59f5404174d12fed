//! Every scene of the demo, on both ways out; those about denial in room versions 10, 11 and 12.

use sluice::demo::scenes::{self, Canary, SCENES};
use sluice::demo::world::World;
use sluice::demo::zone::Way;
use sluice_tests::evidence::files_with;
use sluice_tests::world;

/// Plays a scene in the shared world of a way out and demands that it goes as expected, and that what was denied in it
/// is nowhere in the other zone: not in the homeserver's database, and not in what either gateway writes.
fn plays(name: &str, way: Way, version: &str) {
    let scene = scenes::named(name).unwrap_or_else(|| panic!("no scene is called {name}"));
    assert!(
        scene.versions.contains(&version),
        "{name} is not played in room version {version}"
    );
    let world = world(way);
    let outcome = scenes::play(scene, world, version);
    assert!(
        outcome.ok,
        "{name}: expected {}; saw {} (rule {})",
        outcome.expect, outcome.saw, outcome.rule
    );
    for canary in &outcome.canaries {
        stayed(world, canary);
    }
}

fn stayed(world: &World, canary: &Canary) {
    let (near, far) = match canary.from_high {
        true => (&world.high, &world.low),
        false => (&world.low, &world.high),
    };
    let word = &canary.word;
    assert!(
        !files_with(near.synapse.folder(), word).is_empty(),
        "{word} was said, or the search finds nothing"
    );
    for folder in [
        far.synapse.folder(),
        far.gateway_folder(),
        near.gateway_folder(),
    ] {
        let found = files_with(folder, word);
        assert!(found.is_empty(), "{word} found in {found:?}");
    }
}

/// One test a scene, way out and room version; and a test that no scene is missing here.
macro_rules! scenes {
    ($($test:ident: $name:literal in [$($version:ident = $number:literal),+];)+) => {
        $(mod $test {
            $(mod $version {
                use super::super::*;

                #[test]
                fn by_the_hook() {
                    plays($name, Way::Hook, $number);
                }

                #[test]
                fn by_connect() {
                    plays($name, Way::Connect, $number);
                }
            })+
        })+

        #[test]
        fn every_scene_is_played_in_every_version_it_names() {
            let played: Vec<(&str, Vec<&str>)> = vec![$(($name, vec![$($number),+])),+];
            for scene in SCENES {
                let found = played.iter().find(|(name, _)| *name == scene.name);
                assert!(found.is_some_and(|(_, versions)| versions == scene.versions), "{} is not played in full", scene.name);
            }
        }
    };
}

scenes! {
    first_contact: "first-contact" in [v12 = "12"];
    invite_and_join: "invite-and-join" in [v12 = "12"];
    plain_message_high_to_low: "plain-message-high-to-low" in [v12 = "12"];
    plain_message_low_to_high: "plain-message-low-to-high" in [v12 = "12"];
    reply_edit_reaction: "reply-edit-reaction" in [v12 = "12"];
    typing_and_receipt: "typing-and-receipt" in [v12 = "12"];
    labelled_within_clearance: "labelled-within-clearance" in [v12 = "12"];
    label_translated_across_border: "label-translated-across-border" in [v10 = "10", v12 = "12"];
    label_without_counterpart: "label-without-counterpart" in [v10 = "10", v12 = "12"];
    room_label_stands_in: "room-label-stands-in" in [v10 = "10", v12 = "12"];
    label_above_room: "label-above-room" in [v10 = "10", v12 = "12"];
    typed_marking: "typed-marking" in [v10 = "10", v12 = "12"];
    reply_to_higher: "reply-to-higher" in [v10 = "10", v12 = "12"];
    edit_that_lowers: "edit-that-lowers" in [v10 = "10", v12 = "12"];
    label_above_clearance: "label-above-clearance" in [v10 = "10", v11 = "11", v12 = "12"];
    unlabelled_where_demanded: "unlabelled-where-demanded" in [v12 = "12"];
    iban: "iban" in [v12 = "12"];
    tax_id: "tax-id" in [v12 = "12"];
    token: "token" in [v12 = "12"];
    marking: "marking" in [v12 = "12"];
    marking_in_look_alikes: "marking-in-look-alikes" in [v12 = "12"];
    split_over_two_messages: "split-over-two-messages" in [v12 = "12"];
    file_name: "file-name" in [v12 = "12"];
    denied_pull: "denied-pull" in [v10 = "10", v11 = "11", v12 = "12"];
    late_joiner: "late-joiner" in [v10 = "10", v11 = "11", v12 = "12"];
    room_name_with_marking: "room-name-with-marking" in [v12 = "12"];
    room_topic: "room-topic" in [v12 = "12"];
    display_name_with_tax_id: "display-name-with-tax-id" in [v12 = "12"];
    never_redact: "never-redact" in [v10 = "10", v11 = "11", v12 = "12"];
    display_name_across_border: "display-name-across-border" in [v12 = "12"];
    unlisted_third_homeserver_refused: "unlisted-third-homeserver-refused" in [v12 = "12"];
    no_back_off_after_refusals: "no-back-off-after-refusals" in [v12 = "12"];
    audit_verified: "audit-verified" in [v12 = "12"];
    tampered_copy_caught: "tampered-copy-caught" in [v12 = "12"];
}
