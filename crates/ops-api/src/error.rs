//! The one table from what went wrong to what the caller sees.
//!
//! | what | status | code | log |
//! |---|---|---|---|
//! | Postgres away, overloaded or behind | 503 + `Retry-After` | `database_unavailable` | warn |
//! | Postgres refused a statement | 500 | `internal` | error |
//! | the broker did not confirm a run request | 503 + `Retry-After` | `broker_unavailable` | warn |
//! | a run is in progress | 409 | `run_in_progress` | |
//! | too many long answers | 503 + `Retry-After` | `too_many_waiting` | |

use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, http::header};
use premise_broker::PublishError;
use premise_runtime::problem::Problem;
use premise_store::{Disposition, StoreError};
use uuid::Uuid;

/// Seconds after which a caller may try again.
const RETRY_AFTER: u32 = 5;

/// What a handler ends in beside its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("run {run} was not confirmed")]
    Publish { run: Uuid, source: PublishError },
    #[error("run {0} is in progress")]
    RunInProgress(Uuid),
    #[error("too many answers are held open")]
    TooManyWaiting,
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// Nothing with that name, or nothing any more.
pub(crate) fn not_found(detail: impl Into<String>) -> ApiError {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found").detail(detail).into()
}

/// A query parameter that is not what the route takes.
pub(crate) fn invalid_query(name: &'static str, reason: impl std::fmt::Display) -> ApiError {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", "The query is not what this route takes")
        .detail(format!("{name}: {reason}"))
        .with("parameter", name)
        .into()
}

impl ApiError {
    fn problem(&self) -> Problem {
        let unavailable =
            |code, title| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after(RETRY_AFTER);
        match self {
            Self::Store(error) => match error.disposition() {
                Disposition::Unavailable => {
                    unavailable("database_unavailable", "The database is not available")
                }
                Disposition::Rejected => {
                    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
                }
            },
            Self::Publish { run, source } => unavailable("broker_unavailable", "The broker is not available")
                .detail(format!("the run was not started: {source}"))
                .with("runId", run.to_string()),
            Self::RunInProgress(run) => {
                Problem::new(StatusCode::CONFLICT, "run_in_progress", "A run is in progress")
                    .detail("one run at a time; follow the one in progress or cancel it")
                    .with("runId", run.to_string())
                    .header(header::LOCATION, crate::routes::run_location(*run))
            }
            Self::TooManyWaiting => unavailable("too_many_waiting", "Too many answers are held open"),
            Self::Problem(problem) => problem.clone(),
        }
    }

    /// Logs once what the caller is not told in full.
    fn log(&self) {
        let chain = chain(self);
        match self {
            Self::Store(error) if error.disposition() == Disposition::Rejected => {
                tracing::error!(error = chain, "request failed: {self}");
            }
            Self::Store(_) | Self::Publish { .. } => tracing::warn!(error = chain, "request refused: {self}"),
            Self::RunInProgress(_) | Self::TooManyWaiting | Self::Problem(_) => {}
        }
    }
}

/// The error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.problem().status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.log();
        self.problem().error_response()
    }
}
