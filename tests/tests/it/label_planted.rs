//! A peer cannot choose at which point of a room the gateway asks what the room says, what was taken away is not "no
//! label", and nobody is locked out for ever by what could not be told.

use serde_json::json;
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::{Event, Room};

const V1: &str = "/_matrix/federation/v1";

/// A room of alice's whose label the gateway does not know: it was open, and has been raised since.
struct Raised {
    world: World,
    room: Room,
    /// The room as it was when it was open.
    before: Room,
    old: Event,
    raised: Event,
}

impl Raised {
    fn to(level: &str) -> Self {
        let world = World::under(&demanding());
        let alice = world.alice();
        let mut room = world.alices_room(RoomVersion::V12);
        let open = room.labels(&alice, json!({"label": label(OFFEN)}));
        let old = room.says(&alice, labelled("once", &label(OFFEN)));
        let before = room.clone();
        let raised = room.labels(&alice, json!({"label": label(level)}));
        world.homeserver_says(&room, None, &[&room.create, &raised]);
        world.homeserver_says(&room, Some(&old), &[&room.create, &open]);
        world.homeserver_says(&room, Some(&raised), &[&room.create, &open]);
        Self {
            world,
            room,
            before,
            old,
            raised,
        }
    }

    /// The rule on the next message of alice's that says nothing of its label.
    fn next(&mut self) -> String {
        let message = self.room.says(&self.world.alice(), plain("the plan"));
        self.world.judged_one(Side::Ours, &message)
    }
}

