//! Every step of the decision about one unit, for `policy explain`: the same code decides, nothing is decided here.

use serde::Serialize;
use time::OffsetDateTime;

use super::{
    ClearanceUsed, LinkContext, Scene, Target, UnitDecision, UnitFacts,
    bearing::{Borne, own_labels, targets},
    prepared::Prepared,
    tally::Tally,
};
use crate::{
    bundle::Bundle,
    engine::EngineError,
    facts::{Kind, LabelSource},
    label::{Label, Typed, typed_marking},
};

/// The steps of a decision, in their order.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Every label that stands anywhere, whether it bears or not.
    pub sources: Vec<SourceStep>,
    /// The labels that bear, each with the answer of every clearance; empty where the unit was denied before that.
    pub bearing: Vec<BearingStep>,
    /// What the policy said by itself.
    pub policy: PolicyStep,
    /// What all of it came to.
    pub decision: UnitDecision,
}

/// A place where a label can stand.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStep {
    /// The place.
    pub source: LabelSource,
    /// The label there, the inner object of the wire form.
    pub label: Option<serde_json::Value>,
    /// What is wrong with it, where there is none that can be read.
    pub problem: Option<String>,
}

/// A label that bears.
#[derive(Clone, Debug, Serialize)]
pub struct BearingStep {
    /// Where it stands.
    pub source: LabelSource,
    /// The label, the inner object of the wire form.
    pub label: serde_json::Value,
    /// The answer of every clearance.
    pub clearances: Vec<ClearanceStep>,
    /// Whether its room permits it.
    pub within_room: bool,
}

/// The answer of one clearance about one label.
#[derive(Clone, Debug, Serialize)]
pub struct ClearanceStep {
    /// Whose clearance, and which.
    #[serde(flatten)]
    pub clearance: ClearanceUsed,
    /// The answer.
    pub granted: bool,
    /// Its rule.
    pub rule: &'static str,
    /// Why.
    pub reason: String,
    /// The label in the clearance's policy, where it had to be translated.
    pub translated: Option<serde_json::Value>,
}

/// The policy's own answer.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyStep {
    /// `release`, `hold`, `redact` or `drop`; `None` where it gave no answer.
    pub verdict: Option<&'static str>,
    /// Its rule, or that of its failure.
    pub rule: String,
}

/// Decides one unit as [`super::decide_units`] does, and says how; `None` where the bundle has no policy for the link.
///
/// # Errors
/// [`EngineError`] where the policy cannot run at all.
pub fn explain_unit(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    unit: &UnitFacts<'_>,
    at: OffsetDateTime,
) -> Result<Option<Explanation>, EngineError> {
    let Some(scene) = Scene::new(bundle, link, at) else {
        return Ok(None);
    };
    let found = scene.look(unit);
    let seen = scene.seen(unit, &found, &mut Tally::default());
    let answer = bundle.engine.decide(&[scene.facts(&seen)])?.pop();
    let Some(answer) = answer else {
        return Ok(None);
    };
    let policy = match &answer {
        Ok(decision) => PolicyStep {
            verdict: Some(decision.verdict.as_str()),
            rule: decision.rule.clone(),
        },
        Err(failure) => PolicyStep {
            verdict: None,
            rule: failure.rule().to_owned(),
        },
    };
    Ok(Some(Explanation {
        sources: scene.sources(unit),
        bearing: scene.bearing_steps(unit),
        policy,
        decision: scene.conclude(unit, found, answer),
    }))
}

impl Scene<'_> {
    fn sources(&self, unit: &UnitFacts<'_>) -> Vec<SourceStep> {
        let mut sources = match own_labels(unit) {
            Ok(own) => own.into_iter().map(SourceStep::from).collect(),
            Err(objection) => vec![SourceStep::problem(LabelSource::Event, objection.reason)],
        };
        sources.extend(targets(unit).into_iter().map(SourceStep::from));
        let lost = unit.targets.iter();
        sources.extend(
            lost.filter(|target| target.label == Target::Unknown)
                .map(|_| SourceStep::problem(LabelSource::Target, "the event is not known")),
        );
        let room = unit.room.and_then(|room| room.label.clone());
        let default = self.policy.default_label.clone();
        sources.extend(room.map(|label| Borne::new(LabelSource::Room, label).into()));
        sources.extend(self.marking(unit));
        sources.extend(default.map(|label| Borne::new(LabelSource::Link, label).into()));
        sources
    }

    fn marking(&self, unit: &UnitFacts<'_>) -> Option<SourceStep> {
        let accepted = &self.policy.typed_markings;
        if accepted.is_empty() || unit.kind != Kind::Pdu || unit.state_key.is_some() {
            return None;
        }
        match typed_marking(unit.content, &self.bundle.spifs, accepted) {
            Typed::None => None,
            Typed::Marking { label } => Some(Borne::new(LabelSource::Marking, *label).into()),
            Typed::Invalid(why) => Some(SourceStep::problem(LabelSource::Marking, why)),
        }
    }

    fn bearing_steps(&self, unit: &UnitFacts<'_>) -> Vec<BearingStep> {
        let bearing = self.bearing(unit).unwrap_or_default();
        let step = |borne: Borne| BearingStep {
            source: borne.source,
            clearances: self.clearance_steps(&borne.label),
            within_room: self.is_within_room(unit, &borne),
            label: borne.label.to_json(),
        };
        bearing.labels.into_iter().map(step).collect()
    }

    fn clearance_steps(&self, label: &Label) -> Vec<ClearanceStep> {
        let step = |by: &Prepared<'_>| {
            let decision = by.decide(label, self.usage(), self.at);
            ClearanceStep {
                clearance: by.used.clone(),
                granted: decision.grant,
                rule: decision.rule,
                reason: decision.reason.into_owned(),
                translated: decision.translated.as_ref().map(Label::to_json),
            }
        };
        self.clearances.iter().map(step).collect()
    }
}

impl From<Borne> for SourceStep {
    fn from(Borne { source, label, .. }: Borne) -> Self {
        Self {
            source,
            label: Some(label.to_json()),
            problem: None,
        }
    }
}

impl SourceStep {
    fn problem(source: LabelSource, problem: impl Into<String>) -> Self {
        Self {
            source,
            label: None,
            problem: Some(problem.into()),
        }
    }
}
