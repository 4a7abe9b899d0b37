//! An answer whose head is there and whose body still arrives, and what its head proves.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use premise_domain::observation::MAX_FUTURE;
use reqwest::{Response, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    error::RequestError,
    metrics::{Metrics, RequestOutcome},
};

/// Taken off the time of the `Date` header: it has whole seconds.
const DATE_RESOLUTION: TimeDelta = TimeDelta::seconds(1);

/// How far PPB's clock may be behind ours when an answer has no usable `Date`.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(120);

/// When a request was made, by our clocks.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// When the request was sent.
    pub sent_at: DateTime<Utc>,
    /// How long the head of the answer took.
    pub head_after: Duration,
}

/// What the head of an answer says.
#[derive(Debug, Clone)]
pub struct Head {
    /// When the request was made.
    pub timing: Timing,
    /// The `Date` header, where it is believable.
    pub date: Option<DateTime<Utc>>,
    /// The `Content-Length` header; absent also for a compressed body.
    pub content_length: Option<u64>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
}

impl Head {
    fn read(response: &Response, timing: Timing) -> Self {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let received_at = timing.sent_at + TimeDelta::from_std(timing.head_after).unwrap_or_default();
        // A date that runs ahead would put the floor above webhooks that are still to come.
        let date = text(header::DATE)
            .and_then(|text| DateTime::parse_from_rfc2822(text).ok())
            .map(|date| date.with_timezone(&Utc))
            .filter(|date| *date - received_at <= MAX_FUTURE);
        Self {
            timing,
            date,
            content_length: response.content_length(),
            content_type: text(header::CONTENT_TYPE).map(str::to_owned),
        }
    }

    /// r: a safe lower bound, in source time, of the moment the answer reflects.
    pub fn reflects_at(&self) -> DateTime<Utc> {
        let waited = TimeDelta::from_std(self.timing.head_after).unwrap_or(TimeDelta::MAX);
        match self.date {
            Some(date) => date.checked_sub_signed(waited).unwrap_or(date) - DATE_RESOLUTION,
            None => self.timing.sent_at - CLOCK_SKEW,
        }
    }

    /// r when an earlier answer had `last`: it strictly increases although `Date` has whole seconds, because what
    /// was asked for later shows at least what was seen before. An answer dated before `last` comes from a
    /// cache and stays as old as it is.
    pub fn reflects_after(&self, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
        const STEP: TimeDelta = TimeDelta::microseconds(1);
        let own = self.reflects_at();
        match (last, self.date) {
            (Some(last), Some(date)) if own <= last && last < date => last + STEP,
            _ => own,
        }
    }

    /// The head's part of the evidence kept on a run.
    pub fn evidence(&self) -> Value {
        json!({
            "status": 200,
            "date": self.date,
            "contentLength": self.content_length,
            "contentType": self.content_type,
            "requestedAt": self.timing.sent_at,
            "headAfterMs": u64::try_from(self.timing.head_after.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// How long to wait for the pieces of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first piece of the body, from the request on.
    pub(super) first_byte: Duration,
    /// Between two pieces.
    pub(super) silence: Duration,
}

/// An answer with status 200.
#[derive(Debug)]
pub struct Answer {
    head: Head,
    response: Response,
    patience: Patience,
    bytes: u64,
    metrics: Metrics,
}

impl Answer {
    pub(super) fn new(response: Response, timing: Timing, patience: Patience, metrics: Metrics) -> Self {
        Self { head: Head::read(&response, timing), response, patience, bytes: 0, metrics }
    }

    /// What its head says.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next piece of the body, decompressed; `None` at its end. Waits as long as pieces keep coming. A head
    /// alone is no sign of life: servers send it before they begin to work.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RequestError> {
        let bytes = self.bytes;
        let Patience { first_byte, silence } = self.patience;
        let limit = match bytes {
            0 => first_byte.saturating_sub(self.head.timing.head_after),
            _ => silence,
        };
        let result = match timeout(limit, self.response.chunk()).await {
            Err(_) if bytes == 0 => Err(RequestError::NoFirstByte(first_byte)),
            Err(_) => Err(RequestError::Silent { silence, bytes }),
            Ok(Err(source)) => Err(RequestError::Cut { bytes, source: source.without_url() }),
            Ok(Ok(chunk)) => Ok(chunk),
        };
        match &result {
            Ok(Some(chunk)) => self.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX),
            Ok(None) => self.metrics.request_ended(RequestOutcome::Ok),
            Err(error) => self.metrics.request_ended(error.outcome()),
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn head(date: Option<&str>) -> Head {
        let timing = Timing { sent_at: at("2026-01-01T00:00:00Z"), head_after: Duration::from_millis(2_500) };
        Head { timing, date: date.map(at), content_length: None, content_type: None }
    }

    #[test]
    fn an_answer_reflects_at_least_the_moment_it_was_asked_for() {
        let dated = head(Some("2026-01-01T00:00:10Z")).reflects_at();
        assert_eq!(dated, at("2026-01-01T00:00:06.5Z"));
        assert_eq!(head(None).reflects_at(), at("2025-12-31T23:58:00Z"));
    }

    #[test]
    fn r_strictly_increases_but_for_an_answer_from_a_cache() {
        let answer = head(Some("2026-01-01T00:00:10Z"));
        let after = |last| answer.reflects_after(Some(at(last)));
        assert_eq!(after("2026-01-01T00:00:06.4Z"), answer.reflects_at());
        assert_eq!(after("2026-01-01T00:00:06.5Z"), at("2026-01-01T00:00:06.500001Z"));
        assert_eq!(after("2026-01-01T00:00:09Z"), at("2026-01-01T00:00:09.000001Z"));
        assert_eq!(after("2026-01-01T00:00:10Z"), answer.reflects_at());
        assert_eq!(answer.reflects_after(None), answer.reflects_at());
    }
}
