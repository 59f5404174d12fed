//! What a scan costs: clean messages, messages with candidates, the worst ones that are known, and the number of
//! detectors. `cargo bench -p sluice-policy --no-default-features --bench dlp`; the figures are in docs/performance.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark may stop at the first surprise"
)]

use std::{fmt::Write as _, fs, path::Path, sync::LazyLock};

use aho_corasick::AhoCorasick;
use divan::{AllocProfiler, Bencher, black_box, counter::BytesCount};
use ruma_common::CanonicalJsonValue as Tree;
use sluice_policy::{
    dlp::{Around, Detectors, Scan, said},
    label::{Spif, Spifs},
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

static PACKS: LazyLock<Detectors> = LazyLock::new(|| load(&packs()));
static TEN: LazyLock<Detectors> = LazyLock::new(|| load(&made_up(10)));
static TEN_THOUSAND: LazyLock<Detectors> = LazyLock::new(|| load(&made_up(10_000)));

fn main() {
    divan::main();
}

fn rules() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../rules"))
}

fn spifs() -> Spifs {
    let folder = fs::read_dir(rules().join("spif")).unwrap();
    let paths = folder.map(|file| file.unwrap().path());
    let samples = paths.filter(|path| path.extension().is_some_and(|end| end == "xml"));
    let texts = samples.map(|path| Spif::parse(&fs::read_to_string(path).unwrap()).unwrap());
    Spifs::new(texts.collect()).unwrap()
}

/// All packs that are shipped.
fn packs() -> Vec<(String, String)> {
    let folder = fs::read_dir(rules().join("dlp")).unwrap();
    let paths = folder.map(|file| file.unwrap().path());
    let packs = paths.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let text = |path| fs::read_to_string(path).unwrap();
    let mut packs: Vec<_> = packs
        .map(|path| (path.display().to_string(), text(path)))
        .collect();
    packs.sort();
    packs
}

/// Detectors with two keywords each, as secrets have them.
fn made_up(count: usize) -> Vec<(String, String)> {
    // Letters in an order that repeats nowhere.
    let word = |number: usize| {
        let letters =
            (0..6_u32).map(|place| (number * 2_654_435_761 + 12_345) / 26_usize.pow(place) % 26);
        letters
            .filter_map(|letter| char::from_digit(u32::try_from(letter).ok()? + 10, 36))
            .collect::<String>()
    };
    let mut toml = String::new();
    for number in 0..count {
        let word = word(number + 1);
        write!(
            toml,
            "[[detector]]\nid = \"made.up{number}\"\ndescription = \"made up\"\nkeywords = [\"{word}_\", \"{word}-key\"]\n\
             regex = '{word}(?:_|-key)[0-9a-f]{{16}}'\nstrength = \"high\"\norigin = \"import\"\n"
        )
        .unwrap();
    }
    let parts = toml
        .split_inclusive("origin = \"import\"\n")
        .collect::<Vec<_>>();
    let file = |(number, part): (usize, &[&str])| (format!("made-up-{number}.toml"), part.concat());
    parts.chunks(5000).enumerate().map(file).collect()
}

