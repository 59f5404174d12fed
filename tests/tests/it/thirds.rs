//! Rooms with users of a third server: refused, or listed and judged twice.

use serde_json::{Value, json};
use sluice::route::encode;
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{DEFAULT_LINK, Opening, ThirdServers};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::gateway::CLEARANCE;
use sluice_tests::stub::labels::{GEHEIM, LABEL, NFD, OFFEN, clearance, label};
use sluice_tests::stub::peer::{StubPeer, exchange};
use sluice_tests::stub::room::{Actor, Event, Room, VERSIONS, seal, transaction};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{TAX_ID, World, errors, next_send, pdus, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";

/// The shipped policy, but that third servers are listed on every link.
pub fn listed() -> BundleParts {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.third_servers = ThirdServers::Listed;
    }
    parts
}

/// carol, on the homeserver of a third zone.
pub fn carol(third: &StubPeer) -> Actor {
    Actor {
        user: format!("@carol:{}", third.server),
        key: third.key.clone(),
    }
}

/// The homeserver of a peer sends events to ours.
fn sends(world: &World, peer: &StubPeer, events: &[Event]) -> Reply {
    let body = transaction(&peer.server, events).to_string();
    let request = peer.request("PUT", &next_send(), "high.test", Some(body.as_bytes()));
    let mut line = peer.dial(&world.record, world.gateway.border()).unwrap();
    exchange(&mut line, &request).unwrap()
}

/// A room of alice's to which carol was invited, over the link to her.
fn carols_room(world: &World, third: &StubPeer, version: RoomVersion) -> Room {
    let mut room = world.alices_room(version);
    let invite = room.member(&world.alice(), &carol(third).user, "invite");
    let reply = world.alice_sends_to(third, &[invite]);
    assert_eq!(errors(&reply), Vec::<String>::new(), "{}", reply.text());
    world.forget();
    room
}

/// alice invites bob; the peer's homeserver would accept.
fn invites_bob(world: &World, room: &mut Room) -> Reply {
    let invite = room.member(&world.alice(), "@bob:low.test", "invite");
    let target = format!("{V2}/invite/{}/{}", encode(&room.id), encode(&invite.id));
    let answer = json!({"event": invite.json});
    world.peer.far.on(&format!("PUT {target}"), 200, &answer);
    let body = json!({
        "event": invite.json, "room_version": room.version.as_str(),
        "invite_room_state": [room.create.json],
    });
    world.from_homeserver("PUT", &target, Some(body.to_string().as_bytes()))
}

/// What our homeserver tells a server alone that is in the room.
const LAST_EVENT: &str = "GET /_matrix/federation/v1/timestamp_to_event/";

/// Our homeserver says whether who asks is in the room.
fn our_homeserver_says(world: &World, room: &Room, is_in: bool) {
    let event = json!({"event_id": room.create.id, "origin_server_ts": 1});
    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "Host not in room."});
    match is_in {
        true => world.homeserver.far.on(LAST_EVENT, 200, &event),
        false => world.homeserver.far.on(LAST_EVENT, 403, &forbidden),
    }
}

#[test]
fn nobody_is_invited_to_a_room_with_a_third_servers_user_where_the_link_refuses_that() {
    let mut world = World::new();
    let third = world.another_peer("third");
    for version in VERSIONS {
        let mut room = carols_room(&world, &third, version);
        our_homeserver_says(&world, &room, true);
        let before = world.gateway.audit().len();
        let reply = invites_bob(&world, &mut room);
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(reply.json()["errcode"], "M_FORBIDDEN");
        assert_eq!(world.rules_since(before), ["protocol.third_server"]);
        assert!(world.peer.far.requests().is_empty(), "bob is not told");
        let asked = world.homeserver.far.requests_of(LAST_EVENT);
        assert!(
            asked[0].head.contains("origin=\"third.test\""),
            "asked in the name of the third server: {}",
            asked[0].head
        );
        // It is no longer there: our homeserver says so.
        our_homeserver_says(&world, &room, false);
        let reply = invites_bob(&world, &mut room);
        assert_eq!(reply.status, 200, "{}", world.gateway.log());
        world.forget();
    }
    // What was learned outlives the journal.
    let mut room = carols_room(&world, &third, RoomVersion::V12);
    world.gateway.stop();
    world.gateway.delete_journal();
    world.gateway.start();
    our_homeserver_says(&world, &room, true);
    assert_eq!(invites_bob(&world, &mut room).status, 403);
    // Where third servers are listed, it crosses.
    world.gateway.install(&listed());
    world.gateway.reload();
    assert_eq!(
        invites_bob(&world, &mut room).status,
        200,
        "{}",
        world.gateway.log()
    );
}

