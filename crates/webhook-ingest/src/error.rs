//! Every way a webhook can be refused, and what each means for the sender, the metrics and the log.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use premise_broker::PublishError;
use premise_domain::FieldError;
use premise_runtime::problem::Problem;
use tracing::Level;

use crate::allowlist::NotAllowed;
use crate::freshness::NotFresh;
use crate::limits::Spent;

/// Seconds after which a sender should try again when the broker was away.
const BROKER_RETRY_AFTER: u32 = 5;

/// The same when this process has too much in hand, which passes sooner.
const OVERLOAD_RETRY_AFTER: u32 = 1;

/// Why a webhook is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the address may not send webhooks")]
    Address(NotAllowed),
    #[error("the body must be application/json")]
    ContentType,
    #[error("the body must not be compressed")]
    ContentEncoding,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body did not arrive in time")]
    BodySlow,
    #[error("the body did not arrive whole")]
    BodyIncomplete,
    #[error("the signature header is missing")]
    SignatureMissing,
    #[error("no signature fits the body")]
    SignatureInvalid,
    #[error("too many requests from this address were not authentic")]
    AddressLimited(Spent),
    #[error("too many webhooks in too short a time")]
    RateLimited(Spent),
    #[error("the timestamp is too old")]
    TimestampStale,
    #[error("the timestamp is in the future")]
    TimestampFuture,
    #[error("the body is not JSON: {0}")]
    Malformed(String),
    #[error("the body is no valid event; it is kept for the operators: {}", FieldError::join(.0))]
    Invalid(Vec<FieldError>),
    #[error("too many webhooks are in hand")]
    Overloaded,
    #[error("the webhook could not be stored: {0}")]
    Broker(#[from] PublishError),
}

/// What a refusal means outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    /// Stable; also the metric label.
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    pub(crate) level: Level,
    pub(crate) retry_after: Option<u32>,
}

impl Row {
    fn after(self, spent: Spent) -> Self {
        Self { retry_after: Some(spent.retry_after), ..self }
    }
}

/// The error table. Whatever a stranger can cause as often as he likes is logged below `info`, and counted.
mod table {
    use super::{BROKER_RETRY_AFTER, Level, OVERLOAD_RETRY_AFTER, Row, StatusCode as S};

    const fn row(status: S, code: &'static str, title: &'static str, level: Level) -> Row {
        Row { status, code, title, level, retry_after: None }
    }

    const fn later(code: &'static str, title: &'static str, seconds: u32) -> Row {
        Row { retry_after: Some(seconds), ..row(S::SERVICE_UNAVAILABLE, code, title, Level::DEBUG) }
    }

