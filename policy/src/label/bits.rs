//! A set of small numbers: the values of a policy that a label or clearance has.

/// Words that stand in the set itself: room for 512 values, enough for every published policy, without an allocation.
const NEAR_WORDS: usize = 8;
const WORD_BITS: usize = u64::BITS as usize;

/// A set of numbers from 0. What lies beyond the near words is kept on the heap, so there is no limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    near: [u64; NEAR_WORDS],
    far: Vec<u64>,
}

impl Bits {
    pub(super) fn insert(&mut self, number: usize) {
        let (word, bit) = (number / WORD_BITS, 1 << (number % WORD_BITS));
        match word.checked_sub(NEAR_WORDS) {
            None => self.near[word] |= bit,
            Some(word) => {
                let length = self.far.len().max(word + 1);
                self.far.resize(length, 0);
                self.far[word] |= bit;
            }
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.word(number / WORD_BITS) & (1 << (number % WORD_BITS)) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words().all(|word| word == 0)
    }

    pub(super) fn count(&self) -> usize {
        self.words().map(|word| word.count_ones() as usize).sum()
    }

    /// What is in both.
    pub(super) fn and(&self, other: &Bits) -> Bits {
        self.zip(other, |one, other| one & other)
    }

    /// What is in either.
    pub(super) fn or(&self, other: &Bits) -> Bits {
        self.zip(other, |one, other| one | other)
    }

    /// What is in this one and not in `other`.
    pub(super) fn without(&self, other: &Bits) -> Bits {
        self.zip(other, |one, other| one & !other)
    }

    /// The numbers, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words().enumerate().flat_map(|(index, word)| {
            let ones = std::iter::successors((word != 0).then_some(word), |rest| {
                Some(rest & (rest - 1)).filter(|rest| *rest != 0)
            });
            ones.map(move |rest| index * WORD_BITS + rest.trailing_zeros() as usize)
        })
    }

    fn zip(&self, other: &Bits, combine: impl Fn(u64, u64) -> u64) -> Bits {
        let far = self.far.len().max(other.far.len());
        let at = |index| combine(self.word(index), other.word(index));
        Bits {
            near: std::array::from_fn(at),
            far: (NEAR_WORDS..).map(at).take(far).collect(),
        }
    }

    fn word(&self, index: usize) -> u64 {
        self.near
            .get(index)
            .or_else(|| self.far.get(index.wrapping_sub(NEAR_WORDS)))
            .copied()
            .unwrap_or(0)
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.near.iter().chain(&self.far).copied()
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Bits {
        let mut bits = Bits::default();
        numbers.into_iter().for_each(|number| bits.insert(number));
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(bits: &Bits) -> Vec<usize> {
        bits.iter().collect()
    }

    #[test]
    fn numbers_near_and_far_are_kept_apart() {
        let some = [0, 1, 63, 64, 511, 512, 575, 576, 3000];
        let bits: Bits = some.into_iter().collect();
        assert_eq!(list(&bits), some);
        assert_eq!(bits.count(), some.len());
        for number in 0..3100 {
            assert_eq!(bits.contains(number), some.contains(&number), "{number}");
        }
    }

    #[test]
    fn sets_of_different_lengths_combine() {
        let one: Bits = [1, 70, 600].into_iter().collect();
        let other: Bits = [1, 71, 600, 2000].into_iter().collect();
        for (a, b) in [(&one, &other), (&other, &one)] {
            assert_eq!(list(&a.and(b)), [1, 600]);
            assert_eq!(list(&a.or(b)), [1, 70, 71, 600, 2000]);
        }
        assert_eq!(list(&one.without(&other)), [70]);
        assert_eq!(list(&other.without(&one)), [71, 2000]);
    }

    #[test]
    fn a_set_is_empty_only_without_any_number() {
        assert!(Bits::default().is_empty());
        for number in [0, 511, 512, 5000] {
            assert!(!Bits::from_iter([number]).is_empty(), "{number}");
        }
        assert!(Bits::from_iter([9]).and(&Bits::from_iter([8])).is_empty());
    }
}
