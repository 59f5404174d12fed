//! A room's label is its events' default, its clearance their ceiling, and where it states none, its label is; who may lower it, and what stays remembered.

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::peer::exchange;
use sluice_tests::stub::room::{Actor, Event, Room};
use sluice_tests::stub::{World, answer_of, pdus};

const V1: &str = "/_matrix/federation/v1";

/// Alice's homeserver is an authority for rooms' labels.
fn with_authority() -> BundleParts {
    links(|link| link.room_label_authorities = vec!["high.test".to_owned()])
}

/// As [`with_authority`], and nothing above the lowest level may cross any more.
fn only_open() -> BundleParts {
    links(|link| {
        link.room_label_authorities = vec!["high.test".to_owned()];
        let open = clearance("DE-SAMPLE", &[OFFEN], &[]);
        link.clearance = serde_json::from_value(open).ok();
    })
}

/// The peer's homeserver pulls one event; what it gets.
fn pull(world: &World, event: &Event) -> Value {
    let id = encoded(&event.id);
    let answer = answer_of("pdus", "high.test", std::slice::from_ref(event));
    let what = format!("GET {V1}/event/");
    world.homeserver.far.on(&what, 200, &answer);
    let reply = world.from_peer("GET", &format!("{V1}/event/{id}"), None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    pdus(&reply.json())[0].clone()
}

/// The next message of alice's crosses, and by which level it was judged.
fn level_now(world: &World, room: &mut Room) -> Value {
    let message = room.says(&world.alice(), plain("what now?"));
    assert_eq!(world.judged_one(Side::Ours, &message), "");
    world.level_of(&message)
}

#[test]
fn mx_3_nothing_above_the_rooms_clearance_is_said_in_it_nor_above_its_label_where_it_states_none() {
    let world = World::under(&demanding());
    let ceiling = clearance("DE-SAMPLE", &[OFFEN], &[]);
    let stated = json!({"label": label(OFFEN), "clearance": ceiling});
    let mut open = world.labelled_room(stated);
    let mut unsaid = world.labelled_room(json!({"label": label(OFFEN)}));
    let mut free = world.labelled_room(wide(OFFEN));
    for side in SIDES {
        let by = world.speaker(side);
        for (room, rule) in [
            (&mut open, "label.above_room"),
            (&mut unsaid, "label.above_room"),
            (&mut free, ""),
        ] {
            let high = room.says(&by, labelled("the plan", &label(NFD)));
            assert_eq!(world.judged_one(side, &high), rule, "{side:?}");
            let low = room.says(&by, plain("the canteen"));
            assert_eq!(world.judged_one(side, &low), "", "{side:?}");
        }
    }
}

#[test]
fn mx_3_what_relates_to_an_event_above_its_room_is_denied_with_it() {
    let world = World::under(&links(|link| {
        link.typed_markings = vec!["DE-SAMPLE".to_owned()];
    }));
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.labelled_room(json!({"label": label(OFFEN)}));
        for (content, rule) in [
            (labelled("the plan", &label(NFD)), "label.above_room"),
            (plain("[VS-NfD] the plan"), ""),
        ] {
            let high = room.says(&by, content);
            let reply = room.says(&by, answering(plain("indeed"), &high));
            let reaction = room.event(&by, "m.reaction", None, reacting(&high));
            let edit = room.says(&by, editing(plain("the canteen"), &high));
            let later = room.says(&by, answering(plain("still"), &reply));
            let together = [high, reply, reaction, edit];
            assert_eq!(world.judged(side, &together), [rule; 4], "{side:?}");
            assert_eq!(world.judged_one(side, &later), rule, "{side:?}: remembered");
        }
    }
}

