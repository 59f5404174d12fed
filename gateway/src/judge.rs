//! Stage `judge`: the one function that decides, for requests and answers alike.
//!
//! ```text
//! Collected ──> decide (label, DLP, policy) ──> per unit: sticky? redacted already? never redacted? ──> Judged
//! ```
//!
//! [`Judged`] has private fields and no other constructor than [`judge`]; `record` makes it durable and gives
//! `Cleared`, the only value from which the far side's bytes are written. So nothing crosses that was not judged.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::bundle::Bundle;
use sluice_policy::decide::{self, LinkContext, UnitDecision, UnitFacts};
use sluice_policy::dlp::{Finding, Part, Strength};
use sluice_policy::edu::Edu;
use sluice_policy::engine::EngineError;
use sluice_policy::label::Label;
use sluice_policy::pdu::{Integrity, Pdu};
use sluice_policy::verdict::{Decision, Verdict};
use time::OffsetDateTime;

use crate::audit::entry::{AlarmEntry, ClosedEntry, EduEntry, Entry};
use crate::collect::{Case, Collected, Condemned, EduCase, Material, PduCase};
use crate::exchange::{Exchange, Way};
use crate::refusal::{Blame, Refusal};
use crate::route::{Op, UnitKind};
use crate::window::{Speaker, Visit};

mod facts;
mod found;
mod heard;
mod lines;

pub(crate) use facts::event as event_facts;

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
    /// The homeservers of our own zone.
    pub locals: Vec<&'a str>,
    /// The moment of the decision, for validity periods.
    pub at: OffsetDateTime,
}

/// A judged body. Only [`judge`] makes it.
#[derive(Debug)]
pub struct Judged {
    fields: CanonicalJsonObject,
    outcomes: Vec<Outcome>,
    entries: Vec<Entry>,
    refusal: Option<Refusal>,
    spoken: Spoken,
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

    /// Takes it apart for `record`, which alone may do so.
    pub(super) fn into_parts(
        self,
    ) -> (
        CanonicalJsonObject,
        Vec<Outcome>,
        Vec<Entry>,
        Option<Refusal>,
        Spoken,
    ) {
        (
            self.fields,
            self.outcomes,
            self.entries,
            self.refusal,
            self.spoken,
        )
    }
}

/// Judges every unit of a body.
///
/// # Errors
/// [`EngineError`] where the policy cannot run at all: a failure of the gateway, no verdict.
pub fn judge(scene: &Scene<'_>, collected: Collected) -> Result<Judged, EngineError> {
    let decisions = decide_all(scene, &collected)?;
    let mut bench = Bench {
        scene,
        entries: Vec::new(),
        refusal: None,
        closed: BTreeSet::new(),
        water: collected.water,
        released: Vec::new(),
    };
    let outcomes: Vec<Outcome> = collected
        .cases
        .into_iter()
        .enumerate()
        .map(|(at, case)| bench.outcome(case, decisions.get(&at)))
        .collect();
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
    })
}

