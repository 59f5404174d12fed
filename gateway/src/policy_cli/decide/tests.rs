#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use sluice_policy::{
    bundle::{BundleSigningKey, BundleVerifyKey},
    decide::LABEL_MALFORMED,
    label::LABEL_KEY,
};

use super::*;
use crate::policy_cli::line::ROOM_VERSION_UNKNOWN;
use crate::shipped;

fn shipped_bundle() -> Bundle {
    let (private, public) = shipped::new_bundle_key().unwrap();
    let key = BundleSigningKey::from_pem(&private).unwrap();
    let archive = Bundle::build(&shipped::demo_parts().unwrap(), &key).unwrap();
    Bundle::open(&archive, &BundleVerifyKey::from_pem(&public).unwrap()).unwrap()
}

/// Exit code and answers of `policy decide --link 'high->low'` on these lines.
fn decide(json: bool, lines: &str) -> (u8, Vec<String>) {
    let bundle = shipped_bundle();
    let link = LinkContext {
        name: "high->low",
        from: "high",
        to: "low",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let asked = Asked {
        bundle: &bundle,
        link,
        at: instant(Some("2026-06-01T12:00:00Z")).unwrap(),
        json,
    };
    let mut out = Vec::new();
    let code = asked
        .stream(&mut lines.as_bytes(), &mut out, Path::new("-"))
        .unwrap();
    (
        code,
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
    )
}

fn label(classification: &str) -> Value {
    json!({"PolicyIdentifier": {"name": "DE-SAMPLE", "uri": "urn:oid:2.25.999001"}, "Classification": classification,
        "Category": [], "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z"})
}

fn message(id: &str, body: &str, level: Option<&str>) -> Value {
    let mut content = json!({"msgtype": "m.text", "body": body});
    if let Some(level) = level {
        content[LABEL_KEY] = label(level);
    }
    let event = json!({"type": "m.room.message", "sender": "@alice:high.test", "room_id": "!r", "content": content});
    json!({"id": id, "room_version": "12", "event": event, "room": {"label": null}})
}

#[test]
fn every_line_gets_its_answer_and_a_bad_line_does_not_stop_the_others() {
    let mut in_labelled_room = message("room", "hello", None);
    in_labelled_room["room"]["label"] = label("OFFEN");
    let mut unknown_version = message("version", "hello", Some("OFFEN"));
    unknown_version["room_version"] = json!("9");
    let mut broken_room = message("broken", "hello", Some("OFFEN"));
    broken_room["room"]["label"] = json!("OFFEN");
    let lines = [
        message("ok", "hello bob", Some("OFFEN")).to_string(),
        message("high", "hello bob", Some("GEHEIM")).to_string(),
        message("bare", "hello bob", None).to_string(),
        in_labelled_room.to_string(),
        "{not json".to_owned(),
        message("tax", "Steuer-ID 86095742719", Some("OFFEN")).to_string(),
        message("float", "x", Some("OFFEN"))
            .to_string()
            .replace("\"m.text\"", "1.5"),
        unknown_version.to_string(),
        broken_room.to_string(),
        json!({"id": "none", "room_version": "12"}).to_string(),
    ];
    let (code, answers) = decide(true, &lines.join("\n"));
    assert_eq!(code, USAGE);
    let answers: Vec<Value> = answers
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said: Vec<(Option<&str>, Option<&str>, Option<&str>)> = answers
        .iter()
        .map(|a| (a["id"].as_str(), a["verdict"].as_str(), a["rule"].as_str()))
        .collect();
    let released = "rego.sluice.release.event";
    assert_eq!(
        said,
        [
            (Some("ok"), Some("release"), Some(released)),
            (Some("high"), Some("redact"), Some("label.classification")),
            (Some("bare"), Some("redact"), Some("label.missing")),
            (Some("room"), Some("release"), Some(released)),
            (None, None, None),
            (Some("tax"), Some("redact"), Some("dlp.de.steuer_id")),
            (Some("float"), Some("redact"), Some("protocol.json.float")),
            (Some("version"), Some("redact"), Some(ROOM_VERSION_UNKNOWN)),
            (Some("broken"), Some("redact"), Some(LABEL_MALFORMED)),
            (None, None, None),
        ]
    );
    assert_eq!(answers[0]["label"]["Classification"], "OFFEN");
    assert_eq!(answers[0]["protocol"], "unchecked");
    assert_eq!(answers[0]["label_source"], "event");
    assert_eq!(answers[0]["notes"], json!([]));
    assert_eq!(answers[4]["line"], 5);
    assert_eq!(answers[5]["findings"][0]["field"], "/event/content/body");
}

#[test]
fn the_exit_code_says_whether_all_was_released() {
    let released = message("ok", "hello", Some("OFFEN")).to_string();
    let denied = message("no", "hello", None).to_string();
    let (code, answers) = decide(false, &released);
    assert_eq!(
        (code, answers),
        (
            DONE,
            vec!["\"ok\" release rego.sluice.release.event".to_owned()]
        )
    );
    assert_eq!(decide(false, &format!("{released}\n{denied}\n")).0, NO);
}

#[test]
fn a_line_without_end_is_bounded() {
    let long = format!(
        "{{\"id\":\"{}\"}}\n{}",
        "x".repeat(2 * LINE_BYTES),
        message("ok", "hello", Some("OFFEN"))
    );
    let (code, answers) = decide(true, &long);
    assert_eq!((code, answers.len()), (USAGE, 2));
    assert!(answers[0].starts_with("{\"error\"") && answers[1].contains("release"));
}
