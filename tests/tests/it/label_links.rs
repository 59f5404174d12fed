//! What a link says of labels: whose clearances count, what is translated, ciphertext, typed markings, the high-water
//! mark, and what the record says of a decision.

use serde_json::{Value, json};
use sluice_policy::link::{Encryption, HighWater};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::{Event, Room};

fn of_record(line: &Value, key: &str) -> String {
    line[key].as_str().unwrap_or_default().to_owned()
}

fn is_sha256(text: &Value) -> bool {
    let text = text.as_str().unwrap_or_default();
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn lb_6_what_has_no_label_takes_the_links_own_or_is_denied() {
    for (default, rule, source) in [
        (None, "label.missing", "none"),
        (Some(OFFEN), "", "link"),
        (Some(GEHEIM), "label.classification", "link"),
    ] {
        let parts = links(|link| {
            link.default_label =
                default.and_then(|level| serde_json::from_value(label(level)).ok());
        });
        let world = World::under(&parts);
        // Not sent: the link's label would bear on the room's creation too.
        let mut room = Room::create(RoomVersion::V12, &world.alice());
        for side in SIDES {
            let message = room.says(&world.speaker(side), plain("the canteen"));
            assert_eq!(
                world.judged_one(side, &message),
                rule,
                "{default:?} {side:?}"
            );
            let line = world.decision(&message.id);
            assert_eq!(line["label_source"], source, "{default:?} {side:?}");
        }
    }
}

#[test]
fn lb_7_the_record_names_label_policy_clearance_and_rule_of_a_decision() {
    let world = World::under(&demanding());
    let mut room = world.alices_room(RoomVersion::V12);
    for (level, rule) in [(NFD, ""), (GEHEIM, "label.classification")] {
        let message = room.says(&world.alice(), labelled("the plan", &label(level)));
        assert_eq!(world.judged_one(Side::Ours, &message), rule);
        let line = world.decision(&message.id);
        assert!(is_sha256(&line["label"]["sha256"]), "{line}");
        assert_eq!(line["label"]["policy"], "2.25.999001");
        assert_eq!(line["label"]["classification"], level);
        assert_eq!(line["spif"]["oid"], "2.25.999001");
        assert_eq!(line["spif"]["version"], "2");
        assert!(
            is_sha256(&line["spif"]["sha256"]) && is_sha256(&line["clearance"]),
            "{line}"
        );
        assert_eq!(line["clearance_of"], "peer");
    }
}

/// What `sluice label decide` says on files of a label and a clearance.
fn decided(label: &Value, clearance: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, serde_json::to_string_pretty(value).unwrap()).unwrap();
        path
    };
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/spif/de-sample.xml");
    let done = std::process::Command::new(sluice_tests::sluice_binary())
        .args(["label", "decide", "--json", "--spif", policy, "--label"])
        .arg(file("label.json", label))
        .arg("--clearance")
        .arg(file("clearance.json", clearance))
        .output()
        .unwrap();
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn lb_7_the_record_and_the_decision_on_files_name_label_and_clearance_by_the_same_hash() {
    let clearances = Clearances::default();
    let world = World::with(&demanding(), &clearances);
    let mut room = world.alices_room(RoomVersion::V12);
    for (level, rule) in [(NFD, "granted"), (GEHEIM, "classification")] {
        let mut label = label(level);
        label["CreationDateTime"] = json!("2026-03-01T12:00:00Z");
        label["ReviewDateTime"] = json!("2031-03-01T00:00:00Z");
        label["PrivacyMark"] = json!("for the canteen only");
        let message = room.says(&world.alice(), labelled("the plan", &label));
        let _rule = world.judged_one(Side::Ours, &message);
        let line = world.decision(&message.id);
        let answer = decided(&label, &clearances.send);
        assert_eq!(answer["rule"], rule, "{answer}");
        assert_eq!(line["label"]["sha256"], answer["label"]);
        assert_eq!(line["clearance"], answer["clearance"]);
        assert_eq!(line["spif"]["sha256"], answer["policy"]["sha256"]);
    }
}

