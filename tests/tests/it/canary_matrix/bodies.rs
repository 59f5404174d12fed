//! An ordinary request and answer of every operation that is judged.

use serde_json::{Value, json};
use sluice::route::Op;
use sluice_tests::stub::labels::encoded;
use sluice_tests::stub::next_send;
use sluice_tests::stub::room::{Event, object};

use super::{Half, Scene};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
/// 32 and 64 bytes in base64.
const KEY: &str = "Fm8X4ICxAtWdvb0fYyj0Qj1Vz9Jx6W1FQk0m1bI5Q3Q";
const SIGNATURE: &str =
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A request, and what the far side answers.
#[derive(Debug, Clone)]
pub struct Play {
    pub method: &'static str,
    pub target: String,
    pub request: Option<Value>,
    pub answer: Value,
}

impl Play {
    /// The same with another body in one half; ids in the path follow the event that it carries.
    pub fn with(&self, scene: &Scene<'_>, op: Op, half: Half, body: Value) -> Self {
        let mut play = self.clone();
        let carried = match (op, half) {
            (Op::SendJoin | Op::SendKnock | Op::SendLeave, Half::Request) => Some(&body),
            (Op::Invite, Half::Request) => body.get("event"),
            (Op::Event, Half::Answer) => body.pointer("/pdus/0"),
            _ => None,
        };
        if let (Some(id), Some((start, _))) = (
            carried.and_then(|event| id_of(scene, event)),
            self.target.rsplit_once('/'),
        ) {
            play.target = format!("{start}/{}", encoded(&id));
        }
        if op == Op::Send {
            play.target = next_send();
        }
        match half {
            Half::Request => play.request = Some(body),
            Half::Answer => play.answer = body,
        }
        play
    }
}

/// The id of what may be an event.
fn id_of(scene: &Scene<'_>, event: &Value) -> Option<String> {
    let mut fields = object(event);
    fields.remove("unsigned");
    let hash = ruma_signatures::reference_hash(&fields, &scene.room.version.rules()).ok()?;
    Some(format!("${hash}"))
}

