//! SIGTERM and SIGINT in two steps: the first drains, the second gives up work in hand. SIGHUP reloads.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinSet, spawn_blocking};

use crate::{Running, Service, Shutdown};

/// The handlers. Installed before anything starts, so that no signal falls into the system's default action. A
/// SIGHUP that comes before the services are up waits for them.
pub(super) struct Signals {
    end: Ends,
    hangup: Signal,
}

struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn install() -> anyhow::Result<Self> {
        let of = |kind, name| signal(kind).with_context(|| format!("signal handler for {name}"));
        let terminate = of(SignalKind::terminate(), "SIGTERM")?;
        let interrupt = of(SignalKind::interrupt(), "SIGINT")?;
        let hangup = of(SignalKind::hangup(), "SIGHUP")?;
        Ok(Self { end: Ends { terminate, interrupt }, hangup })
    }

    /// The name of the next signal that asks for the end.
    pub(super) async fn next(&mut self) -> &'static str {
        self.end.next().await
    }

    /// Hands the signals to a started process, until the set is dropped.
    pub(super) fn watch(self, running: &Running, services: Vec<Arc<dyn Service>>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.end.drive(running.shutdown()));
        tasks.spawn(reloads(self.hangup, services.into()));
        tasks
    }
}

impl Ends {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
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

/// A task of its own: a file that hangs must not keep the process from ending.
#[expect(
    clippy::disallowed_methods,
    reason = "one at a time, it only reads files, and the end of the process does not wait for it"
)]
async fn reloads(mut hangup: Signal, services: Arc<[Arc<dyn Service>]>) {
    while hangup.recv().await.is_some() {
        let services = Arc::clone(&services);
        if let Err(error) = spawn_blocking(move || reload(&services)).await {
            tracing::error!(%error, "a reload panicked: it may be incomplete");
        }
    }
}

fn reload(services: &[Arc<dyn Service>]) {
    for service in services {
        let name = service.name();
        if let Err(error) = service.reload() {
            let error = format!("{error:#}");
            tracing::error!(service = name, error, "{name} could not reload and keeps what it had");
        }
    }
    tracing::info!(signal = "SIGHUP", "reload done");
}
