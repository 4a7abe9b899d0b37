//! Whether a publisher or consumer can work right now, for readiness probes and fail-fast.

use tokio::sync::watch;

/// What a publisher or consumer is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Connecting, for the first time or again.
    Connecting,
    /// Connected and working.
    Ready,
    /// Connected, but the broker takes no messages; with the broker's reason.
    Blocked(String),
    /// Connected, but the handler waits for something outside; with the handler's reason.
    Paused(String),
    /// Finished, for good.
    Closed,
}

/// Why something is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// See [`State::Connecting`].
    #[error("not connected to the broker")]
    Connecting,
    /// See [`State::Blocked`].
    #[error("the broker blocks publishers: {0}")]
    Blocked(String),
    /// See [`State::Paused`].
    #[error("consumption is paused: {0}")]
    Paused(String),
    /// See [`State::Closed`].
    #[error("closed")]
    Closed,
}

/// A view of a [`State`] that can be polled and awaited. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Receiver<State>);

impl Readiness {
    pub(crate) fn new() -> (watch::Sender<State>, Self) {
        let (sender, receiver) = watch::channel(State::Connecting);
        (sender, Self(receiver))
    }

    /// The state at this moment.
    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }

    /// `Ok` when work can be done, else the reason.
    pub fn check(&self) -> Result<(), NotReady> {
        match &*self.0.borrow() {
            State::Ready => Ok(()),
            State::Connecting => Err(NotReady::Connecting),
            State::Blocked(reason) => Err(NotReady::Blocked(reason.clone())),
            State::Paused(reason) => Err(NotReady::Paused(reason.clone())),
            State::Closed => Err(NotReady::Closed),
        }
    }

    /// Waits until the state is what `wanted` asks for, or until it can never be.
    pub async fn wait_for(&self, wanted: impl Fn(&State) -> bool) {
        let mut state = self.0.clone();
        // The sender is gone when its task ended; the last state stays visible in `check`.
        let _ended = state.wait_for(|state| wanted(state)).await.is_err();
    }

    /// Waits until ready.
    pub async fn ready(&self) {
        self.wait_for(|state| *state == State::Ready).await;
    }
}
