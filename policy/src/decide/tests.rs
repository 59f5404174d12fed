#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::sync::OnceLock;

use serde_json::json;

use super::*;
use crate::{
    bundle::{Bundle, BundleParts, BundleSigningKey, BundleVerifyKey, LabelSettings, Profile},
    json::{Limits, Tree, parse_object},
    label::{LABEL_KEY, ROOM_LABEL_TYPE},
};

const GRANTED: &str = "OFFEN";
const TOO_HIGH: &str = "GEHEIM";
const NFD: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH";
const RELEASED: &str = "rego.sluice.release.event";

/// The facts that the policy sees of a unit.
fn facts(scene: &Scene<'_>, unit: &UnitFacts<'_>, found: &Found<'_>) -> serde_json::Value {
    let seen = scene.seen(unit, found, &mut Tally::default());
    serde_json::to_value(scene.facts(&seen)).unwrap()
}

/// The shipped policy. `high->low` demands labels on events, `strict->low` on rooms, `low->high` none; the others are
/// `high->low` with one difference.
fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| opened(&parts()))
}

/// Signed and opened.
fn opened(parts: &BundleParts) -> Bundle {
    let key = BundleSigningKey::from_pem(include_str!("../../tests/fixtures/bundle.key")).unwrap();
    let public =
        BundleVerifyKey::from_pem(include_str!("../../tests/fixtures/bundle.pub")).unwrap();
    Bundle::open(&Bundle::build(parts, &key).unwrap(), &public).unwrap()
}

fn parts() -> BundleParts {
    let link = |difference: serde_json::Value| {
        let mut policy = json!({"require_label": "event", "edus": ["m.typing", "m.device_list_update"],
                "clearance": clearance("DE-SAMPLE", &["OFFEN", NFD])});
        for (key, value) in difference.as_object().unwrap() {
            policy[key] = value.clone();
        }
        serde_json::from_value::<LinkPolicy>(policy).unwrap()
    };
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    BundleParts {
        profile: Profile {
            name: "test".to_owned(),
            version: "1".to_owned(),
        },
        spifs: vec![
            text("de.xml", include_str!("../../../rules/spif/de-sample.xml")),
            text(
                "nato.xml",
                include_str!("../../../rules/spif/nato-sample.xml"),
            ),
            text("eu.xml", include_str!("../../../rules/spif/eu-sample.xml")),
            text("fr.xml", include_str!("../../../rules/spif/fr-sample.xml")),
            text("asks.xml", ASKING),
        ],
        dlp: vec![
            text("de.toml", include_str!("../../../rules/dlp/de.toml")),
            text(
                "marking.toml",
                include_str!("../../../rules/dlp/marking.toml"),
            ),
            text(
                "payment.toml",
                include_str!("../../../rules/dlp/payment.toml"),
            ),
        ],
        links: [
            ("high->low", json!({})),
            ("strict->low", json!({"require_label": "room"})),
            ("low->high", json!({"require_label": "none"})),
            (
                "marked->low",
                json!({"typed_markings": ["DE-SAMPLE", "1.3.26.1.3.1"]}),
            ),
            (
                "marked->high",
                json!({"typed_markings": ["DE-SAMPLE"], "default_label": wire("GEHEIM")}),
            ),
            ("default->low", json!({"default_label": wire("OFFEN")})),
            ("system->low", json!({"default_label": wire("GEHEIM")})),
            (
                "sealed->low",
                json!({"encryption": "label-only", "edus": ["m.direct_to_device"]}),
            ),
            (
                "mute->low",
                json!({"encryption": "label-only", "require_label": "none"}),
            ),
            (
                "chief->low",
                json!({"room_label_authorities": ["@chief:high.test", "trusted.test"]}),
            ),
            (
                "high->nato",
                json!({"clearance": clearance("NATO", &["UNCLASSIFIED", "RESTRICTED"])}),
            ),
            ("secret->low", json!({"clearance": secret_clearance()})),
            ("high->bare", json!({"clearance": null})),
        ]
        .map(|(name, difference)| (name.to_owned(), link(difference)))
        .into(),
        wasm: include_bytes!("../../../rules/profiles/demo/compiled/policy.wasm").to_vec(),
        data: include_bytes!("../../../rules/profiles/demo/compiled/data.json").to_vec(),
        indexes: Vec::new(),
        index_key: None,
        labels: LabelSettings::default(),
    }
}

