//! A permissive category without values permits nobody. It is said in the other policy only where one permissive set is
//! sure to stand for the label's: by an equivalence of whole sets, else by those of the values.

use super::*;

const MID: &str = r#"<equivalentPolicy name="MID" id="2.25.30"/>"#;

/// HOME, which knows MID too, with these entries for the two permissive values and this one for their whole set.
fn home_of(release: &[&str], only: &[&str], whole: &str) -> String {
    let home = home_with(
        &level("H1", 1, &to_level(1, "both", "")),
        &value("r", "1", ""),
        &value("p", "1", &release.concat()),
        &value("n", "1", ""),
        &[MID, OTHER].concat(),
    );
    let end =
        r#"</securityCategoryTag></securityCategoryTagSet><securityCategoryTagSet name="Note""#;
    let whole = end.replacen(
        "</securityCategoryTag>",
        &format!("</securityCategoryTag>{whole}"),
        1,
    );
    let own = value("D", "1", &to_value(2, "permissive", 4, "both"));
    let policy = home.replace(end, &whole);
    policy.replace(&own, &value("D", "1", &only.concat()))
}

fn whole(policy: &str, which: &str) -> String {
    format!(r#"<equivalentSecurityCategoryTagSet policyRef="{policy}" {which}/>"#)
}

fn discarding(entry: &str) -> String {
    entry.replace("applied", r#"action="discard" applied"#)
}

type Said = Result<(String, serde_json::Value), &'static str>;

fn out_of(home: &str) -> Said {
    let world = spifs(&[home, &far()]);
    go(
        &world,
        &label("HOME", "H1", &[rel(&[])]),
        "FAR",
        Use::Encrypt,
    )
}

fn back_to(home: &str) -> Said {
    let world = spifs(&[home, &far()]);
    let label = label("FAR", "F1", &[far_rel(&[])]);
    go(&world, &label, "HOME", Use::Decrypt)
}

fn in_frel() -> Said {
    is("F1", &[far_rel(&[])])
}

fn in_rel() -> Said {
    is("H1", &[rel(&[])])
}

const NO_SINGLE_SET: Said = Err("category-unmapped");

#[test]
fn lb_10_the_equivalents_of_the_values_of_that_set_say_where_nobody_is_permitted() {
    let (to_frel, to_ctx) = (
        to_value(2, "permissive", 1, "both"),
        to_value(4, "permissive", 1, "both"),
    );
    let apart = home_of(&[&to_frel], &[&to_ctx], "");
    assert_eq!(out_of(&apart), in_frel());
    assert_eq!(back_to(&apart), in_rel());
    let both = home_of(&[&to_frel, &to_ctx], &[], "");
    assert_eq!(out_of(&both), NO_SINGLE_SET);
    assert_eq!(back_to(&both), in_rel(), "one set leads into FRel");
    let none = home_of(&[], &[&to_frel], "");
    assert_eq!(out_of(&none), NO_SINGLE_SET);
    assert_eq!(
        back_to(&home_of(&[&to_frel], &[&to_frel], "")),
        NO_SINGLE_SET
    );
}

#[test]
fn lb_10_entries_that_are_not_followed_do_not_say_where_nobody_is_permitted() {
    let to_frel = to_value(2, "permissive", 1, "both");
    let to_ctx = |applied| to_value(4, "permissive", 1, applied);
    let of_mid = to_ctx("both").replace("FAR", "MID");
    for odd in [to_ctx("decrypt"), of_mid, discarding(&to_ctx("both"))] {
        let home = home_of(&[&to_frel, &odd], &[], "");
        assert_eq!(out_of(&home), in_frel(), "{odd}");
    }
    let again = |applied| to_value(2, "permissive", 2, applied);
    let of_mid = again("both").replace("FAR", "MID");
    for odd in [again("encrypt"), of_mid, discarding(&again("both"))] {
        let home = home_of(&[&to_frel], &[&odd], "");
        assert_eq!(back_to(&home), in_rel(), "{odd}");
    }
    let restrictive = to_value(1, "restrictive", 1, "both");
    let home = home_of(&[&to_frel, &restrictive], &[], "");
    assert_eq!(out_of(&home), in_frel(), "a restrictive set cannot say it");
}

#[test]
fn lb_10_an_equivalence_of_whole_sets_counts_where_all_it_says_is_true_of_the_set() {
    let to_frel = to_value(2, "permissive", 1, "both");
    let to_ctx = to_value(4, "permissive", 1, "both");
    let out = |whole: &str| out_of(&home_of(&[&to_frel, &to_ctx], &[], whole));
    let back = |whole: &str| back_to(&home_of(&[&to_frel], &[&to_frel], whole));
    for which in [
        r#"name="FRel" id="2.25.20.2""#,
        r#"name=" frel ""#,
        r#"id="2.25.20.2""#,
    ] {
        assert_eq!(out(&whole("FAR", which)), in_frel(), "{which}");
        assert_eq!(back(&whole("FAR", which)), in_rel(), "{which}");
    }
    for (policy, which) in [
        ("FAR", r#"name="FRel" id="2.25.20.3""#),
        ("FAR", r#"name="FNote" id="2.25.20.2""#),
        ("FAR", ""),
        ("MID", r#"name="FRel" id="2.25.20.2""#),
    ] {
        assert_eq!(
            out(&whole(policy, which)),
            NO_SINGLE_SET,
            "{policy} {which}"
        );
        assert_eq!(
            back(&whole(policy, which)),
            NO_SINGLE_SET,
            "{policy} {which}"
        );
    }
}

#[test]
fn lb_10_a_whole_set_that_is_not_permissive_cannot_say_it() {
    let to_frel = to_value(2, "permissive", 1, "both");
    let home = home_of(&[&to_frel], &[], &whole("FAR", r#"id="2.25.20.1""#));
    assert_eq!(out_of(&home), in_frel());
}
