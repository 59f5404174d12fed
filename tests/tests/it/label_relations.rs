//! What relates to an event takes its label, and cannot lower it.

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{World, answer_of, pdus};

const V1: &str = "/_matrix/federation/v1";

/// The other side's homeserver pulls events of the room; this side's answers with these, as they stand.
fn backfill(world: &World, answers: Side, room: &Room, events: &[Event]) -> Reply {
    let target = format!(
        "{V1}/backfill/{}?v={}&limit=10",
        encoded(&room.id),
        encoded(&events[0].id)
    );
    let what = format!("GET {V1}/backfill/");
    match answers {
        Side::Ours => {
            let answer = answer_of("pdus", "high.test", events);
            world.homeserver.far.on(&what, 200, &answer);
            world.from_peer("GET", &target, None)
        }
        Side::Theirs => {
            let answer = answer_of("pdus", "low.test", events);
            world.peer.far.on(&what, 200, &answer);
            world.from_homeserver("GET", &target, None)
        }
    }
}

/// A labelled message, and what relates to it without a label of its own.
fn message_and_answers(world: &World, side: Side, room: &mut Room, level: &str) -> Vec<Event> {
    let by = world.speaker(side);
    let message = room.says(&by, labelled("the canteen", &label(level)));
    let reply = room.says(&by, answering(plain("is open"), &message));
    let reaction = room.event(&by, "m.reaction", None, reacting(&message));
    let edit = room.says(&by, editing(plain("the canteen, I said"), &message));
    vec![message, reply, reaction, edit]
}

#[test]
fn mx_5_a_message_and_what_answers_it_cross_together_in_one_transaction() {
    let world = World::under(&demanding());
    for side in SIDES {
        let mut room = world.alices_room(RoomVersion::V12);
        let events = message_and_answers(&world, side, &mut room, OFFEN);
        assert_eq!(world.judged(side, &events), ["", "", "", ""], "{side:?}");
        let sources = events
            .iter()
            .map(|event| world.decision(&event.id)["label_source"].clone());
        let sources: Vec<Value> = sources.collect();
        assert_eq!(sources, ["event", "target", "target", "target"], "{side:?}");
        let asked = format!("GET {V1}/event/");
        let asked = world.homeserver.far.requests_of(&asked);
        assert!(asked.is_empty(), "it stands in the same transaction");
    }
}

#[test]
fn mx_5_what_answers_a_higher_message_is_denied_with_it() {
    let world = World::under(&demanding());
    for side in SIDES {
        let mut room = world.labelled_room(wide(OFFEN));
        let events = message_and_answers(&world, side, &mut room, GEHEIM);
        assert_eq!(
            world.judged(side, &events),
            ["label.classification"; 4],
            "{side:?}: the room's label does not make them lower"
        );
        let later = room.says(&world.speaker(side), answering(plain("still"), &events[1]));
        assert_eq!(world.judged_one(side, &later), "label.classification");
    }
}

#[test]
fn mx_5_a_pulled_message_stands_behind_its_answer_and_both_cross() {
    let world = World::under(&demanding());
    for side in SIDES {
        let mut room = world.alices_room(RoomVersion::V12);
        let mut events = message_and_answers(&world, side, &mut room, OFFEN);
        events.reverse();
        let reply = backfill(&world, side, &room, &events);
        let sent: Vec<Value> = events.into_iter().map(|event| event.json).collect();
        assert_eq!(
            pdus(&reply.json()),
            sent,
            "{side:?}: {}",
            world.gateway.log()
        );
    }
}

#[test]
fn mx_5_what_relates_to_an_event_that_nobody_knows_is_denied_however_it_comes() {
    let world = World::under(&demanding());
    for side in SIDES {
        let mut room = world.labelled_room(json!({"label": label(OFFEN)}));
        let by = world.speaker(side);
        let unknown = room.says(&by, plain("never sent"));
        let events = [
            room.says(&by, answering(plain("indeed"), &unknown)),
            room.event(&by, "m.reaction", None, reacting(&unknown)),
            room.says(&by, editing(plain("never sent at all"), &unknown)),
            room.says(&by, answering(labelled("indeed", &label(OFFEN)), &unknown)),
        ];
        assert_eq!(
            world.judged(side, &events),
            ["label.target_unknown"; 4],
            "{side:?}"
        );
        let pulled = room.says(&by, answering(plain("indeed"), &unknown));
        let reply = backfill(&world, side, &room, std::slice::from_ref(&pulled));
        let redacted = pulled.redacted(room.version).json;
        assert_eq!(pdus(&reply.json()), [redacted], "{side:?}");
        assert_eq!(world.denial_of(&pulled.id), "label.target_unknown");
    }
}

