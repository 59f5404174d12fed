//! The corpus of the fuzz targets, replayed: what lies in `accept` is read, what lies in `reject` is not, and nothing
//! panics. What fuzzing finds is added here under a name that says what it is.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

use std::{fs, path::Path};

use sluice_policy::{
    dlp::{Detectors, View, see},
    json::{Cut, Fault, Limits, Object, Scanner, Tree, parse_cut, parse_envelope},
    label::{Clearance, Label, Mode, Spif, Spifs, lint},
};

/// Reads every file of a target's corpus, and says which of them were not treated as their folder says.
fn replay(target: &str, accepts: impl Fn(&[u8]) -> bool) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    for (folder, expected) in [("accept", true), ("reject", false)] {
        let mut count = 0;
        for file in fs::read_dir(corpus.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert_eq!(accepts(&bytes), expected, "{}", path.display());
            count += 1;
        }
        assert!(count > 3, "{target}/{folder} is as good as empty");
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[test]
fn security_policies() {
    replay("spif", |bytes| {
        let Some(xml) = text(bytes) else { return false };
        let parsed = Spif::parse(xml).is_ok();
        assert_eq!(parsed, lint(&[("corpus".to_owned(), xml.to_owned())]).ok());
        parsed
    });
}

#[test]
fn labels_in_xml() {
    replay("label_xml", |bytes| {
        let Ok(label) = Label::read(bytes, Mode::Lenient) else {
            assert!(Label::read(bytes, Mode::Strict).is_err());
            return false;
        };
        let json = label.to_exact_json().to_string();
        assert_eq!(Label::read(json.as_bytes(), Mode::Lenient), Ok(label));
        true
    });
}

#[test]
fn labels_in_json() {
    replay("label_json", |bytes| {
        let Ok(label) = Label::read(bytes, Mode::Lenient) else {
            assert!(Label::read(bytes, Mode::Strict).is_err());
            return false;
        };
        let xml = label.to_xml();
        match Label::from_xml(&xml, Mode::Lenient) {
            Ok(again) => assert_eq!(again.to_exact_json(), label.to_exact_json()),
            Err(error) => panic!("{error}: {xml}"),
        }
        true
    });
}

#[test]
fn clearances() {
    replay("clearance", |bytes| {
        let Ok(clearance) = Clearance::read(bytes) else {
            return false;
        };
        assert_eq!(
            Clearance::read(clearance.to_xml().as_bytes()),
            Ok(clearance)
        );
        true
    });
}

#[test]
fn rule_files_of_detectors() {
    let spifs = Spifs::new(Vec::new()).unwrap();
    replay("dlp_rules", |bytes| {
        let Some(toml) = text(bytes) else {
            return false;
        };
        let files = [("corpus.toml".to_owned(), toml.to_owned())];
        let mistakes = Detectors::parse(&files, &spifs).err().unwrap_or_default();
        let placed = |mistake: &String| mistake.starts_with("corpus.toml:");
        assert!(mistakes.iter().all(placed), "{mistakes:?}");
        mistakes.is_empty()
    });
}

#[test]
fn views_lead_back_to_the_original() {
    replay("dlp_views", |bytes| {
        let Ok(views) = see(text(bytes).unwrap()) else {
            return false;
        };
        assert_eq!(views.first().map(View::text), text(bytes));
        for view in &views {
            is_mapped(view, text(bytes).unwrap());
        }
        true
    });
}

fn is_mapped(view: &View<'_>, text: &str) {
    let length = view.text().len();
    for at in 0..length {
        for end in [at + 1, (at + 7).min(length), length] {
            let (from, to) = view.original(at, end);
            assert!(from < to && to <= text.len(), "{at}..{end}: {text:?}");
            assert!(text.is_char_boundary(from) && text.is_char_boundary(to));
        }
    }
}

#[test]
fn encoded_text_is_looked_at_within_limits() {
    replay("dlp_decode", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(views) = see(&text) else { return false };
        let seen: usize = views.iter().skip(1).map(|view| view.text().len()).sum();
        assert!(seen <= 128 * 1024 + 32 * text.len());
        true
    });
}

const PATTERNS: [&str; 3] = ["/event", "/state/*", "/auth_chain/*"];
const WIDE: Limits = Limits {
    bytes: 65_536,
    depth: 16,
    nodes: 1000,
};

/// An envelope and the units of a body.
type Read = Result<(Object, Vec<(&'static str, Result<Tree, Fault>)>), Fault>;

fn in_pieces(body: &[u8], size: usize) -> Read {
    let mut scanner = Scanner::new(PATTERNS.to_vec(), WIDE.bytes, WIDE);
    let mut units = Vec::new();
    for piece in body.chunks(size) {
        scanner.push(piece, &mut |cut: Cut<'_>| {
            units.push((cut.pattern, parse_cut(cut.text?, &WIDE)?));
            Ok::<_, Fault>(())
        })?;
    }
    Ok((scanner.finish()?, units))
}

#[test]
fn large_answers_in_pieces_are_what_they_are_whole() {
    replay("json_scan", |bytes| {
        let (size, body) = bytes.split_first().unwrap();
        let read = in_pieces(body, usize::from(*size).max(1));
        let whole = parse_envelope(body, &PATTERNS, &WIDE, &WIDE, usize::MAX);
        assert_eq!(read.is_ok(), whole.is_ok());
        if let (Ok(read), Ok(whole)) = (&read, whole) {
            let units = whole.elements.into_iter();
            let units: Vec<_> = units.map(|unit| (unit.pattern, unit.value)).collect();
            assert_eq!(read, &(whole.rest, units));
        }
        read.is_ok()
    });
}