/// A policy with a level called as one of the German ones, and a category that asks for a text.
const ASKING: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20260101000000Z"
  originatorDN="CN=Test" keyIdentifier="00" privilegeId="1.3.26.0.4774.5.24.1" rbacId="1.3.26.0.4774.5.24.1">
 <securityPolicyId name="ASKS" id="2.25.4711"/>
 <securityClassifications><securityClassification name="GEHEIM" lacv="1" hierarchy="1" color="red"/></securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="Akte" id="2.25.4711.1">
   <securityCategoryTag name="Akte" tagType="tagType7" tag7Encoding="securityAttributes">
    <tagCategory name="X" lacv="1" userInput="string"/></securityCategoryTag></securityCategoryTagSet>
 </securityCategoryTagSets>
</SPIF>"#;

/// Up to GEHEIM, for what may be released to France.
fn secret_clearance() -> serde_json::Value {
    let mut clearance = clearance("DE-SAMPLE", &["OFFEN", NFD, "VS-VERTRAULICH", "GEHEIM"]);
    clearance["Category"] =
        json!([{"TagName": "Freigabe", "Type": "PERMISSIVE", "GenericValue": ["FRA"]}]);
    clearance
}

fn clearance(policy: &str, levels: &[&str]) -> serde_json::Value {
    json!({"PolicyIdentifier": {"name": policy}, "ClassificationList": levels, "Category": []})
}

fn object(value: &serde_json::Value) -> Object {
    parse_object(value.to_string().as_bytes(), &Limits::PDU).unwrap()
}

fn wire(classification: &str) -> serde_json::Value {
    json!({"PolicyIdentifier": {"name": "DE-SAMPLE", "uri": "urn:oid:2.25.999001"}, "Classification": classification,
        "Category": [], "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z"})
}

fn label(classification: &str) -> Label {
    Label::from_tree(&Tree::Object(object(&wire(classification)))).unwrap()
}

fn at() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_780_000_000).unwrap()
}

/// What alice of zone high sends: the ordinary message; a test says what is odd about it.
struct Sent {
    link: &'static str,
    kind: Kind,
    event_type: &'static str,
    sender: &'static str,
    state_key: Option<&'static str>,
    content: Object,
    /// `None` for an event that is not known.
    targets: Vec<(Relation, Option<Option<Label>>)>,
    /// Whether their labels hang on the link.
    targets_by_link: bool,
    room: Option<RoomLabel>,
    previous: Option<RoomLabel>,
    redacted: bool,
    seen: Vec<Sighting>,
    before: Vec<&'static str>,
}

fn sent(event_type: &'static str, content: serde_json::Value) -> Sent {
    Sent {
        link: "high->low",
        kind: Kind::Pdu,
        event_type,
        sender: "@alice:high.test",
        state_key: None,
        content: object(&content),
        targets: Vec::new(),
        targets_by_link: false,
        room: None,
        previous: None,
        redacted: false,
        seen: Vec::new(),
        before: Vec::new(),
    }
}

fn message(body: &str) -> Sent {
    sent("m.room.message", json!({"msgtype": "m.text", "body": body}))
}

impl Sent {
    fn labelled(mut self, classification: &str) -> Self {
        let mut content = serde_json::to_value(&self.content).unwrap();
        content[LABEL_KEY] = wire(classification);
        self.content = object(&content);
        self
    }

    fn in_room(mut self, classification: &str) -> Self {
        self.room = Some(label(classification).into());
        self
    }

