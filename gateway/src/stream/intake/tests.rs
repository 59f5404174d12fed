#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::{JUDGE_DEADLINE, in_time, targets};
use super::*;
use crate::route::{ENDPOINTS, Op};

fn shape(op: Op) -> &'static Shape {
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.op == op).unwrap();
    &endpoint.response
}

fn taken(op: Op, pieces: &[&[u8]]) -> Result<Taken, Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(folder.path().to_owned());
    let mut intake = Intake::new(shape(op), Some(spools.open()));
    for piece in pieces {
        intake.push(piece)?;
    }
    intake.finish()
}

/// All units as they are judged: pattern, index in the batch's order, and tree or fault.
fn units(taken: &mut Taken) -> Vec<(&'static str, Result<CanonicalJsonObject, Fault>)> {
    let mut all = Vec::new();
    while !taken.units.is_empty() {
        let batch = taken.units.batch().unwrap();
        assert!(!batch.is_empty() && batch.len() <= BATCH_EVENTS);
        all.extend(batch.into_iter().map(|unit| (unit.pattern, unit.value)));
    }
    all
}

fn event(number: usize) -> String {
    format!(
        r#"{{"type":"m.room.member","state_key":"@u{number}:low.test","content":{{"membership":"join"}}}}"#
    )
}

#[test]
fn the_table_streams_rooms_and_nothing_else() {
    let streamed = ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.response.is_streamed() || endpoint.request.is_streamed());
    let streamed: Vec<Op> = streamed.map(|endpoint| endpoint.op).collect();
    assert_eq!(streamed, [Op::State, Op::EventAuth, Op::SendJoin]);
}

#[test]
fn in_pieces_it_is_the_same_as_whole() {
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_EVENT_BYTES));
    let bad = [
        r#"{"a":1.5}"#,
        r#"{"a":1,"a":2}"#,
        "7",
        &long,
        r#"{"a":"\ud800"}"#,
    ];
    let mut state: Vec<String> = (0..1500).map(event).collect();
    for (at, bad) in bad.iter().enumerate() {
        state.insert(at * 300 + 1, (*bad).to_owned());
    }
    let body = format!(
        r#"{{"unknown":{{"x":[1]}},"state":[{}],"auth_chain":[{}],"event":{},"servers_in_room":["low.test"],"origin":"low.test"}}"#,
        state.join(" ,\n"),
        state[..20].join(","),
        event(0),
    );
    let whole = parse::parse(shape(Op::SendJoin), body.as_bytes()).unwrap();
    let expected: Vec<_> = whole
        .units
        .into_iter()
        .map(|unit| (unit.pattern, unit.value))
        .collect();
    for size in [1, 7, 1000, 65_536, body.len()] {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
        let mut taken = taken(Op::SendJoin, &pieces).unwrap();
        assert_eq!(taken.fields, whole.fields, "{size}");
        assert_eq!(taken.bytes, body.len());
        assert!(units(&mut taken) == expected, "{size}");
        taken.units.rewind();
        assert!(units(&mut taken) == expected, "again, {size}");
    }
}

