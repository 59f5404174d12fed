//! What people do send packed is read to its end, however little a scan may do for what is packed.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};

use super::{super::scan::Scanner, ordinary::packs, *};

/// Prose that does not repeat itself: words of syllables in an order that a fixed sequence gives.
fn prose(bytes: usize) -> String {
    const SYLLABLES: [&str; 32] = [
        "mor", "gen", "tref", "fen", "wir", "uns", "im", "gro", "ßen", "raum", "und", "spre",
        "chen", "ü", "ber", "die", "ung", "am", "mon", "tag", "da", "nach", "gibt", "es", "kaf",
        "fee", "für", "al", "le", "bit", "te", "um",
    ];
    let mut text = String::new();
    for number in noise(bytes) {
        text.push_str(SYLLABLES[usize::from(number) % SYLLABLES.len()]);
        match number / 32 {
            0..=2 => text.push(' '),
            3 => text.push_str(", "),
            _ => {}
        }
    }
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// Bytes of which none follows from the one before.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..bytes).map(next).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

fn wrapped(text: &str) -> String {
    let lines = text.as_bytes().chunks(76);
    let lines: Vec<&str> = lines
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    lines.join("\n")
}

#[test]
fn dl_6_what_people_send_packed_is_scanned_and_not_held() {
    let packs = packs();
    let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let part = encoded(&noise(700))
        .replace('=', "")
        .replace('+', "-")
        .replace('/', "_");
    let texts = [
        ("prose in base64", encoded(prose(2250).as_bytes())),
        (
            "prose in wrapped base64",
            wrapped(&encoded(prose(2250).as_bytes())),
        ),
        ("bytes in base64", encoded(&noise(2250))),
        ("bytes in wrapped base64", wrapped(&encoded(&noise(2250)))),
        ("three parts as of a JWT", [part.as_str(); 3].join(".")),
        ("packed prose", encoded(&gzip(&prose(8 * 1024)))),
        (
            "HTML",
            format!("<p>{}</p>", prose(3 * 1024).replace(". ", ".</p><p>")),
        ),
    ];
    for (name, text) in texts {
        assert!(text.len() < 6 * 1024, "{name}: {}", text.len());
        let text = format!("Anbei die Datei: {text}\nGruß");
        let mut scanner = Scanner::new(&packs, Scan::default(), "");
        let done = scanner.field(&text);
        assert!(done.is_ok(), "{name}: {done:?}, {:?}", scanner.budget());
    }
}