    fn on(mut self, link: &'static str) -> Self {
        self.link = link;
        self
    }

    fn to(self, target: Option<&str>) -> Self {
        self.by(Relation::Replace, target)
    }

    fn by(mut self, relation: Relation, target: Option<&str>) -> Self {
        self.targets.push((relation, Some(target.map(label))));
        self
    }

    fn lost(mut self) -> Self {
        self.targets.push((Relation::Reply, None));
        self
    }

    fn from(mut self, sender: &'static str) -> Self {
        self.sender = sender;
        self
    }

    fn state(mut self) -> Self {
        self.state_key = Some("");
        self
    }

    fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    fn unit(&self) -> UnitFacts<'_> {
        let targets = self.targets.iter().map(|(relation, label)| TargetFacts {
            relation: *relation,
            label: match label {
                Some(label) => Target::Known(label.as_ref()),
                None => Target::Unknown,
            },
            by_link: self.targets_by_link,
        });
        UnitFacts {
            kind: self.kind,
            event_type: self.event_type,
            sender: Some(self.sender),
            state_key: self.state_key,
            room_id: Some("!room:high.test"),
            room_version: Some("12"),
            content: &self.content,
            targets: targets.collect(),
            room: self.room.as_ref(),
            previous_room: self.previous.as_ref(),
            redacted: self.redacted,
            seen: &self.seen,
            around: Around {
                before: self.before.clone(),
                ..Around::default()
            },
        }
    }

    fn judged(&self) -> UnitDecision {
        let (from, to) = crate::link::zones(self.link).unwrap();
        let link = LinkContext {
            name: self.link,
            from,
            to,
            direction: Direction::Outbound,
            clearances: Vec::new(),
        };
        decide_units(bundle(), &link, &[self.unit()], at())
            .unwrap()
            .remove(0)
    }

    fn rule(&self) -> String {
        let judged = self.judged();
        assert_eq!(
            judged.decision.verdict == Verdict::Release,
            judged.reason.is_none() && judged.decision.rule.starts_with("rego.")
                || judged.decision.rule == ALREADY_REDACTED,
            "{judged:?}"
        );
        judged.decision.rule
    }
}

#[test]
fn a_message_within_the_clearance_is_released() {
    let judged = message("hello bob").labelled(GRANTED).judged();
    assert_eq!(judged.decision, Decision::new(Verdict::Release, RELEASED));
    assert_eq!(judged.label, Some(label(GRANTED)));
    assert_eq!(judged.label_source, LabelSource::Event);
    assert_eq!(judged.label_rule.as_deref(), Some("label.granted"));
}

#[test]
fn a_message_above_the_clearance_is_redacted_and_its_label_is_reported() {
    let judged = message("hello bob").labelled(TOO_HIGH).judged();
    assert_eq!(
        judged.decision,
        Decision::new(Verdict::Redact, "label.classification")
    );
    assert_eq!(judged.label, Some(label(TOO_HIGH)));
    assert!(judged.reason.unwrap().contains(TOO_HIGH));
}

#[test]
fn an_unlabelled_message_is_redacted_where_labels_are_demanded() {
    assert_eq!(message("hello").rule(), LABEL_MISSING);
    assert_eq!(message("hello").in_room(GRANTED).rule(), RELEASED);
    assert_eq!(
        message("hello").in_room(TOO_HIGH).rule(),
        "label.classification"
    );
    assert_eq!(message("hello").on("low->high").rule(), RELEASED);
    assert_eq!(
        message("hello").labelled(TOO_HIGH).on("low->high").rule(),
        "label.classification"
    );
}

#[test]
fn what_is_no_label_is_not_the_same_as_no_label() {
    let mut content = json!({"msgtype": "m.text", "body": "hello"});
    content[LABEL_KEY] = json!("OFFEN");
    let broken = sent("m.room.message", content)
        .in_room(GRANTED)
        .on("low->high");
    assert_eq!(broken.rule(), LABEL_MALFORMED);
}

