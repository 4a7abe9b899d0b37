//! How webhooks fared within a window.
//!
//! A webhook counts when it was done with: in the inbox once it had its effect, among the dead
//! letters once it was given up. What is still queued is not counted yet.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    ExpressionMethods, QueryDsl, QueryResult, QueryableByName,
    dsl::count_star,
    sql_types::{Array, BigInt, Double, Nullable, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{dead_letters::DeadLetterStatus, named};
use crate::{StoreError, schema::dead_letters};

/// Webhooks since a time.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookStats {
    /// `successful + failed`.
    pub total: i64,
    /// Bodies that had their effect, be it that something newer was known already.
    pub successful: i64,
    /// Deliveries that were given up and not replayed since.
    pub failed: i64,
    /// Percentage (0 to 100) of `total` that was successful; 100 when nothing came.
    pub success_rate: f64,
    /// Received to committed; `None` when nothing was processed.
    pub processing: Option<ProcessingTimes>,
    /// Deliveries that said nothing new: the same bytes again, or an equal statement in others.
    pub duplicates: i64,
    /// Those of `successful` that something newer superseded.
    pub stale: i64,
    /// `successful` by outcome.
    pub by_outcome: Outcomes,
    /// `failed` by reason of the dead letter.
    pub dead_by_reason: BTreeMap<String, i64>,
}

/// From the receipt of the request to the commit of its effect.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProcessingTimes {
    pub average: TimeDelta,
    pub p50: TimeDelta,
    pub p95: TimeDelta,
    pub p99: TimeDelta,
}

/// Bodies by what they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the outcomes of the inbox, told in the migrations")]
pub struct Outcomes {
    pub created: i64,
    pub updated: i64,
    pub deleted: i64,
    pub reinstated: i64,
    pub unchanged: i64,
    pub stale: i64,
    pub duplicate: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    processed: i64,
    #[diesel(sql_type = BigInt)]
    created: i64,
    #[diesel(sql_type = BigInt)]
    updated: i64,
    #[diesel(sql_type = BigInt)]
    deleted: i64,
    #[diesel(sql_type = BigInt)]
    reinstated: i64,
    #[diesel(sql_type = BigInt)]
    unchanged: i64,
    #[diesel(sql_type = BigInt)]
    stale: i64,
    #[diesel(sql_type = BigInt)]
    duplicate: i64,
    #[diesel(sql_type = BigInt)]
    repeats: i64,
    #[diesel(sql_type = Nullable<Double>)]
    average_ms: Option<f64>,
    #[diesel(sql_type = Nullable<Array<Double>>)]
    percentiles_ms: Option<Vec<f64>>,
}

/// Webhooks that were done with at `since` or later.
pub async fn read(conn: &mut AsyncPgConnection, since: DateTime<Utc>) -> Result<WebhookStats, StoreError> {
    let read = async |conn: &mut AsyncPgConnection| count(conn, since).await;
    named("count webhooks", conn.build_transaction().read_only().repeatable_read().run(read).await)
}

async fn count(conn: &mut AsyncPgConnection, since: DateTime<Utc>) -> QueryResult<WebhookStats> {
    let row: Row = diesel::sql_query(include_str!("sql/webhook_stats.sql"))
        .bind::<Timestamptz, _>(since)
        .get_result(conn)
        .await?;
    let dead: Vec<(String, i64)> = dead_letters::table
        .filter(dead_letters::dead_at.ge(since))
        .filter(dead_letters::status.ne(DeadLetterStatus::Replayed.as_str()))
        .group_by(dead_letters::reason)
        .select((dead_letters::reason, count_star()))
        .load(conn)
        .await?;
    Ok(row.with_dead(dead.into_iter().collect()))
}

impl Row {
    fn with_dead(self, dead_by_reason: BTreeMap<String, i64>) -> WebhookStats {
        let failed = dead_by_reason.values().sum();
        let total = self.processed + failed;
        WebhookStats {
            total,
            successful: self.processed,
            failed,
            success_rate: percentage(self.processed, total),
            processing: self.processing(),
            duplicates: self.repeats + self.duplicate,
            stale: self.stale,
            by_outcome: Outcomes {
                created: self.created,
                updated: self.updated,
                deleted: self.deleted,
                reinstated: self.reinstated,
                unchanged: self.unchanged,
                stale: self.stale,
                duplicate: self.duplicate,
            },
            dead_by_reason,
        }
    }

    fn processing(&self) -> Option<ProcessingTimes> {
        match (self.average_ms, self.percentiles_ms.as_deref()) {
            (Some(average), Some(&[p50, p95, p99])) => Some(ProcessingTimes {
                average: milliseconds(average),
                p50: milliseconds(p50),
                p95: milliseconds(p95),
                p99: milliseconds(p99),
            }),
            _ => None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
fn milliseconds(ms: f64) -> TimeDelta {
    TimeDelta::microseconds((ms * 1_000.0).round() as i64)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn percentage(part: i64, whole: i64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_came_is_nothing_that_was_lost() {
        assert!((percentage(0, 0) - 100.0).abs() < f64::EPSILON);
        assert!(percentage(0, 3).abs() < f64::EPSILON);
        assert!((percentage(1542, 1547) - 99.676).abs() < 0.001);
    }
}
