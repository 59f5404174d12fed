//! The decision where label and clearance are written in different policies.

use super::*;

/// The decision, which a clearance that was looked up before gives too.
fn across(label: &Label, levels: &[&str], list: &[Chosen<'_>]) -> LabelDecision {
    let world = spifs(&[&plain(), &far()]);
    let clearance = clearance("FAR", levels, list);
    let decision = decide_across(label, &clearance, &world, Use::Encrypt, now());
    let prepared = world.clear(&clearance).unwrap();
    let prepared = prepared.decide_across(label, Use::Encrypt, now());
    assert_eq!(prepared, decision, "a prepared clearance decides alike");
    decision
}

#[test]
fn across_policies_the_translated_label_is_decided_on() {
    let label = label("HOME", "H1", &[rel(&["p1"])]);
    let granted = across(&label, &["F1"], &[far_rel(&["p1"])]);
    assert_eq!((granted.grant, granted.rule), (true, "granted"));
    assert_eq!(granted.translated.unwrap().classification(), "F1");
    let denied = across(&label, &["F1"], &[far_rel(&["p2"])]);
    assert_eq!((denied.grant, denied.rule), (false, "permissive"));
    assert_eq!(denied.reason, "PERMISSIVE 2.25.20.2 {p1} ∩ {p2} = ∅");
    assert!(denied.translated.is_some());
}

#[test]
fn across_policies_what_cannot_be_translated_is_denied() {
    let denied = across(&label("HOME", "H4", &[]), &["F1", "F2", "F3"], &[]);
    assert_eq!(
        (denied.grant, denied.rule, denied.translated),
        (false, "translation", None)
    );
    assert!(
        denied.reason.contains("[classification-unmapped]"),
        "{}",
        denied.reason
    );
    let unknown = across(&label("NOWHERE", "H1", &[]), &["F1"], &[]);
    assert_eq!((unknown.grant, unknown.rule), (false, "policy-unknown"));
}

#[test]
fn in_one_policy_across_is_the_decision_itself() {
    let world = spifs(&[&plain(), &far()]);
    let label = label("HOME", "H4", &[]);
    for levels in [&["H4"], &["H1"]] {
        let cleared = clearance("HOME", levels, &[]);
        let plain = decide(&label, &cleared, &world, now());
        let prepared = world.clear(&cleared).unwrap();
        assert_eq!(
            decide_across(&label, &cleared, &world, Use::Encrypt, now()),
            plain
        );
        assert_eq!(prepared.decide_across(&label, Use::Encrypt, now()), plain);
    }
}

#[test]
fn an_alternative_counts_only_where_it_is_not_less_restrictive_than_our_translation() {
    let own = label("HOME", "H2", &[rel(&["p1", "p2"])]);
    let narrower = label("far", "f3", &[far_rel(&["p1"])]);
    let wider = label("FAR", "F2", &[]);
    let lower = label("FAR", "F1", &[far_rel(&["p1"])]);
    let invalid = label("FAR", "F9", &[]);
    let all: &[&str] = &["F1", "F2", "F3"];
    let release: &[Chosen<'_>] = &[far_rel(&["p1"])];
    let decided_on = |alternatives: &[&Label]| {
        let decision = across(&with_alternatives(&own, alternatives), all, release);
        assert!(decision.grant);
        let label = decision.translated.unwrap();
        (
            label.classification().to_owned(),
            label.categories()[0].values.join(","),
        )
    };
    assert_eq!(
        decided_on(&[&narrower]),
        ("F3".into(), "p1".into()),
        "in the policy's spelling"
    );
    for weak in [&wider, &lower, &invalid] {
        assert_eq!(decided_on(&[weak]), ("F2".into(), "p1,p2".into()));
        assert_eq!(decided_on(&[weak, &narrower]), ("F3".into(), "p1".into()));
    }
    // An alternative never helps a label that cannot be translated, nor one whose level the clearance lacks.
    assert!(
        !across(
            &with_alternatives(&label("HOME", "H4", &[]), &[&narrower]),
            all,
            release
        )
        .grant
    );
    assert!(!across(&with_alternatives(&own, &[&narrower]), &["F2"], release).grant);
}

#[test]
fn lb_9_label_and_alternative_must_both_be_granted_because_clearances_are_lists() {
    let own = label("HOME", "H2", &[]);
    let higher = label("FAR", "F3", &[]);
    let both = with_alternatives(&own, &[&higher]);
    let decided = |label: &Label, levels: &[&str]| {
        let decision = across(label, levels, &[]);
        let level = decision.translated.unwrap().classification().to_owned();
        (decision.grant, level)
    };
    assert_eq!(
        decided(&both, &["F3"]),
        (false, "F2".into()),
        "our translation is denied"
    );
    assert_eq!(
        decided(&both, &["F2"]),
        (false, "F3".into()),
        "the alternative is denied"
    );
    assert_eq!(decided(&both, &["F2", "F3"]), (true, "F3".into()));
    let two = with_alternatives(&own, &[&higher, &label("FAR", "F2", &[far_rel(&["p1"])])]);
    assert!(
        !across(&two, &["F2", "F3"], &[far_rel(&["p2"])]).grant,
        "every alternative that counts"
    );
    assert!(across(&two, &["F2", "F3"], &[far_rel(&["p1"])]).grant);
}
