//! Webhooks: a batch of deliveries becomes one transaction of statements, changes and inbox rows.
//!
//! The inbox is the authority on repeats: a body that had its effect is not looked at again, also
//! when it arrives through another replica or as a redelivery. Two statements about one premise in
//! one batch are applied one after the other ("waves"), because each may complete itself from the
//! row the other left.

mod inbox;
mod reading;
mod verdict;

pub use reading::{Unreadable, read_envelope};
pub use verdict::ReplayVerdict;

use std::collections::HashMap;

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

    /// What [`Store::apply_webhooks`] would answer now, found by doing it and undoing it. Premises
    /// are locked meanwhile; the sequence of changes may skip numbers.
    pub async fn rehearse_webhooks(&self, items: &[WebhookItem]) -> Result<Vec<WebhookOutcome>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        self.rehearse(ApplyWebhooks { items }).await
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

pub(crate) async fn apply(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
) -> Result<Vec<WebhookOutcome>, StoreError> {
    lock_for_apply(transaction).await.map_err(|e| StoreError::from_postgres("lock for apply", e))?;
    let fresh = inbox::fresh_items(transaction, items).await?;
    let mut outcomes = vec![WebhookOutcome::Duplicate; items.len()];
    for wave in waves(items, &fresh) {
        apply_wave(transaction, items, &wave, &mut outcomes).await?;
    }
    inbox::fill(transaction, items, &fresh, &outcomes).await?;
    // After the first of them is in: a repeat may come in the batch of its first.
    inbox::note_repeats(transaction, items, &fresh).await?;
    Ok(outcomes)
}

/// Shared with other webhooks, not with the apply of a pull. That takes seconds for a million rows; a
/// longer wait means that its process hangs, and whoever waits should say so.
async fn lock_for_apply(transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    // Only this lock: writers that meet at the same premises may have to queue for longer.
    let lock = format!(
        "SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock_shared({APPLY_LOCK}); SET LOCAL lock_timeout = 0"
    );
    transaction.batch_execute(&lock).await
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
