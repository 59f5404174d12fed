//! Values that are not simply one name in one tag: texts, twins, groups, two sets, identifiers; and how reasons put it.

use super::{
    super::super::{
        SpifOptions,
        test_kit::{
            Chosen, INFORMATIVE, NOW, PERMISSIVE, RESTRICTIVE, at, clearance, label, level, now,
            policy, set, spifs, value,
        },
    },
    *,
};

/// A policy with one restrictive, one permissive and one informative set of these values.
fn world(restrictive: &str, permissive: &str, informative: &str) -> String {
    let sets = [
        set("Box", "2.25.7.1", RESTRICTIVE, restrictive),
        set("Rel", "2.25.7.2", PERMISSIVE, permissive),
        set("Note", "2.25.7.3", INFORMATIVE, informative),
    ];
    policy("P", "2.25.7", &level("LOW", 1, ""), &sets.concat(), "")
}

fn boxed<'a>(values: &'a [&'a str]) -> Chosen<'a> {
    ("Box", "RESTRICTIVE", values)
}

fn rel<'a>(values: &'a [&'a str]) -> Chosen<'a> {
    ("Rel", "PERMISSIVE", values)
}

fn asked(input: &str) -> String {
    format!(r#"<tagCategory name="PROJECT" lacv="9" {input}/>"#)
}

/// The decision on a label of these categories under a clearance of those.
fn of(xml: &str, list: &[Chosen<'_>], held: &[Chosen<'_>]) -> LabelDecision {
    let spifs = spifs(&[xml]);
    let (label, clearance) = (label("P", "LOW", list), clearance("P", &["LOW"], held));
    let decision = decide(&label, &clearance, &spifs, now());
    let prepared = match spifs.clear(&clearance) {
        Ok(cleared) => cleared.decide(&label, now()),
        Err(denial) => denial,
    };
    assert_eq!(
        prepared.grant, decision.grant,
        "a prepared clearance decides alike"
    );
    decision
}

fn rule_of(xml: &str, list: &[Chosen<'_>], held: &[Chosen<'_>]) -> &'static str {
    of(xml, list, held).rule
}

#[test]
fn a_restrictive_text_must_be_in_the_clearance_in_any_spelling() {
    let xml = world(&asked(r#"userInput="string""#), "", "");
    for (text, held, expected) in [
        (&["Apollo"][..], &["Apollo"][..], "granted"),
        (&["apollo "], &["APOLLO", "Gemini"], "granted"),
        (&["Apollo"], &["Gemini"], "restrictive"),
        (&["Apollo", "Gemini"], &["Gemini"], "restrictive"),
        (&["Apollo"], &[], "restrictive"),
    ] {
        assert_eq!(
            rule_of(&xml, &[boxed(text)], &[boxed(held)]),
            expected,
            "{text:?} {held:?}"
        );
    }
}

#[test]
fn a_permissive_text_admits_who_has_it() {
    let xml = world(
        "",
        &[value("A", "1", ""), asked(r#"userInput="string""#)].concat(),
        "",
    );
    for (text, held, expected) in [
        (&["Bob"][..], &["BOB"][..], "granted"),
        (&["Bob", "Carol"], &["carol"], "granted"),
        (&["Bob"], &["A"], "permissive"),
        (&["Bob", "A"], &["A"], "granted"),
        (&["A"], &["Bob"], "permissive"),
        // The name of the category is a text like any other, not a key to all texts.
        (&["Bob"], &["PROJECT"], "permissive"),
    ] {
        assert_eq!(
            rule_of(&xml, &[rel(text)], &[rel(held)]),
            expected,
            "{text:?} {held:?}"
        );
    }
}

#[test]
fn a_text_must_have_its_form() {
    for (input, good, bad) in [
        (r#"userInput="integer""#, "-12", "twelve"),
        (
            r#"userInput="date" dateFormat="dd.MM.yyyy""#,
            "29.02.2028",
            "29.02.2027",
        ),
        (
            r#"userInput="date" dateFormat="dd.MM.yyyy""#,
            "29.02.2028",
            "2028-02-29",
        ),
    ] {
        let xml = world("", "", &asked(input));
        let note = |text: &str| rule_of(&xml, &[("Note", "INFORMATIVE", &[text])], &[]);
        assert_eq!(
            (note(good), note(bad)),
            ("granted", "label-invalid"),
            "{input}"
        );
        let xml = world(&asked(input), "", "");
        let held: Chosen<'_> = ("Box", "RESTRICTIVE", &[bad]);
        assert_eq!(rule_of(&xml, &[], &[held]), "clearance-invalid", "{input}");
    }
}

#[test]
fn a_name_of_the_policy_is_never_read_as_a_text() {
    let named =
        r#"<tagCategory name="RED" lacv="1"><excludedClass>LOW</excludedClass></tagCategory>"#;
    let xml = world(&[named, &asked(r#"userInput="string""#)].concat(), "", "");
    assert_eq!(
        rule_of(&xml, &[("Box", "RESTRICTIVE", &["red"])], &[]),
        "label-invalid"
    );
}

#[test]
fn texts_count_towards_cardinality_once_each() {
    let single = world(&asked(r#"userInput="string""#), "", "").replace(
        r#"tagType="restrictive""#,
        r#"tagType="restrictive" singleSelection="true""#,
    );
    let held: Chosen<'_> = ("Box", "RESTRICTIVE", &["Apollo", "Gemini"]);
    let text = |values| rule_of(&single, &[("Box", "RESTRICTIVE", values)], &[held]);
    assert_eq!(text(&["Apollo", "APOLLO"]), "granted");
    assert_eq!(text(&["Apollo", "Gemini"]), "label-invalid");
    let needed = world(&asked(r#"userInput="string""#), "", "").replace(
        r#"tagType="restrictive""#,
        r#"tagType="restrictive" minSelection="1""#,
    );
    assert_eq!(rule_of(&needed, &[], &[held]), "label-invalid");
    assert_eq!(
        rule_of(&needed, &[("Box", "RESTRICTIVE", &["Apollo"])], &[held]),
        "granted"
    );
}

#[test]
fn no_reason_quotes_a_text() {
    let asks = asked(r#"userInput="string""#);
    let xml = world(&asks, &asks, "");
    for list in [
        [("Box", "RESTRICTIVE", &["CANARY"] as &[&str])],
        [("Rel", "PERMISSIVE", &["CANARY"])],
    ] {
        let denied = of(&xml, &list, &[("Box", "RESTRICTIVE", &["KEEPER"])]);
        assert!(
            !denied.grant && denied.reason.contains("{PROJECT}"),
            "{denied:?}"
        );
        assert!(
            !denied.reason.contains("CANARY") && !denied.reason.contains("KEEPER"),
            "{denied:?}"
        );
    }
}

#[test]
fn twins_bring_the_constraints_of_both() {
    let free = world(
        &[value("RED", "1", ""), value("RED", "2", "")].concat(),
        "",
        "",
    );
    let red: Chosen<'_> = ("Box", "RESTRICTIVE", &["RED"]);
    assert_eq!(rule_of(&free, &[red], &[red]), "granted");
    let single = free.replace(
        r#"tagType="restrictive""#,
        r#"tagType="restrictive" maxSelection="1""#,
    );
    assert_eq!(
        rule_of(&single, &[red], &[red]),
        "granted",
        "one name is one value"
    );
    for constrained in ["1", "2"] {
        let excluded = value("RED", constrained, "<excludedClass>LOW</excludedClass>");
        let xml = free.replace(&value("RED", constrained, ""), &excluded);
        assert_ne!(xml, free);
        assert_eq!(
            rule_of(&xml, &[red], &[red]),
            "label-invalid",
            "lacv {constrained}"
        );
    }
}

#[test]
fn a_group_in_a_label_admits_its_members_where_the_policy_is_read_so() {
    let xml = world(
        "",
        &["EAPC", "DEU", "FRA"]
            .map(|name| value(name, name, ""))
            .concat(),
        "",
    );
    let mut spif = Spif::parse_with(&xml, SpifOptions::default()).unwrap();
    let label = label("P", "LOW", &[("Rel", "PERMISSIVE", &["EAPC"])]);
    let grants = |spif: &Spif, held: &str| {
        let clearance = clearance("P", &["LOW"], &[("Rel", "PERMISSIVE", &[held])]);
        decide(
            &label,
            &clearance,
            &Spifs::new(vec![spif.clone()]).unwrap(),
            now(),
        )
        .grant
    };
    assert!(grants(&spif, "EAPC") && !grants(&spif, "DEU"));
    spif.tag_sets[1].tags[0].values[0].members = vec!["deu".into()];
    assert!(grants(&spif, "EAPC") && grants(&spif, "DEU") && !grants(&spif, "FRA"));
    // A clearance for the group is none for what names a member only.
    let member = self::label("P", "LOW", &[("Rel", "PERMISSIVE", &["DEU"])]);
    let group = clearance("P", &["LOW"], &[("Rel", "PERMISSIVE", &["EAPC"])]);
    assert!(!decide(&member, &group, &Spifs::new(vec![spif]).unwrap(), now()).grant);
}

#[test]
fn only_and_releasable_to_must_both_be_satisfied() {
    let sets = [
        set("Only", "2.25.7.5", PERMISSIVE, &value("DEU", "1", "")),
        set(
            "Releasable To",
            "2.25.7.2",
            PERMISSIVE,
            &[value("DEU", "1", ""), value("FRA", "2", "")].concat(),
        ),
    ];
    let xml = policy("P", "2.25.7", &level("LOW", 1, ""), &sets.concat(), "");
    let both: &[Chosen<'_>] = &[
        ("Only", "PERMISSIVE", &["DEU"]),
        ("Releasable To", "PERMISSIVE", &["FRA"]),
    ];
    let release: Chosen<'_> = ("Releasable To", "PERMISSIVE", &["FRA"]);
    assert_eq!(rule_of(&xml, both, &[release]), "permissive");
    assert_eq!(
        rule_of(&xml, both, &[("Only", "PERMISSIVE", &["DEU"])]),
        "permissive"
    );
    assert_eq!(
        rule_of(&xml, both, &[release, ("Only", "PERMISSIVE", &["DEU"])]),
        "granted"
    );
}

#[test]
fn lb_3_the_identifier_of_a_tag_set_must_be_its_own() {
    let xml = world(&value("RED", "1", ""), &value("A", "1", ""), "");
    let spifs = spifs(&[&xml]);
    let cleared = clearance("P", &["LOW"], &[("Rel", "PERMISSIVE", &["A"])]);
    let rule = |uri: &str| {
        let mut label = label("P", "LOW", &[("Rel", "PERMISSIVE", &["A"])]);
        label.categories[0].uri = Some(uri.into());
        decide(&label, &cleared, &spifs, now()).rule
    };
    assert_eq!(rule("urn:oid:2.25.7.2"), "granted");
    assert_eq!(rule("urn:oid:2.25.7.1"), "label-invalid");
}

#[test]
fn lb_7_the_reason_names_the_tag_set_by_its_identifier() {
    let xml = world(
        &["RED", "BLUE"].map(|name| value(name, name, "")).concat(),
        &["DEU", "FRA", "POL"]
            .map(|name| value(name, name, ""))
            .concat(),
        "",
    );
    let reason = |list: &[Chosen<'_>], held: &[Chosen<'_>]| of(&xml, list, held).reason;
    assert_eq!(
        reason(&[rel(&["fra", "deu"])], &[rel(&["POL"])]),
        "PERMISSIVE 2.25.7.2 {DEU,FRA} ∩ {POL} = ∅"
    );
    assert_eq!(
        reason(&[rel(&["DEU"])], &[]),
        "PERMISSIVE 2.25.7.2 {DEU} ∩ {} = ∅"
    );
    assert_eq!(
        reason(&[rel(&[])], &[]),
        "PERMISSIVE 2.25.7.2 {} permits nobody"
    );
    assert_eq!(
        reason(&[boxed(&["RED", "BLUE"])], &[boxed(&["BLUE"])]),
        "RESTRICTIVE 2.25.7.1 {RED,BLUE} ⊄ {BLUE}"
    );
    assert_eq!(reason(&[], &[]), "within the clearance");
}

#[test]
fn lb_7_a_long_list_is_cut_in_the_reason_only() {
    let names: Vec<String> = (0..17).map(|number| format!("N{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values: String = names.iter().map(|name| value(name, name, "")).collect();
    let xml = world("", &[values, value("Z", "Z", "")].concat(), "");
    let denied = of(
        &xml,
        &[("Rel", "PERMISSIVE", &["Z"])],
        &[("Rel", "PERMISSIVE", &names)],
    );
    assert!(denied.reason.contains(",N15,…}"), "{}", denied.reason);
    let denied = of(
        &xml,
        &[("Rel", "PERMISSIVE", &["Z"])],
        &[("Rel", "PERMISSIVE", &names[..16])],
    );
    assert!(denied.reason.contains(",N15}"), "{}", denied.reason);
    let granted = of(
        &xml,
        &[("Rel", "PERMISSIVE", &["N16"])],
        &[("Rel", "PERMISSIVE", &names)],
    );
    assert!(granted.grant);
}

#[test]
fn lb_11_an_old_label_with_an_obsolete_name_is_granted_with_a_note() {
    let old = r#"<tagCategory name="RED" lacv="1" obsolete="true"/>"#;
    let xml = world(old, "", "");
    let spifs = spifs(&[&xml]);
    let red: Chosen<'_> = ("Box", "RESTRICTIVE", &["RED"]);
    let cleared = clearance("P", &["LOW"], &[red]);
    let decision = |made: &str| {
        let label = super::super::super::test_kit::dated(&label("P", "LOW", &[red]), made, NOW);
        decide(&label, &cleared, &spifs, now())
    };
    let note = "within the clearance; RED is obsolete, but the label is old";
    assert_eq!(decision("2026-01-01T00:00:00Z").reason, note);
    assert_eq!(decision("2026-01-01T00:00:01Z").rule, "label-invalid");
}

#[test]
fn a_policy_out_of_force_says_that_it_expired() {
    let xml = world("", "", "").replace(
        "creationDate",
        r#"notAfter="2026-02-01T00:00:00Z" creationDate"#,
    );
    let spifs = spifs(&[&xml]);
    let (label, cleared) = (label("P", "LOW", &[]), clearance("P", &["LOW"], &[]));
    let late = decide(&label, &cleared, &spifs, now());
    assert_eq!(late.rule, "policy-expired");
    assert!(late.reason.contains("expired"));
    assert!(
        decide(&label, &cleared, &spifs, at("2026-02-01T00:00:00Z")).grant,
        "the last instant"
    );
    let fault = spifs.validate(&label, now()).unwrap_err();
    assert_eq!(
        (fault.code, spifs.is_valid(&label, now())),
        ("policy-expired", true)
    );
}

#[test]
fn a_prepared_clearance_says_what_is_wrong_with_it() {
    let xml = world("", "", "");
    let spifs = spifs(&[&xml, &policy("Q", "2.25.8", &level("LOW", 1, ""), "", "")]);
    let rule = |clearance: &Clearance| match spifs.clear(clearance) {
        Ok(cleared) => cleared.decide(&label("P", "LOW", &[]), now()).rule,
        Err(denial) => denial.rule,
    };
    assert_eq!(rule(&clearance("P", &["LOW"], &[])), "granted");
    assert_eq!(rule(&clearance("Q", &["LOW"], &[])), "policy-mismatch");
    assert_eq!(rule(&clearance("R", &["LOW"], &[])), "policy-mismatch");
    assert_eq!(rule(&clearance("P", &["HIGH"], &[])), "clearance-invalid");
    let mut two = clearance("P", &["LOW"], &[]);
    two.policy.uri = Some("urn:oid:2.25.8".into());
    assert_eq!(rule(&two), "clearance-invalid");
    assert_eq!(
        decide(&label("P", "LOW", &[]), &two, &spifs, now()).rule,
        "clearance-invalid"
    );
}

#[test]
fn anti_pattern_1_nothing_stands_in_for_what_a_label_lacks() {
    let good = label("P", "LOW", &[("Note", "INFORMATIVE", &[])]).to_json();
    assert!(serde_json::from_value::<Label>(good.clone()).is_ok());
    for wrong in [
        json!({"Classification": "LOW"}),
        json!({"PolicyIdentifier": {}, "Classification": "LOW"}),
        json!({"PolicyIdentifier": {"name": "P"}}),
        json!({"PolicyIdentifier": {"name": "P"}, "Classification": "LOW",
               "Category": [{"TagName": "Rel", "Type": "RELEASE", "GenericValue": ["A"]}]}),
        json!({"PolicyIdentifier": {"name": "P"}, "Classification": "LOW",
               "Category": [{"TagName": "Rel", "GenericValue": ["A"]}]}),
    ] {
        assert!(
            serde_json::from_value::<Label>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn anti_pattern_3_an_unknown_kind_of_tag_is_no_informative_one() {
    let xml = world(&value("RED", "1", ""), "", "");
    assert!(Spif::parse(&xml).is_ok());
    let typo = xml.replace(r#"tagType="restrictive""#, r#"tagType="restrictve""#);
    assert!(Spif::parse(&typo).is_err());
}

#[test]
fn a_demand_for_one_value_is_not_met_by_another_of_its_set() {
    let demand = r#"<requiredCategory operation="oneOrMore"><categoryGroup tagSetRef="Rel" tagType="permissive" lacv="2"/></requiredCategory>"#;
    let releases = [value("A", "1", ""), value("B", "2", "")].concat();
    let xml = world(&value("RED", "1", demand), &releases, "");
    let held = [boxed(&["RED"]), rel(&["A", "B"])];
    assert_eq!(rule_of(&xml, &[held[0], rel(&["B"])], &held), "granted");
    assert_eq!(
        rule_of(&xml, &[held[0], rel(&["A"])], &held),
        "label-invalid"
    );
}
