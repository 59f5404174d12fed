//! Work on many things at once, for what is too much for one thread: signatures and policy calls of large bodies.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below so many things a thread costs more than it saves.
pub const FROM: usize = 64;
/// Threads for one piece of work at most, so that one body does not take a large machine.
const THREADS: usize = 4;
/// Pieces of the work for each thread: one that is held up leaves the rest to the others.
const PIECES: usize = 8;

/// What `work` makes of each item, in their order. Blocks until all is done; fewer than [`FROM`] items are worked on here.
pub fn map<'a, T: Sync, R: Send>(items: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    map_from(FROM, items, work)
}

/// As [`map`], where `from` items are worth a thread.
pub fn map_from<'a, T: Sync, R: Send>(
    from: usize,
    items: &'a [T],
    work: impl Fn(&'a T) -> R + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS);
    if threads < 2 || items.len() < from.max(2) {
        return items.iter().map(work).collect();
    }
    let piece = items.len().div_ceil(threads * PIECES);
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        loop {
            let from = next.fetch_add(piece, Ordering::Relaxed);
            let to = items.len().min(from.saturating_add(piece));
            match items.get(from..to) {
                None | Some([]) => return done,
                Some(part) => done.push((from, part.iter().map(&work).collect())),
            }
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(from, _)| *from);
    done.into_iter().flat_map(|(_, part)| part).collect()
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
