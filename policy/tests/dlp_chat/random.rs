//! Numbers that look random and are the same in every run: SplitMix64.

/// A generator; its seed is all it is.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub fn one<'t, T: ?Sized>(&mut self, list: &[&'t T]) -> &'t T {
        let last = list.len() as u64 - 1;
        list[usize::try_from(self.between(0, last)).unwrap_or(0)]
    }

    /// `count` digits, the first not zero.
    pub fn digits(&mut self, count: u64) -> String {
        (0..count)
            .map(|place| self.between(u64::from(place == 0), 9).to_string())
            .collect()
    }
}
