//! Work beside the judgement of a batch: the next one is read and parsed, the one before is put aside.

use tokio::task::{JoinHandle, spawn_blocking};

use super::intake::broken_spool;
use super::spool::SpoolError;
use crate::refusal::Refusal;

/// Work on a spool that has begun on a thread of its own. Where nobody waits for its end it is dropped there.
pub(super) struct Beside<T>(JoinHandle<Result<T, SpoolError>>);

impl<T: Send + 'static> Beside<T> {
    pub(super) fn begin(work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static) -> Self {
        Self(spawn_blocking(work))
    }

    /// What came of it.
    ///
    /// # Errors
    /// [`Refusal`] where the spool failed, or the work broke off.
    pub(super) async fn done(self) -> Result<T, Refusal> {
        match self.0.await {
            Ok(result) => result.map_err(|error| broken_spool(&error)),
            Err(_) => Err(Refusal::ourselves(
                "gateway.spool",
                "work on a spool broke off by a defect of the gateway's own; please report this",
            )),
        }
    }
}
