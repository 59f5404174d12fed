//! One signal to every listener: take nothing new, finish what is under way.

use tokio::sync::watch;

/// Makes a shutdown signal: the trigger for whoever decides, the other half to clone for each listener.
pub fn shutdown() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

/// Fires the signal, once and for good. Dropping it fires too: nobody is left who could.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Tells every holder of the [`Shutdown`] to finish.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

/// Waits for the signal.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Returns when the signal has fired, at once if it already has.
    pub async fn fired(&mut self) {
        // An error means that the trigger is gone, which counts as fired.
        let _ = self.0.wait_for(|fired| *fired).await;
    }
}
