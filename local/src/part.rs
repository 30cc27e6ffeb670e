//! A part of the local cloud runs until it is told to stop, and is given time to end what it has in work.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a part may take to stop: longer than any request should, short enough for who presses Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running part. Dropping it tells it to stop without waiting.
pub(crate) struct Part {
    /// What is dropped to stop it.
    running: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// Tells a part when to stop.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<()>);

impl Part {
    /// Runs what `part` makes of the signal to stop.
    pub(crate) fn run<F>(part: impl FnOnce(Stop) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (running, stop) = watch::channel(());
        Self { running, task: tokio::spawn(part(Stop(stop))) }
    }

    /// Stops the part; one that does not end in time is cut off.
    pub(crate) async fn stop(mut self) {
        drop(self.running);
        if tokio::time::timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
            // What it holds is free once it is dropped.
            let _ = self.task.await;
        }
    }
}

impl Stop {
    /// Whether the part was told to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.has_changed().is_err()
    }

    /// Returns when the part is told to stop.
    pub(crate) async fn asked(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
