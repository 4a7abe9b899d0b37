//! How long to wait before the next attempt, and when to give up.
//!
//! The `backoff` crate is unmaintained and used for one thing: its tested arithmetic of growing, randomised
//! intervals. Its retry loop is not used: it would go on for ever while PPB sends `Retry-After`.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff as _};

use crate::{config::PpbConfig, error::Retry};

/// The attempts of one run.
#[derive(Debug)]
pub struct Attempts {
    left: u32,
    intervals: ExponentialBackoff,
    longest_wish: Duration,
}

impl Attempts {
    /// All attempts of a run, before the first.
    pub fn new(config: &PpbConfig) -> Self {
        let first = Duration::from_millis(config.first_wait_ms);
        Self {
            left: config.attempts,
            intervals: ExponentialBackoff {
                current_interval: first,
                initial_interval: first,
                randomization_factor: 0.5,
                multiplier: 2.0,
                max_interval: Duration::from_millis(config.longest_wait_ms),
                max_elapsed_time: None,
                ..ExponentialBackoff::default()
            },
            longest_wish: Duration::from_millis(config.longest_retry_after_ms),
        }
    }

    /// An attempt ended so: the wait before the next one, or `None` when there is none.
    pub fn wait_after(&mut self, retry: Retry) -> Option<Duration> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return None;
        }
        let own = self.intervals.next_backoff()?;
        match retry {
            Retry::Never => None,
            Retry::Soon => Some(own),
            // Our own wait too, so that clients that were told the same time do not return together.
            Retry::After(wish) => (wish <= self.longest_wish).then(|| wish.saturating_add(own / 4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(attempts: u32) -> Attempts {
        let config = PpbConfig { attempts, first_wait_ms: 100, longest_wait_ms: 400, ..Default::default() };
        Attempts::new(&config)
    }

    #[test]
    fn waits_grow_and_end() {
        let mut attempts = attempts(6);
        for expected in [100, 200, 400, 400, 400] {
            let wait = attempts.wait_after(Retry::Soon).unwrap().as_millis();
            assert!((expected / 2..=expected * 3 / 2).contains(&wait), "{wait} for {expected}");
        }
        assert_eq!(attempts.wait_after(Retry::Soon), None);
    }

    #[test]
    fn a_wish_is_honoured_up_to_a_bound() {
        let wish = Duration::from_secs(7);
        let wait = attempts(3).wait_after(Retry::After(wish)).unwrap();
        assert!(wait >= wish && wait < wish + Duration::from_millis(50), "{wait:?}");
        assert_eq!(attempts(3).wait_after(Retry::After(Duration::from_secs(601))), None);
    }

    #[test]
    fn what_cannot_be_helped_is_not_tried_again() {
        assert_eq!(attempts(9).wait_after(Retry::Never), None);
    }
}
