//! Taking events over: one transaction of a pair at a time, each event once, sealed before it is recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{Later, Pair, Waits, lock, pair_of};
use crate::audit::entry::{Entry, WaitEntry};
use crate::hold::{Holds, on_disk};
use crate::refusal::Refusal;

/// Events that are sealed and not queued yet, and the turn of their transaction. It ends by [`Taken::queue`] or
/// [`Taken::give_back`]. Where nobody says how their recording ended, they leave their room to others, and what was sealed to
/// the next start, which sees whether the log has them.
#[derive(Debug)]
pub(crate) struct Taken {
    waits: Arc<Waits>,
    lines: Vec<WaitEntry>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Taken {
    /// The lines that say so.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lines.iter().cloned().map(Entry::Wait).collect()
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// They are recorded: puts them into their queue.
    pub(crate) fn queue(mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.waits.enqueue(lines);
    }

    /// They could not be recorded: no line says that they wait. Blocks for the disk.
    pub(crate) fn give_back(self, holds: &Holds) {
        let lines = self.lines.iter();
        lines.for_each(|line| holds.destroy_soon(&line.item));
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut space = lock(&self.waits.space);
        self.lines.iter().for_each(|line| space.give_back(line));
    }
}

impl Waits {
    /// Seals the events of one transaction. An event that waits already, or stands twice in it, is taken over once.
    ///
    /// # Errors
    /// [`Refusal`] where there is no room, or the disk does not take them: nothing is acknowledged then.
    pub(crate) async fn take_over(
        self: &Arc<Self>,
        holds: &Arc<Holds>,
        mut laters: Vec<Later>,
    ) -> Result<Taken, Refusal> {
        let Some(pair) = laters.first().map(|later| pair_of(&later.line)) else {
            return Ok(self.taken(Vec::new(), None));
        };
        let turn = self.taking(&pair).lock_owned().await;
        let mut known = self.items(&pair);
        laters.retain(|later| known.insert(later.line.item.to_string()));
        let lines: Vec<WaitEntry> = laters.iter().map(|later| later.line.clone()).collect();
        if !self.reserve(&pair, &lines) {
            return Err(full());
        }
        let taken = self.taken(lines, Some(turn));
        if let Err(error) = seal(holds, laters).await {
            taken.give_back(holds);
            let detail =
                format!("an event that should wait cannot be kept: {error}; see state.held");
            return Err(Refusal::ourselves("gateway.hold", detail));
        }
        Ok(taken)
    }

    fn taken(self: &Arc<Self>, lines: Vec<WaitEntry>, turn: Option<OwnedMutexGuard<()>>) -> Taken {
        Taken {
            waits: Arc::clone(self),
            lines,
            _turn: turn,
        }
    }

    fn taking(&self, pair: &Pair) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.takings).entry(pair.clone()).or_default())
    }

    fn items(&self, pair: &Pair) -> BTreeSet<String> {
        let queues = lock(&self.queues);
        let lines = queues.get(pair).into_iter().flatten();
        lines.map(|line| line.item.to_string()).collect()
    }

    fn reserve(&self, pair: &Pair, lines: &[WaitEntry]) -> bool {
        let link = lines.first().map_or("", |line| line.link.as_str());
        lock(&self.space).take(pair, link, lines)
    }
}

/// What a homeserver is told whose events do not fit.
pub(crate) fn full() -> Refusal {
    let detail =
        "as much waits for checks, or for its destination, as may; the homeserver sends again";
    Refusal::ourselves("gateway.hold_full", detail)
}

async fn seal(holds: &Arc<Holds>, laters: Vec<Later>) -> std::io::Result<()> {
    let holds = Arc::clone(holds);
    let seal = move || {
        let mut laters = laters.iter();
        laters.try_for_each(|later| holds.seal(&later.line.item, &later.content))
    };
    on_disk(seal).await
}
