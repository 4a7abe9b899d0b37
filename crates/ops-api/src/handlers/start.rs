//! Starting a pull: the row first, then the message that wakes the puller, then the answer.
//!
//! When the message is not confirmed the run is marked failed and the caller told 503. When this process dies
//! in between, the run stays queued, and the puller finds it.

use std::time::Duration;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use premise_broker::{Outgoing, PublishError, Route, WorkQueue};
use premise_domain::source_time;
use premise_domain::sync_run::{Mode, RunRequest, RunStatus};
use premise_runtime::Shutdown;
use premise_store::runs::{self, NewRun, Queued, SyncRun};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::{LOOK_EVERY, duration, long_answer};
use crate::Api;
use crate::auth::{Caller, Operator};
use crate::dto::run::RunView;
use crate::error::{ApiError, chain, invalid_query};
use crate::routes::run_location;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FullQuery {
    wait: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IncrementalQuery {
    since: Option<String>,
    wait: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// A start as asked for.
struct Asked {
    mode: Mode,
    since: Option<DateTime<Utc>>,
    wait: Option<Duration>,
    dry_run: bool,
}

pub(crate) async fn full(
    operator: Operator,
    api: Data<Api>,
    end: Data<Shutdown>,
    request: HttpRequest,
    query: Query<FullQuery>,
) -> Result<HttpResponse, ApiError> {
    let wait = wait(&request, query.wait.as_deref())?;
    let asked = Asked { mode: Mode::Full, since: None, wait, dry_run: query.dry_run };
    start(&api, &end, &operator.0, asked).await
}

pub(crate) async fn incremental(
    operator: Operator,
    api: Data<Api>,
    end: Data<Shutdown>,
    request: HttpRequest,
    query: Query<IncrementalQuery>,
) -> Result<HttpResponse, ApiError> {
    let wait = wait(&request, query.wait.as_deref())?;
    let since = query.since.as_deref().map(|text| since(text, Utc::now())).transpose()?;
    let asked = Asked { mode: Mode::Incremental, since, wait, dry_run: query.dry_run };
    start(&api, &end, &operator.0, asked).await
}

async fn start(api: &Api, end: &Shutdown, caller: &Caller, asked: Asked) -> Result<HttpResponse, ApiError> {
    // Taken before the run is queued: a caller who is told "too many" has started nothing.
    let waiting = asked.wait.map(|span| long_answer(api).map(|permit| (span, permit))).transpose()?;
    let run = queue(api, caller, &asked).await?;
    if let Err(source) = wake_puller(api, run.id).await {
        give_up(api, run.id, &source).await;
        return Err(ApiError::Publish { run: run.id, source });
    }
    let (mode, dry_run) = (run.mode, run.dry_run);
    tracing::info!(run = %run.id, %mode, dry_run, by = run.requested_by, "run {} queued", run.id);
    let run = match waiting {
        Some((span, _permit)) => watch(api, end, run, span).await?,
        None => run,
    };
    let mut answer = if run.status.is_final() { HttpResponse::Ok() } else { HttpResponse::Accepted() };
    Ok(answer.insert_header((LOCATION, run_location(run.id))).json(RunView::from(run)))
}

async fn queue(api: &Api, caller: &Caller, asked: &Asked) -> Result<SyncRun, ApiError> {
    let new = NewRun {
        id: Uuid::now_v7(),
        mode: asked.mode,
        requested_by: caller.label(),
        since: asked.since,
        dry_run: asked.dry_run,
    };
    match runs::queue(&mut *api.store.connection().await?, new).await? {
        Queued::Created(run) => Ok(run),
        Queued::InProgress(run) => Err(ApiError::RunInProgress(run.id)),
    }
}

async fn wake_puller(api: &Api, run_id: Uuid) -> Result<(), PublishError> {
    // An id always encodes.
    let body = serde_json::to_vec(&RunRequest { run_id }).unwrap_or_default();
    api.publisher.publish(Outgoing::json(Route::to(WorkQueue::SyncRuns), body)).await.map(|_confirmed| ())
}

/// Marks the run failed, so that the next one can start. When even that does not work the puller ends or runs it.
async fn give_up(api: &Api, run: Uuid, why: &PublishError) {
    let ended = async {
        let mut connection = api.store.connection().await?;
        let message = format!("The request did not reach the puller: {why}.");
        runs::end(&mut connection, run, RunStatus::Failed, "broker_unavailable", &message).await
    };
    if let Err(error) = ended.await {
        tracing::warn!(run = %run, error = chain(&error), "run {run}: could not be marked failed; it stays queued");
    }
}

/// Looks at the run until it is over, the time is up or the process drains; returns it as it then is.
async fn watch(api: &Api, end: &Shutdown, run: SyncRun, span: Duration) -> Result<SyncRun, ApiError> {
    let id = run.id;
    let over = async {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let run = super::runs::find(api, id).await?;
            if run.status.is_final() {
                return Ok(run);
            }
        }
    };
    let span = span.min(Duration::from_secs(api.settings.max_wait_seconds));
    tokio::select! {
        seen = timeout(span, over) => match seen {
            Ok(ended) => ended,
            Err(_elapsed) => super::runs::find(api, id).await,
        },
        () = end.draining() => super::runs::find(api, id).await,
    }
}

/// How long to hold the answer back: `?wait=60s`, or `Prefer: wait=60` (RFC 7240).
fn wait(request: &HttpRequest, query: Option<&str>) -> Result<Option<Duration>, ApiError> {
    let span = match query {
        Some(text) => Some(duration::parse(text).map_err(|reason| invalid_query("wait", reason))?),
        // A preference that cannot be read is ignored, as the RFC says.
        None => preferred(request).and_then(|text| duration::parse(text).ok()),
    };
    Ok(span.and_then(|span| span.to_std().ok()).filter(|span| !span.is_zero()))
}

fn preferred(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
    headers.flat_map(|value| value.split([',', ';'])).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    })
}

fn since(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    // A plus sign that a client did not escape arrives as a space.
    let since = source_time::parse(&text.replace(' ', "+")).map_err(|e| invalid_query("since", e))?.at;
    if since > now { Err(invalid_query("since", "must not be in the future")) } else { Ok(since) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_wait_is_read_from_query_or_preference() {
        let ask = |query: Option<&str>, prefer: &str| {
            let request = TestRequest::post().insert_header(("prefer", prefer.to_owned())).to_http_request();
            wait(&request, query).map(|span| span.map(|span| span.as_secs())).map_err(|e| e.to_string())
        };
        assert_eq!(ask(Some("90s"), "wait=5"), Ok(Some(90)));
        assert_eq!(ask(None, "respond-async, wait=60"), Ok(Some(60)));
        assert_eq!(ask(None, "Wait=\"7\""), Ok(Some(7)));
        assert_eq!(
            (ask(None, "wait=x"), ask(None, "respond-async"), ask(Some("0"), "")),
            (Ok(None), Ok(None), Ok(None))
        );
        assert!(ask(Some("soon"), "").unwrap_err().contains("wait"));
    }

    #[test]
    fn since_is_a_past_instant() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(since("2025-12-10T00:00:00Z", now).unwrap().timestamp(), 1_765_324_800);
        assert_eq!(since("2025-12-10T03:00:00 03:00", now).unwrap().timestamp(), 1_765_324_800);
        assert!(since("2027-12-10T00:00:00Z", now).is_err() && since("yesterday", now).is_err());
    }
}
