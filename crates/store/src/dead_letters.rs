//! Dead letters: deliveries that were given up, kept so that nothing PPB said is lost.

mod discarding;

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use premise_domain::{PremiseId, webhook::Action};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{Store, StoreError, transact::Work};

pub use discarding::{Discard, discard};

/// A dead letter to keep.
#[derive(Debug, Clone)]
pub struct DeadLetterItem {
    /// The delivery it was; one that dies again after a replay is the same dead letter, open again.
    pub delivery_id: Uuid,
    /// Stable code.
    pub reason: String,
    /// Explanation for people.
    pub detail: String,
    /// Attempts that were spent.
    pub attempts: u32,
    /// What it said, as far as it could be read.
    pub action: Option<Action>,
    /// About which premise, as far as it could be read.
    pub premise_id: Option<PremiseId>,
    /// PPB's id of the webhook.
    pub webhook_id: Option<String>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// When it failed for the first time.
    pub first_failed_at: DateTime<Utc>,
    /// The message as it was in the queue.
    pub envelope: String,
}

impl Store {
    /// Keeps dead letters; keeping one twice is the same as once. Returns how many are open now.
    pub async fn keep_dead_letters(&self, letters: &[DeadLetterItem]) -> Result<i64, StoreError> {
        self.transact(KeepDeadLetters { letters }).await
    }
}

struct KeepDeadLetters<'a> {
    letters: &'a [DeadLetterItem],
}

impl Work for KeepDeadLetters<'_> {
    const NAME: &'static str = "keep dead letters";
    type Output = i64;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<i64, StoreError> {
        for letter in self.letters {
            keep(transaction, letter).await.map_err(|e| StoreError::from_postgres(Self::NAME, e))?;
        }
        let open =
            transaction.query_one("SELECT count(*) FROM dead_letters WHERE status = 'open'", &[]).await;
        Ok(open.map_err(|e| StoreError::from_postgres(Self::NAME, e))?.get(0))
    }
}

async fn keep(transaction: &Transaction<'_>, letter: &DeadLetterItem) -> Result<(), tokio_postgres::Error> {
    let statement = "INSERT INTO dead_letters (delivery_id, reason, detail, attempts, action, premise_id,
            webhook_id, received_at, first_failed_at, envelope)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (delivery_id) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
            attempts = excluded.attempts, dead_at = clock_timestamp(), status = 'open'
        WHERE dead_letters.status <> 'open'";
    let attempts = i32::try_from(letter.attempts).unwrap_or(i32::MAX);
    // Postgres keeps no NUL in a text.
    let envelope = letter.envelope.replace('\0', "\u{fffd}");
    let parameters: [&(dyn ToSql + Sync); 10] = [
        &letter.delivery_id,
        &letter.reason,
        &letter.detail,
        &attempts,
        &letter.action.map(Action::as_str),
        &letter.premise_id.map(PremiseId::get),
        &letter.webhook_id,
        &letter.received_at,
        &letter.first_failed_at,
        &envelope,
    ];
    transaction.execute(statement, &parameters).await.map(drop)
}
