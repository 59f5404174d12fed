//! Patterns that nothing else keeps away, in one automaton: one run over a text says that none of them matches.

use std::sync::OnceLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::literals;
use crate::dlp::{
    detector::{Detector, Source},
    pattern::Pattern,
};

/// Patterns that are tried together, at most.
const MAX_TOGETHER: usize = 128;
/// Size of the automaton that tries them, at most, in bytes.
const TOGETHER_BYTES: usize = 32 * 1024 * 1024;
/// Memory for the states of that automaton that a text has met, at most, in bytes a thread.
const TOGETHER_STATES: usize = 8 * 1024 * 1024;

/// The patterns, and their automaton once a text asked for it.
#[derive(Clone, Debug)]
pub(super) struct Together {
    texts: Vec<String>,
    /// Inner `None` where it would be too large; then each pattern is tried by itself.
    built: OnceLock<Option<RegexSet>>,
}

impl Together {
    /// Those of `list`, which are marked, where there are several and not too many.
    pub(super) fn of(list: &mut [Detector]) -> Option<Together> {
        let mut chosen = chosen(list);
        if !(2..=MAX_TOGETHER).contains(&chosen.len()) {
            return None;
        }
        for pattern in &mut chosen {
            pattern.needs_mut().together = true;
        }
        let texts = chosen.iter().map(|pattern| pattern.as_str().to_owned());
        Some(Together {
            texts: texts.collect(),
            built: OnceLock::new(),
        })
    }

    /// False where none of them matches.
    pub(super) fn may_match(&self, text: &str) -> bool {
        let build = || {
            RegexSetBuilder::new(&self.texts)
                .size_limit(TOGETHER_BYTES)
                .dfa_size_limit(TOGETHER_STATES)
                .build()
                .ok()
        };
        let set = self.built.get_or_init(build).as_ref();
        set.is_none_or(|set| set.is_match(text.as_bytes()))
    }
}

fn chosen(list: &mut [Detector]) -> Vec<&mut Pattern> {
    let is_kept_away = |detector: &Detector| {
        !detector.keywords.is_empty()
            && detector.keywords.iter().all(|word| literals::is_rare(word))
    };
    let mut chosen = Vec::new();
    for detector in list.iter_mut().filter(|detector| !is_kept_away(detector)) {
        if let Source::Text { patterns, .. } = &mut detector.source {
            let patterns = patterns.iter_mut().map(|(pattern, _)| pattern);
            chosen.extend(
                patterns.filter(|pattern| pattern.needs().ids.is_empty() && !pattern.has_borders()),
            );
        }
    }
    chosen
}
