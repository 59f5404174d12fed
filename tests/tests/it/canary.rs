//! A canary in every field that must not cross, of every operation that is relayed, in both directions: it may sing
//! nowhere but where it was planted.

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::encoded;
use sluice_tests::stub::peer::x_matrix;
use sluice_tests::stub::room::{Actor, Event, Room, key_document, object, seal, value};
use sluice_tests::stub::wire::{Far, Reply, contains, request_bytes};
use sluice_tests::stub::{TAX_ID, World, next_send};

/// Stands in each planted text, followed by the place where it was planted.
const CANARY: &str = "KANARIE";
const V1: &str = "/_matrix/federation/v1";

fn canary(place: &str) -> String {
    format!("{CANARY}-{place}")
}

/// A text that the sample policy denies, with a canary in it.
fn denied(place: &str) -> String {
    format!("{TAX_ID} {}", canary(place))
}

/// One direction: who asks, who answers, and every answer that the asker got.
struct Stage<'w> {
    world: &'w World,
    outbound: bool,
    heard: Vec<(String, Reply)>,
}

impl Stage<'_> {
    fn ask(&mut self, story: &str, method: &str, target: &str, body: Option<&Value>) -> Reply {
        let body = body.map(|body| body.to_string().into_bytes());
        let reply = match self.outbound {
            true => self.world.from_homeserver(method, target, body.as_deref()),
            false => self.world.from_peer(method, target, body.as_deref()),
        };
        self.heard.push((story.to_owned(), reply.clone()));
        reply
    }

    fn far(&self) -> &Far {
        if self.outbound {
            &self.world.peer.far
        } else {
            &self.world.homeserver.far
        }
    }

    /// Who asks, and who answers.
    fn actors(&self) -> (Actor, Actor) {
        let (alice, bob) = (self.world.alice(), self.world.bob());
        if self.outbound {
            (alice, bob)
        } else {
            (bob, alice)
        }
    }

    fn room(&self) -> Room {
        let version = RoomVersion::V12;
        if self.outbound {
            self.world.alices_room(version)
        } else {
            self.world.bobs_room(version)
        }
    }

    /// Asks, and the far side answers with this.
    fn answered(
        &mut self,
        story: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
        status: u16,
        answer: &Value,
    ) -> Reply {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        self.far().on(&format!("{method} {path}"), status, answer);
        self.ask(story, method, target, body)
    }
}

