//! The label that an event hands on to what relates to it, and whether a label may cross a link at all.

use time::OffsetDateTime;

use super::{LinkContext, Scene, UnitFacts, bearing};
use crate::{
    bundle::Bundle,
    label::{Combined, Label, RoomLabel},
};

/// What an event hands on to what relates to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Effective {
    /// Its label; `None` where it has none. Where its labels cannot be told as one, a label that nobody is cleared for.
    pub label: Option<Label>,
    /// True where the link's own policy took part, by its default or by a marking that it believes, here or in what the
    /// event relates to: on another link the event may have another label.
    pub by_link: bool,
}

/// The label that an event hands on, by the same sources as in a judgement, whatever that would decide.
#[must_use]
pub fn effective_label(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    unit: &UnitFacts<'_>,
    at: OffsetDateTime,
) -> Effective {
    let unclear = Effective {
        label: Some(Label::nobody()),
        by_link: true,
    };
    let Some(scene) = Scene::new(bundle, link, at) else {
        return unclear;
    };
    match scene.all_labels(unit) {
        Ok(bearing) => {
            let by_link = bearing.labels.iter().any(|borne| borne.by_link);
            // What hangs on the link is not held against the room's label; so it must not cover one that is.
            let above =
                |borne: &bearing::Borne| !borne.by_link && !scene.is_within_room(unit, borne);
            if by_link && bearing.labels.iter().any(above) {
                return unclear;
            }
            let labels: Vec<Label> = bearing
                .labels
                .into_iter()
                .map(|borne| borne.label)
                .collect();
            Effective {
                label: scene.highest(&labels),
                by_link,
            }
        }
        Err(_) => unclear,
    }
}

/// Whether what a room is now said to say may take the place of what it said before: it lowers nothing, or `sender` may
/// lower on each of `links` that demands labels, because what is known of a room counts on all of them (MX-7).
#[must_use]
pub fn may_replace(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    links: &[String],
    (before, after): (&RoomLabel, &RoomLabel),
    sender: Option<&str>,
    at: OffsetDateTime,
) -> bool {
    let Some(scene) = Scene::new(bundle, link, at) else {
        return false;
    };
    let mut demanding = links
        .iter()
        .filter_map(|link| bundle.link(link))
        .filter(|policy| policy.demands_labels());
    let everywhere = |sender| demanding.all(|policy| bearing::is_authority(policy, sender));
    !scene.lowers(before, after) || sender.is_some_and(everywhere)
}

/// Whether every clearance of the link grants the label.
#[must_use]
pub fn grants(bundle: &Bundle, link: &LinkContext<'_>, label: &Label, at: OffsetDateTime) -> bool {
    Scene::new(bundle, link, at).is_some_and(|scene| scene.is_granted(label))
}

/// Whether the labels together, by the standard's combination, are granted by every clearance of the link: the one place
/// where a combined label counts, and only to refuse more (MX-12).
#[must_use]
pub fn grants_together(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    labels: &[Label],
    at: OffsetDateTime,
) -> bool {
    let Some(scene) = Scene::new(bundle, link, at) else {
        return false;
    };
    match bundle.spifs.combine(labels, at) {
        Combined::Label { label, .. } => scene.is_granted(&label),
        Combined::Undecided(_) => false,
    }
}

impl Scene<'_> {
    /// Every clearance grants the label; without a clearance nothing is granted.
    fn is_granted(&self, label: &Label) -> bool {
        let mut clearances = self.clearances.iter().peekable();
        clearances.peek().is_some()
            && clearances.all(|held| held.decide(label, self.usage(), self.at).grant)
    }

    /// The one of the labels that is not less restrictive than any of them, else their combination where that is.
    fn highest(&self, labels: &[Label]) -> Option<Label> {
        let covers = |high: &Label| labels.iter().all(|label| self.at_least(high, label));
        if labels.len() < 2 {
            return labels.first().cloned();
        }
        if let Some(high) = labels.iter().find(|high| covers(high)) {
            return Some(high.clone());
        }
        match self.bundle.spifs.combine(labels, self.at) {
            Combined::Label { label, .. } if covers(&label) => Some(label),
            Combined::Label { .. } | Combined::Undecided(_) => Some(Label::nobody()),
        }
    }
}
