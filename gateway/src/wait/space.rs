//! How much may wait: of a pair of homeservers, of a link, and in all.

use std::collections::BTreeMap;

use super::{Pair, pair_of};
use crate::audit::entry::WaitEntry;

/// Events that one pair of homeservers may have waiting at most; with more its transactions are refused (503), and its
/// homeserver keeps them.
pub const PAIR_ITEMS: usize = 1000;
/// Sealed bytes that one pair may have waiting at most.
pub const PAIR_BYTES: u64 = 64 * 1024 * 1024;
/// Sealed bytes that may wait on one link at most.
pub const LINK_BYTES: u64 = 256 * 1024 * 1024;
/// Sealed bytes that may wait at most.
pub const BYTES: u64 = 1024 * 1024 * 1024;

/// What is used up.
#[derive(Debug, Default)]
pub(super) struct Space {
    bytes: u64,
    links: BTreeMap<String, u64>,
    pairs: BTreeMap<Pair, (usize, u64)>,
}

impl Space {
    /// Whether nothing more of a pair may wait, whatever others have.
    pub(super) fn is_full(&self, pair: &Pair) -> bool {
        let (items, bytes) = self.pairs.get(pair).copied().unwrap_or_default();
        items >= PAIR_ITEMS || bytes >= PAIR_BYTES
    }

    /// Takes room for events of one pair and link, or none of it.
    pub(super) fn take(&mut self, pair: &Pair, link: &str, lines: &[WaitEntry]) -> bool {
        let bytes = lines.iter().map(|line| line.bytes).sum();
        let fits = lines.is_empty() || self.fits(pair, link, lines.len(), bytes);
        if fits {
            lines.iter().for_each(|line| self.add(line));
        }
        fits
    }

    fn fits(&self, pair: &Pair, link: &str, items: usize, bytes: u64) -> bool {
        let (pair_items, pair_bytes) = self.pairs.get(pair).copied().unwrap_or_default();
        let link_bytes = self.links.get(link).copied().unwrap_or_default();
        pair_items.saturating_add(items) <= PAIR_ITEMS
            && pair_bytes.saturating_add(bytes) <= PAIR_BYTES
            && link_bytes.saturating_add(bytes) <= LINK_BYTES
            && self.bytes.saturating_add(bytes) <= BYTES
    }

    /// Counts an event, whether there is room for it or not: what a start finds waits already.
    pub(super) fn add(&mut self, line: &WaitEntry) {
        self.bytes = self.bytes.saturating_add(line.bytes);
        let link = self.links.entry(line.link.to_string()).or_default();
        *link = link.saturating_add(line.bytes);
        let (items, bytes) = self.pairs.entry(pair_of(line)).or_default();
        *items += 1;
        *bytes = bytes.saturating_add(line.bytes);
    }

    /// Gives back what an event took.
    pub(super) fn give_back(&mut self, line: &WaitEntry) {
        self.bytes = self.bytes.saturating_sub(line.bytes);
        if let Some(link) = self.links.get_mut(line.link.as_str()) {
            *link = link.saturating_sub(line.bytes);
        }
        let pair = pair_of(line);
        if let Some((items, bytes)) = self.pairs.get_mut(&pair) {
            *items = items.saturating_sub(1);
            *bytes = bytes.saturating_sub(line.bytes);
            if *items == 0 {
                self.pairs.remove(&pair);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(origin: &str, link: &str, bytes: u64) -> WaitEntry {
        WaitEntry {
            origin: origin.into(),
            destination: "low.test".into(),
            link: link.into(),
            bytes,
            ..WaitEntry::default()
        }
    }

    fn takes(space: &mut Space, line: &WaitEntry) -> bool {
        space.take(&pair_of(line), &line.link, std::slice::from_ref(line))
    }

    #[test]
    fn a_pair_a_link_and_all_together_may_have_so_many_bytes_waiting_and_no_more() {
        let mut space = Space::default();
        let full = line("high.test", "high->low", PAIR_BYTES);
        let one = |origin, link| line(origin, link, 1);
        assert!(takes(&mut space, &full));
        assert!(space.is_full(&pair_of(&full)));
        assert!(!takes(&mut space, &one("high.test", "high->low")));
        assert!(
            takes(&mut space, &one("second.test", "high->low")),
            "another pair"
        );
        space.give_back(&one("second.test", "high->low"));
        for at in 1..LINK_BYTES / PAIR_BYTES {
            assert!(takes(
                &mut space,
                &line(&format!("{at}.test"), "high->low", PAIR_BYTES)
            ));
        }
        assert!(
            !takes(&mut space, &one("last.test", "high->low")),
            "the link"
        );
        assert!(
            !space.is_full(&pair_of(&one("last.test", "high->low"))),
            "what need not wait crosses"
        );
        assert!(
            takes(&mut space, &one("last.test", "eu->low")),
            "another link"
        );
        space.give_back(&one("last.test", "eu->low"));
        for at in 1..BYTES / LINK_BYTES {
            let link = format!("{at}->low");
            for pair in 0..LINK_BYTES / PAIR_BYTES {
                assert!(takes(
                    &mut space,
                    &line(&format!("{at}.{pair}.test"), &link, PAIR_BYTES)
                ));
            }
        }
        assert!(
            !takes(&mut space, &one("last.test", "eu->low")),
            "all together"
        );
        space.give_back(&full);
        assert!(
            takes(&mut space, &one("last.test", "eu->low")),
            "what is gone leaves room"
        );
    }

    #[test]
    fn a_pair_may_have_so_many_events_waiting_and_takes_all_of_a_transaction_or_none() {
        let mut space = Space::default();
        let one = line("high.test", "high->low", 1);
        let pair = pair_of(&one);
        let most = vec![one.clone(); PAIR_ITEMS - 1];
        assert!(space.take(&pair, "high->low", &most));
        assert!(!space.take(&pair, "high->low", &[one.clone(), one.clone()]));
        assert!(!space.is_full(&pair));
        assert!(takes(&mut space, &one));
        assert!(space.is_full(&pair));
        assert!(space.take(&pair, "high->low", &[]), "nothing needs no room");
    }
}
