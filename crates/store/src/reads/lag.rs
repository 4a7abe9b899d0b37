//! How long ago each channel last succeeded.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, QueryDsl, QueryResult, dsl::max};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::sync_run::{Mode, RunStatus};

use super::named;
use crate::{
    StoreError,
    schema::{inbox, sync_runs},
};

/// Last success of each channel; `None` where there was none yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastSuccesses {
    /// A full run ended well; dry runs don't count.
    pub full: Option<DateTime<Utc>>,
    /// An incremental run ended well, also when it had to pull everything.
    pub incremental: Option<DateTime<Utc>>,
    /// A webhook had its effect.
    pub webhook: Option<DateTime<Utc>>,
    /// PPB's change feed, which nothing reads yet.
    pub feed: Option<DateTime<Utc>>,
}

impl LastSuccesses {
    /// The last success of any channel.
    pub fn newest(&self) -> Option<DateTime<Utc>> {
        [self.full, self.incremental, self.webhook, self.feed].into_iter().flatten().max()
    }
}

/// Last success of each channel.
pub async fn read(conn: &mut AsyncPgConnection) -> Result<LastSuccesses, StoreError> {
    named("read the last successes", last_successes(conn).await)
}

pub(super) async fn last_successes(conn: &mut AsyncPgConnection) -> QueryResult<LastSuccesses> {
    Ok(LastSuccesses {
        full: last_run(conn, Mode::Full).await?,
        incremental: last_run(conn, Mode::Incremental).await?,
        webhook: inbox::table.select(max(inbox::processed_at)).first(conn).await?,
        feed: None,
    })
}

async fn last_run(conn: &mut AsyncPgConnection, mode: Mode) -> QueryResult<Option<DateTime<Utc>>> {
    sync_runs::table
        .filter(sync_runs::mode.eq(mode.as_str()))
        .filter(sync_runs::status.eq(RunStatus::Succeeded.as_str()))
        .filter(sync_runs::dry_run.eq(false))
        .select(max(sync_runs::finished_at))
        .first(conn)
        .await
}
