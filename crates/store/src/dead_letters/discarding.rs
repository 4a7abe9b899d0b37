//! Giving up a dead letter for good. It stays, with who did it, when and why.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper, dsl::now};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    StoreError,
    audit_reason::AuditReason,
    reads::dead_letters::{self as reads, DeadLetterRow, DeadLetterStatus},
    schema::dead_letters,
};

/// What became of the wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discard {
    /// It is discarded now.
    Done(DeadLetterRow),
    /// It was replayed or discarded before; nothing was changed.
    NotOpen(DeadLetterRow),
    /// There is none with this id.
    Unknown,
}

/// Discards an open dead letter.
pub async fn discard(
    conn: &mut AsyncPgConnection,
    id: i64,
    by: &str,
    reason: &AuditReason,
) -> Result<Discard, StoreError> {
    let open = dead_letters::table.find(id).filter(dead_letters::status.eq(DeadLetterStatus::Open.as_str()));
    let discarded = diesel::update(open)
        .set((
            dead_letters::status.eq(DeadLetterStatus::Discarded.as_str()),
            dead_letters::settled_by.eq(by),
            dead_letters::settled_at.eq(now),
            dead_letters::settled_reason.eq(reason.as_str()),
        ))
        .returning(DeadLetterRow::as_returning())
        .get_result(conn)
        .await
        .optional()
        .map_err(|error| StoreError::from_diesel("discard a dead letter", error))?;
    if let Some(row) = discarded {
        return Ok(Discard::Done(row));
    }
    let found = reads::find(conn, id).await?;
    Ok(found.map_or(Discard::Unknown, |(row, _)| Discard::NotOpen(row)))
}
