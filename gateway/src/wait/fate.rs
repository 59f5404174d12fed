//! What becomes of an event that has waited, at the moment when it is sent: the world may have changed since it was judged.

use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};
use sluice_policy::ids;

use crate::audit::entry::{Verdict, WaitEntry};
use crate::audit::text_hex;
use crate::gateway::Active;
use crate::peers::Peer;

/// Why an event that was released is redacted now: bundle, clearances or what may be known of its room are others than
/// when it was judged.
pub(super) const CHANGED: &str = "judged_before";
/// Why an event that was released is redacted now: an operator has closed the link from its sender's zone, a third one. It is
/// no verdict on the event, and whoever asks for it once the link is open gets it.
pub(super) const LINK_CLOSED: &str = "link_closed";
/// Why it is given up: its content cannot be read any more.
pub(super) const LOST: &str = "content_lost";
/// Its destination took nothing for [`super::KEEP_MS`].
pub(super) const EXPIRED: &str = "expired";
/// Its room was closed.
const ROOM_CLOSED: &str = "room_closed";
/// Its destination is another peer's by now, on whose link nobody has judged it.
const ELSEWHERE: &str = "link_changed";
/// It may not cross whole any more and must never be redacted. Who misses it asks for it, and that is judged anew.
const NEVER_REDACTED: &str = "never_redacted";
/// Bytes of a fingerprint.
const FINGERPRINT_BYTES: usize = 16;

/// What is known now of an event that waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Now {
    /// Its room is closed on the link.
    pub(super) closed: bool,
    /// Its destination is not on the link any more under which it was judged.
    pub(super) elsewhere: bool,
    /// It was denied on the link meanwhile.
    pub(super) denied: bool,
    /// What it would be judged under now.
    pub(super) under: Option<String>,
    /// An operator has closed the link from its sender's zone, a third one.
    pub(super) third_closed: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It crosses whole.
    Whole,
    /// It crosses in its redacted form, by a verdict that the log has.
    Redacted,
    /// It crosses in its redacted form, and that is news for the log.
    Withdrawn(&'static str),
    /// It is not sent.
    GivenUp(&'static str),
}

/// What becomes of an event with a verdict.
pub(super) fn fate(line: &WaitEntry, now: &Now) -> Fate {
    let released = line.verdict == Some(Verdict::Release) && !now.denied;
    let unchanged = now.under.is_some() && now.under.as_deref() == line.under.as_deref();
    match () {
        () if now.closed && !line.leaves => Fate::GivenUp(ROOM_CLOSED),
        () if now.elsewhere => Fate::GivenUp(ELSEWHERE),
        () if released && unchanged && !now.third_closed => Fate::Whole,
        () if line.never_redact => Fate::GivenUp(NEVER_REDACTED),
        () if released && unchanged => Fate::Withdrawn(LINK_CLOSED),
        () if released => Fate::Withdrawn(CHANGED),
        () => Fate::Redacted,
    }
}

/// A reason for whoever sent the event.
pub(crate) fn in_words(why: &str) -> &'static str {
    match why {
        EXPIRED => "the other side took nothing for seven days",
        ROOM_CLOSED => "its room was closed for the other side meanwhile",
        LINK_CLOSED => "the link from its sender's zone was closed meanwhile",
        LOST => "its content could not be read any more",
        // Bundle, clearances, what may be known of the room, whose link it goes by.
        _ => "what it was judged under has changed since",
    }
}

/// Whether an event has waited longer than it may at a moment, in milliseconds since 1970.
pub(super) const fn is_old(line: &WaitEntry, now_ms: i64) -> bool {
    line.came < now_ms.saturating_sub(super::KEEP_MS)
}

/// A fingerprint of what a verdict hangs on beside event and room: the bundle, the clearances of the zone and of the peer, those
/// of the sender's zone where that is a third one, and whether the room is hidden. `None` where nothing can be judged.
pub(crate) fn judged_under(
    active: &Active,
    peer: &Peer,
    sender: &str,
    hidden: bool,
) -> Option<String> {
    let bundle = active.bundle.as_ref().ok()?;
    let clearances = |peer: &Peer| json!([peer.zone(), peer.send, peer.receive]);
    let third = third(active, peer, sender).map(|third| clearances(third));
    let facts = json!([bundle.id, active.clearance, clearances(peer), third, hidden]);
    let hash = Sha256::digest(facts.to_string());
    Some(text_hex(&hash[..FINGERPRINT_BYTES]))
}

