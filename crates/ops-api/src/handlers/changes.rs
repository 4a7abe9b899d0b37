//! The change feed, by pages and by long poll.
//!
//! A change appears once every transaction that began before it has ended; see the store's `feed`.

use std::time::Duration;

use actix_web::web::{Data, Json, Query};
use premise_runtime::Shutdown;
use premise_store::reads::feed::{self, Cursor, FeedPage};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{LOOK_EVERY, duration, long_answer};
use crate::Api;
use crate::auth::Viewer;
use crate::dto::Page;
use crate::dto::feed::FeedView;
use crate::error::{ApiError, invalid_query};

/// In place of a cursor: what comes from now on.
const LATEST: &str = "latest";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedQuery {
    after: Option<String>,
    limit: Option<u32>,
    wait: Option<String>,
}

/// Where the caller wants to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Latest,
    Place(Cursor),
}

pub(crate) async fn read(
    _: Viewer,
    api: Data<Api>,
    end: Data<Shutdown>,
    query: Query<FeedQuery>,
) -> Result<Json<FeedView>, ApiError> {
    let Page { limit, .. } = Page::asked(None, query.limit)?;
    let span = query.wait.as_deref().map(duration::parse).transpose();
    let span = span.map_err(|reason| invalid_query("wait", reason))?.and_then(|span| span.to_std().ok());
    let after = match after(query.after.as_deref())? {
        After::Place(cursor) => cursor,
        After::Latest => feed::latest(&mut *api.store.connection().await?).await?,
    };
    let found = look(&api, after, limit).await?;
    let found = match span.filter(|span| found.changes.is_empty() && !span.is_zero()) {
        Some(span) => wait(&api, &end, found, limit, span).await?,
        None => found,
    };
    Ok(Json(found.into()))
}

fn after(text: Option<&str>) -> Result<After, ApiError> {
    match text {
        None | Some("") => Ok(After::Place(Cursor::START)),
        Some(LATEST) => Ok(After::Latest),
        Some(text) => text.parse().map(After::Place).map_err(|error| invalid_query("after", error)),
    }
}

async fn look(api: &Api, after: Cursor, limit: u32) -> Result<FeedPage, ApiError> {
    Ok(feed::read(&mut *api.store.connection().await?, Some(after), limit).await?)
}

/// Looks until there is a change, the time is up or the process drains.
async fn wait(
    api: &Api,
    end: &Shutdown,
    empty: FeedPage,
    limit: u32,
    span: Duration,
) -> Result<FeedPage, ApiError> {
    let _permit = long_answer(api)?;
    let news = async {
        let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let found = look(api, empty.next, limit).await?;
            if !found.changes.is_empty() {
                return Ok(found);
            }
        }
    };
    let span = span.min(Duration::from_secs(api.settings.max_wait_seconds));
    let seen = tokio::select! {
        seen = timeout(span, news) => seen.ok(),
        () = end.draining() => None,
    };
    seen.unwrap_or(Ok(empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_nothing_latest_or_a_cursor() {
        let cursor = "00000000000000ff-0000000000000010";
        let read = |text: Option<&str>| after(text).map_err(|error| error.to_string());
        assert_eq!(read(None), Ok(After::Place(Cursor::START)));
        assert_eq!(read(Some("latest")), Ok(After::Latest));
        assert_eq!(read(Some(cursor)), Ok(After::Place(cursor.parse().unwrap())));
        assert!(read(Some("16")).unwrap_err().contains("after: must be a cursor"));
    }
}
