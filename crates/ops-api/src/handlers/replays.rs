//! Replays of dead letters: begin, look, pause, resume, cancel. The workers do the work.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use premise_runtime::problem::Problem;
use premise_store::replays::{NewReplay, Replay, Selection, Steer};
use serde::Deserialize;
use uuid::Uuid;

use super::dead_letters::ListQuery;
use super::discard::audit_reason;
use crate::Api;
use crate::auth::{Operator, Viewer};
use crate::dto::replay::ReplayView;
use crate::error::{ApiError, not_found};

/// Letters a second, unless asked otherwise: far below what live traffic needs.
const DEFAULT_RATE: i32 = 50;
const MAX_RATE: i32 = 1_000;

/// What to replay and why. No `Debug`: the reason may be about a person.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wish {
    ids: Option<Vec<i64>>,
    filter: Option<ListQuery>,
    #[serde(default)]
    dry_run: bool,
    rate_per_second: Option<i32>,
    reason: String,
}

/// Begins a job over the open letters that are meant.
pub(crate) async fn begin(
    operator: Operator,
    api: Data<Api>,
    wish: Json<Wish>,
) -> Result<HttpResponse, ApiError> {
    let wish = wish.into_inner();
    let rate_per_second = wish.rate_per_second.unwrap_or(DEFAULT_RATE);
    if !(1..=MAX_RATE).contains(&rate_per_second) {
        return Err(invalid(format!("ratePerSecond: must be from 1 to {MAX_RATE}")));
    }
    let selection = match (wish.ids, wish.filter) {
        (Some(ids), None) => Selection::Ids(ids),
        (None, Some(filter)) => Selection::Filter(filter.open_only()?),
        _ => return Err(invalid("give either ids or a filter; {} is all open ones".to_owned())),
    };
    let new = NewReplay {
        id: Uuid::now_v7(),
        selection,
        dry_run: wish.dry_run,
        rate_per_second,
        requested_by: operator.0.label(),
        reason: audit_reason(&wish.reason)?,
    };
    let begun = api.store.begin_replay(&new).await?;
    let (id, by, total, dry_run) = (begun.id, &begun.requested_by, begun.total, begun.dry_run);
    tracing::info!(replay = %id, by, total, dry_run, "replay {id}: asked for");
    Ok(accepted(begun))
}

pub(crate) async fn show(
    _: Viewer,
    api: Data<Api>,
    replay: Path<Uuid>,
) -> Result<Json<ReplayView>, ApiError> {
    Ok(Json(find(&api, *replay).await?.into()))
}

pub(crate) async fn pause(
    operator: Operator,
    api: Data<Api>,
    replay: Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    steer(&operator, &api, *replay, Steer::Pause).await
}

pub(crate) async fn resume(
    operator: Operator,
    api: Data<Api>,
    replay: Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    steer(&operator, &api, *replay, Steer::Resume).await
}

pub(crate) async fn cancel(
    operator: Operator,
    api: Data<Api>,
    replay: Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    steer(&operator, &api, *replay, Steer::Cancel).await
}

async fn steer(operator: &Operator, api: &Api, id: Uuid, steer: Steer) -> Result<HttpResponse, ApiError> {
    let done = api.store.steer_replay(id, steer).await?;
    let found = find(api, id).await?;
    if !done {
        let problem =
            Problem::new(StatusCode::CONFLICT, "replay_not_so", "The replay is not in a state for this");
        return Err(problem.detail(format!("the replay is {}", found.status)).into());
    }
    tracing::info!(replay = %id, by = operator.0.label(), ?steer, "replay {id}: {}", found.status);
    Ok(accepted(found))
}

async fn find(api: &Api, id: Uuid) -> Result<Replay, ApiError> {
    api.store.find_replay(id).await?.ok_or_else(|| not_found(format!("there is no replay {id}")))
}

fn accepted(replay: Replay) -> HttpResponse {
    HttpResponse::Accepted().json(ReplayView::from(replay))
}

fn invalid(detail: String) -> ApiError {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_replay", "The replay cannot be begun so")
        .detail(detail)
        .into()
}
