//! The effective label of an event: where it comes from, what it may not do, and what is said about it.

use super::*;

/// A text behind a typed marking, on a link that believes markings.
fn marked(body: &str) -> Sent {
    message(body).on("marked->low")
}

fn room(content: serde_json::Value) -> RoomLabel {
    RoomLabel::from_json(&content).unwrap()
}

impl Sent {
    fn in_room_of(mut self, content: serde_json::Value) -> Self {
        self.room = Some(room(content));
        self
    }

    /// The labels of what it relates to hang on this link's policy.
    fn of_this_link(mut self) -> Self {
        self.targets_by_link = true;
        self
    }

    /// A state event that labels the room, where this was said before.
    fn after(mut self, content: serde_json::Value) -> Self {
        self.previous = Some(room(content));
        self
    }
}

fn labelling(content: serde_json::Value) -> Sent {
    sent(ROOM_LABEL_TYPE, content).state()
}

#[test]
fn mx_3_the_label_comes_from_the_event_else_its_targets_else_its_room_else_the_link() {
    let source = |sent: Sent| sent.judged().label_source;
    let reply = || {
        message("hello")
            .on("default->low")
            .by(Relation::Reply, Some(NFD))
            .in_room(NFD)
    };
    assert_eq!(source(reply().labelled(NFD)), LabelSource::Event);
    assert_eq!(source(reply()), LabelSource::Target);
    assert_eq!(
        source(reply().by(Relation::Thread, Some(NFD))),
        LabelSource::Thread
    );
    assert_eq!(
        source(message("hello").on("default->low").in_room(NFD)),
        LabelSource::Room
    );
    assert_eq!(
        source(message("hello").on("default->low")),
        LabelSource::Link
    );
    assert_eq!(source(message("hello")), LabelSource::None);
}

#[test]
fn lb_6_what_has_no_label_is_denied_or_takes_the_links_default_never_a_guess() {
    assert_eq!(message("hello").rule(), LABEL_MISSING);
    assert_eq!(message("hello").on("default->low").rule(), RELEASED);
    assert_eq!(
        message("hello").on("system->low").rule(),
        "label.classification"
    );
    assert_eq!(
        sent("m.room.name", json!({"name": "Lage"}))
            .state()
            .on("system->low")
            .rule(),
        "label.classification"
    );
    let typing = || sent("m.typing", json!({})).of_kind(Kind::Edu);
    assert_eq!(typing().on("system->low").rule(), "label.classification");
    let devices = sent("m.device_list_update", json!({})).of_kind(Kind::Edu);
    assert_eq!(
        devices.on("system->low").judged().label_source,
        LabelSource::None
    );
}

#[test]
fn mx_3_a_message_above_its_room_is_blocked() {
    let broad = || message("hello").labelled(NFD);
    assert_eq!(broad().in_room(GRANTED).rule(), LABEL_ABOVE_ROOM);
    assert_eq!(broad().in_room(NFD).rule(), RELEASED);
    assert_eq!(
        message("hello").labelled(GRANTED).in_room(NFD).rule(),
        RELEASED
    );
    let opened =
        json!({"label": wire(GRANTED), "clearance": clearance("DE-SAMPLE", &["OFFEN", NFD])});
    assert_eq!(broad().in_room_of(opened).rule(), RELEASED);
    let narrowed = json!({"label": wire(NFD), "clearance": clearance("DE-SAMPLE", &["OFFEN"])});
    assert_eq!(
        broad().in_room_of(narrowed.clone()).rule(),
        LABEL_ABOVE_ROOM
    );
    assert_eq!(
        message("hello").in_room_of(narrowed).rule(),
        RELEASED,
        "a room's own label is not held against its own ceiling"
    );
    let foreign = json!({"clearance": clearance("NATO", &["RESTRICTED"])});
    assert_eq!(broad().in_room_of(foreign.clone()).rule(), RELEASED);
    assert_eq!(
        message("hello")
            .labelled(GRANTED)
            .in_room_of(foreign)
            .rule(),
        LABEL_ABOVE_ROOM
    );
    assert_eq!(
        message("hello").labelled("GEHEIM").in_room(NFD).rule(),
        "label.classification"
    );
}

