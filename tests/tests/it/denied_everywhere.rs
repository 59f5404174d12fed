//! A denial that is remembered is honoured by every line of the endpoint table that carries events, in both directions.
//! A new line without a story here fails the test.

use serde_json::{Value, json};
use sluice::route::{ENDPOINTS, Endpoint, Op, UnitKind, encode};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::Opening;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Actor, Event, Room, transaction};
use sluice_tests::stub::{SEND, TAX_ID, World, errors, policy};

/// Which half of an exchange carries the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Request,
    Answer,
}

/// What a place in a body carries.
#[derive(Debug, Clone, Copy)]
enum Carried {
    /// Any event of the room.
    Any,
    /// The membership that the operation is about.
    Member(&'static str),
    /// The event that the request brought: it belongs to whoever asks, and comes back to its own zone.
    Echo,
}

/// One place of one operation, in one direction, with the event that stands there.
struct Cell {
    endpoint: &'static Endpoint,
    half: Half,
    pattern: &'static str,
    kind: UnitKind,
    /// Whether the event leaves our zone.
    leaves: bool,
    room: Room,
    event: Event,
}

/// What stands in each place that the table has for events.
fn carried(op: Op, half: Half, pattern: &str) -> Carried {
    match (op, half, pattern) {
        (Op::Send, Half::Request, "/pdus/*")
        | (Op::Event | Op::Backfill, Half::Answer, "/pdus/*")
        | (Op::MissingEvents, Half::Answer, "/events/*")
        | (Op::State, Half::Answer, "/pdus/*" | "/auth_chain/*")
        | (Op::EventAuth, Half::Answer, "/auth_chain/*")
        | (Op::SendJoin, Half::Answer, "/state/*" | "/auth_chain/*")
        | (Op::SendKnock, Half::Answer, "/knock_room_state/*")
        | (Op::Invite, Half::Request, "/invite_room_state/*") => Carried::Any,
        (Op::SendJoin, Half::Request, "") => Carried::Member("join"),
        (Op::SendLeave, Half::Request, "") => Carried::Member("leave"),
        (Op::SendKnock, Half::Request, "") => Carried::Member("knock"),
        (Op::Invite, Half::Request, "/event") => Carried::Member("invite"),
        (Op::Invite | Op::SendJoin, Half::Answer, "/event") => Carried::Echo,
        other => panic!("no story for {other:?}: a denial must be honoured there too"),
    }
}

/// The sample policy without its detectors: under it nothing of these events would be denied anew.
fn lax() -> BundleParts {
    BundleParts {
        dlp: Vec::new(),
        ..opened()
    }
}

/// The sample policy, with knocks.
fn opened() -> BundleParts {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.opens = vec![Opening::Knock];
    }
    parts
}

/// Every place for events in the table, in both directions, each with an event for it.
fn cells(world: &World) -> Vec<Cell> {
    let mut cells = Vec::new();
    for endpoint in ENDPOINTS {
        let halves = [
            (Half::Request, &endpoint.request),
            (Half::Answer, &endpoint.response),
        ];
        for (half, shape) in halves {
            for (pattern, kind) in shape.units {
                if !matches!(kind, UnitKind::Pdu | UnitKind::StrippedState) {
                    continue;
                }
                let what = carried(endpoint.op, half, pattern);
                for leaves in [true, false] {
                    let Some((room, event)) = written(world, what, leaves) else {
                        continue;
                    };
                    cells.push(Cell {
                        endpoint,
                        half,
                        pattern,
                        kind: *kind,
                        leaves,
                        room,
                        event,
                    });
                }
            }
        }
    }
    cells
}

/// Who writes the event, and who is on the other side.
fn sides(world: &World, leaves: bool) -> (Actor, Actor) {
    match leaves {
        true => (world.alice(), world.bob()),
        false => (world.bob(), world.alice()),
    }
}

