#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod values;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{super::spif::Spif, *};

const DE: &str = include_str!("../../../../rules/spif/de-sample.xml");
const NATO: &str = include_str!("../../../../rules/spif/nato-sample.xml");

/// A policy in which everything that constrains is used once.
const STRICT: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20260101000000Z"
 notBefore="2026-01-01T00:00:00Z" notAfter="2027-01-01T00:00:00Z">
 <securityPolicyId name="STRICT" id="2.25.999003"/>
 <securityClassifications>
  <securityClassification name="LOW" lacv="1" hierarchy="1"/>
  <securityClassification name="HIGH" lacv="2" hierarchy="2">
   <requiredCategory operation="oneOrMore">
    <categoryGroup tagSetRef="Rel" tagType="permissive" all="true"/>
   </requiredCategory>
  </securityClassification>
  <securityClassification name="OLD" lacv="3" hierarchy="3" obsolete="true"/>
 </securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="Rel" id="2.25.999003.1">
   <securityCategoryTag name="a" tagType="permissive">
    <tagCategory name="X" lacv="1"/><tagCategory name="Y" lacv="2"/>
    <tagCategory name="ALONE" lacv="3"><excludedCategory tagSetRef="Rel" tagType="permissive" all="true"/></tagCategory>
   </securityCategoryTag>
   <securityCategoryTag name="b" tagType="permissive"><tagCategory name="Z" lacv="9"/></securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Other" id="2.25.999003.2">
   <securityCategoryTag name="a" tagType="permissive"><tagCategory name="X" lacv="1"/></securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Box" id="2.25.999003.3">
   <securityCategoryTag name="box" tagType="restrictive" maxSelection="2">
    <tagCategory name="RED" lacv="1"><excludedClass>LOW</excludedClass></tagCategory>
    <tagCategory name="BLUE" lacv="2" requiredClass="HIGH"/>
    <tagCategory name="GREEN" lacv="3"/>
    <tagCategory name="PAST" lacv="4" notAfter="2026-02-01T00:00:00Z"/>
    <tagCategory name="PAIR" lacv="5"><requiredCategory operation="onlyOne">
     <categoryGroup tagSetRef="Rel" tagType="permissive" lacv="1"/>
     <categoryGroup tagSetRef="Rel" tagType="permissive" lacv="2"/>
    </requiredCategory></tagCategory>
   </securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Ctx" id="2.25.999003.4">
   <securityCategoryTag name="ctx" tagType="tagType7" singleSelection="true" minSelection="1">
    <tagCategory name="ON" lacv="1"/><tagCategory name="OFF" lacv="2"/>
   </securityCategoryTag>
  </securityCategoryTagSet>
 </securityCategoryTagSets>
</SPIF>"#;

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

fn spifs() -> Spifs {
    Spifs::new(
        [DE, NATO, STRICT]
            .map(|xml| Spif::parse(xml).unwrap())
            .into(),
    )
    .unwrap()
}

fn categories(list: &[(&str, &str, &[&str])]) -> Value {
    let category = |(tag, kind, values): &(&str, &str, &[&str])| json!({"TagName": tag, "Type": kind, "GenericValue": values});
    list.iter().map(category).collect()
}

fn label(policy: &str, level: &str, list: &[(&str, &str, &[&str])]) -> Label {
    let label = json!({"PolicyIdentifier": {"name": policy}, "Classification": level, "Category": categories(list)});
    serde_json::from_value(label).unwrap()
}

fn clearance(policy: &str, levels: &[&str], list: &[(&str, &str, &[&str])]) -> Clearance {
    let json = json!({
        "PolicyIdentifier": {"name": policy}, "ClassificationList": levels, "Category": categories(list)
    });
    Clearance::parse(&json.to_string()).unwrap()
}

fn rule(label: &Label, clearance: &Clearance) -> &'static str {
    let decision = decide(label, clearance, &spifs(), at("2026-06-01T00:00:00Z"));
    assert_eq!(decision.grant, decision.rule == "granted");
    assert!(!decision.reason.is_empty());
    decision.rule
}

