//! Instants as microseconds since 1970, and how PPB writes and reads them.
//!
//! Written by hand, digit by digit: with `lastModified` switched on there is one per row.

use chrono::{DateTime, Datelike, Timelike, Utc};
use premise_domain::source_time;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
const NAIROBI: i64 = 3 * 3600 * SECOND;

/// How instants are written in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Without a zone, in Nairobi's wall time.
    pub naive: bool,
}

/// Reads RFC 3339 (or, without a zone, Nairobi's wall time).
pub fn read(text: &str) -> Result<i64, source_time::InvalidTimestamp> {
    source_time::parse(text).map(|time| time.at.timestamp_micros())
}

/// Now, by this machine's clock.
pub fn now() -> i64 {
    Utc::now().timestamp_micros()
}

/// Appends `2025-12-11T10:30:00Z`, with six decimals when there are any.
pub fn push(out: &mut Vec<u8>, micros: i64, style: Style) {
    let shown = if style.naive { micros.saturating_add(NAIROBI) } else { micros };
    let at = DateTime::from_timestamp_micros(shown).unwrap_or_default();
    push_digits(out, u32::try_from(at.year()).unwrap_or(0), 4);
    for (separator, part) in
        [(b'-', at.month()), (b'-', at.day()), (b'T', at.hour()), (b':', at.minute()), (b':', at.second())]
    {
        out.push(separator);
        push_digits(out, part, 2);
    }
    let decimals = at.timestamp_subsec_micros();
    if decimals > 0 {
        out.push(b'.');
        push_digits(out, decimals, 6);
    }
    if !style.naive {
        out.push(b'Z');
    }
}

/// The same as a string.
pub fn text(micros: i64) -> String {
    let mut out = Vec::with_capacity(27);
    push(&mut out, micros, Style::default());
    String::from_utf8_lossy(&out).into_owned()
}

/// The HTTP `Date` of an instant.
pub fn http_date(micros: i64) -> String {
    let at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn push_digits(out: &mut Vec<u8>, value: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u32.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_it_reads() {
        for shown in ["2025-12-11T10:30:00Z", "2024-02-29T23:59:59.000001Z"] {
            assert_eq!(text(read(shown).unwrap()), shown);
        }
    }

    #[test]
    fn naive_is_nairobi_without_a_zone() {
        let mut out = Vec::new();
        push(&mut out, read("2025-12-31T22:00:00Z").unwrap(), Style { naive: true });
        assert_eq!(out, b"2026-01-01T01:00:00");
    }

    #[test]
    fn http_dates_are_fixed_length_english() {
        assert_eq!(http_date(784_111_777_000_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
