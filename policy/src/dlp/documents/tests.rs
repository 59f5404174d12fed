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
    let quote = None;
    let spec = DocumentsSpec {
        index,
        overlap,
        quote,
    };
    Documents::new(&spec, &plans).unwrap()
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
        let quote = None;
        let spec = DocumentsSpec {
            index,
            overlap,
            quote,
        };
        let error = Documents::new(&spec, &plans);
        assert_eq!(error.err(), Some(UseError::Overlap));
    }
}

fn index_of(document: &str) -> Index {
    let built = build_documents("plans", [document], &key()).unwrap();
    Index::read(&built.bytes, &key()).unwrap().1
}

/// A detector that asks for a quote alone: no overlap short of the whole is enough.
fn quoting(plans: &Index, quote: usize) -> Documents {
    let spec = format!("index = \"plans\"\noverlap = 1.0\nquote = {quote}");
    let spec: DocumentsSpec = toml::from_str(&spec).unwrap();
    Documents::new(&spec, plans).unwrap()
}

/// A text of `words` words out of `vocabulary` different ones.
fn chatter(seed: u64, words: usize, vocabulary: u64) -> String {
    let all = prose(seed, words);
    let of_few = |word: &str| (word.bytes().map(u64::from).sum::<u64>() % vocabulary).to_string();
    let words = all.split_whitespace().map(of_few);
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_quote_as_long_as_asked_for_is_found_whatever_stands_around_it() {
    for seed in 1..150_u64 {
        // Words that hardly repeat, that do as in prose, and that repeat all the time.
        let text = |seed: u64, words: usize| match seed % 3 {
            0 => prose(seed, words),
            1 => chatter(seed, words, 300),
            _ => chatter(seed, words, 3),
        };
        let random = |salt: u64, below: u64| {
            let mixed = (seed * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            usize::try_from((mixed >> 33) % below).unwrap()
        };
        let document = text(seed, 600);
        let plans = index_of(&document);
        for length in (MIN_QUOTE_WORDS..20).chain([25, 40, 90]) {
            let salt = length as u64;
            let quote = part(&document, random(salt, 500), 500 + length);
            let quote = part(&quote, 0, length);
            let (before, behind) = (random(salt + 1, 400), random(salt + 2, 400));
            let hidden = format!(
                "{} {quote} {}",
                text(seed + 3000, before),
                text(seed + 6000, behind)
            );
            let found = quoting(&plans, length).find(&hidden).unwrap();
            assert!(found.is_some(), "{length} words, seed {seed}");
        }
    }
}

#[test]
fn a_passage_much_shorter_than_the_quote_is_not_one_and_a_finding_covers_the_quote() {
    let document = prose(1, 2000);
    let index = index_of(&document);
    for from in (0..1900).step_by(7) {
        let asked = 20 + from % 15;
        let plans = quoting(&index, asked);
        let around = |seed| prose(seed + from as u64, 100);
        let little = part(&document, from, from + asked - QUOTE_SLACK_WORDS - 1);
        let text = format!("{} {little} {}", around(5000), around(9000));
        assert_eq!(plans.find(&text).unwrap(), None, "{asked} from {from}");
        let quote = part(&document, from, from + asked);
        let text = format!("{} {quote} {}", around(5000), around(9000));
        let found = plans.find(&text).unwrap().unwrap();
        assert!(quote.contains(&text[found.start..found.end]));
        let covered = text[found.start..found.end].split(' ').count();
        assert!(covered + QUOTE_SLACK_WORDS >= asked, "{covered} of {asked}");
    }
}

#[test]
fn a_quote_that_nobody_can_find_or_everybody_writes_is_refused() {
    let plans = index_of(&prose(1, 100));
    for quote in [0, MIN_QUOTE_WORDS - 1, MAX_QUOTE_WORDS + 1] {
        let spec: DocumentsSpec =
            toml::from_str(&format!("index = \"plans\"\nquote = {quote}")).unwrap();
        let error = Documents::new(&spec, &plans).err();
        assert_eq!(error, Some(UseError::Quote), "{quote}");
    }
}
