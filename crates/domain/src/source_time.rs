//! PPB's clock: how its timestamps are read.
//!
//! RFC 3339 with a zone is taken as it is. Without a zone it is Nairobi time (UTC+3, no daylight
//! saving) and marked as naive so that it can be counted. Everything is floored to microseconds,
//! never rounded up: a rank must not run ahead of what was said.

use chrono::{DateTime, DurationRound, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// An instant that PPB stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceTime {
    /// The instant, floored to microseconds.
    pub at: DateTime<Utc>,
    /// It came without a zone.
    pub naive: bool,
}

/// The text is no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a timestamp is written as 2025-12-11T10:30:00Z")]
pub struct InvalidTimestamp;

/// Reads a timestamp of PPB's between the years 1900 and 9999.
pub fn parse(text: &str) -> Result<SourceTime, InvalidTimestamp> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return bounded(at.with_timezone(&Utc), false);
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .ok_or(InvalidTimestamp)?;
    let at = naive.and_local_timezone(nairobi()).single().ok_or(InvalidTimestamp)?;
    bounded(at.with_timezone(&Utc), true)
}

/// Floors an instant to the microseconds that Postgres keeps.
pub fn floor_to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

/// The calendar day in Kenya at `now`: licences are valid through their last day there.
pub fn kenyan_day(now: DateTime<Utc>) -> NaiveDate {
    now.with_timezone(&nairobi()).date_naive()
}

fn nairobi() -> FixedOffset {
    const EAST_AFRICA_SECONDS: i32 = 3 * 3600;
    FixedOffset::east_opt(EAST_AFRICA_SECONDS).unwrap_or_else(|| unreachable!("UTC+3 is an offset"))
}

fn bounded(at: DateTime<Utc>, naive: bool) -> Result<SourceTime, InvalidTimestamp> {
    use chrono::Datelike;
    if (1900..=9999).contains(&at.year()) {
        Ok(SourceTime { at: floor_to_micros(at), naive })
    } else {
        Err(InvalidTimestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_to_microseconds() {
        let at = parse("2025-12-11T10:30:00.123456999Z").unwrap().at;
        assert_eq!(at.timestamp_subsec_nanos(), 123_456_000);
        let before_epoch = parse("1960-01-01T00:00:00.000000900Z").unwrap().at;
        assert_eq!(before_epoch, parse("1960-01-01T00:00:00Z").unwrap().at);
    }

    #[test]
    fn reads_naive_time_as_nairobi() {
        for text in ["2025-12-11T13:30:00", "2025-12-11 13:30:00"] {
            let time = parse(text).unwrap();
            assert!(time.naive);
            assert_eq!(time.at, parse("2025-12-11T10:30:00Z").unwrap().at);
        }
        assert!(!parse("2025-12-11T13:30:00+03:00").unwrap().naive);
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in
            ["", "now", "NaN", "2025-12-11", "2025-02-30T00:00:00Z", "1733912000", "0001-01-01T00:00:00Z"]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_day_turns_at_midnight_in_kenya() {
        let evening = parse("2025-12-31T20:59:59Z").unwrap().at;
        assert_eq!(kenyan_day(evening).to_string(), "2025-12-31");
        assert_eq!(kenyan_day(evening + TimeDelta::seconds(1)).to_string(), "2026-01-01");
    }
}
