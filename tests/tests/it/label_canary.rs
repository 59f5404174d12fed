//! What a sender writes into a label is content: it stands in no record, journal or log.

use std::path::Path;

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::wire::contains;

const CANARY: &str = "KANARIE";

/// A policy that asks for a free text in a category that decides, and in one that does not.
const ASKING: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20260101000000Z"
  originatorDN="CN=Test" keyIdentifier="00" privilegeId="1.3.26.0.4774.5.24.1" rbacId="1.3.26.0.4774.5.24.1">
 <securityPolicyId name="ASKS" id="2.25.4711"/>
 <securityClassifications><securityClassification name="LOW" lacv="1" hierarchy="1" color="green"/></securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="File" id="2.25.4711.1">
   <securityCategoryTag name="File" tagType="tagType7" tag7Encoding="securityAttributes">
    <tagCategory name="X" lacv="1" userInput="string"/></securityCategoryTag></securityCategoryTagSet>
  <securityCategoryTagSet name="Project" id="2.25.4711.2">
   <securityCategoryTag name="Project" tagType="restrictive">
    <tagCategory name="X" lacv="1" userInput="string"/></securityCategoryTag></securityCategoryTagSet>
 </securityCategoryTagSets>
</SPIF>"#;

fn asking() -> BundleParts {
    let mut parts = demanding();
    parts
        .spifs
        .push(("asking.xml".to_owned(), ASKING.to_owned()));
    parts
}

/// Every file below a folder, in which nothing may sing.
fn no_song(folder: &Path, story: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_song(&path, story);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!contains(&bytes, CANARY), "{story}: {}", path.display());
        }
    }
}

/// Labels with a canary in every place that a sender can write to.
fn singing() -> Vec<(&'static str, Value)> {
    let song = format!("{CANARY} the plan");
    let mut marked = label(NFD);
    marked["PrivacyMark"] = json!(song);
    marked["OriginatorID"] =
        json!({"IDType": "rfc822Name", "value": format!("{CANARY}@high.test")});
    marked["Id"] = json!(CANARY);
    let other = label_of(&song, &song, &[(&song, "RESTRICTIVE", &[&song])]);
    let alternative = json!({
        "schema": "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0",
        "originator": label(NFD), "alternative": [other],
    });
    let mut named = label(NFD);
    named["PolicyIdentifier"]["uri"] = json!(format!("urn:oid:{CANARY}"));
    let mut key = label(NFD);
    key[CANARY] = json!(song);
    vec![
        ("marks and names", marked),
        ("alternative", alternative),
        ("policy", label_of(&song, NFD, &[])),
        ("identifier", named),
        ("unknown key", key),
        ("level", label_of("DE-SAMPLE", &song, &[])),
        (
            "tag set",
            label_of("DE-SAMPLE", NFD, &[(&song, "RESTRICTIVE", &["KRYPTO"])]),
        ),
        (
            "value",
            label_of(
                "DE-SAMPLE",
                NFD,
                &[("Sperrvermerk", "RESTRICTIVE", &[&song])],
            ),
        ),
        (
            "type",
            label_of("DE-SAMPLE", NFD, &[("Sperrvermerk", CANARY, &["KRYPTO"])]),
        ),
        (
            "a text that decides nothing",
            label_of("ASKS", "LOW", &[("File", "INFORMATIVE", &[&song])]),
        ),
        (
            "a text that decides",
            label_of("ASKS", "LOW", &[("Project", "RESTRICTIVE", &[&song])]),
        ),
    ]
}

#[test]
fn lb_7_nothing_that_a_sender_writes_into_a_label_is_recorded_or_logged() {
    let mut world = World::under(&asking());
    for (story, label) in singing() {
        for side in SIDES {
            let by = world.speaker(side);
            let mut room = world.labelled_room(wide(OFFEN));
            let message = room.says(&by, labelled("the plan", &label));
            let reply = room.says(&by, answering(plain("indeed"), &message));
            let rules = world.judged(side, &[message.clone(), reply]);
            assert_eq!(
                rules[0].is_empty(),
                rules[1].is_empty(),
                "{story} {side:?}: {rules:?}"
            );
            assert_ne!(
                rules[1], "label.target_unknown",
                "{story} {side:?}: it is remembered"
            );
            let mut fresh = world.alices_room(RoomVersion::V12);
            let state = fresh.labels(&by, json!({"label": label}));
            let after = fresh.says(&by, plain("behind it"));
            let _denied_or_not = world.judged(side, &[state, after]);
        }
    }
    let room_clearance = clearance("ASKS", &["LOW"], &[("Project", "RESTRICTIVE", &[CANARY])]);
    for content in [
        json!({"label": label(NFD), "clearance": room_clearance}),
        json!({"label": label(NFD), "clearance": clearance("DE-SAMPLE", &[CANARY], &[])}),
        json!({"label": label(NFD), CANARY: CANARY}),
        json!({"label": label(NFD), "may_lower": [CANARY]}),
    ] {
        let mut room = world.labelled_room(content);
        let message = room.says(&world.alice(), plain("the plan"));
        let _denied_or_not = world.judged_one(Side::Ours, &message);
    }
    world.gateway.stop();
    no_song(&world.gateway.file("state"), "state");
    assert!(!world.gateway.log().contains(CANARY), "the program's log");
    assert!(
        world.gateway.audit_text().contains("label"),
        "something was recorded"
    );
}
