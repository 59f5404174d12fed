#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::LazyLock;

use proptest::prelude::*;
use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue};
use serde_json::{Value, json};

use super::joined::END_BYTES;
use super::*;
use crate::dlp::{Detectors, Finding, MAX_FINDINGS, MAX_UNIT_BYTES, Scan, ScanError, Strength};
use crate::label::Spifs;

const RULES: &str = r#"
[[detector]]
id = "test.iban"
description = "an account"
regex = '(?i)(?:^|[^0-9a-z])([a-z]{2}[0-9]{2}(?:[ .-]?[0-9a-z]){11,30})'
validator = "iban"
strength = "medium"
examples = ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000"]
negative_examples = ["DE88 3704 0044 0532 0130 00", "IBAN"]
[[detector]]
id = "test.marking"
description = "a marking"
regex = '\b(STRENG GEHEIM)\b'
strength = "high"
examples = ["STRENG GEHEIM", "der Plan ist STRENG GEHEIM"]
negative_examples = ["geheim", "STRENG"]
[[detector]]
id = "test.room"
description = "a room with its word"
regex = '\b([0-9]{4})\b'
strength = "low"
context = { words = ["bunker"], within = 30 }
examples = ["1234", "Bunker 1234"]
negative_examples = ["12", "Bunker"]
"#;

fn detectors() -> &'static Detectors {
    static LOADED: LazyLock<Detectors> = LazyLock::new(|| {
        let spifs = Spifs::new(Vec::new()).unwrap();
        Detectors::parse(&[("rules.toml".to_owned(), RULES.to_owned())], &spifs).unwrap()
    });
    &LOADED
}

fn object(value: Value) -> Object {
    let tree = CanonicalJsonValue::try_from(value).unwrap();
    tree.as_object().unwrap().clone()
}

fn text(body: &str) -> Object {
    object(json!({ "msgtype": "m.text", "body": body }))
}

/// Alice's messages, one after the other; what only the window shows of the last.
fn last_of(bodies: &[&str]) -> Vec<Finding> {
    let contents: Vec<Object> = bodies.iter().map(|body| text(body)).collect();
    let mut window = Window::default();
    let mut findings = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        let id = format!("${number}");
        let said = said("m.room.message", content, "/event/content");
        findings = detectors()
            .scan_window(&Scan::default(), &window.around(&id, 0), &said)
            .unwrap();
        window.push(Part::new(&id, 0, &said));
    }
    findings
}

fn spans(findings: &[Finding]) -> Vec<(&str, usize, usize)> {
    findings
        .iter()
        .map(|finding| (finding.detector.as_str(), finding.start, finding.end))
        .collect()
}

#[test]
fn dl_3_a_value_split_over_messages_is_found_in_the_one_that_completes_it() {
    assert_eq!(spans(&last_of(&["DE89 3704 0044"])), []);
    let two = last_of(&["meine IBAN: DE89 3704 0044", "0532 0130 00 danke"]);
    assert_eq!(spans(&two), [("test.iban", 0, 12)]);
    assert_eq!(two[0].field, "/event/content/body");
    for bodies in [
        &["DE89", "3704", "0044", "0532", "0130", "00"][..],
        &["DE8937040", "0440532013000"],
        &["DE89 3704 0044 ", " 0532 0130 00"],
        &["DE89 3704 0044", "Moment", "warte mal", "0532 0130 00"],
    ] {
        assert_eq!(last_of(bodies).len(), 1, "{bodies:?}");
        assert_eq!(
            last_of(&bodies[..bodies.len() - 1]),
            [],
            "not before: {bodies:?}"
        );
    }
    assert_eq!(
        spans(&last_of(&["Der Plan ist STRENG", "GEHEIM, sagt bob"])),
        [("test.marking", 0, 6)]
    );
}

