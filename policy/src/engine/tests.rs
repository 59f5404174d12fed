#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::verdict::Verdict;

/// `tests/fixtures/poison.rego`, compiled: what an event does to the policy is told by its type.
const POISON: &[u8] = include_bytes!("../../tests/fixtures/poison.wasm");

const RELEASED: &str = "rego.sluice.release.event";

fn poison() -> Engine {
    Engine::load(POISON, &json!({})).unwrap()
}

fn event(kind: &str) -> Value {
    json!({"kind": "pdu", "event": {"type": kind, "content": {"body": "CANARY"}}, "findings": [{"detector": "de.iban"}]})
}

fn alone(engine: &Engine, kind: &str) -> Result<Decision, EventFailure> {
    engine.decide(&[event(kind)]).unwrap().remove(0)
}

/// Every way to fail, with the failure that it must be.
const POISONS: &[(&str, EventFailure)] = &[
    ("test.loop", EventFailure::Fuel),
    ("test.memory", EventFailure::Memory),
    ("test.output", EventFailure::Output),
    ("test.undefined", EventFailure::Undefined),
    ("test.string", EventFailure::Shape),
    ("test.verdict", EventFailure::Shape),
    ("test.extra_key", EventFailure::Shape),
    ("test.missing_key", EventFailure::Shape),
    ("test.name", EventFailure::Shape),
    ("test.count", EventFailure::Count),
    ("test.conflict", EventFailure::Trap),
];

#[test]
fn a_release_names_the_rule_that_said_so() {
    let decision = alone(&poison(), "m.room.message").unwrap();
    assert_eq!(
        decision,
        Decision {
            verdict: Verdict::Release,
            rule: RELEASED.to_owned(),
            checks: Vec::new(),
        }
    );
}

#[test]
fn every_failure_of_an_event_alone_has_its_name() {
    let engine = poison();
    for (kind, failure) in POISONS {
        assert_eq!(alone(&engine, kind), Err(*failure), "{kind}");
        assert!(alone(&engine, "m.room.message").is_ok(), "after {kind}");
    }
}

#[test]
fn one_poisoned_event_among_fifty_denies_only_itself() {
    let engine = poison();
    for (kind, failure) in POISONS {
        let mut batch = vec![event("m.room.message"); BATCH_EVENTS];
        batch[17] = event(kind);
        let answers = engine.decide(&batch).unwrap();
        assert_eq!(answers.len(), BATCH_EVENTS);
        for (index, answer) in answers.iter().enumerate() {
            match index {
                17 => assert_eq!(answer, &Err(*failure), "{kind}"),
                _ => assert_eq!(
                    answer.as_ref().unwrap().rule,
                    RELEASED,
                    "{kind}: neighbour {index}"
                ),
            }
        }
    }
}

#[test]
fn an_event_has_no_more_fuel_beside_others_than_alone() {
    let engine = poison();
    let (mut done, mut tired) = (0, 0);
    for work in [5, 10, 20, 40, 80, 160, 320] {
        let mut heavy = event("test.work");
        heavy["event"]["content"]["work"] = Value::from(work);
        let alone = engine.decide(std::slice::from_ref(&heavy)).unwrap();
        let beside = engine.decide(&[heavy, event("m.room.message")]).unwrap();
        assert_eq!(beside[0], alone[0], "{work}");
        match &alone[0] {
            Ok(_) => done += 1,
            Err(failure) => {
                assert_eq!(*failure, EventFailure::Fuel);
                tired += 1;
            }
        }
    }
    assert!(done > 0 && tired > 1, "{done} {tired}");
}

#[test]
fn answers_keep_the_order_of_more_events_than_one_call_takes() {
    let kinds = ["m.room.message", "test.finding", "test.undefined"];
    let batch: Vec<Value> = (0..BATCH_EVENTS * 2 + 7)
        .map(|index| event(kinds[index % 3]))
        .collect();
    for (index, answer) in poison().decide(&batch).unwrap().into_iter().enumerate() {
        match index % 3 {
            0 => assert_eq!(answer.unwrap().verdict, Verdict::Release),
            1 => assert_eq!(answer.unwrap().rule, "dlp.de.iban"),
            _ => assert_eq!(answer, Err(EventFailure::Undefined)),
        }
    }
}

