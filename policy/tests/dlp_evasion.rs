//! Recall by class of evasion: every marking and every kind of number of the shipped packs, written in every way that hides
//! it, in sentences and alone; a fixed seed. Two questions: does its own detector find it with strength medium or more, and
//! does the shipped policy deny the message on a link cleared for nothing, for a finding and for nothing else. Prints a table
//! (`cargo test -p sluice-policy --test dlp_evasion -- --nocapture`).
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
#[path = "shipped/policy.rs"]
mod policy;

use dlp_evasion::{
    disguise::{CLASSES, Class},
    random::Random,
    values::{Value, values},
};
use policy::{CLEARED_FOR_NOTHING, Judged, ORDINARY};
use sluice_policy::{bundle::Bundle, dlp::Strength, verdict::Verdict};

/// Share of hidden values that must be found, and of their messages that must be denied, by class.
const LEAST_RECALL: f64 = 0.95;
/// Values of each kind, in words and again alone.
const VALUES_OF_A_KIND: usize = 12;
/// Ways to write each of them.
const TRIES: usize = 3;
/// Examples that are shown of what is missed.
const SHOWN: usize = 6;

/// True where the value's own detector found it, surely enough.
fn is_found(judged: &Judged, value: &Value) -> bool {
    judged.findings.iter().any(|finding| {
        finding.strength >= Strength::Medium
            && (finding.detector == value.detector
                || value.also.contains(&finding.detector.as_str()))
    })
}

fn is_denied(judged: &Judged) -> bool {
    judged.verdict != Verdict::Release && judged.by.is_some()
}

/// What a class hides, and what came of it.
struct Row {
    tried: usize,
    not_found: Vec<String>,
    released: Vec<String>,
}

fn row(bundle: &Bundle, class: &Class, values: &[Value]) -> Row {
    let mut random = Random::new(0x5eed);
    let tries = values.iter().flat_map(|value| [value; TRIES]);
    let (hidden, texts): (Vec<&Value>, Vec<String>) = tries
        .filter_map(|value| Some((value, (class.hide)(value, &mut random)?)))
        .unzip();
    let judged = policy::judge(bundle, CLEARED_FOR_NOTHING, &texts);
    let mut row = Row {
        tried: texts.len(),
        not_found: Vec::new(),
        released: Vec::new(),
    };
    for ((value, text), judged) in hidden.iter().zip(texts).zip(judged) {
        let line = format!("{}: {text:?}", value.detector);
        if !is_denied(&judged) {
            row.released.push(line.clone());
        }
        if !is_found(&judged, value) {
            row.not_found.push(line);
        }
    }
    row
}

impl Row {
    fn share(&self, missed: &[String]) -> f64 {
        (self.tried - missed.len()) as f64 / self.tried as f64
    }

    /// Its line of the table.
    fn print(&self, name: &str) {
        println!(
            "| {name} | {} | {} | {:.3} | {} | {:.3} |",
            self.tried,
            self.tried - self.not_found.len(),
            self.share(&self.not_found),
            self.tried - self.released.len(),
            self.share(&self.released),
        );
    }

    /// What is wrong, or was missed, with examples.
    fn missed(&self, name: &str) -> [(f64, String); 2] {
        [("found", &self.not_found), ("denied", &self.released)].map(|(what, missed)| {
            let step = missed.len().div_ceil(SHOWN).max(1);
            let some: Vec<&str> = missed.iter().step_by(step).map(String::as_str).collect();
            let share = self.share(missed);
            (
                share,
                format!("{name}, {what} {share:.3}\n  {}", some.join("\n  ")),
            )
        })
    }
}

fn assert_plain(bundle: &Bundle, values: &[Value]) {
    let texts: Vec<String> = values
        .iter()
        .map(|value| value.sentence(&value.text))
        .collect();
    let judged = policy::judge(bundle, CLEARED_FOR_NOTHING, &texts);
    for ((value, text), judged) in values.iter().zip(texts).zip(judged) {
        assert!(is_found(&judged, value), "not even as it is: {text}");
        assert!(is_denied(&judged), "released as it is: {text}");
    }
}

#[test]
fn dl_3_recall_by_class_of_evasion() {
    let bundle = policy::bundle();
    let values = values(VALUES_OF_A_KIND, &mut Random::new(1));
    assert_plain(&bundle, &values);
    let mut missed = Vec::new();
    println!("| class | hidden | found | recall | denied | share |");
    println!("|---|---:|---:|---:|---:|---:|");
    for class in CLASSES {
        let row = row(&bundle, &class, &values);
        row.print(class.name);
        assert!(row.tried > VALUES_OF_A_KIND, "{} hides nothing", class.name);
        missed.extend(row.missed(class.name));
    }
    missed.retain(|(share, _)| *share < 1.0);
    let lines = |least: f64| -> Vec<&str> {
        let poor = missed.iter().filter(|(share, _)| *share < least);
        poor.map(|(_, line)| line.as_str()).collect()
    };
    println!("\nMissed, some of them:\n{}", lines(1.0).join("\n"));
    let poor = lines(LEAST_RECALL);
    assert!(poor.is_empty(), "\n{}", poor.join("\n"));
}

#[test]
fn dl_3_what_hides_nothing_is_released_on_either_link() {
    let bundle = policy::bundle();
    let texts = ["Hallo bob, bis morgen", "Bestellung 4711 ist da"].map(str::to_owned);
    for link in [ORDINARY, CLEARED_FOR_NOTHING] {
        let judged = policy::judge(&bundle, link, &texts);
        assert!(judged.iter().all(|judged| !is_denied(judged)), "{link}");
    }
}