#[test]
fn lb_8_the_zones_own_clearance_counts_beside_the_peers_in_both_directions() {
    let open = clearance("DE-SAMPLE", &[OFFEN], &[]);
    let both = Clearances::default();
    let cases = [
        (
            "zone",
            Clearances {
                zone: Some(open.clone()),
                ..Clearances::default()
            },
            [true, true],
        ),
        (
            "peer",
            Clearances {
                send: open.clone(),
                ..Clearances::default()
            },
            [true, false],
        ),
        (
            "peer",
            Clearances {
                receive: open,
                ..Clearances::default()
            },
            [false, true],
        ),
        (
            "nobody",
            Clearances {
                zone: Some(both.send.clone()),
                ..both
            },
            [false, false],
        ),
    ];
    for (whose, clearances, denied) in cases {
        let world = World::with(&demanding(), &clearances);
        let mut room = world.alices_room(RoomVersion::V12);
        for (side, denied) in SIDES.into_iter().zip(denied) {
            let message = room.says(&world.speaker(side), labelled("the plan", &label(NFD)));
            let rule = if denied { "label.classification" } else { "" };
            assert_eq!(world.judged_one(side, &message), rule, "{whose} {side:?}");
            if denied {
                assert_eq!(world.decision(&message.id)["clearance_of"], whose);
            }
        }
    }
}

/// The German label that has a meaning in the policy of NATO's sample.
fn german(level: &str) -> Value {
    label_of(
        "DE-SAMPLE",
        level,
        &[("Zusammenhang", "PERMISSIVE", &["NATO"])],
    )
}

fn nato(level: &str) -> Value {
    label_of("NATO", level, &[("Context", "PERMISSIVE", &["NATO"])])
}

/// A link to a zone that knows the policy of NATO's sample only.
fn to_nato(levels: &[&str]) -> World {
    let held = clearance("NATO", levels, &[("Context", "PERMISSIVE", &["NATO"])]);
    let clearances = Clearances {
        send: held.clone(),
        receive: held,
        zone: None,
    };
    World::with(&demanding(), &clearances)
}

#[test]
fn lb_9_a_label_of_another_policy_is_decided_by_its_translation_and_crosses_unchanged() {
    let world = to_nato(&["RESTRICTED"]);
    let mut room = world.alices_room(RoomVersion::V12);
    for side in SIDES {
        let by = world.speaker(side);
        let message = room.says(&by, labelled("the plan", &german(NFD)));
        assert_eq!(world.judged_one(side, &message), "", "{side:?}");
        let line = world.decision(&message.id);
        assert_eq!(line["label"]["classification"], NFD);
        assert_eq!(line["translated"]["classification"], "RESTRICTED");
        assert_eq!(line["translated"]["policy"], "1.3.26.1.3.1");
        assert_eq!(line["spif"]["oid"], "1.3.26.1.3.1");
        let far = if side == Side::Ours {
            &world.peer.far
        } else {
            &world.homeserver.far
        };
        let sent = far.requests_of("PUT /_matrix/federation/v1/send/");
        let sent: Vec<Value> = sent
            .iter()
            .flat_map(|request| sluice_tests::stub::pdus(&request.json()))
            .collect();
        assert!(sent.contains(&message.json), "{side:?}: {sent:?}");
        let secret = room.says(&by, labelled("the plan", &german(GEHEIM)));
        assert_eq!(world.judged_one(side, &secret), "label.classification");
        let open = room.says(&by, labelled("the plan", &label(OFFEN)));
        assert_eq!(
            world.judged_one(side, &open),
            "label.translation",
            "{side:?}"
        );
    }
}

#[test]
fn lb_9_an_alternative_label_counts_only_where_it_says_no_less_than_our_translation() {
    let world = to_nato(&["RESTRICTED", "SECRET"]);
    let mut room = world.alices_room(RoomVersion::V12);
    let schema = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0";
    for (story, own, alternative, crosses, level) in [
        (
            "the same",
            german(NFD),
            nato("RESTRICTED"),
            true,
            "RESTRICTED",
        ),
        ("more", german(NFD), nato("SECRET"), true, "SECRET"),
        (
            "less",
            german("STRENG GEHEIM"),
            nato("RESTRICTED"),
            false,
            "",
        ),
        (
            "where there is no translation",
            label(OFFEN),
            nato("RESTRICTED"),
            false,
            "",
        ),
    ] {
        for side in SIDES {
            let wire = json!({"schema": schema, "originator": own, "alternative": [alternative]});
            let message = room.says(&world.speaker(side), labelled("the plan", &wire));
            let rule = world.judged_one(side, &message);
            assert_eq!(rule.is_empty(), crosses, "{story} {side:?}: {rule}");
            if crosses {
                let line = world.decision(&message.id);
                assert_eq!(line["translated"]["classification"], level, "{story}");
            }
        }
    }
}

