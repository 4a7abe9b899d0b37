//! The order of observations: which of two statements about a premise supersedes the other.
//!
//! A rank is computed from the message alone, so a redelivery or a replay has the same one.
//! Parts are compared left to right; the larger wins, equal is a duplicate. On equal time a
//! tombstone beats content: a closed pharmacy must never look open.

use chrono::{DateTime, TimeDelta, Utc};

use crate::source_time::floor_to_micros;

/// First bytes of the SHA-256 of the normalised content; breaks ties the same way everywhere.
pub type ContentHash = [u8; 16];

/// What a tombstone carries in place of a content hash.
pub const NO_CONTENT: ContentHash = [0; 16];

/// Position of an observation in the one order. The derived comparison *is* the rule: the order
/// of the fields matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Source time from which the statement holds.
    pub effective_at: DateTime<Utc>,
    /// 1 for what a complete snapshot confirms at its floor, 0 for everything else.
    pub class: i16,
    /// The premise is gone.
    pub is_tombstone: bool,
    /// Source time at which the statement was made.
    pub as_of: DateTime<Utc>,
    /// Position in PPB's feed where it has one, else 0.
    pub sequence: i64,
    /// Breaks the remaining ties.
    pub content_hash: ContentHash,
}

impl Rank {
    /// An event: `last_modified` of its data where it has one and is no deletion, else its
    /// `timestamp`.
    pub fn of_event(
        timestamp: DateTime<Utc>,
        last_modified: Option<DateTime<Utc>>,
        content_hash: Option<ContentHash>,
    ) -> Self {
        let as_of = floor_to_micros(timestamp);
        let effective_at = match (last_modified, content_hash) {
            (Some(modified), Some(_)) => floor_to_micros(modified),
            _ => as_of,
        };
        Self {
            effective_at,
            class: 0,
            is_tombstone: content_hash.is_none(),
            as_of,
            sequence: 0,
            content_hash: content_hash.unwrap_or(NO_CONTENT),
        }
    }

    /// A catalogue row of a response that reflects `r` or later; `lag` is the source lag
    /// allowance S.
    pub fn of_row(
        r: DateTime<Utc>,
        lag: TimeDelta,
        last_modified: Option<DateTime<Utc>>,
        content_hash: ContentHash,
    ) -> Self {
        let as_of = floor_to_micros(r);
        let floor = floor_to_micros(r - lag);
        let effective_at = last_modified.map_or(floor, |modified| floor_to_micros(modified).max(floor));
        Self { effective_at, class: 0, is_tombstone: false, as_of, sequence: 0, content_hash }
    }

    /// What a complete snapshot confirms at its floor `F = r - S`: a row (with its hash) that was
    /// not modified after it, or an absence (no hash).
    pub fn at_floor(r: DateTime<Utc>, lag: TimeDelta, content_hash: Option<ContentHash>) -> Self {
        Self {
            effective_at: floor_to_micros(r - lag),
            class: 1,
            is_tombstone: content_hash.is_none(),
            as_of: floor_to_micros(r),
            sequence: 0,
            content_hash: content_hash.unwrap_or(NO_CONTENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    const HASH: ContentHash = [7; 16];
    const LAG: TimeDelta = TimeDelta::minutes(15);

    #[test]
    fn later_effect_wins_over_everything_else() {
        let late = Rank::of_event(at(101), None, Some([0; 16]));
        let early = Rank::of_event(at(100), None, None);
        assert!(late > early);
    }

    #[test]
    fn a_tombstone_wins_at_equal_time() {
        assert!(Rank::of_event(at(100), None, None) > Rank::of_event(at(100), None, Some([255; 16])));
    }

    #[test]
    fn a_deletion_takes_effect_at_its_timestamp() {
        let deleted = Rank::of_event(at(100), Some(at(50)), None);
        assert_eq!(deleted.effective_at, at(100));
        let updated = Rank::of_event(at(100), Some(at(50)), Some(HASH));
        assert_eq!((updated.effective_at, updated.as_of), (at(50), at(100)));
    }

    #[test]
    fn an_event_inside_the_lag_beats_the_snapshot_that_may_not_have_seen_it() {
        let r = at(10_000);
        let row = Rank::of_row(r, LAG, None, HASH);
        assert!(Rank::of_event(r - LAG + TimeDelta::microseconds(1), None, Some(HASH)) > row);
        assert!(Rank::of_event(r - LAG - TimeDelta::microseconds(1), None, Some(HASH)) < row);
    }

    #[test]
    fn a_row_is_never_older_than_its_response_allows() {
        let r = at(10_000);
        assert_eq!(Rank::of_row(r, LAG, Some(at(1)), HASH).effective_at, r - LAG);
        assert_eq!(Rank::of_row(r, LAG, Some(at(9_990)), HASH).effective_at, at(9_990));
    }

    #[test]
    fn the_floor_beats_content_of_the_same_instant() {
        let r = at(10_000);
        let content = Rank::of_row(r, LAG, None, HASH);
        assert!(Rank::at_floor(r, LAG, Some(HASH)) > content);
        assert!(Rank::at_floor(r, LAG, None) > Rank::at_floor(r, LAG, Some(HASH)));
    }

    #[test]
    fn equal_messages_have_equal_ranks() {
        assert_eq!(Rank::of_event(at(5), None, Some(HASH)), Rank::of_event(at(5), None, Some(HASH)));
    }
}
