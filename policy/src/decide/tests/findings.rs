//! From findings to a verdict, by the shipped table: one logs, three wait, a marking asks for its label.

use super::*;
use crate::dlp::Strength;

const IBANS: [&str; 5] = [
    "DE89370400440532013000",
    "DE75512108001245126199",
    "DE12500105170648489890",
    "DE02120300000000202051",
    "DE02500105170137075030",
];

fn ibans(numbers: &[&str]) -> Sent {
    message(&format!("Konto {}", numbers.join(" und "))).labelled(GRANTED)
}

fn facts(sent: &Sent) -> serde_json::Value {
    let context = link(sent.link);
    let scene = Scene::new(bundle(), &context, at()).unwrap();
    let unit = sent.unit();
    super::facts(&scene, &unit, &scene.look(&unit))
}

fn link(name: &'static str) -> LinkContext<'static> {
    let (from, to) = crate::link::zones(name).unwrap();
    LinkContext {
        name,
        from,
        to,
        direction: Direction::Outbound,
        clearances: Vec::new(),
    }
}

fn held(decision: &Decision) -> bool {
    *decision == Decision::new(Verdict::Hold, "dlp.de.iban")
}

#[test]
fn dl_5_one_iban_is_released_and_recorded_and_three_different_ones_wait() {
    let one = ibans(&IBANS[..1]).judged();
    assert_eq!(one.decision.verdict, Verdict::Release);
    assert_eq!(one.findings.len(), 1, "it is recorded");
    let twice = ibans(&[IBANS[0], IBANS[0], IBANS[0], "DE89 3704 0044 0532 0130 00"]).judged();
    assert_eq!(
        twice.decision.verdict,
        Verdict::Release,
        "one value, however often"
    );
    assert!(held(&ibans(&IBANS[..3]).judged().decision));
}

#[test]
fn dl_5_the_fifth_iban_of_a_room_and_hour_waits() {
    let sighting = |number: &str| {
        let found = ibans(&[number]).judged().findings;
        Sighting {
            detector: "de.iban".to_owned(),
            value: found[0].values[0].to_string(),
            strength: found[0].strength,
        }
    };
    let after = |before: &[&str]| {
        let mut sent = ibans(&IBANS[4..]);
        sent.seen = before.iter().map(|number| sighting(number)).collect();
        sent.judged().decision
    };
    assert_eq!(after(&IBANS[..3]).verdict, Verdict::Release);
    assert!(held(&after(&IBANS[..4])));
    let same = [IBANS[0], IBANS[1], IBANS[2], IBANS[4]];
    assert_eq!(
        after(&same).verdict,
        Verdict::Release,
        "it is one of the four"
    );
}

#[test]
fn dl_5_events_of_one_transaction_count_together_and_other_rooms_do_not() {
    let all: Vec<Sent> = IBANS.iter().map(|number| ibans(&[number])).collect();
    let verdicts = |units: &[UnitFacts<'_>]| -> Vec<Verdict> {
        let decided = decide_units(bundle(), &link("high->low"), units, at()).unwrap();
        decided.iter().map(|unit| unit.decision.verdict).collect()
    };
    let mut units: Vec<UnitFacts<'_>> = all.iter().map(Sent::unit).collect();
    let mut expected = vec![Verdict::Release; 4];
    expected.push(Verdict::Hold);
    assert_eq!(verdicts(&units), expected);
    units[0].room_id = Some("!other:high.test");
    assert_eq!(verdicts(&units), vec![Verdict::Release; 5]);
}

#[test]
fn dl_5_account_numbers_of_all_countries_count_together() {
    let mixed = [
        IBANS[0],
        "AT611904300234573201",
        "FR1420041010050500013M02606",
    ];
    let bundle = shipped_bundle();
    let verdict = |numbers: &[&str]| {
        let sent = message(&format!("Konten {}", numbers.join(" und "))).labelled(GRANTED);
        let decided = decide_units(bundle, &link("high->low"), &[sent.unit()], at()).unwrap();
        decided[0].decision.verdict
    };
    assert_eq!(verdict(&mixed[..2]), Verdict::Release);
    assert_eq!(verdict(&mixed), Verdict::Hold);
}

#[test]
fn many_weak_values_do_not_hide_a_few_sure_ones() {
    let weak = |at: usize| Sighting {
        detector: "de.iban".to_owned(),
        value: format!("weak{at}"),
        strength: Strength::Low,
    };
    let mut seen: Vec<Sighting> = (0..2000).map(weak).collect();
    seen.extend((0..4).map(|at| Sighting {
        value: format!("sure{at}"),
        strength: Strength::High,
        ..weak(0)
    }));
    let mut sent = ibans(&IBANS[4..]);
    sent.seen = seen;
    assert!(held(&sent.judged().decision));
}

/// LV-3: also a marking of no loaded policy is denied; and nothing that any shipped detector finds is released where
/// nothing is cleared.
#[test]
fn dl_9_on_a_link_cleared_for_nothing_every_finding_of_medium_or_more_is_denied() {
    let bundle = shipped_bundle();
    let context = LinkContext {
        clearances: Vec::new(),
        ..link("far->away")
    };
    let policy = LinkPolicy::new(crate::link::RequireLabel::None);
    let scene = Scene::under(bundle, &context, &policy, at());
    let report = bundle.detectors.test_report();
    let released: Vec<&str> = report
        .detectors
        .iter()
        .map(|detector| detector.id.as_str())
        .filter(|id| {
            let facts = finding_alone(&scene, id);
            let answer = bundle.engine.decide(&[facts]).unwrap().remove(0);
            answer.is_ok_and(|decision| decision.verdict == Verdict::Release)
        })
        .collect();
    assert!(released.is_empty(), "{released:?}");
    assert!(report.detectors.len() > 250);
}

/// The facts about an unlabelled message in which one detector found something, with strength medium.
fn finding_alone(scene: &Scene<'_>, id: &str) -> serde_json::Value {
    let sent = message("x");
    let unit = sent.unit();
    let finding = Finding {
        detector: id.to_owned(),
        strength: Strength::Medium,
        field: "/event/content/body".to_owned(),
        start: 0,
        end: 1,
        view: "raw",
        key: false,
        values: Vec::new(),
    };
    let found = Found {
        findings: Ok(vec![finding]),
        ..scene.look(&unit)
    };
    super::facts(scene, &unit, &found)
}

/// The shipped profile with all its packs.
fn shipped_bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let rules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let read = |folder: &str, end: &str| {
            let mut files: Vec<(String, String)> = std::fs::read_dir(rules.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == end))
                .map(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    (name, std::fs::read_to_string(&path).unwrap())
                })
                .collect();
            files.sort();
            files
        };
        let own = parts();
        let parts = BundleParts {
            spifs: read("spif", "xml"),
            dlp: read("dlp", "toml"),
            ..own
        };
        opened(&parts)
    })
}

