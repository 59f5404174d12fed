//! More than two zones, and more than one homeserver in a zone, on real homeservers.

use serde_json::{Value, json};
use sluice::demo::client::{Client, escape, until};
use sluice::demo::error::DemoError;
use sluice::demo::pull::{Pull, pull, pull_as, pull_at_border};
use sluice::demo::trail;
use sluice::demo::world::{ARRIVES_WITHIN, GEHEIM, OFFEN, VS_NFD, labelled};
use sluice::demo::zone::{GERMAN, Way, Zone, clearance};
use sluice_policy::link::ThirdServers;
use sluice_tests::evidence::files_with;
use sluice_tests::zones::{folder, install, policy, reload, start, user, zone};

/// Stands in what one link denies and another one grants.
const CANARY: &str = "kanarienvogel";

/// Zones a, b and c; a is linked with b, and with c, which may have less.
struct Three {
    a: Zone,
    b: Zone,
    c: Zone,
    alice: Client,
    bob: Client,
    carol: Client,
    _folder: tempfile::TempDir,
}

impl Three {
    fn build() -> Self {
        let folder = folder();
        let parts = policy(ThirdServers::Refuse);
        let zone = |name, way| zone(folder.path(), name, way, &[], &parts);
        let (mut a, mut b, mut c) = (
            zone("a", Way::Hook),
            zone("b", Way::Connect),
            zone("c", Way::Hook),
        );
        let (wide, narrow) = (
            clearance(GERMAN, &[OFFEN, VS_NFD]),
            clearance(GERMAN, &[OFFEN]),
        );
        for (other, may) in [(&b, &wide), (&c, &narrow)] {
            a.introduce_to(other, may, may).unwrap();
            other.introduce_to(&a, may, may).unwrap();
        }
        start(&mut [&mut a, &mut b, &mut c]);
        let (alice, bob, carol) = (
            user(&a.synapse, "alice"),
            user(&b.synapse, "bob"),
            user(&c.synapse, "carol"),
        );
        Self {
            a,
            b,
            c,
            alice,
            bob,
            carol,
            _folder: folder,
        }
    }

    fn all(&self) -> [&Zone; 3] {
        [&self.a, &self.b, &self.c]
    }

    /// A room of alice's in which these are.
    fn room(&self, version: &str, guests: &[&Client]) -> Result<String, DemoError> {
        let room = self.alice.create_room(&sluice::demo::client::RoomOptions {
            version: Some(version),
            ..Default::default()
        })?;
        for guest in guests {
            self.alice.invite(&room, guest.user_id())?;
            guest.join(&room, &["a.test"])?;
        }
        Ok(room)
    }

    /// alice says what b may have and c may not.
    fn denied_to_c(&self, room: &str) -> String {
        let content = labelled(&format!("{CANARY} im Dienst"), VS_NFD);
        let event = self.alice.send(room, "m.room.message", &content).unwrap();
        let seen = arrived(&self.bob, room, &event);
        assert_eq!(seen["body"], content["body"], "b may have it");
        event
    }

    /// carol's homeserver asks b for an event of a room by every operation that could hold it, through its gateway and at
    /// b's border itself.
    fn nothing_is_pulled_from_b(&self, room: &str, event: &str) {
        for pull_of in pulls("b.test", room, event, self.carol.user_id()) {
            let (status, answer) = pull(&self.c, &pull_of).unwrap();
            assert_eq!(status, 403, "{}: {answer}", pull_of.uri);
            assert!(!answer.to_string().contains(CANARY), "{}", pull_of.uri);
            // Without a record there is not even a handshake.
            if let Ok((status, answer)) = pull_at_border(&self.c, &self.b, &pull_of) {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                assert_eq!(status, 403, "{}: {answer}", pull_of.uri);
                assert!(!answer.contains(CANARY), "{}", pull_of.uri);
            }
        }
    }

