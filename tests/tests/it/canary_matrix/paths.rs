//! The same for what stands outside of bodies: every parameter of every path and query of the table, in both directions,
//! holds a canary as far as its grammar lets it.

use std::collections::BTreeMap;

use serde_json::json;
use sluice::ids::{Kind, kind_of};
use sluice::route::{Action, ENDPOINTS, Endpoint, encode};
use sluice_tests::stub::{SEND, World, next_send};

use super::bodies::play;
use super::{Fate, Half, Scene, of_fate};

/// An access key that detectors know, between signs that every grammar takes.
const PLANT: &str = "x-AKIARHY4T635A3FCOQ7V-x";
/// The same in the letters of a field's name, which is listed or refused.
const NAME: &str = "x.akiarhy4t635a3fcoq7v";
const WORD: &str = "akiarhy4t635a3fcoq7v";

/// A value of this kind with a canary in it; or why there is none.
fn planted(kind: Kind, ordinary: &str, server: &str) -> Result<String, &'static str> {
    let server = ordinary
        .split_once(':')
        .map_or(server, |(_, server)| server);
    Ok(match kind {
        Kind::RoomId => format!("!{PLANT}:{server}"),
        Kind::UserId => format!("@{PLANT}:{server}"),
        Kind::RoomAlias => format!("#{PLANT}:{server}"),
        Kind::TransactionId | Kind::RoomVersion | Kind::Opaque => PLANT.to_owned(),
        Kind::ProfileField => NAME.to_owned(),
        Kind::ServerName => format!("{PLANT}.test"),
        Kind::EventId => return Err("a hash of 43 signs is what it is asked for by"),
        Kind::Integer | Kind::Boolean | Kind::Direction => return Err("no word fits"),
    })
}

/// Path and query with this value in the place of one parameter.
fn target_with(endpoint: &Endpoint, ordinary: &str, name: &str, value: &str) -> String {
    let (path, query) = ordinary.split_once('?').unwrap_or((ordinary, ""));
    let segments = endpoint.path.split('/').zip(path.split('/'));
    let path: Vec<String> = segments
        .map(
            |(template, segment)| match template == format!("{{{name}}}") {
                true => encode(value),
                false => segment.to_owned(),
            },
        )
        .collect();
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{name}=")))
        .map(str::to_owned)
        .collect();
    if !endpoint.path.contains(&format!("{{{name}}}")) {
        pairs.push(format!("{name}={}", encode(value)));
    }
    format!("{}?{}", path.join("/"), pairs.join("&"))
}

/// The parameters of a line, each with its grammar and its ordinary value.
fn parameters(endpoint: &'static Endpoint, ordinary: &str) -> Vec<(&'static str, Kind, String)> {
    let route = sluice::route::route(endpoint.method, ordinary).unwrap();
    let in_path = endpoint.path.split('/');
    let in_path = in_path.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    in_path
        .map(|name| (name, kind_of(name)))
        .chain(endpoint.query.iter().map(|param| (param.name, param.kind)))
        .map(|(name, kind)| {
            (
                name,
                kind,
                route.params.get(name).unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

#[test]
fn what_stands_in_a_path_or_a_query_crosses_nowhere() {
    let world = World::under(&of_fate(Fate::Release));
    let (mut cells, mut not_applicable) = (0, BTreeMap::<&str, usize>::new());
    let relayed = ENDPOINTS.iter().filter(|line| line.action == Action::Relay);
    for (endpoint, outbound) in relayed.flat_map(|line| [(line, true), (line, false)]) {
        let scene = Scene::new(&world, outbound);
        let ordinary = play(&scene, endpoint.op);
        let control = scene.exchange(Half::Request, &ordinary);
        assert!(!control.is_empty());
        for (name, kind, value) in parameters(endpoint, &ordinary.target) {
            let value = match planted(kind, &value, scene.you.server()) {
                Ok(value) => value,
                Err(reason) => {
                    *not_applicable.entry(reason).or_default() += 1;
                    continue;
                }
            };
            let mut asked = ordinary.clone();
            asked.target = target_with(endpoint, &ordinary.target, name, &value);
            let arrived = scene.exchange(Half::Request, &asked);
            let arrived = String::from_utf8_lossy(&arrived).to_lowercase();
            let story = format!("{} {name}, outbound {outbound}", endpoint.op.as_str());
            assert!(!arrived.contains(WORD), "{story}: {arrived}");
            cells += 1;
        }
    }
    println!("{cells} cells, not applicable: {not_applicable:?}");
    assert!(cells > 40, "{cells}");
}

#[test]
fn a_transaction_that_is_sent_again_has_the_same_id_and_another_one_another() {
    let world = World::under(&of_fate(Fate::Release));
    let body = json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [], "edus": []});
    let body = body.to_string();
    let send = |txn: &str| {
        world.peer.far.forget();
        let target = format!("{SEND}{txn}");
        let reply = world.from_homeserver("PUT", &target, Some(body.as_bytes()));
        assert_eq!(reply.status, 200, "{}", reply.text());
        world.peer.far.requests_of("PUT ")[0].target.clone()
    };
    let (first, again, other) = (
        send("AKIARHY4T635A3FCOQ7V"),
        send("AKIARHY4T635A3FCOQ7V"),
        send("1"),
    );
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(!first.contains("AKIARHY4T635A3FCOQ7V"), "{first}");
}

#[test]
fn the_id_of_a_message_to_devices_is_looked_at() {
    let world = World::under(&of_fate(Fate::Redact));
    let edu = |id: &str| {
        json!({"edu_type": "m.direct_to_device", "content": {
            "sender": "@bob:low.test", "type": "m.room_key_request", "message_id": id,
            "messages": {"@alice:high.test": {"*": {"action": "request_cancellation", "request_id": "1", "requesting_device_id": "B"}}},
        }})
    };
    let edus = [edu("m1"), edu(PLANT)];
    let body = json!({"origin": "low.test", "origin_server_ts": 1, "pdus": [], "edus": edus});
    let reply = world.from_peer("PUT", &next_send(), Some(body.to_string().as_bytes()));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let arrived = world.homeserver.far.requests_of("PUT ");
    let edus = arrived[0].json()["edus"].clone();
    assert_eq!(edus, json!([edu("m1")]));
}
