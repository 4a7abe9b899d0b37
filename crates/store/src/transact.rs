//! The one way to write: a named transaction that is tried again when transactions met.

use std::time::Instant;

use deadpool_postgres::{Object, Transaction};

use crate::{Store, StoreError};

/// Times a transaction is tried when it meets others. Meetings are rare (two new events of one
/// unknown premise at once) and the next try sees the other's result.
const ATTEMPTS: u32 = 10;

/// Advisory lock between webhook applies (shared) and the apply of a snapshot (exclusive).
pub(crate) const APPLY_LOCK: i64 = 7_205_001;

/// The work of a transaction. A trait and not a closure, so that the future is known to be `Send`.
pub(crate) trait Work: Sync {
    /// Name of the transaction in logs and errors.
    const NAME: &'static str;
    /// What it yields.
    type Output: Send;

    /// Everything between `BEGIN` and `COMMIT`.
    fn run(
        &self,
        transaction: &Transaction<'_>,
    ) -> impl Future<Output = Result<Self::Output, StoreError>> + Send;
}

/// How a transaction whose work succeeded ends.
#[derive(Clone, Copy)]
enum End {
    Commit,
    Undo,
}

impl Store {
    /// Does `work` in a transaction; commits when it succeeds.
    pub(crate) async fn transact<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        self.transact_to(End::Commit, work).await
    }

    /// Does `work` in a transaction that is then undone: what it yields is what it would have done.
    pub(crate) async fn rehearse<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        self.transact_to(End::Undo, work).await
    }

    async fn transact_to<W: Work>(&self, end: End, work: W) -> Result<W::Output, StoreError> {
        let mut client = self.writer().await?;
        let began = Instant::now();
        for attempt in 1.. {
            let result = attempt_once(&mut client, end, &work).await;
            match result {
                Err(StoreError::Contention { .. }) if attempt < ATTEMPTS => {
                    tracing::debug!(name = W::NAME, attempt, "transactions met, trying again");
                }
                result => {
                    tracing::trace!(name = W::NAME, attempt, elapsed = ?began.elapsed(), "transaction ended");
                    return result;
                }
            }
        }
        unreachable!("the last attempt returns")
    }
}

async fn attempt_once<W: Work>(client: &mut Object, end: End, work: &W) -> Result<W::Output, StoreError> {
    let transaction = client.transaction().await.map_err(|e| StoreError::from_postgres(W::NAME, e))?;
    let value = work.run(&transaction).await?;
    let ended = match end {
        End::Commit => transaction.commit().await,
        End::Undo => transaction.rollback().await,
    };
    ended.map_err(|e| StoreError::from_postgres(W::NAME, e))?;
    Ok(value)
}