#[test]
fn mx_3_what_relates_to_an_event_above_its_room_is_blocked_with_it() {
    for relation in [
        Relation::Thread,
        Relation::Reply,
        Relation::Replace,
        Relation::Annotation,
    ] {
        let answer = || message("ja").by(relation, Some(NFD));
        let rule = answer().in_room(GRANTED).rule();
        assert_eq!(rule, LABEL_ABOVE_ROOM, "{relation:?}");
        assert_eq!(answer().in_room(NFD).rule(), RELEASED, "{relation:?}");
        assert_eq!(answer().rule(), RELEASED, "{relation:?}: no room label");
        let opened =
            json!({"label": wire(GRANTED), "clearance": clearance("DE-SAMPLE", &["OFFEN", NFD])});
        assert_eq!(answer().in_room_of(opened).rule(), RELEASED, "{relation:?}");
        let marked = answer().in_room(GRANTED).of_this_link();
        assert_eq!(marked.rule(), RELEASED, "{relation:?}: a marking raised it");
        let narrowed =
            json!({"label": wire(GRANTED), "clearance": clearance("DE-SAMPLE", &["OFFEN"])});
        let marked = answer().in_room_of(narrowed).of_this_link();
        assert_eq!(marked.rule(), LABEL_ABOVE_ROOM, "{relation:?}");
    }
}

#[test]
fn mx_6_what_hangs_on_the_links_policy_is_handed_on_as_that() {
    let handed_on = |sent: Sent| {
        let link = LinkContext {
            name: sent.link,
            from: "marked",
            to: "low",
            direction: Direction::Outbound,
            clearances: Vec::new(),
        };
        let found = effective_label(bundle(), &link, &sent.unit(), at());
        let level = found.label.map(|label| label.classification().to_owned());
        (level, found.by_link)
    };
    let level = |level: &str| Some(level.to_owned());
    let reply = || message("ja").by(Relation::Reply, Some(NFD));
    assert_eq!(handed_on(reply()), (level(NFD), false));
    assert_eq!(handed_on(reply().of_this_link()), (level(NFD), true));
    assert_eq!(handed_on(message("ja").labelled(NFD)), (level(NFD), false));
    assert_eq!(handed_on(marked("[VS-NfD] ja")), (level(NFD), true));
    let default = message("ja").on("default->low");
    assert!(handed_on(default).1);
    // Its own label is above the room, and so nothing may follow it under cover of the marking that is higher still.
    let covered = marked("[GEHEIM] ja").labelled(NFD).in_room(GRANTED);
    let nobody = Label::nobody();
    assert_eq!(handed_on(covered), (level(nobody.classification()), true));
    let raised = marked("[VS-NfD] ja").in_room(GRANTED);
    assert_eq!(handed_on(raised), (level(NFD), true));
}

