//! The 4 KiB that cost most: best, p50, p99 and the slowest of many scans of each text that was made to be slow, and of many
//! that are mixed of such by a fixed seed. `cargo bench -p sluice-policy --no-default-features --bench dlp_worst`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise, and shows its figures"
)]

use std::{
    fs,
    hint::black_box,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use ruma_common::CanonicalJsonValue as Tree;
use sluice_policy::{
    dlp::Detectors,
    label::{Spif, Spifs},
};

/// Length of each text, in bytes.
const LENGTH: usize = 4096;
/// Texts that are mixed of the others.
const MIXED: usize = 300;
/// Scans of each text to find the slowest.
const TRIES: usize = 2;
/// How many of the slowest are measured.
const SLOWEST: usize = 12;
/// Scans of each of these.
const ROUNDS: usize = 100;
/// Pieces that texts are made of, which each make something work: candidates of every shape, separators, keywords,
/// views, encodings.
const PIECES: [&str; 46] = [
    "1",
    "1 ",
    "0 1/2-3.4(",
    "4111 1111 1111 1112 ",
    "DE88 3704 0044 0532 0130 00 ",
    "AA12 3456 7890 1234 ",
    "de12.3456-7890 1234",
    "L01X00T47 C01X00T47",
    "+49 (0) 30/1234-5 ",
    "12/345/67890 ",
    "A00.1 B20 G47 ",
    "32U MV 12345 67890 ",
    "120800ZNOV26 ",
    "10.0.0.1 ",
    "52.1234,13.4321 ",
    "aa:bb:cc:dd:ee:ff ",
    "ABCDEFGH ",
    "M A-BC 123 ",
    "token key secret password vs geheim nato ",
    "api_key=a ",
    "api_key = aaaaaaaaaaaaaaaaaaaa ",
    "password: 12345678 ",
    "passwort ist ",
    "a@b.de,",
    "eyJhbGciOi.eyJhbGciOi.",
    "sk-0123456789abcdef",
    "SK0123456789abcdef ",
    "Esab cdef ghij klmn opqr ",
    "https://a:b@c.de/",
    "V S N f D ",
    "N A T O  S E C R E T ",
    "G-E-H-E-I-M ",
    "STRENG GEHElM ",
    "G\u{200b}\u{415}H\u{ad}EIM ",
    "\u{202e}MIEHEG\u{202c} ",
    "\u{ff14}\u{ff11}\u{ff11}\u{ff11} ",
    "1\u{200b}",
    "ü1 ",
    "Ä1 B-2 ",
    "\u{430}\u{440}\u{441} ",
    "&#x31;",
    "&#49;%32=33\\u0034",
    "%31",
    "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA ",
    "31323334353637383930 ",
    "<b>1</b>",
];

fn main() {
    let detectors = detectors();
    let asked = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let mut texts = match asked {
        Some(folder) if Path::new(&folder).is_dir() => files(Path::new(&folder)),
        Some(asked) => texts()
            .into_iter()
            .filter(|(name, _)| *name == asked)
            .collect(),
        None => texts(),
    };
    texts.sort_by_cached_key(|(_, text)| std::cmp::Reverse(times(&detectors, text, TRIES)[0]));
    println!(
        "{:>8} {:>8} {:>8} {:>8}  what comes of it, text; the slowest of {} texts",
        "best µs",
        "p50 µs",
        "p99 µs",
        "max µs",
        texts.len()
    );
    for (name, text) in texts.iter().take(SLOWEST) {
        let result = match detectors.scan(text, "") {
            Ok(findings) => format!("{} findings", findings.len()),
            Err(error) => error.to_string(),
        };
        let times = times(&detectors, text, ROUNDS);
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
        println!(
            "{:>8} {:>8} {:>8} {:>8}  {result}, {name}",
            at(0),
            at(50),
            at(99),
            at(100)
        );
    }
}

/// Every text with its name.
fn texts() -> Vec<(String, Tree)> {
    let mut texts = Vec::new();
    for piece in PIECES {
        texts.push((format!("{piece:?}"), cut(piece)));
        let encoded = (1..=3).map(|layers| {
            let name = format!("base64 {layers} times, {piece:?}");
            (name, encoded(piece, layers))
        });
        let packed = [8, 16, 32].map(|kib: usize| {
            let name = format!("gzip of {kib} KiB, {piece:?}");
            (name, packed(piece, kib * 1024))
        });
        texts.extend(encoded.chain(packed));
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    texts.extend((0..MIXED).map(|number| (format!("mixed {number}"), mixed(&mut seed))));
    let tree = |(name, text)| (name, Tree::String(text));
    texts.into_iter().map(tree).collect()
}

/// The first [`LENGTH`] bytes of each file, as text.
fn files(folder: &Path) -> Vec<(String, Tree)> {
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let text = |path: std::path::PathBuf| {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let start = text[..text.floor_char_boundary(LENGTH)].to_owned();
        (path.display().to_string(), Tree::String(start))
    };
    paths.map(text).collect()
}

/// How long so many scans take, the shortest first.
fn times(detectors: &Detectors, text: &Tree, rounds: usize) -> Vec<Duration> {
    let once = |_| {
        let start = Instant::now();
        let _ = black_box(detectors.scan(black_box(text), ""));
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..rounds).map(once).collect();
    times.sort();
    times
}

fn cut(piece: &str) -> String {
    let text = piece.repeat(LENGTH / piece.len() + 1);
    text[..text.floor_char_boundary(LENGTH)].to_owned()
}

/// As much of the text as fits after so many layers of base64.
fn encoded(piece: &str, layers: u32) -> String {
    let plain = LENGTH * 3_usize.pow(layers) / 4_usize.pow(layers) - 8;
    let text = cut(piece);
    let text = text.as_bytes()[..text.floor_char_boundary(plain)].to_vec();
    let text = (0..layers).fold(text, |text, _| STANDARD.encode(text).into_bytes());
    String::from_utf8(text).unwrap()
}

/// So many bytes of text, packed into base64, and words to fill up.
fn packed(piece: &str, bytes: usize) -> String {
    let text = piece.repeat(bytes / piece.len());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let blob = STANDARD.encode(gzip.finish().unwrap());
    let rest = LENGTH.saturating_sub(blob.len() + 1);
    format!(
        "{blob} {}",
        &cut(piece)[..cut(piece).floor_char_boundary(rest)]
    )
}

/// Runs of several pieces, each of its own length, some of them encoded.
fn mixed(seed: &mut u64) -> String {
    let mut text = String::new();
    let kinds: Vec<usize> = (0..1 + random(seed, 4))
        .map(|_| random(seed, PIECES.len()))
        .collect();
    while text.len() < LENGTH {
        let piece = PIECES[kinds[random(seed, kinds.len())]];
        let run = piece.repeat(1 + random(seed, 8));
        match random(seed, 12) {
            0 => text.push_str(&STANDARD.encode(run)),
            1 => text.push_str(&packed(piece, 1024 << random(seed, 5))[..]),
            _ => text.push_str(&run),
        }
    }
    text.truncate(text.floor_char_boundary(LENGTH));
    text
}

/// A number below `limit` (xorshift).
fn random(seed: &mut u64, limit: usize) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed % u64::try_from(limit).unwrap()).unwrap()
}

fn detectors() -> Detectors {
    let rules = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../rules"));
    let read = |folder: &str, end: &str| {
        let files = fs::read_dir(rules.join(folder)).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let mut files: Vec<(String, String)> = paths
            .filter(|path| path.extension().is_some_and(|found| found == end))
            .map(|path| {
                (
                    path.display().to_string(),
                    fs::read_to_string(path).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    };
    let spifs = read("spif", "xml");
    let spifs = spifs.iter().map(|(_, xml)| Spif::parse(xml).unwrap());
    let spifs = Spifs::new(spifs.collect()).unwrap();
    Detectors::parse(&read("dlp", "toml"), &spifs)
        .unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}
