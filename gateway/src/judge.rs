//! Stage `judge`: the one function that decides, for requests and answers alike.
//!
//! ```text
//! Collected ──> decide (label, DLP, policy) ──> per unit: sticky? redacted already? never redacted? ──> Judged
//! ```
//!
//! [`Judged`] has private fields and no other constructor than [`judge`]; `record` makes it durable and gives
//! `Cleared`, the only value from which the far side's bytes are written. So nothing crosses that was not judged.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::CanonicalJsonObject;
use sluice_policy::bundle::Bundle;
use sluice_policy::decide::{self, LinkContext, UnitDecision, UnitFacts};
use sluice_policy::dlp::Part;
use sluice_policy::edu::Edu;
use sluice_policy::engine::EngineError;
use sluice_policy::label::Label;
use sluice_policy::pdu::Integrity;
use sluice_policy::verdict::{Decision, Verdict};
use time::OffsetDateTime;

use crate::audit::entry::{AlarmEntry, ClosedEntry, EduEntry, Entry};
use crate::collect::{
    Case, Collected, Condemned, EduCase, ListedRoom, Material, PduCase, Returned,
};
use crate::exchange::{Exchange, Way};
use crate::gateway::Active;
use crate::hold::{Candidate, HELD, Presented};
use crate::refusal::Refusal;
use crate::route::UnitKind;
use crate::wait::Later;
use crate::window::{Speaker, Visit};

mod facts;
mod found;
mod heard;
mod held;
mod lines;
mod ruling;
mod thirds;
mod whole;

pub(crate) use facts::event as event_facts;
use ruling::Ruling;

/// What the judgement of one body depends on, beside the body.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The request or answer.
    pub exchange: &'a Exchange,
    /// Which of the two.
    pub way: Way,
    /// The active policy.
    pub bundle: &'a Bundle,
    /// The link, with what it is cleared for.
    pub link: LinkContext<'a>,
    /// Every link of this gateway: what is known of a room counts on all of them.
    pub links: Vec<String>,
    /// The configuration and peers, for whose servers are whose.
    pub active: &'a Active,
    /// The link to us from the zone of each third server's user who sent something; `None` where that link is closed.
    pub thirds: BTreeMap<&'a str, Option<LinkContext<'a>>>,
    /// Whether encrypted rooms are not entered across the border.
    pub refuses_encryption: bool,
    /// The moment of the decision, for validity periods.
    pub at: OffsetDateTime,
    /// How long an event may wait for checks, in milliseconds.
    pub wait_ms: i64,
}

/// A judged body. Only [`judge`] makes it.
#[derive(Debug)]
pub struct Judged {
    fields: CanonicalJsonObject,
    outcomes: Vec<Outcome>,
    entries: Vec<Entry>,
    refusal: Option<Refusal>,
    spoken: Spoken,
    reviews: Reviews,
}

/// What people have to do with a judged body.
#[derive(Debug, Default)]
pub(super) struct Reviews {
    /// What should wait for a reviewer.
    pub(super) candidates: Vec<Candidate>,
    /// What is acknowledged and sent later.
    pub(super) laters: Vec<Later>,
    /// Tickets that nobody else may use until the spent ones are recorded.
    pub(super) presented: Vec<Presented>,
}

/// What was said in a judged body.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    /// What crosses, to be kept for the messages that follow.
    pub(super) released: Vec<(Speaker, Part)>,
    /// Keeps what is judged here in the sight of others until it is kept.
    pub(super) visit: Option<Visit>,
}

/// What became of one unit.
#[derive(Debug)]
pub struct Outcome {
    /// What it is.
    pub kind: UnitKind,
    /// The table's path of it.
    pub pattern: &'static str,
    /// The event id, where it is an event that has one.
    pub event_id: Option<String>,
    /// The verdict after all of protocol, label, DLP and policy.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: String,
    /// What may cross: the unit, its redacted form, or nothing.
    pub tree: Option<CanonicalJsonObject>,
}

impl Judged {
    /// What became of each unit.
    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// What `record` is given in its own tests.
    #[cfg(test)]
    pub(crate) fn of(entries: Vec<Entry>, spoken: Spoken, reviews: Reviews) -> Self {
        Self {
            fields: CanonicalJsonObject::new(),
            outcomes: Vec::new(),
            entries,
            refusal: None,
            spoken,
            reviews,
        }
    }

    /// Takes it apart for `record`, which alone may do so.
    pub(super) fn into_parts(
        self,
    ) -> (
        CanonicalJsonObject,
        Vec<Outcome>,
        Vec<Entry>,
        Option<Refusal>,
        Spoken,
        Reviews,
    ) {
        (
            self.fields,
            self.outcomes,
            self.entries,
            self.refusal,
            self.spoken,
            self.reviews,
        )
    }
}

