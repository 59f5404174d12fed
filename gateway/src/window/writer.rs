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
    /// The time of the windows.
    pub(super) time: i64,
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
        let time = jobs.iter().map(|job| job.time).max().unwrap_or_default();
        let (mut released, mut answers) = (Vec::new(), Vec::new());
        for job in jobs {
            released.push(job.released);
            answers.push(job.answer);
        }
        let written = lock(store).append(&released, time);
        for (answer, written) in answers.into_iter().zip(written) {
            // Whoever no longer waits has given up its request; the texts stay.
            let _ = answer.send(written);
        }
    }
}
