//! Rooms that are larger than what is judged at once: answers with their state are judged as a stream, and nothing of one
//! leaves before all of it is judged.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::large::{Reason, TwoZones};
use sluice_tests::stub::labels::{GEHEIM, LABEL, OFFEN, ROOM_LABEL, demanding, encoded, label};
use sluice_tests::stub::peer::x_matrix;
use sluice_tests::stub::room::{Event, Room, seal};
use sluice_tests::stub::wire::{Reply, request_bytes};
use sluice_tests::stub::{TAX_ID, World};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
/// More than one batch, and more than a spool keeps in memory.
const MANY: usize = 1600;
/// So few that no spool touches the disk.
const FEW: usize = 300;

/// bob's room, which our homeserver joins with alice.
struct Scene {
    world: World,
    room: Room,
    join: Event,
    state: Vec<Event>,
}

impl Scene {
    /// A room of `many` state events of bob's in a world without labels.
    fn new(many: usize) -> Self {
        Self::in_world(World::new(), many)
    }

    fn in_world(world: World, many: usize) -> Self {
        let (alice, bob) = (world.alice(), world.bob());
        let mut room = Room::create(RoomVersion::V12, &bob);
        let mut state = vec![room.create.clone(), room.member(&bob, &bob.user, "join")];
        for number in 0..many {
            let content = json!({"text": format!("Teil {number} {}", "lang ".repeat(80))});
            let key = number.to_string();
            state.push(room.event(&bob, "org.example.part", Some(&key), content));
        }
        let join = room.member(&alice, &alice.user, "join");
        Self {
            world,
            room,
            join,
            state,
        }
    }

    /// bob's further state.
    fn further(&mut self, kind: &str, state_key: &str, content: Value) -> Event {
        let bob = self.world.bob();
        self.room.event(&bob, kind, Some(state_key), content)
    }

    fn target(&self) -> String {
        let (room, event) = (encoded(&self.room.id), encoded(&self.join.id));
        format!("{V2}/send_join/{room}/{event}")
    }

    fn answer(&self) -> String {
        let state: Vec<String> = self.state.iter().map(Event::text).collect();
        format!(
            r#"{{"state":[{}],"origin":"low.test","auth_chain":[{}],"event":{}}}"#,
            state.join(", "),
            state[..2].join(","),
            self.join.text()
        )
    }

    fn joins(&self) -> Reply {
        let body = self.join.text();
        let target = self.target();
        self.world
            .from_homeserver("PUT", &target, Some(body.as_bytes()))
    }

    /// Our homeserver joins, and this is what the peer's answers.
    fn join(&self, answer: &str) -> Reply {
        let far = &self.world.peer.far;
        far.on_bytes(&format!("PUT {V2}/send_join/"), 200, answer.as_bytes());
        self.joins()
    }

    /// The peer's answer is these bytes, head and all.
    fn join_raw(&self, head: &str, body: &[u8]) -> Reply {
        let bytes = [
            format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(),
            body,
        ]
        .concat();
        self.world
            .peer
            .far
            .on_raw(&format!("PUT {V2}/send_join/"), &bytes);
        self.joins()
    }
}

