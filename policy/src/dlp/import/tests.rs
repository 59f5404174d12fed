#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::json;

use super::*;
use crate::{
    dlp::{Detectors, LoadOptions},
    label::{Spif, Spifs},
};

/// Alice's file: what her organisation wrote for another program.
const FILE: &str = include_str!("tests/alice.toml");

fn spifs() -> Spifs {
    let sample = Spif::parse(include_str!("../../../../rules/spif/de-sample.xml")).unwrap();
    Spifs::new(vec![sample]).unwrap()
}

fn imported(file: &str) -> Imported {
    import(file, &ImportOptions::default()).unwrap()
}

fn detectors(imported: &Imported) -> Detectors {
    let files = [("imported.toml".to_owned(), imported.toml.clone())];
    let options = LoadOptions::default();
    match Detectors::parse_with(&files, &spifs(), &options) {
        Ok(detectors) => detectors,
        Err(errors) => stop(&errors.join("\n")),
    }
}

#[allow(clippy::panic, reason = "shows all mistakes at once")]
fn stop(what: &str) -> Detectors {
    panic!("{what}")
}

/// What is found in a line: id and value.
fn found(detectors: &Detectors, line: &str) -> Vec<String> {
    let tree = json!(line).try_into().unwrap();
    let findings = detectors.scan(&tree, "").unwrap();
    findings
        .iter()
        .map(|finding| format!("{}={}", finding.detector, &line[finding.start..finding.end]))
        .collect()
}

