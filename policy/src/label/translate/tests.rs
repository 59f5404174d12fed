#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    super::test_kit::{
        Chosen, INFORMATIVE, PERMISSIVE, RESTRICTIVE, at, categories, clearance, dated, label,
        level, now, policy, set, spifs, tag, value, with_alternatives,
    },
    *,
};

mod across;
mod nobody;
mod required;

const OTHER: &str = r#"<equivalentPolicy name="FAR" id="2.25.20"/>"#;

fn to_level(lacv: u8, applied: &str, inner: &str) -> String {
    format!(
        r#"<equivalentClassification policyRef="FAR" lacv="{lacv}" applied="{applied}">{inner}</equivalentClassification>"#
    )
}

fn to_value(set: u8, kind: &str, lacv: u8, applied: &str) -> String {
    format!(
        r#"<equivalentSecCategoryTag policyRef="FAR" tagSetId="2.25.20.{set}" tagType="{kind}" lacv="{lacv}" applied="{applied}"/>"#
    )
}

/// A policy HOME that knows FAR: levels, restrictive, permissive and informative values.
fn home(levels: &str, restrictive: &str, permissive: &str, informative: &str) -> String {
    home_with(levels, restrictive, permissive, informative, OTHER)
}

fn home_with(
    levels: &str,
    restrictive: &str,
    permissive: &str,
    informative: &str,
    others: &str,
) -> String {
    let sets = [
        set("Box", "2.25.10.1", RESTRICTIVE, restrictive),
        set("Rel", "2.25.10.2", PERMISSIVE, permissive),
        set("Note", "2.25.10.3", INFORMATIVE, informative),
        set(
            "Only",
            "2.25.10.4",
            PERMISSIVE,
            &value("D", "1", &to_value(2, "permissive", 4, "both")),
        ),
    ];
    policy("HOME", "2.25.10", levels, &sets.concat(), others)
}

/// A policy FAR that knows nobody.
fn far() -> String {
    let levels = [level("F1", 1, ""), level("F2", 2, ""), level("F3", 3, "")];
    let values = |names: &str| -> String {
        let numbered = names.split(' ').zip(1..);
        numbered
            .map(|(name, lacv): (_, u8)| value(name, &lacv.to_string(), ""))
            .collect()
    };
    let sets = [
        set("FBox", "2.25.20.1", RESTRICTIVE, &values("r1 r2 r3")),
        set("FRel", "2.25.20.2", PERMISSIVE, &values("p1 p2 p3 p4")),
        set("FNote", "2.25.20.3", INFORMATIVE, &values("n1 n2")),
        set("Ctx", "2.25.20.4", PERMISSIVE, &values("NEAR WIDE")),
    ];
    policy("FAR", "2.25.20", &levels.concat(), &sets.concat(), "")
}

