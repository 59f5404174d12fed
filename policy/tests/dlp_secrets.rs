//! Secrets, made from what their services say of the formats and not from our patterns: every kind is found wherever it
//! may stand, and what only looks like it is not.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "dlp_secrets/formats.rs"]
mod formats;
#[path = "dlp_secrets/shape.rs"]
mod shape;

use std::collections::BTreeSet;

use ruma_common::CanonicalJsonValue as Tree;
use serde_json::json;
use sluice_policy::{
    dlp::Detectors,
    label::{Spif, Spifs},
};

use formats::KINDS;
use shape::{Form, MISSES, Miss, Random};

const SECRET: &str = include_str!("../../rules/dlp/secret.toml");
/// Values of each kind, and near misses of each kind.
const VALUES: usize = 20;
/// Kinds that the pack must know.
const LEAST_KINDS: usize = 150;
/// Part of the texts with a value in which it is found.
const LEAST_RECALL: f64 = 0.99;

fn detectors() -> Detectors {
    let spif = Spif::parse(include_str!("../../rules/spif/de-sample.xml")).unwrap();
    let spifs = Spifs::new(vec![spif]).unwrap();
    let files = [("secret.toml".to_owned(), SECRET.to_owned())];
    Detectors::parse(&files, &spifs).unwrap_or_else(|errors| stop(&errors.join("\n")))
}

#[allow(clippy::panic, reason = "shows all that is wrong at once")]
fn stop(what: &str) -> Detectors {
    panic!("{what}")
}

/// Where people put a secret: alone, in a sentence, in a file of settings, in JSON, in code. No context ends in a line end
/// just behind the value: "=" before it joins the lines, as in quoted-printable mail, and then a short value is longer.
fn contexts(value: &str) -> [String; 5] {
    [
        value.to_owned(),
        format!("Hier ist der Zugang: {value} bitte nicht weitergeben"),
        format!("export TOKEN={value} # neu\nexit"),
        json!({ "token": value }).to_string(),
        format!("```\n{value}\n```\n"),
    ]
}

fn is_found(detectors: &Detectors, id: &str, text: &str) -> bool {
    let findings = detectors.scan(&Tree::String(text.to_owned()), "").unwrap();
    findings.iter().any(|finding| finding.detector == id)
}

#[test]
fn at_least_150_kinds_stand_in_the_pack_and_in_the_table_of_formats() {
    let detectors = detectors();
    let pack: BTreeSet<&str> = detectors.ids().map(|(id, _)| id).collect();
    let table: BTreeSet<&str> = KINDS.iter().map(|kind| kind.id).collect();
    assert_eq!(table.len(), KINDS.len(), "a kind stands twice in the table");
    assert_eq!(pack, table);
    assert!(pack.len() >= LEAST_KINDS, "{}", pack.len());
}

#[test]
fn dl_1_every_kind_is_found_wherever_it_stands() {
    let detectors = detectors();
    let (mut found, mut all) = (0, 0);
    let mut low = Vec::new();
    for kind in KINDS {
        let mut random = Random::new(kind.id);
        let forms: Vec<Form> = kind.forms.iter().map(|form| Form::parse(form)).collect();
        let texts = (0..VALUES).flat_map(|n| contexts(&forms[n % forms.len()].value(&mut random)));
        let missed: Vec<String> = texts
            .filter(|text| !is_found(&detectors, kind.id, text))
            .collect();
        let count = VALUES * contexts("").len();
        all += count;
        found += count - missed.len();
        if recall(count - missed.len(), count) < LEAST_RECALL {
            low.push(format!(
                "{}: {} of {count} missed, {:?}",
                kind.id,
                missed.len(),
                missed.first()
            ));
        }
    }
    println!(
        "secrets: {} kinds, {found} of {all} values found, recall {:.4}",
        KINDS.len(),
        recall(found, all)
    );
    assert!(recall(found, all) >= LEAST_RECALL);
    assert!(
        low.is_empty(),
        "{} kinds are below:\n{}",
        low.len(),
        low.join("\n")
    );
}

#[test]
fn dl_1_what_only_looks_like_a_kind_is_not_found() {
    let detectors = detectors();
    let mut all = 0;
    let mut hits = Vec::new();
    for kind in KINDS {
        let mut random = Random::new(kind.id);
        for (miss, value) in near_misses(kind.forms, &mut random) {
            for text in contexts(&value) {
                all += 1;
                if is_found(&detectors, kind.id, &text) {
                    hits.push(format!("{}: {miss:?} {text:?}", kind.id));
                }
            }
        }
    }
    println!("secrets: {all} near misses, {} found", hits.len());
    assert!(
        hits.is_empty(),
        "{} near misses are found:\n{}",
        hits.len(),
        hits.join("\n")
    );
}

/// As many near misses as there are values, of every sort that the forms can have.
fn near_misses(forms: &[&str], random: &mut Random) -> Vec<(Miss, String)> {
    let forms: Vec<Form> = forms.iter().map(|form| Form::parse(form)).collect();
    let pairs: Vec<(&Form, Miss)> = forms
        .iter()
        .flat_map(|form| MISSES.iter().map(move |miss| (form, *miss)))
        .filter(|(form, miss)| form.can_miss(*miss))
        .collect();
    (0..VALUES)
        .map(|n| pairs[n % pairs.len()])
        .map(|(form, miss)| (miss, form.near_miss(miss, random)))
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts of a test are small")]
fn recall(found: usize, all: usize) -> f64 {
    found as f64 / all as f64
}
