//! Lists of premises, and one premise.

use std::collections::HashMap;

use diesel::{
    OptionalExtension, QueryDsl, QueryResult, QueryableByName, SelectableHelper,
    expression_methods::ExpressionMethods,
    pg::Pg,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types::{Array, BigInt, Bool, Date, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::PremiseId;

use super::{
    comparable, named, offset,
    premise_filter::{PremiseFilter, Sort},
    premise_row::PremiseRow,
    search,
};
use crate::{StoreError, schema::premises};

const FILTER: &str = include_str!("sql/filter.sql");
const LIST: &str = include_str!("sql/list.sql");

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct PremisePage {
    /// In the order asked for.
    pub premises: Vec<PremiseRow>,
    /// How many match in all.
    pub total: i64,
    /// A search found more than it ranks, 20,000; `total` is that limit.
    pub total_is_limit: bool,
}

/// Page `page` (from 1) of `limit` premises that match `filter`.
///
/// A search finds, in this order: what is exactly the words (premise id, registration number,
/// name); what begins with them (registration number, name); names that hold them; names that have
/// something like each of the words, in any order, most alike first. Fewer than three characters
/// find only the first two. Case does not matter. Without `filter.sort` this is the order of the
/// page, too; equals are in order of name.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &PremiseFilter,
    page: u32,
    limit: u32,
) -> Result<PremisePage, StoreError> {
    let read = async |conn: &mut AsyncPgConnection| read_page(conn, filter, page, limit).await;
    named("list premises", conn.build_transaction().read_only().repeatable_read().run(read).await)
}

async fn read_page(
    conn: &mut AsyncPgConnection,
    filter: &PremiseFilter,
    page: u32,
    limit: u32,
) -> QueryResult<PremisePage> {
    let window = (i64::from(limit), offset(page, limit));
    let words = filter.search.as_deref().map(|words| comparable(words.trim()));
    let words = words.as_deref().filter(|words| !words.is_empty());
    let found = if let Some(words) = words {
        search::find(conn, words, filter, window).await?
    } else {
        let order = filter.sort.unwrap_or(Sort::BY_NAME).order();
        filtered(LIST, order, filter, window).get_result(conn).await?
    };
    Ok(PremisePage {
        total_is_limit: words.is_some() && found.total >= search::MOST_FOUND,
        total: found.total,
        premises: rows_of(conn, &found.ids).await?,
    })
}

/// A page of ids and the number of matches.
#[derive(QueryableByName)]
pub(super) struct Found {
    #[diesel(sql_type = BigInt)]
    pub(super) total: i64,
    #[diesel(sql_type = Array<BigInt>)]
    pub(super) ids: Vec<i64>,
}

/// The statement with its filter, order and window filled in: `$1` to `$12`.
pub(super) fn filtered(
    statement: &str,
    order: &str,
    filter: &PremiseFilter,
    (limit, offset): (i64, i64),
) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
    let values = filter.values();
    diesel::sql_query(statement.replace("{filter}", FILTER).replace("{order}", order))
        .into_boxed::<Pg>()
        .bind::<Nullable<Text>, _>(values.county)
        .bind::<Nullable<Text>, _>(values.constituency)
        .bind::<Nullable<Text>, _>(values.ward)
        .bind::<Nullable<Text>, _>(values.business_type)
        .bind::<Nullable<Text>, _>(values.ownership)
        .bind::<Nullable<Text>, _>(values.cadre)
        .bind::<Nullable<Bool>, _>(values.is_tombstone)
        .bind::<Nullable<Date>, _>(values.validity.from)
        .bind::<Nullable<Date>, _>(values.validity.through)
        .bind::<Bool, _>(values.validity.unknown)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset)
}

/// The premises of `ids`, in the order of `ids`.
async fn rows_of(conn: &mut AsyncPgConnection, ids: &[i64]) -> QueryResult<Vec<PremiseRow>> {
    let rows: Vec<PremiseRow> = premises::table
        .filter(premises::premise_id.eq_any(ids))
        .select(PremiseRow::as_select())
        .load(conn)
        .await?;
    let mut by_id: HashMap<i64, PremiseRow> =
        rows.into_iter().map(|row| (row.premise_id.get(), row)).collect();
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

/// The premise, active or not; `None` when PPB never told us of it.
pub async fn find(conn: &mut AsyncPgConnection, id: PremiseId) -> Result<Option<PremiseRow>, StoreError> {
    let row = premises::table.find(id.get()).select(PremiseRow::as_select()).first(conn).await;
    named("find a premise", row.optional())
}
