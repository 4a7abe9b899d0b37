//! Setting what is owned here: a premise's GLN and notes.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use chrono::Utc;
use premise_domain::FieldError;
use premise_domain::source_time::kenyan_day;
use premise_runtime::problem::Problem;
use premise_store::local_fields;
use serde_json::{Map, Value};

use super::premises::{premise_id, unknown};
use crate::Api;
use crate::auth::Operator;
use crate::dto::local_fields::read;
use crate::dto::premise::PremiseView;
use crate::error::ApiError;

/// Sets the members that are given and answers with the premise as it then stands.
pub(crate) async fn set(
    operator: Operator,
    api: Data<Api>,
    id: Path<String>,
    body: Json<Map<String, Value>>,
) -> Result<Json<PremiseView>, ApiError> {
    let id = premise_id(&id)?;
    let fields = read(body.into_inner()).map_err(|errors| invalid(&errors))?;
    let set = local_fields::set(&mut *api.store.connection().await?, id, &fields).await?;
    let row = set.ok_or_else(|| unknown(id))?;
    let (gln, notes) = (!fields.gln.is_absent(), !fields.notes.is_absent());
    tracing::info!(premise = %id, by = operator.0.label(), gln, notes, "{id}: local fields set");
    Ok(Json(PremiseView::new(row, kenyan_day(Utc::now()))))
}

fn invalid(errors: &[FieldError]) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", "Some fields cannot be set so")
        .detail(FieldError::join(errors))
        // A list of texts always has a JSON form.
        .with("errors", serde_json::to_value(errors).unwrap_or_default())
}
