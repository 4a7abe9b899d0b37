//! The latest changes, for the change feed. Older ones are forgotten, and a reader that asks for
//! them is told so.

use std::collections::VecDeque;

use crate::event::Event;

/// Changes kept.
pub const KEPT: usize = 100_000;

/// Changes by ascending sequence, without gaps.
#[derive(Debug, Default)]
pub struct ChangeLog {
    events: VecDeque<Event>,
    last: u64,
}

/// The changes asked for are forgotten, or were never made.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

impl ChangeLog {
    /// Sequence of the latest change; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Adds the change that follows [`Self::last`].
    pub fn push(&mut self, event: Event) {
        self.last = event.sequence;
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Up to `limit` changes after a sequence.
    pub fn after(&self, sequence: u64, limit: usize) -> Result<Vec<Event>, Gone> {
        let first = self.events.front().map_or(self.last + 1, |event| event.sequence);
        if sequence > self.last || sequence + 1 < first {
            return Err(Gone);
        }
        let skip = usize::try_from(sequence + 1 - first).unwrap_or(usize::MAX);
        Ok(self.events.iter().skip(skip).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use premise_domain::webhook::Action;

    use super::*;

    fn log(changes: u64) -> ChangeLog {
        let mut log = ChangeLog::default();
        for sequence in 1..=changes {
            log.push(Event {
                sequence,
                premise_id: 1,
                action: Action::Updated,
                webhook_id: uuid::Uuid::nil(),
                body: bytes::Bytes::new(),
            });
        }
        log
    }

    fn sequences(log: &ChangeLog, after: u64, limit: usize) -> Result<Vec<u64>, Gone> {
        log.after(after, limit).map(|events| events.iter().map(|e| e.sequence).collect())
    }

    #[test]
    fn gives_what_follows_in_order() {
        let log = log(5);
        assert_eq!(sequences(&log, 0, 9), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(sequences(&log, 3, 1), Ok(vec![4]));
        assert_eq!(sequences(&log, 5, 9), Ok(vec![]));
        assert_eq!(sequences(&ChangeLog::default(), 0, 9), Ok(vec![]));
    }

    #[test]
    fn says_when_changes_are_forgotten_or_unknown() {
        let log = log(KEPT as u64 + 10);
        assert_eq!(sequences(&log, 9, 1), Err(Gone));
        assert_eq!(sequences(&log, 10, 1), Ok(vec![11]));
        assert_eq!(sequences(&log, KEPT as u64 + 11, 1), Err(Gone));
    }
}