#[test]
fn mx_7_a_label_that_lowers_is_denied_and_the_earlier_one_goes_on_to_decide() {
    let world = World::under(&demanding());
    let ceiling = |levels: &[&str]| clearance("DE-SAMPLE", levels, &[]);
    let said = json!({"label": label(NFD), "clearance": ceiling(&[NFD, OFFEN]), "may_lower": []});
    for (story, next) in [
        (
            "a lower level",
            json!({"label": label(OFFEN), "clearance": ceiling(&[OFFEN])}),
        ),
        ("no label", json!({"clearance": ceiling(&[OFFEN])})),
        (
            "a wider ceiling",
            json!({"label": label(NFD), "clearance": ceiling(&[OFFEN, NFD, GEHEIM])}),
        ),
        ("no ceiling", json!({"label": label(NFD)})),
        (
            "a user who may lower",
            json!({"label": label(NFD), "clearance": ceiling(&[NFD]), "may_lower": ["@bob:low.test"]}),
        ),
    ] {
        for side in SIDES {
            let mut room = world.labelled_room(said.clone());
            let lowered = room.labels(&world.speaker(side), next.clone());
            let after = room.says(&world.speaker(side), plain("the rest"));
            let rules = world.judged(side, &[lowered.clone(), after.clone()]);
            assert_eq!(rules, ["label.room_lowered", ""], "{story}, {side:?}");
            assert_eq!(world.level_of(&after), NFD, "{story}, {side:?}");
            assert_eq!(world.judged_one(side, &lowered), "label.room_lowered");
            assert_eq!(
                level_now(&world, &mut room),
                NFD,
                "{story}, {side:?}: later"
            );
            let above = room.says(&world.alice(), labelled("x", &label(GEHEIM)));
            assert_eq!(world.judged_one(Side::Ours, &above), "label.classification");
        }
    }
}

#[test]
fn mx_7_an_authority_of_the_link_lowers_a_rooms_label_by_user_or_by_server() {
    for name in ["high.test", "@alice:high.test"] {
        let named = links(|link| link.room_label_authorities = vec![name.to_owned()]);
        let world = World::under(&named);
        let mut room = world.labelled_room(json!({"label": label(NFD)}));
        assert_eq!(level_now(&world, &mut room), NFD);
        let content = json!({"label": label(OFFEN)});
        let by_bob = room.labels(&world.bob(), content.clone());
        assert_eq!(
            world.judged_one(Side::Theirs, &by_bob),
            "label.room_lowered"
        );
        let by_alice = room.labels(&world.alice(), content);
        assert_eq!(world.judged_one(Side::Ours, &by_alice), "");
        assert_eq!(level_now(&world, &mut room), OFFEN, "{name}");
    }
}

#[test]
fn mx_7_a_label_that_raises_counts_for_the_next_event_of_the_same_transaction() {
    let world = World::under(&demanding());
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.labelled_room(json!({"label": label(OFFEN)}));
        let raised = room.labels(&by, json!({"label": label(GEHEIM)}));
        let after = room.says(&by, plain("the plan"));
        let rules = world.judged(side, &[raised, after]);
        assert_eq!(rules, ["label.classification"; 2], "{side:?}");
    }
}

#[test]
fn mx_7_a_refused_lowering_does_not_come_back_as_the_homeservers_state() {
    let world = World::under(&demanding());
    let mut room = world.labelled_room(json!({"label": label(NFD)}));
    let lowered = room.labels(&world.alice(), json!({"label": label(OFFEN)}));
    assert_eq!(world.judged_one(Side::Ours, &lowered), "label.room_lowered");
    // The peer's word makes the gateway ask what the label is now.
    let again = room.labels(&world.bob(), json!({"label": label(NFD)}));
    assert_eq!(world.judged_one(Side::Theirs, &again), "");
    let state = json!({"pdus": [room.create.json, lowered.json], "auth_chain": []});
    world
        .homeserver
        .far
        .on(&format!("GET {V1}/state/"), 200, &state);
    let message = room.says(&world.alice(), plain("the plan"));
    assert_eq!(world.judged_one(Side::Ours, &message), "");
    let level = &world.decision(&message.id)["label"]["classification"];
    assert_eq!(level, NFD, "what the room said before still counts");
}