/// Judges every unit of a body.
///
/// # Errors
/// [`EngineError`] where the policy cannot run at all: a failure of the gateway, no verdict.
pub fn judge(scene: &Scene<'_>, collected: Collected) -> Result<Judged, EngineError> {
    let mut decisions = decide_all(scene, &collected)?;
    thirds::decide(scene, &collected, &mut decisions)?;
    let mut bench = Bench {
        scene,
        queued: collected.queued,
        entries: Vec::new(),
        refusal: None,
        closed: BTreeSet::new(),
        water: collected.water,
        released: Vec::new(),
        reviews: Reviews::default(),
    };
    let outcomes: Vec<Outcome> = collected
        .cases
        .into_iter()
        .enumerate()
        .map(|(at, case)| bench.outcome(case, decisions.get(&at)))
        .collect();
    bench.refuse_an_encrypted_room(collected.encrypted);
    bench.refuse_what_lost_its_only_unit(&outcomes);
    bench.refuse_without_its_event(&outcomes);
    bench.refuse_a_room_with_strangers(&collected.fields);
    bench.refuse_omitted_members(&collected.fields);
    if let (Some((room_id, version)), None) = (collected.announced, &bench.refusal) {
        bench.entries.push(lines::announced(&room_id, version));
    }
    Ok(Judged {
        fields: collected.fields,
        outcomes,
        entries: bench.entries,
        refusal: bench.refusal,
        spoken: Spoken {
            released: bench.released,
            visit: collected.visit,
        },
        reviews: bench.reviews,
    })
}

