//! One request and its answer, as the stages after `identify` see it.

use std::sync::Arc;

use crate::peers::Peer;
use crate::route::Route;

/// The gateway's two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Our own homeserver asks.
    Inside,
    /// A peer's gateway asks.
    Border,
}

/// Which half of an exchange is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The request's body.
    Request,
    /// The answer's body.
    Answer,
}

/// An authenticated request with its table line.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The reference under which all its audit lines stand and which answers name.
    pub reference: String,
    /// Where it came in.
    pub face: Face,
    /// Table line and typed parameters.
    pub route: Route,
    /// Our homeserver of the two.
    pub local: String,
    /// The peer's homeserver of the two.
    pub remote: String,
    /// Our zone.
    pub zone: String,
    /// The peer whose link this is.
    pub peer: Arc<Peer>,
}

impl Exchange {
    /// Whether both homeservers are of our own zone.
    #[must_use]
    pub fn is_own_zone(&self) -> bool {
        self.peer.zone() == self.zone
    }

    /// Whether this half carries data out of our zone: our requests, and our answers to the peer's requests.
    #[must_use]
    pub fn outbound(&self, way: Way) -> bool {
        (self.face == Face::Inside) == (way == Way::Request)
    }

    /// The link on which this half is judged, such as `high->low`.
    #[must_use]
    pub fn link(&self, way: Way) -> String {
        let (ours, theirs) = (self.zone.as_str(), self.peer.zone());
        if self.outbound(way) {
            format!("{ours}->{theirs}")
        } else {
            format!("{theirs}->{ours}")
        }
    }

    /// The zones of that link, from and to.
    #[must_use]
    pub fn zones(&self, way: Way) -> (&str, &str) {
        let (ours, theirs) = (self.zone.as_str(), self.peer.zone());
        if self.outbound(way) {
            (ours, theirs)
        } else {
            (theirs, ours)
        }
    }

    /// The homeserver that asks.
    #[must_use]
    pub fn origin(&self) -> &str {
        match self.face {
            Face::Inside => &self.local,
            Face::Border => &self.remote,
        }
    }

    /// The homeserver that is asked.
    #[must_use]
    pub fn destination(&self) -> &str {
        match self.face {
            Face::Inside => &self.remote,
            Face::Border => &self.local,
        }
    }

    /// The homeserver that wrote this half.
    #[must_use]
    pub fn author(&self, way: Way) -> &str {
        match way {
            Way::Request => self.origin(),
            Way::Answer => self.destination(),
        }
    }
}
