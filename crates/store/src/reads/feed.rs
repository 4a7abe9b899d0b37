//! The change feed: every change of the register once, in an order in which nothing turns up late.
//!
//! `seq` alone is no such order: a transaction takes its numbers when it writes and shows them when
//! it commits, so a reader that has seen 7 may get 5 later. Transactions end in any order, too, but
//! below the oldest one that still runs all have ended. So the order is (xid, seq), and only what
//! lies below that horizon is read: a cursor is final once it was handed out.
//!
//! Limits:
//! * A transaction that stays open, in any database of the server, holds back what began after it.
//! * Changes of one premise by transactions that overlapped may come in another order than they
//!   happened; within a premise `seq` tells the order. A reader that keeps states keeps the change
//!   with the largest `seq`.
//! * A dump restored into another server carries the transaction ids of the old one: there, cursors
//!   mean nothing until that server's own ids are larger.

use std::{fmt, str::FromStr};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, SelectableHelper,
    deserialize::{self, FromSql, FromSqlRow},
    dsl::sql,
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
    sql_types::{BigInt, Bool},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{changes::ChangeRow, named};
use crate::{
    StoreError,
    schema::{premise_changes, sql_types::Xid8},
};

/// A place in the feed, just after a change. Its text is opaque to readers; texts sort as the
/// cursors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    xid: TransactionId,
    seq: i64,
}

impl Cursor {
    /// Before the first change.
    pub const START: Self = Self { xid: TransactionId(0), seq: 0 };
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a cursor as the feed gave it")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}", self.xid.0, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (xid, seq) = text.split_once('-').ok_or(InvalidCursor)?;
        let seq = i64::try_from(number(seq)?).map_err(|_| InvalidCursor)?;
        Ok(Self { xid: TransactionId(number(xid)?), seq })
    }
}

/// Sixteen hexadecimal digits, written as [`Cursor`] writes them: each cursor has one text.
fn number(digits: &str) -> Result<u64, InvalidCursor> {
    let ours = digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if ours { u64::from_str_radix(digits, 16).map_err(|_| InvalidCursor) } else { Err(InvalidCursor) }
}

/// A transaction id with its epoch: it never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Xid8)]
struct TransactionId(u64);

impl FromSql<Xid8, Pg> for TransactionId {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(u64::from_be_bytes(value.as_bytes().try_into()?)))
    }
}

impl ToSql<Xid8, Pg> for TransactionId {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        std::io::Write::write_all(out, &self.0.to_be_bytes())?;
        Ok(serialize::IsNull::No)
    }
}

/// A change and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedChange {
    /// Just after the change: reading on from here gives what follows it.
    pub cursor: Cursor,
    /// The change.
    pub change: ChangeRow,
}

/// What follows a cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPage {
    /// In the order of the feed; empty when nothing that is final follows yet.
    pub changes: Vec<FeedChange>,
    /// Where to read on.
    pub next: Cursor,
}

/// The first `limit` changes after a cursor, or of all.
pub async fn read(
    conn: &mut AsyncPgConnection,
    after: Option<Cursor>,
    limit: u32,
) -> Result<FeedPage, StoreError> {
    let after = after.unwrap_or(Cursor::START);
    // As one comparison, because only that lets the index begin inside a large transaction.
    let follows = sql::<Bool>("(xid, seq) > (")
        .bind::<Xid8, _>(after.xid)
        .sql(", ")
        .bind::<BigInt, _>(after.seq)
        .sql(")");
    let rows: QueryResult<Vec<(TransactionId, ChangeRow)>> = premise_changes::table
        .select((premise_changes::xid, ChangeRow::as_select()))
        .filter(follows)
        .filter(sql::<Bool>(BELOW_HORIZON))
        .order((premise_changes::xid.asc(), premise_changes::seq.asc()))
        .limit(i64::from(limit))
        .load(conn)
        .await;
    let place = |(xid, change): (TransactionId, ChangeRow)| FeedChange {
        cursor: Cursor { xid, seq: change.seq },
        change,
    };
    let changes: Vec<FeedChange> = named("read the change feed", rows)?.into_iter().map(place).collect();
    let next = changes.last().map_or(after, |last| last.cursor);
    Ok(FeedPage { changes, next })
}

/// All transactions below it have ended, and this statement sees what they did.
const BELOW_HORIZON: &str = "xid < pg_snapshot_xmin(pg_current_snapshot())";

/// The cursor after the last change that is final now.
pub async fn latest(conn: &mut AsyncPgConnection) -> Result<Cursor, StoreError> {
    let last: QueryResult<(TransactionId, i64)> = premise_changes::table
        .select((premise_changes::xid, premise_changes::seq))
        .filter(sql::<Bool>(BELOW_HORIZON))
        .order((premise_changes::xid.desc(), premise_changes::seq.desc()))
        .first(conn)
        .await;
    let last = named("find the end of the change feed", last.optional())?;
    Ok(last.map_or(Cursor::START, |(xid, seq)| Cursor { xid, seq }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(xid: u64, seq: i64) -> Cursor {
        Cursor { xid: TransactionId(xid), seq }
    }

    #[test]
    fn texts_sort_as_cursors_and_are_read_back() {
        let ascending = [
            Cursor::START,
            cursor(9, i64::MAX),
            cursor(10, 1),
            cursor(10, 9),
            cursor(10, 10),
            cursor(1 << 40, 0),
            cursor(u64::MAX, i64::MAX),
        ];
        assert!(ascending.is_sorted());
        let texts = ascending.map(|cursor| cursor.to_string());
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts.map(|text| text.parse::<Cursor>().unwrap()), ascending);
    }

    #[test]
    fn other_texts_are_refused() {
        let good = cursor(0xabc, 7).to_string();
        for text in [
            "",
            "latest",
            &good[1..],
            &good.to_uppercase(),
            &good.replace('-', "+"),
            &good.replacen('0', "+", 1),
            &format!("{good}0"),
            "0000000000000001-8000000000000000",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
