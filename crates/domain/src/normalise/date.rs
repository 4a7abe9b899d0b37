//! The dates that PPB writes.

use chrono::{DateTime, Datelike, NaiveDate};

/// `YYYY-MM-DD`, and only that; written out because it is read for every row of every pull.
pub(super) fn iso(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        bytes[range].iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)?;
    plausible(date)
}

/// RFC 3339 (its own calendar day) and the Kenyan `D/M/YYYY`.
pub(super) fn other(text: &str) -> Option<NaiveDate> {
    let date = DateTime::parse_from_rfc3339(text)
        .map(|at| at.date_naive())
        .or_else(|_| NaiveDate::parse_from_str(text, "%d/%m/%Y"))
        .ok()?;
    plausible(date)
}

fn plausible(date: NaiveDate) -> Option<NaiveDate> {
    (1900..=9999).contains(&date.year()).then_some(date)
}
