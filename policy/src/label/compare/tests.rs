#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::json;

use super::{
    super::test_kit::{
        Chosen, PERMISSIVE, RESTRICTIVE, categories, dated, label, level, now, policy, set, spifs,
        value, with_alternatives,
    },
    *,
};

fn world() -> Spifs {
    let sets = [
        set(
            "Box",
            "2.25.5.1",
            RESTRICTIVE,
            &[value("RED", "1", ""), value("BLUE", "2", "")].concat(),
        ),
        set(
            "Rel",
            "2.25.5.2",
            PERMISSIVE,
            &[value("A", "1", ""), value("B", "2", "")].concat(),
        ),
        set(
            "Only",
            "2.25.5.3",
            PERMISSIVE,
            &[value("A", "1", ""), value("B", "2", "")].concat(),
        ),
    ];
    // The rank is not the order of the file, nor that of the numbers.
    let levels = r#"<securityClassification name="TOP" lacv="1" hierarchy="9"/><securityClassification name="LOW" lacv="2" hierarchy="1"/>"#;
    let far = r#"<equivalentClassification policyRef="HERE" lacv="1" applied="encrypt"/>"#;
    let far = policy(
        "FAR",
        "2.25.6",
        &level("FTOP", 1, far),
        "",
        r#"<equivalentPolicy name="HERE" id="2.25.5"/>"#,
    );
    spifs(&[&policy("HERE", "2.25.5", levels, &sets.concat(), ""), &far])
}

const RED: Chosen<'_> = ("Box", "RESTRICTIVE", &["RED"]);
const RED_BLUE: Chosen<'_> = ("Box", "RESTRICTIVE", &["RED", "BLUE"]);
const A: Chosen<'_> = ("Rel", "PERMISSIVE", &["A"]);
const A_B: Chosen<'_> = ("Rel", "PERMISSIVE", &["A", "B"]);
const ONLY_A: Chosen<'_> = ("Only", "PERMISSIVE", &["A"]);
const NOBODY: Chosen<'_> = ("Rel", "PERMISSIVE", &[]);

