#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::dlp::{IndexError, IndexKey, build_documents};

/// Words that look like prose and never repeat by chance: the `seed` gives other ones.
fn prose(seed: u64, words: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..words {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let letters = b"etaoinshrdlu";
        let length = 2 + state % 7;
        text.extend((0..length).map(|at| {
            let letter = letters[((state >> (8 * at)) % 12) as usize];
            char::from(letter)
        }));
        text.push(' ');
    }
    text
}

fn key() -> IndexKey {
    IndexKey::new([9; 32])
}

fn plans(overlap: f64) -> Documents {
    let texts = [prose(1, 2000), prose(2, 300), prose(3, 40)];
    let built = build_documents("plans", texts.iter().map(String::as_str), &key()).unwrap();
    assert!(built.bytes.len() < 16 * 2400, "{} bytes", built.bytes.len());
    let (index, plans) = Index::read(&built.bytes, &key()).unwrap();
    Documents::new(&DocumentsSpec { index, overlap }, &plans).unwrap()
}

/// The words `from..to` of a document.
fn part(document: &str, from: usize, to: usize) -> String {
    let words: Vec<&str> = document.split(' ').collect();
    words[from..to].join(" ")
}

#[test]
fn thirty_percent_of_a_message_from_a_document_are_found_and_less_is_not() {
    let plans = plans(0.3);
    let passage = part(&prose(1, 2000), 500, 560);
    let quoted = format!("{} {passage} {}", prose(10, 40), prose(11, 40));
    let found = plans.find(&quoted).unwrap().unwrap();
    assert!(quoted[found.start..found.end].len() * 10 >= passage.len() * 9);
    assert!((0.3..0.6).contains(&found.overlap), "{}", found.overlap);
    let little = format!("{} {}", part(&prose(1, 2000), 500, 525), prose(12, 110));
    assert_eq!(plans.find(&little).unwrap(), None);
    assert_eq!(plans.find(&prose(13, 500)).unwrap(), None);
}

#[test]
fn a_document_is_found_as_a_whole_with_changed_case_spaces_and_signs() {
    let plans = plans(0.3);
    let whole = prose(2, 300);
    let found = plans.find(&whole).unwrap().unwrap();
    assert!(found.overlap > 0.99);
    let changed = whole.to_uppercase().replace(' ', ",\n > ");
    assert_eq!(
        plans.find(&changed).unwrap().unwrap().overlap,
        found.overlap
    );
}

#[test]
fn words_added_around_a_passage_hide_nothing() {
    let plans = plans(0.3);
    let passage = part(&prose(1, 2000), 100, 220);
    let hidden = format!("{} {passage} {}", prose(20, 3000), prose(21, 3000));
    let found = plans.find(&hidden).unwrap().unwrap();
    assert!(found.overlap > 0.5);
    let small = format!("{} {} {}", prose(22, 3000), prose(3, 40), prose(23, 3000));
    let found = plans.find(&small).unwrap().unwrap();
    assert!(
        found.overlap > 0.8,
        "all of a short document: {}",
        found.overlap
    );
}

#[test]
fn one_changed_word_in_ten_does_not_hide_a_document() {
    let plans = plans(0.3);
    let words = prose(2, 300);
    let words = words.split(' ').enumerate();
    let edited: Vec<&str> = words
        .map(|(at, word)| if at % 10 == 9 { "geändert" } else { word })
        .collect();
    assert!(plans.find(&edited.join(" ")).unwrap().is_some());
}

#[test]
fn short_texts_say_too_little() {
    let plans = plans(0.05);
    assert_eq!(plans.find("").unwrap(), None);
    assert_eq!(
        plans.find(&part(&prose(2, 300), 0, MIN_WORDS - 1)).unwrap(),
        None
    );
    let built = build_documents("plans", ["zu kurz"], &key());
    assert_eq!(built, Err(IndexError::Empty));
}

#[test]
fn a_short_quote_alone_is_found_wherever_it_begins() {
    let plans = plans(0.3);
    let document = prose(1, 2000);
    for length in MIN_WORDS..20 {
        for from in (0..1800).step_by(30) {
            let quote = part(&document, from, from + length);
            let found = plans.find(&quote).unwrap().unwrap();
            assert_eq!(found.overlap, 1.0, "{length} words from {from}");
        }
        assert_eq!(plans.find(&prose(14, length)).unwrap(), None);
    }
}

#[test]
fn an_overlap_that_means_nothing_is_refused() {
    let spec: DocumentsSpec = toml::from_str("index = \"plans\"").unwrap();
    assert_eq!(spec.overlap, 0.3);
    let built = build_documents("plans", [prose(1, 100).as_str()], &key()).unwrap();
    let (name, plans) = Index::read(&built.bytes, &key()).unwrap();
    for overlap in [0.0, 0.01, 1.5, f64::NAN] {
        let index = name.clone();
        let error = Documents::new(&DocumentsSpec { index, overlap }, &plans);
        assert_eq!(error.err(), Some(UseError::Overlap));
    }
}