#[test]
fn dl_9_a_finding_asks_for_a_label_and_never_lowers_one() {
    let marked = |text: &str, level: &str| {
        message(text)
            .labelled(level)
            .on("secret->low")
            .judged()
            .decision
            .rule
    };
    assert_eq!(marked("Anlage (NATO SECRET)", TOO_HIGH), RELEASED);
    assert_eq!(
        marked("Anlage (NATO SECRET)", NFD),
        "dlp.marking.nato_secret"
    );
    let low = message("Anlage (VS-NfD)").labelled(TOO_HIGH).judged();
    assert_eq!(
        low.decision.rule, "label.classification",
        "the label is still GEHEIM"
    );
}

#[test]
fn dl_9_a_marking_without_any_label_is_mislabelled() {
    let rule = |text| message(text).on("low->high").rule();
    assert_eq!(rule("Anlage (VS-NfD)"), "dlp.marking.vs_nfd");
}

#[test]
fn the_facts_about_a_marking_say_what_it_stands_for_and_whether_the_label_covers_it() {
    let marking = |text: &str| {
        let facts = facts(&message(text).labelled(NFD));
        facts["findings"][0]["marking"].clone()
    };
    let level = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
    assert_eq!(
        marking("Anlage (VS-NfD)"),
        json!({"policy": "DE-SAMPLE", "classification": level, "mislabelled": false})
    );
    assert_eq!(marking("Anlage (GEHEIM)")["mislabelled"], true);
    assert_eq!(
        marking("Annex (NATO RESTRICTED)")["mislabelled"],
        false,
        "by translation"
    );
    assert_eq!(marking("Konto DE89370400440532013000"), json!(null));
}