fn at_least(one: (&str, &[Chosen<'_>]), other: (&str, &[Chosen<'_>])) -> bool {
    let label = |(level, list): (&str, &[Chosen<'_>])| label("HERE", level, list);
    world().at_least(&label(one), &label(other), Use::Encrypt, now())
}

#[test]
fn a_label_is_at_least_itself_and_anything_wider() {
    for (one, other) in [
        (("TOP", &[RED, A][..]), ("TOP", &[RED, A][..])),
        (("TOP", &[]), ("LOW", &[])),
        (("LOW", &[RED]), ("LOW", &[])),
        (("LOW", &[RED_BLUE]), ("LOW", &[RED])),
        (("LOW", &[A]), ("LOW", &[])),
        (("LOW", &[A]), ("LOW", &[A_B])),
        (("LOW", &[A, ONLY_A]), ("LOW", &[ONLY_A])),
        (("LOW", &[NOBODY]), ("LOW", &[A, ONLY_A])),
        (("LOW", &[NOBODY]), ("LOW", &[NOBODY])),
    ] {
        assert!(at_least(one, other), "{one:?} and {other:?}");
    }
}

#[test]
fn a_label_is_not_at_least_what_asks_for_more() {
    for (one, other) in [
        (("LOW", &[][..]), ("TOP", &[][..])),
        (("TOP", &[]), ("LOW", &[RED])),
        (("TOP", &[RED]), ("LOW", &[RED_BLUE])),
        (("TOP", &[]), ("LOW", &[A])),
        (("TOP", &[A_B]), ("LOW", &[A])),
        (("TOP", &[ONLY_A]), ("LOW", &[A])),
        (("TOP", &[A]), ("LOW", &[NOBODY])),
        (("TOP", &[]), ("LOW", &[NOBODY])),
        (("LOW", &[NOBODY]), ("TOP", &[])),
        (("LOW", &[NOBODY]), ("LOW", &[RED])),
    ] {
        assert!(!at_least(one, other), "{one:?} and {other:?}");
    }
}

#[test]
fn mx_4_a_label_is_not_at_least_one_whose_alternative_restricts_more() {
    // FAR's levels mean HERE's, so that FAR labels can be held against alternatives in HERE.
    let at_least = |one: &Label, other: &Label| world().at_least(one, other, Use::Encrypt, now());
    let far = label("FAR", "FTOP", &[]);
    let [plain, red, red_blue] =
        [&[][..], &[RED], &[RED_BLUE]].map(|list| label("HERE", "TOP", list));
    let low = label("HERE", "LOW", &[RED]);
    let beside = |alternatives: &[&Label]| with_alternatives(&far, alternatives);
    let floor = beside(&[&red]);
    for enough in [floor.clone(), beside(&[&red_blue]), beside(&[&plain, &red])] {
        assert!(at_least(&enough, &floor), "{enough:?}");
    }
    for less in [far.clone(), beside(&[&plain]), beside(&[&low])] {
        assert!(!at_least(&less, &floor), "{less:?}");
    }
    // What never counts restricts nothing.
    let unknown = label("NOWHERE", "TOP", &[RED]);
    for idle in [&low, &unknown, &far] {
        assert!(at_least(&far, &beside(&[idle])), "{idle:?}");
    }
    assert!(
        !at_least(&beside(&[&red]), &beside(&[&red, &red_blue])),
        "each of them"
    );
    // In the other direction nothing is translated, and what may deny there must be met all the same.
    let inbound = |one: &Label| world().at_least(one, &floor, Use::Decrypt, now());
    assert!(inbound(&floor) && !inbound(&far));
}

#[test]
fn what_is_not_clear_is_not_at_least_anything() {
    let top = label("HERE", "TOP", &[]);
    let far = label("FAR", "FTOP", &[]);
    for unclear in [label("HERE", "GONE", &[]), label("NOWHERE", "TOP", &[])] {
        assert!(!world().at_least(&unclear, &top, Use::Encrypt, now()));
        assert!(!world().at_least(&top, &unclear, Use::Encrypt, now()));
    }
    assert!(
        world().at_least(&far, &top, Use::Encrypt, now()),
        "translated first"
    );
    assert!(
        !world().at_least(&far, &top, Use::Decrypt, now()),
        "no entry for this direction"
    );
    assert!(
        !world().at_least(&top, &far, Use::Encrypt, now()),
        "HERE states nothing of FAR"
    );
}

#[test]
fn lb_4_output_has_the_policys_spelling_and_keeps_the_rest() {
    let written = dated(
        &label(
            "here",
            " top ",
            &[
                ("box", "RESTRICTIVE", &["blue", "Red", "RED"]),
                ("REL", "PERMISSIVE", &[]),
            ],
        ),
        "2026-03-01T12:00:00Z",
        "2031-03-01T00:00:00Z",
    );
    let expected = json!({
        "PolicyIdentifier": {"name": "HERE", "uri": "urn:oid:2.25.5"}, "Classification": "TOP",
        "Category": categories(&[RED_BLUE, NOBODY]),
        "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z",
    });
    assert_eq!(world().normal(&written).unwrap().to_json(), expected);
    assert_eq!(world().normal(&label("HERE", "GONE", &[])), None);
    assert_eq!(world().normal(&label("NOWHERE", "TOP", &[])), None);
}

/// Whether some clearance grants `one` and denies `other`.
fn escapes(one: (&str, &[Chosen<'_>]), other: (&str, &[Chosen<'_>])) -> bool {
    let label = |(level, list): (&str, &[Chosen<'_>])| label("HERE", level, list);
    let (world, one, other) = (world(), label(one), label(other));
    let placed = |label| world.placed(label, now()).unwrap();
    placed(&one).escapes(&placed(&other))
}

#[test]
fn lb_9_a_label_that_asks_for_less_escapes() {
    for (one, other) in [
        (("LOW", &[][..]), ("LOW", &[RED][..])),
        (("LOW", &[RED]), ("LOW", &[RED_BLUE])),
        (("LOW", &[]), ("LOW", &[A])),
        (("LOW", &[A_B]), ("LOW", &[A])),
        (("LOW", &[ONLY_A]), ("LOW", &[A])),
        (("LOW", &[A]), ("LOW", &[NOBODY])),
        (("TOP", &[]), ("LOW", &[])),
        (("LOW", &[]), ("TOP", &[])),
    ] {
        assert!(escapes(one, other), "{one:?} and {other:?}");
    }
}

#[test]
fn lb_9_a_label_that_asks_for_as_much_or_more_does_not_escape() {
    for (one, other) in [
        (("LOW", &[RED, A][..]), ("LOW", &[RED, A][..])),
        (("LOW", &[RED_BLUE]), ("LOW", &[RED])),
        (("LOW", &[A]), ("LOW", &[A_B])),
        (("LOW", &[A, ONLY_A]), ("LOW", &[A])),
        (("LOW", &[NOBODY]), ("TOP", &[RED, A])),
    ] {
        assert!(!escapes(one, other), "{one:?} and {other:?}");
    }
}

#[test]
fn a_restrictive_group_is_one_value_like_any_other() {
    let values = [value("ALL", "1", ""), value("RED", "2", "")].concat();
    let set = set("Box", "2.25.5.1", RESTRICTIVE, &values);
    let xml = policy("HERE", "2.25.5", &level("LOW", 1, ""), &set, "");
    let mut spif = super::super::Spif::parse(&xml).unwrap();
    spif.tag_sets[0].tags[0].values[0].members = vec!["RED".into()];
    let world = Spifs::new(vec![spif]).unwrap();
    let label = |name: &str| label("HERE", "LOW", &[("Box", "RESTRICTIVE", &[name])]);
    let (all, red) = (label("ALL"), label("RED"));
    assert!(world.at_least(&all, &all, Use::Encrypt, now()));
    assert!(!world.at_least(&all, &red, Use::Encrypt, now()));
}
