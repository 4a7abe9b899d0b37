//! Key figures.

use actix_web::web::{Data, Json, Query};
use chrono::{TimeDelta, Utc};
use premise_domain::source_time::{floor_to_micros, kenyan_day};
use premise_store::reads;
use serde::Deserialize;
use serde_json::Value;

use super::duration;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::figures::{self, LagView, StatsView, WebhookFigures};
use crate::error::{ApiError, invalid_query};

/// Longest window that webhooks are counted over.
const MAX_WINDOW: TimeDelta = TimeDelta::days(90);

pub(crate) async fn stats(_: Viewer, api: Data<Api>) -> Result<Json<StatsView>, ApiError> {
    let stats = reads::stats::read(&mut *api.store.connection().await?, kenyan_day(Utc::now())).await?;
    Ok(Json(stats.into()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    county: Option<String>,
    constituency: Option<String>,
}

pub(crate) async fn filter_options(
    _: Viewer,
    api: Data<Api>,
    scope: Query<Scope>,
) -> Result<Json<Value>, ApiError> {
    let mut connection = api.store.connection().await?;
    let (county, constituency) = (scope.county.as_deref(), scope.constituency.as_deref());
    let options = reads::filter_options::read(&mut connection, county, constituency).await?;
    Ok(Json(figures::filter_options(&options)))
}

pub(crate) async fn sync_lag(_: Viewer, api: Data<Api>) -> Result<Json<LagView>, ApiError> {
    let last = reads::lag::read(&mut *api.store.connection().await?).await?;
    Ok(Json(LagView::new(&last, floor_to_micros(Utc::now()), &api.settings)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    window: Option<String>,
}

pub(crate) async fn webhook_stats(
    _: Viewer,
    api: Data<Api>,
    query: Query<Window>,
) -> Result<Json<WebhookFigures>, ApiError> {
    let window = query.into_inner().window.unwrap_or_else(|| "24h".to_owned());
    let span = duration::parse(&window).map_err(|reason| invalid_query("window", reason))?;
    if span > MAX_WINDOW || span.is_zero() {
        return Err(invalid_query("window", "must be from 1s to 90d"));
    }
    let mut connection = api.store.connection().await?;
    let stats = reads::webhook_stats::read(&mut connection, Utc::now() - span).await?;
    Ok(Json(WebhookFigures::new(window, stats)))
}
