//! The audit lines of a judgement: ids, names, counts; never content.

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::decide::UnitDecision;
use sluice_policy::dlp::Finding;
use sluice_policy::facts::LabelSource as Source;
use sluice_policy::label::Label;
use sluice_policy::link::LinkPolicy;
use sluice_policy::pdu::{Integrity, RoomVersion};
use sluice_policy::verdict::{Decision, Verdict};

use super::{Ruling, Scene};
use crate::audit::entry::{
    EncryptionMode, Entry, EventEntry, FindingSummary, LabelEntry, LabelSource, LabelSummary,
    RoomEntry, Text,
};
use crate::collect::{Condemned, PduCase};
use crate::rooms::remembered;
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
        label: decision.and_then(|decision| label_summary(scene, decision)),
        clearance: decision
            .and_then(|decision| decision.label.as_ref())
            .and_then(|_| clearance_id(scene)),
        label_source: decision.map_or(LabelSource::None, |decision| {
            label_source(decision.label_source)
        }),
        findings: decision
            .map(|decision| summarise(&decision.findings))
            .unwrap_or_default(),
        encryption: if pdu.kind() == "m.room.encrypted" {
            EncryptionMode::Refuse
        } else {
            EncryptionMode::Clear
        },
        redacted_before: case.integrity == Integrity::Redacted,
        sticky: ruling.sticky,
        remember: ruling.remember && case.integrity == Integrity::Whole,
        ..heading(scene)
    })
}

/// A type or sender as it is; only its hash where a detector saw something in it, because then it is content.
fn shown(decision: Option<&UnitDecision>, field: &str, text: &str) -> Text {
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

/// The line of a denied unit without an event's shape.
pub(super) fn plain(
    scene: &Scene<'_>,
    kind: UnitKind,
    index: u32,
    tree: &CanonicalJsonObject,
    decision: &Decision,
) -> Entry {
    let event_type = type_of(tree).unwrap_or(kind.as_str());
    Entry::Event(EventEntry {
        index: Some(index),
        room_id: scene.exchange.route.room_id().map(Into::into),
        event_type: Some(event_type.into()),
        verdict: Verdict::Drop,
        rule: decision.rule.as_str().into(),
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
    if case.integrity != Integrity::Whole || ruling.verdict == Verdict::Drop {
        return entries;
    }
    let pdu = &case.pdu;
    let room_id = || Text::from(pdu.room_id());
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
    if case.pdu.is_label_state() {
        entries.extend(room_label(scene, case));
    }
    // An earlier denial decided alone: nothing new was learned of the label.
    let Some(decision) = decision else {
        return entries;
    };
    if scene
        .bundle
        .link(scene.link.name)
        .is_some_and(LinkPolicy::demands_labels)
    {
        let own = Label::from_content(pdu.content());
        let label = match own {
            Ok(None) => Ok(decision.label.clone()),
            own => own,
        };
        entries.push(Entry::Label(LabelEntry {
            event_id: pdu.event_id().into(),
            label: remembered(scene.bundle, label, scene.at),
        }));
    }
    entries
}

/// What an event that labels a room teaches. Our homeserver sends, and gives to those who join, only what it has accepted
/// as the room's state, so its word is kept whatever the link makes of it. A peer's word is not: what was known is
/// forgotten, and our homeserver is asked when the label is next needed.
fn room_label(scene: &Scene<'_>, case: &PduCase) -> Option<Entry> {
    let op = scene.exchange.route.endpoint.op;
    let current = matches!(op, Op::Send | Op::SendJoin);
    let ours = scene.exchange.outbound(scene.way);
    let label = Label::from_room_state(case.pdu.content());
    current.then(|| {
        Entry::Room(RoomEntry {
            room_id: case.pdu.room_id().into(),
            label: ours.then(|| remembered(scene.bundle, label, scene.at)),
            label_unknown: !ours,
            ..RoomEntry::default()
        })
    })
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

fn summarise(findings: &[Finding]) -> Vec<FindingSummary> {
    let mut summaries: Vec<FindingSummary> = Vec::new();
    for finding in findings {
        let strength = finding.strength.as_str();
        let same = |summary: &&mut FindingSummary| {
            summary.detector == finding.detector.as_str() && summary.strength == strength
        };
        match summaries.iter_mut().find(same) {
            Some(summary) => summary.count += 1,
            None => summaries.push(FindingSummary {
                detector: finding.detector.as_str().into(),
                strength: strength.into(),
                count: 1,
            }),
        }
    }
    summaries
}

fn label_source(source: Source) -> LabelSource {
    match source {
        Source::Event => LabelSource::Event,
        Source::Target => LabelSource::Target,
        Source::Room => LabelSource::Room,
        Source::None => LabelSource::None,
    }
}

/// The label by its hash, and by name only what a loaded policy names.
fn label_summary(scene: &Scene<'_>, decision: &UnitDecision) -> Option<LabelSummary> {
    let label = decision.label.as_ref()?;
    let spifs = &scene.bundle.spifs;
    let level = spifs.classification(label);
    let policy = spifs
        .by_name(&label.policy().name)
        .filter(|_| level.is_some());
    Some(LabelSummary {
        sha256: crate::run::sha256_hex(label.to_json().to_string().as_bytes()).into(),
        policy: policy.map(|spif| spif.oid.as_str().into()),
        classification: level.map(|level| level.name.as_str().into()),
    })
}

/// The clearance of the peer's record that a label was held against, by its hash.
fn clearance_id(scene: &Scene<'_>) -> Option<Text> {
    let clearance = serde_json::to_vec(scene.link.clearances.first()?).ok()?;
    Some(crate::run::sha256_hex(&clearance).into())
}
