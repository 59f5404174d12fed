//! Ordinary chat is left alone: 10,000 lines, a quarter of them with numbers of 8 to 20 digits, and almost no finding
//! that anybody would have to look at.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::collections::BTreeMap;

use sluice_policy::dlp::{Detectors, Finding, Strength};
use sluice_policy::label::{Spif, Spifs};

#[path = "dlp_chat/grammar.rs"]
mod grammar;
#[path = "dlp_chat/random.rs"]
mod random;

use random::Random;

/// Lines of a run.
const LINES: u64 = 10_000;
/// Runs: the numbers differ, the templates do not. Several, because chance moves one run by half of what it may have.
const SEEDS: [u64; 5] = [1, 2, 3, 5, 8];
/// Lines that may have a finding in all runs, at most: 0.1 %.
const MAX_LINES: usize = 50;

fn read(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../rules")
        .join(folder);
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn shipped() -> Detectors {
    let spifs = read("spif", "xml")
        .iter()
        .map(|(_, xml)| Spif::parse(xml).unwrap())
        .collect();
    let spifs = Spifs::new(spifs).unwrap();
    Detectors::parse(&read("dlp", "toml"), &spifs)
        .unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

/// How many lines have a finding of at least each strength, and of whom.
#[derive(Default)]
struct Seen {
    medium: usize,
    high: usize,
    by_detector: BTreeMap<(String, Strength), usize>,
    examples: Vec<String>,
}

impl Seen {
    fn add(&mut self, line: &str, findings: &[Finding]) {
        let strongest = findings.iter().map(|finding| finding.strength).max();
        self.high += usize::from(strongest >= Some(Strength::High));
        self.medium += usize::from(strongest >= Some(Strength::Medium));
        for finding in findings {
            let key = (finding.detector.clone(), finding.strength);
            *self.by_detector.entry(key).or_default() += 1;
            if finding.strength >= Strength::Medium {
                self.examples.push(format!("{} {line}", finding.detector));
            }
        }
    }
}

fn run(detectors: &Detectors, templates: &[String], seed: u64) -> Seen {
    let mut random = Random::new(seed);
    let mut seen = Seen::default();
    for _ in 0..LINES {
        let place = random.between(0, templates.len() as u64 - 1);
        let line = grammar::fill(&templates[usize::try_from(place).unwrap()], &mut random);
        let tree = serde_json::Value::String(line.clone()).try_into().unwrap();
        seen.add(&line, &detectors.scan(&tree, "").unwrap());
    }
    seen
}

#[test]
fn dl_4_ordinary_chat_is_left_alone() {
    let detectors = shipped();
    let templates = grammar::templates();
    assert_eq!(templates.len(), grammar::TEMPLATES);
    let with_number = templates
        .iter()
        .filter(|template| template.contains("{number}"))
        .count();
    assert!(
        with_number * 4 >= templates.len(),
        "{with_number} templates with a number"
    );
    let (mut medium, mut high) = (0, 0);
    let mut examples = Vec::new();
    for seed in SEEDS {
        let mut seen = run(&detectors, &templates, seed);
        println!(
            "seed {seed}: of {LINES} lines {} with a high finding, {} with medium or more; {:?}",
            seen.high, seen.medium, seen.by_detector
        );
        (medium, high) = (medium + seen.medium, high + seen.high);
        examples.append(&mut seen.examples);
    }
    assert!(high <= MAX_LINES, "{high}: {}", examples.join("\n"));
    assert!(medium <= MAX_LINES, "{medium}: {}", examples.join("\n"));
}