#[test]
fn nobody_joins_a_room_with_a_third_servers_user_where_the_link_refuses_that() {
    let world = World::new();
    let third = world.another_peer("third");
    let mut room = carols_room(&world, &third, RoomVersion::V12);
    our_homeserver_says(&world, &room, true);
    let bob = world.bob();
    let join = room.member(&bob, &bob.user, "join");
    let mut template = room.draft(&bob, "m.room.member", json!({"membership": "join"}));
    template["state_key"] = json!(bob.user);
    let asks = format!(
        "{V1}/make_join/{}/{}?ver=12",
        encode(&room.id),
        encode(&bob.user)
    );
    world.homeserver.far.on(
        &format!("GET {V1}/make_join/"),
        200,
        &json!({"room_version": "12", "event": template}),
    );
    let reply = world.from_peer("GET", &asks, None);
    assert_eq!(reply.status, 403, "{}", reply.text());
    let target = format!("{V2}/send_join/{}/{}", encode(&room.id), encode(&join.id));
    let reply = world.from_peer("PUT", &target, Some(join.text().as_bytes()));
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(
        world.homeserver.far.requests_of("PUT ").is_empty(),
        "our homeserver is not asked to take him in"
    );
}

/// An event that bob chose says nothing of who is in alice's room, and neither does one that nobody knows.
#[test]
fn nobody_joins_such_a_room_by_naming_another_event_before_the_join() {
    let world = World::new();
    let third = world.another_peer("third");
    let room = carols_room(&world, &third, RoomVersion::V12);
    let bob = world.bob();
    let elsewhere = Room::create(RoomVersion::V12, &bob);
    let joins = || {
        let mut fields = room.draft(&bob, "m.room.member", json!({"membership": "join"}));
        fields["state_key"] = json!(bob.user);
        fields["prev_events"] = json!([elsewhere.create.id]);
        let join = seal(room.version, fields, &bob.key, bob.server());
        let target = format!("{V2}/send_join/{}/{}", encode(&room.id), encode(&join.id));
        let before = world.gateway.audit().len();
        let reply = world.from_peer("PUT", &target, Some(join.text().as_bytes()));
        assert_eq!(reply.status, 403, "{}", reply.text());
        world.rules_since(before)
    };
    let (unknown, forbidden) = (
        json!({"errcode": "M_NOT_FOUND", "error": "no such event"}),
        json!({"errcode": "M_FORBIDDEN", "error": "Host not in room."}),
    );
    let (far, event) = (&world.homeserver.far, format!("GET {V1}/event/"));
    our_homeserver_says(&world, &room, true);
    far.on(&event, 403, &forbidden);
    assert_eq!(joins(), ["protocol.third_server"]);
    // A homeserver that does not know the question: what it does not know says nothing.
    let unrecognized = json!({"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"});
    far.on(LAST_EVENT, 404, &unrecognized);
    far.on(&event, 404, &unknown);
    assert_eq!(joins(), ["protocol.third_server"]);
    assert!(far.requests_of("PUT ").is_empty());
}

#[test]
fn a_hierarchy_names_nobody_of_a_third_server_where_the_link_refuses_those() {
    let opened = |third_servers| {
        let mut parts = policy();
        for link in parts.links.values_mut() {
            link.opens = vec![Opening::Hierarchy];
            link.third_servers = third_servers;
        }
        parts
    };
    let world = World::under(&opened(ThirdServers::Refuse));
    let third = world.another_peer("third");
    let room = world.alices_room(RoomVersion::V12);
    let child = |user: &str| {
        json!({
            "type": "m.space.child", "state_key": room.id, "sender": user, "origin_server_ts": 1,
            "content": {"via": ["high.test", "third.test"]},
        })
    };
    let space = json!({
        "room_id": room.id, "num_joined_members": 1, "world_readable": false, "guest_can_join": false,
        "join_rule": "public", "canonical_alias": "#lage:third.test",
        "children_state": [child("@alice:high.test"), child(&carol(&third).user)],
    });
    let answer = json!({"room": space, "children": [], "inaccessible_children": []});
    let target = format!("{V1}/hierarchy/{}", encode(&room.id));
    world
        .homeserver
        .far
        .on(&format!("GET {target}"), 200, &answer);
    let told = world.from_peer("GET", &target, None).text();
    assert!(
        told.contains("@alice:high.test") && !told.contains("third.test"),
        "{told}"
    );
    world.gateway.install(&opened(ThirdServers::Listed));
    world.gateway.reload();
    let told = world.from_peer("GET", &target, None).text();
    assert!(
        told.contains("@carol:third.test") && told.contains("#lage:third.test"),
        "{told}"
    );
}

