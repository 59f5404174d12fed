//! Stories about labels between two real homeservers: what a gateway has to find out, forget or hide.

use serde_json::{Value, json};
use sluice::demo::client::{escape, until};
use sluice::demo::pull::{Pull, pull_at_border};
use sluice::demo::trail::{self, Ruling};
use sluice::demo::world::{
    ARRIVES_WITHIN, Crossing, GEHEIM, OFFEN, RESTRICTED, ROOM_LABEL_TYPE, VS_NFD, World, label,
    labelled, plain,
};
use sluice::demo::zone::{GERMAN, Way, Zone, clearance};
use sluice_tests::danger::{delete_journal, move_audit_away};
use sluice_tests::evidence::files_with;
use sluice_tests::{own_world, own_world_cleared, world};

/// The first and the last of the room versions that the gateway judges.
const VERSIONS: [&str; 2] = ["10", "12"];

#[test]
fn mx_9_a_room_whose_label_is_raised_afterwards_is_hidden_by_the_hook() {
    raised_rooms_are_hidden(world(Way::Hook));
}

#[test]
fn mx_9_a_room_whose_label_is_raised_afterwards_is_hidden_by_connect() {
    raised_rooms_are_hidden(world(Way::Connect));
}

fn raised_rooms_are_hidden(world: &World) {
    for version in VERSIONS {
        let room = world.room(version, Some(VS_NFD)).unwrap();
        let before = say(world, &room, &plain("noch offen für alle"));
        assert_eq!(before.content["body"], "noch offen für alle");
        let shown = answers(world, &room, &before.event_id);
        assert!(
            shown.iter().all(|(_, status, _)| *status != 404),
            "{shown:?}"
        );

        raise(world, &room);
        let secret = say(world, &room, &plain("canary-raised-story"));
        assert!(secret.empty());
        assert_ruled(&secret, "label.classification", "room");
        let hidden = answers(world, &room, &before.event_id);
        let never = answers(world, never_made(version), NEVER_SENT);
        for (hidden, never) in hidden.iter().zip(&never) {
            assert_eq!(hidden.1, 404, "version {version}: {hidden:?}");
            assert_eq!(hidden, never, "byte for byte, in version {version}");
        }
        our_users_are_told_why(world, &room);
        leaving_is_possible(world, &room);
    }
    assert_stayed(world, "canary-raised-story");
}

/// What alice's users say in the room from now on is GEHEIM.
fn raise(world: &World, room: &str) {
    let content = json!({"label": label(GEHEIM)});
    let raised = world.set(room, &world.alice, &world.bob, ROOM_LABEL_TYPE, &content);
    assert!(
        raised.unwrap().empty(),
        "the label itself is above the clearance"
    );
}

/// What bob's gateway gets that asks about a room in each way: operation, status, body.
fn answers(world: &World, room: &str, event_id: &str) -> Vec<(&'static str, u16, String)> {
    let (room, event) = (escape(room), escape(event_id));
    let dora = escape("@dora:low.test");
    let asks = [
        (
            "make_join",
            format!("make_join/{room}/{dora}?ver=10&ver=11&ver=12"),
        ),
        ("state", format!("state/{room}?event_id={event}")),
        ("state_ids", format!("state_ids/{room}?event_id={event}")),
        ("backfill", format!("backfill/{room}?v={event}&limit=10")),
    ];
    let answer = |(name, path): (&'static str, String)| {
        let ask = Pull {
            destination: world.high.server_name(),
            method: "GET",
            uri: &format!("/_matrix/federation/v1/{path}"),
            body: None,
        };
        let (status, body) = pull_at_border(&world.low, &world.high, &ask).unwrap();
        (name, status, String::from_utf8(body).unwrap())
    };
    asks.into_iter().map(answer).collect()
}

/// An event id that nobody has.
const NEVER_SENT: &str = "$4aNnUXW2oq3PQlPdTDcv9fHiNiC2k1DFyrV8CkMKOvM";

/// An id in the form that rooms of a version have.
fn never_made(version: &str) -> &'static str {
    match version {
        "12" => "!4aNnUXW2oq3PQlPdTDcv9fHiNiC2k1DFyrV8CkMKOvM",
        _ => "!NeverMadeByAnybody:high.test",
    }
}

fn our_users_are_told_why(world: &World, room: &str) {
    let dora = world.newcomer(&world.low, "dora").unwrap();
    let invited = world.alice.invite(room, dora.user_id()).unwrap_err();
    assert_eq!(invited.status(), Some(403), "{invited}");
}

/// Who was in the room when its label was raised must get out of it.
fn leaving_is_possible(world: &World, room: &str) {
    world.bob.leave(room).unwrap();
    until("bob's leave at alice's", ARRIVES_WITHIN, || {
        let members = world.alice.members(room)?;
        let left = |(id, membership): &(String, String)| {
            id == world.bob.user_id() && membership == "leave"
        };
        Ok(members.iter().any(left).then_some(()))
    })
    .unwrap();
}

#[test]
fn mx_3_the_label_of_a_room_is_asked_for_where_journal_and_audit_log_are_lost() {
    let mut world = own_world(Way::Hook, Way::Connect);
    let rooms = VERSIONS.map(|version| {
        let open = world.room(version, Some(VS_NFD)).unwrap();
        let raised = world.room(version, Some(VS_NFD)).unwrap();
        raise(&world, &raised);
        (open, raised)
    });

    world.high.stop_gateway().unwrap();
    world.low.stop_gateway().unwrap();
    for zone in [&world.high, &world.low] {
        delete_journal(zone);
        move_audit_away(zone);
    }
    world.high.start_gateway().unwrap();
    world.low.start_gateway().unwrap();

    for (open, raised) in &rooms {
        let read = say(&world, open, &plain("ohne eigene Kennzeichnung"));
        assert_eq!(read.content["body"], "ohne eigene Kennzeichnung");
        assert_ruled(&read, "rego.sluice.release.event", "room");
        let stopped = say(&world, raised, &plain("canary-forgotten-story"));
        assert!(stopped.empty());
        assert_ruled(&stopped, "label.classification", "room");
    }
    let asked = trail::of_kind(&world.high.audit(), "request").unwrap();
    let states = asked
        .iter()
        .filter(|line| line["face"] == "own" && line["op"] == "state");
    assert!(
        states.count() >= rooms.len() * 2,
        "every room was asked for"
    );
    assert_stayed(&world, "canary-forgotten-story");
}

