//! The shipped profile as a gateway has it, and what its policy says of what somebody writes: detectors, compiled rules and
//! tables decide together, as they do over an event.

use std::{fs, path::Path};

use sluice_policy::{
    bundle::{Bundle, Profile},
    decide::{LinkContext, SCAN_BUDGET, UnitDecision, UnitFacts, decide_units},
    dlp::{Around, Detectors, Finding, LoadOptions},
    engine::Engine,
    facts::{Direction, Kind},
    json::{Limits, Object, parse_object},
    label::{LABEL_KEY, Spif, Spifs},
    link::{DEFAULT_LINK, LinkPolicy, RequireLabel, zones},
    verdict::Verdict,
};
use time::OffsetDateTime;

/// A link of the demo, with the table `ordinary`. It demands labels.
pub const ORDINARY: &str = "high->low";
/// A link that the profile does not name, so that its table is `cleared for nothing`.
pub const CLEARED_FOR_NOTHING: &str = "far->away";

/// Folder of a profile's sources.
const PROFILE: &str = "../rules/profiles/demo";
/// Seconds since 1970: some day on which the labels of tests are valid.
const SOME_DAY: i64 = 1_780_000_000;
/// Messages of a call, as many as a transaction has.
const MESSAGES: usize = 50;

/// What came of one message.
pub struct Judged {
    pub verdict: Verdict,
    /// The detector for whose finding it is denied; `None` where it is released, or was too much to look at.
    pub by: Option<String>,
    pub findings: Vec<Finding>,
}

/// The shipped profile.
pub fn bundle() -> Bundle {
    let profile = source("bundle.toml").parse::<toml::Table>().unwrap();
    let spifs = sources(&profile["spif"])
        .into_iter()
        .map(|(_, xml)| Spif::parse(&xml).unwrap());
    let spifs = Spifs::new(spifs.collect()).unwrap();
    // Examples have a test of their own.
    let options = LoadOptions {
        run_examples: false,
        ..LoadOptions::default()
    };
    let detectors = Detectors::parse_with(&sources(&profile["dlp"]), &spifs, &options);
    let mut links = links(&profile);
    // It demands a label and nobody has one: every message would be denied for that. Only findings shall count.
    let unlabelled = LinkPolicy {
        require_label: RequireLabel::None,
        ..links[DEFAULT_LINK].clone()
    };
    links.insert(CLEARED_FOR_NOTHING.to_owned(), unlabelled);
    let data = serde_json::from_str(&source("compiled/data.json")).unwrap();
    Bundle {
        id: String::new(),
        profile: Profile {
            name: "demo".to_owned(),
            version: "1".to_owned(),
        },
        spifs,
        detectors: detectors.unwrap_or_else(|errors| panic!("{}", errors.join("\n"))),
        engine: Engine::load(&fs::read(path("compiled/policy.wasm")).unwrap(), &data).unwrap(),
        links,
        value_key: None,
    }
}

fn links(profile: &toml::Table) -> std::collections::BTreeMap<String, LinkPolicy> {
    profile["links"].clone().try_into().unwrap()
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(PROFILE)
        .join(name)
}

fn source(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// Name and text of the files that a list of the profile names.
fn sources(list: &toml::Value) -> Vec<(String, String)> {
    let names = list.as_array().unwrap().iter();
    names
        .map(|name| name.as_str().unwrap())
        .map(|name| (file_name(name), source(name)))
        .collect()
}

/// A pack is called as its file.
fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap();
    name.to_string_lossy().into_owned()
}

/// What becomes of messages on a link, each sent alone into a room of its own, in their order. A label that the link's
/// clearance grants is on each where the link demands one.
pub fn judge(bundle: &Bundle, link: &str, bodies: &[String]) -> Vec<Judged> {
    let labelled = bundle.links[link].demands_labels();
    let contents: Vec<Object> = bodies.iter().map(|body| content(body, labelled)).collect();
    let chunks = contents.chunks(MESSAGES);
    chunks
        .flat_map(|contents| decide(bundle, link, contents))
        .map(judged)
        .collect()
}

fn decide(bundle: &Bundle, link: &str, contents: &[Object]) -> Vec<UnitDecision> {
    let rooms: Vec<String> = (0..contents.len())
        .map(|room| format!("!{}:far.test", letters(room)))
        .collect();
    let units: Vec<UnitFacts<'_>> = contents
        .iter()
        .zip(&rooms)
        .map(|(content, room)| unit(content, room))
        .collect();
    let (from, to) = zones(link).unwrap();
    let context = LinkContext {
        name: link,
        from,
        to,
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let at = OffsetDateTime::from_unix_timestamp(SOME_DAY).unwrap();
    decide_units(bundle, &context, &units, at).unwrap()
}

/// The hour's tally is by room, so a room of its own keeps a message from counting for the next.
fn letters(number: usize) -> String {
    let letter = |place: usize| char::from(b'a' + u8::try_from(place % 26).unwrap());
    ["room", "of"].concat() + &String::from_iter([letter(number / 26), letter(number)])
}

fn unit<'a>(content: &'a Object, room: &'a str) -> UnitFacts<'a> {
    UnitFacts {
        kind: Kind::Pdu,
        event_type: "m.room.message",
        sender: Some("@alice:far.test"),
        state_key: None,
        room_id: Some(room),
        room_version: Some("12"),
        content,
        targets: Vec::new(),
        room: None,
        previous_room: None,
        redacted: false,
        seen: &[],
        around: Around::default(),
    }
}

fn content(body: &str, labelled: bool) -> Object {
    let mut content = serde_json::json!({"msgtype": "m.text", "body": body});
    if labelled {
        content[LABEL_KEY] = serde_json::json!({
            "PolicyIdentifier": {"name": "DE-SAMPLE", "uri": "urn:oid:2.25.999001"},
            "Classification": "OFFEN",
            "Category": [],
        });
    }
    parse_object(content.to_string().as_bytes(), &Limits::PDU).unwrap()
}

/// Nothing but what detectors saw, or could not look at, is a reason to deny a message here.
fn judged(unit: UnitDecision) -> Judged {
    let (verdict, rule) = (unit.decision.verdict, &unit.decision.rule);
    let by = rule.strip_prefix("dlp.").map(str::to_owned);
    let denied = by.is_some() || rule == SCAN_BUDGET;
    assert_eq!(denied, verdict != Verdict::Release, "{rule}");
    Judged {
        verdict,
        by,
        findings: unit.findings,
    }
}