/// Whether an operator has closed the link from a third sender's zone, which holds for its users wherever they are.
pub(super) fn is_third_closed(active: &Active, peer: &Peer, sender: &str) -> bool {
    let third = third(active, peer, sender);
    third.is_some_and(|third| active.links.gate(third.zone()).is_closed())
}

/// The peer of a sender who is at neither end.
fn third<'a>(active: &'a Active, peer: &Peer, sender: &str) -> Option<&'a Arc<Peer>> {
    let server = ids::user_server(sender)?;
    let is_at_an_end = active.is_local(server) || peer.speaks_for(server);
    active.peers.by_server(server).filter(|_| !is_at_an_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verdict: Verdict) -> WaitEntry {
        WaitEntry {
            verdict: Some(verdict),
            under: Some("then".into()),
            ..WaitEntry::default()
        }
    }

    fn then() -> Now {
        Now {
            under: Some("then".to_owned()),
            ..Now::default()
        }
    }

    fn later() -> Now {
        Now {
            under: Some("now".to_owned()),
            ..Now::default()
        }
    }

    #[test]
    fn what_was_released_crosses_whole_while_all_is_as_it_was_judged() {
        assert_eq!(fate(&line(Verdict::Release), &then()), Fate::Whole);
        assert_eq!(fate(&line(Verdict::Redact), &then()), Fate::Redacted);
        assert_eq!(fate(&line(Verdict::Redact), &later()), Fate::Redacted);
    }

    #[test]
    fn a_denial_that_came_meanwhile_counts() {
        let denied = Now {
            denied: true,
            ..then()
        };
        assert_eq!(fate(&line(Verdict::Release), &denied), Fate::Redacted);
    }

    #[test]
    fn what_was_judged_under_something_else_crosses_redacted() {
        let released = line(Verdict::Release);
        assert_eq!(fate(&released, &later()), Fate::Withdrawn(CHANGED));
        let unknown = Now::default();
        assert_eq!(fate(&released, &unknown), Fate::Withdrawn(CHANGED));
        let old_gateway = WaitEntry {
            under: None,
            ..released
        };
        assert_eq!(fate(&old_gateway, &unknown), Fate::Withdrawn(CHANGED));
        let sacred = WaitEntry {
            never_redact: true,
            ..line(Verdict::Release)
        };
        assert_eq!(fate(&sacred, &later()), Fate::GivenUp(NEVER_REDACTED));
        assert_eq!(fate(&sacred, &then()), Fate::Whole);
    }

    #[test]
    fn while_its_senders_zone_is_closed_a_third_ones_event_is_redacted_by_no_verdict_on_it() {
        let closed = |now: Now| Now {
            third_closed: true,
            ..now
        };
        let released = line(Verdict::Release);
        assert_eq!(
            fate(&released, &closed(then())),
            Fate::Withdrawn(LINK_CLOSED)
        );
        assert_eq!(
            fate(&released, &closed(later())),
            Fate::Withdrawn(CHANGED),
            "what else has changed is a denial"
        );
        let sacred = WaitEntry {
            never_redact: true,
            ..released
        };
        assert_eq!(
            fate(&sacred, &closed(then())),
            Fate::GivenUp(NEVER_REDACTED)
        );
    }

    #[test]
    fn an_event_for_a_destination_on_another_link_is_given_up() {
        let elsewhere = Now {
            elsewhere: true,
            ..then()
        };
        for verdict in [Verdict::Release, Verdict::Redact] {
            assert_eq!(fate(&line(verdict), &elsewhere), Fate::GivenUp(ELSEWHERE));
        }
    }

    #[test]
    fn leaves_alone_pass_a_room_that_was_closed_meanwhile() {
        let closed = Now {
            closed: true,
            ..then()
        };
        assert_eq!(
            fate(&line(Verdict::Release), &closed),
            Fate::GivenUp(ROOM_CLOSED)
        );
        assert_eq!(
            fate(&line(Verdict::Redact), &closed),
            Fate::GivenUp(ROOM_CLOSED)
        );
        let leave = WaitEntry {
            leaves: true,
            ..line(Verdict::Release)
        };
        assert_eq!(fate(&leave, &closed), Fate::Whole);
    }

    #[test]
    fn what_nobody_took_for_seven_days_is_old() {
        let came = WaitEntry {
            came: 1_000,
            ..WaitEntry::default()
        };
        assert!(!is_old(&came, 1_000 + 7 * 86_400_000));
        assert!(is_old(&came, 1_001 + 7 * 86_400_000));
    }
}
