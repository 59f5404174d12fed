//! Fingerprints of a text.

use super::{MIN_WORDS, SHINGLE_WORDS, WINDOW_SHINGLES};
use crate::dlp::index::{IndexKey, Sip, Words};

/// Odd, and without a pattern in its bits.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes fingerprints under the key of one index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Print(Sip);

/// A fingerprint and the number of the word that its shingle begins with.
pub(super) type Printed = (u64, usize);

impl Print {
    pub(crate) fn new(key: &IndexKey, index: &str) -> Self {
        Self(key.sip("document word", index))
    }

    /// The fingerprints of a document.
    pub(crate) fn of_document(self, text: &str) -> Vec<u64> {
        let printed = self.of(&Words::of(text));
        printed.into_iter().map(|(print, _)| print).collect()
    }

    /// The fingerprints of a text, in their order; none where it is too short.
    pub(super) fn of(self, words: &Words) -> Vec<Printed> {
        if words.len() < MIN_WORDS {
            return Vec::new();
        }
        let hashes: Vec<u64> = words
            .iter()
            .map(|word| self.0.of(word.as_bytes()))
            .collect();
        let shingles: Vec<u64> = hashes.windows(SHINGLE_WORDS).map(shingle).collect();
        winnow(&shingles)
    }
}

/// The words' hashes are as good as random and secret, so that mixing them in their order is enough.
fn shingle(words: &[u64]) -> u64 {
    let mixed = words.iter().fold(0_u64, |mixed, word| {
        (mixed.rotate_left(23) ^ word).wrapping_mul(MIX)
    });
    mixed ^ (mixed >> 32)
}

/// Of each window the least; of equal ones the last, so that runs of one shingle stay few.
fn winnow(shingles: &[u64]) -> Vec<Printed> {
    let mut kept: Vec<Printed> = Vec::with_capacity(shingles.len() / 2);
    for (from, window) in shingles.windows(WINDOW_SHINGLES).enumerate() {
        let least = window
            .iter()
            .enumerate()
            .rev()
            .min_by_key(|(_, hash)| **hash);
        let Some((at, hash)) = least else { continue };
        if kept.last().is_none_or(|(_, last)| *last != from + at) {
            kept.push((*hash, from + at));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_window_one_is_kept_and_far_fewer_than_all() {
        let shingles: Vec<u64> = (0..1000_u64).map(|at| shingle(&[at, at * at])).collect();
        let kept = winnow(&shingles);
        assert!(kept.len() < 500, "{}", kept.len());
        for pair in kept.windows(2) {
            let gap = pair[1].1 - pair[0].1;
            assert!((1..=WINDOW_SHINGLES).contains(&gap));
        }
    }
}
