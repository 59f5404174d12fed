//! The samples under `rules/spif/`: they load, they keep every restriction, and what their documents say is true.

use std::{collections::BTreeSet, fs, path::PathBuf};

use super::{super::*, files};
use crate::label::{
    Clearance, Discard, Label, MarkingCode, Mode, Spif, Use, decide_across, spif::Spifs,
};

const SAMPLES: [&str; 5] = ["de", "nato", "eu", "fr", "health"];

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../rules/spif")
}

fn text(name: &str) -> String {
    fs::read_to_string(directory().join(name)).unwrap()
}

fn samples() -> Vec<(String, String)> {
    let file = |name: &str| format!("{name}-sample.xml");
    SAMPLES
        .iter()
        .map(|name| (file(name), text(&file(name))))
        .collect()
}

fn spifs() -> Spifs {
    let parse = |(_, xml): (String, String)| Spif::parse(&xml).unwrap();
    Spifs::new(samples().into_iter().map(parse).collect()).unwrap()
}

fn at() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_775_000_000).unwrap()
}

fn label(policy: &str, level: &str) -> Label {
    let json = serde_json::json!({"PolicyIdentifier": {"name": policy}, "Classification": level});
    serde_json::from_value(json).unwrap()
}

fn clearance(policy: &str, levels: &[&str]) -> Clearance {
    let json =
        serde_json::json!({"PolicyIdentifier": {"name": policy}, "ClassificationList": levels});
    Clearance::parse(&json.to_string()).unwrap()
}

#[test]
fn the_samples_lint_without_errors_and_keep_every_restriction() {
    let report = lint(&samples());
    assert_eq!(report.errors, []);
    let codes: BTreeSet<&str> = report.warnings.iter().map(|found| found.code).collect();
    assert_eq!(
        codes.into_iter().collect::<Vec<_>>(),
        ["missing-equivalence"]
    );
    assert_eq!(spifs().lossy_round_trips(), []);
}

#[test]
fn every_sample_alone_is_without_errors() {
    for (file, xml) in samples() {
        assert!(lint(&files(&[(&file, &xml)])).ok(), "{file}");
    }
}

#[test]
fn lv_1_the_samples_say_that_they_are_no_authority() {
    for (file, xml) in samples() {
        let root = xml.find("<SPIF").unwrap();
        assert!(xml[..root].contains("Sample, not authoritative"), "{file}");
    }
}

#[test]
fn lv_1_no_level_table_is_compiled_in() {
    let translate = |spifs: &Spifs, usage| {
        spifs
            .translate(&label("NATO", "SECRET"), "DE-SAMPLE", usage, at())
            .map(|label| label.classification().to_owned())
    };
    // The same files without what they say about each other.
    let bare = samples().into_iter().map(|(_, xml)| {
        let lines = xml
            .lines()
            .filter(|line| !line.contains("<equivalentClassification"));
        Spif::parse(&lines.collect::<Vec<_>>().join("\n")).unwrap()
    });
    let bare = Spifs::new(bare.collect()).unwrap();
    for usage in [Use::Encrypt, Use::Decrypt] {
        assert_eq!(translate(&spifs(), usage).unwrap(), "GEHEIM");
        assert_eq!(
            translate(&bare, usage).unwrap_err().code,
            "classification-unmapped"
        );
    }
}

#[test]
fn lv_2_nato_secret_is_geheim_on_a_german_link_and_confidential_is_nothing_in_france() {
    let spifs = spifs();
    let rule = |label: &Label, clearance: &Clearance| {
        let decision = decide_across(label, clearance, &spifs, Use::Encrypt, at());
        (
            decision.grant,
            decision.rule,
            decision
                .translated
                .map(|label| label.classification().to_owned()),
        )
    };
    let nfd = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
    let geheim = clearance("DE-SAMPLE", &["OFFEN", nfd, "VS-VERTRAULICH", "GEHEIM"]);
    assert_eq!(
        rule(&label("NATO", "SECRET"), &geheim),
        (true, "granted", Some("GEHEIM".into()))
    );
    let below = clearance("DE-SAMPLE", &["OFFEN", nfd, "VS-VERTRAULICH"]);
    assert!(!rule(&label("NATO", "SECRET"), &below).0);

    let all = clearance("FR-SAMPLE", &["NON CLASSIFIÉ", "SECRET", "TRÈS SECRET"]);
    assert_eq!(
        rule(&label("NATO", "CONFIDENTIAL"), &all),
        (false, "translation", None)
    );
    assert_eq!(
        rule(&label("NATO", "RESTRICTED"), &all),
        (false, "translation", None)
    );

    let public = clearance("DE-SAMPLE", &["OFFEN"]);
    assert_eq!(
        rule(&label("NATO", "UNCLASSIFIED"), &public),
        (false, "translation", None)
    );
}

