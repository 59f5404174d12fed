//! The canary matrix: generated from the endpoint table, so that a new line cannot be forgotten.
//!
//! ```text
//! every operation x request, answer x our homeserver asks, the peer asks x release, redact, drop, hold
//! ```
//!
//! In each cell an ordinary body is taken, and in every string of it, one at a time, stands a canary with something that
//! the detectors know; an unknown key with another one is put into every object. What the policy makes of it is the cell's
//! fate. Events are tried with the hash that they had, and hashed and signed anew. A canary may cross in a released text,
//! and nowhere else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice::route::{Action, ENDPOINTS, Endpoint, Shape, UnitKind};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{Encryption, Opening};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Actor, Room, seal};
use sluice_tests::stub::{SEND, TAX_ID, World, policy};

mod bodies;
mod paths;
mod plants;

use bodies::{Play, play};
use plants::{Plant, plants};

/// Half of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    Request,
    Answer,
}

/// What the policy makes of what the detectors see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Release,
    Redact,
    Drop,
    Hold,
}

impl Fate {
    /// The word in the table of findings.
    const fn action(self) -> &'static str {
        match self {
            Self::Release => "log",
            Self::Redact => "redact",
            Self::Drop => "drop",
            Self::Hold => "hold",
        }
    }
}

/// Stands in each planted text, followed by its number and an `x`.
const CANARY: &str = "KANARIE";
/// Mutated elements of a list that go into one body.
const ELEMENTS_A_BODY: usize = 40;

/// The text with the canary of this number.
fn text(number: usize) -> String {
    format!("{TAX_ID} {CANARY}{number}x")
}

/// A policy that opens everything and makes one thing of what it finds.
fn of_fate(fate: Fate) -> BundleParts {
    let mut parts = policy();
    let mut data: Value = serde_json::from_slice(&parts.data).unwrap();
    let rows = json!([{"detector": "*", "strength": "medium", "action": fate.action()}]);
    for table in ["ordinary", "cleared for nothing"] {
        data["settings"]["dlp"][table] = rows.clone();
    }
    parts.data = data.to_string().into_bytes();
    let edus = [
        "m.typing",
        "m.receipt",
        "m.presence",
        "m.device_list_update",
        "m.signing_key_update",
        "m.direct_to_device",
    ];
    for link in parts.links.values_mut() {
        link.edus = edus.map(str::to_owned).to_vec();
        link.encryption = Encryption::LabelOnly;
        link.opens = vec![
            Opening::PublicRooms,
            Opening::Aliases,
            Opening::Hierarchy,
            Opening::Knock,
        ];
        link.profile_fields = ["displayname", "avatar_url", "m.tz", "org.example.note"]
            .map(str::to_owned)
            .to_vec();
    }
    parts
}

/// What was done, for the last line.
#[derive(Debug, Default)]
struct Tally {
    cells: usize,
    canaries: usize,
    crossed: usize,
    /// Cells in which a text that is released did not cross: there the matrix would show nothing.
    mute: Vec<String>,
    /// Why a half has no cell, and how many halves have none for it.
    not_applicable: BTreeMap<&'static str, usize>,
}

/// Who asks whom, in a room of the one who answers.
struct Scene<'w> {
    world: &'w World,
    outbound: bool,
    me: Actor,
    you: Actor,
    room: Room,
}

impl<'w> Scene<'w> {
    fn new(world: &'w World, outbound: bool) -> Self {
        let (alice, bob) = (world.alice(), world.bob());
        let (me, you, mut room) = match outbound {
            true => (alice, bob, world.bobs_room(RoomVersion::V12)),
            false => (bob, alice, world.alices_room(RoomVersion::V12)),
        };
        // What answers strangers must know the room's label.
        let said = room.labels(
            &you,
            json!({"label": sluice_tests::stub::labels::label("OFFEN")}),
        );
        let _reply = match outbound {
            true => world.bob_sends(&[said]),
            false => world.alice_sends(&[said]),
        };
        world.forget();
        Self {
            world,
            outbound,
            me,
            you,
            room,
        }
    }

    /// Asks, while the far side answers with this; returns the bytes that arrived at the reading end.
    fn exchange(&self, half: Half, play: &Play) -> Vec<u8> {
        let far = match self.outbound {
            true => &self.world.peer.far,
            false => &self.world.homeserver.far,
        };
        far.forget();
        let path = play.target.split('?').next().unwrap_or_default();
        // A transaction gets an id of the gateway's own.
        let path = match path.starts_with(SEND) {
            true => SEND,
            false => path,
        };
        let what = format!("{} {path}", play.method);
        far.on(&what, 200, &play.answer);
        let body = play
            .request
            .as_ref()
            .map(|body| body.to_string().into_bytes());
        let reply = match self.outbound {
            true => self
                .world
                .from_homeserver(play.method, &play.target, body.as_deref()),
            false => self
                .world
                .from_peer(play.method, &play.target, body.as_deref()),
        };
        let reply = [reply.head.as_bytes(), b"\r\n", &reply.body[..]].concat();
        match half {
            Half::Request => [far.raw(), reply].concat(),
            Half::Answer => reply,
        }
    }