/// Label, DLP and policy decide on every unit that the protocol leaves open, in one call.
fn decide_all(
    scene: &Scene<'_>,
    collected: &Collected,
) -> Result<BTreeMap<usize, UnitDecision>, EngineError> {
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
    let decisions = decide::decide_units(scene.bundle, &scene.link, &units, scene.at)?;
    Ok(places.into_iter().zip(decisions).collect())
}

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
    /// What was said in events that cross.
    released: Vec<(Speaker, Part)>,
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
            Ok(Material::Pdu(case)) => self.pdu(blank, index, &case, decision),
            Ok(Material::Edu(edu)) => self.edu(blank, index, edu, decision),
            Ok(Material::Plain(tree)) => self.plain(blank, index, tree, decision),
        }
    }

    /// A broken unit crosses nowhere; a copy that lies about an event's content raises an alarm and is not remembered.
    fn condemned(&mut self, mut outcome: Outcome, index: u32, condemned: Condemned) -> Outcome {
        if matches!(
            condemned.rule.as_str(),
            "protocol.hash" | "protocol.signature"
        ) {
            self.entries.push(Entry::Alarm(AlarmEntry {
                rule: condemned.rule.as_str().into(),
                request: Some(self.scene.exchange.reference.as_str().into()),
                link: Some(self.scene.link.name.into()),
                event_id: condemned.event_id.as_deref().map(Into::into),
                room_id: condemned.room_id.as_deref().map(Into::into),
                ..AlarmEntry::default()
            }));
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
        case: &PduCase,
        decision: Option<&UnitDecision>,
    ) -> Outcome {
        let ruling = self.below_the_mark(case, decision, self.ruling(case, decision));
        let link = &self.scene.link;
        self.entries
            .push(lines::event(self.scene, index, case, decision, &ruling));
        self.entries
            .extend(lines::learned(self.scene, case, decision, &ruling));
        if ruling.closes {
            self.closed.insert(case.pdu.room_id().to_owned());
            self.entries.push(Entry::Alarm(AlarmEntry {
                rule: "protocol.room_closed".into(),
                request: Some(self.scene.exchange.reference.as_str().into()),
                link: Some(link.name.into()),
                room_id: Some(case.pdu.room_id().into()),
                event_id: Some(case.pdu.event_id().into()),
                ..AlarmEntry::default()
            }));
            self.entries.push(Entry::Closed(ClosedEntry {
                link: link.name.into(),
                room_id: case.pdu.room_id().into(),
                rule: ruling.rule.as_str().into(),
                open: false,
            }));
            self.refuse_closed_room(&ruling.rule);
        }
        let tree = match ruling.verdict {
            Verdict::Release if case.integrity == Integrity::Whole => {
                self.released.extend(case.said.clone());
                Some(case.pdu.outgoing())
            }
            Verdict::Release | Verdict::Redact | Verdict::Hold => Some(case.pdu.redacted()),
            Verdict::Drop => None,
        };
        Outcome {
            event_id: Some(case.pdu.event_id().to_owned()),
            verdict: ruling.verdict,
            rule: ruling.rule,
            tree,
            ..outcome
        }
    }

    /// The order of the questions about an event, from the strictest to the mildest.
    fn ruling(&self, case: &PduCase, decision: Option<&UnitDecision>) -> Ruling {
        let room_closed = case.closed.is_some() || self.closed.contains(case.pdu.room_id());
        if room_closed && !leaves_the_room(&case.pdu) {
            return Ruling::drop(ROOM_CLOSED);
        }
        if gains_a_stranger(self.scene, &case.pdu) {
            return Ruling {
                closes: true,
                ..Ruling::drop("protocol.third_server")
            };
        }
        if let Some(denial) = &case.denial {
            return Ruling {
                sticky: true,
                ..Ruling::redact(&denial.rule)
            };
        }
        if case.integrity == Integrity::Redacted {
            return Ruling::release("protocol.already_redacted");
        }
        let Some(decision) = decision else {
            return Ruling::drop(UNDECIDED);
        };
        // Whether a peer's word lowers cannot be told where nobody was asked what the room says.
        let inbound = !self.scene.exchange.outbound(self.scene.way);
        if inbound && case.is_news && case.unasked && case.pdu.is_label_state() {
            return Ruling::redact(ROOM_UNKNOWN);
        }
        if decision.decision.verdict != Verdict::Release && self.residue_tells(case, decision) {
            return Ruling::drop("protocol.residue.finding");
        }
        let rule = decision.decision.rule.as_str();
        match decision.decision.verdict {
            Verdict::Release => Ruling::release(rule),
            _ if must_not_exist_unlabelled(&case.pdu, rule) => Ruling::drop(rule),
            _ if self.invites_above_the_clearance(decision) => Ruling::drop(rule),
            _ if case.pdu.never_redact() => Ruling {
                closes: true,
                ..Ruling::drop(rule)
            },
            Verdict::Hold => Ruling {
                reason: Some("hold_unavailable"),
                remember: true,
                ..Ruling::redact(rule)
            },
            Verdict::Redact | Verdict::Drop => Ruling {
                // What nobody knows yet may be known tomorrow.
                remember: rule != decide::LABEL_TARGET_UNKNOWN,
                ..Ruling::redact(rule)
            },
        }
    }

    /// MX-9: an invitation into a room that the other side may not know of would tell of it also in its redacted form.
    fn invites_above_the_clearance(&self, decision: &UnitDecision) -> bool {
        let granted = decision
            .label_rule
            .as_deref()
            .is_none_or(|rule| rule == GRANTED);
        self.scene.exchange.route.endpoint.op == Op::Invite && !granted
    }

    /// MX-12: a room freezes where what crossed of it lately is, together, more than the link is cleared for.
    fn below_the_mark(
        &mut self,
        case: &PduCase,
        decision: Option<&UnitDecision>,
        ruling: Ruling,
    ) -> Ruling {
        let Scene {
            bundle, link, at, ..
        } = self.scene;
        let keeps = bundle
            .link(link.name)
            .is_some_and(|policy| policy.high_water.is_some());
        let label = decision.filter(|_| keeps).and_then(lines::weighed);
        let (Verdict::Release, Some(label)) = (ruling.verdict, label) else {
            return ruling;
        };
        if leaves_the_room(&case.pdu) {
            return ruling;
        }
        let labels = self.water.entry(case.pdu.room_id().to_owned()).or_default();
        let label = label.timeless();
        if labels.contains(&label) {
            return ruling;
        }
        labels.push(label);
        let few = labels.len() <= WATER_LABELS;
        if labels.len() < 2 || (few && decide::grants_together(bundle, link, labels, *at)) {
            return ruling;
        }
        labels.pop();
        Ruling {
            closes: true,
            ..Ruling::drop(HIGH_WATER)
        }
    }

    /// Whether the redacted form would still carry what a detector found: in type, sender, state key, or in content that
    /// redaction keeps. What must never be redacted closes the room anyway.
    fn residue_tells(&self, case: &PduCase, decision: &UnitDecision) -> bool {
        if case.pdu.never_redact() {
            return false;
        }
        let found = |findings: &[Finding]| {
            findings
                .iter()
                .any(|finding| finding.strength >= Strength::Medium)
        };
        let outside: Vec<Finding> = decision
            .findings
            .iter()
            .filter(|finding| !finding.field.starts_with("/event/content"))
            .cloned()
            .collect();
        let redacted = case.pdu.redacted();
        let Some(CanonicalJsonValue::Object(kept)) = redacted.get("content") else {
            return true;
        };
        let kept = self
            .scene
            .bundle
            .detectors
            .scan_object(kept, "/event/content");
        found(&outside) || kept.map_or(true, |kept| found(&kept))
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

    /// Where the body is one unit, or needs this unit to mean anything, its denial is the denial of the whole.
    fn refuse_what_lost_its_only_unit(&mut self, outcomes: &[Outcome]) {
        let op = self.scene.exchange.route.endpoint.op;
        let lost = outcomes.iter().find(|outcome| {
            let single = !outcome.pattern.ends_with("/*") || op == Op::Event;
            single && outcome.tree.is_none()
        });
        if let (Some(outcome), None) = (lost, &self.refusal) {
            let rule = outcome.rule.clone();
            match (rule.as_str(), self.scene.way) {
                (ROOM_CLOSED, Way::Answer) => self.hide(&rule),
                _ => self.refuse(&rule),
            }
        }
    }

    /// A body that must hold a certain unit and lacks it means nothing (an invite without its event).
    fn refuse_without_its_event(&mut self, outcomes: &[Outcome]) {
        let shape = match self.scene.way {
            Way::Request => &self.scene.exchange.route.endpoint.request,
            Way::Answer => &self.scene.exchange.route.endpoint.response,
        };
        let demanded = shape
            .units
            .iter()
            .filter(|(pattern, _)| !pattern.ends_with("/*"));
        let missing = demanded
            .filter(|(pattern, _)| !outcomes.iter().any(|outcome| outcome.pattern == *pattern))
            .count();
        let may_lack = self.scene.exchange.route.endpoint.op == Op::SendJoin;
        if missing > 0 && !may_lack {
            self.refuse("protocol.missing_unit");
        }
    }

    /// A room with members of servers that neither zone knows cannot be joined, whoever joins and whoever answers.
    fn refuse_a_room_with_strangers(&mut self, fields: &CanonicalJsonObject) {
        let Some(CanonicalJsonValue::Array(servers)) = fields.get("servers_in_room") else {
            return;
        };
        let known = |server: &str| {
            self.scene.locals.contains(&server) || self.scene.exchange.peer.speaks_for(server)
        };
        if !servers
            .iter()
            .all(|server| server.as_str().is_some_and(known))
        {
            self.refuse("protocol.third_server");
        }
    }

    /// The gateway asks for all members. An answer that leaves some out all the same hides whether a third server's are
    /// among them, and would keep our homeserver from answering for the room until it has fetched them.
    fn refuse_omitted_members(&mut self, fields: &CanonicalJsonObject) {
        if fields.get("members_omitted") == Some(&CanonicalJsonValue::Bool(true)) {
            self.refuse("protocol.members_omitted");
        }
    }

    /// In `/send` a closed room costs its own events only; elsewhere the whole answer would be of that room.
    fn refuse_closed_room(&mut self, rule: &str) {
        match (self.scene.exchange.route.endpoint.op, self.scene.way) {
            (Op::Send, _) => {}
            (Op::SendJoin | Op::MakeJoin | Op::Invite, _) | (_, Way::Request) => self.refuse(rule),
            (_, Way::Answer) => self.hide(rule),
        }
    }

    /// What a closed room holds is not there.
    fn hide(&mut self, rule: &str) {
        let detail = "the room is closed on this link";
        self.refusal
            .get_or_insert(Refusal::new(rule, Blame::NotFound, detail));
    }

    fn refuse(&mut self, rule: &str) {
        let detail = format!(
            "{} denied by {rule}",
            self.scene.exchange.route.endpoint.op.as_str()
        );
        self.refusal.get_or_insert(Refusal::forbidden(rule, detail));
    }
}

/// What was ruled on one event.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    pub(crate) verdict: Verdict,
    pub(crate) rule: String,
    pub(crate) reason: Option<&'static str>,
    pub(crate) sticky: bool,
    pub(crate) remember: bool,
    pub(crate) closes: bool,
}

