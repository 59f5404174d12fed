#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use super::{
    super::test_kit::{
        Chosen, INFORMATIVE, PERMISSIVE, RESTRICTIVE, at, categories, dated, label, level, now,
        policy, set, spifs, tag, value,
    },
    *,
};

/// The policy of the standard's vectors.
fn acme() -> String {
    let needs_release = r#"<requiredCategory operation="oneOrMore"><categoryGroup tagSetRef="Releasable To" tagType="permissive" all="true"/></requiredCategory>"#;
    let levels = [
        level("PUBLIC", 1, ""),
        level("INTERNAL", 2, ""),
        level("CONFIDENTIAL", 3, needs_release),
    ];
    let sets = [
        set(
            "Group",
            "2.25.1.1",
            RESTRICTIVE,
            &[
                value("STAFF", "1", ""),
                value("RED", "2", ""),
                value("BLUE", "3", ""),
            ]
            .concat(),
        ),
        set(
            "Releasable To",
            "2.25.1.2",
            PERMISSIVE,
            &[value("MOCK", "1", ""), value("PHONY", "2", "")].concat(),
        ),
        set(
            "Only",
            "2.25.1.3",
            PERMISSIVE,
            &[value("MOCK", "1", ""), value("PHONY", "2", "")].concat(),
        ),
        set(
            "Note",
            "2.25.1.4",
            INFORMATIVE,
            &[value("PERSONAL", "1", ""), value("DRAFT", "2", "")].concat(),
        ),
    ];
    policy("ACME", "2.25.1", &levels.concat(), &sets.concat(), "")
}

fn world() -> Spifs {
    let mock = policy("MOCK", "2.25.2", &level("SECRET", 1, ""), "", "");
    spifs(&[&acme(), &mock])
}

