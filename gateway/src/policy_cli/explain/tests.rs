#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use sluice_policy::{
    bundle::{BundleSigningKey, BundleVerifyKey},
    facts::Direction,
    label::LABEL_KEY,
};

use super::*;
use crate::shipped;

const NFD: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH";

fn label(classification: &str) -> Value {
    json!({"PolicyIdentifier": {"name": "DE-SAMPLE", "uri": "urn:oid:2.25.999001"}, "Classification": classification,
        "Category": [], "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z"})
}

fn explained(line: &Value) -> (u8, Value) {
    let (private, public) = shipped::new_bundle_key().unwrap();
    let key = BundleSigningKey::from_pem(&private).unwrap();
    let archive = Bundle::build(&shipped::demo_parts().unwrap(), &key).unwrap();
    let bundle = Bundle::open(&archive, &BundleVerifyKey::from_pem(&public).unwrap()).unwrap();
    let link = LinkContext {
        name: "high->low",
        from: "high",
        to: "low",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let at = decide::instant(Some("2026-06-01T12:00:00Z")).unwrap();
    answer(&bundle, &link, at, line.to_string().as_bytes()).unwrap()
}

fn reply(own: &str, targets: Value) -> Value {
    let content = json!({"body": "ja", "msgtype": "m.text", LABEL_KEY: label(own),
        "m.relates_to": {"m.in_reply_to": {"event_id": "$asked"}}});
    json!({"id": 7, "room_version": "12", "targets": targets,
        "event": {"type": "m.room.message", "sender": "@alice:high.test", "room_id": "!r", "content": content},
        "room": {"label": label(NFD), "clearance": null, "may_lower": ["@chief:high.test"]}})
}

#[test]
fn a_decision_is_explained_step_by_step() {
    let (code, answer) = explained(&reply(NFD, json!({"$asked": label("OFFEN")})));
    assert_eq!((code, &answer["verdict"]), (DONE, &json!("release")));
    assert_eq!(
        (&answer["id"], &answer["protocol"]),
        (&json!(7), &json!("unchecked"))
    );
    let steps = &answer["steps"];
    let sources: Vec<&str> = steps["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["event", "target", "room"]);
    assert_eq!(steps["bearing"][0]["clearances"][0]["rule"], "granted");
    assert_eq!(steps["bearing"][0]["clearances"][0]["of"], "bundle");
    assert_eq!(steps["label"]["rule"], "label.granted");
    assert_eq!(steps["label"]["policy"]["oid"], "2.25.999001");
    assert_eq!(steps["policy"]["verdict"], "release");
}

#[test]
fn mx_5_targets_are_given_beside_the_event_and_one_that_is_not_is_unknown() {
    let rule = |own, targets| explained(&reply(own, targets)).1["rule"].clone();
    assert_eq!(
        rule("OFFEN", json!({"$asked": label(NFD)})),
        "label.lower_than_target"
    );
    assert_eq!(
        rule("OFFEN", json!({"$asked": null})),
        "rego.sluice.release.event"
    );
    assert_eq!(rule("OFFEN", json!({})), "label.target_unknown");
    assert_eq!(rule("OFFEN", Value::Null), "rego.sluice.release.event");
    assert_eq!(
        rule("OFFEN", json!({"$asked": "OFFEN"})),
        "label.label-invalid"
    );
    let mut chief = reply("OFFEN", json!({"$asked": label(NFD)}));
    chief["event"]["sender"] = json!("@chief:high.test");
    assert_eq!(explained(&chief).1["verdict"], "release");
}

#[test]
fn what_cannot_be_judged_has_no_steps() {
    let mut odd = reply(NFD, Value::Null);
    odd["room_version"] = json!("1");
    let (code, answer) = explained(&odd);
    assert_eq!(
        (code, &answer["rule"]),
        (NO, &json!("protocol.room_version"))
    );
    assert!(answer["steps"].is_null());
    let mut text = Vec::new();
    show(&mut text, &answer).unwrap();
    assert!(
        String::from_utf8(text)
            .unwrap()
            .ends_with("verdict  redact protocol.room_version\n")
    );
}

#[test]
fn the_steps_can_be_read_by_people() {
    let (_, answer) = explained(&reply("GEHEIM", json!({"$asked": label(NFD)})));
    let mut text = Vec::new();
    show(&mut text, &answer).unwrap();
    let text = String::from_utf8(text).unwrap();
    for line in [
        "source   event: GEHEIM",
        "bearing  event under the clearance of bundle: classification",
        "label    label.classification",
        "verdict  redact label.classification",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
