//! A Bloom filter of keyed hashes: says at once that a value is in no row, and of few that they may be.

/// Bits for each entry: about one wrong "maybe" in a hundred.
pub(super) const BITS_PER_ENTRY: usize = 16;

/// The filter. Each hash has four bits within one word, so that a question is one look into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(Vec<u64>);

impl Filter {
    /// Has these hashes.
    pub(crate) fn of(hashes: &[u64]) -> Self {
        let words = (hashes.len() * BITS_PER_ENTRY).div_ceil(64).max(1);
        let mut filter = Self(vec![0; words]);
        for hash in hashes {
            let at = filter.place(*hash);
            filter.0[at] |= mask(*hash);
        }
        filter
    }

    /// From its bytes, eight a word; none is a filter that has nothing.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let words = bytes.chunks_exact(8);
        Self(
            words
                .map(|word| u64::from_le_bytes(std::array::from_fn(|at| word[at])))
                .collect(),
        )
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// False: it is not there. True: it may be.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let mask = mask(hash);
        self.0
            .get(self.place(hash))
            .is_some_and(|word| word & mask == mask)
    }

    fn place(&self, hash: u64) -> usize {
        // The upper half says which word, spread over all of them; the lower half says which bits.
        (((hash >> 32) * self.0.len() as u64) >> 32) as usize
    }
}

fn mask(hash: u64) -> u64 {
    [0, 6, 12, 18]
        .iter()
        .fold(0, |mask, shift| mask | 1 << ((hash >> shift) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, always the same ones.
    fn hashes(seed: u64, count: usize) -> Vec<u64> {
        let next = |at: u64| {
            let mixed = (seed + at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        (0..count as u64).map(next).collect()
    }

    #[test]
    fn what_was_put_in_is_there_and_little_else() {
        let inside = hashes(1, 10_000);
        let filter = Filter::of(&inside);
        assert!(inside.iter().all(|hash| filter.may_have(*hash)));
        let strangers = hashes(1 << 40, 100_000);
        let wrong = strangers
            .iter()
            .filter(|hash| filter.may_have(**hash))
            .count();
        assert!(wrong < 2_500, "{wrong} of 100,000");
    }

    #[test]
    fn an_empty_filter_has_nothing() {
        assert!(!Filter::of(&[]).may_have(7));
        assert!(!Filter::from_bytes(&[]).may_have(7));
    }
}