#[test]
fn mx_5_a_reply_and_what_it_answers_cross_in_one_transaction_after_an_outage() {
    let mut world = own_world(Way::Connect, Way::Hook);
    let rooms = VERSIONS.map(|version| world.room(version, None).unwrap());
    world.high.stop_gateway().unwrap();
    world.low.stop_gateway().unwrap();
    let said: Vec<[String; 3]> = rooms
        .iter()
        .map(|room| {
            let send = |content: &Value| world.alice.send(room, "m.room.message", content).unwrap();
            let question = send(&labelled("Wann treffen wir uns?", VS_NFD));
            let secret = send(&labelled("canary-outage-question", GEHEIM));
            let reply = send(&answering("Um zwölf.", &question));
            let denied = send(&answering("canary-outage-reply", &secret));
            [question, reply, denied]
        })
        .collect();
    let low = world.low.server_name().to_owned();
    until("alice's homeserver notices", ARRIVES_WITHIN, || {
        Ok((world.alice.retry_interval(&low)? > 0).then_some(()))
    })
    .unwrap();
    world.high.start_gateway().unwrap();
    world.low.start_gateway().unwrap();
    for room in &rooms {
        world.bob.say(room, "wieder da").unwrap();
    }
    for (room, [question, reply, denied]) in rooms.iter().zip(&said) {
        let content = |event: &str| {
            let event = world.bob.wait_event(room, event, ARRIVES_WITHIN).unwrap();
            event["content"].clone()
        };
        assert_eq!(content(question)["body"], "Wann treffen wir uns?");
        assert_eq!(content(reply)["body"], "Um zwölf.");
        assert_eq!(content(denied), json!({}));
        for zone in [&world.high, &world.low] {
            let (question, reply) = (first(zone, question), first(zone, reply));
            assert_eq!(reply.source(), "target");
            assert_eq!((reply.level(), reply.translated()), (VS_NFD, RESTRICTED));
            assert_eq!(
                question.line["request"], reply.line["request"],
                "they came together"
            );
        }
        assert_eq!(first(&world.high, denied).rule, "label.classification");
        assert_eq!(first(&world.high, denied).source(), "target");
    }
    assert_stayed(&world, "canary-outage-");
}

#[test]
fn lb_8_what_the_zone_may_not_originate_is_stopped_although_the_peer_may_receive_it() {
    let own = clearance(GERMAN, &[OFFEN]);
    let world = own_world_cleared(Way::Hook, Way::Connect, Some(&own));
    for version in VERSIONS {
        let room = world.room(version, None).unwrap();
        let stopped = say(&world, &room, &labelled("canary-zone-story", VS_NFD));
        assert!(stopped.empty());
        assert_ruled(&stopped, "label.classification", "event");
        let line = &stopped.ruling.as_ref().unwrap().line;
        assert_eq!(line["clearance_of"], "zone", "{line}");

        let taken = world.say(&room, &world.bob, &world.alice, &labelled("offen", OFFEN));
        assert_eq!(taken.unwrap().content["body"], "offen");
        let back = labelled("canary-received-story", RESTRICTED);
        let back = world.say(&room, &world.bob, &world.alice, &back).unwrap();
        assert!(back.empty(), "the zone may not receive it");
        assert_eq!(first(&world.low, &back.event_id).verdict, "release");
        let refused = first(&world.high, &back.event_id);
        assert_eq!(refused.rule, "label.classification");
        assert_eq!(
            (refused.translated(), refused.line["clearance_of"].as_str()),
            (VS_NFD, Some("zone"))
        );
    }
    assert_stayed(&world, "canary-zone-story");
    let found = files_with(world.high.synapse.folder(), "canary-received-story");
    assert!(found.is_empty(), "found in {found:?}");
}

fn say(world: &World, room: &str, content: &Value) -> Crossing {
    world.say(room, &world.alice, &world.bob, content).unwrap()
}

fn answering(body: &str, target: &str) -> Value {
    let mut content = plain(body);
    content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": target}});
    content
}

fn assert_ruled(crossing: &Crossing, rule: &str, source: &str) {
    let ruling = crossing.ruling.as_ref().unwrap();
    assert_eq!(
        (ruling.rule.as_str(), ruling.source()),
        (rule, source),
        "{}",
        ruling.line
    );
}

/// The first decision of a zone's gateway on an event.
fn first(zone: &Zone, event_id: &str) -> Ruling {
    until("a decision", ARRIVES_WITHIN, || {
        Ok(trail::rulings(&zone.audit(), event_id)?.into_iter().next())
    })
    .unwrap()
}

/// What alice's homeserver has and bob's must not.
fn assert_stayed(world: &World, canary: &str) {
    assert!(!files_with(world.high.synapse.folder(), canary).is_empty());
    for folder in [
        world.low.synapse.folder(),
        world.low.gateway_folder(),
        world.high.gateway_folder(),
    ] {
        let found = files_with(folder, canary);
        assert!(found.is_empty(), "{canary} found in {found:?}");
    }
}
