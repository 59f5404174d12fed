//! The writer: one thread that makes everything that waits durable with one transaction.

use std::sync::Mutex;

use sluice_policy::dlp::Part;
use tokio::sync::{mpsc, oneshot};

use super::store::Store;
use super::{Speaker, WindowError, lock};

/// Calls that are taken into one transaction at most.
const BATCH_JOBS: usize = 1024;

/// One call of [`super::Windows::append`].
pub(super) struct Job {
    pub(super) released: Vec<(Speaker, Part)>,
    pub(super) now_ms: i64,
    pub(super) answer: oneshot::Sender<Result<(), WindowError>>,
}

/// Writes until all senders are gone.
pub(super) fn run(store: &Mutex<Store>, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < BATCH_JOBS
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        let now_ms = jobs.iter().map(|job| job.now_ms).max().unwrap_or_default();
        let (mut released, mut answers) = (Vec::new(), Vec::new());
        for job in jobs {
            released.extend(job.released);
            answers.push(job.answer);
        }
        let written = lock(store).append(&released, now_ms);
        for answer in answers {
            // Whoever no longer waits has given up its request; the texts stay.
            let _ = answer.send(written.clone());
        }
    }
}