/// The rule for a label of the strict policy, towards a link that is cleared for everything in it.
fn strict(level: &str, list: &[(&str, &str, &[&str])]) -> &'static str {
    let everything = clearance(
        "STRICT",
        &["LOW", "HIGH", "OLD"],
        &[
            ("Rel", "PERMISSIVE", &["X", "Y", "Z", "ALONE"]),
            ("Other", "PERMISSIVE", &["X"]),
            (
                "Box",
                "RESTRICTIVE",
                &["RED", "BLUE", "GREEN", "PAST", "PAIR"],
            ),
        ],
    );
    rule(&label("STRICT", level, list), &everything)
}

const ON: (&str, &str, &[&str]) = ("Ctx", "INFORMATIVE", &["ON"]);

#[test]
fn lb_1_acdf_the_policy_must_be_loaded_and_the_same() {
    let cleared = clearance("NATO", &["SECRET"], &[]);
    assert_eq!(rule(&label("NATO", "SECRET", &[]), &cleared), "granted");
    assert_eq!(
        rule(&label("EU", "SECRET", &[]), &cleared),
        "policy-unknown"
    );
    assert_eq!(
        rule(&label("DE-SAMPLE", "GEHEIM", &[]), &cleared),
        "policy-mismatch"
    );
    assert_eq!(
        rule(
            &label("NATO", "SECRET", &[]),
            &clearance("EU", &["SECRET"], &[])
        ),
        "policy-mismatch"
    );
    let none = decide(
        &label("NATO", "SECRET", &[]),
        &cleared,
        &Spifs::default(),
        at("2026-06-01T00:00:00Z"),
    );
    assert_eq!((none.grant, none.rule), (false, "policy-unknown"));
}

#[test]
fn lb_3_name_and_identifier_must_mean_the_same_policy() {
    let cleared = clearance("NATO", &["SECRET"], &[]);
    let named = |name: &str, oid: &str| -> Label {
        let policy = json!({"name": name, "uri": format!("urn:oid:{oid}")});
        serde_json::from_value(json!({"PolicyIdentifier": policy, "Classification": "SECRET"}))
            .unwrap()
    };
    assert_eq!(rule(&named("NATO", "1.3.26.1.3.1"), &cleared), "granted");
    assert_eq!(
        rule(&named("NATO", "2.25.999001"), &cleared),
        "policy-mismatch"
    );
    assert_eq!(rule(&named("NATO", "2.25.1"), &cleared), "policy-mismatch");
    assert_eq!(
        rule(&named("OTHER", "1.3.26.1.3.1"), &cleared),
        "policy-mismatch"
    );
    assert_eq!(rule(&named("OTHER", "2.25.1"), &cleared), "policy-unknown");
}

#[test]
fn lb_1_acdf_an_expired_policy_denies_everything() {
    let (label, cleared) = (
        label("STRICT", "LOW", &[ON]),
        clearance("STRICT", &["LOW"], &[]),
    );
    let rule = |instant: &str| decide(&label, &cleared, &spifs(), at(instant)).rule;
    assert_eq!(rule("2026-06-01T00:00:00Z"), "granted");
    assert_eq!(rule("2027-01-01T00:00:00Z"), "granted");
    assert_eq!(rule("2027-01-01T00:00:01Z"), "policy-expired");
    assert_eq!(rule("2025-12-31T23:59:59Z"), "policy-expired");
}

#[test]
fn lb_1_acdf_a_clearance_is_a_list_and_never_a_maximum() {
    let cleared = clearance("DE-SAMPLE", &["OFFEN", "GEHEIM"], &[]);
    assert_eq!(
        rule(&label("DE-SAMPLE", "GEHEIM", &[]), &cleared),
        "granted"
    );
    assert_eq!(
        rule(&label("DE-SAMPLE", "VS-VERTRAULICH", &[]), &cleared),
        "classification"
    );
    assert_eq!(
        rule(&label("DE-SAMPLE", "STRENG GEHEIM", &[]), &cleared),
        "classification"
    );
    assert_eq!(
        rule(
            &label("DE-SAMPLE", "OFFEN", &[]),
            &clearance("DE-SAMPLE", &[], &[])
        ),
        "classification"
    );
}