#[test]
fn dl_3_what_stood_in_earlier_messages_alone_or_in_this_one_alone_is_not_repeated() {
    let whole = "DE89 3704 0044 0532 0130 00";
    assert_eq!(last_of(&[whole, "danke"]), []);
    assert_eq!(last_of(&["hallo", whole]), []);
    assert_eq!(last_of(&["DE89 3704 0044", "DE88", "0532 0130 00"]), []);
}

#[test]
fn dl_3_a_word_said_before_makes_a_value_surer() {
    let found = last_of(&["Der Bunker?", "4711"]);
    assert_eq!(spans(&found), [("test.room", 0, 4)]);
    assert_eq!(found[0].strength, Strength::Medium);
    assert_eq!(last_of(&["Das Zimmer?", "4711"]), []);
}

#[test]
fn dl_3_ten_messages_and_ten_minutes_and_no_more() {
    let mut bodies = vec!["DE89 3704 0044"];
    bodies.extend(std::iter::repeat_n("ja", WINDOW_MESSAGES - 1));
    bodies.push("0532 0130 00");
    assert_eq!(last_of(&bodies).len(), 1);
    bodies.insert(1, "ja");
    assert_eq!(last_of(&bodies), []);

    let (first, second) = (text("DE89 3704 0044"), text("0532 0130 00"));
    let mut window = Window::default();
    let part = said("m.room.message", &first, "");
    window.push(Part::new("$1", 1_000, &part));
    let second = said("m.room.message", &second, "");
    let at = |ms: i64| {
        let around = window.around("$2", ms);
        detectors()
            .scan_window(&Scan::default(), &around, &second)
            .unwrap()
            .len()
    };
    assert_eq!(at(1_000 + WINDOW_MS), 1);
    assert_eq!(at(1_001 + WINDOW_MS), 0);
}

#[test]
fn dl_3_the_order_of_sending_counts_where_history_is_pulled_backwards() {
    let (first, second) = (text("DE89 3704 0044"), text("0532 0130 00"));
    let mut window = Window::default();
    window.push(Part::new("$2", 2_000, &said("m.room.message", &second, "")));
    let said = said("m.room.message", &first, "");
    let found = detectors()
        .scan_window(&Scan::default(), &window.around("$1", 1_000), &said)
        .unwrap();
    assert_eq!(spans(&found), [("test.iban", 0, 14)]);
}

/// What a window says of the second half, where the first one and what else was said stands in it.
fn completes(window: &Window, second: &Part, body: &str) -> bool {
    let content = text(body);
    let said = said("m.room.message", &content, "");
    let around = window.around_part(second);
    let found = detectors().scan_window(&Scan::default(), &around, &said);
    !found.unwrap().is_empty()
}

fn part(event_id: &str, sent_ms: i64, body: &str) -> Part {
    Part::new(event_id, sent_ms, &said("m.room.message", &text(body), ""))
}

fn news(event_id: &str, sent_ms: i64, body: &str) -> Part {
    Part {
        is_news: true,
        ..part(event_id, sent_ms, body)
    }
}

/// Some moment.
const NOW: i64 = 1_780_000_000_000;

#[test]
fn dl_3_old_messages_that_an_accomplice_pulls_do_not_push_out_what_was_said_since() {
    let mut window = Window::default();
    window.push(news("$half", NOW, "DE89 3704 0044"));
    for number in 0..50 {
        let old = NOW - 3_600_000 + number;
        window.push(part(&format!("${number}"), old, "alt"));
    }
    assert!(window.parts().count() <= 2 * WINDOW_MESSAGES);
    let second = news("$rest", NOW + 1_000, "0532 0130 00");
    assert!(completes(&window, &second, "0532 0130 00"));
}

