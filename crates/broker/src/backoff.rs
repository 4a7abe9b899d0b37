//! Waits between attempts at the broker, and between handlings of a paused batch.
//!
//! The `backoff` crate is unmaintained, and used on purpose for one thing: its tested arithmetic of
//! growing, randomised intervals. Randomness keeps replicas from reconnecting in step after a broker
//! restart. Its retry loop is not used: our loops also end on drain and on a lost connection.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// Growing waits, without an end.
#[derive(Debug)]
pub(crate) struct Waits {
    intervals: ExponentialBackoff,
}

impl Waits {
    /// From 100 ms to 2 s: a restarted broker is found again soon, an absent one is not hammered.
    pub(crate) fn reconnecting() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_secs(2))
    }

    /// From 100 ms to 10 s: for work that waits for Postgres or for room at the broker.
    pub(crate) fn pausing() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_secs(10))
    }

    fn between(first: Duration, longest: Duration) -> Self {
        Self {
            intervals: ExponentialBackoff {
                current_interval: first,
                initial_interval: first,
                randomization_factor: 0.3,
                multiplier: 2.0,
                max_interval: longest,
                max_elapsed_time: None,
                ..ExponentialBackoff::default()
            },
        }
    }

    /// How long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        self.intervals.next_backoff().unwrap_or(self.intervals.max_interval)
    }

    /// The next wait is the first one again.
    pub(crate) fn reset(&mut self) {
        self.intervals.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_starts_again() {
        let mut waits = Waits::reconnecting();
        let first = waits.next();
        assert!((70..=130).contains(&first.as_millis()), "{first:?}");
        for _ in 0..20 {
            assert!(waits.next() <= Duration::from_millis(2_600));
        }
        assert!(waits.next() >= Duration::from_millis(1_400));
        waits.reset();
        assert!(waits.next() <= Duration::from_millis(130));
    }
}
