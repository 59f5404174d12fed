//! How many texts each link may keep: as many as all links together leave free. One that floods gets half of all, and
//! the next one half of the rest, so that no link takes the room of another.

use std::collections::BTreeMap;

use super::seal::Blind;

/// Texts of all links at most, each of one event.
pub const MAX_TEXTS: u64 = 500_000;

/// Texts that are kept, by link.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    /// [`MAX_TEXTS`]; a test takes fewer.
    pub(super) most: u64,
    all: u64,
    links: BTreeMap<Blind, u64>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            most: MAX_TEXTS,
            all: 0,
            links: BTreeMap::new(),
        }
    }
}

impl Shares {
    /// Whether a link may keep so many more.
    pub(super) fn has_room(&self, link: &Blind, more: u64) -> bool {
        let own = self.links.get(link).copied().unwrap_or_default();
        let free = self.most.saturating_sub(self.all.saturating_add(more));
        own.saturating_add(more) <= free
    }

    /// Counts texts that a link keeps, or fewer of them.
    pub(super) fn add(&mut self, link: &Blind, more: i64) {
        let own = self.links.entry(*link).or_default();
        let before = *own;
        *own = own.saturating_add_signed(more);
        self.all = self.all.saturating_sub(before).saturating_add(*own);
        if *own == 0 {
            self.links.remove(link);
        }
    }

    #[cfg(test)]
    pub(super) fn links(&self) -> usize {
        self.links.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(shares: &mut Shares, link: Blind) -> u64 {
        let mut kept = 0;
        while shares.has_room(&link, 1) {
            shares.add(&link, 1);
            kept += 1;
        }
        kept
    }

    #[test]
    fn links_that_flood_leave_room_to_the_next() {
        let mut shares = Shares {
            most: 600,
            ..Shares::default()
        };
        assert_eq!(fill(&mut shares, [1; 32]), 300);
        assert_eq!(fill(&mut shares, [2; 32]), 150);
        assert_eq!(fill(&mut shares, [3; 32]), 75);
        assert!(!shares.has_room(&[1; 32], 1), "it has more than is free");
        assert!(!shares.has_room(&[4; 32], 601), "more than there is");
        shares.add(&[1; 32], -300);
        assert_eq!(shares.links(), 2);
        assert!(shares.has_room(&[1; 32], 100), "what is over is free again");
    }
}
