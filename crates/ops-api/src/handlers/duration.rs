//! Spans of time in query parameters: `45` and `45s`, `30m`, `24h`, `7d`.

use chrono::TimeDelta;

/// Reads a span; `Err` is for the caller's eyes.
pub(super) fn parse(text: &str) -> Result<TimeDelta, &'static str> {
    const FORM: &str = "must be a number with a unit, such as 45s, 30m, 24h or 7d";
    let (digits, seconds) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3_600),
        Some(b'd') => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORM);
    }
    let number: i64 = digits.parse().map_err(|_| FORM)?;
    number.checked_mul(seconds).and_then(TimeDelta::try_seconds).ok_or("is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_nothing_else() {
        for (text, seconds) in
            [("60", 60), ("60s", 60), ("2m", 120), ("24h", 86_400), ("7d", 604_800), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in
            ["", "s", "-1s", "+1s", "1.5h", "1w", "1 h", "99999999999999999999", "9223372036854775807d", "1é"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