#[test]
fn a_rule_may_blame_a_detector_only_for_what_it_found() {
    let engine = poison();
    assert_eq!(alone(&engine, "test.finding").unwrap().rule, "dlp.de.iban");
    let mut innocent = event("test.finding");
    innocent["findings"] = json!([{"detector": "payment.card"}]);
    assert_eq!(
        engine.decide(&[innocent]).unwrap(),
        [Err(EventFailure::Shape)]
    );
}

/// The shipped policy, with a table for findings that has one row.
fn shipped(action: &str) -> Engine {
    let wasm = include_bytes!("../../../rules/profiles/demo/compiled/policy.wasm");
    let table = json!([{"detector": "de.*", "action": action}]);
    let settings = json!({"links": {"*": {"dlp": "table"}}, "dlp": {"table": table}});
    Engine::load(wasm, &json!({"settings": settings})).unwrap()
}

#[test]
fn a_table_of_another_shape_releases_nothing_alone_or_among_others() {
    let message = json!({
        "kind": "pdu",
        "link": {"name": "a->b", "direction": "outbound", "edus": [], "clearances": []},
        "event": {"type": "m.room.message", "content": {"body": "hello"}},
        "label": {"granted": null, "notes": []},
        "findings": [],
    });
    let (sound, misspelt) = (shipped("redact"), shipped("redakt"));
    for count in [1, 2, BATCH_EVENTS] {
        let messages = vec![message.clone(); count];
        for answer in sound.decide(&messages).unwrap() {
            assert_eq!(answer.unwrap().verdict, Verdict::Release);
        }
        let denied = vec![Err(EventFailure::Undefined); count];
        assert_eq!(misspelt.decide(&messages).unwrap(), denied);
    }
}

#[test]
fn facts_beyond_the_limit_are_denied_and_their_neighbour_is_not() {
    let mut huge = event("m.room.message");
    huge["event"]["content"]["body"] = Value::from("x".repeat(EVENT_BYTES));
    let answers = poison().decide(&[huge, event("m.room.message")]).unwrap();
    assert_eq!(answers[0], Err(EventFailure::Input));
    assert!(answers[1].is_ok());
}

#[test]
fn large_events_that_do_not_fit_one_batch_are_still_decided() {
    let mut large = event("m.room.message");
    large["event"]["content"]["body"] = Value::from("x".repeat(60_000));
    let answers = poison().decide(&vec![large; BATCH_EVENTS]).unwrap();
    assert_eq!(answers.len(), BATCH_EVENTS);
    assert!(answers.iter().all(Result::is_ok));
}

#[test]
fn a_module_that_cannot_decide_is_refused_when_it_is_loaded() {
    assert_eq!(
        Engine::load(b"not wasm", &json!({})).unwrap_err(),
        EngineError::Compile
    );
    let empty_module = b"\0asm\x01\0\0\0";
    assert_eq!(
        Engine::load(empty_module, &json!({})).unwrap_err(),
        EngineError::Instantiate
    );
    let too_much = json!({"filler": vec!["x".repeat(1024); 40_000]});
    assert_eq!(
        Engine::load(POISON, &too_much).unwrap_err(),
        EngineError::Data
    );
}

/// tokio gives each task a budget; a future that polls a tokio lock after it is used up is told to wait.
#[test]
fn decisions_are_made_inside_a_runtime_whose_task_has_spent_its_budget() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let engine = Arc::new(poison());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let engine = Arc::clone(&engine);
            runtime.spawn(async move {
                while tokio::task::coop::has_budget_remaining() {
                    let spend = tokio::task::coop::poll_proceed;
                    std::future::poll_fn(|context| {
                        spend(context).map(|permit| permit.made_progress())
                    })
                    .await;
                }
                engine
                    .decide(&[event("m.room.message"), event("test.conflict")])
                    .unwrap()
            })
        })
        .collect();
    for task in tasks {
        let answers = runtime.block_on(task).unwrap();
        assert!(answers[0].is_ok());
        assert_eq!(answers[1], Err(EventFailure::Trap));
    }
}