fn room_of(world: &World, owner: &Actor) -> Room {
    match owner.server() {
        "high.test" => world.alices_room(RoomVersion::V12),
        _ => world.bobs_room(RoomVersion::V12),
    }
}

/// An event that the sample policy denies, in a room in which its operation makes sense.
fn written(world: &World, what: Carried, leaves: bool) -> Option<(Room, Event)> {
    let (author, other) = sides(world, leaves);
    let denied = format!("pay to {TAX_ID}");
    let (owner, kind, state_key, content) = match what {
        Carried::Echo => return None,
        Carried::Any => (
            &author,
            "m.room.topic",
            String::new(),
            json!({"topic": denied}),
        ),
        Carried::Member("invite") => (
            &author,
            "m.room.member",
            other.user.clone(),
            json!({"membership": "invite", "reason": denied}),
        ),
        Carried::Member(membership) => (
            &other,
            "m.room.member",
            author.user.clone(),
            json!({"membership": membership, "reason": denied}),
        ),
    };
    let mut room = room_of(world, owner);
    let event = room.event(&author, kind, Some(&state_key), content);
    Some((room, event))
}

/// Its author's homeserver sends it, and the link denies it.
fn is_denied(world: &World, cell: &Cell) {
    let events = std::slice::from_ref(&cell.event);
    let reply = match cell.leaves {
        true => world.alice_sends(events),
        false => world.bob_sends(events),
    };
    let id = &cell.event.id;
    assert_eq!(errors(&reply), std::slice::from_ref(id), "{}", reply.text());
}

/// Plays the operation, and returns what the other side got: the body of the request, or of the answer.
fn play(world: &World, cell: &Cell) -> (u16, String) {
    world.forget();
    let (author, other) = sides(world, cell.leaves);
    let asker = match cell.half {
        Half::Request => &author,
        Half::Answer => &other,
    };
    let mut room = cell.room.clone();
    let join = room.member(asker, &asker.user, "join");
    let knock = room.member(asker, &asker.user, "knock");
    let about = match (cell.half, cell.endpoint.op) {
        (Half::Request, Op::Invite) if cell.pattern != "/event" => {
            room.member(asker, &other.user, "invite")
        }
        (Half::Answer, Op::SendJoin) => join,
        (Half::Answer, Op::SendKnock) => knock,
        _ => cell.event.clone(),
    };
    let target = target(cell, &about, asker);
    let body = request(cell, &about, asker);
    let far = match asker.server() {
        "high.test" => &world.peer.far,
        _ => &world.homeserver.far,
    };
    let path = target.split('?').next().unwrap_or_default();
    let path = match cell.endpoint.op {
        // The far side is given an id of the gateway's.
        Op::Send => SEND,
        _ => path,
    };
    let method = cell.endpoint.method;
    far.on(&format!("{method} {path}"), 200, &answer(cell, &about));
    let bytes = body.map(|body| body.to_string().into_bytes());
    let reply = match asker.server() {
        "high.test" => world.from_homeserver(method, &target, bytes.as_deref()),
        _ => world.from_peer(method, &target, bytes.as_deref()),
    };
    match cell.half {
        Half::Answer => (reply.status, reply.text()),
        Half::Request => {
            let arrived = far.requests_of(&format!("{method} {path}"));
            let body = arrived.last().map(|request| request.json().to_string());
            (reply.status, body.unwrap_or_default())
        }
    }
}

fn target(cell: &Cell, about: &Event, asker: &Actor) -> String {
    let id = encode(&about.id);
    let path = cell
        .endpoint
        .path
        .replace("{room}", &encode(&cell.room.id))
        .replace("{event}", &id)
        .replace("{user}", &encode(&asker.user))
        .replace("{txn}", &sluice_tests::stub::room::random_word());
    match cell.endpoint.op {
        Op::Backfill => format!("{path}?v={id}&limit=10"),
        Op::State => format!("{path}?event_id={id}"),
        _ => path,
    }
}

