#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::dlp::{IndexKey, TableSpec, build_table};

const SPEC: &str = r#"
name = "patients"
[[column]]
name = "name"
from = ["Vorname", "Nachname"]
kind = "name"
[[column]]
name = "birth_date"
from = ["geboren"]
kind = "date"
[[column]]
name = "kvnr"
from = ["KVNR"]
kind = "number"
[[column]]
name = "town"
from = ["Ort"]
kind = "text"
"#;

const PEOPLE: [[&str; 5]; 4] = [
    [
        "Erika Maria",
        "Mustermann",
        "03.04.1975",
        "A123456780",
        "Bad Tölz",
    ],
    ["Jürgen", "Groß", "1980-12-24", "M123456785", "Bad Tölz"],
    ["Bob", "Müller", "24.12.1980", "X100000001", "Bad Tölz"],
    ["Karl-Heinz", "von der Aue", "1.1.1950", "Z999999998", ""],
];

fn index(rows: impl IntoIterator<Item = Vec<&'static str>>) -> Index {
    let key = IndexKey::new([7; 32]);
    let spec = TableSpec::parse(SPEC).unwrap();
    let headings = ["Vorname", "Nachname", "geboren", "KVNR", "Ort"];
    let built = build_table(&spec, &headings, rows, &key).unwrap();
    Index::read(&built.bytes, &key).unwrap().1
}

fn spec(toml: &str) -> ExactSpec {
    toml::from_str(&format!("index = \"patients\"\n{toml}")).unwrap()
}

fn exact(toml: &str) -> Exact {
    let people = PEOPLE.iter().map(|row| row.to_vec());
    Exact::new(&spec(toml), &index(people)).unwrap()
}

fn found<'t>(exact: &Exact, text: &'t str) -> Vec<&'t str> {
    let spans = exact.find(text).unwrap();
    spans.iter().map(|(from, to)| &text[*from..*to]).collect()
}

#[test]
fn two_values_of_one_person_are_found_in_every_spelling() {
    let exact = exact("columns = [\"name\", \"birth_date\", \"kvnr\"]");
    for text in [
        "Erika Mustermann, geb. 3. April 1975",
        "MUSTERMANN, ERIKA MARIA (03.04.75)",
        "1975-04-03 Erika Maria Mustermann",
        "A 123 456 780 ist die Nummer von Erika Mustermann",
        "A123456780 geb. April 3rd, 1975",
        "Juergen Gross 24.12.1980",
        "Jürgen Groß KVNR: M-1234-5678-5",
        "von der Aue, Karl-Heinz: 01.01.1950",
        "**Bob** **Mu\u{308}ller**, X1 0 0 0 0 0 0 0 1",
    ] {
        assert_eq!(found(&exact, text).len(), 1, "{text}");
    }
}

#[test]
fn a_form_with_headings_between_the_values_shows_its_person() {
    let exact = exact("columns = [\"name\", \"birth_date\", \"kvnr\"]");
    for text in [
        "Vorname: Erika\nNachname: Mustermann\nGeburtsdatum: 03.04.1975",
        "Name\nMustermann\nVorname(n)\nErika Maria\nVersichertennummer\nA123456780",
        "Name: von der Aue | Vorname: Karl-Heinz | geb.: 1.1.1950",
        "First name: Bob\nLast name: Müller\nDate of birth: 1980-12-24",
        "Vorname;Nachname;geboren\nErika;Mustermann;03.04.1975",
        "Vorname   Nachname     KVNR\nErika     Mustermann   A123456780",
    ] {
        assert_eq!(found(&exact, text).len(), 1, "{text}");
    }
    for text in [
        "Vorname: Erika\nNachname: Müller\nGeburtsdatum: 03.04.1975",
        "Vorname: Erika\nGeburtsdatum: 03.04.1975",
        "Vorname: Erika, weiterer Vorname von Mustermann, 03.04.1975",
    ] {
        assert_eq!(found(&exact, text), [""; 0], "{text}");
    }
}

