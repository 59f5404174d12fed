//! German identifiers: what the shipped detectors find in 100,000 values, valid and broken, in their usual spellings,
//! is what another, slow implementation calls valid. The end-to-end tests hold the same values against python-stdnum.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use sluice_policy::dlp::Detectors;
use sluice_policy::label::Spifs;

#[path = "dlp_chat/random.rs"]
mod random;
#[path = "dlp_oracle/slow.rs"]
mod slow;
#[path = "dlp_oracle/values.rs"]
mod values;

use random::Random;

const VALUES: usize = 100_000;
const SEED: u64 = 139;

fn shipped() -> Detectors {
    let read = |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/dlp");
        (
            name.to_owned(),
            std::fs::read_to_string(folder.join(name)).unwrap(),
        )
    };
    let files = ["de.toml", "payment.toml"].map(read);
    Detectors::parse(&files, &Spifs::new(Vec::new()).unwrap())
        .unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

/// True where the detector finds something that overlaps the value.
fn found(detectors: &Detectors, id: &str, written: &values::Written) -> bool {
    let tree = serde_json::Value::String(written.sentence.clone())
        .try_into()
        .unwrap();
    let findings = detectors.scan(&tree, "").unwrap();
    findings.iter().any(|finding| {
        finding.detector == id && finding.start < written.end && written.start < finding.end
    })
}

#[test]
fn dl_1_german_identifiers_agree_with_a_slow_implementation() {
    let detectors = shipped();
    let mut random = Random::new(SEED);
    let mut valid = 0;
    let mut disagree = Vec::new();
    for (kind, id) in values::KINDS.iter().cycle().take(VALUES) {
        let written = values::value(kind, &mut random);
        let expected = slow::valid(written.kind, &written.plain);
        valid += usize::from(expected);
        if found(&detectors, id, &written) != expected {
            disagree.push(format!("{kind} {:?} expected {expected}", written.sentence));
        }
    }
    println!(
        "{VALUES} values, {valid} of them valid, {} disagreements",
        disagree.len()
    );
    assert!(
        (VALUES * 4 / 10..VALUES * 8 / 10).contains(&valid),
        "{valid}"
    );
    assert!(
        disagree.is_empty(),
        "{}",
        disagree[..disagree.len().min(20)].join("\n")
    );
}