#[test]
fn mx_7_what_a_room_said_before_an_old_event_that_a_peer_pulls_is_not_what_it_says_now() {
    let mut scene = Raised::to(GEHEIM);
    let (world, old) = (&scene.world, &scene.old);
    world.homeserver_has(old);
    let target = format!("{V1}/event/{}", encoded(&old.id));
    let reply = world.from_peer("GET", &target, None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let asked = format!(
        "state/{}?event_id={}",
        encoded(&scene.room.id),
        encoded(&old.id)
    );
    assert!(world.homeserver.far.saw(&asked), "asked about that point");
    assert_eq!(scene.next(), "label.classification");
}

#[test]
fn mx_7_what_a_room_said_before_an_event_of_a_peers_is_not_what_it_says_now() {
    let mut scene = Raised::to(GEHEIM);
    let (world, bob) = (&scene.world, scene.world.bob());
    let message = scene.before.says(&bob, labelled("hello", &label(OFFEN)));
    assert_eq!(world.judged_one(Side::Theirs, &message), "");
    let asked = format!("event_id={}", encoded(&scene.old.id));
    assert!(world.homeserver.far.saw(&asked), "it stands behind that");
    assert_eq!(scene.next(), "label.classification");
}

#[test]
fn mx_7_a_peers_label_behind_a_burst_of_events_is_not_believed_for_want_of_a_question() {
    let world = World::under(&demanding());
    let bob = world.bob();
    let mut room = world.alices_room(RoomVersion::V12);
    let mut burst: Vec<Event> = (0..4)
        .map(|number| room.says(&bob, labelled(&number.to_string(), &label(OFFEN))))
        .collect();
    let lowered = room.labels(&bob, json!({"label": label(OFFEN)}));
    burst.push(lowered.clone());
    let rules = world.judged(Side::Theirs, &burst);
    assert_eq!(rules, ["", "", "", "", "label.room_unknown"]);
    assert_eq!(
        world.judged_one(Side::Theirs, &lowered),
        "",
        "asked for alone"
    );
}

#[test]
fn mx_7_a_peers_word_about_a_label_is_held_against_the_present_and_not_against_where_it_says_to_stand()
 {
    let mut scene = Raised::to(NFD);
    let end = scene.room.says(&scene.world.alice(), plain("now"));
    let world = &scene.world;
    world.homeserver_ends(&scene.room, &end);
    let planted = scene
        .before
        .labels(&world.bob(), json!({"label": label(OFFEN)}));
    assert_eq!(
        world.judged_one(Side::Theirs, &planted),
        "label.room_lowered"
    );
    let at_old = format!("event_id={}", encoded(&scene.old.id));
    assert!(
        !world.homeserver.far.saw(&at_old),
        "the peer chose that point"
    );
}

#[test]
fn mx_7_where_a_room_ends_with_its_label_the_state_before_that_is_not_the_present_one() {
    let mut scene = Raised::to(GEHEIM);
    let (world, bob) = (&scene.world, scene.world.bob());
    world.homeserver_ends(&scene.room, &scene.raised);
    // Behind something that our homeserver does not have.
    let mut elsewhere = scene.before.clone();
    let unsent = elsewhere.says(&bob, plain("not sent"));
    world.homeserver_lacks(&elsewhere, &unsent);
    let message = elsewhere.says(&bob, labelled("hello", &label(OFFEN)));
    assert_eq!(world.judged_one(Side::Theirs, &message), "");
    let asked = format!("event_id={}", encoded(&scene.raised.id));
    assert!(world.homeserver.far.saw(&asked), "asked about the end");
    assert_eq!(scene.next(), "label.classification");
}

#[test]
fn mx_7_where_a_room_ends_with_a_message_its_state_is_learned() {
    let mut scene = Raised::to(NFD);
    let (alice, bob) = (scene.world.alice(), scene.world.bob());
    let end = scene.room.says(&alice, plain("now"));
    let world = &scene.world;
    world.homeserver_ends(&scene.room, &end);
    let mut elsewhere = scene.before.clone();
    let unsent = elsewhere.says(&bob, plain("not sent"));
    world.homeserver_lacks(&elsewhere, &unsent);
    let message = elsewhere.says(&bob, plain("hello"));
    assert_eq!(world.judged_one(Side::Theirs, &message), "");
    assert_eq!(world.level_of(&message), NFD);
    world.forget();
    assert_eq!(scene.next(), "");
    assert!(!scene.world.homeserver.far.saw("/state/"), "known now");
}

#[test]
fn mx_7_a_peers_label_makes_the_gateway_ask_and_until_it_is_answered_the_earlier_one_counts() {
    let world = World::under(&demanding());
    let mut room = world.labelled_room(json!({"label": label(OFFEN)}));
    let raised = room.labels(&world.bob(), json!({"label": label(NFD)}));
    assert_eq!(world.judged_one(Side::Theirs, &raised), "");
    let mut level_now = || {
        let message = room.says(&world.alice(), plain("what now?"));
        assert_eq!(world.judged_one(Side::Ours, &message), "");
        world.level_of(&message)
    };
    assert_eq!(level_now(), OFFEN, "our homeserver does not answer");
    let state = json!({"pdus": [raised.json], "auth_chain": []});
    let what = format!("GET {V1}/state/");
    world.homeserver.far.on(&what, 200, &state);
    assert_eq!(level_now(), NFD, "our homeserver has taken it over");
    world.forget();
    assert_eq!(level_now(), NFD);
    assert!(!world.homeserver.far.saw("/state/"), "known now");
}

#[test]
fn mx_7_a_lowering_that_was_never_seen_counts_only_where_its_sender_has_authority() {
    let named = |link: &mut sluice_policy::link::LinkPolicy| {
        link.room_label_authorities = vec!["@alice:high.test".to_owned()];
    };
    let world = World::under(&links(named));
    for (by, level) in [(world.bob(), NFD), (world.alice(), OFFEN)] {
        let mut room = world.labelled_room(json!({"label": label(NFD)}));
        // It says nothing new, and makes the gateway ask.
        let again = room.labels(&world.bob(), json!({"label": label(NFD)}));
        assert_eq!(world.judged_one(Side::Theirs, &again), "");
        let lowered = room.labels(&by, json!({"label": label(OFFEN)}));
        world.homeserver_says(&room, None, &[&room.create, &lowered]);
        let message = room.says(&world.alice(), plain("what now?"));
        assert_eq!(world.judged_one(Side::Ours, &message), "");
        assert_eq!(world.level_of(&message), level, "{}", by.user);
    }
}

/// What has no label takes the lowest one: so that "no label" and "not known" are told apart.
fn lax() -> BundleParts {
    links(|link| link.default_label = serde_json::from_value(label(OFFEN)).ok())
}

#[test]
fn mx_6_a_room_whose_label_was_redacted_is_no_room_without_a_label() {
    let world = World::under(&lax());
    let alice = world.alice();
    for (redacted, rule) in [(true, "label.policy-unknown"), (false, "")] {
        let mut room = world.alices_room(RoomVersion::V12);
        let labelled = room.labels(&alice, json!({"label": label(GEHEIM)}));
        let labelled = labelled.redacted(room.version);
        let state = [&room.create, &labelled];
        let state = if redacted { &state[..] } else { &state[..1] };
        world.homeserver_says(&room, None, state);
        let message = room.says(&alice, plain("the plan"));
        assert_eq!(world.judged_one(Side::Ours, &message), rule);
    }
}

#[test]
fn mx_6_a_label_that_the_peers_gateway_kept_back_is_not_learned_as_none() {
    let world = World::under(&lax());
    let (alice, bob) = (world.alice(), world.bob());
    let mut room = world.bobs_room(RoomVersion::V12);
    let kept_back = room.labels(&bob, json!({"label": label(GEHEIM)}));
    let kept_back = kept_back.redacted(room.version);
    let end = room.says(&bob, labelled("now", &label(OFFEN)));
    world.homeserver_says(&room, None, &[&room.create, &kept_back]);
    world.homeserver_says(&room, Some(&end), &[&room.create, &kept_back]);
    world.homeserver_ends(&room, &end);
    let unseen = room.says(&bob, plain("not sent"));
    world.homeserver_lacks(&room, &unseen);
    let message = room.says(&bob, labelled("hello", &label(OFFEN)));
    assert_eq!(
        world.judged_one(Side::Theirs, &message),
        "",
        "judged by what it says itself"
    );
    let asked = format!("event_id={}", encoded(&end.id));
    assert!(world.homeserver.far.saw(&asked), "asked about the end");
    let answer = room.says(&alice, plain("the plan"));
    assert_eq!(
        world.judged_one(Side::Ours, &answer),
        "label.policy-unknown"
    );
}

#[test]
fn lb_6_a_room_that_could_not_be_told_is_asked_about_again() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let foreign = json!({"label": label_of("HAUS", "INTERN", &[])});
    let untold = room.labels(&alice, foreign);
    assert_eq!(
        world.judged_one(Side::Ours, &untold),
        "label.policy-unknown"
    );
    let message = room.says(&alice, plain("the plan"));
    assert_eq!(
        world.judged_one(Side::Ours, &message),
        "label.policy-unknown"
    );
    let told = room.labels(&alice, json!({"label": label(OFFEN)}));
    world.homeserver_says(&room, None, &[&room.create, &told]);
    let message = room.says(&alice, plain("the plan"));
    assert_eq!(world.judged_one(Side::Ours, &message), "");
    assert_eq!(world.level_of(&message), OFFEN);
}

#[test]
fn mx_7_a_refused_label_of_a_room_that_could_not_be_told_does_not_come_back_as_its_state() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let foreign = json!({"label": label_of("HAUS", "INTERN", &[])});
    let untold = room.labels(&alice, foreign);
    assert_eq!(
        world.judged_one(Side::Ours, &untold),
        "label.policy-unknown"
    );
    let refused = room.labels(&alice, json!({"label": label(OFFEN)}));
    assert_eq!(world.judged_one(Side::Ours, &refused), "label.room_lowered");
    world.homeserver_says(&room, None, &[&room.create, &refused]);
    let message = room.says(&alice, plain("the plan"));
    assert_eq!(
        world.judged_one(Side::Ours, &message),
        "label.policy-unknown"
    );
}