/// `/send`: what no hash covers, denied contents, broken elements, EDU contents, and what stands beside the events.
fn transactions(stage: &mut Stage<'_>) {
    let mut room = stage.room();
    let (me, you) = stage.actors();
    let mut plain = room.message(&me, "this one crosses");
    plain.json["unsigned"] = json!({"prev_content": {"body": canary("unsigned")}, "redacted_because": canary("because")});
    plain.json["event_id"] = json!(canary("event-id"));
    plain.json["signatures"]["third.test"] = json!({"ed25519:x": canary("foreign-signature")});
    let message = room.message(&me, &denied("message"));
    let topic = room.event(
        &me,
        "m.room.topic",
        Some(""),
        json!({"topic": denied("topic"), "m.topic": canary("m-topic")}),
    );
    let profile = json!({"membership": "join", "displayname": denied("member-name"), "reason": canary("reason")});
    let member = room.event(&me, "m.room.member", Some(&me.user), profile);
    let encrypted = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": canary("ciphertext"), "device_id": canary("device")});
    let encrypted = room.event(&me, "m.room.encrypted", None, encrypted);
    let mut tampered = room.message(&me, "true").json;
    tampered["content"]["body"] = json!(canary("tampered"));
    let float = room
        .message(&me, "FLOAT")
        .text()
        .replace("\"FLOAT\"", &format!("\"{}\",\"n\":1.5", canary("float")));
    let mut extra = room.draft(&me, "m.room.message", json!({"body": "x"}));
    extra["extra"] = json!(canary("top-level"));
    let extra = seal(room.version, extra, &me.key, me.server());
    let stranger = room.draft(
        &Actor {
            user: "@carol:third.test".to_owned(),
            ..me.clone()
        },
        "m.room.message",
        json!({"body": canary("third")}),
    );
    let stranger = seal(room.version, stranger, &me.key, "third.test");
    let edu = |kind: &str, content: Value| json!({"edu_type": kind, "content": content, "extra": canary("edu-extra")});
    let edus = [
        edu(
            "m.typing",
            json!({"room_id": room.id, "user_id": me.user, "typing": true, "note": canary("typing")}),
        ),
        edu(
            "m.receipt",
            json!({room.id.clone(): {"m.read": {me.user.clone(): {"event_ids": [plain.id], "data": {"ts": 1, "note": canary("receipt")}}}}}),
        ),
        edu(
            "m.presence",
            json!({"push": [{"user_id": me.user, "presence": "online", "status_msg": canary("status")}]}),
        ),
        edu(
            "m.device_list_update",
            json!({
                "user_id": me.user, "device_id": "DEV", "stream_id": 1, "device_display_name": canary("device-name"),
                "org.matrix.opentracing_context": canary("tracing"), "keys": {"user_id": me.user, "device_id": "DEV",
                "algorithms": [], "keys": {}, "signatures": {}, "unsigned": {"device_display_name": canary("key-name")}},
            }),
        ),
        edu(
            "m.direct_to_device",
            json!({"sender": me.user, "type": "m.dummy", "message_id": "m", "messages": {you.user.clone(): {"*": {"body": canary("to-device")}}}}),
        ),
        edu(
            "org.example.unknown",
            json!({"body": canary("unknown-edu")}),
        ),
    ];
    let events =
        [plain, message, topic, member, encrypted, extra, stranger].map(|event| event.text());
    let texts = [&events[..], &[tampered.to_string(), float]]
        .concat()
        .join(",");
    let body = format!(
        r#"{{"origin":"{}","origin_server_ts":1,"pdus":[{texts}],"edus":{},"note":"{}","pdu_failures":{{"x":"{}"}}}}"#,
        me.server(),
        json!(edus),
        canary("transaction"),
        canary("failures"),
    );
    let results = json!({"pdus": {"$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": {"error": canary("result")}}, "note": canary("results")});
    stage.far().on(&format!("PUT {V1}/send/"), 200, &results);
    let target = next_send();
    let reply = match stage.outbound {
        true => stage
            .world
            .from_homeserver("PUT", &target, Some(body.as_bytes())),
        false => stage.world.from_peer("PUT", &target, Some(body.as_bytes())),
    };
    assert_eq!(reply.status, 200, "{}", reply.text());
    stage.heard.push(("send".to_owned(), reply));
    assert!(
        stage.far().saw("this one crosses"),
        "the control: what is allowed arrives"
    );
    assert!(
        stage.far().saw("m.device_list_update") && stage.far().saw("m.receipt"),
        "and the EDUs that are"
    );
}

/// Answers that hold events. They are of whoever answers: what the asker's own zone said may come back to it.
fn pulls(stage: &mut Stage<'_>) {
    let mut room = stage.room();
    let (_, me) = stage.actors();
    let topic = room.event(
        &me,
        "m.room.topic",
        Some(""),
        json!({"topic": denied("pulled-topic")}),
    );
    let mut tampered = room.message(&me, "true").json;
    tampered["content"]["body"] = json!(canary("pulled-tampered"));
    let mut whole = room.message(&me, "pulled").json;
    whole["unsigned"] = json!({"note": canary("pulled-unsigned")});
    let (id, room_id) = (encoded(&topic.id), encoded(&room.id));
    let events = json!([topic.json, tampered, whole, canary("no-event")]);
    let beside = |mut answer: Value| {
        answer["note"] = json!(canary("beside"));
        answer
    };
    let listed =
        |list: &str| beside(json!({"origin": "x.test", "origin_server_ts": 1, list: events}));
    let missing = json!({"earliest_events": [], "latest_events": [topic.id], "limit": 5, "min_depth": 0, "note": canary("missing")});
    let one = beside(json!({"origin": "x.test", "origin_server_ts": 1, "pdus": [topic.json]}));
    let ids = beside(json!({"pdu_ids": [topic.id], "auth_chain_ids": [topic.id]}));
    let state = beside(json!({"pdus": events, "auth_chain": events}));
    let auth = beside(json!({"auth_chain": events}));
    for (story, method, target, body, answer) in [
        ("event", "GET", format!("{V1}/event/{id}"), None, one),
        (
            "backfill",
            "GET",
            format!("{V1}/backfill/{room_id}?v={id}&limit=5"),
            None,
            listed("pdus"),
        ),
        (
            "missing",
            "POST",
            format!("{V1}/get_missing_events/{room_id}"),
            Some(&missing),
            listed("events"),
        ),
        (
            "state",
            "GET",
            format!("{V1}/state/{room_id}?event_id={id}"),
            None,
            state,
        ),
        (
            "state_ids",
            "GET",
            format!("{V1}/state_ids/{room_id}?event_id={id}"),
            None,
            ids,
        ),
        (
            "event_auth",
            "GET",
            format!("{V1}/event_auth/{room_id}/{id}"),
            None,
            auth,
        ),
    ] {
        let reply = stage.answered(story, method, &target, body, 200, &answer);
        assert_eq!(
            reply.status,
            200,
            "{story}: {}\n{}",
            reply.text(),
            stage.world.gateway.log()
        );
    }
}

