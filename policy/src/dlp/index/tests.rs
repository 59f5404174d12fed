#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

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
const HEADINGS: [&str; 3] = ["Vorname", "Nachname", "KVNR"];

fn key(byte: u8) -> IndexKey {
    IndexKey::new([byte; 32])
}

fn patients(rows: &[[&'static str; 3]]) -> Built {
    let spec = TableSpec::parse(SPEC).unwrap();
    let rows = rows.iter().map(|row| row.to_vec());
    build_table(&spec, &HEADINGS, rows, &key(7)).unwrap()
}

fn erika() -> Built {
    patients(&[["Erika", "Mustermann", "A123456780"]])
}

fn refused(bytes: &[u8], key: &IndexKey) -> IndexError {
    Index::read(bytes, key).map(|_| ()).unwrap_err()
}

#[test]
fn an_index_has_no_value_in_it() {
    let built = erika();
    let text = String::from_utf8_lossy(&built.bytes).to_lowercase();
    for part in ["erika", "mustermann", "a123456780", "123456"] {
        assert!(!text.contains(part), "{part}");
    }
    assert_eq!((built.items, built.left_out, built.entries), (1, 0, 3));
}

#[test]
fn the_same_table_gives_the_same_file_and_another_key_another_one() {
    assert_eq!(erika().bytes, erika().bytes);
    let spec = TableSpec::parse(SPEC).unwrap();
    let rows = [vec!["Erika", "Mustermann", "A123456780"]];
    let other = build_table(&spec, &HEADINGS, rows, &key(8)).unwrap();
    let same = other.bytes.windows(8).skip(200).filter(|part| {
        erika()
            .bytes
            .windows(8)
            .skip(200)
            .any(|known| &known == part)
    });
    assert_eq!(same.count(), 0, "nothing of the body is alike");
}

#[test]
fn a_file_that_is_cut_changed_or_of_another_key_is_refused_with_a_remedy() {
    let built = erika();
    let bytes = &built.bytes;
    assert_eq!(refused(b"name,kvnr\n", &key(7)), IndexError::NotAnIndex);
    assert_eq!(refused(&bytes[..10], &key(7)), IndexError::NotAnIndex);
    for length in [40, bytes.len() - 1] {
        let stated = bytes.len() as u64;
        let error = IndexError::Length {
            found: length,
            stated,
        };
        assert_eq!(refused(&bytes[..length], &key(7)), error);
        assert!(error.to_string().contains("copy it again"));
    }
    assert_eq!(refused(bytes, &key(8)), IndexError::WrongKey);
    for at in [8, 40, 200, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(refused(&changed, &key(7)), IndexError::Changed, "byte {at}");
    }
}

#[test]
fn an_index_says_its_name() {
    let (name, _) = Index::read(&erika().bytes, &key(7)).unwrap();
    assert_eq!(name, "patients");
}

#[test]
fn rows_without_a_value_are_counted_and_a_table_of_none_is_refused() {
    let built = patients(&[["Erika", "Mustermann", ""], ["", "", "12"], ["", "", ""]]);
    assert_eq!((built.items, built.left_out), (1, 2));
    let spec = TableSpec::parse(SPEC).unwrap();
    let nothing = build_table(&spec, &HEADINGS, [vec!["", "", ""]], &key(7));
    assert_eq!(nothing, Err(IndexError::Empty));
}

#[test]
fn a_wrong_specification_says_what_to_do() {
    for (from, to, said) in [
        ("\"name\"\nfrom", "\"na me\"\nfrom", "is no name"),
        ("\"patients\"", "\"\"", "is no name"),
        ("\"kvnr\"", "\"name\"", "rename one"),
        ("[\"KVNR\"]", "[]", "name the headings"),
        ("\"number\"", "\"iban\"", "line 10: "),
        (
            "kind = \"name\"",
            "kind = \"name\"\nsalt = 1",
            "line 7: unknown field",
        ),
    ] {
        assert!(SPEC.contains(from), "{from}");
        let error = TableSpec::parse(&SPEC.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let spec = TableSpec::parse(SPEC).unwrap();
    let error = TableBuilder::new(&spec, &["Vorname", "Name"], &key(7)).err();
    let text = error.unwrap().to_string();
    assert!(text.contains("no column \"Nachname\""), "{text}");
}

#[test]
fn a_key_file_is_64_hexadecimal_digits() {
    let text = key(0xab).to_text();
    assert_eq!(text, format!("{}\n", "ab".repeat(32)));
    assert_eq!(IndexKey::from_text(&text).unwrap().to_text(), text);
    for wrong in [
        "",
        "ab",
        &"zz".repeat(32),
        &"+a".repeat(32),
        &"ab".repeat(33),
    ] {
        let error = IndexKey::from_text(wrong).unwrap_err().to_string();
        assert!(error.contains("--new-key"), "{error}");
    }
    assert_eq!(format!("{:?}", key(1)), "IndexKey(hidden)");
}
