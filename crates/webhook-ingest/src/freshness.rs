//! Whether an event is recent, judged once, at receipt: time spent in a queue must not make it stale.

use chrono::{DateTime, TimeDelta, Utc};

/// The window around now in which an event's `timestamp` is accepted. Both edges are inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) past: TimeDelta,
    pub(crate) future: TimeDelta,
}

/// Why an event is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFresh {
    /// Older than the window.
    Stale,
    /// Further ahead than the window.
    Future,
}

impl Windows {
    /// Judges an event. One without a timestamp is taken: its signature proves it, the memory of repeats and
    /// the inbox stop it from being applied again.
    pub(crate) fn judge(
        self,
        stated_at: Option<DateTime<Utc>>,
        received_at: DateTime<Utc>,
    ) -> Result<(), NotFresh> {
        let Some(stated_at) = stated_at else { return Ok(()) };
        let age = received_at - stated_at;
        if age > self.past {
            Err(NotFresh::Stale)
        } else if -age > self.future {
            Err(NotFresh::Future)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_edges_are_inside() {
        let windows = Windows { past: TimeDelta::hours(24), future: TimeDelta::minutes(5) };
        let now: DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
        let tick = TimeDelta::microseconds(1);
        let cases = [
            (now, Ok(())),
            (now - TimeDelta::hours(24), Ok(())),
            (now - TimeDelta::hours(24) - tick, Err(NotFresh::Stale)),
            (now + TimeDelta::minutes(5), Ok(())),
            (now + TimeDelta::minutes(5) + tick, Err(NotFresh::Future)),
            (DateTime::<Utc>::MIN_UTC, Err(NotFresh::Stale)),
            (DateTime::<Utc>::MAX_UTC, Err(NotFresh::Future)),
        ];
        for (stated_at, expected) in cases {
            assert_eq!(windows.judge(Some(stated_at), now), expected, "{stated_at}");
        }
        assert_eq!(windows.judge(None, now), Ok(()));
    }
}
