//! German identifiers as another program sees them: python-stdnum and the shipped detectors agree on 100,000 values,
//! valid and broken, in their usual spellings.

use std::io::Write as _;
use std::process::{Command, Stdio};

use sluice::demo::cache::{self, Pins};
use sluice_policy::dlp::Detectors;
use sluice_policy::label::Spifs;

#[path = "../../../policy/tests/dlp_chat/random.rs"]
mod random;
#[path = "../../../policy/tests/dlp_oracle/slow.rs"]
mod slow;
#[path = "../../../policy/tests/dlp_oracle/values.rs"]
mod values;

const STDNUM: Pins = Pins {
    title: "python-stdnum",
    requirements: include_str!("../../oracle/requirements.txt"),
};
const ANSWER: &str = include_str!("../../oracle/answer.py");
const VALUES: usize = 100_000;
const SEED: u64 = 31_064;
/// Kinds that python-stdnum knows; the others are held against a slow implementation in the tests of the policy crate.
const KNOWN: usize = 3;

fn shipped() -> Detectors {
    let files = [
        ("de.toml", include_str!("../../../rules/dlp/de.toml")),
        (
            "payment.toml",
            include_str!("../../../rules/dlp/payment.toml"),
        ),
    ];
    let files = files.map(|(name, toml)| (name.to_owned(), toml.to_owned()));
    Detectors::parse(&files, &Spifs::new(Vec::new()).unwrap()).unwrap()
}

#[test]
fn dl_1_german_identifiers_agree_with_python_stdnum() {
    let mut random = random::Random::new(SEED);
    let written: Vec<_> = values::KINDS[..KNOWN]
        .iter()
        .cycle()
        .take(VALUES)
        .map(|(kind, id)| (*id, values::value(kind, &mut random)))
        .collect();
    let question: Vec<_> = written
        .iter()
        .map(|(_, value)| (value.kind, &value.plain))
        .collect();
    let answers: Vec<bool> = ask(&serde_json::to_vec(&question).unwrap());
    assert_eq!(answers.len(), VALUES);
    let detectors = shipped();
    let disagree: Vec<&str> = written
        .iter()
        .zip(answers)
        .filter(|((id, value), expected)| {
            found(&detectors, id, value) != (*expected && in_range(value))
        })
        .map(|((_, value), _)| value.sentence.as_str())
        .collect();
    assert!(
        disagree.is_empty(),
        "{}: {:?}",
        disagree.len(),
        &disagree[..disagree.len().min(20)]
    );
}

/// python-stdnum knows Luhn's digit, but no issuers and no lengths of cards.
fn in_range(value: &values::Written) -> bool {
    value.kind != "card" || slow::valid("card", &value.plain)
}

fn found(detectors: &Detectors, id: &str, written: &values::Written) -> bool {
    let tree = serde_json::Value::String(written.sentence.clone())
        .try_into()
        .unwrap();
    let findings = detectors.scan(&tree, "").unwrap();
    findings.iter().any(|finding| {
        finding.detector == id && finding.start < written.end && written.start < finding.end
    })
}

fn ask(question: &[u8]) -> Vec<bool> {
    let python = cache::environment(&STDNUM, &|line| eprintln!("{line}")).unwrap();
    let mut child = Command::new(python)
        .args(["-I", "-c", ANSWER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // All is read before anything is answered, so the pipes cannot fill up against each other.
    child.stdin.take().unwrap().write_all(question).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
