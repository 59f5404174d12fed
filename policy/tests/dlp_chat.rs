//! Ordinary chat is left alone: 10,000 lines from 500 templates, a quarter of them with numbers of 8 to 20 digits, and almost
//! nothing that the detectors are sure of, or that the shipped policy holds back. Prints a table
//! (`cargo test -p sluice-policy --test dlp_chat -- --nocapture`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::collections::BTreeMap;

use sluice_policy::{bundle::Bundle, dlp::Strength, verdict::Verdict};

#[path = "dlp_chat/grammar.rs"]
mod grammar;
#[path = "shipped/policy.rs"]
mod policy;
#[path = "dlp_chat/random.rs"]
mod random;

use policy::{CLEARED_FOR_NOTHING, Judged, ORDINARY};
use random::Random;

/// Lines of a run.
const LINES: u64 = 10_000;
/// Runs: the numbers differ, the templates do not.
const SEEDS: [u64; 5] = [1, 2, 3, 5, 8];
/// Lines of one run that may come to anything, at most: 0.1 %.
const MAX_LINES: usize = 10;

/// What came of a run, as numbers of lines.
struct Run {
    seed: u64,
    /// With a finding of strength high.
    high: usize,
    /// Held or redacted on a link with the ordinary table.
    held: usize,
    /// Held or redacted on a link cleared for nothing.
    held_for_nothing: usize,
    /// Lines that came to something, behind the detector.
    lines: Vec<String>,
}

fn lines(templates: &[String], seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let last = templates.len() as u64 - 1;
    (0..LINES)
        .map(|_| {
            let place = random.between(0, last);
            grammar::fill(&templates[usize::try_from(place).unwrap()], &mut random)
        })
        .collect()
}

fn run(bundle: &Bundle, templates: &[String], seed: u64) -> Run {
    let said = lines(templates, seed);
    let strict = policy::judge(bundle, CLEARED_FOR_NOTHING, &said);
    let ordinary = policy::judge(bundle, ORDINARY, &said);
    Run {
        seed,
        high: strict.iter().filter(|judged| has_high(judged)).count(),
        held: denied(&ordinary),
        held_for_nothing: denied(&strict),
        lines: said
            .iter()
            .zip(strict)
            .filter_map(|(line, judged)| Some(format!("{} {line}", judged.by?)))
            .collect(),
    }
}

fn has_high(judged: &Judged) -> bool {
    judged
        .findings
        .iter()
        .any(|finding| finding.strength == Strength::High)
}

fn denied(all: &[Judged]) -> usize {
    all.iter()
        .filter(|judged| judged.verdict != Verdict::Release)
        .count()
}

#[test]
fn dl_4_ordinary_chat_is_left_alone() {
    let bundle = policy::bundle();
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
    println!(
        "| seed | lines | finding of strength high | held or redacted, ordinary | cleared for nothing |"
    );
    println!("|---|---:|---:|---:|---:|");
    let runs = SEEDS.map(|seed| {
        let run = run(&bundle, &templates, seed);
        println!(
            "| {seed} | {LINES} | {} | {} | {} |",
            run.high, run.held, run.held_for_nothing
        );
        run
    });
    let mut by_detector: BTreeMap<&str, usize> = BTreeMap::new();
    for line in runs.iter().flat_map(|run| &run.lines) {
        let detector = line.split_once(' ').unwrap().0;
        *by_detector.entry(detector).or_default() += 1;
    }
    println!("\nWho found them: {by_detector:?}");
    for run in &runs {
        let most = run.high.max(run.held).max(run.held_for_nothing);
        let lines = run.lines.join("\n");
        assert!(most <= MAX_LINES, "seed {}: {most}\n{lines}", run.seed);
    }
}

#[test]
fn dl_4_numbers_of_people_are_held_back_on_both_links() {
    let said = ["Meine Steuer-ID ist 86095742719".to_owned()];
    for link in [ORDINARY, CLEARED_FOR_NOTHING] {
        let judged = policy::judge(&policy::bundle(), link, &said);
        assert_eq!(judged[0].by.as_deref(), Some("de.steuer_id"), "{link}");
    }
}