    /// Who wrote this half.
    fn author(&self, half: Half) -> &Actor {
        match half {
            Half::Request => &self.me,
            Half::Answer => &self.you,
        }
    }
}

const fn shape(endpoint: &'static Endpoint, half: Half) -> &'static Shape {
    match half {
        Half::Request => &endpoint.request,
        Half::Answer => &endpoint.response,
    }
}

/// Why a half has no cell.
fn not_applicable(endpoint: &Endpoint, half: Half) -> Option<&'static str> {
    match (endpoint.action, half) {
        (Action::Synthesise, _) => {
            Some("the gateway answers it itself, from nothing of the far side's")
        }
        (Action::Forbid | Action::Hide | Action::File, Half::Answer) => {
            Some("it is refused, so there is no answer")
        }
        (Action::Relay, half) if shape_limit(endpoint, half) == 0 => Some("it has no body"),
        _ => None,
    }
}

const fn shape_limit(endpoint: &Endpoint, half: Half) -> usize {
    match half {
        Half::Request => endpoint.request.limit,
        Half::Answer => endpoint.response.limit,
    }
}

/// A body to try, and the plants in it.
struct Trial {
    body: Value,
    plants: Vec<Plant>,
}

/// All bodies of a cell: every plant in the envelope, and every plant in a unit of each path of the table.
fn trials(scene: &Scene<'_>, half: Half, shape: &Shape, base: &Value, alone: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut number = 0;
    let envelope = without_units(base, shape);
    for plant in plants(&envelope, None, &mut number) {
        let mut body = base.clone();
        plant.put(&mut body);
        trials.push(Trial {
            body,
            plants: vec![plant],
        });
    }
    for (pattern, kind) in shape.units {
        let list = pattern.strip_suffix("/*");
        let place = list.unwrap_or(pattern);
        let units: Vec<Value> = match (base.pointer(place), list) {
            (Some(Value::Array(units)), Some(_)) => units.clone(),
            (Some(unit), None) => vec![unit.clone()],
            _ => panic!("the body has no unit at {pattern}: {base}"),
        };
        let mutated: Vec<(Value, Plant)> = units
            .iter()
            .flat_map(|unit| mutations(scene, half, *kind, unit, &mut number))
            .collect();
        let most = match list {
            Some(_) if !alone => ELEMENTS_A_BODY,
            _ => 1,
        };
        for chunk in mutated.chunks(most) {
            let mut body = base.clone();
            let units: Vec<Value> = chunk.iter().map(|(unit, _)| unit.clone()).collect();
            let value = match list {
                Some(_) => Value::Array(units),
                None => units[0].clone(),
            };
            *body.pointer_mut(place).unwrap() = value;
            let plants = chunk.iter().map(|(_, plant)| plant.clone()).collect();
            trials.push(Trial { body, plants });
        }
    }
    trials
}

/// The unit with each plant; an event also hashed and signed anew.
fn mutations(
    scene: &Scene<'_>,
    half: Half,
    kind: UnitKind,
    unit: &Value,
    number: &mut usize,
) -> Vec<(Value, Plant)> {
    let mut all = Vec::new();
    for plant in plants(unit, Some(kind), number) {
        let mut planted = unit.clone();
        plant.put(&mut planted);
        all.push((planted, plant));
    }
    if kind != UnitKind::Pdu {
        return all;
    }
    for mut plant in plants(unit, Some(kind), number) {
        let mut planted = unit.clone();
        plant.put(&mut planted);
        plant.resealed = true;
        let author = scene.author(half);
        // What is no event cannot be hashed; then the raw form was all there is to try.
        let fields = planted.as_object().cloned().unwrap_or_default();
        let odd = ["/signatures", "/hashes", "/prev_events", "/auth_events"];
        if odd.iter().any(|odd| plant.pointer.starts_with(odd)) {
            continue;
        }
        let mut fields = Value::Object(fields);
        for made in ["hashes", "signatures"] {
            fields.as_object_mut().unwrap().remove(made);
        }
        let sealed = seal(scene.room.version, fields, &author.key, author.server());
        all.push((sealed.json, plant));
    }
    all
}

fn without_units(base: &Value, shape: &Shape) -> Value {
    let mut envelope = base.clone();
    for (pattern, _) in shape.units {
        match pattern.trim_end_matches("/*") {
            "" => return json!({}),
            place => {
                if let Some(object) = envelope.as_object_mut() {
                    object.remove(place.trim_start_matches('/'));
                }
            }
        }
    }
    envelope
}

/// The numbers of the canaries in some bytes.
fn seen(bytes: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(bytes);
    let after = text.split(CANARY).skip(1);
    after
        .map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(usize::MAX)
        })
        .collect()
}