/// Joins, invites and leaves.
fn memberships(stage: &mut Stage<'_>) {
    let mut room = stage.room();
    let (me, you) = stage.actors();
    let room_id = encoded(&room.id);
    let mut template = room.draft(
        &me,
        "m.room.member",
        json!({"membership": "join", "displayname": canary("template-name")}),
    );
    template["state_key"] = json!(me.user);
    template["unsigned"] = json!({"note": canary("template-unsigned")});
    template["note"] = json!(canary("template-extra"));
    for (op, membership) in [("make_join", "join"), ("make_leave", "leave")] {
        template["content"]["membership"] = json!(membership);
        let answer =
            json!({"room_version": "12", "event": template, "note": canary("template-beside")});
        let query = if op == "make_join" {
            "?ver=12&ver=KANARIE"
        } else {
            ""
        };
        stage.answered(
            op,
            "GET",
            &format!("{V1}/{op}/{room_id}/{}{query}", encoded(&me.user)),
            None,
            200,
            &answer,
        );
    }
    let topic = room.event(
        &you,
        "m.room.topic",
        Some(""),
        json!({"topic": denied("join-topic")}),
    );
    let mut join = room.member(&me, &me.user, "join");
    let join_target = format!(
        "/_matrix/federation/v2/send_join/{room_id}/{}",
        encoded(&join.id)
    );
    let answer = json!({
        "event": join.json, "origin": "x.test", "members_omitted": false, "servers_in_room": [me.server()],
        "state": [room.create.json, topic.json], "auth_chain": [room.create.json], "note": canary("join-beside"),
    });
    join.json["unsigned"] = json!({"note": canary("join-unsigned")});
    let mut send_join = |answer: &Value| {
        stage.answered(
            "send_join",
            "PUT",
            &join_target,
            Some(&join.json),
            200,
            answer,
        )
    };
    let reply = send_join(&answer);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut with_strangers = answer.clone();
    with_strangers["servers_in_room"] = json!([me.server(), "kanarie.test"]);
    let reply = send_join(&with_strangers);
    assert_eq!(reply.status, 403, "a room with a third server's members");
    assert!(!reply.text().contains("kanarie.test"));
    invite(stage, &mut room, &me, &you);
    let mut leave = room.event(
        &me,
        "m.room.member",
        Some(&me.user),
        json!({"membership": "leave", "reason": denied("leave-reason")}),
    );
    leave.json["unsigned"] = json!({"note": canary("leave-unsigned")});
    let target = format!(
        "/_matrix/federation/v2/send_leave/{room_id}/{}",
        encoded(&leave.id)
    );
    stage.answered(
        "send_leave",
        "PUT",
        &target,
        Some(&leave.json),
        200,
        &json!({"note": canary("leave-answer")}),
    );
}

fn invite(stage: &mut Stage<'_>, room: &mut Room, me: &Actor, you: &Actor) {
    let mut invite = room.member(me, &you.user, "invite");
    let mut signed = invite.clone();
    signed.json["unsigned"] = json!({"note": canary("invite-answer-unsigned")});
    invite.json["unsigned"] = json!({"invite_room_state": [{"type": "m.room.name", "content": {"name": canary("invite-unsigned")}}]});
    let stripped = |kind: &str, content: Value| json!({"type": kind, "state_key": "", "sender": me.user, "content": content, "note": canary("stripped-extra")});
    let create = room.create.json["content"].clone();
    let body = json!({
        "event": invite.json, "room_version": "12", "note": canary("invite-beside"), "invite_room_state": [
            stripped("m.room.create", create), stripped("m.room.name", json!({"name": denied("stripped-name")})),
            stripped("m.room.topic", json!({"topic": denied("stripped-topic")})),
        ],
    });
    let target = format!(
        "/_matrix/federation/v2/invite/{}/{}",
        encoded(&room.id),
        encoded(&invite.id)
    );
    let answer = json!({"event": signed.json, "note": canary("invite-answer")});
    let reply = stage.answered("invite", "PUT", &target, Some(&body), 200, &answer);
    assert!([200, 403].contains(&reply.status), "{}", reply.text());
}