/// HOME as most tests need it: everything maps to its namesake, both ways.
fn plain() -> String {
    let informative = [
        value("n1", "1", &to_value(3, NOTE, 1, "both")),
        value(
            "gone",
            "2",
            &to_value(3, NOTE, 2, "both").replace("applied", r#"action="discard" applied"#),
        ),
        value("kept", "3", ""),
    ];
    let restrictive = [
        value("r1", "1", &to_value(1, "restrictive", 1, "both")),
        value(
            "r2",
            "2",
            &[
                to_value(1, "restrictive", 2, "both"),
                to_value(1, "restrictive", 3, "both"),
            ]
            .concat(),
        ),
        value(
            "lost",
            "3",
            &to_value(1, "restrictive", 1, "both")
                .replace("applied", r#"action="discard" applied"#),
        ),
        value("weak", "4", &to_value(3, NOTE, 2, "encrypt")),
        value("none", "5", ""),
    ];
    let permissive = [
        value("p1", "1", &to_value(2, "permissive", 1, "both")),
        value("p2", "2", &to_value(2, "permissive", 2, "both")),
        value("out", "3", &to_value(2, "permissive", 3, "encrypt")),
        value("missing", "4", &to_value(2, "permissive", 9, "both")),
    ];
    let levels = [
        level("H1", 1, &to_level(1, "both", "")),
        level("H2", 2, &to_level(2, "encrypt", "")),
        level("H3", 3, &to_level(2, "decrypt", "")),
        level("H4", 4, ""),
        level(
            "H5",
            5,
            &[to_level(2, "encrypt", ""), to_level(3, "encrypt", "")].concat(),
        ),
        level("H6", 6, &to_level(7, "both", "")),
    ];
    home(
        &levels.concat(),
        &restrictive.concat(),
        &permissive.concat(),
        &informative.concat(),
    )
}

const NOTE: &str = "tagType7";

/// Level and categories of the translation, or the code of its failure.
fn go(
    spifs: &Spifs,
    label: &Label,
    to: &str,
    usage: Use,
) -> Result<(String, serde_json::Value), &'static str> {
    let done = spifs.translate(label, to, usage, now());
    done.map(|label| {
        (
            label.classification().to_owned(),
            label.to_json()["Category"].clone(),
        )
    })
    .map_err(|error| error.code)
}

fn out(level: &str, list: &[Chosen<'_>]) -> Result<(String, serde_json::Value), &'static str> {
    go(
        &spifs(&[&plain(), &far()]),
        &label("HOME", level, list),
        "FAR",
        Use::Encrypt,
    )
}

fn back(level: &str, list: &[Chosen<'_>]) -> Result<(String, serde_json::Value), &'static str> {
    go(
        &spifs(&[&plain(), &far()]),
        &label("FAR", level, list),
        "HOME",
        Use::Decrypt,
    )
}

fn is(level: &str, list: &[Chosen<'_>]) -> Result<(String, serde_json::Value), &'static str> {
    Ok((level.to_owned(), categories(list)))
}

fn boxed<'a>(values: &'a [&'a str]) -> Chosen<'a> {
    ("Box", "RESTRICTIVE", values)
}

fn rel<'a>(values: &'a [&'a str]) -> Chosen<'a> {
    ("Rel", "PERMISSIVE", values)
}

fn far_rel<'a>(values: &'a [&'a str]) -> Chosen<'a> {
    ("FRel", "PERMISSIVE", values)
}

#[test]
fn lb_9_outbound_the_entries_of_the_labels_own_policy_are_followed() {
    assert_eq!(out("H1", &[]), is("F1", &[]));
    assert_eq!(out("H2", &[]), is("F2", &[]));
    assert_eq!(
        out("H3", &[]),
        Err("classification-unmapped"),
        "applied to decrypt"
    );
    assert_eq!(
        out("H1", &[boxed(&["r1"]), rel(&["p2", "p1"])]),
        is(
            "F1",
            &[("FBox", "RESTRICTIVE", &["r1"]), far_rel(&["p1", "p2"])]
        )
    );
    assert_eq!(out("H1", &[rel(&["out"])]), is("F1", &[far_rel(&["p3"])]));
}

#[test]
fn lb_9_inbound_the_entries_of_the_target_are_read_in_reverse() {
    assert_eq!(back("F1", &[]), is("H1", &[]));
    assert_eq!(back("F2", &[]), is("H3", &[]));
    assert_eq!(
        back("F3", &[]),
        Err("classification-unmapped"),
        "applied to encrypt"
    );
    assert_eq!(
        back("F1", &[("FBox", "RESTRICTIVE", &["r1"]), far_rel(&["p1"])]),
        is("H1", &[boxed(&["r1"]), rel(&["p1"])])
    );
    assert_eq!(back("F1", &[far_rel(&["p3"])]), Err("category-unmapped"));
}

#[test]
fn lb_9_all_equivalents_of_a_value_are_followed() {
    let both: Chosen<'_> = ("FBox", "RESTRICTIVE", &["r2", "r3"]);
    assert_eq!(out("H1", &[boxed(&["r2"])]), is("F1", &[both]));
}

#[test]
fn lb_9_what_has_no_equivalent_is_an_error() {
    assert_eq!(out("H4", &[]), Err("classification-unmapped"));
    assert_eq!(out("H1", &[boxed(&["none"])]), Err("category-unmapped"));
    assert_eq!(
        out("H1", &[("Note", "INFORMATIVE", &["kept"])]),
        Err("category-unmapped")
    );
    assert_eq!(
        back("F1", &[("Ctx", "PERMISSIVE", &["NEAR"])]),
        Err("category-unmapped")
    );
}

#[test]
fn what_maps_to_several_or_to_nothing_loaded_is_an_error() {
    assert_eq!(out("H5", &[]), Err("classification-ambiguous"));
    assert_eq!(out("H6", &[]), Err("target-value-unknown"));
    assert_eq!(out("H1", &[rel(&["missing"])]), Err("target-value-unknown"));
    let two = home(
        &[
            level("A", 1, &to_level(1, "both", "")),
            level("B", 2, &to_level(1, "both", "")),
        ]
        .concat(),
        &[
            value("r1", "1", &to_value(1, "restrictive", 1, "both")),
            value("r2", "2", &to_value(1, "restrictive", 1, "both")),
        ]
        .concat(),
        &value("p1", "1", ""),
        &value("n1", "1", ""),
    );
    let world = spifs(&[&two, &far()]);
    let back = |list: &[Chosen<'_>]| go(&world, &label("FAR", "F1", list), "HOME", Use::Decrypt);
    assert_eq!(back(&[]), Err("classification-ambiguous"));
    let one = two.replace(
        r#"name="B" lacv="2" hierarchy="2"><equivalentClassification policyRef="FAR" lacv="1""#,
        r#"name="B" lacv="2" hierarchy="2"><equivalentClassification policyRef="FAR" lacv="3""#,
    );
    let world = spifs(&[&one, &far()]);
    let back = |list: &[Chosen<'_>]| go(&world, &label("FAR", "F1", list), "HOME", Use::Decrypt);
    assert_eq!(back(&[]), is("A", &[]));
    assert_eq!(
        back(&[("FBox", "RESTRICTIVE", &["r1"])]),
        Err("category-ambiguous")
    );
}

#[test]
fn lb_9_discard_is_honoured_for_informative_only_unless_switched_on() {
    let gone: Chosen<'_> = ("Note", "INFORMATIVE", &["n1", "gone"]);
    assert_eq!(
        out("H1", &[gone]),
        is("F1", &[("FNote", "INFORMATIVE", &["n1"])])
    );
    assert_eq!(out("H1", &[boxed(&["lost"])]), Err("discard-refused"));
    assert_eq!(out("H1", &[boxed(&["weak"])]), Err("category-weakened"));
    let world = spifs(&[&plain(), &far()]).discarding(Discard::Any);
    let switched = |values: &[&str]| {
        let label = label("HOME", "H1", &[boxed(values)]);
        world
            .translate(&label, "FAR", Use::Encrypt, now())
            .map(|label| label.to_json()["Category"].clone())
    };
    assert_eq!(
        switched(&["lost", "r1"]).unwrap(),
        categories(&[("FBox", "RESTRICTIVE", &["r1"])])
    );
    assert_eq!(
        switched(&["weak"]).unwrap(),
        categories(&[("FNote", "INFORMATIVE", &["n2"])])
    );
}

#[test]
fn lb_9_a_discarded_note_is_also_discarded_in_reverse() {
    assert_eq!(
        back("F1", &[("FNote", "INFORMATIVE", &["n2", "n1"])]),
        is("H1", &[("Note", "INFORMATIVE", &["n1"])])
    );
    // The discarding entry of "lost" names r1 as well; the value that has an entry of its own is the one that counts.
    assert_eq!(
        back("F1", &[("FBox", "RESTRICTIVE", &["r1"])]),
        is("H1", &[boxed(&["r1"])])
    );
}

#[test]
fn lb_9_two_permissive_demands_never_become_one_wider_choice() {
    let only: Chosen<'_> = ("Only", "PERMISSIVE", &["D"]);
    assert_eq!(out("H1", &[only]), is("F1", &[far_rel(&["p4"])]));
    assert_eq!(out("H1", &[only, rel(&["p1"])]), Err("category-conflict"));
    let permissive = value(
        "p1",
        "1",
        &[
            to_value(2, "permissive", 1, "both"),
            to_value(2, "permissive", 4, "both"),
        ]
        .concat(),
    );
    let overlap = home(
        &level("H1", 1, &to_level(1, "both", "")),
        &value("r", "1", ""),
        &permissive,
        &value("n", "1", ""),
    );
    let label = label("HOME", "H1", &[only, rel(&["p1"])]);
    assert_eq!(
        go(&spifs(&[&overlap, &far()]), &label, "FAR", Use::Encrypt),
        is("F1", &[far_rel(&["p4"])])
    );
}

#[test]
fn lb_9_restrictive_values_that_become_permissive_ones_do_not_become_a_choice() {
    let restrictive = [
        value("r1", "1", &to_value(2, "permissive", 1, "both")),
        value("r2", "2", &to_value(2, "permissive", 2, "both")),
    ];
    let loose = home(
        &level("H1", 1, &to_level(1, "both", "")),
        &restrictive.concat(),
        &value("p", "1", ""),
        &value("n", "1", ""),
    );
    let world = spifs(&[&loose, &far()]);
    let out = |values: &[&str]| {
        go(
            &world,
            &label("HOME", "H1", &[boxed(values)]),
            "FAR",
            Use::Encrypt,
        )
    };
    assert_eq!(out(&["r1"]), is("F1", &[far_rel(&["p1"])]));
    assert_eq!(out(&["r1", "r2"]), Err("category-conflict"));
}

#[test]
fn lb_9_in_reverse_a_group_stands_for_its_members_only_together() {
    let group = value(
        "ALL",
        "1",
        &[
            to_value(2, "permissive", 1, "both"),
            to_value(2, "permissive", 2, "both"),
        ]
        .concat(),
    );
    let home = home(
        &level("H1", 1, &to_level(1, "both", "")),
        &value("r", "1", ""),
        &group,
        &value("n", "1", ""),
    );
    let world = spifs(&[&home, &far()]);
    let back = |values: &[&str]| {
        go(
            &world,
            &label("FAR", "F1", &[far_rel(values)]),
            "HOME",
            Use::Decrypt,
        )
    };
    assert_eq!(back(&["p1"]), Err("category-wider"));
    assert_eq!(back(&["p1", "p2"]), is("H1", &[rel(&["ALL"])]));
}

#[test]
fn lb_10_nobody_is_translated_to_nobody() {
    assert_eq!(out("H1", &[rel(&[])]), is("F1", &[far_rel(&[])]));
    // Two sets of HOME lead into FRel: in reverse nobody could be said in either.
    assert_eq!(back("F1", &[far_rel(&[])]), Err("category-unmapped"));
    assert_eq!(
        back("F1", &[("Ctx", "PERMISSIVE", &[])]),
        Err("category-unmapped")
    );
    let whole = plain().replace(
        r#"</securityCategoryTag></securityCategoryTagSet><securityCategoryTagSet name="Note""#,
        r#"</securityCategoryTag><equivalentSecurityCategoryTagSet policyRef="FAR" name="FRel" id="2.25.20.2"/></securityCategoryTagSet><securityCategoryTagSet name="Note""#,
    );
    assert_ne!(whole, plain());
    let world = spifs(&[&whole, &far()]);
    assert_eq!(
        go(
            &world,
            &label("FAR", "F1", &[far_rel(&[])]),
            "HOME",
            Use::Decrypt
        ),
        is("H1", &[rel(&[])])
    );
}

/// HOME whose H1 is F1 with what `required` says of it.
fn demanding(operation: &str, groups: &[(&str, &str, &str)]) -> String {
    let groups: String = groups
        .iter()
        .map(|(set, kind, which)| {
            format!(r#"<categoryGroup tagSetRef="{set}" tagType="{kind}" {which}/>"#)
        })
        .collect();
    let required =
        format!(r#"<requiredCategory operation="{operation}">{groups}</requiredCategory>"#);
    plain().replace(
        &level("H1", 1, &to_level(1, "both", "")),
        &level("H1", 1, &to_level(1, "both", &required)),
    )
}

const NEAR: (&str, &str, &str) = ("Ctx", "permissive", r#"lacv="1""#);
const WIDE: (&str, &str, &str) = ("Ctx", "permissive", r#"lacv="2""#);

#[test]
fn what_an_equivalence_requires_is_added_going_out() {
    let run = |operation: &str, groups: &[(&str, &str, &str)], list: &[Chosen<'_>]| {
        let world = spifs(&[&demanding(operation, groups), &far()]);
        go(&world, &label("HOME", "H1", list), "FAR", Use::Encrypt)
    };
    let near: Chosen<'_> = ("Ctx", "PERMISSIVE", &["NEAR"]);
    assert_eq!(run("all", &[NEAR], &[]), is("F1", &[near]));
    assert_eq!(run("onlyOne", &[NEAR], &[]), is("F1", &[near]));
    assert_eq!(
        run("oneOrMore", &[NEAR, WIDE], &[]),
        Err("required-ambiguous")
    );
    assert_eq!(
        run("all", &[("Ctx", "permissive", r#"all="true""#)], &[]),
        Err("required-ambiguous")
    );
    // Two values of one permissive tag would be a choice between them, not both.
    assert_eq!(run("all", &[NEAR, WIDE], &[]), Err("category-conflict"));
    let p1 = ("FRel", "permissive", r#"lacv="1""#);
    assert_eq!(
        run("oneOrMore", &[p1, NEAR], &[rel(&["p1"])]),
        is("F1", &[far_rel(&["p1"])]),
        "is there already"
    );
    assert_eq!(
        run("all", &[p1], &[rel(&["p2"])]),
        Err("category-conflict"),
        "would widen the release"
    );
    let p2 = ("FRel", "permissive", r#"lacv="2""#);
    assert_eq!(
        run("onlyOne", &[p1, p2], &[rel(&["p1", "p2"])]),
        Err("required-conflict")
    );
    assert_eq!(
        run("all", &[("Ctx", "permissive", r#"lacv="9""#)], &[]),
        Err("target-value-unknown")
    );
}

#[test]
fn what_an_equivalence_requires_must_be_there_coming_in_and_is_accounted_for() {
    let run = |operation: &str, groups: &[(&str, &str, &str)], values: &[&str]| {
        let world = spifs(&[&demanding(operation, groups), &far()]);
        let context: Chosen<'_> = ("Ctx", "PERMISSIVE", values);
        let list = [context];
        let list = if values.is_empty() {
            &[][..]
        } else {
            &list[..]
        };
        go(&world, &label("FAR", "F1", list), "HOME", Use::Decrypt)
    };
    assert_eq!(run("all", &[NEAR], &["NEAR"]), is("H1", &[]));
    assert_eq!(run("all", &[NEAR], &[]), Err("required-missing"));
    assert_eq!(run("all", &[NEAR], &["WIDE"]), Err("required-missing"));
    assert_eq!(
        run("all", &[NEAR], &["NEAR", "WIDE"]),
        Err("category-unmapped"),
        "WIDE is not accounted for"
    );
    let any = ("Ctx", "permissive", r#"all="true""#);
    assert_eq!(
        run("all", &[any], &["NEAR"]),
        Err("category-unmapped"),
        "any value accounts for none"
    );
    assert_eq!(
        run("oneOrMore", &[NEAR, WIDE], &["NEAR"]),
        Err("category-unmapped")
    );
}

#[test]
fn what_a_policy_or_a_tag_set_requires_is_added_too() {
    let required = r#"<requiredCategory operation="all"><categoryGroup tagSetRef="Ctx" tagType="permissive" lacv="2"/></requiredCategory>"#;
    let wide: Chosen<'_> = ("Ctx", "PERMISSIVE", &["WIDE"]);
    let of_policy = plain().replace(
        OTHER,
        &OTHER.replace("/>", &format!(">{required}</equivalentPolicy>")),
    );
    let world = spifs(&[&of_policy, &far()]);
    assert_eq!(
        go(&world, &label("HOME", "H1", &[]), "FAR", Use::Encrypt),
        is("F1", &[wide])
    );
    assert_eq!(
        go(&world, &label("FAR", "F1", &[]), "HOME", Use::Decrypt),
        Err("required-missing")
    );
    assert_eq!(
        go(&world, &label("FAR", "F1", &[wide]), "HOME", Use::Decrypt),
        is("H1", &[])
    );
    let of_set = plain().replace(
        r#"</securityCategoryTag></securityCategoryTagSet><securityCategoryTagSet name="Note""#,
        &format!(
            r#"</securityCategoryTag><equivalentSecurityCategoryTagSet policyRef="FAR" id="2.25.20.2">{required}</equivalentSecurityCategoryTagSet></securityCategoryTagSet><securityCategoryTagSet name="Note""#
        ),
    );
    let world = spifs(&[&of_set, &far()]);
    assert_eq!(
        go(&world, &label("HOME", "H1", &[]), "FAR", Use::Encrypt),
        is("F1", &[])
    );
    assert_eq!(
        go(
            &world,
            &label("HOME", "H1", &[rel(&["p1"])]),
            "FAR",
            Use::Encrypt
        ),
        is("F1", &[far_rel(&["p1"]), wide])
    );
    assert_eq!(
        go(
            &world,
            &label("FAR", "F1", &[far_rel(&["p1"])]),
            "HOME",
            Use::Decrypt
        ),
        Err("required-missing")
    );
    assert_eq!(
        go(
            &world,
            &label("FAR", "F1", &[far_rel(&["p1"]), wide]),
            "HOME",
            Use::Decrypt
        ),
        is("H1", &[rel(&["p1"])])
    );
}

#[test]
fn the_result_must_be_valid_in_the_target() {
    let strict = far().replace(
        r#"name="F1" lacv="1""#,
        r#"name="F1" obsolete="true" lacv="1""#,
    );
    let world = spifs(&[&plain(), &strict]);
    let new = dated(
        &label("HOME", "H1", &[]),
        "2026-05-01T00:00:00Z",
        "2031-05-01T00:00:00Z",
    );
    assert_eq!(go(&world, &new, "FAR", Use::Encrypt), Err("target-invalid"));
    let old = dated(
        &label("HOME", "H1", &[]),
        "2025-05-01T00:00:00Z",
        "2031-05-01T00:00:00Z",
    );
    assert_eq!(
        go(&world, &old, "FAR", Use::Encrypt),
        is("F1", &[]),
        "the dates are kept, so its age is"
    );
}

#[test]
fn dates_are_kept_and_the_result_is_an_alternative() {
    let world = spifs(&[&plain(), &far()]);
    let dated = dated(
        &label("HOME", "H1", &[]),
        "2026-03-01T12:00:00Z",
        "2031-03-01T00:00:00Z",
    );
    let done = world
        .translate(&dated, "2.25.20", Use::Encrypt, now())
        .unwrap();
    assert_eq!(done.role(), Role::Alternative);
    assert_eq!(
        done.to_json(),
        serde_json::json!({
            "PolicyIdentifier": {"name": "FAR", "uri": "urn:oid:2.25.20"}, "Classification": "F1", "Category": [],
            "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z"
        })
    );
}

#[test]
fn in_its_own_policy_a_label_is_respelt_whatever_the_use() {
    let world = spifs(&[&plain(), &far()]);
    for usage in [Use::Encrypt, Use::Decrypt] {
        let label = label("home", "h4", &[("rel", "PERMISSIVE", &["P1"])]);
        assert_eq!(go(&world, &label, "home", usage), is("H4", &[rel(&["p1"])]));
    }
}

#[test]
fn policies_must_be_loaded_in_force_and_known_to_each_other() {
    let world = spifs(&[&plain(), &far()]);
    let h1 = label("HOME", "H1", &[]);
    let f1 = label("FAR", "F1", &[]);
    assert_eq!(
        go(&world, &h1, "NOWHERE", Use::Encrypt),
        Err("target-unknown")
    );
    assert_eq!(
        go(&world, &label("NOWHERE", "H1", &[]), "FAR", Use::Encrypt),
        Err("policy-unknown")
    );
    assert_eq!(
        go(&world, &label("HOME", "H9", &[]), "FAR", Use::Encrypt),
        Err("label-invalid")
    );
    // FAR states nothing: its labels cannot leave by their own entries, nor HOME's come in by them.
    assert_eq!(
        go(&world, &f1, "HOME", Use::Encrypt),
        Err("policy-unmapped")
    );
    assert_eq!(go(&world, &h1, "FAR", Use::Decrypt), Err("policy-unmapped"));
    let ended = r#"notAfter="2026-02-01T00:00:00Z" creationDate"#;
    for pair in [
        [plain().replace("creationDate", ended), far()],
        [plain(), far().replace("creationDate", ended)],
    ] {
        let world = spifs(&[&pair[0], &pair[1]]);
        let error = world
            .translate(&h1, "FAR", Use::Encrypt, now())
            .unwrap_err();
        assert_eq!(error.code, "policy-expired");
        assert!(error.message.contains("expired"), "{error}");
        assert!(
            world
                .translate(&h1, "FAR", Use::Encrypt, at("2026-01-15T00:00:00Z"))
                .is_ok()
        );
    }
}

#[test]
fn a_text_travels_only_to_a_value_that_asks_for_such_a_text() {
    let to_text = r#"<equivalentSecCategoryTag policyRef="FAR" tagSetId="2.25.20.1" tagType="restrictive" lacv="8" applied="both"/>"#;
    let home = home(
        &level("H1", 1, &to_level(1, "both", "")),
        &[
            format!(
                r#"<tagCategory name="TEXT" lacv="1" userInput="string">{to_text}</tagCategory>"#
            ),
            value("fixed", "2", to_text),
        ]
        .concat(),
        &value("p", "1", ""),
        &value("n", "1", ""),
    );
    let asks = r#"<tagCategory name="r3" lacv="3"></tagCategory><tagCategory name="NUMBER" lacv="8" userInput="integer"/>"#;
    let far = far().replace(&value("r3", "3", ""), asks);
    assert!(far.contains("NUMBER"));
    let world = spifs(&[&home, &far]);
    let out = |text: &str| {
        go(
            &world,
            &label("HOME", "H1", &[boxed(&[text])]),
            "FAR",
            Use::Encrypt,
        )
    };
    assert_eq!(out("42"), is("F1", &[("FBox", "RESTRICTIVE", &["42"])]));
    assert_eq!(out("apollo"), Err("category-unmapped"));
    assert_eq!(out("fixed"), Err("category-unmapped"), "a name is no text");
}

/// FAR with a text in FBox, and HOME whose TEXT is that text.
fn asking(far_values: &str, home_level: &str) -> Spifs {
    let to_text = to_value(1, "restrictive", 8, "both");
    let text =
        format!(r#"<tagCategory name="TEXT" lacv="1" userInput="string">{to_text}</tagCategory>"#);
    let home = home(
        home_level,
        &text,
        &value("p", "1", ""),
        &value("n", "1", ""),
    );
    let far = far().replace(&value("r3", "3", ""), far_values);
    assert!(far.contains(far_values));
    spifs(&[&home, &far])
}

const NUMBER: &str = r#"<tagCategory name="NUMBER" lacv="8" userInput="integer"/>"#;

#[test]
fn a_text_meets_the_demand_of_an_equivalence_for_the_value_that_asks_for_it() {
    let demand = r#"<requiredCategory operation="oneOrMore"><categoryGroup tagSetRef="FBox" tagType="restrictive" lacv="8"/></requiredCategory>"#;
    let world = asking(NUMBER, &level("H1", 1, &to_level(1, "both", demand)));
    let back = |list: &[Chosen<'_>]| go(&world, &label("FAR", "F1", list), "HOME", Use::Decrypt);
    let text = ("FBox", "RESTRICTIVE", &["42"][..]);
    assert_eq!(back(&[text]), is("H1", &[boxed(&["42"])]));
    assert_eq!(back(&[]), Err("required-missing"));
}

#[test]
fn lb_9_what_would_mean_more_than_one_value_in_the_target_is_ambiguous() {
    let two_texts = [NUMBER, &NUMBER.replace("NUMBER", "COUNT").replace('8', "9")].concat();
    let world = asking(&two_texts, &level("H1", 1, &to_level(1, "both", "")));
    let text = label("HOME", "H1", &[boxed(&["42"])]);
    assert_eq!(
        go(&world, &text, "FAR", Use::Encrypt),
        Err("category-ambiguous")
    );
    // The name p1 stands in a second tag of the set too, so that it would say more than the equivalence did.
    let (tag_end, values) = ("</securityCategoryTag>", value("p4", "4", ""));
    let second = format!(
        "{values}{tag_end}{}",
        tag(PERMISSIVE, &value("p1", "7", "")).trim_end_matches(tag_end)
    );
    let twice = far().replace(&values, &second);
    let world = spifs(&[&plain(), &twice]);
    let release = |name: &'static str| label("HOME", "H1", &[("Rel", "PERMISSIVE", &[name])]);
    assert_eq!(
        go(&world, &release("p1"), "FAR", Use::Encrypt),
        Err("category-ambiguous")
    );
    assert_eq!(
        go(&world, &release("p2"), "FAR", Use::Encrypt),
        is("F1", &[far_rel(&["p2"])])
    );
}

#[test]
fn no_error_quotes_what_only_the_label_says() {
    let world = spifs(&[&plain(), &far()]);
    let canary = "CANARY OF BOB";
    for hostile in [
        label(canary, "H1", &[]),
        label("HOME", canary, &[]),
        label("HOME", "H1", &[(canary, "PERMISSIVE", &["p1"])]),
        label("HOME", "H1", &[rel(&[canary])]),
    ] {
        let error = world
            .translate(&hostile, "FAR", Use::Encrypt, now())
            .unwrap_err();
        assert!(!error.to_string().contains(canary), "{error}");
    }
    let error = world
        .translate(&label("HOME", "H1", &[]), canary, Use::Encrypt, now())
        .unwrap_err();
    assert!(!error.to_string().contains(canary), "{error}");
}
