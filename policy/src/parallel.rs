//! Work on many things at once, for what is too much for one thread: signatures and policy calls of large bodies.

use std::num::NonZero;
use std::panic::resume_unwind;

/// Below so many things a thread costs more than it saves.
pub const FROM: usize = 64;
/// Threads for one piece of work at most, so that one body does not take a large machine.
const THREADS: usize = 4;

/// What `work` makes of each item, in their order. Blocks until all is done; fewer than [`FROM`] items are worked on here.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    map_from(FROM, items, work)
}

/// As [`map`], where `from` items are worth a thread.
pub fn map_from<T: Sync, R: Send>(
    from: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS);
    if threads < 2 || items.len() < from.max(2) {
        return items.iter().map(work).collect();
    }
    let share = items.len().div_ceil(threads);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let done = parts.into_iter().map(|part| part.join());
        done.flat_map(|part| part.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_stand_in_the_order_of_the_items() {
        for count in [0, 1, FROM - 1, FROM, FROM + 1, 1001] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(&items, |item| item * 2), doubled);
        }
    }
}