#[test]
fn a_room_that_gains_a_user_of_a_third_server_is_closed_or_goes_on_as_the_link_says() {
    let world = World::new();
    let third = world.another_peer("third");
    let carol = carol(&third).user;
    let rules = |before| world.rules_since(before);
    for version in VERSIONS {
        let mut room = world.alices_room(version);
        let invite = room.member(&world.alice(), &carol, "invite");
        let before = world.gateway.audit().len();
        let reply = world.alice_sends(std::slice::from_ref(&invite));
        assert_eq!(errors(&reply), [invite.id]);
        assert!(rules(before).contains(&"protocol.third_server".to_owned()));
        let message = room.message(&world.alice(), "hello");
        assert_eq!(
            errors(&world.alice_sends(std::slice::from_ref(&message))),
            [message.id]
        );
    }
    world.gateway.install(&listed());
    world.gateway.reload();
    for version in VERSIONS {
        let mut room = world.alices_room(version);
        let alice = world.alice();
        let invite = room.member(&alice, &carol, "invite");
        let message = room.message(&alice, "hello, both of you");
        let reply = world.alice_sends(&[invite, message]);
        assert_eq!(errors(&reply), Vec::<String>::new());
        // One that no record names closes it all the same.
        let stranger = room.member(&alice, "@mallory:fourth.test", "invite");
        let message = room.message(&alice, "hello, all of you");
        let reply = world.alice_sends(&[stranger.clone(), message.clone()]);
        let mut refused = vec![stranger.id, message.id];
        refused.sort();
        assert_eq!(errors(&reply), refused);
    }
}

/// bob's homeserver answers a pull of ours with an event.
fn alices_homeserver_pulls(world: &World, event: &Event) -> Reply {
    let target = format!("{V1}/event/{}", encode(&event.id));
    let answer = json!({"origin": "low.test", "origin_server_ts": 1, "pdus": [event.json]});
    world.peer.far.on(&format!("GET {target}"), 200, &answer);
    world.from_homeserver("GET", &target, None)
}

fn labelled(body: &str, level: &str) -> Value {
    json!({"msgtype": "m.text", "body": body, LABEL: label(level)})
}

/// A third peer, whose users may send no more than OFFEN to us; or nothing at all.
fn third_peer(world: &World, receive: Option<&[&str]>) -> StubPeer {
    let third = StubPeer::new("third");
    third.serve(&world.record);
    let record = third.record();
    match receive {
        Some(levels) => {
            let receive = clearance("DE-SAMPLE", levels, &[]).to_string();
            world.gateway.import_for(&record, CLEARANCE, &receive);
        }
        None => drop(
            world
                .gateway
                .command(&["peer", "import", "-", "--json"], &record.to_string()),
        ),
    }
    world.gateway.reload();
    third
}

#[test]
fn what_a_third_servers_user_said_must_pass_under_the_link_from_there_and_the_one_that_it_comes_by()
{
    let world = World::under(&listed());
    let third = third_peer(&world, Some(&[OFFEN]));
    for version in VERSIONS {
        let mut room = world.bobs_room(version);
        let carol = carol(&third);
        let (bob, kind) = (world.bob(), "m.room.message");
        let open = room.event(&carol, kind, None, labelled("open", OFFEN));
        let reply = alices_homeserver_pulls(&world, &open);
        assert_eq!(reply.json()["pdus"], json!([open.json]), "{}", reply.text());
        // bob may say this to us, carol may not, and bob's side cannot lend her its link.
        let bobs = room.event(&bob, kind, None, labelled("for official use", NFD));
        let reply = alices_homeserver_pulls(&world, &bobs);
        assert_eq!(reply.json()["pdus"], json!([bobs.json]), "{}", reply.text());
        let hers = room.event(&carol, kind, None, labelled("for official use", NFD));
        let reply = alices_homeserver_pulls(&world, &hers);
        assert_eq!(
            reply.json()["pdus"],
            json!([hers.redacted(version).json]),
            "{}",
            reply.text()
        );
        let secret = room.event(&carol, kind, None, labelled("secret", GEHEIM));
        let reply = alices_homeserver_pulls(&world, &secret);
        assert_eq!(reply.json()["pdus"], json!([secret.redacted(version).json]));
    }
}

