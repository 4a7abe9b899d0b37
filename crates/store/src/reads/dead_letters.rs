//! Deliveries that were given up.

use std::{collections::BTreeMap, str::FromStr};

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, Queryable, Selectable, SelectableHelper,
    dsl::count_star, pg::Pg,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::{PremiseId, observation::Channel, webhook::Action};
use uuid::Uuid;

use super::{comparable, named, offset};
use crate::{
    StoreError,
    schema::{dead_letters, floors, premises},
};

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterStatus {
    /// Waits for someone.
    Open,
    /// Sent again.
    Replayed,
    /// Given up for good.
    Discarded,
}

impl DeadLetterStatus {
    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

/// No status of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of open, replayed and discarded")]
pub struct UnknownStatus(String);

impl FromStr for DeadLetterStatus {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        [Self::Open, Self::Replayed, Self::Discarded]
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

impl TryFrom<String> for DeadLetterStatus {
    type Error = UnknownStatus;

    fn try_from(word: String) -> Result<Self, UnknownStatus> {
        word.parse()
    }
}

/// A dead letter without its envelope.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = dead_letters, check_for_backend(Pg))]
pub struct DeadLetterRow {
    /// Grows with each dead letter.
    pub id: i64,
    /// The delivery.
    pub delivery_id: Uuid,
    /// One of a closed list of words.
    pub reason: String,
    /// For people.
    pub detail: String,
    /// How often it was tried.
    pub attempts: i32,
    /// What the event said, where it could be read.
    pub action: Option<String>,
    /// The premise it speaks of, where it could be read.
    pub premise_id: Option<i64>,
    /// PPB's id of the event, where it has one.
    pub webhook_id: Option<String>,
    /// When the request was received.
    pub received_at: DateTime<Utc>,
    /// When it first failed.
    pub first_failed_at: DateTime<Utc>,
    /// When it was given up.
    pub dead_at: DateTime<Utc>,
    /// What became of it.
    #[diesel(deserialize_as = String)]
    pub status: DeadLetterStatus,
    /// Who replayed or discarded it last; it may have died again since.
    pub settled_by: Option<String>,
    /// When.
    pub settled_at: Option<DateTime<Utc>>,
    /// Why, in their words.
    pub settled_reason: Option<String>,
}

/// Which dead letters; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of the row")]
pub struct DeadLetterFilter {
    pub reason: Option<String>,
    pub status: Option<DeadLetterStatus>,
    pub premise_id: Option<PremiseId>,
    pub action: Option<Action>,
    /// Given up at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Given up before this time.
    pub to: Option<DateTime<Utc>>,
}

/// What holds in place of a stale statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The road it came by.
    pub channel: String,
    /// The delivery or the run that brought it.
    pub source_ref: Uuid,
    /// From when it holds.
    pub effective_at: DateTime<Utc>,
}

/// Page `page` (from 1) of `limit` dead letters, newest first, and how many match in all.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &DeadLetterFilter,
    page: u32,
    limit: u32,
) -> Result<(Vec<DeadLetterRow>, i64), StoreError> {
    let read = async |conn: &mut AsyncPgConnection| read_page(conn, filter, page, limit).await;
    named("list dead letters", conn.build_transaction().read_only().repeatable_read().run(read).await)
}

async fn read_page(
    conn: &mut AsyncPgConnection,
    filter: &DeadLetterFilter,
    page: u32,
    limit: u32,
) -> QueryResult<(Vec<DeadLetterRow>, i64)> {
    let matching = || {
        let mut query = dead_letters::table.into_boxed::<Pg>();
        if let Some(reason) = &filter.reason {
            query = query.filter(dead_letters::reason.eq(comparable(reason)));
        }
        if let Some(status) = filter.status {
            query = query.filter(dead_letters::status.eq(status.as_str()));
        }
        if let Some(id) = filter.premise_id {
            query = query.filter(dead_letters::premise_id.eq(id.get()));
        }
        if let Some(action) = filter.action {
            query = query.filter(dead_letters::action.eq(action.as_str()));
        }
        if let Some(from) = filter.from {
            query = query.filter(dead_letters::dead_at.ge(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(dead_letters::dead_at.lt(to));
        }
        query
    };
    let rows = matching()
        .order((dead_letters::dead_at.desc(), dead_letters::id.desc()))
        .limit(i64::from(limit))
        .offset(offset(page, limit))
        .select(DeadLetterRow::as_select())
        .load(conn)
        .await?;
    Ok((rows, matching().count().get_result(conn).await?))
}

/// One dead letter with its envelope, which holds the raw body and so personal data.
pub async fn find(
    conn: &mut AsyncPgConnection,
    id: i64,
) -> Result<Option<(DeadLetterRow, String)>, StoreError> {
    let found = dead_letters::table
        .find(id)
        .select((DeadLetterRow::as_select(), dead_letters::envelope))
        .first(conn)
        .await
        .optional();
    named("find a dead letter", found)
}

/// What holds of the premise: its row, or for one that is not known the floor of the last complete
/// snapshot.
pub async fn holder(conn: &mut AsyncPgConnection, id: PremiseId) -> Result<Option<Holder>, StoreError> {
    let row: QueryResult<Option<(String, Uuid, DateTime<Utc>)>> = premises::table
        .find(id.get())
        .select((premises::channel, premises::source_ref, premises::effective_at))
        .first(conn)
        .await
        .optional();
    if let Some((channel, source_ref, effective_at)) = named("find what holds", row)? {
        return Ok(Some(Holder { channel, source_ref, effective_at }));
    }
    let floor: QueryResult<Option<(Uuid, DateTime<Utc>)>> =
        floors::table.find("ppb").select((floors::run_id, floors::floor_at)).first(conn).await.optional();
    let holder = |(source_ref, effective_at)| Holder {
        channel: Channel::Full.as_str().to_owned(),
        source_ref,
        effective_at,
    };
    Ok(named("find the floor", floor)?.map(holder))
}

/// Open dead letters by reason; a reason that none has is left out.
pub async fn open_by_reason(conn: &mut AsyncPgConnection) -> Result<BTreeMap<String, i64>, StoreError> {
    let counts: QueryResult<Vec<(String, i64)>> = dead_letters::table
        .filter(dead_letters::status.eq(DeadLetterStatus::Open.as_str()))
        .group_by(dead_letters::reason)
        .select((dead_letters::reason, count_star()))
        .load(conn)
        .await;
    Ok(named("count open dead letters", counts)?.into_iter().collect())
}

/// How many dead letters are open.
pub async fn count_open(conn: &mut AsyncPgConnection) -> Result<i64, StoreError> {
    let count = dead_letters::table
        .filter(dead_letters::status.eq(DeadLetterStatus::Open.as_str()))
        .count()
        .get_result(conn)
        .await;
    named("count open dead letters", count)
}
