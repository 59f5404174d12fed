//! Recall by class of evasion: every marking and every kind of number of the shipped packs, written in every way that hides
//! it, in sentences; a fixed seed. Prints a table (`cargo test -p sluice-policy --test dlp_evasion -- --nocapture`).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

mod dlp_evasion {
    pub mod disguise;
    pub mod random;
    pub mod values;
}

use std::{fs, path::Path};

use dlp_evasion::{
    disguise::{CLASSES, Class},
    random::Random,
    values::{Value, values},
};
use sluice_policy::{
    dlp::{Detectors, LoadOptions, Strength},
    label::{Spif, Spifs},
};

/// Share of hidden values that must be found, by class.
const LEAST_RECALL: f64 = 0.95;
/// Values of each kind.
const VALUES_OF_A_KIND: usize = 12;
/// Ways to write each of them.
const TRIES: usize = 3;

fn texts(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../rules")
        .join(folder);
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

fn shipped() -> Detectors {
    let spifs = texts("spif", "xml")
        .iter()
        .map(|(_, xml)| Spif::parse(xml).unwrap())
        .collect();
    // Examples have a test of their own.
    let options = LoadOptions {
        run_examples: false,
        ..LoadOptions::default()
    };
    Detectors::parse_with(&texts("dlp", "toml"), &Spifs::new(spifs).unwrap(), &options)
        .unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

/// True where the value's own detector finds it, surely enough.
fn is_found(detectors: &Detectors, value: &Value, text: &str) -> bool {
    let tree = serde_json::json!(text).try_into().unwrap();
    let findings = detectors
        .scan(&tree, "")
        .unwrap_or_else(|error| panic!("{error}: {text:?}"));
    findings.iter().any(|finding| {
        finding.strength >= Strength::Medium
            && (finding.detector == value.detector
                || value.also.contains(&finding.detector.as_str()))
    })
}

struct Row {
    tried: usize,
    missed: Vec<String>,
}

fn row(detectors: &Detectors, class: &Class, values: &[Value]) -> Row {
    let mut random = Random::new(0x5eed);
    let mut row = Row {
        tried: 0,
        missed: Vec::new(),
    };
    for value in values {
        for _ in 0..TRIES {
            let Some(text) = (class.hide)(value, &mut random) else {
                continue;
            };
            row.tried += 1;
            if !is_found(detectors, value, &text) {
                row.missed.push(format!("{}: {text:?}", value.detector));
            }
        }
    }
    row
}

#[test]
fn dl_3_recall_by_class_of_evasion() {
    let detectors = shipped();
    let known: Vec<&str> = detectors.ids().map(|(id, _)| id).collect();
    let mut random = Random::new(1);
    let values: Vec<Value> = values(VALUES_OF_A_KIND, &mut random)
        .into_iter()
        .filter(|value| known.contains(&value.detector))
        .collect();
    for value in &values {
        let plain = value.sentence(&value.text);
        assert!(
            is_found(&detectors, value, &plain),
            "not even as it is: {plain}"
        );
    }
    let (mut poor, mut missing) = (Vec::new(), Vec::new());
    println!("| class | hidden | found | recall |\n|---|---:|---:|---:|");
    for class in CLASSES {
        let Row { tried, missed } = row(&detectors, &class, &values);
        let found = tried - missed.len();
        let recall = found as f64 / tried as f64;
        println!("| {} | {tried} | {found} | {recall:.3} |", class.name);
        assert!(tried > VALUES_OF_A_KIND, "{} hides nothing", class.name);
        let some = missed.iter().step_by(missed.len().div_ceil(6).max(1));
        let some: Vec<&str> = some.map(String::as_str).collect();
        let line = format!("{}: {recall:.3}\n  {}", class.name, some.join("\n  "));
        if recall < LEAST_RECALL {
            poor.push(line);
        } else if recall < 1.0 {
            missing.push(line);
        }
    }
    println!("\nNot found, some of them:\n{}", missing.join("\n"));
    assert!(poor.is_empty(), "\n{}", poor.join("\n"));
}