#[test]
fn dl_3_halves_of_history_are_read_together_however_much_was_said_lately() {
    let mut window = Window::default();
    for number in 0..20 {
        window.push(news(&format!("${number}"), NOW + number, "neu"));
    }
    window.push(part("$half", NOW - 900_000, "DE89 3704 0044"));
    let second = part("$rest", NOW - 899_000, "0532 0130 00");
    assert!(completes(&window, &second, "0532 0130 00"));
    let later = part("$rest", NOW - 899_000 + WINDOW_MS, "0532 0130 00");
    assert!(!completes(&window, &later, "0532 0130 00"));
}

#[test]
fn dl_3_news_are_read_in_the_order_in_which_they_came_whatever_the_clock_says() {
    for step in [-3_600_000, 0, 3_600_000] {
        let mut window = Window::default();
        window.push(news("$half", NOW, "DE89 3704 0044"));
        let second = news("$rest", NOW + step, "0532 0130 00");
        assert!(completes(&window, &second, "0532 0130 00"), "{step}");
    }
}

#[test]
fn dl_3_halves_in_fields_that_nobody_is_shown_are_read_together_within_their_event() {
    let found = last_shown(&[json!({
        "body": "hallo", "msgtype": "m.text", "x1": "DE89 3704 0044", "x2": { "y": ["0532 0130 00"] },
    })]);
    assert_eq!(found[0].field, "/event/content/x2/y/0");
    assert_eq!(spans(&found), [("test.iban", 0, 12)]);
    let with_body = json!({ "body": "DE89 3704 0044", "x1": "0532 0130 00" });
    assert_eq!(spans(&last_shown(&[with_body])), [("test.iban", 0, 12)]);
    let of_two = [
        json!({ "body": "eins", "x1": "DE89 3704 0044" }),
        json!({ "body": "zwei", "x1": "0532 0130 00" }),
    ];
    assert_eq!(last_shown(&of_two), [], "not with other events");
}

#[test]
fn dl_3_an_event_of_too_many_fields_is_held_and_a_plain_message_has_none() {
    let fields: Vec<String> = (0..=MAX_SAID).map(|number| format!("x{number}")).collect();
    let content = object(json!({ "body": "hallo", "x": fields }));
    let many = said("m.room.message", &content, "");
    let held = detectors().scan_window(&Scan::default(), &Around::default(), &many);
    assert!(matches!(held, Err(ScanError::Budget { .. })));
    let state = object(json!({ "allow": ["a.test", "b.test"], "m.federate": true }));
    let said_in_state = said("m.room.server_acl", &state, "");
    assert_eq!(said_in_state.len(), 2, "each once");
    let plain = json!({ "body": "hallo", "msgtype": "m.text", "format": "org.matrix.custom.html",
        "formatted_body": "<b>hallo</b>", "info": { "size": 86_095_742, "w": 719 } });
    let plain = object(plain);
    let said = said("m.room.message", &plain, "");
    assert_eq!(said.len(), 1);
    assert!(
        joined(&Around::default(), &said).is_empty(),
        "nothing more to look at"
    );
}

#[test]
fn an_event_that_comes_again_is_not_its_own_predecessor() {
    let body = text("3704 0044");
    let part = || Part::new("$1", 0, &said("m.room.message", &body, ""));
    let mut window = Window::default();
    window.push(part());
    window.push(part());
    assert_eq!(window.parts().count(), 1);
    assert_eq!(window.around("$1", 0), Around::default());
    assert_eq!(window.around("$2", 0).before, ["3704 0044"]);
}

#[test]
fn senders_and_rooms_have_windows_of_their_own() {
    let body = text("DE89 3704 0044");
    let mut windows = Windows::default();
    let part = Part::new("$1", 0, &said("m.room.message", &body, ""));
    windows.push("!a", "@alice:high.test", part);
    assert!(windows.get("!a", "@alice:high.test").is_some());
    assert!(windows.get("!a", "@bob:high.test").is_none());
    assert!(windows.get("!b", "@alice:high.test").is_none());
}

