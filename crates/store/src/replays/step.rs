//! One step of a replay: a batch of letters, applied and marked in one transaction.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    Disposition, Store, StoreError,
    transact::Work,
    webhooks::{ReplayVerdict, WebhookItem, apply, read_envelope},
};

/// Most letters of a step, beside further ones of the last one's premise.
const BATCH: i32 = 100;
/// Steps a second of a job whose rate allows a letter or more in each.
const STEPS_PER_SECOND: i32 = 10;

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This many letters of the job were judged.
    Did {
        /// The job.
        job: Uuid,
        /// Letters.
        letters: usize,
    },
    /// The job has no letter left.
    Ended {
        /// The job.
        job: Uuid,
    },
    /// No job is due; after this time one is, where one is running.
    Nothing {
        /// How long until then.
        due_in: Option<Duration>,
    },
}

impl Store {
    /// Takes the next letters of the oldest job that is due. Safe from any number of workers.
    pub async fn replay_step(&self) -> Result<Step, StoreError> {
        self.transact(ReplayStep).await
    }
}

struct ReplayStep;

impl Work for ReplayStep {
    const NAME: &'static str = "replay dead letters";
    type Output = Step;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Step, StoreError> {
        let Some(job) = claim(transaction).await.map_err(failed)? else {
            return Ok(Step::Nothing { due_in: due_in(transaction).await.map_err(failed)? });
        };
        let letters = take(transaction, &job).await.map_err(failed)?;
        if letters.is_empty() {
            let end = "UPDATE replay_jobs SET status = 'done', finished_at = clock_timestamp() WHERE id = $1";
            transaction.execute(end, &[&job.id]).await.map_err(failed)?;
            return Ok(Step::Ended { job: job.id });
        }
        let verdicts = judge(transaction, &job, &letters).await?;
        mark(transaction, &job, &letters, &verdicts).await.map_err(failed)?;
        Ok(Step::Did { job: job.id, letters: letters.len() })
    }
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::from_postgres(ReplayStep::NAME, error)
}

struct Job {
    id: Uuid,
    dry_run: bool,
    rate: i32,
    by: String,
    reason: String,
}

struct Letter {
    id: i64,
    envelope: String,
    open: bool,
}

async fn claim(transaction: &Transaction<'_>) -> Result<Option<Job>, tokio_postgres::Error> {
    // The lock is held to the end of the step: one worker at a time serves a job.
    let statement = "SELECT id, dry_run, rate_per_second, requested_by, reason FROM replay_jobs
        WHERE status = 'running' AND next_at <= clock_timestamp()
        ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED";
    let job = |row: Row| Job {
        id: row.get(0),
        dry_run: row.get(1),
        rate: row.get(2),
        by: row.get(3),
        reason: row.get(4),
    };
    Ok(transaction.query_opt(statement, &[]).await?.map(job))
}

async fn due_in(transaction: &Transaction<'_>) -> Result<Option<Duration>, tokio_postgres::Error> {
    let statement = "SELECT greatest(extract(epoch FROM min(next_at) - clock_timestamp()), 0)::float8
        FROM replay_jobs WHERE status = 'running' HAVING count(*) > 0";
    let seconds = transaction.query_opt(statement, &[]).await?.map(|row| row.get(0));
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

async fn take(transaction: &Transaction<'_>, job: &Job) -> Result<Vec<Letter>, tokio_postgres::Error> {
    let statement = "WITH batch AS MATERIALIZED (
            SELECT letter_id, group_key FROM replay_items WHERE job_id = $1 AND verdict IS NULL
            ORDER BY group_key FETCH FIRST ($2::bigint) ROWS WITH TIES)
        SELECT d.id, d.envelope, d.status = 'open' FROM batch b JOIN dead_letters d ON d.id = b.letter_id
        ORDER BY b.group_key, d.id FOR UPDATE OF d";
    let most = i64::from((job.rate / STEPS_PER_SECOND).clamp(1, BATCH));
    let rows = transaction.query(statement, &[&job.id, &most]).await?;
    let letter = |row: &Row| Letter { id: row.get(0), envelope: row.get(1), open: row.get(2) };
    Ok(rows.iter().map(letter).collect())
}