#[test]
fn lb_1_acdf_restrictive_asks_for_every_value() {
    let secret = |values| {
        label(
            "DE-SAMPLE",
            "GEHEIM",
            &[("Sperrvermerk", "RESTRICTIVE", values)],
        )
    };
    let cleared = |values| {
        clearance(
            "DE-SAMPLE",
            &["GEHEIM"],
            &[("Sperrvermerk", "RESTRICTIVE", values)],
        )
    };
    assert_eq!(
        rule(
            &secret(&["KRYPTO", "PERSONAL"]),
            &cleared(&["PERSONAL", "KRYPTO"])
        ),
        "granted"
    );
    assert_eq!(
        rule(&secret(&["KRYPTO", "PERSONAL"]), &cleared(&["KRYPTO"])),
        "restrictive"
    );
    assert_eq!(
        rule(
            &secret(&["KRYPTO"]),
            &clearance("DE-SAMPLE", &["GEHEIM"], &[])
        ),
        "restrictive"
    );
    assert_eq!(rule(&secret(&[]), &cleared(&[])), "granted");
}

#[test]
fn lb_1_acdf_permissive_asks_for_one_value() {
    let secret = |values| label("DE-SAMPLE", "GEHEIM", &[("Freigabe", "PERMISSIVE", values)]);
    let cleared = |values| {
        clearance(
            "DE-SAMPLE",
            &["GEHEIM"],
            &[("Freigabe", "PERMISSIVE", values)],
        )
    };
    assert_eq!(
        rule(&secret(&["DEU", "FRA"]), &cleared(&["FRA"])),
        "granted"
    );
    assert_eq!(rule(&secret(&["DEU"]), &cleared(&["FRA"])), "permissive");
    assert_eq!(
        rule(&secret(&["DEU"]), &clearance("DE-SAMPLE", &["GEHEIM"], &[])),
        "permissive"
    );
    assert_eq!(
        rule(&label("DE-SAMPLE", "GEHEIM", &[]), &cleared(&["FRA"])),
        "granted",
        "absent is no constraint"
    );
}

#[test]
fn lb_6_no_clearance_grants_the_label_for_nobody() {
    let policy = json!({"name": "sluice:invalid"});
    let cleared =
        json!({"PolicyIdentifier": policy, "ClassificationList": ["invalid"], "Category": []});
    let cleared = Clearance::parse(&cleared.to_string()).unwrap();
    assert_eq!(rule(&Label::nobody(), &cleared), "policy-unknown");
}

#[test]
fn lb_10_a_permissive_category_without_values_permits_nobody() {
    let cleared = clearance(
        "DE-SAMPLE",
        &["GEHEIM"],
        &[("Freigabe", "PERMISSIVE", &["DEU", "FRA"])],
    );
    assert_eq!(
        rule(
            &label("DE-SAMPLE", "GEHEIM", &[("Freigabe", "PERMISSIVE", &[])]),
            &cleared
        ),
        "permissive"
    );
}

#[test]
fn lb_1_acdf_informative_is_ignored_but_must_be_known() {
    let cleared = clearance("NATO", &["SECRET"], &[]);
    let note = |value| {
        label(
            "NATO",
            "SECRET",
            &[("Administrative", "INFORMATIVE", value)],
        )
    };
    assert_eq!(rule(&note(&["STAFF"]), &cleared), "granted");
    assert_eq!(rule(&note(&["LUNCH"]), &cleared), "label-invalid");
}

