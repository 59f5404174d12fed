//! Properties of labels over policies, labels and clearances made at random.
//!
//! A policy is made as plain data, written as XML for the program under test, and decided a second time by a slow
//! reference that follows the words of the standard and shares no code with the program. A tape of bytes stands for
//! every choice, so that a failing case is made small by shortening the tape.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "label_properties/model.rs"]
mod model;
#[path = "label_properties/reference.rs"]
mod reference;

use proptest::prelude::*;
use sluice_policy::label::{Combined, Label, Spif, Spifs, Use, decide};
use time::OffsetDateTime;

use model::{Cleared, Marked, Policy, Tape};

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn tape() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..160)
}

fn load(policies: &[&Policy]) -> Spifs {
    let read = |policy: &&Policy| {
        let xml = policy.xml();
        Spif::parse(&xml).unwrap_or_else(|errors| panic!("{errors:?}\n{xml}"))
    };
    Spifs::new(policies.iter().map(read).collect()).unwrap()
}

fn grants(spifs: &Spifs, label: &Label, clearance: &Cleared, policy: &Policy) -> bool {
    decide(label, &clearance.clearance(policy), spifs, NOW).grant
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lb_1_the_decision_is_that_of_the_slow_reference(tape in tape()) {
        let mut tape = Tape::new(&tape);
        let policy = Policy::make("P", 1, &mut tape);
        let spifs = load(&[&policy]);
        for _ in 0..4 {
            let label = Marked::make(&policy, &mut tape);
            let clearance = Cleared::make(&policy, &mut tape);
            let decision = decide(&label.label(&policy), &clearance.clearance(&policy), &spifs, NOW);
            let expected = reference::grants(&policy, &label, &clearance);
            prop_assert_eq!(decision.grant, expected, "{:?}\n{:?}\n{:?}\n{}", decision, label, clearance, policy.xml());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    /// `wider_than_parts` against every clearance that the policy allows; and with it the rule of the gateway: where
    /// it is false, what the combined label grants is granted part by part.
    #[test]
    fn lb_10_wider_than_parts_is_exactly_that_some_clearance_grants_the_whole_and_denies_a_part(tape in tape()) {
        let mut tape = Tape::new(&tape);
        let policy = Policy::make("P", 1, &mut tape);
        let spifs = load(&[&policy]);
        let parts: Vec<Marked> = (0..2 + tape.pick(2)).map(|_| Marked::make(&policy, &mut tape)).collect();
        let labels: Vec<Label> = parts.iter().map(|part| part.label(&policy)).collect();
        let Combined::Label { label, wider_than_parts } = spifs.combine(&labels, NOW) else { return Ok(()) };
        let whole = Marked::read(&policy, &label);
        let wider = Cleared::every(&policy).into_iter().any(|clearance| {
            reference::grants(&policy, &whole, &clearance)
                && parts.iter().any(|part| !reference::grants(&policy, part, &clearance))
        });
        prop_assert_eq!(wider_than_parts, wider, "{:?}\n{:?}\n{}", whole, parts, policy.xml());
    }

    /// Rank order is kept by clearances that list every level below a listed one; over these, "at least" is a promise.
    #[test]
    fn what_is_at_least_another_is_granted_only_where_the_other_is(tape in tape()) {
        let mut tape = Tape::new(&tape);
        let policy = Policy::make("P", 1, &mut tape);
        let spifs = load(&[&policy]);
        let (one, other) = (Marked::make(&policy, &mut tape), Marked::make(&policy, &mut tape));
        if !spifs.at_least(&one.label(&policy), &other.label(&policy), Use::Encrypt, NOW) {
            return Ok(());
        }
        for clearance in Cleared::every(&policy).iter().filter(|clearance| clearance.is_closed_downwards()) {
            prop_assert!(
                !reference::grants(&policy, &one, clearance) || reference::grants(&policy, &other, clearance),
                "{:?}\n{:?}\n{:?}\n{}", one, other, clearance, policy.xml()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// There and back by the entries of one policy, and by those of both, for pairs that the linter has nothing
    /// against.
    #[test]
    fn lb_9_there_and_back_is_never_less_restrictive_for_pairs_that_lint_clean(tape in tape()) {
        let mut tape = Tape::new(&tape);
        let mut near = Policy::make("P", 1, &mut tape);
        let mut far = Policy::make("Q", 2, &mut tape);
        near.know(&far, &mut tape);
        far.know(&near, &mut tape);
        let spifs = load(&[&near, &far]);
        if !spifs.lossy_round_trips().is_empty() {
            return Ok(());
        }
        let every = Cleared::every(&near);
        for _ in 0..6 {
            let marked = Marked::make(&near, &mut tape);
            let label = marked.label(&near);
            let Ok(there) = spifs.translate(&label, "Q", Use::Encrypt, NOW) else { continue };
            for usage in [Use::Encrypt, Use::Decrypt] {
                let Ok(back) = spifs.translate(&there, "P", usage, NOW) else { continue };
                prop_assert!(spifs.is_valid(&there, NOW) && spifs.is_valid(&back, NOW));
                for clearance in every.iter().filter(|clearance| clearance.is_closed_downwards()) {
                    prop_assert!(
                        !grants(&spifs, &back, clearance, &near) || reference::grants(&near, &marked, clearance),
                        "{:?}\n{}\n{}\n{:?}\n{}\n{}", marked, there.to_json(), back.to_json(), clearance, near.xml(), far.xml()
                    );
                }
            }
        }
    }
}

/// The properties above would hold of a generator that makes nothing: count what it reaches.
#[test]
fn the_generator_reaches_every_case_that_the_properties_speak_of() {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut count = |what: &str| *seen.entry(what.to_owned()).or_default() += 1;
    for seed in 0_u64..1500 {
        let mut state = seed;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[1]
        })
        .take(160)
        .collect();
        let mut tape = Tape::new(&bytes);
        let mut near = Policy::make("P", 1, &mut tape);
        let mut far = Policy::make("Q", 2, &mut tape);
        near.know(&far, &mut tape);
        far.know(&near, &mut tape);
        let spifs = load(&[&near, &far]);
        let (one, other) = (
            Marked::make(&near, &mut tape),
            Marked::make(&near, &mut tape),
        );
        let clearance = Cleared::make(&near, &mut tape);
        let (one, other) = (one.label(&near), other.label(&near));
        count(decide(&one, &clearance.clearance(&near), &spifs, NOW).rule);
        match spifs.combine(&[one.clone(), other.clone()], NOW) {
            Combined::Label {
                wider_than_parts, ..
            } => count(&format!("wider {wider_than_parts}")),
            Combined::Undecided(_) => count("undecided"),
        }
        if spifs.at_least(&one, &other, Use::Encrypt, NOW) {
            count("at least");
        }
        match spifs.lossy_round_trips().is_empty() {
            true => count("clean"),
            false => count("lossy"),
        }
        let Ok(there) = spifs.translate(&one, "Q", Use::Encrypt, NOW) else {
            continue;
        };
        count("there");
        for usage in [Use::Encrypt, Use::Decrypt] {
            if spifs.translate(&there, "P", usage, NOW).is_ok() {
                count("back");
            }
        }
    }
    for (case, least) in [
        ("granted", 100),
        ("classification", 30),
        ("restrictive", 10),
        ("permissive", 100),
        ("label-invalid", 100),
        ("clearance-invalid", 5),
        ("wider true", 50),
        ("wider false", 100),
        ("undecided", 100),
        ("at least", 100),
        ("clean", 200),
        ("lossy", 50),
        ("there", 50),
        ("back", 50),
    ] {
        assert!(
            seen.get(case).is_some_and(|seen| *seen >= least),
            "{case}: {seen:?}"
        );
    }
}
