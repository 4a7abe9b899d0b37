//! The inbox: which bodies had their effect.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{WebhookItem, WebhookOutcome, query};
use crate::StoreError;

/// Positions of the items whose body had no effect yet; of equal bodies in the batch, the first.
pub(super) async fn fresh_items(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
) -> Result<Vec<usize>, StoreError> {
    let keys: Vec<&[u8]> = items.iter().map(|item| item.idempotency_key.as_slice()).collect();
    let statement = "SELECT idempotency_key FROM inbox WHERE idempotency_key = ANY($1)";
    let rows = query(transaction, "look into the inbox", statement, &[&keys]).await?;
    let mut seen: HashSet<&[u8]> = rows.iter().map(|row| row.get(0)).collect();
    Ok((0..items.len()).filter(|at| seen.insert(keys[*at])).collect())
}

/// Counts further deliveries of bodies that had their effect.
pub(super) async fn note_repeats(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
    fresh: &[usize],
) -> Result<(), StoreError> {
    let fresh: HashSet<usize> = fresh.iter().copied().collect();
    let (mut keys, mut deliveries) = (Vec::new(), Vec::new());
    for (_, item) in items.iter().enumerate().filter(|(at, _)| !fresh.contains(at)) {
        keys.push(item.idempotency_key.as_slice());
        deliveries.push(item.delivery_id);
    }
    if keys.is_empty() {
        return Ok(());
    }
    // A redelivery of the delivery that had the effect is no repeat by PPB.
    let statement = "UPDATE inbox SET repeats = repeats + n FROM (
            SELECT r.idempotency_key, count(*)::integer AS n
            FROM unnest($1::bytea[], $2::uuid[]) AS r (idempotency_key, delivery_id)
            JOIN inbox i ON i.idempotency_key = r.idempotency_key AND i.delivery_id <> r.delivery_id
            GROUP BY 1) AS again
        WHERE inbox.idempotency_key = again.idempotency_key";
    query(transaction, "note repeats", statement, &[&keys, &deliveries]).await.map(drop)
}

/// Writes what had its effect now, in the transaction of the effect.
pub(super) async fn fill(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
    fresh: &[usize],
    outcomes: &[WebhookOutcome],
) -> Result<(), StoreError> {
    let done: Vec<usize> =
        fresh.iter().copied().filter(|at| outcomes[*at] != WebhookOutcome::Incomplete).collect();
    let column =
        |pick: fn(&WebhookItem) -> &[u8]| -> Vec<&[u8]> { done.iter().map(|at| pick(&items[*at])).collect() };
    let keys = column(|item| &item.idempotency_key);
    let deliveries: Vec<Uuid> = done.iter().map(|at| items[*at].delivery_id).collect();
    let webhook_ids: Vec<Option<&str>> = done.iter().map(|at| items[*at].webhook_id.as_deref()).collect();
    let actions: Vec<&str> = done.iter().map(|at| items[*at].action.as_str()).collect();
    let premises: Vec<i64> = done.iter().map(|at| items[*at].observation.premise_id.get()).collect();
    let words: Vec<&str> = done.iter().map(|at| outcomes[*at].as_str()).collect();
    let received: Vec<DateTime<Utc>> = done.iter().map(|at| items[*at].received_at).collect();
    let statement = "INSERT INTO inbox (idempotency_key, delivery_id, webhook_id, action, premise_id, outcome, received_at)
        SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[])
        ON CONFLICT (idempotency_key) DO NOTHING
        RETURNING 1";
    let context = "fill the inbox";
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&keys, &deliveries, &webhook_ids, &actions, &premises, &words, &received];
    let written = query(transaction, context, statement, &parameters).await?.len();
    // Another replica had the same body in hand; on the next try it is in the inbox.
    if written == done.len() { Ok(()) } else { Err(StoreError::Contention { context }) }
}