#[test]
fn lb_2_categories_of_one_tag_set_are_merged() {
    let twice: &[(&str, &str, &[&str])] = &[
        ("Freigabe", "PERMISSIVE", &["DEU"]),
        ("Freigabe", "PERMISSIVE", &["FRA"]),
    ];
    let cleared = clearance(
        "DE-SAMPLE",
        &["GEHEIM"],
        &[("Freigabe", "PERMISSIVE", &["FRA"])],
    );
    assert_eq!(
        rule(&label("DE-SAMPLE", "GEHEIM", twice), &cleared),
        "granted"
    );
}

#[test]
fn lb_4_names_match_in_any_case() {
    let cleared = clearance("nato", &["top secret"], &[]);
    assert_eq!(
        rule(&label(" Nato ", "Top Secret", &[]), &cleared),
        "granted"
    );
    assert_eq!(
        rule(&label("NATO", "SECRET SQUIRREL", &[]), &cleared),
        "label-invalid"
    );
}

#[test]
fn anti_pattern_8_matching_is_not_case_sensitive() {
    let cleared = clearance("NATO", &["RESTRICTED"], &[]);
    assert_eq!(rule(&label("NATO", "Restricted", &[]), &cleared), "granted");
}

#[test]
fn lb_5_a_tag_set_under_another_type_is_refused() {
    let cleared = clearance("NATO", &["SECRET"], &[]);
    let hidden = label(
        "NATO",
        "SECRET",
        &[("Releasable To", "INFORMATIVE", &["DEU"])],
    );
    assert_eq!(rule(&hidden, &cleared), "label-invalid");
    let swapped = label(
        "NATO",
        "SECRET",
        &[("Releasable To", "RESTRICTIVE", &["DEU"])],
    );
    assert_eq!(rule(&swapped, &cleared), "label-invalid");
    assert_eq!(
        rule(
            &label("NATO", "SECRET", &[("Unknown", "INFORMATIVE", &[])]),
            &cleared
        ),
        "label-invalid"
    );
}

#[test]
fn lb_8_an_unlisted_level_is_blocked_on_a_link_for_another_release() {
    let cleared = clearance(
        "NATO",
        &["UNCLASSIFIED", "RESTRICTED"],
        &[("Releasable To", "PERMISSIVE", &["FRA"])],
    );
    assert_eq!(
        rule(
            &label(
                "NATO",
                "SECRET",
                &[("Releasable To", "PERMISSIVE", &["FRA"])]
            ),
            &cleared
        ),
        "classification"
    );
    let released = label(
        "NATO",
        "RESTRICTED",
        &[("Releasable To", "PERMISSIVE", &["FRA"])],
    );
    assert_eq!(rule(&released, &cleared), "granted");
}

#[test]
fn a_clearance_with_names_that_the_policy_lacks_denies() {
    let offen = label("DE-SAMPLE", "OFFEN", &[]);
    assert_eq!(
        rule(&offen, &clearance("DE-SAMPLE", &["OFFEN", "SECRET"], &[])),
        "clearance-invalid"
    );
    let tags = clearance(
        "DE-SAMPLE",
        &["OFFEN"],
        &[("Freigabe", "RESTRICTIVE", &["DEU"])],
    );
    assert_eq!(rule(&offen, &tags), "clearance-invalid");
}

#[test]
fn anti_pattern_4_tag_sets_are_not_merged_by_the_name_of_a_tag() {
    // Both sets have a tag "a" with the value X: each asks for itself.
    let both: &[(&str, &str, &[&str])] = &[
        ON,
        ("Rel", "PERMISSIVE", &["X"]),
        ("Other", "PERMISSIVE", &["X"]),
    ];
    let one = clearance("STRICT", &["LOW"], &[("Rel", "PERMISSIVE", &["X"])]);
    assert_eq!(rule(&label("STRICT", "LOW", both), &one), "permissive");
    assert_eq!(strict("LOW", both), "granted");
}

