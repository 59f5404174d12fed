//! What `collect` makes of units: cases, each with all that its judgement needs, or with what condemned it.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::CanonicalJsonObject;
use sluice_policy::decide::Sighting;
use sluice_policy::dlp::Part;
use sluice_policy::edu::Edu;
use sluice_policy::label::{Label, RoomLabel};
use sluice_policy::pdu::{Integrity, Pdu, Relation, RoomVersion};

use super::{ListedRoom, Returned};
use crate::hold::Presented;
use crate::journal::Denial;
use crate::route::UnitKind;
use crate::window::{Speaker, Visit};

/// One unit with all that is known of it.
#[derive(Debug)]
pub struct Case {
    /// What it is.
    pub kind: UnitKind,
    /// The table's path of it.
    pub pattern: &'static str,
    /// Its place in that list, from 0.
    pub index: u32,
    /// Its checked form, or what condemned it.
    pub material: Result<Material, Condemned>,
}

/// A unit that passed the protocol checks.
#[expect(
    clippy::large_enum_variant,
    reason = "one a unit, made once and moved twice"
)]
#[derive(Debug)]
pub enum Material {
    /// An event.
    Pdu(Box<PduCase>),
    /// An ephemeral event.
    Edu(EduCase),
    /// Anything without hashes and signatures of its own.
    Plain(CanonicalJsonObject),
    /// A room that is shown to those who were not invited.
    Listed(Box<ListedRoom>),
}

/// An ephemeral event with those of its rooms that are closed on this link.
#[derive(Debug)]
pub struct EduCase {
    /// The event.
    pub edu: Edu,
    /// Its closed rooms.
    pub closed: Vec<String>,
    /// Rooms of our own of which nobody here knows whether they have a label, where the link demands labels.
    pub unknown: Vec<String>,
    /// What its first labelled room says; rooms with other labels are taken out of it.
    pub room: Option<RoomLabel>,
}

/// An event with its surroundings.
#[derive(Debug)]
pub struct PduCase {
    /// The event.
    pub pdu: Pdu,
    /// Whole, or arrived in its redacted form.
    pub integrity: Integrity,
    /// An earlier denial on this link.
    pub denial: Option<Denial>,
    /// The rule that closed its room for this link, if it is closed.
    pub closed: Option<String>,
    /// The events that it relates to, with what is known of their labels.
    pub targets: Vec<(Relation, Target)>,
    /// What its room's label state says, where known.
    pub room: Option<RoomLabel>,
    /// Whether it labels its room and was denied on any link because it lowers, so that it never becomes what is known.
    pub lowering_refused: bool,
    /// Whether it is sent now, and not part of what a room's history or state already holds.
    pub is_news: bool,
    /// Whether nobody was asked what its room says, because enough was asked for the body.
    pub unasked: bool,
    /// What it says, and whose window that belongs to; `None` where it is not read together with others.
    pub said: Option<(Speaker, Part)>,
    /// How it came back, where it is of our own zone and returns to it; nobody but the protocol judges it then.
    pub returned: Option<Returned>,
    /// The zone of its sender, where that is neither ours nor the peer's and a peer record names it.
    pub third: Option<String>,
    /// The server that it brings into its room, where it is not ours and the journal does not know it there.
    pub newcomer: Option<String>,
    /// Whether it was taken over before and is not sent yet.
    pub waits_already: bool,
    /// The ticket by which it may cross although policy holds it.
    pub ticket: Option<Presented>,
}

/// What is known of an event that another one relates to.
#[expect(
    clippy::large_enum_variant,
    reason = "few events relate to others, and then a label is known"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Its label, or that it has none.
    Known {
        /// The label.
        label: Option<Label>,
        /// Whether it hangs on the link's own policy.
        by_link: bool,
    },
    /// Nobody here knows it.
    Unknown,
}

/// What condemned a unit before policy saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condemned {
    /// The rule id, `protocol.*`.
    pub rule: String,
    /// The event id, where one could be computed.
    pub event_id: Option<String>,
    /// Room, type and sender as far as they were well-formed.
    pub room_id: Option<String>,
    /// Whether it makes a user of a server that nobody here knows a member of its room, or nearly one. It cannot be
    /// verified, and so it can refuse and never release.
    pub stranger: bool,
}

impl Condemned {
    /// Condemned by a rule before anything of it could be read.
    pub(crate) fn new(rule: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            event_id: None,
            room_id: None,
            stranger: false,
        }
    }

    pub(super) fn of(rule: &str, pdu: &Pdu) -> Self {
        Self {
            rule: rule.to_owned(),
            event_id: Some(pdu.event_id().to_owned()),
            room_id: Some(pdu.room_id().to_owned()),
            stranger: false,
        }
    }
}

/// A body whose units are ready to be judged.
#[derive(Debug)]
pub struct Collected {
    /// The envelope.
    pub fields: CanonicalJsonObject,
    /// The units.
    pub cases: Vec<Case>,
    /// The room version that the envelope announces, where it is news.
    pub announced: Option<(String, RoomVersion)>,
    /// What the room in the path says, where that is known.
    pub room: Option<RoomLabel>,
    /// Whether somebody would enter a room that is encrypted.
    pub encrypted: bool,
    /// The labels of what crossed lately, by room, where the link keeps a high-water mark.
    pub water: BTreeMap<String, Vec<Label>>,
    /// What detectors found within the hour, by room.
    pub seen: BTreeMap<String, Vec<Sighting>>,
    /// Rooms in which something waits that nothing of this body may overtake.
    pub queued: BTreeSet<String>,
    /// What the senders of the body said lately; `None` where nothing is read together.
    pub visit: Option<Visit>,
    /// The zones of senders that are neither ours nor the peer's.
    pub thirds: BTreeSet<String>,
}

impl Collected {
    /// What detectors found in a room within the hour.
    pub(crate) fn seen(&self, room_id: &str) -> &[Sighting] {
        self.seen.get(room_id).map_or(&[], Vec::as_slice)
    }
}
