//! The two steps of an end: *draining* (take nothing new, finish what is in hand), then *cancelled* (give up).
//!
//! Work in hand holds a [`Guard`]; the process waits for the last one before it exits, so "is anything still
//! running?" is never arithmetic. Cancelling implies draining.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A process's end as seen by a service or a request handler. Clones share one state.
///
/// Services get theirs in [`crate::Service::run`]. Handlers of long requests (event streams, long polls) take
/// `web::Data<Shutdown>`: that one drains first, when the public listener stops, so they can end their answer.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    cancelled: CancellationToken,
    work: TaskTracker,
}

/// Work in hand. The process does not exit (before the deadline) while one is held.
#[must_use = "dropping the guard says the work is done"]
pub struct Guard(#[expect(dead_code, reason = "held for its drop")] TaskTrackerToken);

impl Shutdown {
    /// A fresh state that nobody has ended yet; tests drive it by [`Shutdown::drain`] and [`Shutdown::cancel`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A state with a drain of its own that shares this one's cancellation and guards.
    pub(crate) fn with_own_drain(&self) -> Self {
        Self { draining: CancellationToken::new(), ..self.clone() }
    }

    /// Resolves when no new work may be taken.
    pub async fn draining(&self) {
        tokio::select! {
            () = self.draining.cancelled() => {}
            () = self.cancelled.cancelled() => {}
        }
    }

    /// Whether no new work may be taken.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled() || self.is_cancelled()
    }

    /// Resolves when even work in hand must be given up: the deadline passed or a second signal came.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Whether work in hand must be given up.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Marks work in hand until the guard is dropped.
    pub fn guard(&self) -> Guard {
        Guard(self.work.token())
    }

    /// First step. Repeating it changes nothing.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Second step. Repeating it changes nothing.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// Waits until no guard is held.
    pub(crate) async fn work_done(&self) {
        self.work.close();
        self.work.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn cancelling_implies_draining() {
        let shutdown = Shutdown::new();
        assert!(shutdown.draining().now_or_never().is_none());
        shutdown.cancel();
        assert!(shutdown.is_draining());
        assert!(shutdown.draining().now_or_never().is_some());
    }

    #[test]
    fn a_guard_holds_the_end() {
        let shutdown = Shutdown::new();
        let guard = shutdown.guard();
        assert!(shutdown.work_done().now_or_never().is_none());
        drop(guard);
        assert!(shutdown.work_done().now_or_never().is_some());
    }

    #[test]
    fn the_listeners_drain_comes_before_the_services() {
        let services = Shutdown::new();
        let listener = services.with_own_drain();
        listener.drain();
        assert!(listener.is_draining() && !services.is_draining());
        services.cancel();
        assert!(listener.is_cancelled());
    }
}