#[test]
fn two_tags_of_one_kind_in_a_set_decide_each_for_itself() {
    let both: &[(&str, &str, &[&str])] = &[ON, ("Rel", "PERMISSIVE", &["X", "Z"])];
    let one = clearance("STRICT", &["LOW"], &[("Rel", "PERMISSIVE", &["X"])]);
    assert_eq!(rule(&label("STRICT", "LOW", both), &one), "permissive");
    assert_eq!(strict("LOW", both), "granted");
}

#[test]
fn anti_pattern_5_matching_categories_alone_do_not_permit() {
    let cleared = clearance(
        "DE-SAMPLE",
        &["OFFEN"],
        &[("Freigabe", "PERMISSIVE", &["DEU"])],
    );
    let secret = label(
        "DE-SAMPLE",
        "GEHEIM",
        &[("Freigabe", "PERMISSIVE", &["DEU"])],
    );
    assert_eq!(rule(&secret, &cleared), "classification");
}

#[test]
fn anti_pattern_6_a_label_without_categories_is_decided_too() {
    assert_eq!(
        rule(
            &label("NATO", "SECRET", &[]),
            &clearance("NATO", &["RESTRICTED"], &[])
        ),
        "classification"
    );
    assert_eq!(
        rule(
            &label("NATO", "SECRET", &[]),
            &clearance("NATO", &["SECRET"], &[])
        ),
        "granted"
    );
}

#[test]
fn anti_pattern_2_a_label_is_never_lowered_to_fit() {
    let secret = label("NATO", "SECRET", &[]);
    assert_eq!(
        rule(&secret, &clearance("NATO", &["RESTRICTED"], &[])),
        "classification"
    );
    assert_eq!(secret.classification(), "SECRET");
}

#[test]
fn validity_required_and_excluded() {
    let x = ("Rel", "PERMISSIVE", &["X"] as &[&str]);
    let boxes = |values: &'static [&'static str]| ("Box", "RESTRICTIVE", values);
    for (level, list, expected) in [
        ("LOW", vec![ON], "granted"),
        ("HIGH", vec![ON], "label-invalid"),
        ("HIGH", vec![ON, x], "granted"),
        (
            "HIGH",
            vec![ON, ("Other", "PERMISSIVE", &["X"])],
            "label-invalid",
        ),
        ("LOW", vec![ON, boxes(&["RED"])], "label-invalid"),
        ("HIGH", vec![ON, x, boxes(&["RED"])], "granted"),
        ("LOW", vec![ON, boxes(&["BLUE"])], "label-invalid"),
        ("HIGH", vec![ON, x, boxes(&["BLUE"])], "granted"),
        ("LOW", vec![ON, boxes(&["PAST"])], "label-invalid"),
        ("LOW", vec![ON, boxes(&["PAIR"])], "label-invalid"),
        ("LOW", vec![ON, x, boxes(&["PAIR"])], "granted"),
        (
            "LOW",
            vec![ON, ("Rel", "PERMISSIVE", &["X", "Y"]), boxes(&["PAIR"])],
            "label-invalid",
        ),
        (
            "LOW",
            vec![ON, ("Rel", "PERMISSIVE", &["ALONE"])],
            "granted",
        ),
        (
            "LOW",
            vec![ON, ("Rel", "PERMISSIVE", &["ALONE", "X"])],
            "label-invalid",
        ),
    ] {
        assert_eq!(strict(level, &list), expected, "{level} {list:?}");
    }
}

#[test]
fn sp_12_cardinality_counts_also_what_is_left_out() {
    let x = ("Rel", "PERMISSIVE", &["X"] as &[&str]);
    assert_eq!(strict("LOW", &[]), "label-invalid", "minSelection");
    assert_eq!(
        strict("LOW", &[("Ctx", "INFORMATIVE", &["ON", "OFF"])]),
        "label-invalid",
        "singleSelection"
    );
    assert_eq!(
        strict("LOW", &[("Ctx", "INFORMATIVE", &["ON", "on"])]),
        "granted",
        "one value twice"
    );
    let three = ("Box", "RESTRICTIVE", &["RED", "BLUE", "GREEN"] as &[&str]);
    assert_eq!(
        strict("HIGH", &[ON, x, three]),
        "label-invalid",
        "maxSelection"
    );
}

