//! What the policy's decision costs, under the bundle that is shipped: batches of events as transactions and answers bring
//! them. `cargo bench -p sluice-policy --bench engine`; the figures are in docs/performance.md.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::{fs, path::Path, sync::LazyLock};

use divan::{Bencher, black_box, counter::ItemsCount};
use serde_json::{Value, json};
use sluice_policy::engine::{BATCH_EVENTS, Engine};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../rules/profiles/demo/compiled"
    ));
    let data = fs::read_to_string(folder.join("data.json")).unwrap();
    let data = serde_json::from_str(&data).unwrap();
    Engine::load(&fs::read(folder.join("policy.wasm")).unwrap(), &data).unwrap()
});

fn main() {
    divan::main();
}

/// A labelled message, and what was found of it: nothing.
fn facts(bytes: usize) -> Value {
    let list = ["OFFEN", "INTERN"];
    let clearance =
        json!({"PolicyIdentifier": "1.2.3", "ClassificationList": list, "Category": []});
    let clearances: Vec<Value> = ["zone", "peer", "bundle"]
        .iter()
        .map(|of| json!({"of": of, "clearance": clearance}))
        .collect();
    let label = json!({"PolicyIdentifier": "1.2.3", "Classification": "OFFEN"});
    json!({
        "kind": "pdu",
        "link": {
            "name": "high->low", "from": "high", "to": "low", "direction": "outbound", "edus": ["m.typing", "m.receipt"],
            "opens": [], "profile_fields": ["displayname"], "require_label": "event", "clearances": clearances,
        },
        "event": {
            "type": "m.room.message", "sender": "@alice:high.test", "state_key": null, "room_id": "!r",
            "content": {"body": "hello ".repeat(bytes / 6), "msgtype": "m.text", "label": label},
        },
        "room": {"version": "12", "label": label, "clearance": null},
        "label": {
            "source": "event", "classification": "OFFEN", "granted": true, "rule": "granted", "label": label,
            "translated": null, "notes": [],
        },
        "findings": [],
    })
}

#[divan::bench(args = [60, 5_000])]
fn a_batch_of_50(bencher: Bencher<'_, '_>, bytes: usize) {
    let events = vec![facts(bytes); BATCH_EVENTS];
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| {
            let decisions = ENGINE.decide(black_box(&events)).unwrap();
            assert!(decisions.iter().all(Result::is_ok));
        });
}
