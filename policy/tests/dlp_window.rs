//! What stands beside the text of ordinary events is left alone: ids, keys, hashes and addresses, read together with the
//! text and with each other, come to next to nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use ruma_common::CanonicalJsonValue;
use serde_json::{Value, json};
use sluice_policy::dlp::{Around, Detectors, Scan, Strength, said};
use sluice_policy::label::Spifs;

#[path = "dlp_chat/random.rs"]
#[allow(dead_code, reason = "made for other texts")]
mod random;

use random::Random;

/// Events of each kind.
const EVENTS: usize = 500;
/// Events with a finding at most: 0.1 %, as in chat. Ids are random, and one in many has the form of an account number.
const MAX_FOUND: usize = 2;

fn shipped() -> Detectors {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/dlp");
    let packs = [
        "de", "eu", "health", "location", "network", "payment", "secret",
    ];
    let files = packs.map(|pack| {
        let name = format!("{pack}.toml");
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        (name, text)
    });
    Detectors::parse(&files, &Spifs::new(Vec::new()).unwrap())
        .unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

/// Characters as ids, keys and hashes have them.
fn word(random: &mut Random, length: usize) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length)
        .map(|_| char::from(SIGNS[usize::try_from(random.between(0, 63)).unwrap()]))
        .collect()
}

fn number(random: &mut Random, digits: u32) -> u64 {
    random.between(0, 10_u64.pow(digits) - 1)
}

fn events(random: &mut Random) -> [Value; 4] {
    let id = |random: &mut Random| format!("${}", word(random, 43));
    let url = |random: &mut Random| format!("mxc://high.test/{}", word(random, 24));
    let body = format!("um {} in Raum {}", number(random, 4), number(random, 3));
    let reply = json!({ "body": body, "msgtype": "m.text",
        "m.relates_to": { "m.in_reply_to": { "event_id": id(random) }, "rel_type": "m.thread", "event_id": id(random) },
        "m.mentions": { "user_ids": ["@alice:high.test", format!("@user{}:high.test", number(random, 5))] } });
    let file = json!({ "body": format!("IMG_{:08}.jpg", number(random, 8)), "msgtype": "m.image",
        "file": { "v": "v2", "url": url(random), "iv": word(random, 22), "hashes": { "sha256": word(random, 43) },
            "key": { "alg": "A256CTR", "ext": true, "k": word(random, 43), "key_ops": ["encrypt", "decrypt"], "kty": "oct" } },
        "info": { "mimetype": "image/jpeg", "w": 4032, "h": 3024, "size": number(random, 7),
            "thumbnail_url": url(random), "xyz.amorgan.blurhash": word(random, 28) } });
    let poll = json!({ "m.poll": { "kind": "m.disclosed", "max_selections": 1,
        "question": { "m.text": [{ "body": body }] },
        "answers": [{ "m.id": word(random, 16), "m.text": [{ "body": "ja" }] },
            { "m.id": word(random, 16), "m.text": [{ "body": "nein" }] }] } });
    let waveform: Vec<u64> = (0..100).map(|_| random.between(0, 1023)).collect();
    let voice = json!({ "body": "Sprachnachricht", "msgtype": "m.audio", "url": url(random),
        "info": { "duration": number(random, 5), "mimetype": "audio/ogg", "size": number(random, 6) },
        "org.matrix.msc1767.audio": { "duration": number(random, 5), "waveform": waveform } });
    [reply, file, poll, voice]
}

#[test]
fn dl_3_what_stands_beside_a_text_makes_no_finding_by_chance() {
    let detectors = shipped();
    let mut random = Random::new(139);
    let mut found = Vec::new();
    for _ in 0..EVENTS {
        for event in events(&mut random) {
            let tree = CanonicalJsonValue::try_from(event.clone()).unwrap();
            let content = tree.as_object().unwrap();
            let said = said("m.room.message", content, "");
            let findings = detectors.scan_window(&Scan::default(), &Around::default(), &said);
            let findings = findings.unwrap().into_iter();
            let sure = findings.filter(|finding| finding.strength >= Strength::Medium);
            found.extend(sure.map(|finding| format!("{} {event}", finding.detector)));
        }
    }
    assert!(found.len() <= MAX_FOUND, "{}: {:#?}", found.len(), found);
}