#[test]
fn lb_11_obsolete_names_are_for_old_labels() {
    let made = |date: Option<&str>| -> Label {
        let mut json = label("STRICT", "OLD", &[ON]).to_json();
        if let Some(date) = date {
            json["CreationDateTime"] = json!(date);
        }
        serde_json::from_value(json).unwrap()
    };
    let cleared = clearance("STRICT", &["OLD"], &[]);
    assert_eq!(
        rule(&made(Some("2025-12-31T00:00:00Z")), &cleared),
        "granted"
    );
    assert_eq!(
        rule(&made(Some("2026-01-02T00:00:00Z")), &cleared),
        "label-invalid"
    );
    assert_eq!(rule(&made(None), &cleared), "label-invalid");
}

#[test]
fn lb_7_the_reason_is_in_words_of_the_policy() {
    let secret = label(
        "de-sample",
        "geheim",
        &[("freigabe", "PERMISSIVE", &["deu"])],
    );
    let cleared = clearance(
        "DE-SAMPLE",
        &["GEHEIM"],
        &[("Freigabe", "PERMISSIVE", &["FRA"])],
    );
    let decision = decide(&secret, &cleared, &spifs(), at("2026-06-01T00:00:00Z"));
    assert_eq!(
        decision.reason,
        "PERMISSIVE 2.25.999001.2 {DEU} ∩ {FRA} = ∅"
    );
}

#[test]
fn no_reason_quotes_what_only_the_label_says() {
    let canary = "CANARY OF BOB";
    let cleared = clearance("NATO", &["SECRET"], &[]);
    for hostile in [
        label(canary, "SECRET", &[]),
        label("NATO", canary, &[]),
        label("NATO", "SECRET", &[(canary, "PERMISSIVE", &["DEU"])]),
        label(
            "NATO",
            "SECRET",
            &[("Releasable To", "PERMISSIVE", &[canary])],
        ),
    ] {
        let decision = decide(&hostile, &cleared, &spifs(), at("2026-06-01T00:00:00Z"));
        assert!(
            !decision.grant && !decision.reason.contains(canary),
            "{decision:?}"
        );
    }
}

#[test]
fn clearances_are_read_strictly() {
    let good = json!({"PolicyIdentifier": {"name": "NATO"}, "ClassificationList": ["SECRET"], "Category": []});
    assert!(Clearance::parse(&good.to_string()).is_ok());
    for wrong in [
        r#"{"PolicyIdentifier":{"name":"NATO"},"ClassificationList":[],"Classification":"SECRET"}"#,
        r#"{"ClassificationList":["SECRET"]}"#,
        r#"{"PolicyIdentifier":{"name":"NATO"}}"#,
        r#"{"PolicyIdentifier":{"name":"NATO"},"ClassificationList":["SECRET"],"ClassificationList":[]}"#,
        r#"{"PolicyIdentifier":{"name":"NATO"},"ClassificationList":["SECRET\u200b"]}"#,
        r#"{"PolicyIdentifier":{"name":"NATO","uri":"1.2"},"ClassificationList":["SECRET"]}"#,
        r#"{"PolicyIdentifier":{"name":"NATO"},"ClassificationList":[],"Category":[{"TagName":"A","Type":"Permissive","GenericValue":[]}]}"#,
    ] {
        assert!(Clearance::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_level_of_a_label_is_given_in_the_policys_spelling() {
    let spifs = spifs();
    let label = label("de-sample", "vs-nur für den dienstgebrauch", &[]);
    let level = spifs.classification(&label).unwrap();
    assert_eq!(
        (level.name.as_str(), level.hierarchy),
        ("VS-NUR FÜR DEN DIENSTGEBRAUCH", 2)
    );
}
