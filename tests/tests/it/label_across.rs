//! What one link's policy says of labels is not believed on another one, and what is known of a room counts on all.

use serde_json::json;
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{DEFAULT_LINK, LinkPolicy, RequireLabel};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::Room;
use sluice_tests::stub::{World, policy};

const V1: &str = "/_matrix/federation/v1";

/// A policy under which labels are demanded on every link, with a change to the two links with this zone.
fn with(zone: &str, change: impl Fn(&mut LinkPolicy)) -> BundleParts {
    let mut parts = demanding();
    let mut link = parts.links[DEFAULT_LINK].clone();
    change(&mut link);
    for name in [format!("high->{zone}"), format!("{zone}->high")] {
        parts.links.insert(name, link.clone());
    }
    parts
}

fn by_default(link: &mut LinkPolicy) {
    link.default_label = serde_json::from_value(label(OFFEN)).ok();
}

fn by_marking(link: &mut LinkPolicy) {
    link.typed_markings = vec!["DE-SAMPLE".to_owned()];
}

fn lowers(link: &mut LinkPolicy) {
    link.room_label_authorities = vec!["high.test".to_owned()];
}

#[test]
fn mx_6_a_label_that_one_links_policy_gave_is_not_lent_on_another_link() {
    for (change, text, source) in [
        (by_default as fn(&mut LinkPolicy), "the canteen", "link"),
        (by_marking, "[OFFEN] the canteen", "marking"),
    ] {
        let world = World::under(&with("low", change));
        let third = world.another_peer("third");
        let alice = world.alice();
        // Not sent: the link's label would bear on the room's creation too.
        let mut room = Room::create(RoomVersion::V12, &alice);
        let message = room.says(&alice, plain(text));
        assert_eq!(world.judged_one(Side::Ours, &message), "");
        assert_eq!(world.decision(&message.id)["label_source"], source);
        let reply = room.says(&alice, answering(plain("is open"), &message));
        assert_eq!(world.judged_one(Side::Ours, &reply), "", "inherited here");
        assert_eq!(world.level_of(&reply), OFFEN);

        world.homeserver_has(&message);
        world.homeserver_has(&reply);
        for target in [&message, &reply] {
            let reaction = room.event(&alice, "m.reaction", None, reacting(target));
            let rule = world.judged_for(&third, &reaction);
            assert_eq!(
                rule, "label.missing",
                "{source}, of {}",
                target.json["content"]
            );
            assert_eq!(world.judged_one(Side::Ours, &reaction), "", "{source}");
        }
    }
}

#[test]
fn mx_6_a_label_that_an_event_carries_counts_on_every_link() {
    let world = World::under(&demanding());
    let third = world.another_peer("third");
    let mut room = Room::create(RoomVersion::V12, &world.alice());
    let message = room.says(&world.alice(), labelled("the plan", &label(GEHEIM)));
    assert_eq!(
        world.judged_one(Side::Ours, &message),
        "label.classification"
    );
    let reply = room.says(&world.alice(), answering(plain("indeed"), &message));
    world.forget();
    assert_eq!(world.judged_for(&third, &reply), "label.classification");
    let asked = format!("GET {V1}/event/");
    assert!(world.homeserver.far.requests_of(&asked).is_empty());
}

#[test]
fn mx_7_who_may_lower_on_one_link_alone_changes_nothing_that_counts_on_all() {
    let mut everywhere = with("low", lowers);
    lowers(everywhere.links.get_mut(DEFAULT_LINK).unwrap());
    let mut undemanding = with("low", lowers);
    let free = undemanding.links.get_mut(DEFAULT_LINK).unwrap();
    free.require_label = RequireLabel::None;
    for (story, parts, level) in [
        ("on one link", with("low", lowers), NFD),
        ("on both", everywhere, OFFEN),
        ("where the other demands no label", undemanding, OFFEN),
    ] {
        let world = World::under(&parts);
        let third = world.another_peer("third");
        let alice = world.alice();
        let mut room = world.labelled_room(json!({"label": label(NFD)}));
        let lowered = room.labels(&alice, json!({"label": label(OFFEN)}));
        assert_eq!(world.judged_one(Side::Ours, &lowered), "", "{story}");
        let message = room.says(&alice, plain("the plan"));
        assert_eq!(world.judged_for(&third, &message), "", "{story}");
        assert_eq!(world.level_of(&message), level, "{story}, at third's");
        assert_eq!(world.judged_one(Side::Ours, &message), "", "{story}");
        assert_eq!(world.level_of(&message), level, "{story}, at low's");
    }
}

#[test]
fn mx_5_where_no_label_is_demanded_a_label_is_inherited_from_what_is_known_and_nobody_is_asked() {
    let world = World::under(&policy());
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.alices_room(RoomVersion::V12);
        let unknown = room.says(&by, plain("never sent"));
        world.homeserver_has(&unknown);
        let lost = room.says(&by, answering(plain("indeed"), &unknown));
        assert_eq!(world.judged_one(side, &lost), "", "{side:?}");
        let high = room.says(&by, labelled("the plan", &label(GEHEIM)));
        let reply = room.says(&by, answering(plain("indeed"), &high));
        let rules = world.judged(side, &[high, reply]);
        assert_eq!(rules, ["label.classification"; 2], "{side:?}: in one body");
        let asked = format!("GET {V1}/event/");
        let asked = world.homeserver.far.requests_of(&asked);
        assert!(asked.is_empty(), "{side:?}");
    }
}

#[test]
fn mx_6_where_no_label_is_demanded_what_another_link_remembers_counts() {
    let world = World::under(&with("low", |link| link.require_label = RequireLabel::None));
    let third = world.another_peer("third");
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let high = room.says(&alice, labelled("the plan", &label(GEHEIM)));
    assert_eq!(world.judged_for(&third, &high), "label.classification");
    let reply = room.says(&alice, answering(plain("indeed"), &high));
    assert_eq!(world.judged_one(Side::Ours, &reply), "label.classification");
}

#[test]
fn lb_6_an_authority_of_one_link_labels_a_room_anew_that_could_not_be_told() {
    let world = World::under(&with("low", lowers));
    let _third = world.another_peer("third");
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let untold = room.labels(&alice, json!({"label": label_of("HAUS", "INTERN", &[])}));
    assert_eq!(
        world.judged_one(Side::Ours, &untold),
        "label.policy-unknown"
    );
    let told = room.labels(&alice, json!({"label": label(OFFEN)}));
    assert_eq!(world.judged_one(Side::Ours, &told), "");
    let message = room.says(&alice, plain("the plan"));
    assert_eq!(world.judged_one(Side::Ours, &message), "");
    assert_eq!(world.level_of(&message), OFFEN, "nobody was cleared before");
}