#[test]
fn lv_2_the_published_levels_go_there_and_back() {
    let spifs = spifs();
    let nfd = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
    for (one, other) in [
        (("NATO", "TOP SECRET"), ("DE-SAMPLE", "STRENG GEHEIM")),
        (("NATO", "SECRET"), ("DE-SAMPLE", "GEHEIM")),
        (("NATO", "CONFIDENTIAL"), ("DE-SAMPLE", "VS-VERTRAULICH")),
        (("NATO", "RESTRICTED"), ("DE-SAMPLE", nfd)),
        (
            ("EU-SAMPLE", "TRÈS SECRET UE/EU TOP SECRET"),
            ("DE-SAMPLE", "STRENG GEHEIM"),
        ),
        (
            ("EU-SAMPLE", "SECRET UE/EU SECRET"),
            ("DE-SAMPLE", "GEHEIM"),
        ),
        (
            ("EU-SAMPLE", "CONFIDENTIEL UE/EU CONFIDENTIAL"),
            ("DE-SAMPLE", "VS-VERTRAULICH"),
        ),
        (
            ("EU-SAMPLE", "RESTREINT UE/EU RESTRICTED"),
            ("DE-SAMPLE", nfd),
        ),
        (
            ("EU-SAMPLE", "SECRET UE/EU SECRET"),
            ("FR-SAMPLE", "SECRET"),
        ),
        (
            ("EU-SAMPLE", "TRÈS SECRET UE/EU TOP SECRET"),
            ("FR-SAMPLE", "TRÈS SECRET"),
        ),
    ] {
        for usage in [Use::Encrypt, Use::Decrypt] {
            for (from, to) in [(one, other), (other, one)] {
                let there = spifs
                    .translate(&label(from.0, from.1), to.0, usage, at())
                    .unwrap();
                assert_eq!(there.classification(), to.1, "{from:?} for {usage:?}");
            }
        }
    }
}

#[test]
fn lv_2_what_has_no_equal_is_not_translated() {
    let spifs = spifs().discarding(Discard::Any);
    for (policy, level, to) in [
        ("DE-SAMPLE", "OFFEN", "NATO"),
        ("DE-SAMPLE", "VS-VERTRAULICH", "FR-SAMPLE"),
        ("EU-SAMPLE", "RESTREINT UE/EU RESTRICTED", "FR-SAMPLE"),
        ("FR-SAMPLE", "NON CLASSIFIÉ", "DE-SAMPLE"),
        ("EU-SAMPLE", "SECRET UE/EU SECRET", "NATO"),
        ("HEALTH-SAMPLE", "VERTRAULICH", "DE-SAMPLE"),
    ] {
        for usage in [Use::Encrypt, Use::Decrypt] {
            let result = spifs.translate(&label(policy, level), to, usage, at());
            assert!(result.is_err(), "{policy} {level} to {to}");
        }
    }
}

#[test]
fn the_samples_have_the_markings_that_people_type() {
    let spifs = spifs();
    for (policy, level, phrase) in [
        ("DE-SAMPLE", "VS-NUR FÜR DEN DIENSTGEBRAUCH", "VS-NfD"),
        ("NATO", "RESTRICTED", "NATO RESTRICTED"),
        ("NATO", "TOP SECRET", "COSMIC TOP SECRET"),
        (
            "EU-SAMPLE",
            "RESTREINT UE/EU RESTRICTED",
            "RESTREINT UE/EU RESTRICTED",
        ),
        ("EU-SAMPLE", "RESTREINT UE/EU RESTRICTED", "EU RESTRICTED"),
        ("FR-SAMPLE", "TRÈS SECRET", "TRÈS SECRET"),
        ("HEALTH-SAMPLE", "VERTRAULICH", "VERTRAULICH"),
    ] {
        let level = spifs
            .by_name(policy)
            .unwrap()
            .classification(level)
            .unwrap();
        assert!(
            level.phrases().any(|other| other == phrase),
            "{policy} {phrase}"
        );
    }
    let shown = |level, lang| {
        spifs
            .marking_text(
                &label("HEALTH-SAMPLE", level),
                MarkingCode::PortionMarking,
                lang,
            )
            .unwrap()
    };
    assert_eq!(shown("INTERN", "en"), "INTERNAL");
    assert_eq!(shown("INTERN", "de-AT"), "INTERN");
}

/// The rows of the two tables in the README of the test labels.
fn tables() -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let readme = text("labels/README.md");
    let row = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('.'));
    rows.map(row)
        .partition(|row| !row[1].starts_with("clearance-"))
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(directory().join("labels").join(name)).unwrap()
}

#[test]
fn every_test_label_is_listed_and_read_strictly() {
    let (listed, _) = tables();
    let entries = fs::read_dir(directory().join("labels")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = names.filter(|name| name != "README.md").collect();
    let told: BTreeSet<String> = listed.iter().map(|row| row[0].clone()).collect();
    assert_eq!(found, told);
    for row in listed {
        let policy = match row[0].starts_with("clearance-") {
            true => Clearance::read(&bytes(&row[0])).unwrap().policy.name,
            false => Label::read(&bytes(&row[0]), Mode::Strict)
                .unwrap()
                .policy()
                .name
                .clone(),
        };
        assert_eq!(policy, row[1], "{}", row[0]);
    }
}

#[test]
fn the_decisions_that_the_readme_states_are_those_that_are_made() {
    let (_, decisions) = tables();
    assert!(decisions.len() > 12);
    for row in decisions {
        let label = Label::read(&bytes(&row[0]), Mode::Strict).unwrap();
        let clearance = Clearance::read(&bytes(&row[1])).unwrap();
        let decision = decide_across(&label, &clearance, &spifs(), Use::Encrypt, at());
        assert_eq!(
            decision.rule, row[2],
            "{} under {}: {}",
            row[0], row[1], decision.reason
        );
    }
}
