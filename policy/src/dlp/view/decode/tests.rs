#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::io::Write;

use base64::{Engine, prelude::*};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

use proptest::prelude::*;

use super::*;
use crate::dlp::{
    budget::{FREE_VIEW_BYTES, VIEW_BYTES_PER_BYTE},
    view::{View, views},
};

fn all(text: &str) -> Result<Vec<View<'_>>, ScanError> {
    let mut budget = Budget::default();
    budget.unit(text.len())?;
    views(text, &mut budget)
}

fn decoded(text: &str) -> Vec<String> {
    let views = all(text).unwrap();
    views
        .into_iter()
        .filter(|view| view.name == ViewName::Decoded)
        .map(|view| view.text.into_owned())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wrap(text: &str, width: usize, with: &str) -> String {
    let chunks: Vec<&str> = text
        .as_bytes()
        .chunks(width)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    chunks.join(with)
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn selector(byte: u8) -> char {
    let code = u32::from(byte);
    let selector = if code < 16 {
        0xfe00 + code
    } else {
        0xe0100 + code - 16
    };
    char::from_u32(selector).unwrap()
}

const SECRET: &str = "STRENG GEHEIM, Nummer 86095742719";

#[test]
fn dl_3_every_encoding_is_read_in_its_place() {
    let base64 = BASE64_STANDARD.encode(SECRET);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(SECRET.as_bytes()).unwrap();
    let percent: String = SECRET.bytes().map(|b| format!("%{b:02X}")).collect();
    let forms = [
        base64.clone(),
        base64.trim_end_matches('=').to_owned(),
        BASE64_URL_SAFE_NO_PAD.encode(SECRET),
        format!("data:text/plain;base64,{base64}"),
        format!("https://low.test/x/{base64}"),
        wrap(&base64, 4, "\n"),
        wrap(&base64, 5, " "),
        wrap(&base64, 10, "\r\n"),
        wrap(&base64, 20, "\n  "),
        hex(SECRET.as_bytes()),
        hex(SECRET.as_bytes()).to_uppercase(),
        wrap(&hex(SECRET.as_bytes()), 2, " "),
        wrap(&hex(SECRET.as_bytes()), 2, ":"),
        wrap(&hex(SECRET.as_bytes()), 2, "-"),
        wrap(&hex(SECRET.as_bytes()), 8, "\n"),
        format!("0x{}", hex(SECRET.as_bytes())),
        format!("0x{}", wrap(&hex(SECRET.as_bytes()), 2, ", 0x")),
        format!("\\x{}", wrap(&hex(SECRET.as_bytes()), 2, "\\x")),
        percent.clone(),
        percent.replace('%', "="),
        wrap(&percent.replace('%', "="), 30, "=\r\n"),
        SECRET.bytes().map(|b| format!("&#{b};")).collect(),
        SECRET.bytes().map(|b| format!("&#x{b:X};")).collect(),
        SECRET
            .bytes()
            .map(|b| format!("&#x{b:04x} "))
            .collect::<String>()
            .replace(' ', ""),
        SECRET.bytes().map(|b| format!("\\u{b:04x}")).collect(),
        SECRET.bytes().map(|b| format!("%u{b:04X}")).collect(),
        SECRET.bytes().map(|b| format!("\\u{{{b:x}}}")).collect(),
        SECRET.bytes().map(|b| format!("\\{b:03o}")).collect(),
        SECRET
            .chars()
            .map(|c| char::from_u32(0xe0000 + u32::from(c)).unwrap())
            .collect(),
        "ST<b>RENG</b> GE<!-- x -->HEIM, Nummer 8609<i a='>'>57</i>42719".to_owned(),
        BASE64_STANDARD.encode(gzip(SECRET.as_bytes())),
        hex(&gzip(SECRET.as_bytes())),
        BASE64_STANDARD.encode(gzip(&gzip(SECRET.as_bytes()))),
        BASE64_STANDARD.encode(zlib.finish().unwrap()),
        BASE64_STANDARD.encode(utf16(SECRET, u16::to_le_bytes)),
        BASE64_STANDARD.encode(utf16(SECRET, u16::to_be_bytes)),
        BASE64_STANDARD.encode(utf16(&format!("\u{feff}{SECRET}"), u16::to_le_bytes)),
        hex(&utf16(SECRET, u16::to_be_bytes)),
        BASE64_STANDARD.encode(&base64),
        BASE64_STANDARD.encode(&percent),
        percent.replace('%', "%25"),
        BASE64_STANDARD.encode(BASE64_STANDARD.encode(&base64)),
        wrap(&base64, 6, "\u{200b}"),
        format!("X{base64}"),
        format!("xyz{base64}"),
        BASE64_STANDARD.encode([gzip(b"hallo "), gzip(SECRET.as_bytes())].concat()),
        BASE64_STANDARD.encode([gzip(b"hallo "), SECRET.into()].concat()),
        SECRET.bytes().map(selector).collect(),
    ];
    for form in forms {
        let seen = decoded(&format!("Bitte {form} danke"));
        let hit = seen.iter().any(|text| text.contains(SECRET));
        assert!(hit, "{form}: {seen:?}");
    }
}

#[test]
fn named_references_are_read_as_browsers_do() {
    for (written, seen) in [
        ("F&Uuml;R", "FÜR"),
        ("F&UumlR", "FÜR"),
        ("&Gscr;", "\u{1d4a2}"),
        ("a&nbsp;b", "a\u{a0}b"),
        ("GE&shy;HEIM", "GE\u{ad}HEIM"),
        ("&Gcy;&IEcy;", "ГЕ"),
    ] {
        assert!(
            decoded(written).iter().any(|text| text == seen),
            "{written}: {:?}",
            decoded(written)
        );
    }
}

#[test]
fn controls_between_the_letters_of_packed_text_hide_nothing() {
    let text: String = SECRET.chars().flat_map(|c| [c, '\u{1}']).collect();
    let seen = decoded(&BASE64_STANDARD.encode(text));
    assert!(seen.iter().any(|text| text == SECRET), "{seen:?}");
}

#[test]
fn what_a_tag_hides_is_read_too() {
    let text = "<a href=\"https://low.test/%47%45%48%45%49%4D\">x</a>";
    assert!(decoded(text).iter().any(|text| text.contains("GEHEIM")));
}

#[test]
fn a_decoded_layer_is_seen_in_all_ways() {
    let fullwidth =
        BASE64_STANDARD.encode("das ist \u{ff27}\u{ff25}\u{ff28}\u{ff25}\u{ff29}\u{ff2d} und");
    assert!(
        decoded(&fullwidth)
            .iter()
            .any(|text| text.contains("ist GEHEIM und"))
    );
    let spelled = BASE64_STANDARD.encode("das ist G E H E I M und");
    assert!(
        decoded(&spelled)
            .iter()
            .any(|text| text.contains("ist GEHEIM und"))
    );
    let cyrillic = BASE64_STANDARD.encode("das ist G\u{415}HEIM und");
    assert!(
        decoded(&cyrillic)
            .iter()
            .any(|text| text.contains("ist GEHEIM und"))
    );
}

#[test]
fn offsets_lead_to_the_encoded_span() {
    let base64 = BASE64_STANDARD.encode("ab GEHEIM cd, und noch mehr");
    let text = format!("Grüße {base64} danke");
    let views = all(&text).unwrap();
    let view = views
        .iter()
        .find(|view| view.name == ViewName::Decoded)
        .unwrap();
    let at = view.text.find("GEHEIM").unwrap();
    let (from, to) = view.original(at, at + 6);
    let start = text.find(&base64).unwrap();
    assert_eq!(&text[from..to], &text[start + 4..start + 12]);
}

#[test]
fn words_links_and_keys_are_not_encoded_text() {
    for text in [
        "Donaudampfschifffahrtsgesellschaftskapitän Rechtsschutzversicherungsgesellschaften",
        "https://matrix.to/#/!room:high.test/$1735yCgRtE0s8QfSGKzwA1Wfz9pNoGVYWeoQpYkwOA0",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "kann dass auch wenn ganz viel dann eben mehr",
    ] {
        assert_eq!(decoded(text), [] as [&str; 0], "{text}");
    }
}

fn refused(text: &str) -> Option<&'static str> {
    match all(text) {
        Err(ScanError::Budget { what, .. }) => Some(what),
        Err(ScanError::Pattern) => Some("pattern"),
        Ok(_) => None,
    }
}

#[test]
fn a_packed_bomb_is_refused() {
    let bomb = BASE64_STANDARD.encode(gzip(&vec![b'a'; 4 * 1024 * 1024]));
    assert_eq!(refused(&bomb), Some("bytes of unpacked text"));
    let twice = BASE64_STANDARD.encode(gzip(&gzip(&vec![b'a'; 64 * 1024 * 1024])));
    assert_eq!(refused(&twice), Some("bytes of unpacked text"));
    let many = (0..5).fold(SECRET.as_bytes().to_vec(), |bytes, _| gzip(&bytes));
    assert_eq!(
        refused(&BASE64_STANDARD.encode(many)),
        Some("bytes of unpacked text")
    );
}

#[test]
fn encodings_nested_too_deep_are_refused() {
    let nested = |depth| (0..depth).fold(SECRET.to_owned(), |text, _| BASE64_STANDARD.encode(text));
    assert_eq!(refused(&nested(3)), None);
    assert_eq!(refused(&nested(4)), Some("layers of encoding"));
    let deep = (0..50).fold("GEHEIM".to_owned(), |text, _| {
        let next = BASE64_STANDARD.encode(&text);
        if next.len() > 512 * 1024 { text } else { next }
    });
    assert_eq!(refused(&deep), Some("layers of encoding"));
    assert_eq!(
        refused(&format!("%{}47", "25".repeat(50))),
        Some("layers of encoding")
    );
}

#[test]
fn a_million_references_stay_within_the_budget() {
    let text = "&#71;".repeat(200_000);
    let start = std::time::Instant::now();
    let _ = refused(&text);
    let _ = refused(&"&amp;".repeat(200_000));
    let _ = refused(&"<a \"".repeat(200_000));
    let _ = refused(&"R0VI ".repeat(200_000));
    let _ = refused(&"%47=".repeat(200_000));
    let _ = refused(&"<!--".repeat(200_000));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// Some text, encoded a few times in ways that change from one to the next.
fn nested() -> impl Strategy<Value = String> {
    let payload =
        ("[A-Za-z0-9 ,.]{1,40}", 1..2000_usize).prop_map(|(text, times)| text.repeat(times));
    (payload, prop::collection::vec(0..6_u8, 0..8)).prop_map(|(payload, ways)| {
        let pack = |text: String, way: u8| match way {
            0 => BASE64_STANDARD.encode(text),
            1 => hex(text.as_bytes()),
            2 => BASE64_STANDARD.encode(gzip(text.as_bytes())),
            3 => text.replace('=', "%3D").replace('e', "%65"),
            4 => BASE64_STANDARD.encode(gzip(&gzip(text.as_bytes()))),
            _ => wrap(&text, 60, "=\r\n"),
        };
        let grown = |text: &String| text.len() < 256 * 1024;
        ways.into_iter()
            .fold(payload, |text, way| match Some(text).filter(grown) {
                Some(text) => pack(text, way),
                None => String::new(),
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_packed_stays_within_the_limits(text in nested()) {
        let Ok(views) = all(&text) else { return Ok(()) };
        let seen: usize = views.iter().skip(1).map(|view| view.text.len()).sum();
        prop_assert!(seen <= FREE_VIEW_BYTES + VIEW_BYTES_PER_BYTE * text.len());
    }
}

#[test]
fn a_word_behind_a_blob_does_not_hide_where_its_text_ends() {
    let number = "15070649C103";
    let ends = |text: &str| {
        decoded(text).iter().any(|seen| {
            let mut places = seen.match_indices(number);
            places.any(|(at, _)| !seen[at + number.len()..].starts_with(char::is_alphanumeric))
        })
    };
    let plain = BASE64_STANDARD.encode(number);
    let packed = BASE64_STANDARD_NO_PAD.encode(gzip(number.as_bytes()));
    for blob in [plain, packed] {
        for behind in ["\nalice", " alice", "\ndanke bob", "\nBob"] {
            let text = format!("Bitte lesen: {blob}{behind}");
            assert!(ends(&text), "{text:?}: {:?}", decoded(&text));
        }
    }
}

/// A letter in front of base64 is none of it: the two stand beside each other, with a border between them.
#[test]
fn a_border_beside_what_was_encoded_makes_no_view_of_its_own() {
    let text = format!(
        "X{} ja",
        BASE64_STANDARD_NO_PAD.encode("STRENG GEHEIM bis Montag")
    );
    let texts = decoded(&text);
    assert!(
        texts
            .iter()
            .any(|seen| seen.contains("X\u{1f}STRENG GEHEIM")),
        "{texts:?}"
    );
    assert!(
        !texts.iter().any(|seen| seen.contains("XSTRENG")),
        "{texts:?}"
    );
}

#[test]
fn a_border_that_somebody_sends_hides_nothing() {
    let packed = BASE64_STANDARD.encode("VS STRENG G\u{1f}EHEI\u{1f}M bis Montag");
    for text in [
        packed.clone(),
        format!("X{packed}"),
        format!("a\u{1f}b {packed}"),
        format!("{packed} STRENG G\u{1f}EHEI\u{1f}M"),
        "STRENG G&#31;EHEI&#x1f;M".to_owned(),
    ] {
        let views = all(&text).unwrap();
        let seen = views.iter().any(|view| view.text.contains("STRENG GEHEIM"));
        assert!(seen, "{text:?}: {views:?}");
    }
}

/// The same digits in other words may be text.
#[test]
fn what_is_no_text_in_one_piece_is_tried_again_in_others() {
    let digits = hex(b"STRENG GEHEIM");
    let (head, tail) = digits.split_at(12);
    let text = format!("0x{head}0x{tail}, dann\n0x{head}\n0x{tail}\n");
    let texts = decoded(&text);
    assert!(
        texts.iter().any(|seen| seen.contains("STRENG GEHEIM")),
        "{texts:?}"
    );
}

#[test]
fn dl_3_base64_on_lines_with_blanks_behind_them_is_read_to_its_end() {
    let iban = "DE89 3704 0044 0532 0130 00";
    let lines = "TGllYmUgS29sbGVn \naW4sIGxpZWJlciB \nLb2xsZWdlLCB1b \nnNlcmUgbmV1ZS \nBJQkFOIGlzdC \n\
                 BERTg5IDM3M \nDQgMDA0NCA \nwNTMyIDAxMzAgMD \nAsIGJpdHRlIGdp \nYiBzaWUgbmllb \nWFuZGVtIHdla \n\
                 XRlciwgdmll \nbGVuIERhbm \nsgdW5kIGJpcyBiYWxkLg ";
    for ends in [" \n", "  \n", " \r\n", "\n"] {
        let text = lines.replace(" \n", ends);
        let texts = decoded(&text);
        assert!(texts.iter().any(|seen| seen.contains(iban)), "{text:?}");
    }
    // Each line shorter than what is read alone.
    let (mut short, mut rest) = (String::new(), lines.replace(" \n", ""));
    for width in [15, 14, 13, 12, 11, 10].into_iter().cycle() {
        let left = rest.split_off(width.min(rest.len()));
        short.push_str(&format!("{rest} \n"));
        rest = left;
        if rest.is_empty() {
            break;
        }
    }
    let texts = decoded(&short);
    assert!(texts.iter().any(|seen| seen.contains(iban)), "{short:?}");
}
