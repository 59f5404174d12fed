//! The commands as they are typed: shapes of the answers, exit codes, and that no value is shown.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::{fs, path::Path};

use clap::{CommandFactory as _, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: DlpCommand,
}

/// What a command said.
struct Said {
    exit: Exit,
    out: String,
    err: String,
}

impl Said {
    /// Each line of stdout.
    fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn dlp(arguments: &[&str], input: &str) -> Said {
    let cli = Cli::try_parse_from([&["dlp"], arguments].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(
        &cli.command,
        &mut Streams {
            input: &mut input.as_bytes(),
            out: &mut out,
            err: &mut err,
        },
    );
    Said {
        exit,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

const TAX_ID: &str = "86095742719";

/// Alice's rules: staff numbers.
const STAFF: &str = r#"
[[detector]]
id = "own.staff"
description = "Staff number"
regex = '\bPN-[0-9]{6}\b'
strength = "medium"
examples = ["PN-123456", "Nummer PN-000001."]
negative_examples = ["PN-12345", "XPN-1234567"]
"#;

fn rules(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

#[test]
fn a_line_is_answered_with_its_id_and_each_finding_with_its_place() {
    let text = format!("ä: meine Steuer-ID ist {TAX_ID}");
    let start = text.find(TAX_ID).unwrap();
    let lines = [
        json!({"id": "a", "text": text}).to_string(),
        json!({"id": 7, "text": "guten Morgen"}).to_string(),
    ];
    let said = dlp(&["scan", "--json"], &lines.join("\n"));
    assert_eq!(said.exit, Exit::No);
    let answers = said.lines();
    assert_eq!(
        answers[0],
        json!({"id": "a", "findings": [{
            "detector": "de.steuer_id", "strength": "high", "field": "/text",
            "start": start, "end": start + TAX_ID.len(), "view": "raw",
        }]})
    );
    assert_eq!(answers[1], json!({"id": 7, "findings": []}));
    assert!(!said.out.contains(TAX_ID));
}

#[test]
fn an_event_is_scanned_whole_and_a_key_is_said_to_be_one() {
    let text = format!("Steuer-ID {TAX_ID}");
    let mut content = json!({"body": "x", "m.new_content": {"body": text}});
    content[&text] = json!(1);
    let event = json!({"type": "m.room.message", "content": content});
    let said = dlp(
        &["scan", "--json"],
        &json!({"id": 1, "event": event}).to_string(),
    );
    let findings = said.lines()[0]["findings"].clone();
    let places: Vec<(&str, bool)> = findings
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["field"].as_str().unwrap(), finding["key"] == true))
        .collect();
    let expected = [
        ("/event/content/*", true),
        ("/event/content/m.new_content/body", false),
    ];
    assert_eq!(places, expected);
    assert!(
        findings[1]["key"].is_null(),
        "the key stands there only where it is true"
    );
}

#[test]
fn the_names_of_a_label_are_no_markings() {
    let label = json!({"PolicyIdentifier": {"name": "DE-SAMPLE", "uri": "urn:oid:2.25.999001"},
        "Classification": "GEHEIM", "Category": [], "CreationDateTime": "2026-03-01T12:00:00Z"});
    let event = |body: &str| {
        let content = json!({"body": body, "org.sluice.confidentiality": label});
        json!({"id": 1, "event": {"type": "m.room.message", "content": content}}).to_string()
    };
    assert_eq!(dlp(&["scan", "--json"], &event("hello")).exit, Exit::Done);
    let marked = dlp(&["scan", "--json"], &event("Anlage (GEHEIM)"));
    assert_eq!(
        marked.lines()[0]["findings"][0]["detector"],
        "marking.geheim"
    );
}

#[test]
fn a_bad_line_is_answered_and_the_others_go_on() {
    let long = "x".repeat(lines::LINE_BYTES);
    let lines = [
        "{not json".to_owned(),
        json!({"id": 1}).to_string(),
        json!({"id": 2, "text": 5}).to_string(),
        json!({"id": 3, "text": "x", "event": {}}).to_string(),
        json!({"id": 4, "text": long}).to_string(),
        String::new(),
        json!({"id": 5, "text": format!("Steuer-ID {TAX_ID}")}).to_string(),
    ];
    let said = dlp(&["scan", "--json"], &lines.join("\n"));
    assert_eq!(said.exit, Exit::Usage);
    let answers = said.lines();
    assert_eq!(answers.len(), 6);
    for (at, answer) in answers[..5].iter().enumerate() {
        assert_eq!(
            (&answer["id"], &answer["line"]),
            (&Value::Null, &json!(at + 1))
        );
        assert!(answer["error"].is_string());
    }
    assert_eq!(answers[5]["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn lines_are_read_together_where_that_is_asked_for() {
    let lines = [
        json!({"id": 1, "text": "meine Steuer-ID ist 86 095"}).to_string(),
        json!({"id": 2, "text": "742 719"}).to_string(),
    ];
    assert_eq!(dlp(&["scan", "--json"], &lines.join("\n")).exit, Exit::Done);
    let said = dlp(&["scan", "--window", "--json"], &lines.join("\n"));
    assert_eq!(said.exit, Exit::No);
    assert_eq!(said.lines()[0]["findings"], json!([]));
    let finding = &said.lines()[1]["findings"][0];
    assert_eq!(finding["detector"], "de.steuer_id");
    assert_eq!(
        (&finding["field"], &finding["end"]),
        (&json!("/text"), &json!(7))
    );
    let event = |sender: &str, body: &str| {
        let content = json!({ "body": body });
        json!({"id": sender, "event": {"type": "m.room.message", "sender": sender, "room_id": "!r", "content": content}})
            .to_string()
    };
    let of_two = [event("@a:x", "Steuer-ID 86 095"), event("@b:x", "742 719")].join("\n");
    assert_eq!(
        dlp(&["scan", "--window", "--json"], &of_two).exit,
        Exit::Done
    );
    let of_one = [event("@a:x", "Steuer-ID 86 095"), event("@a:x", "742 719")].join("\n");
    assert_eq!(dlp(&["scan", "--window", "--json"], &of_one).exit, Exit::No);
}

#[test]
fn people_see_field_place_and_detector_and_never_the_value() {
    let line = json!({"id": "a", "text": format!("Steuer-ID {TAX_ID}")}).to_string();
    let said = dlp(&["scan"], &line);
    assert_eq!(
        said.out,
        "\"a\": /text 10..21: de.steuer_id (high, raw)\n1 findings in 1 lines\n"
    );
    assert_eq!(
        dlp(&["scan"], r#"{"id":1,"text":"x"}"#).out,
        "0 findings in 1 lines\n"
    );
}

#[test]
fn own_rules_replace_the_packs_from_a_file_or_a_folder() {
    let (folder, file) = rules(STAFF);
    let line = json!({"id": 1, "text": format!("PN-123456 Steuer-ID {TAX_ID}")}).to_string();
    for path in [file.as_str(), folder.path().to_str().unwrap()] {
        let said = dlp(&["scan", "--rules", path, "--json"], &line);
        let findings = said.lines()[0]["findings"].clone();
        assert_eq!(findings.as_array().unwrap().len(), 1, "{path}");
        assert_eq!(findings[0]["detector"], "own.staff");
    }
    let missing = dlp(&["scan", "--rules", "/no/such.toml", "--json"], &line);
    assert_eq!(missing.exit, Exit::CouldNot);
    assert_eq!(missing.lines()[0]["ok"], false);
    let empty = tempfile::tempdir().unwrap();
    let empty = dlp(&["scan", "--rules", empty.path().to_str().unwrap()], &line);
    assert_eq!(empty.exit, Exit::Usage, "{}", empty.err);
}

#[test]
fn a_marking_names_a_level_of_a_given_policy_or_of_a_sample() {
    let marking = |policy: &str| {
        format!("{STAFF}marking = {{ policy = \"{policy}\", classification = \"GEHEIM\" }}\n")
    };
    let (_folder, known) = rules(&marking("DE-SAMPLE"));
    let line = r#"{"id":1,"text":"PN-123456"}"#;
    assert_eq!(dlp(&["scan", "--rules", &known], line).exit, Exit::No);
    let (folder, own) = rules(&marking("OWN"));
    let unknown = dlp(&["scan", "--rules", &own, "--json"], line);
    assert_eq!(unknown.exit, Exit::Usage);
    assert!(
        unknown.err.contains("own.toml:2: own.staff"),
        "{}",
        unknown.err
    );
    let sample = include_str!("../../../rules/spif/health-sample.xml");
    let policy = folder.path().join("own.xml");
    let own_policy = sample
        .replace("HEALTH-SAMPLE", "OWN")
        .replace("ÖFFENTLICH", "GEHEIM");
    fs::write(&policy, own_policy).unwrap();
    let said = dlp(
        &["scan", "--rules", &own, "--spif", policy.to_str().unwrap()],
        line,
    );
    assert_eq!(said.exit, Exit::No, "{}", said.err);
}

/// Alice's people, none of whom exists, and a detector of two of what the table says of one.
const PEOPLE: &str = r#"
[[detector]]
id = "own.patient"
description = "Name and number of one patient"
exact = { index = "patients", columns = ["name", "kvnr"], at_least = 2, within = 200 }
strength = "high"
examples = ["Erika Mustermann hat A123456780", "A123456780: Erika Mustermann"]
negative_examples = ["Erika Mustermann", "A123456780"]
"#;

#[test]
fn a_detector_that_names_an_index_is_tried_with_it_and_refused_without() {
    let (folder, own) = rules(PEOPLE);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, table, index) = (path("k.key"), path("table.csv"), path("patients.idx"));
    let config = path("INDEX.toml");
    let columns = "[[column]]\nname = \"name\"\nfrom = [\"Name\"]\nkind = \"name\"\n\
        [[column]]\nname = \"kvnr\"\nfrom = [\"KVNR\"]\nkind = \"number\"\n";
    fs::write(&config, format!("name = \"patients\"\n{columns}")).unwrap();
    fs::write(&table, "Name,KVNR\nErika Mustermann,A123456780\n").unwrap();
    assert_eq!(dlp(&["index", "--new-key", &key], "").exit, Exit::Done);
    let made = [
        "index", "--config", &config, "--key", &key, "--out", &index, &table,
    ];
    let made = dlp(&made, "");
    assert_eq!(made.exit, Exit::Done, "{}", made.err);

    let with = ["--rules", &own, "--index", &index, "--index-key", &key];
    let tested = dlp(&[&["test"][..], &with].concat(), "");
    assert_eq!(tested.exit, Exit::Done, "{}{}", tested.out, tested.err);
    let line = json!({"id": 1, "text": "Erika Mustermann, A 123 456 780"}).to_string();
    let scanned = dlp(&[&["scan", "--json"][..], &with].concat(), &line);
    assert_eq!(scanned.exit, Exit::No, "{}", scanned.err);
    assert_eq!(scanned.lines()[0]["findings"][0]["detector"], "own.patient");

    let without = dlp(&["test", "--rules", &own], "");
    assert_eq!(without.exit, Exit::Usage);
    assert!(without.err.contains("--index"), "{}", without.err);
}

#[test]
fn dl_11_the_shipped_packs_pass_their_examples() {
    let said = dlp(&["test"], "");
    assert_eq!(said.exit, Exit::Done, "{}", said.out);
    assert!(
        said.out.trim_end().ends_with(" passed, 0 failed"),
        "{}",
        said.out
    );
    let answer = &dlp(&["test", "--json"], "").lines()[0];
    assert_eq!(
        (&answer["ok"], &answer["failed"]),
        (&json!(true), &json!(0))
    );
    assert!(answer["passed"].as_u64().unwrap() >= 4 * answer["detectors"].as_u64().unwrap());
}

#[test]
fn dl_11_an_example_that_fails_is_named_with_its_reason_and_not_shown() {
    let broken = STAFF
        .replace("\"PN-123456\"", "\"PN 123456\"")
        .replace(
            "\"Nummer PN-000001.\"",
            "{ text = \"Nummer PN-000001.\", strength = \"high\" }",
        )
        .replace("\"PN-12345\"", "\"siehe PN-123450\"");
    let (_folder, file) = rules(&broken);
    let said = dlp(&["test", "--rules", &file], "");
    assert_eq!(said.exit, Exit::No);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", said.out);
    for (line, reason) in [
        (lines[0], "example 1 is not found"),
        (lines[1], "example 2 is medium and not high"),
        (lines[2], "negative example 1 is found as medium"),
    ] {
        assert!(
            line.contains("own.toml:2: own.staff: ") && line.contains(reason),
            "{line}"
        );
    }
    assert_eq!(lines[3], "1 passed, 3 failed");
    assert!(!said.out.contains("123456") && !said.out.contains("PN-"));
    let answer = &dlp(&["test", "--rules", &file, "--json"], "").lines()[0];
    assert_eq!(answer["ok"], false);
    let failure = &answer["failures"][1];
    for (key, value) in [
        ("detector", json!("own.staff")),
        ("example", json!("examples")),
        ("number", json!(2)),
        ("expected", json!("high")),
        ("saw", json!("medium")),
    ] {
        assert_eq!(failure[key], value, "{key}");
    }
}

#[test]
fn ru_1_a_file_that_does_not_load_names_every_mistake_with_its_line() {
    let other = STAFF
        .replace("regex", "regexp")
        .replace("own.staff", "own.other");
    let third = STAFF
        .replace("[0-9]", "(?=[0-9])")
        .replace("own.staff", "own.third");
    let (_folder, file) = rules(&[STAFF, &other, &third].concat());
    for command in ["test", "scan"] {
        let said = dlp(&[command, "--rules", &file], "");
        assert_eq!(said.exit, Exit::Usage, "{command}");
        assert!(said.err.contains("own.toml:10: own.other"), "{}", said.err);
        assert!(said.err.contains("own.toml:18: own.third"), "{}", said.err);
        assert!(said.out.is_empty());
    }
    let said = dlp(&["test", "--rules", &file, "--json"], "");
    assert!(said.lines()[0]["errors"].as_array().unwrap().len() >= 2);
}

#[test]
fn rules_without_a_detector_and_rules_from_stdin_are_refused() {
    for text in ["", "# nothing\n", "[defaults]\nviews = [\"raw\"]\n"] {
        let (_folder, file) = rules(text);
        for command in ["test", "scan"] {
            let said = dlp(&[command, "--rules", &file], "");
            assert_eq!(said.exit, Exit::Usage, "{command} {text:?}");
            assert!(
                said.err.contains("own.toml: no detector in it"),
                "{}",
                said.err
            );
            assert!(said.out.is_empty(), "{}", said.out);
        }
        let (_other, staff) = rules(STAFF);
        let both = dlp(&["test", "--rules", &file, "--rules", &staff], "");
        assert_eq!(both.exit, Exit::Done, "{}", both.err);
    }
    let said = dlp(&["test", "--rules", "-"], STAFF);
    assert_eq!(said.exit, Exit::Usage);
    assert!(said.err.contains("/dev/stdin"), "{}", said.err);
    let none = dlp(&["import", "-"], "title = \"none\"\n");
    assert_eq!(none.exit, Exit::No, "nothing was kept");
}

/// Two rules as others write them; the second has a pattern that no linear engine runs.
const FOREIGN: &str = r#"
title = "rules"
[[rules]]
id = "staff"
description = "staff number"
regex = '''PN-[0-9]{6}'''
keywords = ["pn-"]

[[rules]]
id = "ahead"
description = "looks ahead"
regex = '''PN-(?=[0-9])'''
"#;

#[test]
fn ru_3_foreign_rules_become_detectors_and_what_is_refused_is_named() {
    let (_folder, file) = rules(FOREIGN);
    let said = dlp(&["import", &file], "");
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert!(said.err.contains("refused ahead: "), "{}", said.err);
    let (_folder, imported) = rules(&said.out);
    let found = dlp(
        &["scan", "--rules", &imported, "--json"],
        r#"{"id":1,"text":"PN-123456"}"#,
    );
    assert_eq!(
        found.lines()[0]["findings"][0]["detector"],
        "import.staff",
        "{}",
        found.err
    );
    let tested = dlp(&["test", "--rules", &imported], "");
    assert_eq!(tested.exit, Exit::Done);
    assert!(
        tested.out.contains("import.staff"),
        "it is listed: {}",
        tested.out
    );
    let answer = &dlp(&["import", "-", "--json"], FOREIGN).lines()[0];
    assert_eq!(answer["kept"].as_array().unwrap().len(), 1);
    assert_eq!(answer["refused"][0]["id"], "ahead");
    assert!(answer["toml"].is_string() && answer["notes"].is_array());
    assert_eq!(dlp(&["import", "-"], "[[rules").exit, Exit::Usage);
}

#[test]
fn a_size_is_written_with_or_without_its_unit() {
    assert_eq!(size("64MiB"), Ok(64 << 20));
    assert_eq!(size("64 KiB"), Ok(64 << 10));
    assert_eq!(size("1000"), Ok(1000));
    for wrong in ["", "MiB", "0", "-1", "1.5MiB", "99999999999GiB"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_command_has_an_example() {
    for command in Cli::command().get_subcommands_mut() {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example:"), "{}", command.get_name());
    }
}

/// The packs that are built in are those that lie in the tree.
#[test]
fn every_pack_of_the_tree_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/dlp");
    let mut tree: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    tree.sort();
    let mut built: Vec<String> = crate::shipped::packs()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    built.sort();
    assert_eq!(built, tree);
    assert_eq!(crate::shipped::spifs().len(), 5);
}