/// Profiles, devices and keys.
fn accounts(stage: &mut Stage<'_>) {
    let (_, you) = stage.actors();
    let user = encoded(&you.user);
    let profile = json!({"displayname": "Bob", "m.tz": canary("time-zone"), "org.example.rank": canary("rank")});
    let reply = stage.answered(
        "profile",
        "GET",
        &format!("{V1}/query/profile?user_id={user}"),
        None,
        200,
        &profile,
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let marked = json!({"displayname": denied("profile-name"), "avatar_url": canary("avatar")});
    stage.answered(
        "denied profile",
        "GET",
        &format!("{V1}/query/profile?user_id={user}"),
        None,
        200,
        &marked,
    );
    let key = json!({
        "user_id": you.user, "device_id": "DEV", "algorithms": ["m.olm.v1.curve25519-aes-sha2"], "keys": {}, "signatures": {},
        "unsigned": {"device_display_name": canary("unsigned-device")}, "note": canary("key-extra"),
    });
    let devices = json!({
        "user_id": you.user, "stream_id": 1, "note": canary("devices-beside"),
        "devices": [{"device_id": "DEV", "device_display_name": canary("listed-device"), "keys": key}],
    });
    let reply = stage.answered(
        "devices",
        "GET",
        &format!("{V1}/user/devices/{user}"),
        None,
        200,
        &devices,
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let asked = json!({"device_keys": {you.user.clone(): []}, "note": canary("query-beside")});
    let answer = json!({"device_keys": {you.user.clone(): {"DEV": key}}, "failures": {"x": canary("key-failures")}});
    let reply = stage.answered(
        "keys",
        "POST",
        &format!("{V1}/user/keys/query"),
        Some(&asked),
        200,
        &answer,
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let asked = json!({"one_time_keys": {you.user.clone(): {"DEV": "signed_curve25519"}}, "note": canary("claim-beside")});
    let one_time = json!({"key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "signatures": {}, "note": canary("one-time-extra")});
    let answer = json!({"one_time_keys": {you.user.clone(): {"DEV": {"signed_curve25519:A": one_time}}}, "failures": canary("claim-failures")});
    let reply = stage.answered(
        "claim",
        "POST",
        &format!("{V1}/user/keys/claim"),
        Some(&asked),
        200,
        &answer,
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Errors of the far side, refused operations, odd headers: places where text is carried without being asked for.
fn edges(stage: &mut Stage<'_>) {
    let (me, you) = stage.actors();
    let user = encoded(&you.user);
    let target = format!("{V1}/query/profile?user_id={user}");
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let error = json!({"errcode": canary("errcode"), "error": canary("error"), "room_version": canary("version"), "reason": canary("reason")});
        let reply = stage.answered("error", "GET", &target, None, status, &error);
        assert!(
            reply.status >= 400 && reply.status != 401 && reply.status != 429,
            "{status}: {}",
            reply.status
        );
    }
    let version = json!({"errcode": "M_INCOMPATIBLE_ROOM_VERSION", "error": canary("version-error"), "room_version": canary("x")});
    stage.answered("version", "GET", &target, None, 400, &version);
    stage.far().on_bytes(
        "GET /_matrix/federation/v1/query/profile",
        200,
        canary("no-json").as_bytes(),
    );
    stage.ask("no JSON", "GET", &target, None);
    for refused in [
        format!("{V1}/query/{CANARY}"),
        format!("/_matrix/{CANARY}"),
        format!("{V1}/query/directory?room_alias=%23{CANARY}%3Alow.test"),
        format!("{V1}/event/{CANARY}"),
        format!("{V1}/query/profile?user_id={user}&field={CANARY}%20"),
        format!("{V1}/query/profile?{CANARY}=1"),
        format!("{V1}/media/download/{CANARY}"),
        format!("{V1}/hierarchy/{CANARY}"),
    ] {
        let reply = stage.ask("refused", "GET", &refused, None);
        assert!(reply.status >= 400, "{refused}: {}", reply.text());
    }
    headers(stage, &target, &me, &you);
    let mut document = object(&key_document(you.server(), &you.key));
    document.insert(
        "note".to_owned(),
        ruma_common::CanonicalJsonValue::String(canary("key-document")),
    );
    document.remove("signatures");
    you.key.sign_json(you.server(), &mut document);
    stage
        .far()
        .on("GET /_matrix/key/v2/server", 200, &value(document));
    stage.world.gateway.reload();
    stage.ask("keys", "GET", "/_matrix/key/v2/server", None);
}

fn headers(stage: &mut Stage<'_>, target: &str, me: &Actor, you: &Actor) {
    let world = stage.world;
    let odd = [
        format!("User-Agent: {CANARY}"),
        format!("X-Note: {CANARY}"),
        format!("Cookie: {CANARY}"),
        format!("Referer: {CANARY}"),
    ];
    stage.far().on(
        &format!("GET {V1}/query/profile"),
        200,
        &json!({"displayname": "Bob"}),
    );
    let reply = if stage.outbound {
        let secret = format!(
            "Proxy-Authorization: Bearer {}",
            world.gateway.inside_secret()
        );
        let signed = x_matrix(&me.key, "GET", target, me.server(), you.server(), None)
            + &format!(",note=\"{CANARY}\"");
        let fields = [&[secret, signed], &odd[..]].concat();
        let absolute = format!("matrix-federation://{}{target}", you.server());
        world
            .gateway
            .hook(&request_bytes("GET", &absolute, CANARY, &fields, None))
    } else {
        let signed = world.peer.authorization("GET", target, you.server(), None)
            + &format!(",note=\"{CANARY}\"");
        world.raw(&request_bytes(
            "GET",
            target,
            CANARY,
            &[&[signed], &odd[..]].concat(),
            None,
        ))
    };
    assert_eq!(
        reply.status,
        200,
        "odd headers are left behind, not refused: {}",
        reply.text()
    );
    stage.heard.push(("headers".to_owned(), reply));
}

/// Plays everything in one direction, then listens everywhere.
fn no_canary_sings(outbound: bool) {
    let mut world = World::new();
    let heard = {
        let mut stage = Stage {
            world: &world,
            outbound,
            heard: Vec::new(),
        };
        for act in [transactions, pulls, memberships, accounts, edges] {
            act(&mut stage);
            let raw = stage.far().raw();
            assert_silent("the far side", &raw);
        }
        stage.heard
    };
    for (story, reply) in &heard {
        assert_silent(
            &format!("the answer to {story}"),
            &[reply.head.as_bytes(), &reply.body].concat(),
        );
    }
    assert!(heard.len() > 30);
    assert_silent(
        "the near side",
        &if outbound {
            world.homeserver.far.raw()
        } else {
            world.peer.far.raw()
        },
    );
    for page in ["/metrics", "/healthz", "/readyz"] {
        assert_silent(page, world.gateway.page(page).text().as_bytes());
    }
    world.gateway.stop();
    let (log, audit) = (world.gateway.log(), world.gateway.audit_text());
    assert!(
        log.contains("request refused") && audit.contains("dlp.de.steuer_id"),
        "there is something to search in"
    );
    assert_silent("the log", log.as_bytes());
    assert_silent("the audit log", audit.as_bytes());
    let journal = std::fs::read(world.gateway.file("state/journal.db")).unwrap();
    assert_silent("the journal", &journal);
    for secret in [
        world.gateway.inside_secret(),
        TAX_ID.to_owned(),
        "sig=".to_owned(),
    ] {
        assert!(
            !log.contains(&secret) && !audit.contains(&secret),
            "a secret or content is logged"
        );
    }
}

fn assert_silent(place: &str, bytes: &[u8]) {
    if contains(bytes, CANARY) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let at = text.find(CANARY).unwrap_or_default();
        let start = (0..=at.saturating_sub(200))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or_default();
        panic!(
            "{place}: ...{}",
            text[start..].chars().take(400).collect::<String>()
        );
    }
}

#[test]
fn no_canary_sings_where_our_homeserver_asks() {
    no_canary_sings(true);
}

#[test]
fn no_canary_sings_where_the_peer_asks() {
    no_canary_sings(false);
}

#[test]
fn a_released_event_is_the_control_of_the_canaries() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let message: Event = room.message(&world.alice(), &canary("released"));
    assert_eq!(world.alice_sends(&[message]).status, 200);
    assert!(
        world.peer.far.saw(CANARY),
        "the far side's record would show one"
    );
}
