//! The command as it is typed: alice at the hospital makes an index of made-up patients.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use sluice_policy::dlp::{Exact, ExactSpec, Index};

use super::*;

const SPEC: &str = r#"
name = "patients"
[[column]]
name = "name"
from = ["Vorname", "Nachname"]
kind = "name"
[[column]]
name = "kvnr"
from = ["KVNR"]
kind = "number"
"#;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    index: IndexArgs,
}

/// A folder with files.
struct World(tempfile::TempDir);

/// What the command said.
struct Said {
    exit: Exit,
    out: String,
    err: String,
}

impl World {
    fn new(table: &str) -> Self {
        let world = World(tempfile::tempdir().unwrap());
        fs::write(world.path("INDEX.toml"), SPEC).unwrap();
        fs::write(world.path("table.csv"), table).unwrap();
        assert_eq!(world.says("--new-key k.key").exit, Exit::Done);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command; every word with a dot or a slash is a path in the folder.
    fn says(&self, line: &str) -> Said {
        let words = line.split_whitespace().map(|word| {
            if word.contains(['.', '/']) && !word.starts_with("--") {
                self.path(word).display().to_string()
            } else {
                word.to_owned()
            }
        });
        let cli = Cli::try_parse_from(std::iter::once("index".to_owned()).chain(words)).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(&cli.index, &mut "".as_bytes(), &mut out, &mut err);
        Said {
            exit,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    fn key(&self) -> IndexKey {
        IndexKey::from_text(&fs::read_to_string(self.path("k.key")).unwrap()).unwrap()
    }

    fn finds(&self, text: &str) -> bool {
        let (name, index) =
            Index::read(&fs::read(self.path("p.idx")).unwrap(), &self.key()).unwrap();
        assert_eq!(name, "patients");
        let spec = ExactSpec {
            index: name,
            columns: Vec::new(),
            at_least: 2,
            within: 200,
        };
        !Exact::new(&spec, &index)
            .unwrap()
            .find(text)
            .unwrap()
            .is_empty()
    }
}

const TABLE: &str = "--config INDEX.toml --key k.key --out p.idx table.csv";

#[test]
fn a_table_of_each_form_becomes_an_index_that_finds_its_people() {
    for table in [
        "Vorname,Nachname,KVNR\nErika,Mustermann,A123456780\n",
        "\u{feff}Vorname;Nachname;KVNR\r\n\"Erika\";\"Muster\nmann\";A 123 456 780\r\nBob;;\r\n",
        "KVNR\tNachname\tVorname\nA123456780\tMustermann\tErika\n",
        "sep=;\nVorname;Nachname;KVNR\nErika;Mustermann;A123456780\n",
        "\u{feff}SEP=|\r\nVorname|Nachname|KVNR\r\nErika|Mustermann|A123456780\r\n",
        "sep=\t\nVorname\tNachname\tKVNR\nErika\tMustermann\tA123456780\n",
    ] {
        let world = World::new(table);
        let said = world.says(&format!("{TABLE} --json"));
        assert_eq!(said.exit, Exit::Done, "{}", said.err);
        assert!(said.out.starts_with("{\"bytes\":"), "{}", said.out);
        let name = if table.contains("Muster\n") {
            "Muster Mann"
        } else {
            "Mustermann"
        };
        assert!(
            world.finds(&format!("Erika {name} hat A123456780")),
            "{table}"
        );
        assert!(!world.finds("Bob Mustermann hat A123456780"));
    }
}

#[test]
fn a_row_that_does_not_fit_the_headings_is_refused_with_its_line() {
    for (row, line) in [
        ("Otto,Müller", 3),
        ("Müller, Otto,Müller,A123456781", 3),
        ("Otto,\"Müller,A123456781\nAnna,Bell,A123456782", 3),
    ] {
        let table = format!("Vorname,Nachname,KVNR\nErika,Mustermann,A123456780\n{row}\n");
        let said = World::new(&table).says(TABLE);
        assert_eq!(said.exit, Exit::Usage, "{row}");
        assert!(
            said.err.contains(&format!("table.csv:{line}: ")),
            "{}",
            said.err
        );
        assert!(!said.err.contains("Müller"), "{}", said.err);
    }
    let said = World::new("sep=,\nVorname,Nachname,KVNR\nOtto,Müller\n").says(TABLE);
    assert!(said.err.contains("table.csv:3: "), "{}", said.err);
}

#[test]
fn cells_that_cannot_be_read_are_counted_by_column() {
    let world = World::new("Vorname,Nachname,Tag\nErika,Mustermann,05/13/1966\nBob,Meier,\n");
    let spec = SPEC.replace("kvnr", "day").replace("KVNR", "Tag");
    fs::write(world.path("INDEX.toml"), spec.replace("number", "date")).unwrap();
    let said = world.says(TABLE);
    let told = "column day: 1 cells could not be read";
    assert!(said.out.contains(told), "{}{}", said.out, said.err);
    let said = world.says(&format!("{TABLE} --json"));
    assert!(said.out.contains(r#""unread":{"day":1}"#), "{}", said.out);
}

#[test]
fn nothing_but_an_index_is_written_over() {
    let world = World::new("Vorname,Nachname,KVNR\nErika,Mustermann,A123456780\n");
    fs::write(world.path("notes.txt"), "mine").unwrap();
    for other in ["table.csv", "k.key", "INDEX.toml", "notes.txt"] {
        let before = fs::read(world.path(other)).unwrap();
        let said = world.says(&TABLE.replace("p.idx", other));
        assert_eq!(said.exit, Exit::Usage, "{other}");
        assert_eq!(fs::read(world.path(other)).unwrap(), before, "{other}");
    }
    assert_eq!(world.says(TABLE).exit, Exit::Done);
    assert_eq!(world.says(TABLE).exit, Exit::Done, "an index is replaced");
}

#[test]
fn a_folder_of_texts_becomes_an_index() {
    let world = World::new("");
    fs::create_dir_all(world.path("plans/old")).unwrap();
    let plan = "Der Plan sieht vor dass wir am Montag um neun Uhr mit drei Wagen über die alte Brücke fahren";
    fs::write(world.path("plans/old/a.txt"), plan).unwrap();
    fs::write(world.path("plans/b.txt"), "kurz").unwrap();
    let said = world.says("--documents plans/ --name plans --key k.key --out p.idx");
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert!(said.out.starts_with("1 items with "), "{}", said.out);
    assert!(
        said.out
            .ends_with("1 items had nothing that could be taken\n")
    );
    fs::write(world.path("plans/c.bin"), [0xff, 0xfe]).unwrap();
    let said = world.says("--documents plans/ --name plans --key k.key --out p.idx");
    assert_eq!(said.exit, Exit::Usage);
    assert!(
        said.err.contains("c.bin: not text in UTF-8"),
        "{}",
        said.err
    );
}

#[test]
fn mistakes_name_the_file_and_never_repeat_the_table() {
    let world = World::new("Vorname,Name,KVNR\nErika,Mustermann,A123456780\n");
    let said = world.says(TABLE);
    assert_eq!(said.exit, Exit::Usage);
    assert!(said.err.contains("no column \"Nachname\""), "{}", said.err);
    let mut latin = b"Vorname,Nachname,KVNR\nJ".to_vec();
    latin.extend([0xfc, b'r', b'g', b',', b'x', b',', b'1']);
    fs::write(world.path("table.csv"), latin).unwrap();
    let said = world.says(&format!("{TABLE} --json"));
    assert_eq!(said.exit, Exit::Usage);
    assert!(
        said.err.contains("table.csv:2: not UTF-8; save"),
        "{}",
        said.err
    );
    assert!(said.out.contains("\"ok\":false"), "{}", said.out);
    assert!(!world.path("p.idx").exists());
}

#[test]
fn a_key_is_made_once_and_belongs_to_its_owner_alone() {
    let world = World::new("");
    let mode = fs::metadata(world.path("k.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        world.says("--new-key k.key").exit,
        Exit::CouldNot,
        "never overwritten"
    );
    fs::set_permissions(world.path("k.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = world.says(TABLE);
    assert_eq!(said.exit, Exit::Usage);
    assert!(said.err.contains("chmod 600"), "{}", said.err);
    fs::write(world.path("short.key"), "abc").unwrap();
    fs::set_permissions(world.path("short.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let said = world.says("--config INDEX.toml --key short.key --out p.idx table.csv");
    assert!(said.err.contains("64 hexadecimal digits"), "{}", said.err);
}

#[test]
fn a_missing_argument_is_named_and_no_other_task() {
    let said = |line: &str| {
        Cli::try_parse_from(line.split(' '))
            .unwrap_err()
            .to_string()
    };
    let without_out = said("index --config c --key k t.csv");
    assert!(without_out.contains("--out <FILE>"), "{without_out}");
    let without_key = said("index --documents d --name n --out o");
    assert!(without_key.contains("--key <KEY>"), "{without_key}");
    for text in [without_out, without_key] {
        let missing = text.split("Usage").next().unwrap_or_default();
        assert!(!missing.contains("--new-key"), "{text}");
    }
}

#[test]
fn arguments_that_do_not_belong_together_are_refused() {
    for line in [
        "index",
        "index --key k --out o",
        "index --new-key k --out o",
        "index --config c --key k --out o --documents d --name n",
        "index --key k --out o --documents d",
        "index --key k --out o table",
    ] {
        let words = line.split(' ');
        let parsed = Cli::try_parse_from(words);
        let refused = match parsed {
            Err(_) => true,
            Ok(cli) => {
                let mut sink = Vec::new();
                run(&cli.index, &mut "".as_bytes(), &mut Vec::new(), &mut sink) == Exit::Usage
            }
        };
        assert!(refused, "{line}");
    }
}