impl Ruling {
    fn with(verdict: Verdict, rule: &str) -> Self {
        let rule = rule.to_owned();
        Self {
            verdict,
            rule,
            reason: None,
            sticky: false,
            remember: false,
            closes: false,
        }
    }
    fn release(rule: &str) -> Self {
        Self::with(Verdict::Release, rule)
    }
    fn redact(rule: &str) -> Self {
        Self::with(Verdict::Redact, rule)
    }
    fn drop(rule: &str) -> Self {
        Self::with(Verdict::Drop, rule)
    }
}

/// Leaves, kicks and bans pass even where the room is closed: nobody may be locked in.
fn leaves_the_room(pdu: &Pdu) -> bool {
    pdu.kind() == "m.room.member" && matches!(pdu.membership(), Some("leave" | "ban"))
}

/// A member of a server that neither zone of the link knows.
fn gains_a_stranger(scene: &Scene<'_>, pdu: &Pdu) -> bool {
    if !pdu.brings_a_member() {
        return false;
    }
    let member = pdu.state_key().and_then(sluice_policy::ids::user_server);
    let known =
        |server: &str| scene.locals.contains(&server) || scene.exchange.peer.speaks_for(server);
    member.is_none_or(|server| !known(server))
}

/// Creation, invitation and join of a room whose label is demanded and missing.
fn must_not_exist_unlabelled(pdu: &Pdu, rule: &str) -> bool {
    rule == "label.missing"
        && match pdu.kind() {
            "m.room.create" => true,
            "m.room.member" => matches!(pdu.membership(), Some("join" | "invite")),
            _ => false,
        }
}

#[cfg(test)]
mod tests;
