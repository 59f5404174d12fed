//! People of a table, and never the table: an operator makes an index where the data is, a policy author has a detector use
//! it, the gateway finds the people, and nowhere behind the first step do their names stand.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::evidence::files_with;
use sluice_tests::stub::room::Event;
use sluice_tests::stub::{World, errors};

/// People that nobody is. The last two are for the examples of the detector.
const TABLE: &str = "Vorname;Nachname;Geburtsdatum;KVNR
Annegret;Vogelsang-Brettschneider;17.04.1961;K739201846
Korbinian;Zwickelmoser;02.11.1987;W518206347
Erika;Mustermann;12.08.1964;A123456780
Max;Musterfrau;01.02.1970;B987654321
";
const SPEC: &str = r#"
name = "patients"
[[column]]
name = "name"
from = ["Vorname", "Nachname"]
kind = "name"
[[column]]
name = "birth_date"
from = ["Geburtsdatum"]
kind = "date"
[[column]]
name = "kvnr"
from = ["KVNR"]
kind = "number"
"#;
const DETECTOR: &str = r#"
[[detector]]
id = "own.patient"
description = "Two of name, birth date and insurance number of one patient"
exact = { index = "patients", columns = ["name", "birth_date", "kvnr"], at_least = 2, within = 200 }
strength = "high"
examples = ["Erika Mustermann, geboren am 12.8.1964", "B 987 654 321 (Max Musterfrau)"]
negative_examples = ["Erika Mustermann", "Erika Mustermann, geboren am 1.2.1970"]
"#;
/// What stands in the table of the people, in the spellings of table, text and look-up.
const RAW: [&str; 7] = [
    "Annegret",
    "Vogelsang",
    "vogelsang",
    "VOGELSANG",
    "K739201846",
    "17.04.1961",
    "1961-04-17",
];