fn request(cell: &Cell, about: &Event, asker: &Actor) -> Option<Value> {
    let shown = match cell.pattern {
        "/invite_room_state/*" => json!([cell.room.create.json, cell.event.json]),
        _ => json!([cell.room.create.json]),
    };
    match cell.endpoint.op {
        Op::Send => Some(transaction(asker.server(), std::slice::from_ref(about))),
        Op::MissingEvents => Some(json!({
            "earliest_events": [], "latest_events": [about.id], "limit": 10, "min_depth": 0,
        })),
        Op::Invite => Some(json!({
            "event": about.json, "room_version": "12", "invite_room_state": shown,
        })),
        Op::SendJoin | Op::SendLeave | Op::SendKnock => Some(about.json.clone()),
        _ => None,
    }
}

/// An answer of a homeserver that hides nothing, with the event in its place.
fn answer(cell: &Cell, about: &Event) -> Value {
    if cell.endpoint.op == Op::Send {
        return json!({"pdus": {}});
    }
    let mut answer = json!({});
    for (pattern, _) in cell.endpoint.response.units {
        match pattern
            .strip_prefix('/')
            .and_then(|name| name.strip_suffix("/*"))
        {
            Some(list) if cell.half == Half::Answer && *pattern == cell.pattern => {
                answer[list] = json!([cell.event.json]);
            }
            Some(list) => answer[list] = json!([cell.room.create.json]),
            None if *pattern == "/event" => answer["event"] = about.json.clone(),
            None => {}
        }
    }
    match cell.endpoint.op {
        Op::SendJoin => {
            answer["origin"] = json!("x.test");
            answer["members_omitted"] = json!(false);
        }
        Op::Event | Op::Backfill => {
            answer["origin"] = json!("x.test");
            answer["origin_server_ts"] = json!(1);
        }
        _ => {}
    }
    answer
}

/// Whether the redacted form of an event stands somewhere in a body.
fn holds(body: &Value, redacted: &Value) -> bool {
    match body {
        body if body == redacted => true,
        Value::Array(items) => items.iter().any(|item| holds(item, redacted)),
        Value::Object(fields) => fields.values().any(|value| holds(value, redacted)),
        _ => false,
    }
}

#[test]
fn a_remembered_denial_is_honoured_by_every_line_of_the_table_in_both_directions() {
    let world = World::under(&opened());
    let denied = cells(&world);
    for cell in &denied {
        is_denied(&world, cell);
    }
    let ops: std::collections::BTreeSet<&str> = denied
        .iter()
        .map(|cell| cell.endpoint.op.as_str())
        .collect();
    for op in [
        "send",
        "event",
        "backfill",
        "get_missing_events",
        "state",
        "event_auth",
        "send_join",
        "invite",
    ] {
        assert!(ops.contains(op), "{op}: {ops:?}");
    }
    world.gateway.install(&lax());
    world.gateway.reload();
    // The controls: events of the same kind that were never denied cross under this policy.
    for cell in cells(&world) {
        let (status, text) = play(&world, &cell);
        assert!(
            status == 200 && text.contains(TAX_ID),
            "control: {}: {status} {text}\n{}",
            story(&cell),
            world.gateway.log()
        );
    }
    for cell in &denied {
        let (status, text) = play(&world, cell);
        let story = story(cell);
        assert_eq!(status, 200, "{story}: {text}\n{}", world.gateway.log());
        assert!(!text.contains(TAX_ID), "{story}: {text}");
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let redacted = cell.event.redacted(cell.room.version).json;
        // What is shown to somebody who is invited or knocks is left out: it is no part of the room's history.
        let is_there = cell.kind == UnitKind::Pdu;
        assert_eq!(holds(&body, &redacted), is_there, "{story}: {text}");
    }
}

fn story(cell: &Cell) -> String {
    let direction = if cell.leaves { "out" } else { "in" };
    format!(
        "{} {:?} {} {direction}",
        cell.endpoint.op.as_str(),
        cell.half,
        cell.pattern
    )
}