/// One cell.
fn cell(
    world: &World,
    endpoint: &'static Endpoint,
    half: Half,
    outbound: bool,
    fate: Fate,
    tally: &mut Tally,
) {
    let scene = Scene::new(world, outbound);
    let base = play(&scene, endpoint.op);
    let body = match half {
        Half::Request => base.request.clone().unwrap_or_default(),
        Half::Answer => base.answer.clone(),
    };
    let alone = endpoint.op == sluice::route::Op::Event;
    let trials = trials(&scene, half, shape(endpoint, half), &body, alone);
    let story = format!(
        "{} {half:?}, outbound {outbound}, {fate:?}",
        endpoint.op.as_str()
    );
    assert!(!trials.is_empty(), "{story}: nothing was planted");
    let may_cross =
        |plant: &Plant| fate == Fate::Release && plant.may_cross() && !is_settled(endpoint, half);
    let (mut may, mut crossed) = (0, 0);
    for trial in trials {
        let play = base.with(&scene, endpoint.op, half, trial.body);
        let arrived = seen(&scene.exchange(half, &play));
        tally.canaries += trial.plants.len();
        may += trial.plants.iter().filter(|plant| may_cross(plant)).count();
        for number in arrived {
            let plant = trial.plants.iter().find(|plant| plant.number == number);
            let allowed = plant.is_some_and(may_cross);
            assert!(allowed, "{story}: canary {number} sang: {plant:?}");
            crossed += 1;
        }
    }
    if may > 0 && crossed == 0 {
        tally.mute.push(story);
    }
    tally.crossed += crossed;
    tally.cells += 1;
}

/// The answer to an invitation is the event that was sent, signed once more: with another text it is another event.
fn is_settled(endpoint: &Endpoint, half: Half) -> bool {
    (endpoint.op, half) == (sluice::route::Op::Invite, Half::Answer)
}

/// A refused operation, with a canary in its path, query and body: nobody sees it.
fn refused(world: &World, endpoint: &Endpoint, outbound: bool, tally: &mut Tally) {
    world.forget();
    let named = |segment: &str| match segment {
        // An id stands in the record; no other text of a request does.
        "{room}" => "%21lage%3Alow.test".to_owned(),
        "{event}" => format!("%24{}", "A".repeat(43)),
        segment if segment.starts_with('{') => format!("{CANARY}1x"),
        segment => segment.to_owned(),
    };
    let path: Vec<String> = endpoint.path.split('/').map(named).collect();
    let target = format!("{}?note={CANARY}2x", path.join("/"));
    let body = json!({"note": format!("{CANARY}3x")}).to_string();
    let body = matches!(endpoint.method, "PUT" | "POST").then_some(body.as_bytes());
    let reply = match outbound {
        true => world.from_homeserver(endpoint.method, &target, body),
        false => world.from_peer(endpoint.method, &target, body),
    };
    let story = endpoint.op.as_str();
    assert!(
        [403, 404].contains(&reply.status),
        "{story}: {}",
        reply.text()
    );
    assert_ne!(reply.json()["errcode"], "M_UNRECOGNIZED", "{story}");
    let far = [world.peer.far.raw(), world.homeserver.far.raw()].concat();
    let everywhere = [far, reply.head.into_bytes(), reply.body].concat();
    assert!(seen(&everywhere).is_empty(), "{story}");
    tally.cells += 1;
    tally.canaries += 3;
}

fn all_cells(fate: Fate) {
    let world = World::under(&of_fate(fate));
    let mut tally = Tally::default();
    for endpoint in ENDPOINTS {
        for half in [Half::Request, Half::Answer] {
            if let Some(reason) = not_applicable(endpoint, half) {
                *tally.not_applicable.entry(reason).or_default() += 1;
                continue;
            }
            for outbound in [true, false] {
                match endpoint.action {
                    Action::Relay => cell(&world, endpoint, half, outbound, fate, &mut tally),
                    _ => refused(&world, endpoint, outbound, &mut tally),
                }
            }
        }
    }
    println!("{fate:?}: {tally:?}");
    let halves = tally.cells / 2 + tally.not_applicable.values().sum::<usize>();
    assert_eq!(
        halves,
        2 * ENDPOINTS.len(),
        "every half of every line is a cell or has its reason"
    );
    assert!(
        tally.mute.is_empty(),
        "the control: {:?}\n{}",
        tally.mute,
        world.gateway.log()
    );
    assert_eq!(tally.crossed == 0, fate != Fate::Release, "{tally:?}");
    for (place, text) in [
        ("the record", world.gateway.audit_text()),
        ("the log", world.gateway.log()),
    ] {
        let line = text.lines().find(|line| line.contains(CANARY));
        assert_eq!(line, None, "a canary sings in {place}");
    }
}

#[test]
fn what_is_released_crosses_where_people_write_and_nowhere_else() {
    all_cells(Fate::Release);
}

#[test]
fn what_is_redacted_crosses_nowhere() {
    all_cells(Fate::Redact);
}

#[test]
fn what_is_dropped_crosses_nowhere() {
    all_cells(Fate::Drop);
}

#[test]
fn what_is_held_crosses_nowhere() {
    all_cells(Fate::Hold);
}
