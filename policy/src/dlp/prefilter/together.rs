//! Patterns that nothing else keeps away, in one automaton: one run over a text says that none of them matches.

use std::{
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{Arc, OnceLock},
};

use regex_automata::{
    Input,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson,
    util::{pool::Pool, syntax},
};

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
const TOGETHER_STATES: usize = 2 * 1024 * 1024;
/// Text that the states in a full memory must have served, in bytes each, for it to be emptied: a text that needs new
/// states all the time is left to each pattern by itself, which is far quicker than any other way to try all together.
const BYTES_PER_STATE: usize = 64;

/// The patterns, and their automaton once a text asked for it.
#[derive(Clone, Debug)]
pub(super) struct Together {
    texts: Vec<String>,
    /// Inner `None` where it would be too large; then each pattern is tried by itself.
    built: OnceLock<Option<Arc<Automaton>>>,
}

/// The automaton, and the states that texts have met, of each thread.
#[derive(Debug)]
struct Automaton {
    dfa: Arc<DFA>,
    states: Pool<Cache, NewCache>,
}

type NewCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

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
        let built = self.built.get_or_init(|| Automaton::of(&self.texts));
        built.as_ref().is_none_or(|set| set.may_match(text))
    }
}

impl Automaton {
    fn of(texts: &[String]) -> Option<Arc<Automaton>> {
        let memory = DFA::config()
            .cache_capacity(TOGETHER_STATES)
            .minimum_cache_clear_count(Some(0))
            .minimum_bytes_per_state(Some(BYTES_PER_STATE));
        let size = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(TOGETHER_BYTES));
        let dfa = DFA::builder()
            .configure(memory)
            .thompson(size)
            .syntax(syntax::Config::new().utf8(false))
            .build_many(texts)
            .ok()?;
        let dfa = Arc::new(dfa);
        let shared = Arc::clone(&dfa);
        let new: NewCache = Box::new(move || shared.create_cache());
        let states = Pool::new(new);
        Some(Arc::new(Automaton { dfa, states }))
    }

    /// Also true where the text needs too many states.
    fn may_match(&self, text: &str) -> bool {
        let input = Input::new(text).earliest(true);
        let found = self.dfa.try_search_fwd(&mut self.states.get(), &input);
        !matches!(found, Ok(None))
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