#[test]
fn a_large_body_goes_over_the_disk() {
    let state: Vec<String> = (0..30_000).map(event).collect();
    let body = format!(r#"{{"pdus":[{}],"auth_chain":[]}}"#, state.join(","));
    let pieces: Vec<&[u8]> = body.as_bytes().chunks(30_000).collect();
    let mut taken = taken(Op::State, &pieces).unwrap();
    assert!(taken.is_large());
    assert_eq!(units(&mut taken).len(), state.len());
}

#[test]
fn a_batch_is_bounded_by_what_its_trees_weigh() {
    let maps = format!("[{}]", vec![r#"{"":0}"#; 8000].join(","));
    let heavy = format!(r#"{{"type":"x","content":{{"a":{maps}}}}}"#);
    assert!(heavy.len() <= MAX_EVENT_BYTES && heaviness(heavy.as_bytes()) > BATCH_WEIGHT);
    let body = format!(r#"{{"pdus":[{heavy},{heavy},{}]}}"#, event(1));
    let mut taken = taken(Op::State, &[body.as_bytes()]).unwrap();
    let sizes: Vec<usize> = std::iter::from_fn(|| {
        (!taken.units.is_empty()).then(|| taken.units.batch().unwrap().len())
    })
    .collect();
    assert_eq!(sizes, [1, 1, 1]);
}

#[test]
fn too_many_events_too_many_that_tell_and_a_broken_frame_refuse_the_whole() {
    let many = format!(r#"{{"pdus":[{}0]}}"#, "0,".repeat(MAX_EVENTS));
    let telling = vec![r#"{"type":"m.room.create"}"#; TELLING_EVENTS + 1].join(",");
    let telling = format!(r#"{{"pdus":[{telling}]}}"#);
    let wide = format!(r#"{{"x":"{}","pdus":[]}}"#, "y".repeat(ENVELOPE_BYTES));
    let maps = vec![r#"{"":0}"#; 8000].join(",");
    let heavy = format!(r#"{{"pdus":[{{"type":"m.room.create","content":{{"a":[{maps}]}}}}]}}"#);
    let cases: [(&str, &str); 8] = [
        (&heavy, "protocol.envelope.count"),
        (&many, "protocol.envelope.count"),
        (&telling, "protocol.envelope.count"),
        (&wide, "protocol.json.size"),
        (r#"{"pdus":[{"a":1}"#, "protocol.json.syntax"),
        (r#"{"pdus":[],"pdus":[]}"#, "protocol.json.duplicate_key"),
        (r#"{"pdus":{}}"#, "protocol.json.not_an_array"),
        (r#"{"pdus":[{"a":[1}]}]}"#, "protocol.json.syntax"),
    ];
    for (body, rule) in cases {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(8192).collect();
        let refusal = taken(Op::State, &pieces).unwrap_err();
        assert_eq!(
            (refusal.rule.as_str(), refusal.blame),
            (rule, Blame::FarSide),
            "{}",
            &body[..body.len().min(60)]
        );
    }
}

#[test]
fn what_tells_of_the_room_is_kept_wherever_it_stands() {
    let label = format!(r#"{{"type":"{ROOM_LABEL_TYPE}","state_key":"","content":{{}}}}"#);
    let [first, second, third] = ["A", "B", "C"].map(|sign| format!("${}", sign.repeat(43)));
    let relates = |to: &str| {
        format!(
            r#"{{"type":"x","content":{{"m.relates_to":{{"rel_type":"m.replace","event_id":"{to}"}}}}}}"#
        )
    };
    let edit = format!("{},{}", relates(&first), relates(&"x".repeat(60_000)));
    let redaction = format!(
        r#"{{"type":"m.room.redaction","redacts":"{second}","content":{{"redacts":"{third}"}}}}"#
    );
    let body = format!(
        r#"{{"pdus":[{},{edit},{redaction},{label}],"auth_chain":[{},{{"type":"m.room.create"}}]}}"#,
        event(1),
        event(2)
    );
    let taken = taken(Op::State, &[body.as_bytes()]).unwrap();
    let telling: Vec<_> = taken
        .facts
        .telling
        .iter()
        .map(|unit| unit.pattern)
        .collect();
    assert_eq!(telling, ["/pdus/*", "/auth_chain/*"]);
    let targets: Vec<&str> = taken.facts.targets.iter().map(String::as_str).collect();
    assert_eq!(
        targets,
        [first, second, third],
        "what is no id is no target"
    );
}

#[test]
fn encryption_is_noted_wherever_the_present_state_turns_it_on() {
    let on = r#"{"type":"m.room.encryption","state_key":"","content":{}}"#;
    let keyed = r#"{"type":"m.room.encryption","state_key":"x","content":{}}"#;
    let cases = [
        (on, "", true),
        (keyed, "", false),
        // What led here may be long past.
        (keyed, on, false),
    ];
    for (last, past, encrypted) in cases {
        let body = format!(r#"{{"state":[{},{last}],"auth_chain":[{past}]}}"#, event(1));
        let taken = taken(Op::SendJoin, &[body.as_bytes()]).unwrap();
        assert_eq!(taken.facts.encrypted, encrypted, "{body}");
    }
}

#[test]
fn of_all_members_each_server_that_is_asked_for_is_kept_once() {
    let member = |user: &str, membership: &str| {
        format!(
            r#"{{"type":"m.room.member","state_key":"{user}","content":{{"membership":"{membership}"}}}}"#
        )
    };
    let mut state: Vec<String> = (0..2000).map(event).collect();
    state.push(member("@carol:third.test", "join"));
    state.push(member("@carla:third.test", "join"));
    state.push(member("@dave:fourth.test", "invite"));
    state.push(member("@gone:fifth.test", "leave"));
    state.push(member("@mallory:nobody.test", "join"));
    let body = format!(r#"{{"pdus":[{}],"auth_chain":[]}}"#, state.join(","));
    let wanted = |server: &str| !matches!(server, "low.test" | "nobody.test");
    let mut intake = Intake::new(shape(Op::State), None);
    intake.shelf.wanted = Some(&wanted);
    for piece in body.as_bytes().chunks(4096) {
        intake.push(piece).unwrap();
    }
    let facts = intake.finish().unwrap().facts;
    let servers: Vec<&str> = facts.servers.iter().map(String::as_str).collect();
    assert_eq!(servers, ["fourth.test", "third.test"]);
    for server in servers {
        let bare = rooms::member_of(server);
        assert_eq!(rooms::member_server(&bare).as_deref(), Some(server));
    }
}

#[test]
fn a_search_for_targets_ends_where_it_is_when_its_time_is_over() {
    let state: Vec<String> = (0..3 * BATCH_EVENTS).map(event).collect();
    let body = format!(r#"{{"pdus":[{}],"auth_chain":[]}}"#, state.join(","));
    let mut taken = taken(Op::State, &[body.as_bytes()]).unwrap();
    let looks = AtomicUsize::new(0);
    let go_on = || match looks.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => in_time(JUDGE_DEADLINE + Duration::from_millis(1)),
    };
    let late = targets(&mut taken, RoomVersion::V12, &go_on);
    assert_eq!(late.map(drop).unwrap_err().rule, "protocol.answer_deadline");
    assert_eq!(looks.load(Ordering::Relaxed), 2);
    assert!(!taken.units.is_empty(), "the rest is not read");
    taken.units.rewind();
    assert!(targets(&mut taken, RoomVersion::V12, &|| Ok(())).is_ok());
}