fn reasons(remarks: &[Remark], id: &str) -> String {
    let of_id = remarks.iter().filter(|remark| remark.id == id);
    of_id
        .map(|remark| remark.reason.clone())
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn ru_3_every_pattern_is_kept_under_its_id_and_the_rest_is_named() {
    let imported = imported(FILE);
    assert_eq!(
        imported.kept,
        [
            "import.acme-token",
            "import.acme-pair",
            "import.acme-grouped",
            "import.acme-ascii",
            "import.acme-allowed",
            "import.acme-both",
            "import.acme-braces",
            "import.acme-near",
            "import.acme-file",
            "import.acme_dotted_id",
        ]
    );
    let refused: Vec<&str> = imported
        .refused
        .iter()
        .map(|remark| remark.id.as_str())
        .collect();
    assert_eq!(
        refused,
        [
            "[extend]",
            "acme-path-only",
            "acme-look",
            "acme-huge",
            "acme-filter",
            "acme-live",
            "acme-group",
            "acme-token",
            ""
        ]
    );
    for (id, reason) in [
        ("[extend]", "other files are not fetched"),
        ("acme-path-only", "no pattern but only a path"),
        ("acme-look", "look-around"),
        ("acme-huge", "larger than 10485760 bytes when compiled"),
        ("acme-filter", "filters by an expression"),
        ("acme-live", "checks over the network"),
        ("acme-group", "a group that the pattern does not have"),
        ("acme-token", "another rule has this id"),
        ("", "has no id"),
    ] {
        let said = reasons(&imported.refused, id);
        assert!(said.contains(reason), "{id}: {said}");
    }
    let note = reasons(&imported.notes, "acme-file");
    assert!(note.contains("not only for files of its path"), "{note}");
}

#[test]
fn ru_3_a_greater_limit_keeps_the_large_pattern() {
    let options = ImportOptions {
        size_limit: 64 * 1024 * 1024,
    };
    let imported = import(FILE, &options).unwrap();
    assert!(imported.kept.contains(&"import.acme-huge".to_owned()));
}

/// The results of the other program on the same lines, written down by hand.
#[test]
fn ru_3_the_imported_detectors_find_what_the_rules_find() {
    let detectors = detectors(&imported(FILE));
    for (line, expected) in [
        // A keyword in any case, a border in ASCII.
        (
            "acme_4f9c01d2e8b7a653 done",
            "import.acme-token=acme_4f9c01d2e8b7a653",
        ),
        (
            "ACME said: acme_4f9c01d2e8b7a653ä",
            "import.acme-token=acme_4f9c01d2e8b7a653",
        ),
        ("acme_4f9c01d2e8b7a653b", ""),
        // Entropy: of 2 bits, more than 2 are demanded.
        ("acme_0000000000000000", ""),
        // The value is the first group that is not empty, or the one that is named.
        ("pair left:A1b2C3d4", "import.acme-pair=A1b2C3d4"),
        ("pair right:Z9y8X7w6", "import.acme-pair=Z9y8X7w6"),
        (
            "grouped user=bob pass=Q7w8E9r0",
            "import.acme-grouped=Q7w8E9r0",
        ),
        // Classes are ASCII: a letter with two dots ends a word.
        ("grouped user=bob pass=Q7wä", "import.acme-grouped=Q7w"),
        ("digits 1234", "import.acme-ascii=digits 1234"),
        ("digits 12345", ""),
        // Allow-lists: of the value, of the line, stop words, and of the whole file.
        ("allowed=K1K2K3K4", "import.acme-allowed=K1K2K3K4"),
        ("allowed=TEST1234", ""),
        ("allowed=abDEMOcd", ""),
        ("# generated allowed=K1K2K3K4", ""),
        ("allowed=${VARIA}", ""),
        // All conditions of a list must be met.
        ("both=sample99", "import.acme-both=sample99"),
        ("both=sample99 # fixture", ""),
        ("both=secret99 # fixture", "import.acme-both=secret99"),
        // A brace without a count is a sign.
        ("tag {a}{2}", "import.acme-braces={a}{2}"),
        // What it requires must be near.
        ("near key K0K1K2K3 host=db7", "import.acme-near=K0K1K2K3"),
        ("near key K0K1K2K3", ""),
    ] {
        let found = found(&detectors, line).into_iter();
        // The required pattern of `acme-near` is a rule of its own there and here.
        let found: Vec<String> = found
            .filter(|hit| !hit.starts_with("import.acme-file"))
            .collect();
        assert_eq!(found.join(" "), expected, "{line}");
    }
}

#[test]
fn dl_11_imported_detectors_load_without_examples_and_are_listed_as_untested() {
    let imported = imported(FILE);
    assert!(imported.toml.contains("origin = \"import\""));
    let without = imported.toml.replace("origin = \"import\"\n", "");
    let files = [("imported.toml".to_owned(), without)];
    let errors = Detectors::parse(&files, &spifs()).unwrap_err();
    assert!(
        errors.iter().any(|error| error.contains("examples")),
        "{errors:?}"
    );
    assert_eq!(detectors(&imported).ids().count(), imported.kept.len());
}

#[test]
fn keys_have_no_case_and_old_names_of_lists_are_read() {
    let file = r#"
        Title = "x"
        [allowList]
        stopWords = ["nothing"]
        [[RULES]]
        ID = "one"
        Regex = 'k=([a-z]{4})'
        SecretGroup = 1
        [RULES.AllowList]
        StopWords = ["TEST"]
    "#;
    let imported = imported(file);
    assert_eq!((imported.kept.len(), imported.refused.len()), (1, 0));
    let detectors = detectors(&imported);
    assert_eq!(found(&detectors, "k=abcd"), ["import.one=abcd"]);
    assert_eq!(found(&detectors, "k=test"), [""; 0]);
}

#[test]
fn ru_3_a_key_with_something_else_than_it_should_have_refuses_its_rule_in_plain_words() {
    for (line, reason) in [
        ("keywords = 'k'", "keywords is not a list of texts"),
        ("keywords = ['k', 3]", "keywords is not a list of texts"),
        ("description = 5", "description is not a text"),
        ("entropy = 'high'", "entropy is not a number"),
        (
            "secretGroup = -1",
            "secretgroup is not a whole number from 0",
        ),
        ("skipReport = 'yes'", "skipreport is not true or false"),
        ("allowlist = 5", "allowlist is no table"),
        (
            "allowlists = [{ regexes = 'x' }]",
            "allowlists: regexes is not a list of texts",
        ),
        (
            "allowlists = [{ regexes = ['x'], regexTarget = 'file' }]",
            "allowlists: regextarget is none of secret, match, line",
        ),
        (
            "allowlists = [{ regexes = ['x'], condition = 'XOR' }]",
            "allowlists: condition is none of or, ||, and, &&",
        ),
        (
            "allowlists = [{ regexes = ['x'], fileTypes = ['y'] }]",
            "allowlists: \"filetypes\" is no key of this format",
        ),
        (
            "required = [{ id = 'b', withinLines = 'x' }]",
            "required: withinlines is not a whole number",
        ),
        ("colour = 1", "\"colour\" is no key of this format"),
    ] {
        let file = format!("[[rules]]\nid = 'a'\nregex = 'k=[a-z]{{4}}'\n{line}\n");
        let imported = imported(&file);
        assert!(imported.kept.is_empty(), "{line}");
        let said = reasons(&imported.refused, "a");
        assert!(said.contains(reason), "{line}: {said}");
        assert!(
            !said.contains("expected") && !said.contains("invalid type"),
            "{said}"
        );
    }
    let good = "allowlists = [{ regexes = ['k=test'], regexTarget = 'Match', condition = 'OR' }]";
    let file = format!("[[rules]]\nid = 'a'\nregex = 'k=[a-z]{{4}}'\n{good}\n");
    let detectors = detectors(&imported(&file));
    assert_eq!(found(&detectors, "k=test"), [""; 0]);
    assert_eq!(found(&detectors, "k=real").len(), 1);
}

#[test]
fn ru_3_a_list_of_the_whole_file_that_is_none_is_named_and_more_is_found_without_it() {
    let file = "[allowlist]\nregexTarget = 'file'\nregexes = ['test']\n\
                [[rules]]\nid = 'a'\nregex = 'k=[a-z]{4}'\n";
    let imported = imported(file);
    assert_eq!(imported.kept, ["import.a"]);
    let said = reasons(&imported.refused, "[allowlist]");
    assert!(said.contains("regextarget is none of"), "{said}");
    assert_eq!(found(&detectors(&imported), "k=test").len(), 1);
}

#[test]
fn ru_1_what_is_no_rule_file_is_refused_with_its_line() {
    let error = |file: &str| {
        import(file, &ImportOptions::default())
            .unwrap_err()
            .to_string()
    };
    assert!(error("title = \"x\"\n[[rules]]\nid = ").starts_with("line 3: "));
    assert!(error("rules = 5").contains("neither a table nor a list of tables"));
    let large = "#".repeat(MAX_FILE_BYTES + 1);
    assert!(error(&large).contains("split it"));
    let none = imported("");
    assert_eq!((none.kept.len(), none.refused.len()), (0, 0));
    let _: Detectors = detectors(&none);
}