    pub(super) const ADDRESS: Row =
        row(S::FORBIDDEN, "address_forbidden", "The address may not send", Level::DEBUG);
    pub(super) const CONTENT_TYPE: Row = row(
        S::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body must be application/json",
        Level::DEBUG,
    );
    pub(super) const CONTENT_ENCODING: Row = row(
        S::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_encoding",
        "The body must not be compressed",
        Level::DEBUG,
    );
    pub(super) const TOO_LARGE: Row =
        row(S::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large", Level::DEBUG);
    pub(super) const BODY_SLOW: Row =
        row(S::REQUEST_TIMEOUT, "body_timeout", "The body did not arrive in time", Level::DEBUG);
    pub(super) const BODY_INCOMPLETE: Row =
        row(S::BAD_REQUEST, "body_incomplete", "The body did not arrive whole", Level::DEBUG);
    pub(super) const SIGNATURE_MISSING: Row =
        row(S::UNAUTHORIZED, "signature_missing", "The signature is missing", Level::DEBUG);
    pub(super) const SIGNATURE_INVALID: Row =
        row(S::UNAUTHORIZED, "signature_invalid", "The signature is not valid", Level::DEBUG);
    pub(super) const ADDRESS_LIMITED: Row =
        row(S::TOO_MANY_REQUESTS, "address_rate_limited", "Too many failures from the address", Level::DEBUG);
    pub(super) const RATE_LIMITED: Row =
        row(S::TOO_MANY_REQUESTS, "rate_limited", "Too many webhooks", Level::WARN);
    pub(super) const TIMESTAMP_STALE: Row =
        row(S::UNAUTHORIZED, "timestamp_stale", "The timestamp is too old", Level::WARN);
    pub(super) const TIMESTAMP_FUTURE: Row =
        row(S::UNAUTHORIZED, "timestamp_future", "The timestamp is in the future", Level::WARN);
    pub(super) const MALFORMED: Row =
        row(S::BAD_REQUEST, "malformed_json", "The body is not JSON", Level::WARN);
    pub(super) const INVALID: Row =
        row(S::UNPROCESSABLE_ENTITY, "invalid_event", "The body is no valid event", Level::WARN);
    pub(super) const OVERLOADED: Row =
        later("overloaded", "Too many webhooks are in hand", OVERLOAD_RETRY_AFTER);
    pub(super) const BROKER: Row =
        later("broker_unavailable", "The webhook could not be stored", BROKER_RETRY_AFTER);
}

impl Refusal {
    /// This refusal's row of the [`table`].
    pub(crate) fn row(&self) -> Row {
        match self {
            Self::Address(_) => table::ADDRESS,
            Self::ContentType => table::CONTENT_TYPE,
            Self::ContentEncoding => table::CONTENT_ENCODING,
            Self::TooLarge { .. } => table::TOO_LARGE,
            Self::BodySlow => table::BODY_SLOW,
            Self::BodyIncomplete => table::BODY_INCOMPLETE,
            Self::SignatureMissing => table::SIGNATURE_MISSING,
            Self::SignatureInvalid => table::SIGNATURE_INVALID,
            Self::AddressLimited(spent) => table::ADDRESS_LIMITED.after(*spent),
            Self::RateLimited(spent) => table::RATE_LIMITED.after(*spent),
            Self::TimestampStale => table::TIMESTAMP_STALE,
            Self::TimestampFuture => table::TIMESTAMP_FUTURE,
            Self::Malformed(_) => table::MALFORMED,
            Self::Invalid(_) => table::INVALID,
            Self::Overloaded => table::OVERLOADED,
            Self::Broker(_) => table::BROKER,
        }
    }

    /// One of each kind, for metrics and tests.
    pub(crate) fn samples() -> Vec<Self> {
        vec![
            Self::Address(NotAllowed::Unreadable),
            Self::ContentType,
            Self::ContentEncoding,
            Self::TooLarge { limit: 0 },
            Self::BodySlow,
            Self::BodyIncomplete,
            Self::SignatureMissing,
            Self::SignatureInvalid,
            Self::AddressLimited(Spent { retry_after: 1 }),
            Self::RateLimited(Spent { retry_after: 1 }),
            Self::TimestampStale,
            Self::TimestampFuture,
            Self::Malformed(String::new()),
            Self::Invalid(Vec::new()),
            Self::Overloaded,
            Self::Broker(PublishError::Closed),
        ]
    }

    fn problem(&self) -> Problem {
        let row = self.row();
        let mut problem = Problem::new(row.status, row.code, row.title).detail(self.to_string());
        if let Self::Invalid(errors) = self {
            // A list of texts always has a JSON form.
            problem = problem.with("errors", serde_json::to_value(errors).unwrap_or_default());
        }
        match row.retry_after {
            Some(seconds) => problem.retry_after(seconds),
            None => problem,
        }
    }
}

impl From<NotFresh> for Refusal {
    fn from(reason: NotFresh) -> Self {
        match reason {
            NotFresh::Stale => Self::TimestampStale,
            NotFresh::Future => Self::TimestampFuture,
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.row().status
    }

    fn error_response(&self) -> HttpResponse {
        self.problem().error_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_only_what_passes_asks_to_come_back() {
        let rows: Vec<Row> = Refusal::samples().iter().map(Refusal::row).collect();
        for (at, row) in rows.iter().enumerate() {
            assert!(rows[..at].iter().all(|earlier| earlier.code != row.code), "{}", row.code);
            let passes = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
            assert_eq!(row.retry_after.is_some(), passes.contains(&row.status));
        }
    }

    #[test]
    fn field_errors_are_listed() {
        let errors = vec![FieldError::new("action", "must be created, updated or deleted")];
        let body = Refusal::Invalid(errors).problem().body();
        assert_eq!(body["errors"][0]["field"], "action");
        assert_eq!(body["code"], "invalid_event");
    }
}
