//! What a request leaves behind for its last line, however it ends.

use std::time::Duration;

use crate::accept::Head;
use crate::audit::entry::Text;
use crate::exchange::Face;
use crate::identify::Caller;
use crate::operations::metrics;
use crate::route::Op;

/// What is known of a request at any moment, for its last line.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) reference: String,
    pub(super) face: Face,
    pub(super) caller: Option<Caller>,
    pub(super) op: Option<Op>,
    pub(super) room_id: Option<String>,
    /// Whether the gateway answers it itself.
    pub(super) answered_here: bool,
    /// Time spent waiting for the far side.
    pub(super) elsewhere: Duration,
}

impl Trace {
    pub(super) fn new(reference: String, head: &Head) -> Self {
        let face = match head.face {
            crate::accept::Face::Inside { .. } => Face::Inside,
            crate::accept::Face::Border { .. } => Face::Border,
        };
        Self {
            reference,
            face,
            caller: None,
            op: None,
            room_id: None,
            answered_here: false,
            elsewhere: Duration::ZERO,
        }
    }

    /// Whether a refusal is that of somebody whose certificate is no peer's: he is counted, so that he cannot fill the
    /// disk with a line each.
    pub(super) fn is_strangers(&self, rule: &str) -> bool {
        self.caller.is_none() && rule.starts_with("protocol.peer.")
    }

    pub(super) const fn answered(&self) -> metrics::Outcome {
        if self.answered_here {
            metrics::Outcome::Answered
        } else {
            metrics::Outcome::Relayed
        }
    }

    pub(super) const fn face_name(&self) -> &'static str {
        match self.face {
            Face::Inside => "inside",
            Face::Border => "border",
        }
    }

    pub(super) const fn metrics_face(&self) -> metrics::Face {
        match self.face {
            Face::Inside => metrics::Face::Inside,
            Face::Border => metrics::Face::Outside,
        }
    }

    pub(super) fn origin(&self) -> Option<Text> {
        let caller = self.caller.as_ref()?;
        Some(
            if self.face == Face::Inside {
                &caller.local
            } else {
                &caller.remote
            }
            .as_str()
            .into(),
        )
    }

    pub(super) fn destination(&self) -> Option<Text> {
        let caller = self.caller.as_ref()?;
        Some(
            if self.face == Face::Inside {
                &caller.remote
            } else {
                &caller.local
            }
            .as_str()
            .into(),
        )
    }
}
