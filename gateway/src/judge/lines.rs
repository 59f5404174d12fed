//! The audit lines of a judgement: ids, names, counts; never content.

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::decide::{self, PolicyUsed, UnitDecision};
use sluice_policy::facts::{EncryptionMode as Encryption, LabelSource as Source};
use sluice_policy::label::{Label, RoomLabel};
use sluice_policy::pdu::{Integrity, Relation, RoomVersion};
use sluice_policy::verdict::Verdict;

use super::{Ruling, Scene, facts, found};
use crate::audit::entry::{
    EncryptionMode, Entry, EventEntry, LabelEntry, LabelSource, LabelSummary, RoomEntry,
    SpifSummary, Text, WaterEntry,
};
use crate::collect::{Condemned, PduCase, Target};
use crate::rooms::{labelled, remembered, truthful};
use crate::route::{Op, UnitKind};

/// The line of a judged event.
pub(super) fn event(
    scene: &Scene<'_>,
    index: u32,
    case: &PduCase,
    decision: Option<&UnitDecision>,
    ruling: &Ruling,
) -> Entry {
    let pdu = &case.pdu;
    Entry::Event(EventEntry {
        event_id: Some(pdu.event_id().into()),
        index: Some(index),
        room_id: Some(pdu.room_id().into()),
        event_type: Some(shown(decision, "/event/type", pdu.kind())),
        sender: Some(shown(decision, "/event/sender", pdu.sender())),
        verdict: ruling.verdict,
        rule: ruling.rule.as_str().into(),
        reason: ruling.reason.map(Into::into),
        label: decision
            .and_then(|decision| decision.label.as_ref())
            .and_then(|label| label_summary(scene, label)),
        clearance: decision
            .and_then(|decision| decision.clearance.as_ref())
            .map(|clearance| clearance.id.as_str().into()),
        clearance_of: decision
            .and_then(|decision| decision.clearance.as_ref())
            .map(|clearance| clearance.of.as_str().into()),
        translated: decision
            .and_then(|decision| decision.translated.as_ref())
            .and_then(|label| label_summary(scene, label)),
        spif: decision
            .and_then(|decision| decision.policy.as_ref())
            .map(spif_summary),
        notes: decision
            .map(|decision| {
                decision
                    .notes
                    .iter()
                    .map(|note| Text::from(*note))
                    .collect()
            })
            .unwrap_or_default(),
        label_source: decision.map_or(LabelSource::None, |decision| {
            label_source(decision.label_source)
        }),
        findings: decision
            .map(|decision| found::summaries(&decision.findings, &decision.decision.rule))
            .unwrap_or_default(),
        encryption: decision.map_or(EncryptionMode::Clear, |decision| {
            encryption(decision.encryption)
        }),
        redacted_before: case.integrity == Integrity::Redacted,
        sticky: ruling.sticky,
        remember: ruling.remember && case.integrity == Integrity::Whole,
        ..heading(scene)
    })
}

/// A type or sender as it is; only its hash where a detector saw something in it, because then it is content.
pub(super) fn shown(decision: Option<&UnitDecision>, field: &str, text: &str) -> Text {
    let found = decision.is_some_and(|decision| {
        decision
            .findings
            .iter()
            .any(|finding| finding.field == field)
    });
    if found {
        format!("sha256:{}", crate::run::sha256_hex(text.as_bytes())).into()
    } else {
        text.into()
    }
}

/// The line of a unit that the protocol condemned.
pub(super) fn condemned(scene: &Scene<'_>, index: u32, condemned: &Condemned) -> Entry {
    Entry::Event(EventEntry {
        event_id: condemned.event_id.as_deref().map(Into::into),
        index: Some(index),
        room_id: condemned.room_id.as_deref().map(Into::into),
        verdict: Verdict::Drop,
        rule: condemned.rule.as_str().into(),
        ..heading(scene)
    })
}

