//! What equivalences require, where little decides: levels told apart, sets that are not used, values chosen for nobody.

use super::*;

type Group<'a> = (&'a str, &'a str, &'a str);

fn required(operation: &str, groups: &[Group<'_>]) -> String {
    let group = |(set, kind, which): &Group<'_>| {
        format!(r#"<categoryGroup tagSetRef="{set}" tagType="{kind}" {which}/>"#)
    };
    let groups: String = groups.iter().map(group).collect();
    format!(r#"<requiredCategory operation="{operation}">{groups}</requiredCategory>"#)
}

#[test]
fn coming_in_levels_of_one_equivalent_are_told_apart_by_what_they_require() {
    let level_with = |name, number, groups: &[Group<'_>]| {
        level(name, number, &to_level(1, "both", &required("all", groups)))
    };
    let levels = [level_with("A", 1, &[NEAR]), level_with("B", 2, &[WIDE])];
    let empty = |name| value(name, "1", "");
    let home = home(&levels.concat(), &empty("r"), &empty("p"), &empty("n"));
    let world = spifs(&[&home, &far()]);
    let back = |values: &[&str]| {
        let label = label("FAR", "F1", &[("Ctx", "PERMISSIVE", values)]);
        go(&world, &label, "HOME", Use::Decrypt)
    };
    assert_eq!(back(&["NEAR"]), is("A", &[]));
    assert_eq!(back(&["WIDE"]), is("B", &[]));
    assert_eq!(
        back(&["NEAR", "WIDE"]),
        Err("classification-ambiguous"),
        "it meets both"
    );
    let neither = label("FAR", "F1", &[]);
    assert_eq!(
        go(&world, &neither, "HOME", Use::Decrypt),
        Err("classification-unmapped"),
        "it meets none"
    );
}

#[test]
fn going_out_a_level_of_two_equivalents_is_ambiguous_whatever_they_require() {
    let two = [
        to_level(1, "both", &required("all", &[NEAR])),
        to_level(2, "both", &required("all", &[WIDE])),
    ];
    let plain = plain().replace(
        &level("H1", 1, &to_level(1, "both", "")),
        &level("H1", 1, &two.concat()),
    );
    let world = spifs(&[&plain, &far()]);
    assert_eq!(
        go(&world, &label("HOME", "H1", &[]), "FAR", Use::Encrypt),
        Err("classification-ambiguous")
    );
}

#[test]
fn a_level_with_one_equivalent_that_exists_and_one_that_does_not_is_ambiguous() {
    let both = [to_level(1, "both", ""), to_level(7, "both", "")].concat();
    let plain = plain().replace(
        &level("H1", 1, &to_level(1, "both", "")),
        &level("H1", 1, &both),
    );
    assert!(plain.contains(&both));
    let world = spifs(&[&plain, &far()]);
    assert_eq!(
        go(&world, &label("HOME", "H1", &[]), "FAR", Use::Encrypt),
        Err("classification-ambiguous")
    );
}

#[test]
fn coming_in_a_set_that_the_label_does_not_use_requires_nothing() {
    let of_set = plain().replace(
        r#"</securityCategoryTag></securityCategoryTagSet><securityCategoryTagSet name="Note""#,
        &format!(
            r#"</securityCategoryTag><equivalentSecurityCategoryTagSet policyRef="FAR" id="2.25.20.2">{}</equivalentSecurityCategoryTagSet></securityCategoryTagSet><securityCategoryTagSet name="Note""#,
            required("all", &[WIDE])
        ),
    );
    assert_ne!(of_set, plain());
    let world = spifs(&[&of_set, &far()]);
    let back = |list: &[Chosen<'_>]| go(&world, &label("FAR", "F1", list), "HOME", Use::Decrypt);
    assert_eq!(back(&[]), is("H1", &[]));
    assert_eq!(back(&[far_rel(&["p1"])]), Err("required-missing"));
}

#[test]
fn going_out_any_value_of_a_set_is_never_chosen_even_where_there_is_but_one() {
    let any = ("Ctx", "permissive", r#"all="true""#);
    let far = far().replace(&value("WIDE", "2", ""), "");
    assert!(!far.contains("WIDE"));
    let world = spifs(&[&demanding("all", &[any]), &far]);
    assert_eq!(
        go(&world, &label("HOME", "H1", &[]), "FAR", Use::Encrypt),
        Err("required-ambiguous")
    );
}

#[test]
fn going_out_no_value_is_chosen_among_several_of_one_lacv() {
    let near = value("NEAR", "1", "");
    let second = format!(
        "{near}</securityCategoryTag>{}",
        tag(PERMISSIVE, &value("FAR OFF", "1", ""))
    );
    let far = far().replace(
        &format!("{near}{}</securityCategoryTag>", value("WIDE", "2", "")),
        &second,
    );
    assert!(far.contains("FAR OFF"));
    let world = spifs(&[&demanding("all", &[NEAR]), &far]);
    assert_eq!(
        go(&world, &label("HOME", "H1", &[]), "FAR", Use::Encrypt),
        Err("required-ambiguous")
    );
}

#[test]
fn going_out_no_text_is_invented_for_a_value_that_asks_for_one() {
    let number = ("FBox", "restrictive", r#"lacv="8""#);
    let level = level("H1", 1, &to_level(1, "both", &required("all", &[number])));
    let world = asking(NUMBER, &level);
    let out = |list: &[Chosen<'_>]| go(&world, &label("HOME", "H1", list), "FAR", Use::Encrypt);
    assert_eq!(out(&[]), Err("required-ambiguous"));
    assert_eq!(
        out(&[boxed(&["42"])]),
        is("F1", &[("FBox", "RESTRICTIVE", &["42"])]),
        "alice wrote one"
    );
}

#[test]
fn coming_in_every_value_that_is_required_beside_others_is_accounted_for() {
    let p3 = ("FRel", "permissive", r#"lacv="3""#);
    let (near, release): (Chosen<'_>, _) = (("Ctx", "PERMISSIVE", &["NEAR"]), far_rel(&["p3"]));
    let back = |operation: &str, groups: &[Group<'_>], list: &[Chosen<'_>]| {
        let world = spifs(&[&demanding(operation, groups), &far()]);
        go(&world, &label("FAR", "F1", list), "HOME", Use::Decrypt)
    };
    assert_eq!(back("all", &[NEAR, p3], &[near, release]), is("H1", &[]));
    assert_eq!(back("onlyOne", &[NEAR], &[near]), is("H1", &[]));
    assert_eq!(
        back("onlyOne", &[NEAR, p3], &[near]),
        Err("category-unmapped"),
        "it could as well have been the other one"
    );
}
