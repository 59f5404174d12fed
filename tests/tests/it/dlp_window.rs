//! A value in two messages, and the ways to keep the halves apart: invented dates, and an accomplice outside who pulls old
//! messages of the sender between them.

use serde_json::json;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Event, Room, now_ms, seal};
use sluice_tests::stub::{World, answer_of, errors};

const FIRST: &str = "Steuer-ID 86 095";
const REST: &str = "742 719 danke";

/// Alice's message with a date of its homeserver's choice.
fn dated(world: &World, room: &Room, text: &str, sent_ms: i64) -> Event {
    let alice = world.alice();
    let content = json!({"msgtype": "m.text", "body": text});
    let mut fields = room.draft(&alice, "m.room.message", content);
    fields["origin_server_ts"] = json!(sent_ms);
    seal(room.version, fields, &alice.key, alice.server())
}

fn crosses(world: &World, event: &Event) -> bool {
    errors(&world.alice_sends(std::slice::from_ref(event))).is_empty()
}

#[test]
fn dl_3_an_invented_date_keeps_no_halves_apart() {
    let world = World::new();
    let now = now_ms();
    let hour = 3_600_000;
    for (first, rest) in [
        (now, now),
        (now, now + hour),
        (now, now - hour),
        (now - hour, now),
        // As late as the key of the homeserver is valid, and as early as there are dates.
        (now + 20 * hour, 1),
    ] {
        let room = world.alices_room(RoomVersion::V12);
        let half = dated(&world, &room, FIRST, first);
        assert!(crosses(&world, &half), "{first}");
        let event = dated(&world, &room, REST, rest);
        assert!(!crosses(&world, &event), "{first} {rest}");
        assert!(!world.peer.far.saw(REST));
    }
}

#[test]
fn dl_3_old_messages_that_the_peer_pulls_between_two_halves_push_none_out() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let old: Vec<Event> = (0..12)
        .map(|number| {
            let sent_ms = now_ms() - 7_200_000 + number;
            dated(&world, &room, &format!("alt {number}"), sent_ms)
        })
        .collect();
    let first = room.message(&world.alice(), FIRST);
    assert!(crosses(&world, &first));
    let at = |text: &str| {
        text.replace('!', "%21")
            .replace('$', "%24")
            .replace(':', "%3A")
    };
    let path = format!("/_matrix/federation/v1/backfill/{}", at(&room.id));
    let answer = answer_of("pdus", "high.test", &old);
    world
        .homeserver
        .far
        .on(&format!("GET {path}"), 200, &answer);
    let pulled = world.from_peer("GET", &format!("{path}?v={}&limit=20", at(&first.id)), None);
    assert!(pulled.text().contains("alt 11"), "{}", pulled.status);
    let rest = room.message(&world.alice(), REST);
    assert!(!crosses(&world, &rest));
    let lines = world.gateway.audit();
    let denied = lines
        .iter()
        .find(|line| line["event_id"] == rest.id.as_str());
    assert_eq!(denied.unwrap()["rule"], "dlp.de.steuer_id");
}