#[test]
fn the_facts_about_a_finding_say_where_and_how_often_and_never_what() {
    let text = format!("Konto {} und {}, {}", IBANS[0], IBANS[1], IBANS[0]);
    let facts = facts(&message(&text).labelled(GRANTED));
    let finding = &facts["findings"][0];
    for (key, value) in [
        ("detector", json!("de.iban")),
        ("field", json!("/event/content/body")),
        ("key", json!(false)),
        ("start", json!(6)),
        ("end", json!(28)),
        ("count", json!(3)),
        ("distinct", json!(2)),
        ("distinct_in_hour", json!(2)),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    assert_eq!(finding["values"], facts["findings"][2]["values"]);
    assert_eq!(finding["values"].as_array().unwrap().len(), 1);
    assert!(!facts["findings"].to_string().contains(IBANS[0]));
}

#[test]
fn dl_6_what_is_over_the_budget_waits_and_is_never_released() {
    let many = "GEHEIM ".repeat(crate::dlp::MAX_FINDINGS + 1);
    let judged = message(&many).labelled(GRANTED).judged();
    assert_eq!(judged.decision, Decision::new(Verdict::Hold, SCAN_BUDGET));
    let edu = sent("m.typing", json!({ "x": many })).of_kind(Kind::Edu);
    assert_eq!(
        edu.judged().decision,
        Decision::new(Verdict::Drop, SCAN_BUDGET)
    );
    let unlabelled = message(&many).judged();
    assert_eq!(
        unlabelled.decision.rule, LABEL_MISSING,
        "a denial is stricter"
    );
}

#[test]
fn a_full_set_of_findings_stays_within_the_fuel_of_one_event() {
    let all: Vec<String> = (0..crate::dlp::MAX_FINDINGS)
        .map(|at| format!("GEHEIM: {at}"))
        .collect();
    let judged = sent("m.room.message", json!({ "body": all }))
        .labelled(GRANTED)
        .judged();
    assert_eq!(judged.findings.len(), crate::dlp::MAX_FINDINGS);
    assert_eq!(judged.decision.rule, "dlp.marking.geheim");
}

#[test]
fn dl_3_a_value_split_over_two_messages_denies_the_one_that_completes_it() {
    let rule = |before: &[&'static str], body: &str| {
        let mut sent = message(body).labelled(GRANTED);
        sent.before = before.to_vec();
        sent.judged().decision.rule
    };
    assert_eq!(rule(&[], "742 719"), RELEASED);
    assert_eq!(
        rule(&["meine Steuer-ID ist 86 095"], "742 719"),
        "dlp.de.steuer_id"
    );
    assert_eq!(
        rule(&["meine Steuer-ID ist 86095742719"], "danke"),
        RELEASED,
        "it was said before"
    );
}

#[test]
fn a_persons_look_is_stricter_than_that_of_checks_whichever_link_asks_for_it() {
    let by_checks = || {
        let mut decision = UnitDecision::by_protocol(Decision {
            checks: vec!["scanner".to_owned()],
            ..Decision::new(Verdict::Hold, "dlp.network.url")
        });
        decision.notes.push(WAITS);
        decision
    };
    let by_a_person = || UnitDecision::by_protocol(Decision::new(Verdict::Hold, "dlp.de.iban"));
    for both in [
        by_checks().stricter(by_a_person()),
        by_a_person().stricter(by_checks()),
    ] {
        assert_eq!(both.decision.rule, "dlp.de.iban");
        assert!(!both.notes.contains(&WAITS));
    }
    let another = || UnitDecision::by_protocol(Decision::new(Verdict::Hold, "dlp.scan_budget"));
    assert_eq!(
        (
            by_a_person().stricter(another()).decision.rule,
            another().stricter(by_a_person()).decision.rule
        ),
        ("dlp.de.iban".to_owned(), "dlp.scan_budget".to_owned()),
        "two persons' looks: the first link's"
    );
    let both = by_checks().stricter(by_checks());
    assert_eq!(both.decision.verdict, Verdict::Hold);
    assert!(
        !both.notes.contains(&WAITS),
        "neither link's checks look for the other: a person"
    );
    let redacted = || UnitDecision::by_protocol(Decision::new(Verdict::Redact, "label.missing"));
    assert_eq!(
        by_checks().stricter(redacted()).decision.rule,
        "label.missing"
    );
    assert_eq!(
        redacted().stricter(by_a_person()).decision.rule,
        "label.missing"
    );
}