fn acme_label(level: &str, list: &[Chosen<'_>]) -> Label {
    label("ACME", level, list)
}

const MOCK: Chosen<'_> = ("Releasable To", "PERMISSIVE", &["MOCK"]);
const PHONY: Chosen<'_> = ("Releasable To", "PERMISSIVE", &["PHONY"]);
const BOTH: Chosen<'_> = ("Releasable To", "PERMISSIVE", &["MOCK", "PHONY"]);
const NOBODY: Chosen<'_> = ("Releasable To", "PERMISSIVE", &[]);

/// Level, categories and width of the combination.
fn combined(labels: &[Label]) -> (String, serde_json::Value, bool) {
    match world().combine(labels, now()) {
        Combined::Label {
            label,
            wider_than_parts,
        } => {
            let json = label.to_json();
            assert_eq!(json["PolicyIdentifier"]["uri"], "urn:oid:2.25.1");
            (
                label.classification().to_owned(),
                json["Category"].clone(),
                wider_than_parts,
            )
        }
        Combined::Undecided(reason) => panic!("undecided: {reason}"),
    }
}

fn undecided(labels: &[Label]) -> String {
    match world().combine(labels, now()) {
        Combined::Undecided(reason) => reason,
        decided => panic!("{decided:?}"),
    }
}

fn is(level: &str, list: &[Chosen<'_>], wider: bool) -> (String, serde_json::Value, bool) {
    (level.to_owned(), categories(list), wider)
}

#[test]
fn lb_1_public_and_internal_are_internal() {
    let parts = [acme_label("PUBLIC", &[]), acme_label("INTERNAL", &[])];
    // A clearance may list INTERNAL alone, so the result is wider than its lower part.
    assert_eq!(combined(&parts), is("INTERNAL", &[], true));
}

#[test]
fn lb_1_staff_and_nothing_are_staff() {
    let staff: &[Chosen<'_>] = &[("Group", "RESTRICTIVE", &["STAFF"])];
    let parts = [acme_label("INTERNAL", staff), acme_label("INTERNAL", &[])];
    assert_eq!(combined(&parts), is("INTERNAL", staff, false));
}

#[test]
fn lb_1_labels_of_two_policies_are_a_persons_decision() {
    let parts = [acme_label("PUBLIC", &[]), label("MOCK", "SECRET", &[])];
    assert!(undecided(&parts).contains("ACME and MOCK"));
}

#[test]
fn lb_1_a_narrower_release_remains() {
    let parts = [
        acme_label("CONFIDENTIAL", &[BOTH]),
        acme_label("CONFIDENTIAL", &[MOCK]),
    ];
    assert_eq!(combined(&parts), is("CONFIDENTIAL", &[MOCK], false));
}

#[test]
fn lb_1_a_release_that_one_part_lacks_is_dropped() {
    let parts = [acme_label("INTERNAL", &[BOTH]), acme_label("INTERNAL", &[])];
    assert_eq!(combined(&parts), is("INTERNAL", &[], true));
    // As the standard has it, with a level that requires a release: then the result is not valid.
    let parts = [
        acme_label("CONFIDENTIAL", &[BOTH]),
        acme_label("INTERNAL", &[]),
    ];
    assert!(undecided(&parts).contains("CONFIDENTIAL requires"));
}

#[test]
fn lb_1_red_and_blue_are_both() {
    let parts = [
        acme_label("INTERNAL", &[("Group", "RESTRICTIVE", &["BLUE"])]),
        acme_label("INTERNAL", &[("Group", "RESTRICTIVE", &["RED"])]),
    ];
    let both: Chosen<'_> = ("Group", "RESTRICTIVE", &["RED", "BLUE"]);
    assert_eq!(combined(&parts), is("INTERNAL", &[both], false));
}

#[test]
fn lb_1_releases_without_a_common_reader_are_a_persons_decision_where_a_release_is_required() {
    let parts = [
        acme_label("CONFIDENTIAL", &[MOCK]),
        acme_label("CONFIDENTIAL", &[PHONY]),
    ];
    assert!(undecided(&parts).contains("not valid"));
}

#[test]
fn lb_10_releases_without_a_common_reader_permit_nobody() {
    let parts = [
        acme_label("INTERNAL", &[MOCK]),
        acme_label("INTERNAL", &[PHONY]),
    ];
    assert_eq!(combined(&parts), is("INTERNAL", &[NOBODY], false));
}

#[test]
fn lb_10_nobody_stays_nobody_beside_any_release() {
    for other in [MOCK, NOBODY] {
        let parts = [
            acme_label("INTERNAL", &[NOBODY]),
            acme_label("INTERNAL", &[other]),
        ];
        assert_eq!(combined(&parts), is("INTERNAL", &[NOBODY], false));
    }
    // Dropped by the standard's rule, and said to be wider.
    let parts = [
        acme_label("INTERNAL", &[NOBODY]),
        acme_label("INTERNAL", &[]),
    ];
    assert_eq!(combined(&parts), is("INTERNAL", &[], true));
}

#[test]
fn a_result_for_nobody_is_never_wider() {
    let parts = [
        acme_label("INTERNAL", &[MOCK]),
        acme_label("PUBLIC", &[PHONY]),
    ];
    assert_eq!(combined(&parts), is("INTERNAL", &[NOBODY], false));
}

#[test]
fn anti_pattern_7_two_tag_sets_of_one_type_are_combined_each_for_itself() {
    // By type alone, {MOCK} and {PHONY} would meet and cancel out, or merge into one release.
    let only: Chosen<'_> = ("Only", "PERMISSIVE", &["PHONY"]);
    let parts = [
        acme_label("INTERNAL", &[MOCK, only]),
        acme_label("INTERNAL", &[BOTH, only]),
    ];
    assert_eq!(combined(&parts), is("INTERNAL", &[MOCK, only], false));
    let parts = [
        acme_label("INTERNAL", &[MOCK]),
        acme_label("INTERNAL", &[only]),
    ];
    assert_eq!(combined(&parts), is("INTERNAL", &[], true));
}

#[test]
fn two_tags_of_one_set_are_combined_each_for_itself() {
    let sets = [
        r#"<securityCategoryTagSet name="Rel" id="2.25.3.1">"#.to_owned()
            + &tag(
                PERMISSIVE,
                &[value("A", "1", ""), value("B", "2", "")].concat(),
            )
            + &tag(
                PERMISSIVE,
                &[value("C", "3", ""), value("D", "4", "")].concat(),
            )
            + "</securityCategoryTagSet>",
    ];
    let two = policy("TWO", "2.25.3", &level("LOW", 1, ""), &sets.concat(), "");
    let world = spifs(&[&two]);
    let rel = |values: &[&str]| label("TWO", "LOW", &[("Rel", "PERMISSIVE", values)]);
    let together =
        |one: &[&str], other: &[&str]| match world.combine(&[rel(one), rel(other)], now()) {
            Combined::Label {
                label,
                wider_than_parts,
            } => (
                label
                    .categories()
                    .first()
                    .map(|category| category.values.join(" ")),
                wider_than_parts,
            ),
            Combined::Undecided(reason) => panic!("{reason}"),
        };
    assert_eq!(
        together(&["A", "B", "C"], &["B", "C", "D"]),
        (Some("B C".into()), false)
    );
    assert_eq!(
        together(&["A", "C"], &["A"]),
        (Some("A".into()), true),
        "the second tag is dropped"
    );
    // One tag permits nobody: then no value of the other may stand beside it, a reader would merge them.
    assert_eq!(
        together(&["A", "C"], &["B", "C"]),
        (Some(String::new()), false)
    );
}

#[test]
fn informative_values_are_joined() {
    let parts = [
        acme_label("PUBLIC", &[("Note", "INFORMATIVE", &["DRAFT"])]),
        acme_label("PUBLIC", &[("note", "INFORMATIVE", &["personal"])]),
    ];
    let both: Chosen<'_> = ("Note", "INFORMATIVE", &["PERSONAL", "DRAFT"]);
    assert_eq!(combined(&parts), is("PUBLIC", &[both], false));
}

#[test]
fn one_label_is_its_own_combination() {
    let parts = [acme_label("confidential", &[MOCK])];
    assert_eq!(combined(&parts), is("CONFIDENTIAL", &[MOCK], false));
}

#[test]
fn no_label_and_an_invalid_label_are_undecided() {
    assert!(undecided(&[]).contains("no label"));
    let parts = [acme_label("PUBLIC", &[]), acme_label("CONFIDENTIAL", &[])];
    assert!(undecided(&parts).starts_with("label 2: a category that CONFIDENTIAL requires"));
}

#[test]
fn the_order_of_the_parts_changes_nothing() {
    let parts = [
        acme_label("INTERNAL", &[BOTH]),
        acme_label("CONFIDENTIAL", &[MOCK]),
        acme_label("PUBLIC", &[BOTH, ("Group", "RESTRICTIVE", &["RED"])]),
    ];
    let expected = combined(&parts);
    assert_eq!(
        expected,
        is(
            "CONFIDENTIAL",
            &[("Group", "RESTRICTIVE", &["RED"]), MOCK],
            true
        )
    );
    let [a, b, c] = parts;
    assert_eq!(combined(&[c.clone(), a.clone(), b.clone()]), expected);
    assert_eq!(combined(&[b, c, a]), expected);
}

#[test]
fn dates_are_the_latest_of_the_parts_or_none() {
    let one = dated(
        &acme_label("PUBLIC", &[]),
        "2026-03-01T12:00:00+01:00",
        "2031-01-01T00:00:00Z",
    );
    let two = dated(
        &acme_label("PUBLIC", &[]),
        "2026-03-01T11:30:00Z",
        "2030-01-01T00:00:00Z",
    );
    let dates = |parts: &[Label]| match world().combine(parts, now()) {
        Combined::Label { label, .. } => (label.created(), label.review()),
        Combined::Undecided(reason) => panic!("{reason}"),
    };
    let latest = (
        Some(at("2026-03-01T11:30:00Z")),
        Some(at("2031-01-01T00:00:00Z")),
    );
    assert_eq!(dates(&[one.clone(), two]), latest);
    assert_eq!(dates(&[one, acme_label("PUBLIC", &[])]), (None, None));
}

#[test]
fn an_expired_policy_combines_nothing() {
    let old = acme().replace(
        "creationDate",
        r#"notAfter="2026-02-01T00:00:00Z" creationDate"#,
    );
    let parts = [acme_label("PUBLIC", &[])];
    let Combined::Undecided(reason) = spifs(&[&old]).combine(&parts, now()) else {
        panic!("decided");
    };
    assert!(reason.contains("expired"), "{reason}");
}

#[test]
fn texts_are_joined_where_restrictive_and_met_where_permissive() {
    let asks = r#"<tagCategory name="PROJECT" lacv="9" userInput="string"/>"#;
    let sets =
        set("Need", "2.25.4.1", RESTRICTIVE, asks) + &set("For", "2.25.4.2", PERMISSIVE, asks);
    let world = spifs(&[&policy("TEXT", "2.25.4", &level("LOW", 1, ""), &sets, "")]);
    let parts = [
        label(
            "TEXT",
            "LOW",
            &[
                ("Need", "RESTRICTIVE", &["Apollo"]),
                ("For", "PERMISSIVE", &["Alice", "Bob"]),
            ],
        ),
        label(
            "TEXT",
            "LOW",
            &[
                ("Need", "RESTRICTIVE", &["APOLLO", "Gemini"]),
                ("For", "PERMISSIVE", &["BOB"]),
            ],
        ),
    ];
    let Combined::Label {
        label,
        wider_than_parts,
    } = world.combine(&parts, now())
    else {
        panic!("undecided");
    };
    let expected = categories(&[
        ("Need", "RESTRICTIVE", &["Apollo", "Gemini"]),
        ("For", "PERMISSIVE", &["Bob"]),
    ]);
    assert_eq!(
        (label.to_json()["Category"].clone(), wider_than_parts),
        (expected, false)
    );
}

/// ALL stands for A and B, and BIG for ALL by its name alone.
fn grouped(parts: &[&[&str]]) -> Option<String> {
    let values = ["BIG", "ALL", "A", "B"].map(|name| value(name, name, ""));
    let set = set("Rel", "2.25.9.1", PERMISSIVE, &values.concat());
    let xml = policy("GROUPS", "2.25.9", &level("LOW", 1, ""), &set, "");
    let mut spif = super::super::Spif::parse(&xml).unwrap();
    let values = &mut spif.tag_sets[0].tags[0].values;
    values[0].members = vec!["ALL".into()];
    values[1].members = vec!["A".into(), "B".into()];
    let world = Spifs::new(vec![spif]).unwrap();
    let rel = |values: &&[&str]| label("GROUPS", "LOW", &[("Rel", "PERMISSIVE", values)]);
    let labels: Vec<Label> = parts.iter().map(rel).collect();
    let Combined::Label { label, .. } = world.combine(&labels, now()) else {
        panic!("undecided");
    };
    let category = label.categories().first();
    category.map(|category| category.values.join(" "))
}

#[test]
fn lb_10_a_group_remains_only_where_every_part_admits_all_its_members() {
    assert_eq!(grouped(&[&["ALL"], &["ALL"]]), Some("ALL A B".into()));
    assert_eq!(grouped(&[&["ALL"], &["A"]]), Some("A".into()));
    // BIG admits ALL and not A: the name ALL would admit it.
    assert_eq!(grouped(&[&["BIG"], &["ALL"]]), Some(String::new()));
}
