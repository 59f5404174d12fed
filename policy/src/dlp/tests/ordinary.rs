//! How far ordinary messages are from the limits, with every pack that is shipped.

use super::{super::scan::Scanner, *};

const CHAT: &str = "Guten Morgen, treffen wir uns um 14:30 Uhr im großen Raum 4? Ich bringe die Unterlagen für die Übung am \
    23.11.2026 mit, Frage 12 und 13 sind offen. Tel. 0228 5550123, notfalls per Mail an lage@uebung.example. See you \
    later, bring the keys! 😀 https://wiki.uebung.example/lage/2026-11?seite=3#karte\n";
const CODE: &str = "    let found = list.iter().filter(|one| one.len() > 16 && one[0] != b'=').collect::<Vec<_>>();\n\
    if (token.length >= 32 && key[i + 1] === \"0x7f\") { return map.get(`${prefix}-${index}`) ?? 0.5; }\n\
    const KEY_BYTES: usize = 64 * 1024; // 65,536; see https://docs.rs/key/1.2.3/key\n";

pub(super) fn packs() -> Detectors {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/dlp");
    let paths = std::fs::read_dir(folder).unwrap();
    let files = paths.map(|file| {
        let path = file.unwrap().path();
        let toml = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), toml)
    });
    let options = LoadOptions {
        trusted: true,
        ..LoadOptions::default()
    };
    Detectors::parse_with(&files.collect::<Vec<_>>(), &spifs(), &options)
        .unwrap_or_else(|errors| panic_with(&errors))
}

#[test]
fn dl_6_ordinary_long_messages_take_at_most_a_quarter_of_what_a_scan_may_do() {
    let packs = packs();
    for (name, piece, length) in [
        ("chat", CHAT, 4 * 1024),
        ("chat", CHAT, 64 * 1024),
        ("code", CODE, 64 * 1024),
    ] {
        let text = piece.repeat(length / piece.len() + 1);
        let mut scanner = Scanner::new(&packs, Scan::default(), "");
        // So many telephone numbers are over the number of findings; all of the work is done by then.
        let _ = scanner.field(&text);
        let spent = scanner.budget().spent();
        assert!(
            spent.iter().all(|(used, limit)| used * 4 <= *limit),
            "{name} of {length}: views, candidates, searched {spent:?}"
        );
    }
}