#[test]
fn mx_5_an_event_of_another_room_says_nothing_about_this_one() {
    let world = World::under(&demanding());
    for side in SIDES {
        let by = world.speaker(side);
        let mut here = world.labelled_room(json!({"label": label(NFD)}));
        let mut there = world.alices_room(RoomVersion::V12);
        let open = there.says(&by, labelled("open", &label(OFFEN)));
        let together = here.says(&by, answering(plain("indeed"), &open));
        assert_eq!(
            world.judged(side, &[open.clone(), together]),
            ["", "label.target_unknown"],
            "{side:?}: in one transaction"
        );
        let later = here.says(&by, answering(plain("indeed"), &open));
        assert_eq!(
            world.judged_one(side, &later),
            "label.target_unknown",
            "{side:?}: remembered"
        );
        let asked = there.says(&by, labelled("open", &label(OFFEN)));
        world.homeserver_has(&asked);
        let answer = here.says(&by, answering(plain("indeed"), &asked));
        assert_eq!(
            world.judged_one(side, &answer),
            "label.target_unknown",
            "{side:?}: asked of our homeserver"
        );
    }
}

#[test]
fn mx_5_an_event_that_is_there_in_its_redacted_form_alone_says_nothing_about_its_label() {
    let world = World::under(&demanding());
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.labelled_room(wide(OFFEN));
        let high = room.says(&by, labelled("the plan", &label(GEHEIM)));
        let empty = high.redacted(room.version);
        let reply = room.says(&by, answering(plain("indeed"), &high));
        let rules = world.judged(side, &[empty.clone(), reply]);
        assert_eq!(
            rules,
            ["", "label.target_unknown"],
            "{side:?}: in one transaction"
        );
        world.homeserver_has(&empty);
        let reply = room.says(&by, answering(plain("indeed"), &high));
        let rule = world.judged_one(side, &reply);
        assert_eq!(
            rule, "label.target_unknown",
            "{side:?}: as our homeserver has it"
        );
    }
}

#[test]
fn mx_5_a_chain_of_answers_has_the_label_of_its_first_message_however_long() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let mut chain = vec![room.says(&alice, labelled("0", &label(NFD)))];
    for number in 1..=30 {
        let reply = answering(plain(&number.to_string()), &chain[number - 1]);
        chain.push(room.says(&alice, reply));
    }
    chain.reverse();
    let reply = backfill(&world, Side::Ours, &room, &chain);
    for (event, answered) in chain.iter().zip(&pdus(&reply.json())) {
        assert_eq!(answered, &event.json, "{}", world.denial_of(&event.id));
        let level = &world.decision(&event.id)["label"]["classification"];
        assert_eq!(level, NFD);
    }
}

#[test]
fn mx_4_an_edit_or_answer_that_says_less_than_its_target_is_redacted() {
    let world = World::under(&demanding());
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.labelled_room(wide(OFFEN));
        let high = room.says(&by, labelled("the plan", &label(NFD)));
        assert_eq!(world.judged_one(side, &high), "");
        let lower = labelled("the plan", &label(OFFEN));
        let mut inner = editing(labelled("the plan", &label(NFD)), &high);
        inner["m.new_content"] = lower.clone();
        let events = [
            room.says(&by, editing(lower.clone(), &high)),
            room.says(&by, inner),
            room.says(&by, answering(lower, &high)),
        ];
        assert_eq!(
            world.judged(side, &events),
            ["label.lower_than_target"; 3],
            "{side:?}"
        );
        let same = room.says(&by, editing(labelled("the plan", &label(NFD)), &high));
        assert_eq!(world.judged_one(side, &same), "", "{side:?}");
    }
}

#[test]
fn mx_5_only_whom_the_room_names_may_say_less_than_what_he_answers() {
    let world = World::under(&demanding());
    let named = json!({"label": label(NFD), "may_lower": ["@alice:high.test"]});
    let mut room = world.labelled_room(named);
    let high = room.says(&world.alice(), labelled("the plan", &label(NFD)));
    assert_eq!(world.judged_one(Side::Ours, &high), "");
    for (side, rule) in [(Side::Ours, ""), (Side::Theirs, "label.lower_than_target")] {
        let lower = labelled("the date of it", &label(OFFEN));
        let lower = room.says(&world.speaker(side), answering(lower, &high));
        assert_eq!(world.judged_one(side, &lower), rule, "{side:?}");
    }
}
