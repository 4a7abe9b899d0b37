//! SIGTERM and SIGINT in two steps: the first drains, the second gives up work in hand.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::{Running, Shutdown};

/// The handlers. Installed before anything starts, so that no signal falls into the system's default action.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn install() -> anyhow::Result<Self> {
        let of = |kind, name| signal(kind).with_context(|| format!("signal handler for {name}"));
        Ok(Self {
            terminate: of(SignalKind::terminate(), "SIGTERM")?,
            interrupt: of(SignalKind::interrupt(), "SIGINT")?,
        })
    }

    /// The next signal's name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Hands the signals to a started process.
    pub(super) fn end(self, running: &Running) -> JoinHandle<()> {
        tokio::spawn(self.drive(running.shutdown()))
    }

    async fn drive(mut self, end: Shutdown) {
        let name = self.next().await;
        tracing::info!(signal = name, "draining");
        end.drain();
        let name = self.next().await;
        tracing::warn!(signal = name, "second signal: giving up work in hand");
        end.cancel();
    }
}