#[test]
fn mx_12_what_no_label_can_say_together_is_not_granted_together() {
    let link = LinkContext {
        name: "high->low",
        from: "high",
        to: "low",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let together = |labels: &[Label]| grants_together(bundle(), &link, labels, at());
    let mut foreign = wire("RESTRICTED");
    foreign["PolicyIdentifier"] = json!({"name": "NATO"});
    let foreign = Label::from_tree(&Tree::Object(object(&foreign))).unwrap();
    assert!(together(&[label(GRANTED), label(NFD)]));
    assert!(!together(&[label(GRANTED), label(TOO_HIGH)]));
    assert!(!together(&[label(GRANTED), foreign]), "of two policies");
}

#[test]
fn mx_4_an_edit_does_not_lower_what_it_edits_and_inherits_where_it_says_nothing() {
    let lower = message("harmless").labelled(GRANTED).to(Some(NFD));
    assert_eq!(lower.rule(), LABEL_LOWER_THAN_TARGET);
    assert_eq!(lower.judged().label, Some(label(GRANTED)));
    let silent = message("harmless").to(Some(TOO_HIGH)).in_room(GRANTED);
    assert_eq!(silent.rule(), "label.classification");
    assert_eq!(silent.judged().label_source, LabelSource::Target);
    assert_eq!(
        message("more").labelled(TOO_HIGH).to(Some(GRANTED)).rule(),
        "label.classification"
    );
    assert_eq!(message("same").labelled(NFD).to(Some(NFD)).rule(), RELEASED);
    assert_eq!(
        message("more").labelled(NFD).to(Some(GRANTED)).rule(),
        RELEASED
    );
}

#[test]
fn mx_5_a_reply_and_a_thread_are_labelled_as_high_as_what_they_answer() {
    for relation in [
        Relation::Thread,
        Relation::Reply,
        Relation::Reference,
        Relation::Annotation,
    ] {
        let answer = || message("ja").by(relation, Some(NFD));
        assert_eq!(answer().rule(), RELEASED, "{relation:?}");
        assert_eq!(
            answer().labelled(GRANTED).rule(),
            LABEL_LOWER_THAN_TARGET,
            "{relation:?}"
        );
        assert_eq!(
            message("ja")
                .by(relation, Some("GEHEIM"))
                .in_room(NFD)
                .rule(),
            "label.classification",
            "{relation:?}"
        );
    }
    let both = message("ja")
        .by(Relation::Thread, Some(GRANTED))
        .by(Relation::Reply, Some("GEHEIM"));
    assert_eq!(both.rule(), "label.classification");
    assert_eq!(both.judged().label_source, LabelSource::Target);
}

#[test]
fn mx_5_who_the_room_names_may_lower() {
    let lower = || message("freigegeben").labelled(GRANTED).to(Some("GEHEIM"));
    let lets = json!({"label": wire(NFD), "may_lower": ["@chief:high.test"]});
    assert_eq!(
        lower().in_room_of(lets.clone()).rule(),
        LABEL_LOWER_THAN_TARGET
    );
    let chief = || lower().from("@chief:high.test");
    assert_eq!(chief().in_room_of(lets.clone()).rule(), RELEASED);
    assert_eq!(chief().in_room(NFD).rule(), LABEL_LOWER_THAN_TARGET);
    let silent = message("x").to(Some("GEHEIM")).from("@chief:high.test");
    assert_eq!(
        silent.in_room_of(lets).rule(),
        "label.classification",
        "who may lower must say so"
    );
}

#[test]
fn mx_5_who_may_lower_need_not_relate_to_what_is_known() {
    let lets = json!({"label": wire(NFD), "may_lower": ["@chief:high.test"]});
    let lost = || message("freigegeben").lost().in_room_of(lets.clone());
    let chief = || lost().from("@chief:high.test");
    assert_eq!(chief().labelled(GRANTED).rule(), RELEASED);
    assert_eq!(lost().labelled(GRANTED).rule(), LABEL_TARGET_UNKNOWN);
    assert_eq!(chief().rule(), LABEL_TARGET_UNKNOWN, "no label of its own");
    let above = chief().labelled("GEHEIM").rule();
    assert_eq!(above, "label.classification");
}

#[test]
fn mx_5_an_event_that_is_not_known_denies_where_a_label_is_demanded() {
    assert_eq!(
        message("ja").labelled(GRANTED).lost().rule(),
        LABEL_TARGET_UNKNOWN
    );
    assert_eq!(
        message("ja")
            .labelled(GRANTED)
            .lost()
            .on("low->high")
            .rule(),
        RELEASED
    );
}

#[test]
fn a_label_that_is_none_is_denied_as_that_not_as_lower() {
    let unknown = message("x").labelled("SECRET SQUIRREL").to(Some(NFD));
    assert_eq!(unknown.rule(), LABEL_MALFORMED);
}

#[test]
fn mx_7_only_an_authority_of_the_link_lowers_a_rooms_label() {
    let lowering = |sender| {
        labelling(json!({"label": wire(GRANTED)}))
            .after(json!({"label": wire(NFD)}))
            .on("chief->low")
            .from(sender)
    };
    assert_eq!(lowering("@alice:high.test").rule(), LABEL_ROOM_LOWERED);
    assert_eq!(lowering("@chief:high.test").rule(), RELEASED);
    assert_eq!(lowering("@anybody:trusted.test").rule(), RELEASED);
    assert_eq!(
        lowering("@chief:high.test").on("high->low").rule(),
        LABEL_ROOM_LOWERED
    );
    let raised = labelling(json!({"label": wire(NFD)})).after(json!({"label": wire(GRANTED)}));
    assert_eq!(raised.rule(), RELEASED);
    assert_eq!(labelling(json!({"label": wire(GRANTED)})).rule(), RELEASED);
}

#[test]
fn mx_7_taking_the_label_away_or_widening_ceiling_and_rights_lowers_too() {
    let narrow = clearance("DE-SAMPLE", &["OFFEN"]);
    let wide = clearance("DE-SAMPLE", &["OFFEN", NFD]);
    let before = json!({"label": wire(GRANTED), "clearance": narrow});
    for (why, after) in [
        ("no label", json!({"clearance": narrow})),
        (
            "wider ceiling",
            json!({"label": wire(GRANTED), "clearance": wide}),
        ),
        ("no ceiling", json!({"label": wire(GRANTED)})),
        (
            "another policy",
            json!({"label": wire(GRANTED), "clearance": clearance("NATO", &["UNCLASSIFIED"])}),
        ),
        (
            "more who may lower",
            json!({"label": wire(GRANTED), "clearance": narrow, "may_lower": ["@alice:high.test"]}),
        ),
    ] {
        let rule = labelling(after)
            .after(before.clone())
            .in_room(GRANTED)
            .rule();
        assert_eq!(rule, LABEL_ROOM_LOWERED, "{why}");
    }
    for same in [
        before.clone(),
        json!({"label": wire(NFD), "clearance": narrow}),
        json!({"label": wire(GRANTED), "clearance": clearance("DE-SAMPLE", &["offen"])}),
    ] {
        assert_eq!(
            labelling(same.clone()).after(before.clone()).rule(),
            RELEASED,
            "{same}"
        );
    }
    let first = labelling(json!({"label": wire(GRANTED), "clearance": wide}));
    assert_eq!(first.after(json!({})).rule(), RELEASED);
    let added = labelling(json!({"label": wire(GRANTED), "clearance": wide}));
    assert_eq!(
        added.after(json!({"label": wire(GRANTED)})).rule(),
        LABEL_ROOM_LOWERED,
        "a ceiling above the label that was the ceiling"
    );
    let unlabelled = labelling(json!({"label": wire(GRANTED), "clearance": wide}));
    assert_eq!(unlabelled.after(json!({})).rule(), RELEASED);
}

#[test]
fn only_names_of_levels_are_out_of_sight_of_the_detectors_in_a_rooms_clearance() {
    let state = |levels: &[&str], key: &str| {
        labelling(json!({"label": wire(GRANTED), key: clearance("DE-SAMPLE", levels)})).rule()
    };
    assert_eq!(state(&["OFFEN", "GEHEIM"], "clearance"), RELEASED);
    assert_ne!(
        state(&["OFFEN", "GEHEIM", "NATO SECRET"], "clearance"),
        RELEASED
    );
    assert_eq!(state(&["OFFEN"], "note"), LABEL_MALFORMED);
}

#[test]
fn mx_4_an_edit_that_labels_its_new_content_is_held_to_that_label_too() {
    let edit = |inner: &str| {
        let new = json!({"body": "x", LABEL_KEY: wire(inner)});
        sent(
            "m.room.message",
            json!({"body": "* x", "m.new_content": new}),
        )
        .to(Some(NFD))
    };
    assert_eq!(edit(NFD).rule(), RELEASED);
    assert_eq!(edit(GRANTED).rule(), LABEL_LOWER_THAN_TARGET);
    assert_eq!(edit(GRANTED).labelled(NFD).rule(), LABEL_LOWER_THAN_TARGET);
    assert_eq!(edit("GEHEIM").labelled(NFD).rule(), "label.classification");
}

#[test]
fn every_step_of_a_decision_can_be_explained() {
    let sent = marked("[OFFEN] Lage")
        .labelled(NFD)
        .by(Relation::Reply, Some(GRANTED))
        .lost()
        .in_room(NFD)
        .on("marked->high");
    let link = LinkContext {
        name: "marked->high",
        from: "marked",
        to: "high",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let steps = |sent: &Sent| {
        explain_unit(bundle(), &link, &sent.unit(), at())
            .unwrap()
            .unwrap()
    };
    let lost = steps(&sent);
    let places: Vec<LabelSource> = lost.sources.iter().map(|step| step.source).collect();
    assert_eq!(
        places,
        [
            LabelSource::Event,
            LabelSource::Target,
            LabelSource::Target,
            LabelSource::Room,
            LabelSource::Marking,
            LabelSource::Link
        ]
    );
    assert!(lost.sources[2].problem.is_some() && lost.bearing.is_empty());
    assert_eq!(lost.decision.decision.rule, LABEL_TARGET_UNKNOWN);
    assert_eq!(lost.policy.verdict, Some("redact"));

    let plain = message("hello").labelled(NFD).on("marked->high");
    let plain = steps(&plain);
    assert_eq!(plain.bearing.len(), 1);
    let answer = &plain.bearing[0].clearances[0];
    assert!(answer.granted && plain.bearing[0].within_room);
    assert_eq!(plain.policy.rule, RELEASED);
    assert_eq!(plain.decision.decision.rule, RELEASED);
    let unknown = LinkContext {
        name: "low->far",
        ..link
    };
    assert!(
        explain_unit(bundle(), &unknown, &sent.unit(), at())
            .unwrap()
            .is_none()
    );
}

#[test]
fn the_rooms_own_label_state_is_not_held_against_the_rooms_ceiling() {
    let raised = labelling(json!({"label": wire(NFD)})).in_room(GRANTED);
    assert_eq!(raised.rule(), RELEASED);
    let odd = labelling(json!({"label": wire(NFD), "note": "x"}));
    assert_eq!(odd.rule(), LABEL_MALFORMED);
}

#[test]
fn mx_8_ciphertext_passes_by_its_own_label_alone() {
    let cipher = || sent("m.room.encrypted", json!({"ciphertext": "xyz"}));
    let sealed = || cipher().on("sealed->low");
    assert_eq!(sealed().labelled(NFD).rule(), RELEASED);
    assert_eq!(sealed().labelled(TOO_HIGH).rule(), "label.classification");
    assert_eq!(sealed().labelled(GRANTED).in_room(GRANTED).rule(), RELEASED);
    assert_eq!(
        sealed().labelled(GRANTED).in_room(TOO_HIGH).rule(),
        "label.classification"
    );
    assert_eq!(sealed().in_room(GRANTED).rule(), LABEL_MISSING);
    assert_eq!(sealed().to(Some(GRANTED)).rule(), LABEL_MISSING);
    assert_eq!(
        sealed().labelled(GRANTED).to(Some(NFD)).rule(),
        LABEL_LOWER_THAN_TARGET
    );
    assert_eq!(
        cipher().on("mute->low").in_room(GRANTED).rule(),
        LABEL_MISSING
    );
    assert_eq!(
        sealed().labelled(NFD).judged().encryption,
        EncryptionMode::LabelOnly
    );
    assert_eq!(
        cipher().labelled(NFD).judged().encryption,
        EncryptionMode::Refuse
    );
    assert_eq!(cipher().labelled(NFD).rule(), ENCRYPTION_REFUSED);
    assert_eq!(
        message("x").labelled(NFD).judged().encryption,
        EncryptionMode::Clear
    );
}

#[test]
fn mx_8_keys_of_ciphertext_pass_only_where_the_link_lists_them() {
    let keys = || sent("m.direct_to_device", json!({})).of_kind(Kind::Edu);
    assert_eq!(keys().rule(), ENCRYPTION_REFUSED);
    assert_eq!(
        keys().on("sealed->low").rule(),
        "rego.sluice.release.edu_allowed"
    );
    assert_eq!(
        keys().on("mute->low").judged().decision.rule,
        "rego.sluice.release.edu_not_allowed"
    );
}

#[test]
fn lb_8_zone_and_peer_must_both_grant_and_the_record_says_who_denied() {
    let parse =
        |levels: &[&str]| Clearance::parse(&clearance("DE-SAMPLE", levels).to_string()).unwrap();
    let (all, open) = (parse(&["OFFEN", NFD]), parse(&["OFFEN"]));
    let sent = message("hello").labelled(NFD);
    let judge = |zone, peer| {
        let link = LinkContext {
            name: "high->bare",
            from: "high",
            to: "bare",
            direction: Direction::Outbound,
            clearances: vec![
                LinkClearance {
                    of: ClearanceOf::Zone,
                    clearance: zone,
                },
                LinkClearance {
                    of: ClearanceOf::Peer,
                    clearance: peer,
                },
            ],
        };
        decide_units(bundle(), &link, &[sent.unit()], at())
            .unwrap()
            .remove(0)
    };
    assert_eq!(judge(&all, &all).decision.rule, RELEASED);
    let by_zone = judge(&open, &all);
    assert_eq!(by_zone.decision.rule, "label.classification");
    assert_eq!(by_zone.clearance.as_ref().unwrap().of, ClearanceOf::Zone);
    let by_peer = judge(&all, &open).clearance.unwrap();
    assert_eq!(by_peer.of, ClearanceOf::Peer);
    assert_eq!(by_peer.id, by_zone.clearance.unwrap().id);
    assert_eq!(by_peer.id.len(), 64);
}

#[test]
fn lb_7_a_decision_names_policy_version_hash_and_clearance() {
    let judged = message("hello").labelled(NFD).judged();
    let policy = judged.policy.unwrap();
    assert_eq!(
        (policy.oid.as_str(), policy.sha256.len()),
        ("2.25.999001", 64)
    );
    assert_eq!(
        policy.version,
        bundle().spifs.by_name("DE-SAMPLE").unwrap().version
    );
    let used = judged.clearance.unwrap();
    assert_eq!(used.of, ClearanceOf::Bundle);
    let held = bundle().link("high->low").unwrap().clearance.clone();
    assert_eq!(used.id, held.unwrap().sha256());
}

#[test]
fn lv_2_a_label_is_translated_for_the_decision_and_crosses_as_it_is() {
    let judged = message("hello").labelled(NFD).on("high->nato").judged();
    assert_eq!(judged.decision.rule, RELEASED);
    assert_eq!(judged.translated.unwrap().classification(), "RESTRICTED");
    assert_eq!(judged.label, Some(label(NFD)));
    assert_eq!(judged.policy.unwrap().oid, "1.3.26.1.3.1");
    let above = message("hello")
        .labelled(TOO_HIGH)
        .on("high->nato")
        .judged();
    assert_eq!(above.decision.rule, "label.classification");
    let unmapped = message("hello").labelled(GRANTED).on("high->nato");
    assert_eq!(unmapped.rule(), "label.translation");
}

#[test]
fn lb_10_a_set_is_granted_if_and_only_if_each_part_is() {
    let levels = [GRANTED, NFD, TOO_HIGH];
    for one in levels {
        for other in levels {
            let granted = |level| level != TOO_HIGH;
            let both = message("ja")
                .by(Relation::Thread, Some(one))
                .by(Relation::Reply, Some(other));
            let released = both.rule() == RELEASED;
            assert_eq!(
                released,
                granted(one) && granted(other),
                "{one} and {other}"
            );
        }
    }
}

#[test]
fn lb_11_an_old_label_with_an_obsolete_name_is_noted_only_where_there_is_one() {
    assert_eq!(message("x").labelled(NFD).judged().notes, [] as [&str; 0]);
}

#[test]
fn a_typed_marking_stands_where_no_other_label_is() {
    let judged = marked("[VS-NfD] Lage um 12").judged();
    assert_eq!(judged.decision.rule, RELEASED);
    assert_eq!(judged.label_source, LabelSource::Marking);
    assert_eq!(judged.label.unwrap().classification(), NFD);
    assert_eq!(
        marked("[STRENG GEHEIM] Lage").rule(),
        "label.classification"
    );
    assert_eq!(
        marked("(NATO RESTRICTED) Lage").judged().label_source,
        LabelSource::Marking
    );
    assert_eq!(marked("Lage um 12").rule(), LABEL_MISSING);
    assert_eq!(message("[VS-NfD] Lage").rule(), LABEL_MISSING);
}

#[test]
fn a_typed_marking_is_stronger_than_the_links_default() {
    let over = message("[OFFEN] Lage").on("marked->high").judged();
    assert_eq!(over.decision.rule, RELEASED);
    assert_eq!(over.label_source, LabelSource::Marking);
    assert_eq!(
        message("Lage").on("marked->high").rule(),
        "label.classification"
    );
}

#[test]
fn a_typed_marking_only_raises() {
    let higher = json!({"label": wire(GRANTED), "clearance": clearance("DE-SAMPLE", &["OFFEN", NFD, "GEHEIM"])});
    let raised = marked("[GEHEIM] Lage").in_room_of(higher);
    assert_eq!(raised.rule(), "label.classification");
    assert_eq!(raised.judged().label_source, LabelSource::Marking);
    let within = marked("[VS-NfD] Lage").in_room(GRANTED).judged();
    assert_eq!(within.decision.rule, RELEASED);
    assert_eq!(within.label_source, LabelSource::Marking);
    let ceiling = json!({"label": wire(GRANTED), "clearance": clearance("DE-SAMPLE", &["OFFEN"])});
    assert_eq!(
        marked("[VS-NfD] Lage").in_room_of(ceiling).rule(),
        LABEL_ABOVE_ROOM
    );

    let lower = marked("[OFFEN] Lage").in_room(NFD).judged();
    assert_eq!(lower.decision.rule, RELEASED);
    assert_eq!(lower.label_source, LabelSource::Room);
    assert_eq!(lower.notes, [LABEL_MARKING_LOWER]);
    let kept = marked("[OFFEN] Lage").by(Relation::Thread, Some("GEHEIM"));
    assert_eq!(kept.rule(), "label.classification");
    assert_eq!(kept.judged().notes, [LABEL_MARKING_LOWER]);
    let own = marked("[OFFEN] Lage").labelled(NFD).judged();
    assert_eq!(own.notes, [LABEL_MARKING_LOWER]);
    let same = marked("[VS-NfD] Lage").in_room(NFD).judged();
    assert_eq!(same.label_source, LabelSource::Room);
    assert_eq!(same.notes, [] as [&str; 0]);
    let elsewhere = marked("(NATO RESTRICTED) Lage").in_room(NFD).judged();
    assert_eq!(elsewhere.decision.rule, RELEASED);
}

#[test]
fn a_marking_that_is_none_is_denied() {
    let trap = marked("[GEH\u{415}IM] Lage").in_room(GRANTED);
    assert_eq!(trap.rule(), LABEL_MARKING_INVALID);
    assert!(!trap.judged().reason.unwrap().contains('\u{415}'));
    // Where the link takes no typed markings it is text, and the detectors see through the look-alike.
    assert_eq!(
        message("[GEH\u{415}IM] Lage").in_room(GRANTED).rule(),
        "dlp.marking.geheim"
    );
}

#[test]
fn the_policy_sees_labels_clearances_and_the_decision() {
    let sent = marked("[OFFEN] Lage")
        .in_room_of(json!({"label": wire(NFD), "clearance": clearance("DE-SAMPLE", &[NFD])}));
    let link = LinkContext {
        name: "marked->low",
        from: "marked",
        to: "low",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let scene = Scene::under(bundle(), &link, bundle().link("marked->low").unwrap(), at());
    let unit = sent.unit();
    let facts = facts(&scene, &unit, &scene.look(&unit));
    assert_eq!(facts["label"]["label"], wire(NFD));
    assert_eq!(facts["label"]["source"], "room");
    assert_eq!(facts["label"]["translated"], serde_json::Value::Null);
    assert_eq!(facts["label"]["notes"], json!([LABEL_MARKING_LOWER]));
    assert_eq!(facts["label"]["granted"], true);
    assert_eq!(facts["room"]["label"], wire(NFD));
    assert_eq!(facts["room"]["clearance"], clearance("DE-SAMPLE", &[NFD]));
    assert_eq!(
        facts["link"]["clearances"],
        json!([{"of": "bundle", "clearance": clearance("DE-SAMPLE", &["OFFEN", NFD])}])
    );
}

#[test]
fn a_policy_that_releases_everything_releases_nothing_that_the_label_denies() {
    let sent = message("hello").labelled(TOO_HIGH);
    let link = LinkContext {
        name: "high->low",
        from: "high",
        to: "low",
        direction: Direction::Outbound,
        clearances: Vec::new(),
    };
    let scene = Scene::under(bundle(), &link, bundle().link("high->low").unwrap(), at());
    let unit = sent.unit();
    let release = || Ok(Decision::new(Verdict::Release, "rego.lax.everything"));
    let denied = scene.conclude(&unit, scene.look(&unit), release());
    assert_eq!(
        denied.decision,
        Decision::new(Verdict::Redact, "label.classification")
    );
    let granted = message("hello").labelled(GRANTED);
    let unit = granted.unit();
    let stricter = Ok(Decision::new(Verdict::Redact, "rego.strict.nothing"));
    let concluded = scene.conclude(&unit, scene.look(&unit), stricter);
    assert_eq!(concluded.decision.rule, "rego.strict.nothing");
}
