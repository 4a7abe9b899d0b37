//! What a premise went through, and how it stood at a time.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, Queryable,
    Selectable, SelectableHelper, pg::Pg,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::PremiseId;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{named, premise_row::PremiseRow};
use crate::{
    StoreError,
    schema::{premise_changes, premises},
};

/// What happened to a premise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The register learned of it.
    Created,
    /// Some of its content changed.
    Updated,
    /// It was deregistered.
    Deleted,
    /// It came back after a deletion.
    Reinstated,
}

impl ChangeKind {
    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Reinstated => "reinstated",
        }
    }
}

/// The database holds a kind of change that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of change {0:?}")]
pub struct UnknownKind(String);

impl TryFrom<String> for ChangeKind {
    type Error = UnknownKind;

    fn try_from(word: String) -> Result<Self, UnknownKind> {
        [Self::Created, Self::Updated, Self::Deleted, Self::Reinstated]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or(UnknownKind(word))
    }
}

/// One change. `Debug` leaves the values out: they may name a person.
#[derive(Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = premise_changes, check_for_backend(Pg))]
pub struct ChangeRow {
    /// Grows with each change of one premise. No cursor of the feed, which is final only in the
    /// order of transactions.
    pub seq: i64,
    /// The premise.
    #[diesel(deserialize_as = i64)]
    pub premise_id: PremiseId,
    /// What happened.
    #[diesel(deserialize_as = String)]
    pub kind: ChangeKind,
    /// The fields that changed, by column name, as they were; null where there was nothing.
    pub old_values: Value,
    /// The same fields as they became.
    pub new_values: Value,
    /// Source time from which it holds.
    pub effective_at: DateTime<Utc>,
    /// The road it came by: webhook, full, incremental or feed.
    pub channel: String,
    /// The delivery or the run that brought it.
    pub source_ref: Uuid,
    /// When the register took it.
    pub recorded_at: DateTime<Utc>,
}

impl fmt::Debug for ChangeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeRow")
            .field("seq", &self.seq)
            .field("premise_id", &self.premise_id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The last `limit` changes of a premise, newest first; none for one that was never known.
pub async fn history(
    conn: &mut AsyncPgConnection,
    id: PremiseId,
    limit: u32,
) -> Result<Vec<ChangeRow>, StoreError> {
    let rows = premise_changes::table
        .filter(premise_changes::premise_id.eq(id.get()))
        .order(premise_changes::seq.desc())
        .limit(i64::from(limit))
        .select(ChangeRow::as_select())
        .load(conn)
        .await;
    named("read the history of a premise", rows)
}

/// The premise as the register held it at `at`; `None` when it did not know it yet.
///
/// Today's row with every later change undone, so it needs no change older than `at` to be kept.
/// What no change records (`flags`, `gln`, `notes`) is today's. Provenance is that of the last
/// change up to `at`, where that one is kept.
pub async fn as_of(
    conn: &mut AsyncPgConnection,
    id: PremiseId,
    at: DateTime<Utc>,
) -> Result<Option<PremiseRow>, StoreError> {
    let read = async |conn: &mut AsyncPgConnection| rewind(conn, id, at).await;
    named("read a past premise", conn.build_transaction().read_only().repeatable_read().run(read).await)
}

async fn rewind(
    conn: &mut AsyncPgConnection,
    id: PremiseId,
    at: DateTime<Utc>,
) -> QueryResult<Option<PremiseRow>> {
    let row: Option<PremiseRow> =
        premises::table.find(id.get()).select(PremiseRow::as_select()).first(conn).await.optional()?;
    let Some(mut row) = row.filter(|row| row.first_seen_at <= at) else { return Ok(None) };
    let of_premise = premise_changes::premise_id.eq(id.get());
    let later: Vec<ChangeRow> = premise_changes::table
        .filter(of_premise.and(premise_changes::recorded_at.gt(at)))
        .order(premise_changes::seq.desc())
        .select(ChangeRow::as_select())
        .load(conn)
        .await?;
    if later.is_empty() {
        return Ok(Some(row));
    }
    for change in &later {
        undo(&mut row, change)?;
    }
    let last: Option<ChangeRow> = premise_changes::table
        .filter(of_premise.and(premise_changes::recorded_at.le(at)))
        .order(premise_changes::seq.desc())
        .select(ChangeRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.as_of = None;
    if let Some(change) = last {
        row.effective_at = change.effective_at;
        row.channel = change.channel;
        row.source_ref = change.source_ref;
        row.changed_at = change.recorded_at;
    }
    Ok(Some(row))
}

fn undo(row: &mut PremiseRow, change: &ChangeRow) -> QueryResult<()> {
    match change.kind {
        ChangeKind::Deleted => row.is_tombstone = false,
        ChangeKind::Reinstated => row.is_tombstone = true,
        ChangeKind::Created | ChangeKind::Updated => {}
    }
    for (field, value) in change.old_values.as_object().into_iter().flatten() {
        restore(row, field, value)
            .map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
    }
    Ok(())
}

/// Sets one content field, named as its column. A field that has no column any more is passed over.
fn restore(row: &mut PremiseRow, field: &str, value: &Value) -> serde_json::Result<()> {
    let text = match field {
        "license_validity" => {
            row.license_validity = Option::<NaiveDate>::deserialize(value)?;
            return Ok(());
        }
        "validity_year" => {
            row.validity_year = Option::<i32>::deserialize(value)?;
            return Ok(());
        }
        "name" => &mut row.name,
        "county" => &mut row.county,
        "constituency" => &mut row.constituency,
        "ward" => &mut row.ward,
        "business_type" => &mut row.business_type,
        "ownership" => &mut row.ownership,
        "superintendent_registration_no" => &mut row.superintendent_registration_no,
        "superintendent_name" => &mut row.superintendent_name,
        "superintendent_cadre" => &mut row.superintendent_cadre,
        _ => return Ok(()),
    };
    *text = Option::<String>::deserialize(value)?;
    Ok(())
}