#[test]
fn without_any_clearance_no_label_is_granted() {
    let units = [message("hello").labelled(GRANTED)];
    let link = LinkPolicy {
        clearance: None,
        ..bundle().link("high->low").unwrap().clone()
    };
    let context = LinkContext {
        name: "x",
        from: "a",
        to: "b",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let scene = Scene::under(bundle(), &context, &link, at());
    let found = scene.look(&units[0].unit());
    assert_eq!(
        format!("label.{}", found.label.outcome.unwrap().rule),
        LABEL_NO_CLEARANCE
    );
}

#[test]
fn every_clearance_must_grant() {
    let narrow = r#"{"PolicyIdentifier":{"name":"DE-SAMPLE"},"ClassificationList":["GEHEIM"],"Category":[]}"#;
    let narrow = Clearance::parse(narrow).unwrap();
    let sent = message("hello").labelled(GRANTED);
    let link = LinkContext {
        name: "high->low",
        from: "high",
        to: "low",
        direction: Direction::Outbound,
        clearances: vec![LinkClearance {
            of: ClearanceOf::Peer,
            clearance: &narrow,
        }],
    };
    let judged = decide_units(bundle(), &link, &[sent.unit()], at())
        .unwrap()
        .remove(0);
    assert_eq!(judged.decision.rule, "label.classification");
}

#[test]
fn a_tax_id_a_card_and_a_marking_are_each_denied() {
    for (text, detector) in [
        ("Meine Steuer-ID ist 86095742719", "de.steuer_id"),
        ("card 4111111111111111", "payment.card"),
        ("GEHEIM: Lage um 12 Uhr", "marking.geheim"),
    ] {
        let judged = message(text).labelled(GRANTED).judged();
        assert_eq!(
            judged.decision,
            Decision::new(Verdict::Redact, format!("dlp.{detector}")),
            "{text}"
        );
        assert!(
            judged
                .findings
                .iter()
                .any(|finding| finding.detector == detector
                    && finding.field == "/event/content/body")
        );
    }
}

#[test]
fn a_marking_may_stand_under_its_own_label() {
    let marked = || message("VS-NfD Lage um 12 Uhr");
    assert_eq!(marked().labelled(GRANTED).rule(), "dlp.marking.vs_nfd");
    assert_eq!(
        marked().labelled("VS-NUR FÜR DEN DIENSTGEBRAUCH").rule(),
        RELEASED
    );
}

#[test]
fn detectors_look_at_every_kind_of_unit() {
    let kinds = [
        Kind::Pdu,
        Kind::StrippedState,
        Kind::Template,
        Kind::Edu,
        Kind::Profile,
        Kind::DeviceList,
        Kind::Keys,
        Kind::Claim,
        Kind::KeyDocument,
        Kind::Directory,
        Kind::Summary,
        Kind::Ids,
    ];
    for kind in kinds {
        let rule = sent("m.typing", json!({"x": "GEHEIM"}))
            .on("low->high")
            .of_kind(kind)
            .rule();
        assert_eq!(rule, "dlp.marking.geheim", "{kind:?}");
    }
    let mut named = message("hello").labelled(GRANTED);
    named.state_key = Some("GEHEIM");
    assert_eq!(named.rule(), "dlp.marking.geheim");
}

#[test]
fn what_relates_to_an_event_takes_its_label() {
    let reaction = || {
        sent(
            "m.reaction",
            json!({"m.relates_to": {"rel_type": "m.annotation"}}),
        )
    };
    assert_eq!(reaction().to(Some(GRANTED)).rule(), RELEASED);
    assert_eq!(
        reaction().to(Some(TOO_HIGH)).in_room(GRANTED).rule(),
        "label.classification"
    );
    assert_eq!(reaction().to(None).rule(), LABEL_MISSING);
    assert_eq!(reaction().to(None).in_room(GRANTED).rule(), RELEASED);
    assert_eq!(
        reaction().in_room(GRANTED).lost().rule(),
        LABEL_TARGET_UNKNOWN
    );
}

#[test]
fn state_takes_its_rooms_label() {
    let named = || sent("m.room.name", json!({"name": "Lage"})).state();
    assert_eq!(named().rule(), LABEL_MISSING);
    assert_eq!(named().in_room(GRANTED).rule(), RELEASED);
    assert_eq!(named().in_room(TOO_HIGH).rule(), "label.classification");
    for structural in [
        "m.room.create",
        "m.room.member",
        "m.room.power_levels",
        "m.room.join_rules",
    ] {
        let event = || sent(structural, json!({})).state();
        assert_eq!(event().rule(), RELEASED, "{structural}");
        assert_eq!(
            event().on("strict->low").rule(),
            LABEL_MISSING,
            "{structural}"
        );
        assert_eq!(
            event().on("strict->low").in_room(TOO_HIGH).rule(),
            "label.classification",
            "{structural}"
        );
    }
    assert_eq!(
        sent("org.example.unknown", json!({})).state().rule(),
        LABEL_MISSING
    );
}

#[test]
fn the_event_that_labels_a_room_is_judged_by_the_label_it_sets() {
    let state = |level: &str| sent(ROOM_LABEL_TYPE, json!({"label": wire(level)})).state();
    assert_eq!(state(GRANTED).rule(), RELEASED);
    assert_eq!(
        state(TOO_HIGH).in_room(GRANTED).rule(),
        "label.classification"
    );
}

#[test]
fn ciphertext_is_redacted_and_the_state_that_announces_it_is_not() {
    let cipher = sent("m.room.encrypted", json!({"ciphertext": "xyz"})).labelled(GRANTED);
    assert_eq!(cipher.rule(), ENCRYPTION_REFUSED);
    assert_eq!(
        sent(
            "m.room.encryption",
            json!({"algorithm": "m.megolm.v1.aes-sha2"})
        )
        .state()
        .rule(),
        RELEASED
    );
}

#[test]
fn edus_cross_by_type_and_by_their_rooms_label() {
    let edu = |name| sent(name, json!({})).of_kind(Kind::Edu);
    assert_eq!(edu("m.typing").rule(), "rego.sluice.release.edu_allowed");
    assert_eq!(
        edu("m.typing").in_room(TOO_HIGH).judged().decision,
        Decision::new(Verdict::Drop, "label.classification")
    );
    assert_eq!(edu("m.typing").on("strict->low").rule(), LABEL_MISSING);
    assert_eq!(
        edu("m.device_list_update").on("strict->low").rule(),
        "rego.sluice.release.edu_allowed"
    );
    assert_eq!(
        edu("m.presence").judged().decision,
        Decision::new(Verdict::Drop, "rego.sluice.release.edu_not_allowed")
    );
}

#[test]
fn a_redacted_event_has_nothing_left_to_judge() {
    let mut redacted = message("");
    redacted.redacted = true;
    assert_eq!(redacted.rule(), ALREADY_REDACTED);
}

#[test]
fn a_link_that_the_bundle_does_not_know_lets_nothing_cross() {
    let judged = message("hello").labelled(GRANTED).on("low->far").judged();
    assert_eq!(
        judged.decision,
        Decision::new(Verdict::Redact, LINK_UNKNOWN)
    );
}

#[test]
fn a_batch_keeps_its_order() {
    let all = [
        message("a").labelled(GRANTED),
        message("b"),
        message("c").labelled(TOO_HIGH),
    ];
    let units: Vec<UnitFacts<'_>> = all.iter().map(Sent::unit).collect();
    let link = LinkContext {
        name: "high->low",
        from: "high",
        to: "low",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let rules: Vec<String> = decide_units(bundle(), &link, &units, at())
        .unwrap()
        .into_iter()
        .map(|unit| unit.decision.rule)
        .collect();
    assert_eq!(rules, [RELEASED, LABEL_MISSING, "label.classification"]);
}

mod findings;
mod labels;
mod scan;