#[test]
fn mx_6_an_alternative_label_is_remembered_with_the_label_of_an_event_and_of_a_room() {
    let world = to_nato(&["RESTRICTED"]);
    let schema = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0";
    let both =
        json!({"schema": schema, "originator": german(NFD), "alternative": [nato("SECRET")]});
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.alices_room(RoomVersion::V12);
        let message = room.says(&by, labelled("the plan", &both));
        assert_eq!(world.judged_one(side, &message), "label.classification");
        let reply = room.says(&by, answering(plain("indeed"), &message));
        assert_eq!(
            world.judged_one(side, &reply),
            "label.classification",
            "{side:?}"
        );
        let mut room = world.labelled_room(json!({"label": both}));
        let message = room.says(&by, plain("the plan"));
        assert_eq!(
            world.judged_one(side, &message),
            "label.classification",
            "{side:?}: of a room"
        );
    }
}

#[test]
fn mx_8_ciphertext_crosses_by_the_label_beside_it_or_not_at_all() {
    let label_only = links(|link| link.encryption = Encryption::LabelOnly);
    for (parts, mode) in [(label_only, "label_only"), (demanding(), "refuse")] {
        let world = World::under(&parts);
        let mut room = world.labelled_room(wide(OFFEN));
        for side in SIDES {
            let by = world.speaker(side);
            let mut encrypted = |label: Option<Value>| {
                let mut content = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA", "session_id": "s"});
                if let Some(label) = label {
                    content[LABEL] = label;
                }
                room.event(&by, "m.room.encrypted", None, content)
            };
            let events = [
                encrypted(Some(label(NFD))),
                encrypted(Some(label(GEHEIM))),
                encrypted(None),
            ];
            let rules = world.judged(side, &events);
            match mode {
                "label_only" => assert_eq!(rules, ["", "label.classification", "label.missing"]),
                _ => assert_eq!(rules, ["protocol.encryption_refused"; 3]),
            }
            for event in &events {
                assert_eq!(world.decision(&event.id)["encryption"], mode, "{side:?}");
            }
        }
    }
}

/// A message that may be released to these.
fn released_to(room: &mut Room, world: &World, side: Side, to: &[&str]) -> Event {
    let label = label_of("DE-SAMPLE", NFD, &[("Freigabe", "PERMISSIVE", to)]);
    room.says(&world.speaker(side), labelled("the plan", &label))
}

fn with_a_mark() -> World {
    let parts = links(|link| {
        link.high_water = Some(HighWater {
            events: 50,
            hours: 24,
        })
    });
    let held = clearance(
        "DE-SAMPLE",
        &[OFFEN, NFD],
        &[("Freigabe", "PERMISSIVE", &["FRA", "GBR"])],
    );
    let clearances = Clearances {
        send: held.clone(),
        receive: held,
        zone: None,
    };
    World::with(&parts, &clearances)
}

#[test]
fn mx_12_labels_that_each_cross_and_together_may_not_freeze_the_room() {
    let mut world = with_a_mark();
    for side in SIDES {
        let mut room = world.alices_room(RoomVersion::V12);
        let denied = room.says(&world.speaker(side), labelled("x", &label(GEHEIM)));
        assert_eq!(world.judged_one(side, &denied), "label.classification");
        for to in [&["FRA"][..], &["FRA", "GBR"], &["FRA"]] {
            let event = released_to(&mut room, &world, side, to);
            assert_eq!(
                world.judged_one(side, &event),
                "",
                "{to:?}: what was denied does not count"
            );
        }
        world.gateway.restart();
        let other = released_to(&mut room, &world, side, &["GBR"]);
        assert_eq!(
            world.judged_one(side, &other),
            "label.high_water",
            "{side:?}"
        );
        let before = room.says(&world.speaker(side), labelled("canteen", &label(OFFEN)));
        assert_eq!(world.judged_one(side, &before), "protocol.room_closed");
        world.gateway.stop();
        world.gateway.delete_journal();
        world.gateway.start();
        let after = room.says(&world.speaker(side), labelled("canteen", &label(OFFEN)));
        assert_eq!(
            world.judged_one(side, &after),
            "protocol.room_closed",
            "{side:?}"
        );
        let leave = room.member(&world.speaker(side), &world.speaker(side).user, "leave");
        assert_eq!(world.judged_one(side, &leave), "", "nobody is locked in");
    }
    let mut room = world.alices_room(RoomVersion::V12);
    let alone = released_to(&mut room, &world, Side::Ours, &["GBR"]);
    assert_eq!(
        world.judged_one(Side::Ours, &alone),
        "",
        "another room has a mark of its own"
    );
}