#[test]
fn mx_7_a_refused_lowering_is_not_learned_from_the_join_of_another_peer() {
    let world = World::under(&demanding());
    let mut room = world.labelled_room(json!({"label": label(NFD)}));
    let lowered = room.labels(&world.alice(), json!({"label": label(OFFEN)}));
    assert_eq!(world.judged_one(Side::Ours, &lowered), "label.room_lowered");
    let third = world.another_peer("third");
    let eve = Actor {
        user: "@eve:third.test".to_owned(),
        key: third.key.clone(),
    };
    let join = room.member(&eve, &eve.user, "join");
    let state = json!([room.create.json, lowered.json]);
    let answer = json!({
        "event": join.json, "origin": "high.test", "members_omitted": false, "servers_in_room": ["high.test"],
        "state": state, "auth_chain": [room.create.json],
    });
    let target = format!(
        "/_matrix/federation/v2/send_join/{}/{}",
        encoded(&room.id),
        encoded(&join.id)
    );
    world
        .homeserver
        .far
        .on(&format!("PUT {target}"), 200, &answer);
    let body = join.text();
    let request = third.request("PUT", &target, "high.test", Some(body.as_bytes()));
    let mut line = third.dial(&world.record, world.gateway.border()).unwrap();
    let reply = exchange(&mut line, &request).unwrap();
    assert_eq!(
        reply.status,
        200,
        "{}\n{}",
        reply.text(),
        world.gateway.log()
    );
    assert_eq!(level_now(&world, &mut room), NFD);
}

#[test]
fn mx_6_the_label_of_first_sight_decides_pulls_after_restarts_and_without_the_journal() {
    let mut world = World::under(&with_authority());
    let alice = world.alice();
    let mut room = world.labelled_room(json!({"label": label(NFD)}));
    let [first, second] = ["eins", "zwei"].map(|text| room.says(&alice, plain(text)));
    assert_eq!(
        world.judged(Side::Ours, &[first.clone(), second.clone()]),
        ["", ""]
    );
    let lowered = room.labels(&alice, json!({"label": label(OFFEN)}));
    assert_eq!(world.judged_one(Side::Ours, &lowered), "");
    assert_eq!(pull(&world, &first), first.json);
    assert_eq!(world.level_of(&first), NFD, "said when the room was higher");
    world.gateway.install(&only_open());
    world.gateway.restart();
    let redacted = first.redacted(room.version).json;
    assert_eq!(pull(&world, &first), redacted, "after a restart");
    assert_eq!(world.denial_of(&first.id), "label.classification");
    world.gateway.stop();
    world.gateway.delete_journal();
    world.gateway.start();
    let redacted = second.redacted(room.version).json;
    assert_eq!(pull(&world, &second), redacted, "without the journal");
    let later = room.says(&alice, plain("drei"));
    assert_eq!(world.judged_one(Side::Ours, &later), "", "said since then");
}

#[test]
fn mx_6_what_redacts_or_answers_an_event_is_judged_by_it_also_after_it_was_redacted() {
    let mut world = World::under(&with_authority());
    let alice = world.alice();
    let mut room = world.labelled_room(wide(OFFEN));
    let high = room.says(&alice, labelled("the plan", &label(NFD)));
    assert_eq!(world.judged_one(Side::Ours, &high), "");
    let redaction = |room: &mut Room| {
        let content = json!({"redacts": high.id, "reason": "too much"});
        room.event(&world.alice(), "m.room.redaction", None, content)
    };
    let [one, two] = [redaction(&mut room), redaction(&mut room)];
    assert_eq!(world.judged_one(Side::Ours, &one), "");
    assert_eq!(world.level_of(&one), NFD);
    let empty = high.redacted(room.version);
    assert_eq!(
        pull(&world, &empty),
        empty.json,
        "our homeserver has redacted it"
    );
    world.gateway.install(&only_open());
    world.gateway.stop();
    world.gateway.delete_journal();
    world.gateway.start();
    let reply = room.says(&alice, answering(plain("a pity"), &high));
    assert_eq!(
        world.judged(Side::Ours, &[two, reply]),
        ["label.classification"; 2]
    );
}
