//! Webhooks: a batch of deliveries becomes one transaction of statements, changes and inbox rows.
//!
//! The inbox is the authority on repeats: a body that had its effect is not looked at again, also
//! when it arrives through another replica or as a redelivery. Two statements about one premise in
//! one batch are applied one after the other ("waves"), because each may complete itself from the
//! row the other left.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use premise_domain::{
    observation::{Channel, Observation},
    webhook::Action,
};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    apply::APPLY_EVENTS,
    transact::{APPLY_LOCK, Work},
};

/// A delivery to apply.
#[derive(Debug, Clone)]
pub struct WebhookItem {
    /// What it says.
    pub observation: Observation,
    /// SHA-256 of the signed bytes.
    pub idempotency_key: [u8; 32],
    /// Names the acceptance.
    pub delivery_id: Uuid,
    /// PPB's id of the webhook.
    pub webhook_id: Option<String>,
    /// What PPB says happened.
    pub action: Action,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookOutcome {
    /// The premise is new.
    Created,
    /// Its content changed.
    Updated,
    /// It became a tombstone.
    Deleted,
    /// It came back.
    Reinstated,
    /// The content was already so; the statement is newer and now holds.
    Unchanged,
    /// Something newer holds.
    Stale,
    /// The same body, or the same statement, had its effect before.
    Duplicate,
    /// An update of a premise that is not known and that it does not name: nothing was applied.
    Incomplete,
}

impl WebhookOutcome {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Updated,
        Self::Deleted,
        Self::Reinstated,
        Self::Unchanged,
        Self::Stale,
        Self::Duplicate,
        Self::Incomplete,
    ];

    /// The word in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Reinstated => "reinstated",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::Incomplete => "incomplete",
        }
    }
}

impl Store {
    /// Applies a batch; the answer has one outcome per item, in order. All of it commits, or
    /// nothing does.
    pub async fn apply_webhooks(&self, items: &[WebhookItem]) -> Result<Vec<WebhookOutcome>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        self.transact(ApplyWebhooks { items }).await
    }
}

struct ApplyWebhooks<'a> {
    items: &'a [WebhookItem],
}

impl Work for ApplyWebhooks<'_> {
    const NAME: &'static str = "apply webhooks";
    type Output = Vec<WebhookOutcome>;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Self::Output, StoreError> {
        apply(transaction, self.items).await
    }
}

async fn apply(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
) -> Result<Vec<WebhookOutcome>, StoreError> {
    let lock = transaction.execute("SELECT pg_advisory_xact_lock_shared($1)", &[&APPLY_LOCK]).await;
    lock.map_err(|e| StoreError::from_postgres("lock for apply", e))?;
    let fresh = fresh_items(transaction, items).await?;
    let mut outcomes = vec![WebhookOutcome::Duplicate; items.len()];
    for wave in waves(items, &fresh) {
        apply_wave(transaction, items, &wave, &mut outcomes).await?;
    }
    note_repeats(transaction, items, &fresh).await?;
    fill_inbox(transaction, items, &fresh, &outcomes).await?;
    Ok(outcomes)
}

/// Positions of the items whose body had no effect yet; of equal bodies in the batch, the first.
async fn fresh_items(transaction: &Transaction<'_>, items: &[WebhookItem]) -> Result<Vec<usize>, StoreError> {
    let keys: Vec<&[u8]> = items.iter().map(|item| item.idempotency_key.as_slice()).collect();
    let statement = "SELECT idempotency_key FROM inbox WHERE idempotency_key = ANY($1)";
    let rows = query(transaction, "look into the inbox", statement, &[&keys]).await?;
    let mut seen: HashSet<&[u8]> = rows.iter().map(|row| row.get(0)).collect();
    Ok((0..items.len()).filter(|at| seen.insert(keys[*at])).collect())
}

/// Splits positions so that no premise occurs twice in a wave and later ones come in later waves.
fn waves(items: &[WebhookItem], positions: &[usize]) -> Vec<Vec<usize>> {
    let mut depth: HashMap<i64, usize> = HashMap::with_capacity(positions.len());
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for &at in positions {
        let wave = depth.entry(items[at].observation.premise_id.get()).or_default();
        if waves.len() == *wave {
            waves.push(Vec::new());
        }
        waves[*wave].push(at);
        *wave += 1;
    }
    waves
}

/// The columns of one wave, as the arrays that `apply.sql` unnests.
#[derive(Default)]
struct Columns<'a> {
    ord: Vec<i64>,
    premise_id: Vec<i64>,
    effective_at: Vec<DateTime<Utc>>,
    is_tombstone: Vec<bool>,
    as_of: Vec<DateTime<Utc>>,
    rank_hash: Vec<&'a [u8]>,
    document: Vec<Option<&'a str>>,
    raw: Vec<&'a str>,
    source_ref: Vec<Uuid>,
    modified_at: Vec<Option<DateTime<Utc>>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, at: usize, observation: &'a Observation) {
        self.ord.push(at as i64);
        self.premise_id.push(observation.premise_id.get());
        self.effective_at.push(observation.rank.effective_at);
        self.is_tombstone.push(observation.rank.is_tombstone);
        self.as_of.push(observation.rank.as_of);
        self.rank_hash.push(&observation.rank.content_hash);
        self.document.push(observation.content.as_ref().map(|content| content.document.as_str()));
        self.raw.push(&observation.raw);
        self.source_ref.push(observation.source_ref);
        self.modified_at.push(observation.modified_at);
    }
}

async fn apply_wave(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
    wave: &[usize],
    outcomes: &mut [WebhookOutcome],
) -> Result<(), StoreError> {
    let mut columns = Columns::default();
    for &at in wave {
        columns.push(at, &items[at].observation);
    }
    let context = "apply a wave of events";
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &Channel::Webhook.as_str(),
        &columns.ord,
        &columns.premise_id,
        &columns.effective_at,
        &columns.is_tombstone,
        &columns.as_of,
        &columns.rank_hash,
        &columns.document,
        &columns.raw,
        &columns.source_ref,
        &columns.modified_at,
    ];
    for row in query(transaction, context, &APPLY_EVENTS, &parameters).await? {
        let word: &str = row.get(1);
        let outcome = WebhookOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
        let at = usize::try_from(row.get::<_, i64>(0)).unwrap_or(usize::MAX);
        outcomes[at] = outcome.ok_or(StoreError::Contention { context })?;
    }
    Ok(())
}

async fn note_repeats(
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

async fn fill_inbox(
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

async fn query(
    transaction: &Transaction<'_>,
    context: &'static str,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, StoreError> {
    let prepared =
        transaction.prepare_cached(statement).await.map_err(|e| StoreError::from_postgres(context, e))?;
    transaction.query(&prepared, parameters).await.map_err(|e| StoreError::from_postgres(context, e))
}