/// The line of a unit without an event's shape that is denied, or in which detectors saw something.
pub(super) fn plain(
    scene: &Scene<'_>,
    kind: UnitKind,
    index: u32,
    tree: &CanonicalJsonObject,
    (rule, decision): (&str, Option<&UnitDecision>),
) -> Entry {
    let released = decision.is_some_and(|unit| unit.decision.verdict == Verdict::Release);
    let event_type = shown(
        decision,
        "/event/type",
        type_of(tree).unwrap_or(kind.as_str()),
    );
    Entry::Event(EventEntry {
        index: Some(index),
        room_id: scene.exchange.route.room_id().map(Into::into),
        event_type: Some(event_type),
        verdict: if released {
            Verdict::Release
        } else {
            Verdict::Drop
        },
        rule: rule.into(),
        findings: decision
            .map(|unit| found::summaries(&unit.findings, rule))
            .unwrap_or_default(),
        ..heading(scene)
    })
}

/// The line of a room version that an invite or a template announced.
pub(super) fn announced(room_id: &str, version: RoomVersion) -> Entry {
    let version = Some(version.as_str().into());
    Entry::Room(RoomEntry {
        room_id: room_id.into(),
        version,
        ..RoomEntry::default()
    })
}

/// What a released event teaches about its room, and what is remembered of its label.
pub(super) fn learned(
    scene: &Scene<'_>,
    case: &PduCase,
    decision: Option<&UnitDecision>,
    ruling: &Ruling,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    if ruling.verdict == Verdict::Drop {
        return entries;
    }
    let pdu = &case.pdu;
    let room_id = || Text::from(pdu.room_id());
    entries.extend(case.newcomer.as_deref().map(|server| {
        Entry::Room(RoomEntry {
            room_id: room_id(),
            servers: vec![server.into()],
            ..RoomEntry::default()
        })
    }));
    if case.integrity != Integrity::Whole {
        return entries;
    }
    if pdu.kind() == "m.room.create" {
        let (version, creator) = (
            Some(pdu.version().as_str().into()),
            Some(pdu.sender().into()),
        );
        entries.push(Entry::Room(RoomEntry {
            room_id: room_id(),
            version,
            creator,
            ..RoomEntry::default()
        }));
    }
    // A peer's word alone would keep others out of a room of ours; our homeserver's is asked for with the next state.
    let is_shown =
        scene.exchange.outbound(scene.way) || scene.exchange.route.endpoint.op != Op::Send;
    if pdu.kind() == "m.room.encryption" && pdu.state_key() == Some("") && is_shown {
        entries.push(Entry::Room(RoomEntry {
            room_id: room_id(),
            encrypted: true,
            ..RoomEntry::default()
        }));
    }
    if case.pdu.is_label_state() && !is_refused_lowering(case, decision, ruling) {
        entries.extend(room_label(scene, case, ruling));
    }
    // An earlier denial decided alone: nothing new was learned of the label.
    let Some(decision) = decision else {
        return entries;
    };
    let Some(policy) = scene.bundle.link(scene.link.name) else {
        return entries;
    };
    let unknown = |(_, target): &(Relation, Target)| *target == Target::Unknown;
    // What hangs on an event that is not known yet may have another label tomorrow.
    if policy.demands_labels() && !case.targets.iter().any(unknown) {
        let unit = facts::event(case);
        let found = decide::effective_label(scene.bundle, &scene.link, &unit, scene.at);
        entries.push(Entry::Label(LabelEntry {
            event_id: pdu.event_id().into(),
            room_id: Some(room_id()),
            link: found.by_link.then(|| scene.link.name.into()),
            seen: scene.link.name.into(),
            label: remembered(scene.bundle, Ok(found.label), scene.at),
        }));
    }
    entries.extend(
        policy
            .high_water
            .and_then(|_| water(scene, case, decision, ruling)),
    );
    entries
}

/// A lowering that was refused changes nothing here, whichever rule was the most restrictive: what the room said before
/// goes on to be held against it.
fn is_refused_lowering(case: &PduCase, decision: Option<&UnitDecision>, ruling: &Ruling) -> bool {
    let label_rule = decision.and_then(|decision| decision.label_rule.as_deref());
    case.lowering_refused
        || ruling.rule == decide::LABEL_ROOM_LOWERED
        || label_rule == Some(decide::LABEL_ROOM_LOWERED)
}