/// The rules of the lines of kind `refused` after the first `before`.
fn refused(world: &World, before: usize) -> Vec<String> {
    let lines = world.gateway.audit();
    let refused = lines.iter().skip(before);
    refused
        .filter(|line| line["kind"] == "refused")
        .map(|line| line["rule"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_room_of_many_events_comes_whole_in_its_order_and_what_is_denied_comes_redacted() {
    let mut scene = Scene::new(MANY);
    let denied = scene.further("org.example.part", "x", json!({"text": TAX_ID}));
    // At both ends of batches, and in the middle of one.
    for at in [511, 512, 700, 1024] {
        let mut content = denied.json.clone();
        content["state_key"] = json!(format!("denied {at}"));
        for key in ["hashes", "signatures"] {
            content.as_object_mut().unwrap().remove(key);
        }
        let event = seal(
            RoomVersion::V12,
            content,
            &scene.world.bob().key,
            "low.test",
        );
        scene.state.insert(at, event);
    }
    let before = scene.world.gateway.audit().len();
    let reply = scene.join(&scene.answer());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let length = format!("content-length: {}\r\n", reply.body.len());
    assert!(reply.head.contains(&length), "{}", reply.head);

    let expected: Vec<Value> = scene
        .state
        .iter()
        .map(|event| match event.json["content"]["text"] == TAX_ID {
            true => event.redacted(RoomVersion::V12).json,
            false => event.json.clone(),
        })
        .collect();
    let answer = reply.json();
    assert!(answer["state"] == Value::Array(expected), "another state");
    assert_eq!(
        answer["auth_chain"],
        json!([scene.state[0].json, scene.state[1].json])
    );
    assert_eq!(answer["event"], scene.join.json);
    assert_eq!(answer["origin"], "low.test");
    // As any other answer: canonical JSON.
    let canonical = serde_json::to_vec(&answer).unwrap();
    assert!(reply.body == canonical, "not canonical");

    let lines = scene.world.gateway.audit();
    let lines = &lines[before..];
    let answered: Vec<&Value> = lines
        .iter()
        .filter(|line| line["kind"] == "answer")
        .collect();
    assert_eq!(answered.len(), 1, "one line for the whole");
    assert_eq!(answered[0]["pdus"]["redact"], 4, "{}", answered[0]);
    assert_eq!(answered[0]["pdus"]["release"], MANY + 2 + 2 + 1);
    let events = lines
        .iter()
        .filter(|line| line["kind"] == "event" && line["request"] == answered[0]["request"]);
    // The join's own line beside them.
    assert_eq!(events.count(), MANY + 4 + 2 + 2 + 1 + 1);
    let state = scene.world.gateway.file("state");
    let names: Vec<_> = std::fs::read_dir(state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|name| name.contains("tmp")), "{names:?}");
}

#[test]
fn what_the_last_event_tells_counts_for_all() {
    // The label stands at the end; labels are demanded.
    let mut scene = Scene::in_world(World::under(&demanding()), MANY);
    let say = |level: &str| json!({"label": label(level)});
    let labelling = scene.further(ROOM_LABEL, "", say(OFFEN));
    let create = scene.state.remove(0);
    scene.state.extend([labelling, create]);
    let reply = scene.join(&scene.answer());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json()["state"][0]["content"]["membership"] == "join");
    assert!(reply.json()["state"][700]["content"]["text"].is_string());

    // Above the clearance: nothing of the room's content crosses.
    let mut scene = Scene::in_world(World::under(&demanding()), MANY);
    let labelling = scene.further(ROOM_LABEL, "", say(GEHEIM));
    scene.state.push(labelling);
    let reply = scene.join(&scene.answer());
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(!reply.text().contains("Teil "));
}

/// Labels are demanded, and what an event relates to stands in another batch of the same answer, behind it.
#[test]
fn an_event_takes_the_label_of_one_that_stands_far_behind_it_in_the_same_answer() {
    for (level, crosses) in [(OFFEN, true), (GEHEIM, false)] {
        let mut scene = Scene::in_world(World::under(&demanding()), MANY);
        let say = json!({"label": label(OFFEN)});
        let labelling = scene.further(ROOM_LABEL, "", say);
        let bob = scene.world.bob();
        let said = json!({"msgtype": "m.text", "body": "Ziel", LABEL: label(level)});
        let target = scene.room.event(&bob, "m.room.message", None, said);
        let relation = json!({"rel_type": "m.reference", "event_id": target.id});
        let said = json!({"msgtype": "m.text", "body": "darauf", "m.relates_to": relation});
        let relating = scene.room.event(&bob, "m.room.message", None, said);
        scene.state.insert(5, relating);
        scene.state.extend([labelling, target]);
        let reply = scene.join(&scene.answer());
        assert_eq!(reply.status, 200, "{}", reply.text());
        let content = &reply.json()["state"][5]["content"];
        assert_eq!(content["body"] == "darauf", crosses, "{level}: {content}");
        let lines = scene.world.gateway.audit();
        let indices: Vec<_> = lines
            .iter()
            .filter(|line| line["event_id"] == scene.state[5].id && line["kind"] == "event")
            .map(|line| line["index"].clone())
            .collect();
        assert_eq!(indices, [json!(5)], "judged once, in its place");
    }
}

#[test]
fn a_stranger_or_a_closing_event_at_the_end_refuses_the_whole() {
    let mut scene = Scene::new(MANY);
    let bob = scene.world.bob();
    let stranger = scene.room.member(&bob, "@mallory:third.test", "invite");
    scene.state.push(stranger);
    let reply = scene.join(&scene.answer());
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(!reply.text().contains("Teil "));

    let mut scene = Scene::new(MANY);
    let power = json!({"users": {}, "remark": TAX_ID});
    let closing = scene.further("m.room.power_levels", "", power);
    scene.state.push(closing);
    let before = scene.world.gateway.audit().len();
    let reply = scene.join(&scene.answer());
    assert_eq!(reply.status, 403, "{}", reply.text());
    let lines = scene.world.gateway.audit();
    let closed = lines[before..]
        .iter()
        .filter(|line| line["kind"] == "closed");
    assert_eq!(closed.count(), 1);
    assert!(!lines[before..].iter().any(|line| line["kind"] == "answer"));
    let again = scene.join(&scene.answer());
    assert_eq!(again.status, 404, "the room is closed");
}

#[test]
fn an_event_is_denied_in_a_large_answer_as_it_was_before_and_after() {
    let mut scene = Scene::new(MANY);
    let denied = scene.further("org.example.part", "x", json!({"text": TAX_ID}));
    // Twice in one answer, in different batches, and again in a pull.
    scene.state.insert(10, denied.clone());
    scene.state.push(denied.clone());
    let reply = scene.join(&scene.answer());
    let redacted = denied.redacted(RoomVersion::V12).json;
    let answer = reply.json();
    assert_eq!(answer["state"][10], redacted);
    assert_eq!(answer["state"].as_array().unwrap().last(), Some(&redacted));
    let far = &scene.world.peer.far;
    let pulled = json!({"auth_chain": [scene.state[0].json, denied.json]});
    far.on(&format!("GET {V1}/event_auth/"), 200, &pulled);
    let target = format!(
        "{V1}/event_auth/{}/{}",
        encoded(&scene.room.id),
        encoded(&scene.join.id)
    );
    let reply = scene.world.from_homeserver("GET", &target, None);
    assert_eq!(reply.json()["auth_chain"][1], redacted, "{}", reply.text());
}

#[test]
fn a_hostile_answer_costs_itself_and_not_a_byte_of_it_arrives() {
    let scene = Scene::new(20);
    let good = scene.answer();
    let with = |change: &str| good.replacen("\"origin\"", &format!("{change},\"origin\""), 1);
    let blanks = " ".repeat(3 * 1024 * 1024);
    let broken: [(&str, String, &str); 8] = [
        (
            "a duplicate list",
            with(r#""state":[]"#),
            "protocol.json.duplicate_key",
        ),
        (
            "an escaped duplicate",
            with(r#""st\u0061te":[]"#),
            "protocol.json.duplicate_key",
        ),
        (
            "a duplicate field",
            with(r#""origin":"low.test""#),
            "protocol.json.duplicate_key",
        ),
        ("a float beside", with(r#""x":1.5"#), "protocol.json.float"),
        (
            "a wrong field",
            with(r#""members_omitted":"no""#),
            "protocol.envelope.field",
        ),
        (
            "blanks without end in a field",
            with(&format!(r#""x":[{blanks}]"#)),
            "protocol.json.size",
        ),
        (
            "too many",
            with(&format!(
                r#""y":1,"auth_chain":[{}0]"#,
                "0,".repeat(100_000)
            )),
            "protocol.envelope.count",
        ),
        (
            "a broken frame",
            good.replacen("{\"state\":[{", "{\"state\":[{{", 1),
            "protocol.json.syntax",
        ),
    ];
    for (story, body, rule) in &broken {
        let before = scene.world.gateway.audit().len();
        let reply = scene.join(body);
        assert_eq!(reply.status, 502, "{story}: {}", reply.text());
        assert_eq!(refused(&scene.world, before), [*rule], "{story}");
        assert!(!reply.text().contains("Teil "), "{story}");
    }
    // Blanks between elements say nothing; one that is too long or too deep condemns itself.
    let giant = format!(
        r#"{{"type":"x","content":{{"a":"{}"}}}}"#,
        "g".repeat(2_000_000)
    );
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    let odd = good.replacen(
        "{\"state\":[",
        &format!("{{\"state\":[{giant},{blanks}{deep},"),
        1,
    );
    let reply = scene.join(&odd);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["state"].as_array().unwrap().len(), scene.state.len());
    assert!(!reply.text().contains("ggg"));
}

#[test]
fn an_answer_that_breaks_off_lies_about_its_length_or_is_encoded_is_refused() {
    let scene = Scene::new(MANY);
    let good = scene.answer();
    let body = good.as_bytes();
    let half = &body[..body.len() / 2];
    let length = |length: usize| format!("Content-Length: {length}");
    let chunk = |body: &[u8]| {
        let mut chunked = Vec::new();
        for piece in body.chunks(5000) {
            chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            chunked.extend_from_slice(piece);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked
    };
    let chunked = "Transfer-Encoding: chunked";
    let cases: Vec<(&str, String, Vec<u8>)> = vec![
        ("half of it", length(body.len()), half.to_vec()),
        ("a length of half", length(half.len()), body.to_vec()),
        ("chunks that end early", chunked.to_owned(), chunk(half)),
        (
            "half, well chunked",
            chunked.to_owned(),
            [chunk(half), b"0\r\n\r\n".to_vec()].concat(),
        ),
        (
            "a length beyond the limit",
            length(500 * 1024 * 1024 + 1),
            half.to_vec(),
        ),
        (
            "compressed",
            format!("{}\r\nContent-Encoding: gzip", length(body.len())),
            body.to_vec(),
        ),
    ];
    for (story, head, body) in cases {
        let reply = scene.join_raw(&head, &body);
        assert_eq!(reply.status, 502, "{story}: {}", reply.text());
        assert!(!reply.text().contains("Teil "), "{story}");
    }
    // As Synapse sends it: in chunks, and whole.
    let whole = [chunk(body), b"0\r\n\r\n".to_vec()].concat();
    let reply = scene.join_raw(chunked, &whole);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.json()["state"].as_array().unwrap().len(),
        scene.state.len()
    );
}

#[test]
fn a_disk_without_room_for_a_spool_lets_nothing_of_a_large_answer_cross_and_heals() {
    let skipped = "this machine lets nobody mount a tmpfs in a namespace (unshare of util-linux)";
    let mut scene = Scene::new(3 * MANY);
    scene.world.gateway.stop();
    if scene.world.gateway.start_on_a_disk("state", "3m").is_none() {
        assert!(std::env::var_os("CI").is_none(), "{skipped}");
        return eprintln!("skipped: {skipped}");
    }
    let answer = scene.answer();
    assert!(answer.len() > 3 * 1024 * 1024, "{}", answer.len());
    let reply = scene.join(&answer);
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(!reply.text().contains("Teil "));
    // The little that is left is for the record: this refusal stands there.
    let record = scene.world.gateway.small_disk();
    let record = std::fs::read_to_string(record.join("audit-00000001.jsonl")).unwrap();
    assert!(record.contains("protocol.overload.answers"), "{record}");
    // A smaller one needs no disk, and crosses at once.
    scene.state.truncate(FEW);
    let reply = scene.join(&scene.answer());
    assert_eq!(reply.status, 200, "{}", scene.world.gateway.log());
    assert_eq!(reply.json()["state"].as_array().unwrap().len(), FEW);
}

#[test]
fn our_homeservers_large_state_is_read_for_what_it_tells_of_the_room() {
    // bob's event comes for a room that the gateway does not know; alice's homeserver tells its version and label, in an
    // answer of many events.
    let world = World::under(&demanding());
    let bob = world.bob();
    let mut room = Room::create(RoomVersion::V11, &bob);
    let mut state = vec![room.create.clone()];
    for number in 0..MANY {
        let content = json!({"text": "lang ".repeat(80)});
        state.push(room.event(&bob, "org.example.part", Some(&number.to_string()), content));
    }
    state.push(room.event(&bob, ROOM_LABEL, Some(""), json!({"label": label(OFFEN)})));
    let pdus: Vec<&Value> = state.iter().map(|event| &event.json).collect();
    let answer = json!({"pdus": pdus, "auth_chain": []});
    let far = &world.homeserver.far;
    far.on(
        &format!("GET {V1}/state/{}", encoded(&room.id)),
        200,
        &answer,
    );
    let message = room.message(&bob, "hallo");
    let reply = world.bob_sends(std::slice::from_ref(&message));
    assert_eq!(
        reply.json()["pdus"][&message.id],
        json!({}),
        "{}",
        world.gateway.log()
    );
}

/// The same with two gateways and every event checked. 100,000 events have their own command (docs/performance.md).
#[test]
fn a_join_through_two_gateways_brings_a_large_room_whole() {
    let folder = tempfile::tempdir().unwrap();
    let zones = TwoZones::start(folder.path());
    let room = zones.room(3000, Reason::None);
    let joined = zones.join(&room);
    assert_eq!(
        joined.reply.status,
        200,
        "{}{}",
        zones.high.log(),
        zones.low.log()
    );
    let expected: Vec<&Value> = room.state.iter().map(|event| &event.json).collect();
    assert!(joined.reply.json()["state"] == json!(expected));
    assert!(joined.time < Duration::from_secs(60), "{:?}", joined.time);
}

#[test]
fn a_homeserver_that_trickles_a_large_answer_is_given_up_in_time() {
    let scene = Scene::new(MANY);
    let (good, start) = (scene.answer(), Instant::now());
    let far = &scene.world.peer.far;
    far.on_trickle(
        &format!("PUT {V2}/send_join/"),
        good.as_bytes(),
        Duration::from_millis(200),
    );
    let reply = scene.joins();
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    assert!(!reply.text().contains("Teil "));
}

/// An operator closes the link; when he had his answer.
fn close_the_link(world: &World) -> Instant {
    let done = Command::new(sluice_tests::sluice_binary())
        .args(["link", "close", "low", "-c"])
        .arg(world.gateway.file("sluice.toml"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    Instant::now()
}

/// What the emergency stop takes at most.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_large_answer_that_is_coming_in_ends_within_a_second_of_the_emergency_stop() {
    let scene = Scene::new(MANY);
    let (good, far) = (scene.answer(), &scene.world.peer.far);
    let what = format!("PUT {V2}/send_join/");
    far.on_trickle(&what, good.as_bytes(), Duration::from_millis(1));
    std::thread::scope(|scope| {
        let join = scope.spawn(|| scene.joins());
        let start = Instant::now();
        while far.requests_of(&what).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(300));
        let closed = close_the_link(&scene.world);
        let reply = join.join().unwrap();
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(closed.elapsed() < AT_ONCE, "{:?}", closed.elapsed());
        assert!(!reply.text().contains("Teil "));
    });
}

#[test]
fn a_large_answer_that_is_being_written_ends_where_it_is_at_the_emergency_stop() {
    let scene = Scene::new(MANY);
    let (world, answer) = (&scene.world, scene.answer());
    let what = format!("PUT {V2}/send_join/");
    world.peer.far.on_bytes(&what, 200, answer.as_bytes());
    let (us, them) = (&world.homeserver, world.peer.server.as_str());
    let (target, body) = (scene.target(), scene.join.text());
    let body = Some(body.as_bytes());
    let fields = [
        format!(
            "Proxy-Authorization: Bearer {}",
            world.gateway.inside_secret()
        ),
        x_matrix(&us.key, "PUT", &target, &us.name, them, body),
    ];
    let absolute = format!("matrix-federation://{them}{target}");
    let request = request_bytes("PUT", &absolute, &format!("{them}:80"), &fields, body);
    let mut line = UnixStream::connect(world.gateway.file("hook.sock")).unwrap();
    line.write_all(&request).unwrap();
    // alice's homeserver reads the beginning and then nothing for a while.
    let mut got = vec![0; 1000];
    line.read_exact(&mut got).unwrap();
    assert!(got.starts_with(b"HTTP/1.1 200"));
    close_the_link(world);
    let start = Instant::now();
    let _broken = line.read_to_end(&mut got);
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(got.len() < answer.len() / 2, "{} bytes", got.len());
}

#[test]
fn a_large_room_that_is_encrypted_at_its_end_is_not_joined_and_known_the_next_time() {
    let mut scene = Scene::new(MANY);
    let on = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    let on = scene.further("m.room.encryption", "", on);
    scene.state.push(on);
    let answer = scene.answer();
    for _ in 0..2 {
        let reply = scene.join(&answer);
        assert_eq!(reply.status, 403);
        assert!(
            reply.text().contains("Encrypted rooms are not allowed"),
            "{}",
            reply.text()
        );
    }
    let asked = scene.world.peer.far.requests_of(&format!("PUT {V2}/"));
    assert_eq!(asked.len(), 1, "the second time it is known");
}