#[test]
fn mx_12_two_labels_of_one_transaction_reach_the_mark_too_and_a_link_without_one_lets_them_cross() {
    let world = with_a_mark();
    let mut room = world.alices_room(RoomVersion::V12);
    let mut pair =
        || [&["FRA"][..], &["GBR"]].map(|to| released_to(&mut room, &world, Side::Ours, to));
    let events = pair();
    assert_eq!(world.judged(Side::Ours, &events), ["", "label.high_water"]);
    let mut other = world.alices_room(RoomVersion::V12);
    let denied = other.says(&world.alice(), labelled("x", &label(GEHEIM)));
    let after = released_to(&mut other, &world, Side::Ours, &["FRA"]);
    assert_eq!(
        world.judged(Side::Ours, &[denied, after]),
        ["label.classification", ""],
        "what was denied does not count"
    );
    let free = World::with(
        &demanding(),
        &Clearances {
            send: clearance(
                "DE-SAMPLE",
                &[NFD],
                &[("Freigabe", "PERMISSIVE", &["FRA", "GBR"])],
            ),
            ..Clearances::default()
        },
    );
    let mut room = free.alices_room(RoomVersion::V12);
    let events = [&["FRA"][..], &["GBR"]].map(|to| released_to(&mut room, &free, Side::Ours, to));
    assert_eq!(free.judged(Side::Ours, &events), ["", ""]);
}

#[test]
fn a_typed_marking_stands_for_a_label_where_nothing_else_does_and_otherwise_only_raises() {
    let world = World::under(&links(|link| {
        link.typed_markings = vec!["DE-SAMPLE".to_owned()];
    }));
    for side in SIDES {
        let by = world.speaker(side);
        let mut bare = world.alices_room(RoomVersion::V12);
        let marked = bare.says(&by, plain("[VS-NfD] the plan"));
        assert_eq!(world.judged_one(side, &marked), "", "{side:?}");
        let line = world.decision(&marked.id);
        assert_eq!(
            (
                of_record(&line, "label_source").as_str(),
                &line["label"]["classification"]
            ),
            ("marking", &json!(NFD))
        );
        let hyphen = bare.says(&by, plain("[VS\u{2011}NfD] the plan"));
        assert_eq!(world.judged_one(side, &hyphen), "label.marking_invalid");

        let mut room = world.labelled_room(json!({"label": label(NFD)}));
        let lower = room.says(&by, plain("[OFFEN] the plan"));
        assert_eq!(world.judged_one(side, &lower), "", "{side:?}");
        let line = world.decision(&lower.id);
        assert_eq!(line["label"]["classification"], NFD);
        assert_eq!(line["label_source"], "room");
        assert_eq!(line["notes"], json!(["label.marking_lower"]));
        let higher = room.says(&by, plain("[GEHEIM] the plan"));
        assert_eq!(world.judged_one(side, &higher), "label.classification");
        assert_eq!(world.decision(&higher.id)["label_source"], "marking");
        let mut edit = editing(plain("[GEHEIM] the plan"), &lower);
        edit["body"] = json!("* [GEHEIM] the plan");
        let edit = room.says(&by, edit);
        assert_eq!(
            world.judged_one(side, &edit),
            "label.classification",
            "new content"
        );
    }
}

#[test]
fn a_typed_marking_is_text_where_the_link_does_not_accept_it() {
    let world = World::under(&demanding());
    let mut room = world.alices_room(RoomVersion::V12);
    let marked = room.says(&world.alice(), plain("[OFFEN] the plan"));
    assert_eq!(world.judged_one(Side::Ours, &marked), "label.missing");
}
