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

/// Messages of each kind.
const MESSAGES: usize = 1000;

/// Letters, digits, `-` and `_` as ids have them, from bytes of which none follows from the one before.
fn id(state: &mut u64, length: usize) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sign = |_| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        char::from(SIGNS[usize::from(state.to_le_bytes()[3] & 63)])
    };
    (0..length).map(sign).collect()
}

/// Rooms and answers have ids that decode to something by chance; so may a word in every tenth message.
#[test]
fn dl_6_ordinary_messages_with_ids_stay_within_three_quarters_of_what_a_scan_may_do() {
    let packs = packs();
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut most = [0.0_f64; 6];
    for number in 0..MESSAGES {
        let said: Vec<String> = (0..10)
            .map(|at| {
                let word = id(&mut state, if at == number % 10 { 22 } else { 9 });
                format!(
                    "The convoy reached the depot before noon; the second group follows ({word})"
                )
            })
            .collect();
        let event = id(&mut state, 43);
        let whole = json!({ "type": "m.room.message", "sender": "@alice:high.test",
            "room_id": format!("!{}", id(&mut state, 43)),
            "content": { "body": said[9], "msgtype": "m.text",
                "m.relates_to": { "m.in_reply_to": { "event_id": format!("${event}") } },
                "org.sluice.confidentiality": { "PolicyIdentifier": { "uri": "urn:oid:2.25.999001" },
                    "Category": [], "CreationDateTime": "2026-03-01T12:00:00Z" } } });
        let whole = CanonicalJsonValue::try_from(whole).unwrap();
        let content = whole.as_object().unwrap()["content"].as_object().unwrap();
        let texts = super::super::said("m.room.message", content, "/content");
        let around = Around {
            before: said[..9].iter().map(String::as_str).collect(),
            ..Around::default()
        };
        let mut scanner = Scanner::new(&packs, Scan::default(), "");
        scanner.walk(&whole, 0).unwrap();
        scanner.window(&around, &texts).unwrap();
        for (most, (used, limit)) in most.iter_mut().zip(scanner.budget().spent()) {
            let part =
                f64::from(u32::try_from(used).unwrap()) / f64::from(u32::try_from(limit).unwrap());
            *most = most.max(part);
        }
    }
    println!("views, candidates, searched, tried, decoded, searched in decoded: {most:.2?}");
    assert!(most.iter().all(|part| *part <= 0.75), "{most:.2?}");
}
