//! Runs, past and present.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Query};
use premise_runtime::problem::Problem;
use premise_store::Approval;
use premise_store::runs::{self, SyncRun};
use serde::Deserialize;
use uuid::Uuid;

use crate::Api;
use crate::auth::{Operator, Viewer};
use crate::dto::run::{RunList, RunView};
use crate::dto::{Page, PageQuery};
use crate::error::{ApiError, not_found};
use crate::routes::run_location;

pub(crate) async fn list(
    _: Viewer,
    api: Data<Api>,
    query: Query<PageQuery>,
) -> Result<Json<RunList>, ApiError> {
    let Page { page, limit } = query.page()?;
    let mut connection = api.store.connection().await?;
    let (found, total) = runs::list(&mut connection, i64::from(page), i64::from(limit)).await?;
    Ok(Json(RunList { runs: found.into_iter().map(RunView::from).collect(), total, page, limit }))
}

pub(crate) async fn show(_: Viewer, api: Data<Api>, run: Path<Uuid>) -> Result<Json<RunView>, ApiError> {
    Ok(Json(find(&api, *run).await?.into()))
}

/// Asks a run to end: a queued one is over at once, a running one at its next step.
pub(crate) async fn cancel(
    operator: Operator,
    api: Data<Api>,
    run: Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let asked = runs::request_cancel(&mut *api.store.connection().await?, *run).await?;
    let found = find(&api, *run).await?;
    if !asked {
        return Err(over(&found).into());
    }
    tracing::info!(run = %found.id, by = operator.0.name, "run {}: asked to end", found.id);
    let answer =
        HttpResponse::Accepted().insert_header((LOCATION, run_location(found.id))).json(RunView::from(found));
    Ok(answer)
}

/// The plan that an operator has seen and approves.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Plan {
    plan_hash: String,
}

/// Carries out the withheld deletions of a held run, exactly those of the plan that the hash names, once.
pub(crate) async fn approve(
    operator: Operator,
    api: Data<Api>,
    run: Path<Uuid>,
    plan: Json<Plan>,
) -> Result<HttpResponse, ApiError> {
    let (id, label) = (*run, operator.0.label());
    let refused = |code, title, detail: String| {
        Problem::new(StatusCode::CONFLICT, code, title).detail(detail).with("runId", id.to_string())
    };
    match api.store.approve(id, &plan.plan_hash, &label).await? {
        Approval::Done { deleted } => tracing::info!(run = %id, by = label, deleted, "run {id}: approved"),
        Approval::Unknown => return Err(not_found(format!("there is no run {id}"))),
        Approval::NotHeld(status) => {
            return Err(refused("run_not_held", "The run is not held", format!("the run is {status}")).into());
        }
        Approval::OtherPlan => {
            let detail = "the run's plan is another one; look at the run again".to_owned();
            return Err(refused("other_plan", "The plan is another one", detail).into());
        }
    }
    let found = find(&api, id).await?;
    Ok(HttpResponse::Accepted().insert_header((LOCATION, run_location(id))).json(RunView::from(found)))
}

fn over(run: &SyncRun) -> Problem {
    Problem::new(StatusCode::CONFLICT, "run_is_over", "The run is over")
        .detail(format!("the run has {} already", run.status))
        .with("runId", run.id.to_string())
}

/// The run, or 404.
pub(super) async fn find(api: &Api, run: Uuid) -> Result<SyncRun, ApiError> {
    let found = runs::find(&mut *api.store.connection().await?, run).await?;
    found.ok_or_else(|| not_found(format!("there is no run {run}")))
}
