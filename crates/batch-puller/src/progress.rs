//! How far a run is, shared between the steps that know and the ticker that writes it down.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU8, Ordering},
};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Asked, waits for the head of the answer.
    Fetching,
    /// Rows arrive and are staged.
    Staging,
    /// All rows are staged and are being applied.
    Applying,
    /// Between two attempts.
    Waiting,
}

impl Phase {
    /// The word on the run.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetching => "fetching",
            Self::Staging => "staging",
            Self::Applying => "applying",
            Self::Waiting => "waiting",
        }
    }
}

/// The state of a run. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    phase: AtomicU8,
    bytes: AtomicI64,
    rows: AtomicI64,
}

impl Progress {
    /// The run is now doing this. Fetching begins an attempt, so it begins the counts anew.
    pub fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Relaxed);
        if phase == Phase::Fetching {
            self.0.bytes.store(0, Ordering::Relaxed);
            self.0.rows.store(0, Ordering::Relaxed);
        }
    }

    /// What the run is doing.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            1 => Phase::Staging,
            2 => Phase::Applying,
            3 => Phase::Waiting,
            _ => Phase::Fetching,
        }
    }

    /// Bytes came.
    pub fn add_bytes(&self, count: usize) {
        self.0.bytes.fetch_add(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Rows were staged.
    pub fn add_rows(&self, count: usize) {
        self.0.rows.fetch_add(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Bytes and rows of this attempt.
    pub fn counts(&self) -> (i64, i64) {
        (self.0.bytes.load(Ordering::Relaxed), self.0.rows.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_attempt_begins_at_zero() {
        let progress = Progress::default();
        progress.enter(Phase::Staging);
        progress.add_bytes(10);
        progress.add_rows(2);
        for phase in [Phase::Staging, Phase::Applying, Phase::Waiting] {
            progress.enter(phase);
            assert_eq!((progress.phase(), progress.counts()), (phase, (10, 2)));
        }
        progress.enter(Phase::Fetching);
        assert_eq!((progress.phase(), progress.counts()), (Phase::Fetching, (0, 0)));
    }
}