#[test]
fn one_value_or_values_of_two_people_are_no_finding() {
    let exact = exact("columns = [\"name\", \"birth_date\", \"kvnr\"]");
    for text in [
        "Erika Mustermann hat angerufen",
        "am 03.04.1975 war das Wetter gut",
        "A123456780",
        "Erika Mustermann und 24.12.1980",
        "Erika Mustermann, M123456785",
        "Erika und Mustermann am 03.04.1975",
        "Mustermann am 03.04.1975",
        "Erika Mustermann XA123456780",
        "",
    ] {
        assert_eq!(found(&exact, text), [""; 0], "{text}");
    }
}

#[test]
fn a_common_day_or_town_belongs_to_each_of_its_people() {
    let exact = exact("");
    assert_eq!(
        found(&exact, "Groß und Müller, Bad Tölz, 24.12.1980"),
        ["Bad Tölz, 24.12.1980"]
    );
    assert_eq!(
        found(&exact, "Bob Müller aus Bad Toelz"),
        ["Bob Müller aus Bad Toelz"]
    );
    assert_eq!(found(&exact, "Bob Müller aus Bad Aibling"), [""; 0]);
}

#[test]
fn spans_begin_with_the_first_value_and_end_with_the_last() {
    let exact = exact("at_least = 3");
    let text = "Hallo, Erika Mustermann (03.04.1975) hat A123456780, danke";
    assert_eq!(
        found(&exact, text),
        ["Erika Mustermann (03.04.1975) hat A123456780"]
    );
    let two = "Erika Mustermann 03.04.1975; Bob Müller 24.12.1980";
    assert_eq!(
        found(&self::exact(""), two),
        ["Erika Mustermann 03.04.1975", "Bob Müller 24.12.1980"]
    );
}

#[test]
fn values_that_stand_too_far_apart_are_no_finding() {
    let apart = |words: usize| format!("A123456780 {}Erika Mustermann", "ä ".repeat(words));
    let exact = exact("within = 200");
    assert_eq!(found(&exact, &apart(99)).len(), 1);
    assert_eq!(found(&exact, &apart(100)).len(), 0);
}

#[test]
fn mistakes_of_a_detector_say_what_to_do() {
    let people = || index(PEOPLE.iter().map(|row| row.to_vec()));
    for (toml, said) in [
        ("columns = [\"nam\"]", "it has name, birth_date, kvnr, town"),
        ("at_least = 0", "from 1"),
        ("at_least = 5", "columns, 4"),
        ("within = 10001", "lower it"),
    ] {
        let error = Exact::new(&spec(toml), &people()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(toml::from_str::<ExactSpec>("index = \"a\"\nsalt = 1").is_err());
}

#[test]
fn what_everybody_has_costs_no_more_than_the_rest() {
    let number = |at: usize| format!("N{at:08}").leak() as &'static str;
    let rows = (0..20_000).map(|at| vec!["Bob", "Müller", "24.12.1980", number(at), "Bad Tölz"]);
    let index = index(rows);
    let exact = Exact::new(&spec("columns = [\"birth_date\", \"kvnr\"]"), &index).unwrap();
    let text = "24.12.1980 und N00000017, ".repeat(500);
    assert_eq!(exact.find(&text).unwrap().len(), 500);
    let all = Exact::new(&spec("columns = [\"name\", \"town\"]"), &index).unwrap();
    let crowd = "Bob Müller aus Bad Tölz ".repeat(60);
    assert!(
        matches!(all.find(&crowd), Err(ScanError::Budget { .. })),
        "fail closed"
    );
}

#[test]
fn text_of_single_digits_stays_within_the_budget_or_fails() {
    let exact = exact("");
    assert_eq!(exact.find(&"1 ".repeat(32 * 1024)), Ok(vec![]));
    assert!(exact.find(&"1 2 ".repeat(800_000)).is_err());
}