fn load(files: &[(String, String)]) -> Detectors {
    Detectors::parse(files, &spifs()).unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

fn cut(text: &str, length: usize) -> Tree {
    let text = text.repeat(length / text.len() + 1);
    Tree::String(text[..text.floor_char_boundary(length)].to_owned())
}

const GERMAN: &str = "Guten Morgen zusammen, treffen wir uns heute um 14:30 Uhr im großen Besprechungsraum? Ich bringe die \
    Unterlagen für die Übung mit, außerdem müssen wir noch über den Zeitplan sprechen. Kann jemand bitte die Tür \
    aufschließen? Der Schlüssel liegt beim Pförtner. Danach gehen wir essen, wenn alle Hunger haben. Das Wetter soll ja \
    schön werden, 23 Grad und Sonne. Liebe Grüße und bis später, ich freue mich auf euch! ";
const ENGLISH: &str = "Good morning everyone, shall we meet at 2:30 pm in the big meeting room today? I will bring the papers \
    for the exercise, and we still have to talk about the timetable for next week. Could somebody please unlock the \
    door? The key is with the porter, ask him nicely. Afterwards we go for lunch if all of you are hungry. The weather \
    should be fine, 73 degrees and sunny. See you later, I am looking forward to it! ";

const LONG: &str = "Ich helfe im Referat bei der Planung mit. Die Besprechung wurde auf den Nachmittag verlegt, der Raum bleibt \
    derselbe. Bitte die Unterlagen vorher lesen und Anmerkungen gesammelt schicken. Wer verhindert ist, sagt bitte der \
    Leitung Bescheid. The agenda follows as soon as everybody has answered. Es geht um den Entwurf vom letzten Mal und um \
    offene Fragen der Kollegen. Danach ist Zeit für ein Gespräch bei Kaffee. ";

/// Several numbers in every sentence, and none of them a value.
const NUMBERS: &str = "Sitzung 12/2026 am 14.11.2026 um 09:30 Uhr in Raum 3.214, Dauer 45 Minuten. Die Kosten betragen \
    12.480,50 Euro, davon 3.120 Euro in 2026 und 9.360,50 Euro in 2027. Auftrag 4711-2026 mit Lieferschein 88231 und 88232, \
    24 Stück zu 18,90 Euro. Rückfragen unter Durchwahl 2316 oder 2317, freitags nur bis 14 Uhr. The meeting of 3 December \
    2026 has 12 items on 8 pages, item 7 takes 20 minutes. Seite 14 bis 22, Absatz 3 Satz 2, Anlagen 7 und 8 vom \
    01.10.2026, Fassung 2.4.1. In Haus 5 sind 48 von 60 Plätzen belegt, 12 bleiben frei, 6 sind ab 1. Januar vergeben. ";

fn scan(bencher: Bencher<'_, '_>, detectors: &Detectors, text: &Tree, found: Option<usize>) {
    let result = detectors.scan(text, "/event/content/body");
    assert_eq!(result.ok().map(|findings| findings.len()), found);
    let Tree::String(body) = text else { return };
    bencher
        .counter(BytesCount::of_str(body))
        .bench_local(|| detectors.scan(black_box(text), black_box("/event/content/body")));
}

#[divan::bench]
fn clean_german_1_kib(bencher: Bencher<'_, '_>) {
    scan(bencher, &PACKS, &cut(GERMAN, 1024), Some(0));
}

#[divan::bench]
fn clean_english_1_kib(bencher: Bencher<'_, '_>) {
    scan(bencher, &PACKS, &cut(ENGLISH, 1024), Some(0));
}

/// What members of the large rooms of docs/performance.md say.
#[divan::bench]
fn clean_long_5_kib(bencher: Bencher<'_, '_>) {
    scan(bencher, &PACKS, &cut(LONG, 5120), Some(0));
}

#[divan::bench]
fn clean_numbers_5_kib(bencher: Bencher<'_, '_>) {
    scan(bencher, &PACKS, &cut(NUMBERS, 5120), Some(0));
}

/// All that is looked at of the event of such a member, read together with nothing else.
#[divan::bench(args = ["words", "numbers"])]
fn clean_member_5_kib(bencher: Bencher<'_, '_>, reason: &str) {
    let text = if reason == "words" { LONG } else { NUMBERS };
    let Tree::String(reason) = cut(text, 5120) else {
        return;
    };
    let user = "@member4711:low.test";
    let event = serde_json::json!({
        "content": {
            "avatar_url": "mxc://low.test/000000000000000000004711",
            "displayname": "Member number 4711",
            "membership": "join",
            "reason": reason,
        },
        "room_id": "!7Vb0qhW3Qd7yqvJcK0Sq0mNn3v1pJfXn2cQyqkLQn5s",
        "sender": user,
        "state_key": user,
        "type": "m.room.member",
    });
    let event: Tree = serde_json::from_value(event).unwrap();
    let content = event.as_object().and_then(|event| event.get("content"));
    let content = content.and_then(Tree::as_object).unwrap();
    let around = Around::default();
    bencher
        .counter(BytesCount::of_str(&reason))
        .bench_local(|| {
            let said = said("m.room.member", black_box(content), "/event/content");
            let found = PACKS.scan_together(&Scan::default(), (&event, "/event"), &around, &said);
            assert_eq!(found.map(|found| found.len()), Ok(0));
        });
}

#[divan::bench]
fn three_candidates_1_kib(bencher: Bencher<'_, '_>) {
    let Tree::String(text) = cut(GERMAN, 900) else {
        return;
    };
    let text = format!(
        "{text} Karte 4111 1111 1111 1112, DE88 3704 0044 0532 0130 00, Nummer 12345678903."
    );
    scan(bencher, &PACKS, &Tree::String(text), Some(0));
}

/// The same text with one search of a library's only: what cannot be gone below.
#[divan::bench]
fn floor_one_automaton_1_kib(bencher: Bencher<'_, '_>) {
    let Tree::String(text) = cut(ENGLISH, 1024) else {
        return;
    };
    let words: Vec<String> = (0..500)
        .map(|number| format!("{:x}_key", number * 7919 + 65_536))
        .collect();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(words)
        .unwrap();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| automaton.find(black_box(&text)));
}

/// One look at each byte.
#[divan::bench]
fn floor_count_bytes_1_kib(bencher: Bencher<'_, '_>) {
    let Tree::String(text) = cut(ENGLISH, 1024) else {
        return;
    };
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        black_box(&text)
            .bytes()
            .filter(|byte| *byte == b'@')
            .count()
    });
}

#[divan::bench]
fn ten_detectors(bencher: Bencher<'_, '_>) {
    scan(bencher, &TEN, &cut(ENGLISH, 1024), Some(0));
}

#[divan::bench]
fn ten_thousand_detectors(bencher: Bencher<'_, '_>) {
    scan(bencher, &TEN_THOUSAND, &cut(ENGLISH, 1024), Some(0));
}

#[divan::bench(args = WORST)]
fn worst_4_kib(bencher: Bencher<'_, '_>, worst: &str) {
    let text = cut(worst, 4096);
    let found = PACKS.scan(&text, "").ok().map(|findings| findings.len());
    scan(bencher, &PACKS, &text, found);
}

/// Texts that make a scan work: many places that are nearly values, many keywords, many views.
const WORST: [&str; 8] = [
    "1",
    "1 ",
    "4111 1111 1111 1112 ",
    "DE88 3704 0044 0532 0130 00 ",
    "token key secret password vs geheim nato ",
    "aHR0cHM6Ly9leGFtcGxlLm9yZy8",
    "G\u{200b}\u{415}H\u{ad}EIM ",
    "&#x31;%31=31\u{ff11} ",
];

#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_all_packs(bencher: Bencher<'_, '_>) {
    let (packs, spifs) = (packs(), spifs());
    bencher.bench_local(|| {
        Detectors::parse(black_box(&packs), &spifs)
            .unwrap()
            .ids()
            .count()
    });
}
