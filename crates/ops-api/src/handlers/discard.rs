//! Giving up a dead letter for good.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use premise_runtime::problem::Problem;
use premise_store::audit_reason::AuditReason;
use premise_store::{Discard, discard};
use serde::Deserialize;

use super::dead_letters::unknown;
use crate::Api;
use crate::auth::Operator;
use crate::dto::dead_letter::DeadLetterView;
use crate::error::ApiError;

/// Why. No `Debug`: it may be about a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    reason: String,
}

/// Discards an open dead letter; who did it and why stay with it.
pub(crate) async fn discard_letter(
    operator: Operator,
    api: Data<Api>,
    letter: Path<i64>,
    why: Json<Why>,
) -> Result<Json<DeadLetterView>, ApiError> {
    let reason = audit_reason(&why.reason)?;
    let by = operator.0.label();
    match discard(&mut *api.store.connection().await?, *letter, &by, &reason).await? {
        Discard::Done(row) => {
            let delivery = row.delivery_id;
            tracing::info!(dead_letter = row.id, %delivery, by, "dead letter {}: discarded", row.id);
            Ok(Json(row.into()))
        }
        Discard::NotOpen(row) => {
            Err(Problem::new(StatusCode::CONFLICT, "dead_letter_not_open", "The dead letter is not open")
                .detail(format!("the dead letter is {}", row.status.as_str()))
                .into())
        }
        Discard::Unknown => Err(unknown(*letter)),
    }
}

/// A reason as it is kept, or 422.
pub(super) fn audit_reason(text: &str) -> Result<AuditReason, ApiError> {
    AuditReason::new(text).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_reason", "The reason cannot be kept")
            .detail(format!("reason: {error}"))
            .into()
    })
}