#[test]
fn what_a_third_servers_user_said_crosses_nowhere_while_the_link_from_there_is_closed() {
    let world = World::under(&listed());
    let third = third_peer(&world, None);
    let mut room = world.bobs_room(RoomVersion::V12);
    let carol = carol(&third);
    let said = room.message(&carol, "by a detour");
    let before = world.gateway.audit().len();
    let reply = alices_homeserver_pulls(&world, &said);
    assert_eq!(
        reply.json()["pdus"],
        json!([said.redacted(room.version).json])
    );
    assert!(
        world
            .rules_since(before)
            .contains(&"protocol.link_closed".to_owned())
    );
    // Her keys came from her own gateway, which the record names.
    assert!(
        !third
            .far
            .requests_of("GET /_matrix/key/v2/server")
            .is_empty()
    );
    // She herself is seen: the room's members are its history.
    let join = room.member(&carol, &carol.user, "join");
    assert_eq!(world.bob_sends(std::slice::from_ref(&join)).status, 200);
    let arrived = world.homeserver.far.requests_of("PUT ");
    assert_eq!(pdus(&arrived[0].json()), [join.redacted(room.version).json]);
}

#[test]
fn a_denial_on_the_link_from_a_third_zone_holds_for_every_way_here() {
    let world = World::under(&listed());
    let third = third_peer(&world, Some(&[OFFEN, NFD]));
    let mut room = world.bobs_room(RoomVersion::V12);
    let said = room.message(&carol(&third), &format!("pay to {TAX_ID}"));
    let reply = sends(&world, &third, std::slice::from_ref(&said));
    assert_eq!(errors(&reply), std::slice::from_ref(&said.id));
    let lax = BundleParts {
        dlp: Vec::new(),
        ..listed()
    };
    world.gateway.install(&lax);
    world.gateway.reload();
    let reply = alices_homeserver_pulls(&world, &said);
    assert!(!reply.text().contains(TAX_ID), "{}", reply.text());
    assert_eq!(
        reply.json()["pdus"],
        json!([said.redacted(room.version).json])
    );
}

#[test]
fn the_homeserver_through_which_a_third_servers_user_joins_tells_it_where_those_are_listed() {
    let world = World::under(&listed());
    let third = third_peer(&world, Some(&[OFFEN, NFD]));
    let carol = carol(&third);
    let mut room = world.bobs_room(RoomVersion::V12);
    let join = room.member(&carol, &carol.user, "join");
    assert_eq!(
        errors(&world.bob_sends(std::slice::from_ref(&join))),
        Vec::<String>::new()
    );
    assert_eq!(
        pdus(&world.homeserver.far.requests_of("PUT ")[0].json()),
        [join.json]
    );
    let said = room.message(&carol, "hello");
    let invite = room.member(&carol, "@alice:high.test", "invite");
    let mut refused = vec![said.id.clone(), invite.id.clone()];
    refused.sort();
    assert_eq!(
        errors(&world.bob_sends(&[said, invite])),
        refused,
        "what she says, her own homeserver brings"
    );
    // Under a policy that refuses third servers it is not even hers to tell.
    world.gateway.install(&policy());
    world.gateway.reload();
    let mut other = world.bobs_room(RoomVersion::V12);
    let join = other.member(&carol, &carol.user, "join");
    assert_eq!(
        errors(&world.bob_sends(std::slice::from_ref(&join))),
        [join.id]
    );
}

#[test]
fn the_setting_is_written_in_bundle_toml_and_left_out_where_it_says_nothing() {
    let parts = listed();
    let link = serde_json::to_value(&parts.links[DEFAULT_LINK]).unwrap();
    assert_eq!(link["third_servers"], "listed");
    let plain = serde_json::to_value(&policy().links[DEFAULT_LINK]).unwrap();
    assert!(plain.get("third_servers").is_none());
}