/// The folder in which operator and author work; the gateway never sees it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let text = |path: &str| std::fs::read_to_string(rules.join(path)).unwrap();
        let mut settings: Value =
            serde_json::from_str(&text("profiles/demo/settings.json")).unwrap();
        settings["settings"]["dlp"]["ordinary"] =
            json!([{"detector": "own.patient", "strength": "high", "action": "hold"}]);
        let profile = format!(
            "name = \"clinic\"\nversion = \"1\"\nspif = [{spif:?}]\ndlp = [\"own.toml\"]\n\
             indexes = {{ patients = \"patients.idx\" }}\nrego = {rego:?}\nsettings = \"settings.json\"\n\
             [links.\"*\"]\nrequire_label = \"none\"\nedus = []\nencryption = \"refuse\"\n",
            spif = rules.join("spif/de-sample.xml").display().to_string(),
            rego = rules.join("rego").display().to_string(),
        );
        for (name, text) in [
            ("patients.csv", TABLE),
            ("INDEX.toml", SPEC),
            ("own.toml", DETECTOR),
            ("settings.json", &settings.to_string()),
            ("bundle.toml", &profile),
        ] {
            std::fs::write(desk.path(name), text).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `sluice`; what it said on stdout. A word with an @ is a file on the desk.
    fn sluice(&self, line: &str, more: &[&Path]) -> String {
        let words = line.split(' ').map(|word| match word.strip_prefix('@') {
            Some(file) => self.path(file).into_os_string(),
            None => word.into(),
        });
        let done = Command::new(sluice_tests::sluice_binary())
            .args(words)
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "sluice {line}: {said}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// The bundle as everybody can unpack it.
    fn unpacked(&self, bundle: &Path) -> PathBuf {
        let folder = self.path("unpacked");
        std::fs::create_dir(&folder).unwrap();
        let done = Command::new("tar")
            .arg("-xzf")
            .arg(bundle)
            .arg("-C")
            .arg(&folder)
            .status();
        assert!(done.unwrap().success());
        folder
    }
}

/// A gateway that runs the clinic's bundle.
fn clinic(desk: &Desk) -> World {
    let mut world = World::new();
    desk.sluice("dlp index --new-key @index.key", &[]);
    let made = desk.sluice(
        "dlp index --config @INDEX.toml --key @index.key --out @patients.idx --json @patients.csv",
        &[],
    );
    assert!(made.contains("\"items\":4"), "{made}");
    let key = world.gateway.file("keys/bundle.key");
    let bundle = world.gateway.file("bundle.tar.gz");
    let built = "policy build --profile @ --index-key @index.key";
    desk.sluice(
        built,
        &[Path::new("--key"), &key, Path::new("--out"), &bundle],
    );
    std::fs::copy(desk.path("index.key"), world.gateway.file("keys/index.key")).unwrap();
    world.gateway.edit("sluice.toml", |text| {
        text.replacen("[keys]\n", "[keys]\nindexes = \"keys/index.key\"\n", 1)
    });
    world.gateway.restart();
    world
}

/// Alice says these things in a room of its own; what became of the last.
fn says(world: &World, texts: &[&str]) -> (Event, bool) {
    let mut room = world.alices_room(RoomVersion::V12);
    let (last, before) = texts.split_last().unwrap();
    for text in before {
        let event = room.message(&world.alice(), text);
        let reply = world.alice_sends(&[event]);
        assert!(errors(&reply).is_empty(), "{text}");
    }
    let event = room.message(&world.alice(), last);
    let crossed = errors(&world.alice_sends(std::slice::from_ref(&event))).is_empty();
    assert_eq!(world.peer.far.saw(last), crossed, "{last}");
    (event, crossed)
}

#[test]
fn two_of_a_persons_data_are_held_one_crosses_and_the_table_is_nowhere() {
    let desk = Desk::new();
    let world = clinic(&desk);
    for alone in [
        "Frau Annegret Vogelsang-Brettschneider ist da",
        "geboren am 17.04.1961",
        "Nummer K 739 201 846",
        "Annegret Vogelsang-Brettschneider, W518206347",
    ] {
        assert!(says(&world, &[alone]).1, "{alone}");
    }
    for two in [
        &["Vogelsang-Brettschneider, Annegret (geb. 17. April 1961)"][..],
        &["K739-201-846 ist Annegret Vogelsang-Brettschneider"],
        &["17.04.1961, K739201846"],
        &["Annegret Vogelsang-Brettschneider", "K739201846"],
    ] {
        let (event, crossed) = says(&world, two);
        assert!(!crossed, "{two:?}");
        let lines = world.gateway.audit();
        let held = lines
            .iter()
            .find(|line| line["kind"] == "event" && line["event_id"] == event.id.as_str())
            .unwrap();
        assert_eq!(
            (&held["rule"], &held["reason"]),
            (&json!("dlp.own.patient"), &json!("held"))
        );
    }
    let unpacked = desk.unpacked(&world.gateway.file("bundle.tar.gz"));
    assert!(!files_with(&unpacked, "own.patient").is_empty());
    for raw in RAW {
        assert_eq!(files_with(&unpacked, raw), Vec::<PathBuf>::new(), "{raw}");
        let kept = files_with(&world.gateway.dir, raw);
        assert_eq!(kept, Vec::<PathBuf>::new(), "{raw}");
    }
}

#[test]
fn a_gateway_without_the_key_of_its_indexes_lets_nothing_cross() {
    let desk = Desk::new();
    let mut world = clinic(&desk);
    world.gateway.edit("sluice.toml", |text| {
        text.replacen("indexes = \"keys/index.key\"\n", "", 1)
    });
    world.gateway.restart();
    let mut room = sluice_tests::stub::room::Room::create(RoomVersion::V12, &world.alice());
    let join = room.member(&world.alice(), "@alice:high.test", "join");
    let reply = world.alice_sends(&[room.create.clone(), join]);
    assert_eq!(reply.status, 503, "no detector is left out silently");
}
