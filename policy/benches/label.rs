//! What a label decision costs on a policy of NATO's size (1,800 lines, 5 levels, 5 tag sets, 200 countries): time and
//! allocations. `cargo bench -p sluice-policy --bench label`; the figures are in docs/performance.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark may stop at the first surprise"
)]

use divan::{AllocProfiler, Bencher, black_box};
use serde_json::{Value, json};
use sluice_policy::label::{Clearance, Label, Spif, Spifs, decide};
use time::OffsetDateTime;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const POLICY: &str = include_str!("../tests/fixtures/nato-size.xml");
const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn main() {
    divan::main();
}

fn spifs() -> Spifs {
    Spifs::new(vec![Spif::parse(POLICY).unwrap()]).unwrap()
}

fn category(set: &str, kind: &str, values: &[String]) -> Value {
    json!({"TagName": set, "Type": kind, "GenericValue": values})
}

fn names(spifs: &Spifs, set: usize, count: usize) -> Vec<String> {
    let tag = &spifs.iter().next().unwrap().tag_sets[set].tags[0];
    let values = tag.values.iter().take(count);
    values.map(|value| value.name.clone()).collect()
}

/// A level, two restrictive values, `release` countries and one context.
fn label(spifs: &Spifs, release: usize, spelling: fn(&str) -> String) -> Label {
    let respelt =
        |values: Vec<String>| values.iter().map(|name| spelling(name)).collect::<Vec<_>>();
    let json = json!({
        "PolicyIdentifier": {"name": spelling("BIG"), "uri": "urn:oid:2.25.999900"},
        "Classification": spelling("SECRET"),
        "Category": [
            category(&spelling("Additional Sensitivity"), "RESTRICTIVE", &respelt(names(spifs, 0, 2))),
            category(&spelling("Releasable To"), "PERMISSIVE", &respelt(names(spifs, 1, release))),
            category(&spelling("Context"), "PERMISSIVE", &respelt(names(spifs, 3, 1))),
        ],
        "CreationDateTime": "2026-03-01T12:00:00Z",
    });
    serde_json::from_value(json).unwrap()
}

/// Four levels, all restrictive values, the countries of a range, all contexts.
fn clearance(spifs: &Spifs, release: std::ops::Range<usize>) -> Clearance {
    let countries: Vec<String> = names(spifs, 1, release.end).split_off(release.start);
    let json = json!({
        "PolicyIdentifier": {"name": "BIG", "uri": "urn:oid:2.25.999900"},
        "ClassificationList": ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET"],
        "Category": [
            category("Additional Sensitivity", "RESTRICTIVE", &names(spifs, 0, 20)),
            category("Releasable To", "PERMISSIVE", &countries),
            category("Context", "PERMISSIVE", &names(spifs, 3, 20)),
        ],
    });
    Clearance::parse(&json.to_string()).unwrap()
}

fn measure(
    bencher: Bencher<'_, '_>,
    label: &Label,
    clearance: &Clearance,
    spifs: &Spifs,
    grant: bool,
) {
    let decision = decide(label, clearance, spifs, NOW);
    assert_eq!(decision.grant, grant, "{decision:?}");
    bencher.bench_local(|| {
        decide(
            black_box(label),
            black_box(clearance),
            black_box(spifs),
            NOW,
        )
    });
}

/// Label and clearance of ordinary size: three countries, five in the clearance.
#[divan::bench]
fn granted(bencher: Bencher<'_, '_>) {
    let spifs = spifs();
    let (label, clearance) = (label(&spifs, 3, str::to_owned), clearance(&spifs, 2..7));
    measure(bencher, &label, &clearance, &spifs, true);
}

/// As `granted`, with every name of the label in another spelling than the policy's.
#[divan::bench]
fn granted_in_another_spelling(bencher: Bencher<'_, '_>) {
    let spifs = spifs();
    let (label, clearance) = (label(&spifs, 3, str::to_lowercase), clearance(&spifs, 2..7));
    measure(bencher, &label, &clearance, &spifs, true);
}

/// A clearance that lists all 200 countries.
#[divan::bench]
fn granted_by_a_clearance_for_all_countries(bencher: Bencher<'_, '_>) {
    let spifs = spifs();
    let (label, clearance) = (label(&spifs, 3, str::to_owned), clearance(&spifs, 0..200));
    measure(bencher, &label, &clearance, &spifs, true);
}

/// The same clearance, looked up once.
#[divan::bench]
fn granted_by_a_prepared_clearance_for_all_countries(bencher: Bencher<'_, '_>) {
    let spifs = spifs();
    let (label, clearance) = (label(&spifs, 3, str::to_owned), clearance(&spifs, 0..200));
    let cleared = spifs.clear(&clearance).unwrap();
    assert!(cleared.decide(&label, NOW).grant);
    bencher.bench_local(|| black_box(&cleared).decide(black_box(&label), NOW));
}

/// No common country: the reason is written, which is what a denial allocates.
#[divan::bench]
fn denied(bencher: Bencher<'_, '_>) {
    let spifs = spifs();
    let (label, clearance) = (label(&spifs, 3, str::to_owned), clearance(&spifs, 3..8));
    measure(bencher, &label, &clearance, &spifs, false);
}

/// Reading the policy and preparing it.
#[divan::bench]
fn load_the_policy(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Spifs::new(vec![Spif::parse(black_box(POLICY)).unwrap()]).unwrap());
}