    /// carol's homeserver asks a, which has it: what it gets, it gets empty.
    fn nothing_is_pulled_from_a(&self, room: &str, event: &str) {
        let pulls = pulls("a.test", room, event, self.carol.user_id());
        let of_one = |pull: &&Pull<'_>| !pull.uri.contains("make_join");
        for pull_of in pulls.iter().filter(of_one) {
            let (status, answer) = pull(&self.c, pull_of).unwrap();
            assert_eq!(status, 200, "{}: {answer}", pull_of.uri);
            assert!(!answer.to_string().contains(CANARY), "{}", pull_of.uri);
        }
    }
}

/// Every operation by which a homeserver could get at an event of a room.
fn pulls<'a>(destination: &'a str, room: &str, event: &str, user: &str) -> Vec<Pull<'a>> {
    const V1: &str = "/_matrix/federation/v1";
    let (room, id, user) = (escape(room), escape(event), escape(user));
    let uris = [
        format!("{V1}/event/{id}"),
        format!("{V1}/backfill/{room}?v={id}&limit=10"),
        format!("{V1}/state/{room}?event_id={id}"),
        format!("{V1}/state_ids/{room}?event_id={id}"),
        format!("{V1}/event_auth/{room}/{id}"),
        format!("{V1}/make_join/{room}/{user}?ver=10&ver=12"),
    ];
    let get = |uri: String| Pull {
        destination,
        method: "GET",
        uri: uri.leak(),
        body: None,
    };
    let missing = Pull {
        destination,
        method: "POST",
        uri: format!("{V1}/get_missing_events/{room}").leak(),
        body: Some(
            json!({"earliest_events": [], "latest_events": [event], "limit": 10, "min_depth": 0}),
        ),
    };
    uris.into_iter().map(get).chain([missing]).collect()
}

/// The content of an event as somebody's homeserver has it.
fn arrived(who: &Client, room: &str, event: &str) -> Value {
    who.wait_event(room, event, ARRIVES_WITHIN).unwrap()["content"].clone()
}

