//! `sluice dlp test`: every detector against its own examples, each failure with file, line, id and why.

use serde_json::{Value, json};
use sluice_policy::dlp::{DetectorTest, ExampleTest, Strength};

use super::{Failure, Streams, TestArgs};
use crate::cli::Exit;

pub(super) fn run(args: &TestArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let report = args.rules.load()?.test_report();
    let failures: Vec<(&DetectorTest, &ExampleTest)> = report
        .detectors
        .iter()
        .flat_map(|detector| {
            detector
                .examples
                .iter()
                .map(move |example| (detector, example))
        })
        .filter(|(_, example)| !example.passed())
        .collect();
    let untested: Vec<&str> = report
        .untested()
        .map(|detector| detector.id.as_str())
        .collect();
    let (passed, failed) = (report.passed(), failures.len());
    let answer = json!({
        "ok": failed == 0,
        "detectors": report.detectors.len(),
        "passed": passed,
        "failed": failed,
        "failures": failures.iter().map(|(detector, example)| failure(detector, example)).collect::<Vec<_>>(),
        "untested": untested,
    });
    let mut sentences = report.failures();
    if !untested.is_empty() {
        let (number, ids) = (untested.len(), untested.join(", "));
        sentences.push(format!(
            "{number} imported detectors have no examples: {ids}"
        ));
    }
    sentences.push(format!("{passed} passed, {failed} failed"));
    streams.say(args.json, &answer, &sentences.join("\n"))?;
    Ok(match failed {
        0 => Exit::Done,
        _ => Exit::No,
    })
}

/// Why an example failed. Its text stays in its file: it may be a real one.
fn failure(detector: &DetectorTest, example: &ExampleTest) -> Value {
    let word = |strength: Strength| strength.as_str();
    let expected = match (example.negative, example.expected) {
        (true, _) => "nothing",
        (false, None) => "found",
        (false, Some(strength)) => word(strength),
    };
    let saw = match example.saw {
        Err(_) => "budget",
        Ok(None) => "nothing",
        Ok(Some(strength)) => word(strength),
    };
    json!({
        "detector": detector.id,
        "origin": detector.origin,
        "example": if example.negative { "negative_examples" } else { "examples" },
        "number": example.number,
        "expected": expected,
        "saw": saw,
        "message": example.says(),
    })
}