/// Label, DLP and policy decide on every unit that the protocol leaves open, in one call.
fn decide_all(
    scene: &Scene<'_>,
    collected: &Collected,
) -> Result<BTreeMap<usize, UnitDecision>, EngineError> {
    if scene.exchange.is_own_zone() {
        return Ok(within_the_zone(collected));
    }
    let room_id = scene.exchange.route.room_id();
    let heard = heard::all(collected);
    let open: Vec<(usize, UnitFacts<'_>)> = collected
        .cases
        .iter()
        .enumerate()
        .filter_map(|(at, case)| Some((at, facts::of(room_id, case, collected, heard.get(&at))?)))
        .collect();
    let (places, units): (Vec<usize>, Vec<UnitFacts<'_>>) = open.into_iter().unzip();
    if units.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut decisions = decide::decide_units(scene.bundle, &scene.link, &units, scene.at)?;
    for ((place, unit), decision) in places.iter().zip(&units).zip(&mut decisions) {
        if let Some(waived) = held::by_ticket(scene, &collected.cases[*place], unit, decision)? {
            *decision = waived;
        }
        held::note_waiting(scene, &collected.cases[*place], unit, decision)?;
    }
    Ok(places.into_iter().zip(decisions).collect())
}

/// Between two homeservers of our zone the protocol alone decides. Events are ruled on without any decision.
fn within_the_zone(collected: &Collected) -> BTreeMap<usize, UnitDecision> {
    let cases = collected.cases.iter().enumerate();
    let others = cases.filter(|(_, case)| !matches!(case.material, Ok(Material::Pdu(_))));
    let released = || UnitDecision::by_protocol(Decision::new(Verdict::Release, OWN_ZONE));
    others.map(|(at, _)| (at, released())).collect()
}

/// The rule of what crosses between two homeservers of our own zone.
const OWN_ZONE: &str = "protocol.own_zone";
/// The rule of an event of our own zone that comes back as it was sent.
const OWN_EVENT: &str = "protocol.own_event";
/// The rule of an event of our own zone that came back without its content, and has it again.
const RESTORED: &str = "protocol.own_event_restored";
/// The rule of a unit that nothing decided: it does not cross.
const UNDECIDED: &str = "protocol.undecided";
/// Different labels that a room's high-water mark is made of; with more of them the room freezes.
const WATER_LABELS: usize = 64;
/// The rule of what hangs on a room's label that is not known: a peer's word about it where our homeserver was asked enough
/// for one body, and an EDU that leaves.
const ROOM_UNKNOWN: &str = "label.room_unknown";
/// The rule of an event that would raise what crossed of its room above the link's clearance.
const HIGH_WATER: &str = "label.high_water";
/// The label rule of a unit whose label every clearance grants.
const GRANTED: &str = "label.granted";
/// The rule of a copy whose content its hash does not fit.
const HASH: &str = "protocol.hash";
/// The rule of a unit whose room is closed on the link.
const ROOM_CLOSED: &str = "protocol.room_closed";
/// The present state in the answer to a join; what stands in its auth chain alone may be long past.
const JOINED_STATE: &str = "/state/*";

/// The state of one judgement: what was written down, and which rooms it closed.
struct Bench<'a> {
    scene: &'a Scene<'a>,
    entries: Vec<Entry>,
    refusal: Option<Refusal>,
    closed: BTreeSet<String>,
    /// Labels of what crossed lately, this judgement's own with them, by room, where the link keeps a high-water mark.
    water: BTreeMap<String, Vec<Label>>,
    /// Rooms in which something waits that nothing may overtake.
    queued: BTreeSet<String>,
    /// What was said in events that cross.
    released: Vec<(Speaker, Part)>,
    reviews: Reviews,
}

impl Bench<'_> {
    fn outcome(&mut self, case: Case, decision: Option<&UnitDecision>) -> Outcome {
        let Case {
            kind,
            pattern,
            index,
            material,
        } = case;
        let blank = Outcome {
            kind,
            pattern,
            event_id: None,
            verdict: Verdict::Drop,
            rule: String::new(),
            tree: None,
        };
        match material {
            Err(condemned) => self.condemned(blank, index, condemned),
            Ok(Material::Pdu(case)) => self.pdu(blank, index, *case, decision),
            Ok(Material::Edu(edu)) => self.edu(blank, index, edu, decision),
            Ok(Material::Plain(tree)) => self.plain(blank, index, tree, decision),
            Ok(Material::Listed(listed)) => {
                let ListedRoom { tree, .. } = *listed;
                self.plain(blank, index, tree, decision)
            }
        }
    }

    /// A broken unit crosses nowhere; a copy that lies about an event's content raises an alarm and is not remembered.
    fn condemned(&mut self, mut outcome: Outcome, index: u32, condemned: Condemned) -> Outcome {
        if matches!(condemned.rule.as_str(), HASH | "protocol.signature") {
            let room_id = condemned.room_id.as_deref();
            self.alarm(&condemned.rule, condemned.event_id.as_deref(), room_id);
        }
        if condemned.stranger && outcome.pattern == JOINED_STATE {
            self.refuse(&condemned.rule);
        }
        self.entries.push(match outcome.kind {
            UnitKind::Edu => Entry::Edu(self.edu_line(None, index, &condemned.rule)),
            _ => lines::condemned(self.scene, index, &condemned),
        });
        outcome.event_id = condemned.event_id;
        outcome.rule = condemned.rule;
        outcome
    }

    fn pdu(
        &mut self,
        outcome: Outcome,
        index: u32,
        mut case: PduCase,
        decision: Option<&UnitDecision>,
    ) -> Outcome {
        let presented = case.ticket.take();
        let case = &case;
        let ruling =
            self.below_the_mark(case, decision, self.ruling(outcome.pattern, case, decision));
        let ruling = ruling.waiting_for_checks();
        let (event_id, room_id) = (Some(case.pdu.event_id()), Some(case.pdu.room_id()));
        let link = &self.scene.link;
        if case.returned == Some(Returned::Tampered) {
            self.alarm(HASH, event_id, room_id);
        }
        if ruling.reason == Some(HELD) {
            let place = self.entries.len();
            let candidate =
                decision.map(|decision| held::candidate(self.scene, case, decision, place));
            self.reviews.candidates.extend(candidate);
        }
        self.entries
            .push(lines::event(self.scene, index, case, decision, &ruling));
        if let Some(presented) = presented.filter(|_| held::crosses_by_ticket(decision, &ruling)) {
            self.entries
                .extend(held::spent(self.scene, case, &presented));
            self.reviews.presented.push(presented);
        }
        self.entries
            .extend(lines::learned(self.scene, case, decision, &ruling));
        if ruling.closes {
            self.closed.insert(case.pdu.room_id().to_owned());
            self.alarm(ROOM_CLOSED, event_id, room_id);
            self.entries.push(Entry::Closed(ClosedEntry {
                link: link.name.into(),
                room_id: case.pdu.room_id().into(),
                rule: ruling.rule.as_str().into(),
                ..ClosedEntry::default()
            }));
            self.refuse_closed_room(&ruling.rule);
        }
        let tree = match ruling.verdict {
            Verdict::Release if case.integrity == Integrity::Whole => {
                self.released.extend(case.said.clone());
                Some(case.pdu.outgoing())
            }
            Verdict::Release | Verdict::Redact => Some(case.pdu.redacted()),
            // Its own transaction brings it, in whichever form.
            Verdict::Hold => {
                self.released.extend(case.said.clone());
                None
            }
            Verdict::Drop => None,
        };
        let tree = self.in_line(case, decision, &ruling, tree);
        Outcome {
            event_id: Some(case.pdu.event_id().to_owned()),
            verdict: ruling.verdict,
            rule: ruling.rule,
            tree,
            ..outcome
        }
    }

    /// What crosses at once: nothing that waits, and nothing behind it in its room.
    fn in_line(
        &mut self,
        case: &PduCase,
        decision: Option<&UnitDecision>,
        ruling: &Ruling,
        tree: Option<CanonicalJsonObject>,
    ) -> Option<CanonicalJsonObject> {
        let room = case.pdu.room_id();
        let behind = tree.is_some() && self.queued.contains(room);
        if !held::is_sent(self.scene) || !(ruling.waits || behind) {
            return tree;
        }
        self.queued.insert(room.to_owned());
        let later = held::later(self.scene, case, decision, ruling);
        self.reviews.laters.push(later);
        None
    }

    fn alarm(&mut self, rule: &str, event_id: Option<&str>, room_id: Option<&str>) {
        self.entries.push(Entry::Alarm(AlarmEntry {
            rule: rule.into(),
            request: Some(self.scene.exchange.reference.as_str().into()),
            link: Some(self.scene.link.name.into()),
            event_id: event_id.map(Into::into),
            room_id: room_id.map(Into::into),
            ..AlarmEntry::default()
        }));
    }

    /// An EDU loses the rooms that are closed, and those whose label nobody knows; one of such rooms alone is dropped.
    fn edu(
        &mut self,
        outcome: Outcome,
        index: u32,
        case: EduCase,
        decision: Option<&UnitDecision>,
    ) -> Outcome {
        let EduCase {
            mut edu,
            closed,
            unknown,
            ..
        } = case;
        let rooms_left = edu.retain_rooms(|room| {
            let mut lost = closed.iter().chain(&unknown);
            !lost.any(|lost| lost == room) && !self.closed.contains(room)
        });
        let undecided = Decision::new(Verdict::Drop, UNDECIDED);
        let ruled = decision.map_or(&undecided, |decision| &decision.decision);
        let rule = match rooms_left {
            true => ruled.rule.as_str(),
            false if closed.is_empty() && !unknown.is_empty() => ROOM_UNKNOWN,
            false => ROOM_CLOSED,
        };
        let released = rooms_left && ruled.verdict == Verdict::Release;
        let line = EduEntry {
            released,
            findings: decision
                .map(|decision| found::summaries(&decision.findings, rule))
                .unwrap_or_default(),
            ..self.edu_line(Some(&edu), index, rule)
        };
        if !released || !line.findings.is_empty() {
            self.entries.push(Entry::Edu(line));
        }
        Outcome {
            verdict: if released {
                Verdict::Release
            } else {
                Verdict::Drop
            },
            rule: rule.to_owned(),
            tree: released.then(|| edu.outgoing()),
            ..outcome
        }
    }

    fn plain(
        &mut self,
        outcome: Outcome,
        index: u32,
        tree: CanonicalJsonObject,
        decision: Option<&UnitDecision>,
    ) -> Outcome {
        let undecided = Decision::new(Verdict::Drop, UNDECIDED);
        let unit = decision;
        let decision = unit.map_or(&undecided, |unit| &unit.decision);
        let released = decision.verdict == Verdict::Release;
        if !released || unit.is_some_and(|unit| !unit.findings.is_empty()) {
            let ruled = (decision.rule.as_str(), unit);
            let line = lines::plain(self.scene, outcome.kind, index, &tree, ruled);
            self.entries.push(line);
        }
        if released {
            return Outcome {
                verdict: Verdict::Release,
                rule: decision.rule.clone(),
                tree: Some(tree),
                ..outcome
            };
        }
        let is_create = outcome.kind == UnitKind::StrippedState
            && lines::type_of(&tree) == Some("m.room.create");
        if is_create {
            self.refuse(&decision.rule);
        }
        Outcome {
            rule: decision.rule.clone(),
            ..outcome
        }
    }

    fn edu_line(&self, edu: Option<&Edu>, index: u32, rule: &str) -> EduEntry {
        EduEntry {
            request: self.scene.exchange.reference.as_str().into(),
            link: self.scene.link.name.into(),
            edu_type: edu.map(|edu| edu.kind().as_str().into()),
            index: Some(index),
            room_id: edu.and_then(|edu| edu.room_ids().first().map(|room| (*room).into())),
            rule: rule.into(),
            ..EduEntry::default()
        }
    }
}

#[cfg(test)]
mod tests;