fn refused(result: Result<(), DemoError>) {
    match result {
        Err(DemoError::Api { status: 403, .. }) => {}
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_a_may_give_to_b_and_not_to_c_is_got_by_c_from_b_by_no_pull() {
    let mut three = Three::build();
    for version in ["12", "10"] {
        refusing(&three, version);
    }
    for zone in three.all() {
        install(zone, &policy(ThirdServers::Listed));
        reload(zone);
    }
    closes_for_the_unlisted(&three, "12");
    // b and c learn who the other is, and no more: the link between them is closed.
    three.b.name_to(&three.c).unwrap();
    three.c.name_to(&three.b).unwrap();
    reload(&three.b);
    reload(&three.c);
    for version in ["12", "10"] {
        listing(&three, version);
    }
    for zone in [&mut three.a, &mut three.b, &mut three.c] {
        zone.stop_gateway().unwrap();
        zone.synapse.stop().unwrap();
    }
    assert!(!files_with(three.b.synapse.folder(), CANARY).is_empty());
    let found = files_with(three.c.synapse.folder(), CANARY);
    assert!(found.is_empty(), "c has it in {found:?}");
    for zone in three.all() {
        let (code, answer) = zone.verify_audit(&zone.audit(), false).unwrap();
        assert_eq!(code, 0, "{answer}");
    }
}

/// `third_servers = "refuse"`: nobody of c comes into a room in which somebody of b is, and the other way round.
fn refusing(three: &Three, version: &str) {
    let room = three.room(version, &[&three.bob]).unwrap();
    refused(three.alice.invite(&room, three.carol.user_id()));
    let event = three.denied_to_c(&room);
    three.nothing_is_pulled_from_b(&room, &event);
    let other = three.room(version, &[&three.carol]).unwrap();
    refused(three.alice.invite(&other, three.bob.user_id()));
    for (room, guest) in [(&room, &three.bob), (&other, &three.carol)] {
        let content = labelled("es geht weiter", OFFEN);
        let event = three.alice.send(room, "m.room.message", &content).unwrap();
        assert_eq!(arrived(guest, room, &event)["body"], "es geht weiter");
        let event = guest.send(room, "m.room.message", &content).unwrap();
        assert_eq!(
            arrived(&three.alice, room, &event)["body"],
            "es geht weiter"
        );
    }
}

/// `third_servers = "listed"`, but b has no record of c: for b the room closes when somebody of c comes.
fn closes_for_the_unlisted(three: &Three, version: &str) {
    let room = three.room(version, &[&three.bob]).unwrap();
    three.alice.invite(&room, three.carol.user_id()).unwrap();
    let closed = until("b's gateway closes the room", ARRIVES_WITHIN, || {
        let closed = trail::of_kind(&three.b.audit(), "closed")?;
        Ok(closed.into_iter().find(|line| line["room_id"] == *room))
    });
    assert_eq!(closed.unwrap()["rule"], "protocol.third_server");
    let content = labelled(&format!("{CANARY} nach dem Schluss"), VS_NFD);
    let event = three.alice.send(&room, "m.room.message", &content).unwrap();
    until("b's gateway drops what follows", ARRIVES_WITHIN, || {
        let events = trail::of_kind(&three.b.audit(), "event")?;
        let dropped = |line: &Value| line["event_id"] == *event && line["verdict"] == "drop";
        Ok(events.iter().any(dropped).then_some(()))
    })
    .unwrap();
    assert!(
        three.bob.event(&room, &event).is_err(),
        "bob does not see it"
    );
    // And carol cannot come: b's server is as unknown to her gateway.
    assert!(three.carol.join(&room, &["a.test"]).is_err());
}

/// `third_servers = "listed"`, and b and c have each other's record without any clearance.
fn listing(three: &Three, version: &str) {
    let room = three.room(version, &[&three.bob, &three.carol]).unwrap();
    let event = three.denied_to_c(&room);
    assert_eq!(arrived(&three.carol, &room, &event), json!({}));
    three.nothing_is_pulled_from_b(&room, &event);
    three.nothing_is_pulled_from_a(&room, &event);
    // What b and c say to a, both may have, reaches the other through a without its content: no link is open between them.
    for (speaker, listener) in [(&three.bob, &three.carol), (&three.carol, &three.bob)] {
        let content = labelled("nur für a", OFFEN);
        let said = speaker.send(&room, "m.room.message", &content).unwrap();
        assert_eq!(arrived(&three.alice, &room, &said)["body"], "nur für a");
        let answer = labelled("für alle", OFFEN);
        let answer = three.alice.send(&room, "m.room.message", &answer).unwrap();
        assert_eq!(arrived(listener, &room, &answer)["body"], "für alle");
        assert_eq!(arrived(speaker, &room, &answer)["body"], "für alle");
        let there = listener.event(&room, &said);
        assert!(
            there.is_err() || there.is_ok_and(|event| event["content"] == json!({})),
            "not by that way"
        );
    }
    assert_eq!(arrived(&three.carol, &room, &event), json!({}), "nor later");
}

#[test]
fn two_homeservers_of_a_zone_have_everything_of_each_other_also_by_way_of_a_peer() {
    let folder = folder();
    let parts = policy(ThirdServers::Refuse);
    let mut high = zone(folder.path(), "high", Way::Hook, &["second.test"], &parts);
    let mut low = zone(folder.path(), "low", Way::Connect, &[], &parts);
    let may = clearance(GERMAN, &[OFFEN, VS_NFD]);
    high.introduce_to(&low, &may, &may).unwrap();
    low.introduce_to(&high, &may, &may).unwrap();
    start(&mut [&mut high, &mut low]);
    let alice = user(&high.synapse, "alice");
    let anna = user(&high.others[0], "anna");
    let bob = user(&low.synapse, "bob");
    let mut last = None;
    for version in ["12", "10"] {
        let room = alice
            .create_room(&sluice::demo::client::RoomOptions {
                version: Some(version),
                ..Default::default()
            })
            .unwrap();
        alice.invite(&room, bob.user_id()).unwrap();
        bob.join(&room, &["high.test"]).unwrap();
        // Two things that must not leave the zone: low gets them empty.
        let topic = json!({"topic": format!("{CANARY} GEHEIM")});
        let topic_id = alice.send_state(&room, "m.room.topic", "", &topic).unwrap();
        let secret = labelled(&format!("{CANARY} im Text"), GEHEIM);
        let secret_id = alice.send(&room, "m.room.message", &secret).unwrap();
        assert_eq!(arrived(&bob, &room, &secret_id), json!({}));
        assert_eq!(arrived(&bob, &room, &topic_id), json!({}));
        // anna comes in by way of bob's homeserver, which has no more than that.
        let name = format!("{CANARY} GEHEIM {version}");
        anna.set_displayname(&name).unwrap();
        bob.invite(&room, anna.user_id()).unwrap();
        anna.join(&room, &["low.test"]).unwrap();
        // Her homeserver told of her join by bob's, which got it without the name; alice's has it whole all the same.
        until("alice's homeserver knows anna", ARRIVES_WITHIN, || {
            let member = alice.state(&room, "m.room.member", anna.user_id());
            Ok(member.ok().filter(|member| member["displayname"] == *name))
        })
        .unwrap();
        let seen = bob.state(&room, "m.room.member", anna.user_id()).unwrap();
        assert_eq!(seen.get("displayname"), None, "{seen}");
        assert_eq!(
            anna.state(&room, "m.room.topic", "").unwrap(),
            topic,
            "restored in the state that answered the join"
        );
        let history = anna.messages(&room).unwrap();
        let seen = history.iter().find(|event| event["event_id"] == *secret_id);
        assert_eq!(
            seen.map(|event| &event["content"]["body"]),
            Some(&secret["body"]),
            "and in the history that was pulled"
        );
        let ask = Pull {
            destination: "low.test",
            method: "GET",
            uri: &format!("/_matrix/federation/v1/event/{}", escape(&secret_id)),
            body: None,
        };
        let (status, answer) = pull_as(&high, &high.others[0], &ask).unwrap();
        assert_eq!(
            (status, &answer["pdus"][0]["content"]["body"]),
            (200, &secret["body"]),
            "{answer}"
        );
        // All three go on; what stays in the zone, anna has.
        for (speaker, listeners) in [
            (&alice, [&anna, &bob]),
            (&anna, [&alice, &bob]),
            (&bob, [&alice, &anna]),
        ] {
            let content = labelled("für alle drei", OFFEN);
            let said = speaker.send(&room, "m.room.message", &content).unwrap();
            for listener in listeners {
                assert_eq!(arrived(listener, &room, &said)["body"], "für alle drei");
            }
        }
        let more = alice.send(&room, "m.room.message", &secret).unwrap();
        assert_eq!(arrived(&anna, &room, &more)["body"], secret["body"]);
        assert_eq!(arrived(&bob, &room, &more), json!({}));
        last = Some(secret_id);
    }
    // alice's homeserver is gone: what it cannot give is left out, and not passed on empty.
    high.synapse.stop().unwrap();
    let uri = format!(
        "/_matrix/federation/v1/event/{}",
        escape(&last.unwrap_or_default())
    );
    let ask = Pull {
        destination: "low.test",
        method: "GET",
        uri: &uri,
        body: None,
    };
    let (status, answer) = pull_as(&high, &high.others[0], &ask).unwrap();
    assert_eq!(status, 403, "{answer}");
    high.stop_gateway().unwrap();
    low.stop_gateway().unwrap();
    let found = files_with(low.synapse.folder(), CANARY);
    assert!(found.is_empty(), "left the zone: {found:?}");
    for folder in [high.gateway_folder(), low.gateway_folder()] {
        let found = files_with(folder, CANARY);
        assert!(found.is_empty(), "kept by a gateway: {found:?}");
    }
}