/// The play of an operation. One that the table has and this has not fails here.
pub fn play(scene: &Scene<'_>, op: Op) -> Play {
    let mut room = scene.room.clone();
    let (me, you) = (&scene.me, &scene.you);
    let (room_id, my, your) = (encoded(&room.id), encoded(&me.user), encoded(&you.user));
    let said = room.message(you, "Guten Morgen");
    let topic = room.event(you, "m.room.topic", Some(""), json!({"topic": "Lage"}));
    let profile = json!({"membership": "join", "displayname": "Alice", "reason": "why not"});
    let member = room.event(you, "m.room.member", Some(&you.user), profile);
    let told = [&said.json, &topic.json, &member.json];
    let at = encoded(&said.id);
    let list = |list: &str| json!({"origin": you.server(), "origin_server_ts": 1, list: told});
    let get = |path: String, answer: Value| Play {
        method: "GET",
        target: format!("{V1}/{path}"),
        request: None,
        answer,
    };
    let post = |path: &str, request: Value, answer: Value| Play {
        method: "POST",
        target: format!("{V1}/{path}"),
        request: Some(request),
        answer,
    };
    let put = |version: &str, path: &str, event: &Event, request: Value, answer: Value| Play {
        method: "PUT",
        target: format!("{version}/{path}/{room_id}/{}", encoded(&event.id)),
        request: Some(request),
        answer,
    };
    let template = |membership: &str| {
        let mut event = room.draft(me, "m.room.member", json!({"membership": membership}));
        event["state_key"] = json!(me.user);
        json!({"room_version": "12", "event": event})
    };
    let stripped = |kind: &str, content: Value| json!({"type": kind, "state_key": "", "sender": you.user, "content": content});
    let shown = json!([stripped("m.room.name", json!({"name": "Lage"})), topic.json]);
    let mut mine = scene.room.clone();
    let mut member_of_mine = |membership: &str| {
        let content = json!({"membership": membership, "displayname": "Me", "reason": "so"});
        mine.event(me, "m.room.member", Some(&me.user), content)
    };
    let entry = json!({
        "room_id": room.id, "name": "Lage", "topic": "of the day", "avatar_url": "mxc://a/b", "num_joined_members": 1,
        "canonical_alias": format!("#lage:{}", you.server()), "world_readable": false, "guest_can_join": false,
        "join_rule": "public", "room_type": "m.space",
    });
    let rooms = json!({"chunk": [entry], "next_batch": "p1", "prev_batch": "p0", "total_room_count_estimate": 1});
    match op {
        Op::Send => {
            let mut room = scene.room.clone();
            let said = room.message(me, "Guten Morgen");
            let topic = room.event(me, "m.room.topic", Some(""), json!({"topic": "Lage"}));
            Play {
                method: "PUT",
                target: next_send(),
                request: Some(json!({
                    "origin": me.server(), "origin_server_ts": 1, "pdus": [said.json, topic.json], "edus": edus(scene, &said),
                })),
                answer: json!({"pdus": {said.id: {"error": "no"}}}),
            }
        }
        Op::Event => get(
            format!("event/{at}"),
            json!({"origin": you.server(), "origin_server_ts": 1, "pdus": [said.json]}),
        ),
        Op::Backfill => get(format!("backfill/{room_id}?v={at}&limit=5"), list("pdus")),
        Op::MissingEvents => post(
            &format!("get_missing_events/{room_id}"),
            json!({"earliest_events": [topic.id], "latest_events": [said.id], "limit": 5, "min_depth": 0}),
            json!({ "events": told }),
        ),
        Op::State => get(
            format!("state/{room_id}?event_id={at}"),
            json!({"pdus": told, "auth_chain": told}),
        ),
        Op::StateIds => get(
            format!("state_ids/{room_id}?event_id={at}"),
            json!({"pdu_ids": [said.id], "auth_chain_ids": [topic.id]}),
        ),
        Op::EventAuth => get(
            format!("event_auth/{room_id}/{at}"),
            json!({ "auth_chain": told }),
        ),
        Op::TimestampToEvent => get(
            format!("timestamp_to_event/{room_id}?ts=1&dir=f"),
            json!({"event_id": said.id, "origin_server_ts": 1}),
        ),
        Op::MakeJoin => get(format!("make_join/{room_id}/{my}?ver=12"), template("join")),
        Op::MakeKnock => get(
            format!("make_knock/{room_id}/{my}?ver=12"),
            template("knock"),
        ),
        Op::MakeLeave => get(format!("make_leave/{room_id}/{my}"), template("leave")),
        Op::SendJoin => {
            let join = member_of_mine("join");
            let answer = json!({
                "event": join.json, "origin": you.server(), "members_omitted": false, "servers_in_room": [you.server()],
                "state": [room.create.json, topic.json], "auth_chain": [room.create.json, member.json],
            });
            put(V2, "send_join", &join, join.json.clone(), answer)
        }
        Op::SendKnock => {
            let knock = member_of_mine("knock");
            put(
                V1,
                "send_knock",
                &knock,
                knock.json.clone(),
                json!({ "knock_room_state": shown }),
            )
        }
        Op::SendLeave => {
            let leave = member_of_mine("leave");
            put(V2, "send_leave", &leave, leave.json.clone(), json!({}))
        }
        Op::Invite => {
            let invite = scene.room.clone().member(me, &you.user, "invite");
            let request = json!({
                "event": invite.json, "room_version": "12", "invite_room_state": [
                    stripped("m.room.name", json!({"name": "Lage"})), stripped("m.room.topic", json!({"topic": "x"})),
                ],
            });
            put(
                V2,
                "invite",
                &invite,
                request,
                json!({ "event": invite.json }),
            )
        }
        Op::Hierarchy => {
            let mut space = entry.clone();
            space["children_state"] = json!([{
                "type": "m.space.child", "state_key": room.id, "sender": you.user, "origin_server_ts": 1,
                "content": {"via": [you.server()], "order": "a", "suggested": true},
            }]);
            space["allowed_room_ids"] = json!([room.id]);
            let answer =
                json!({"room": space, "children": [space], "inaccessible_children": [room.id]});
            get(format!("hierarchy/{room_id}?suggested_only=false"), answer)
        }
        Op::PublicRooms => get("publicRooms?limit=10".to_owned(), rooms),
        Op::PublicRoomsSearch => {
            let filter = json!({"generic_search_term": "Lage", "room_types": ["m.space"]});
            let request = json!({"limit": 10, "since": "p1", "third_party_instance_id": "x", "filter": filter});
            post("publicRooms", request, rooms)
        }
        Op::QueryDirectory => get(
            format!("query/directory?room_alias=%23lage%3A{}", you.server()),
            json!({"room_id": room.id, "servers": [you.server()]}),
        ),
        Op::QueryProfile => get(
            format!("query/profile?user_id={your}"),
            json!({
                "displayname": "Bob", "avatar_url": "mxc://a/b", "m.tz": "Europe/Berlin", "org.example.note": {"text": ["x"]},
                "org.example.unlisted": "x",
            }),
        ),
        Op::UserDevices => get(
            format!("user/devices/{your}"),
            json!({
                "user_id": you.user, "stream_id": 1, "master_key": key(&you.user), "self_signing_key": key(&you.user),
                "devices": [{"device_id": "DEV", "device_display_name": "phone", "keys": key(&you.user)}],
            }),
        ),
        Op::KeysQuery => post(
            "user/keys/query",
            json!({"device_keys": {you.user.clone(): ["DEV"]}}),
            json!({
                "device_keys": {you.user.clone(): {"DEV": key(&you.user)}}, "master_keys": {you.user.clone(): key(&you.user)},
                "self_signing_keys": {you.user.clone(): key(&you.user)}, "failures": {"x.test": {"error": "x"}},
            }),
        ),
        Op::KeysClaim => post(
            "user/keys/claim",
            json!({"one_time_keys": {you.user.clone(): {"DEV": "signed_curve25519"}}}),
            json!({"one_time_keys": {you.user.clone(): {"DEV": {"signed_curve25519:A": {
                "key": KEY, "signatures": {you.user.clone(): {"ed25519:DEV": SIGNATURE}}, "fallback": true,
            }}}}, "failures": {"x.test": {"error": "x"}}}),
        ),
        other => panic!(
            "no canary for {other:?}: it was added to the endpoint table, so give it a play here"
        ),
    }
}

