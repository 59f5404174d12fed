//! What indexes cost: clean text of 1 KiB against a table of 100,000 rows and 1,000 documents, and a hit.
//!
//! `cargo bench -p sluice-policy --no-default-features --bench dlp_index`

#![allow(clippy::unwrap_used, reason = "a bench may stop at the first surprise")]

use divan::{Bencher, black_box};
use sluice_policy::dlp::{
    Documents, DocumentsSpec, Exact, ExactSpec, Index, IndexKey, TableSpec, build_documents,
    build_table,
};

const SPEC: &str = r#"
name = "patients"
[[column]]
name = "name"
from = ["given", "family"]
kind = "name"
[[column]]
name = "birth_date"
from = ["born"]
kind = "date"
[[column]]
name = "kvnr"
from = ["kvnr"]
kind = "number"
"#;

const CHAT: &str = "Moin zusammen, am Montag um 9:30 treffen wir uns im Raum 204, bitte bringt die Unterlagen vom 12.03. mit. \
    Der Zug kommt um 8:47 an Gleis 3 an, ich hole euch ab. ";

fn main() {
    divan::main();
}

fn key() -> IndexKey {
    IndexKey::new([7; 32])
}

/// 1 KiB in which nothing of the indexes stands.
fn clean() -> String {
    CHAT.repeat(6).chars().take(1024).collect()
}

fn table() -> Exact {
    let cells: Vec<[String; 4]> = (0..100_000_u32)
        .map(|n| {
            [
                format!("Vorname{}", n % 997),
                format!("Nachname{}", n % 4999),
                format!("{}.{}.{}", n % 28 + 1, n % 12 + 1, 1930 + n % 80),
                format!("A{n:09}"),
            ]
        })
        .collect();
    let rows = cells
        .iter()
        .map(|row| row.iter().map(String::as_str).collect());
    let spec = TableSpec::parse(SPEC).unwrap();
    let headings = ["given", "family", "born", "kvnr"];
    let built = build_table(&spec, &headings, rows, &key()).unwrap();
    let (index, table) = Index::read(&built.bytes, &key()).unwrap();
    let spec = ExactSpec {
        index,
        columns: Vec::new(),
        at_least: 2,
        within: 200,
    };
    Exact::new(&spec, &table).unwrap()
}

fn shelf() -> Documents {
    let texts: Vec<String> = (0..1000_u32)
        .map(|n| {
            (0..500_u32)
                .map(|at| format!("wort{} ", at.wrapping_mul(n + 7) % 9973))
                .collect()
        })
        .collect();
    let built = build_documents("plans", texts.iter().map(String::as_str), &key()).unwrap();
    let (index, shelf) = Index::read(&built.bytes, &key()).unwrap();
    Documents::new(
        &DocumentsSpec {
            index,
            overlap: 0.3,
            quote: None,
        },
        &shelf,
    )
    .unwrap()
}

#[divan::bench]
fn exact_clean_1_kib(bencher: Bencher<'_, '_>) {
    let (exact, text) = (table(), clean());
    bencher.bench(|| exact.find(black_box(&text)));
}

#[divan::bench]
fn exact_with_a_person(bencher: Bencher<'_, '_>) {
    let (exact, text) = (
        table(),
        clean() + "Vorname5 Nachname5, 6.6.1935, A000000005",
    );
    assert_eq!(exact.find(&text).map(|found| found.len()), Ok(1));
    bencher.bench(|| exact.find(black_box(&text)));
}

#[divan::bench]
fn exact_digits_4_kib(bencher: Bencher<'_, '_>) {
    let (exact, text) = (table(), "1 ".repeat(2048));
    bencher.bench(|| exact.find(black_box(&text)));
}

#[divan::bench]
fn documents_clean_1_kib(bencher: Bencher<'_, '_>) {
    let (documents, text) = (shelf(), clean());
    bencher.bench(|| documents.find(black_box(&text)));
}
