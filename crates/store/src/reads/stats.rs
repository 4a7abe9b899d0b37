//! The register in numbers.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Date, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::license::LicenseStatus;

use super::{lag, named, premise_filter::last_expiring_day};
use crate::StoreError;

/// Counts of the register. Every list is of active premises, largest count first, equal ones by
/// value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Premises that are registered.
    pub active: i64,
    /// Premises that were deregistered.
    pub inactive: i64,
    /// When a channel last brought anything, or confirmed that there was nothing to bring.
    pub last_synced_at: Option<DateTime<Utc>>,
    #[expect(missing_docs, reason = "the name says it")]
    pub by_county: Vec<Count>,
    #[expect(missing_docs, reason = "the name says it")]
    pub by_business_type: Vec<Count>,
    #[expect(missing_docs, reason = "the name says it")]
    pub by_ownership: Vec<Count>,
    /// By cadre of the superintendent.
    pub by_cadre: Vec<Count>,
    /// By licence status on the day asked for; a status that none has is left out.
    pub by_license_status: Vec<LicenseCount>,
}

/// How many premises have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// `None`: PPB says nothing.
    pub value: Option<String>,
    /// How many.
    pub count: i64,
}

/// How many premises have a licence status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenseCount {
    /// The status.
    pub status: LicenseStatus,
    /// How many.
    pub count: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    facet: String,
    #[diesel(sql_type = Bool)]
    is_tombstone: bool,
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The counts on `today`, the Kenyan calendar day.
pub async fn read(conn: &mut AsyncPgConnection, today: NaiveDate) -> Result<Stats, StoreError> {
    let read = async |conn: &mut AsyncPgConnection| count(conn, today).await;
    named("count premises", conn.build_transaction().read_only().repeatable_read().run(read).await)
}

async fn count(conn: &mut AsyncPgConnection, today: NaiveDate) -> QueryResult<Stats> {
    let rows: Vec<Row> = diesel::sql_query(include_str!("sql/stats.sql"))
        .bind::<Date, _>(today)
        .bind::<Date, _>(last_expiring_day(today))
        .load(conn)
        .await?;
    let all = |is_tombstone| {
        rows.iter().find(|row| row.facet == "all" && row.is_tombstone == is_tombstone).map_or(0, |row| row.n)
    };
    Ok(Stats {
        active: all(false),
        inactive: all(true),
        last_synced_at: lag::last_successes(conn).await?.newest(),
        by_county: counts(&rows, "county"),
        by_business_type: counts(&rows, "business_type"),
        by_ownership: counts(&rows, "ownership"),
        by_cadre: counts(&rows, "cadre"),
        by_license_status: counts(&rows, "license").iter().filter_map(license_count).collect(),
    })
}

fn counts(rows: &[Row], facet: &str) -> Vec<Count> {
    rows.iter()
        .filter(|row| row.facet == facet && !row.is_tombstone)
        .map(|row| Count { value: row.value.clone(), count: row.n })
        .collect()
}

fn license_count(count: &Count) -> Option<LicenseCount> {
    let word = count.value.as_deref()?;
    let all = [LicenseStatus::Valid, LicenseStatus::Expiring, LicenseStatus::Expired, LicenseStatus::Unknown];
    let status = all.into_iter().find(|status| status.as_str() == word)?;
    Some(LicenseCount { status, count: count.count })
}