/// A verdict for each letter; `None` for one that is not open any more.
async fn judge(
    transaction: &Transaction<'_>,
    job: &Job,
    letters: &[Letter],
) -> Result<Vec<Option<ReplayVerdict>>, StoreError> {
    let mut verdicts = vec![None; letters.len()];
    let (mut items, mut positions) = (Vec::new(), Vec::new());
    for (at, letter) in letters.iter().enumerate().filter(|(_, letter)| letter.open) {
        match read_envelope(letter.envelope.as_bytes(), |_| ()) {
            Ok((item, ())) => {
                items.push(item);
                positions.push(at);
            }
            Err(error) => {
                verdicts[at] = Some(ReplayVerdict::Invalid { reason: error.reason, detail: error.detail });
            }
        }
    }
    transaction.batch_execute("SAVEPOINT before").await.map_err(failed)?;
    let applied = match apply(transaction, &items).await {
        Ok(outcomes) => outcomes.into_iter().map(ReplayVerdict::from).collect(),
        Err(error) if error.disposition() == Disposition::Rejected => {
            transaction.batch_execute("ROLLBACK TO before").await.map_err(failed)?;
            one_by_one(transaction, &items).await?
        }
        Err(error) => return Err(error),
    };
    if job.dry_run {
        transaction.batch_execute("ROLLBACK TO before").await.map_err(failed)?;
    }
    for (at, verdict) in positions.into_iter().zip(applied) {
        verdicts[at] = Some(verdict);
    }
    Ok(verdicts)
}

/// Finds those that Postgres refuses.
async fn one_by_one(
    transaction: &Transaction<'_>,
    items: &[WebhookItem],
) -> Result<Vec<ReplayVerdict>, StoreError> {
    let mut verdicts = Vec::with_capacity(items.len());
    for item in items {
        transaction.batch_execute("SAVEPOINT one").await.map_err(failed)?;
        let end = match apply(transaction, std::slice::from_ref(item)).await {
            Ok(outcomes) => {
                verdicts.push(outcomes[0].into());
                "RELEASE one"
            }
            Err(error) if error.disposition() == Disposition::Rejected => {
                verdicts.push(ReplayVerdict::Invalid { reason: "refused", detail: error.to_string() });
                "ROLLBACK TO one; RELEASE one"
            }
            Err(error) => return Err(error),
        };
        transaction.batch_execute(end).await.map_err(failed)?;
    }
    Ok(verdicts)
}

async fn mark(
    transaction: &Transaction<'_>,
    job: &Job,
    letters: &[Letter],
    verdicts: &[Option<ReplayVerdict>],
) -> Result<(), tokio_postgres::Error> {
    let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
    let words: Vec<&str> =
        verdicts.iter().map(|verdict| verdict.as_ref().map_or("skipped", ReplayVerdict::as_str)).collect();
    let details: Vec<Option<&str>> = verdicts.iter().map(|verdict| detail(verdict.as_ref())).collect();
    let items = "UPDATE replay_items SET verdict = v.verdict, detail = v.detail
        FROM unnest($2::bigint[], $3::text[], $4::text[]) AS v (id, verdict, detail)
        WHERE job_id = $1 AND letter_id = v.id";
    transaction.execute(items, &[&job.id, &ids, &words, &details]).await?;
    if !job.dry_run {
        // What is still invalid stays open.
        let settle = "UPDATE dead_letters SET status = 'replayed', settled_by = $3,
                settled_at = clock_timestamp(), settled_reason = $4
            FROM unnest($1::bigint[], $2::text[]) AS v (id, verdict)
            WHERE dead_letters.id = v.id AND v.verdict IN ('apply', 'duplicate', 'stale')";
        transaction.execute(settle, &[&ids, &words, &job.by, &job.reason]).await?;
    }
    let pace = "UPDATE replay_jobs SET next_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1";
    let seconds = f64::from(u32::try_from(letters.len()).unwrap_or(u32::MAX)) / f64::from(job.rate);
    transaction.execute(pace, &[&job.id, &seconds]).await.map(drop)
}

fn detail(verdict: Option<&ReplayVerdict>) -> Option<&str> {
    match verdict {
        Some(ReplayVerdict::Invalid { detail, .. }) => Some(detail),
        _ => None,
    }
}