/// What counts for the room's high-water mark: the label of an event that crosses, without its dates.
fn water(
    scene: &Scene<'_>,
    case: &PduCase,
    decision: &UnitDecision,
    ruling: &Ruling,
) -> Option<Entry> {
    // What waits counts already: it will cross behind what is judged meanwhile.
    let crosses = matches!(ruling.verdict, Verdict::Release | Verdict::Hold);
    let label = weighed(decision).filter(|_| crosses)?;
    let label = remembered(scene.bundle, Ok(Some(label.timeless())), scene.at)?;
    Some(Entry::Water(WaterEntry {
        link: scene.link.name.into(),
        room_id: case.pdu.room_id().into(),
        event_id: case.pdu.event_id().into(),
        label,
    }))
}

/// The label that counts for a high-water mark, in the words of the link's policy.
pub(super) fn weighed(decision: &UnitDecision) -> Option<&Label> {
    decision.translated.as_ref().or(decision.label.as_ref())
}

/// What an event that labels a room teaches. Our homeserver sends, and gives to those who join, only what it has accepted
/// as the room's state, so its word is kept whatever the link makes of it, unless it lowers and its sender may not do so on
/// every link. A peer's word is not kept: our homeserver is asked when the label is next needed.
///
/// An event that was denied before was looked at then. It is not the room's newest word because it comes again.
fn room_label(scene: &Scene<'_>, case: &PduCase, ruling: &Ruling) -> Option<Entry> {
    let op = scene.exchange.route.endpoint.op;
    // Between two homeservers of our zone neither is the only one that knows.
    let ours = scene.exchange.outbound(scene.way) && !scene.exchange.is_own_zone();
    let current = matches!(op, Op::Send | Op::SendJoin) && !(ours && ruling.sticky);
    let entry = RoomEntry {
        room_id: case.pdu.room_id().into(),
        label_unknown: !ours,
        ..RoomEntry::default()
    };
    if !ours {
        return current.then_some(Entry::Room(entry));
    }
    let said = truthful(
        scene.bundle,
        RoomLabel::from_content(case.pdu.content()),
        scene.at,
    );
    let before = case.room.as_ref().filter(|room| !room.is_nobodys());
    let stands = before.is_none_or(|before| {
        let (link, sender) = (&scene.link, Some(case.pdu.sender()));
        decide::may_replace(
            scene.bundle,
            link,
            &scene.links,
            (before, &said),
            sender,
            scene.at,
        )
    });
    (current && stands).then(|| Entry::Room(labelled(entry, &said)))
}

fn heading(scene: &Scene<'_>) -> EventEntry {
    EventEntry {
        request: scene.exchange.reference.as_str().into(),
        link: scene.link.name.into(),
        bundle: scene.bundle.id.as_str().into(),
        ..EventEntry::default()
    }
}

/// The `type` of something with an event's shape.
pub(super) fn type_of(tree: &CanonicalJsonObject) -> Option<&str> {
    match tree.get("type") {
        Some(CanonicalJsonValue::String(kind)) => Some(kind),
        _ => None,
    }
}

fn encryption(mode: Encryption) -> EncryptionMode {
    match mode {
        Encryption::Clear => EncryptionMode::Clear,
        Encryption::Refuse => EncryptionMode::Refuse,
        Encryption::LabelOnly => EncryptionMode::LabelOnly,
    }
}

fn label_source(source: Source) -> LabelSource {
    match source {
        Source::Event => LabelSource::Event,
        Source::Thread => LabelSource::Thread,
        Source::Target => LabelSource::Target,
        Source::Room => LabelSource::Room,
        Source::Link => LabelSource::Link,
        Source::Marking => LabelSource::Marking,
        Source::None => LabelSource::None,
    }
}

/// The label by its hash, and by name only what a loaded policy names.
fn label_summary(scene: &Scene<'_>, label: &Label) -> Option<LabelSummary> {
    let spifs = &scene.bundle.spifs;
    let level = spifs.classification(label);
    let policy = spifs
        .by_name(&label.policy().name)
        .filter(|_| level.is_some());
    Some(LabelSummary {
        sha256: label.sha256().into(),
        policy: policy.map(|spif| spif.oid.as_str().into()),
        classification: level.map(|level| level.name.as_str().into()),
    })
}

fn spif_summary(policy: &PolicyUsed) -> SpifSummary {
    SpifSummary {
        oid: policy.oid.as_str().into(),
        version: policy.version.as_str().into(),
        sha256: policy.sha256.as_str().into(),
    }
}