#[test]
fn values_split_over_the_fields_of_one_event_are_found() {
    let content = object(json!({
        "body": "DE89 3704 0044", "filename": "0532 0130 00", "msgtype": "m.file",
    }));
    let said = said("m.room.message", &content, "/event/content");
    let found = detectors()
        .scan_window(&Scan::default(), &Around::default(), &said)
        .unwrap();
    assert_eq!(found[0].field, "/event/content/filename");
    assert_eq!(spans(&found), [("test.iban", 0, 12)]);
}

fn pointers(event_type: &str, value: Value) -> Vec<(String, String)> {
    let content = object(value);
    said(event_type, &content, "")
        .into_iter()
        .filter(|said| said.shown != Shown::Field)
        .map(|said| (said.pointer, said.text.into_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(pointer, text)| ((*pointer).to_owned(), (*text).to_owned()))
        .collect()
}

#[test]
fn what_a_person_reads_counts_once() {
    let edit = json!({
        "msgtype": "m.text", "body": "* hallo", "format": "org.matrix.custom.html", "formatted_body": "* <b>hallo</b>",
        "m.new_content": { "msgtype": "m.text", "body": "hallo", "formatted_body": "<b>hallo</b>" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$1" },
    });
    assert_eq!(
        pointers("m.room.message", edit),
        pairs(&[("/body", "hallo")])
    );
    let poll = json!({ "m.poll": {
        "question": { "m.text": [{ "body": "Wo?" }] },
        "answers": [{ "m.id": "1", "m.text": [{ "body": "hier" }] }, { "m.id": "2", "m.text": [{ "body": "dort" }] }],
    }});
    assert_eq!(
        pointers("m.poll.start", poll),
        pairs(&[
            ("/m.poll/answers/0/m.text/0/body", "hier"),
            ("/m.poll/answers/1/m.text/0/body", "dort"),
            ("/m.poll/question/m.text/0/body", "Wo?"),
        ])
    );
    let reaction =
        json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": "$1", "key": "37" } });
    assert_eq!(
        pointers("m.reaction", reaction),
        pairs(&[("/m.relates_to/key", "37")])
    );
    assert_eq!(
        pointers("m.room.topic", json!({ "topic": "Plan" })),
        pairs(&[("/topic", "Plan")])
    );
    let unknown = json!({ "x~y": ["a", { "z": "b" }], "n": 1 });
    assert_eq!(
        pointers("org.example.own", unknown),
        pairs(&[("/x~0y/0", "a"), ("/x~0y/1/z", "b")])
    );
    let ciphertext =
        json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgAEn", "device_id": "D" });
    assert_eq!(pointers("m.room.encrypted", ciphertext), []);
}

#[test]
fn what_is_kept_and_read_is_bounded() {
    let long = "ä".repeat(KEPT_BYTES);
    let body = text(&long);
    let part = Part::new("$1", 0, &said("m.room.message", &body, ""));
    assert_eq!(part.texts[0].len(), KEPT_BYTES);
    let mut window = Window::default();
    for number in 0..20 {
        let id = format!("${number}");
        window.push(Part::new(&id, 0, &said("m.room.message", &body, "")));
    }
    let around = window.around("$x", 0);
    let bytes: usize = around.before.iter().map(|text| text.len()).sum();
    assert_eq!(bytes, WINDOW_MESSAGES * KEPT_BYTES);
    assert!(2 * bytes <= WINDOW_BYTES, "and as much after it");
    let current = text(&"x".repeat(60_000));
    let seen = joined(&around, &said("m.room.message", &current, ""));
    assert!(seen.iter().all(|seen| seen.text.len() < 2 * WINDOW_BYTES));
}

#[test]
fn dl_3_a_long_text_goes_on_at_its_ends() {
    let long = "blah ".repeat(KEPT_BYTES);
    let bodies = |first: &str, last: &str| {
        let content = object(json!({ "body": last, "topic": "und tschüss" }));
        let mut window = Window::default();
        window.push(Part::new(
            "$1",
            0,
            &said("m.room.message", &text(first), ""),
        ));
        let said = said("m.room.message", &content, "/event/content");
        let found = detectors().scan_window(&Scan::default(), &window.around("$2", 0), &said);
        found.unwrap().len()
    };
    let (iban, rest) = ("DE89 3704 0044", "0532 0130 00");
    assert_eq!(
        bodies(&format!("{long}{iban}"), &format!("{rest} {long}")),
        1
    );
    assert_eq!(
        bodies(iban, &format!("{long}{rest} {long}")),
        0,
        "not in its middle"
    );
    // In one event, behind a long text as before it.
    for content in [
        json!({ "body": format!("{long}{iban}"), "topic": rest }),
        json!({ "body": iban, "topic": format!("{rest} {long}") }),
    ] {
        assert_eq!(last_shown(&[content]).len(), 1);
    }
    // What is left out parts what stands before it from what stands behind.
    let around = (
        &long[..END_BYTES - iban.len()],
        &long[..END_BYTES - rest.len()],
    );
    let parted = format!("{}{iban}{long}{rest}{}", around.0, around.1);
    assert_eq!(last_of(&["hallo", &parted]), []);
}

#[test]
fn dl_3_no_half_number_at_the_inner_edge_of_a_long_texts_end_is_taken_for_a_value() {
    let (end, middle) = (END_BYTES, "blah ".repeat(KEPT_BYTES));
    let words = format!("{}.", "x".repeat(end - 6));
    for cut in [
        format!("{words} 1234567 {middle}"),
        format!("{middle}1234567 {words}"),
    ] {
        assert_eq!(last_of(&["hallo", &cut]), []);
    }
    // What has no gap near is read all the same.
    let (iban, rest) = ("DE89 3704 0044", "0532 0130 00");
    let closed = "!".repeat(2 * KEPT_BYTES);
    assert_eq!(last_of(&[iban, &format!("{rest}{closed}")]).len(), 1);
}

#[test]
fn dl_3_spaces_at_the_ends_of_long_texts_hide_nothing() {
    let (iban, rest) = ("DE89 3704 0044", "0532 0130 00");
    let (spaces, long) = (" \n".repeat(2 * KEPT_BYTES), "blah ".repeat(KEPT_BYTES));
    for (first, last) in [
        (format!("{long}{iban}{spaces}"), rest.to_owned()),
        (iban.to_owned(), format!("{spaces}{rest} {long}")),
        (
            format!("{long}{iban}{spaces}"),
            format!("{spaces}{rest} {long}{spaces}"),
        ),
    ] {
        let found = last_of(&["hallo", &first, &last]);
        let at = last.find(rest).unwrap();
        assert_eq!(spans(&found), [("test.iban", at, at + rest.len())]);
    }
}

/// What only the window shows of the last of these contents.
fn last_shown(contents: &[Value]) -> Vec<Finding> {
    let contents: Vec<Object> = contents.iter().cloned().map(object).collect();
    let mut window = Window::default();
    let mut findings = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        let id = format!("${number}");
        let said = said("m.room.message", content, "/event/content");
        findings = detectors()
            .scan_window(&Scan::default(), &window.around(&id, 0), &said)
            .unwrap();
        window.push(Part::new(&id, 0, &said));
    }
    findings
}

#[test]
fn dl_3_halves_in_html_that_says_something_else_are_read_together() {
    let html = |body: &str, html: &str| json!({ "body": body, "formatted_body": html });
    let found = last_shown(&[
        html("hallo", "<p>DE89 3704 <b>0044</b></p>"),
        html("welt", "<!-- x -->0532 <i>0130</i> 00"),
    ]);
    assert_eq!(found[0].field, "/event/content/formatted_body");
    assert_eq!(spans(&found), [("test.iban", 0, 29)]);
    let noise = ["1 eins", "2 zwei", "3 drei"];
    let parts = ["DE89", "3704 0044", "0532 0130 00"];
    let shown: Vec<Value> = (0..3).map(|at| html(noise[at], parts[at])).collect();
    assert_eq!(spans(&last_shown(&shown)), [("test.iban", 0, 12)]);
    let plain: Vec<Value> = (0..3).map(|at| html(parts[at], noise[at])).collect();
    assert_eq!(
        last_shown(&plain)[0].field,
        "/event/content/body",
        "HTML does not hide what the body says"
    );
    let mixed = [
        html("eins", "DE89 3704 0044"),
        json!({ "body": "0532 0130 00" }),
    ];
    assert_eq!(spans(&last_shown(&mixed)), [("test.iban", 0, 12)]);
}

#[test]
fn dl_3_an_event_with_more_texts_than_are_read_together_is_held() {
    let texts: Vec<String> = (0..MAX_SAID).map(|number| format!("x{number}")).collect();
    let scan = |texts: &[String]| {
        let content = object(json!({ "a": { "text": texts }, "body": "0532 0130 00" }));
        let said = said("m.room.message", &content, "");
        detectors().scan_window(&Scan::default(), &Around::default(), &said)
    };
    assert!(scan(&texts[1..]).is_ok());
    assert_eq!(
        scan(&texts),
        Err(ScanError::Budget {
            what: "texts of one event",
            limit: MAX_SAID
        })
    );
    let long = "x".repeat(WINDOW_BYTES + 1);
    let around = Around {
        before: vec![&long],
        ..Around::default()
    };
    let current = [Said::new("", "hallo")];
    let held = detectors().scan_window(&Scan::default(), &around, &current);
    assert!(
        held.is_err(),
        "nothing around an event is left out silently"
    );
}

#[test]
fn dl_3_no_text_of_an_event_pushes_another_out_of_the_window() {
    let filled = json!({ "body": "DE89 3704 0044", "title": "x".repeat(30_000) });
    let content = object(filled);
    let part = Part::new("$1", 0, &said("m.room.message", &content, ""));
    assert_eq!(part.texts[0], "DE89 3704 0044");
    assert_eq!(part.texts[1].len(), KEPT_BYTES - 14);
    let many: Vec<String> = (0..1000).map(|number| format!("{number:040}")).collect();
    let content = object(json!({ "body": "DE89 3704 0044", "x": { "text": many } }));
    let part = Part::new("$1", 0, &said("m.room.message", &content, ""));
    assert_eq!(part.texts[0], "DE89 3704 0044");
    assert!(part.texts.iter().all(|text| text.len() <= KEPT_OF_TEXT));
}

#[test]
fn what_debug_shows_of_a_window_is_no_text() {
    let content = object(json!({ "body": "Geheimnis", "formatted_body": "<b>Geheimnis</b> 4711" }));
    let said = said("m.room.message", &content, "");
    let part = Part::new("$1", 0, &said);
    let mut windows = Windows::default();
    windows.push("!a", "@alice:high.test", part.clone());
    let window = windows.get("!a", "@alice:high.test").unwrap();
    let around = window.around("$2", 0);
    let seen = joined(&around, &said);
    assert!(!seen.is_empty());
    let shown = format!("{said:?} {part:?} {windows:?} {window:?} {around:?} {seen:?}");
    assert!(
        !shown.contains("Geheim") && !shown.contains("4711"),
        "{shown}"
    );
}

#[test]
fn all_ways_to_read_texts_share_one_budget() {
    let half = "x".repeat(8_000);
    let around = Around {
        before: vec![&half; 4],
        ..Around::default()
    };
    let text = &half[..2_000];
    let texts: Vec<String> = (0..160).map(|number| format!("{number}{text}")).collect();
    let current: Vec<Said<'_>> = texts.iter().map(|text| Said::new("", text)).collect();
    let scan = |current| detectors().scan_window(&Scan::default(), &around, current);
    assert!(scan(&current[..2]).is_ok());
    assert!(
        matches!(scan(&current), Err(ScanError::Budget { what: "bytes", .. })),
        "each of the ways alone is a third of it"
    );
}

/// A detector that finds nothing below three different values.
const THREE: &str = r#"
[[detector]]
id = "test.three"
description = "three rooms"
regex = 'N[0-9]{3}'
strength = "low"
min_distinct = 3
examples = ["N123 N456 N789", "N1234 N5678 N9012"]
negative_examples = ["N123 N456", "N123 N123 N123"]
"#;

fn three() -> Detectors {
    let spifs = Spifs::new(Vec::new()).unwrap();
    Detectors::parse(&[("rules.toml".to_owned(), THREE.to_owned())], &spifs).unwrap()
}

/// What an event with this content shows, alone and with what was said before.
fn together(
    detectors: &Detectors,
    before: &[&str],
    content: &Object,
) -> Result<Vec<Finding>, ScanError> {
    let around = Around {
        before: before.to_vec(),
        ..Around::default()
    };
    let said = said("m.room.message", content, "");
    let tree = CanonicalJsonValue::Object(content.clone());
    detectors.scan_together(&Scan::default(), (&tree, ""), &around, &said)
}

#[test]
fn dl_5_distinct_values_are_counted_over_content_and_what_was_said_around_it() {
    let found = |before: &[&str], content: Value| {
        let found = together(&three(), before, &object(content)).unwrap();
        let place = |finding: &Finding| (finding.field.clone(), finding.start, finding.end);
        found.iter().map(place).collect::<Vec<_>>()
    };
    let at = |field: &str, start, end| (field.to_owned(), start, end);
    // Two that stand in the body, and the third cut in two.
    assert_eq!(
        found(&[], json!({ "body": "N123 N456 N7", "filename": "89 x" })),
        [at("/body", 0, 4), at("/body", 5, 9), at("/filename", 0, 2)]
    );
    assert_eq!(
        found(&["N123", "N456"], json!({ "body": "N789" })),
        [at("/body", 0, 4)]
    );
    // One in a field that nobody reads, and so in no window.
    assert_eq!(
        found(&["N123"], json!({ "body": "N456", "x": "N789" })),
        [at("/body", 0, 4), at("/x", 0, 4)]
    );
    assert_eq!(found(&["N123"], json!({ "body": "N456 N123" })), []);
}

#[test]
fn a_value_that_earlier_words_make_surer_is_one_finding() {
    let found = together(detectors(), &["Der Bunker?"], &text("4711")).unwrap();
    assert_eq!(spans(&found), [("test.room", 0, 4)]);
    assert_eq!(found[0].strength, Strength::Medium);
}

#[test]
fn content_and_window_share_one_budget() {
    let long = "x".repeat(MAX_UNIT_BYTES - 20_000);
    let before = "x".repeat(8_000);
    let content = object(json!({ "body": "hallo", "x": long }));
    let (spent, free) = (&[before.as_str()][..], &[][..]);
    assert_eq!(together(detectors(), free, &content), Ok(Vec::new()));
    assert_eq!(together(detectors(), spent, &text("hallo")), Ok(Vec::new()));
    assert!(
        matches!(
            together(detectors(), spent, &content),
            Err(ScanError::Budget { what: "bytes", .. })
        ),
        "both together are more than one may look at"
    );
}

#[test]
fn content_and_window_share_one_count_of_findings() {
    let many = vec!["STRENG GEHEIM"; MAX_FINDINGS];
    let content = object(json!({ "body": "GEHEIM", "x": many }));
    assert_eq!(
        together(detectors(), &[], &content).unwrap().len(),
        MAX_FINDINGS
    );
    let over = together(detectors(), &["STRENG"], &content);
    assert!(matches!(
        over,
        Err(ScanError::Budget {
            what: "findings",
            ..
        })
    ));
}

proptest! {
    #[test]
    fn places_are_on_character_borders_inside_the_text(
        before in prop::collection::vec("[a-zäß\u{1f600}0-9 ]{0,30}", 0..4),
        current in prop::collection::vec("[a-zäß\u{1f600}0-9 ]{1,30}", 1..4),
        from in 0_usize..300,
        length in 1_usize..60,
    ) {
        let around = Around {
            before: before.iter().map(String::as_str).collect(),
            ..Around::default()
        };
        let said: Vec<Said<'_>> = current
            .iter()
            .map(|text| Said::new("", text))
            .collect();
        for seen in joined(&around, &said) {
            let end = (from + length).min(seen.text.len());
            if !seen.text.is_char_boundary(from) || !seen.text.is_char_boundary(end) || from >= end {
                continue;
            }
            let Some(place) = seen.place(from, end) else { continue };
            let text = &said[place.current].text;
            let part = text.get(place.start..place.end);
            prop_assert!(part.is_some_and(|part| !part.is_empty()));
            prop_assert!(seen.text[from..end].contains(part.unwrap_or_default()));
            prop_assert_eq!(place.whole, place.end - place.start == end - from);
        }
    }

    #[test]
    fn a_value_cut_anywhere_is_found(cut in 1_usize..22) {
        let value = "DE89370400440532013000";
        let found = last_of(&[&value[..cut], &value[cut..]]);
        prop_assert_eq!(spans(&found), vec![("test.iban", 0, value.len() - cut)]);
    }
}

#[test]
fn dl_3_what_nobody_sees_at_the_ends_of_texts_hides_nothing() {
    let (iban, rest) = ("DE89 3704 0044", "0532 0130 00");
    let long = "blah ".repeat(500);
    for hidden in ["\u{1}".repeat(304), "\u{2068}\u{2069}".repeat(51)] {
        let last = format!("{hidden}{rest} {long}");
        assert_eq!(last_of(&[iban, &last]).len(), 1, "before it");
        let last = format!(" {hidden} {hidden}{rest} {long}");
        assert_eq!(last_of(&[iban, &last]).len(), 1, "with spaces before it");
        let between = rest.replace(' ', &format!(" {hidden}"));
        let last = format!("{between} {long}");
        assert_eq!(last_of(&[iban, &last]).len(), 1, "in it");
        let first = format!("{long} {iban}{hidden}");
        assert_eq!(last_of(&[&first, rest]).len(), 1, "behind the first half");
    }
    for hidden in ['\u{1}', '\u{202c}', '\u{e007f}'] {
        let hidden = String::from(hidden).repeat(2 * KEPT_BYTES);
        let first = format!("{iban}{hidden}");
        assert_eq!(last_of(&[&first, rest]).len(), 1, "behind what is kept");
        let last = format!("{hidden}{rest} {long}");
        assert_eq!(last_of(&[iban, &last]).len(), 1, "before a long text");
    }
}

#[test]
fn dl_3_what_parts_turns_or_spells_is_kept_of_halves() {
    let tags = |text: &str| -> String {
        let tag = |c: char| char::from_u32(0xe0000 + u32::from(c)).unwrap();
        text.chars().map(tag).collect()
    };
    let (iban, rest) = ("DE89 3704 0044", "0532 0130 00");
    for (first, last) in [
        (format!("Kontonummer\u{200b}{iban}"), rest.to_owned()),
        ("\u{202e}4400 4073 98ED\u{202c}".to_owned(), rest.to_owned()),
        (iban.to_owned(), "\u{202e}00 0310 2350".to_owned()),
        (tags(iban), tags(rest)),
        (
            "\u{202e}\u{200b}\u{2066}4\u{2069}400 4073 98ED\u{202c}".to_owned(),
            rest.to_owned(),
        ),
        (format!("x\u{200d}\u{200b}{iban}"), rest.to_owned()),
    ] {
        let found = last_of(&[&first, &last]);
        assert!(!found.is_empty(), "{first:?} {last:?}");
    }
}