/// One EDU of every type.
fn edus(scene: &Scene<'_>, read: &Event) -> Value {
    let (me, you, room) = (&scene.me.user, &scene.you.user, &scene.room.id);
    let receipt = json!({"event_ids": [read.id], "data": {"ts": 1, "thread_id": "main"}});
    let edu = |kind: &str, content: Value| json!({"edu_type": kind, "content": content});
    let olm = json!({"algorithm": "m.olm.v1.curve25519-aes-sha2", "sender_key": KEY, "ciphertext": {KEY: {"type": 0, "body": "AAAA"}}});
    let cancel = json!({"code": "m.user", "reason": "no", "transaction_id": "t"});
    let to_device = |kind: &str, message: Value| {
        let messages = json!({you.clone(): {"DEV": message}});
        edu(
            "m.direct_to_device",
            json!({"sender": me, "type": kind, "message_id": "m1", "messages": messages}),
        )
    };
    json!([
        edu(
            "m.typing",
            json!({"room_id": room, "user_id": me, "typing": true})
        ),
        edu(
            "m.receipt",
            json!({room.clone(): {"m.read": {me.clone(): receipt}}})
        ),
        edu(
            "m.presence",
            json!({"push": [{"user_id": me, "presence": "online", "status_msg": "here"}]})
        ),
        edu(
            "m.device_list_update",
            json!({"user_id": me, "device_id": "DEV", "stream_id": 1, "device_display_name": "phone", "keys": key(me)})
        ),
        edu(
            "m.signing_key_update",
            json!({"user_id": me, "master_key": {"user_id": me, "usage": ["master"], "keys": {"ed25519:K": KEY}}})
        ),
        to_device("m.room.encrypted", olm),
        to_device("m.key.verification.cancel", cancel),
    ])
}

fn key(user: &str) -> Value {
    json!({
        "user_id": user, "device_id": "DEV", "algorithms": ["m.olm.v1.curve25519-aes-sha2"], "usage": ["master"],
        "keys": {"ed25519:DEV": KEY}, "signatures": {user: {"ed25519:DEV": SIGNATURE}},
        "unsigned": {"device_display_name": "phone"},
    })
}
