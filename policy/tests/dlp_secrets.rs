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

/// As Markdown writes what is to be leant or loud; a secret may end in such a sign itself.
#[test]
fn dl_1_a_secret_between_the_marks_of_markdown_is_found() {
    let detectors = detectors();
    let (mut all, mut missed) = (0, Vec::new());
    for kind in KINDS {
        let mut random = Random::new(kind.id);
        for form in kind.forms {
            let value = Form::parse(form).value(&mut random);
            if value.contains(|c: char| c.is_whitespace() || "=:\"'/".contains(c)) {
                continue;
            }
            for mark in ["_", "__", "*", "**", "`"] {
                all += 1;
                let text = format!("Neu: {mark}{value}{mark} bitte");
                if !is_found(&detectors, kind.id, &text) {
                    missed.push(format!("{}: {text}", kind.id));
                }
            }
        }
    }
    println!("secrets: {all} in Markdown, {} missed", missed.len());
    assert!(all > 1000, "{all}");
    assert!(
        recall(all - missed.len(), all) >= LEAST_RECALL,
        "{}",
        missed.join("\n")
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
            // That is how Markdown ends what it leans.
            if miss == Miss::Long && value.ends_with('_') {
                continue;
            }
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

/// Base64 as keys are written, in lines.
const LINES: [&str; 3] = [
    "mfHnunPRaSGemgoerEJ6Aj2W7WvMNfaHRNf8Cr11JiO2U4ajdHQ9ts2wV0lyFWjk",
    "xcox9hmP/Xb/RqqQYFfVX2JDDK/Zx3alBYdawEg6UteCb6/Jd0Y0Sxi9980U6Frg",
    "S9e9ufGt1NXo0Q0FLcXSzTbWdSBJoo0B18EiI8We==",
];

/// Armours as people pass them on: quoted, cut off, commented, in short lines, with a line in front that stands for none.
fn armours(begin: &str, end: &str) -> Vec<String> {
    let lines = LINES.join("\n");
    let quoted = |mark: &str| {
        let all = format!("{begin}\n{lines}\n{end}");
        let lines: Vec<String> = all.lines().map(|line| format!("{mark}{line}")).collect();
        lines.join("\n")
    };
    let short: Vec<&str> = LINES[..2]
        .iter()
        .flat_map(|line| [&line[..32], &line[32..]])
        .collect();
    vec![
        quoted("> "),
        quoted("> > "),
        quoted("| "),
        format!("{begin}\n{lines}"),
        format!("{begin}\n{lines}\nEnde! (mehr gibt es nicht.)"),
        format!("{begin}\n{}", LINES[0]),
        format!("{begin}\n> {}", short.join("\n> ")),
        format!("{begin}\nexample\n{lines}\n{end}"),
        format!("{begin}\n{}\nexample\n{}\nxxxxx\n", LINES[0], LINES[1]),
        format!("{begin}\n{}\n...\n{lines}\n{end}", "a".repeat(64)),
        format!("{begin}\n{}.\n{}.\n{end}", LINES[0], LINES[1]),
        serde_json::to_string(&quoted("> ")).unwrap(),
    ]
}

#[test]
fn dl_1_a_private_key_is_found_however_its_armour_is_passed_on() {
    let detectors = detectors();
    let labels = [
        ("secret.private_key_rsa", "RSA PRIVATE KEY"),
        ("secret.private_key_ec", "EC PRIVATE KEY"),
        ("secret.private_key_dsa", "DSA PRIVATE KEY"),
        ("secret.private_key_pkcs8", "PRIVATE KEY"),
        (
            "secret.private_key_pkcs8_encrypted",
            "ENCRYPTED PRIVATE KEY",
        ),
        ("secret.private_key_openssh", "OPENSSH PRIVATE KEY"),
        ("secret.private_key_pgp", "PGP PRIVATE KEY BLOCK"),
    ];
    let mut missed = Vec::new();
    for (id, label) in labels {
        let texts = armours(
            &format!("-----BEGIN {label}-----"),
            &format!("-----END {label}-----"),
        );
        missed.extend(
            texts
                .into_iter()
                .filter(|text| !is_found(&detectors, id, text)),
        );
    }
    let putty = format!(
        "> PuTTY-User-Key-File-3: ssh-ed25519\n> Encryption: none\n> Private-Lines: 1\n> {}",
        LINES[0]
    );
    let openvpn = "> -----BEGIN OpenVPN Static key V1-----\n> 9a4959559493a7db8f283524b82af002\n> 0ec7e1771432b11bfdec304f7cb88c41";
    for (id, text) in [
        ("secret.private_key_putty", putty.as_str()),
        ("secret.openvpn_static_key", openvpn),
    ] {
        if !is_found(&detectors, id, text) {
            missed.push(text.to_owned());
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n---\n"));
}

#[test]
fn dl_1_talk_of_a_private_key_is_none() {
    let detectors = detectors();
    for text in [
        "Die Datei beginnt mit -----BEGIN PRIVATE KEY----- und endet mit -----END PRIVATE KEY-----, dazwischen steht der Schlüssel.",
        "-----BEGIN PRIVATE KEY-----\n<hier den eigenen Schlüssel einsetzen, Donaudampfschifffahrt inbegriffen>\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nYOUR_PRIVATE_KEY_HERE\n-----END PRIVATE KEY-----",
    ] {
        assert!(
            !is_found(&detectors, "secret.private_key_pkcs8", text),
            "{text}"
        );
    }
}

#[test]
fn dl_1_a_placeholder_behind_a_secret_does_not_hide_it() {
    let detectors = detectors();
    let token = "UmYNJVRK2qX6lw7aZNi51stjBBMZCglk";
    for added in [
        "example",
        "EXAMPLE",
        "xxxxx",
        "-here",
        "_here",
        "redacted",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        for (id, text) in [
            (
                "secret.api_key_assignment",
                format!("api_key = \"{token}{added}\""),
            ),
            (
                "secret.api_key_assignment",
                format!("api_key = \"{added}{token}\""),
            ),
            (
                "secret.bearer_header",
                format!("Authorization: Bearer {token}{added}"),
            ),
            (
                "secret.password_assignment",
                format!("password = 676+fY.MK1kL*I{added}"),
            ),
            (
                "secret.password_assignment",
                format!("(Passwort: 676+fY.MK1kL*I{added})"),
            ),
            (
                "secret.postgres_url",
                format!("postgres://app:Qy15qvWGLXvoIZm{added}@db.corp.test/main"),
            ),
        ] {
            assert!(is_found(&detectors, id, &text), "{text}");
        }
    }
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

#[test]
fn dl_1_a_letter_of_another_alphabet_behind_a_secret_does_not_hide_it() {
    let detectors = detectors();
    let mut missed = Vec::new();
    for kind in KINDS {
        let mut random = Random::new(kind.id);
        let value = Form::parse(kind.forms[0]).value(&mut random);
        for text in [format!("{value}ü"), format!("{value}й")] {
            if !is_found(&detectors, kind.id, &text) {
                missed.push(format!("{}: {text}", kind.id));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn dl_1_filler_around_a_password_does_not_hide_it() {
    let detectors = detectors();
    for (id, before, password) in [
        ("secret.password_assignment", "Passwort: ", "676+fY.MK1kL*I"),
        (
            "secret.api_key_assignment",
            "api_key = ",
            "UmYNJVRK2qX6lw7aZNi51stjBBMZCglk",
        ),
    ] {
        for filler in ["", "x", "Zq7-", "ab_"].map(|filler| filler.repeat(150)) {
            for text in [
                format!("{before}{password}{filler}"),
                format!("{before}{filler}{password}"),
                format!("{before}\"{filler}{password}{filler}\" bis morgen"),
            ] {
                assert!(is_found(&detectors, id, &text), "{id}: {text}");
            }
        }
        let long = format!("{before}{}", "x".repeat(120));
        assert!(!is_found(&detectors, id, &long), "seen to its end");
    }
}
