//! The rows of a pull: staged while the answer still arrives, applied in one transaction.
//!
//! Rows go by binary `COPY` into a temporary table of this connection: no WAL, gone with the
//! process, invisible to another pull. Memory stays constant in the number of rows. Nothing is
//! applied before [`Stage::apply`], and a dropped stage leaves no trace.

mod applying;
mod approval;
mod deletions;
mod facts;
mod floor;

use std::pin::Pin;

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::Object;
use premise_domain::{
    FieldError, PremiseId,
    acceptance::{Limits, WATCHED},
    observation::{Channel, Observation},
    sync_run::RunCounts,
};
use serde_json::Value;
use tokio_postgres::{
    CopyInSink,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};
use uuid::Uuid;

use self::applying::Applying;
use crate::{Store, StoreError};

const CREATE: &str = "
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_rows (
        ord bigint NOT NULL, premise_id bigint NOT NULL, effective_at timestamptz NOT NULL,
        modified_at timestamptz, rank_hash bytea NOT NULL, document text NOT NULL, raw text NOT NULL);
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_missing (premise_id bigint NOT NULL, confirmed boolean NOT NULL);
    TRUNCATE staged_rows, staged_missing";

pub use approval::Approval;

const COPY: &str = "COPY staged_rows FROM STDIN (FORMAT binary)";

/// What is known of the answer whose rows were staged.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Full or incremental.
    pub channel: Channel,
    /// r: source time that the answer reflects at least.
    pub reflects_at: DateTime<Utc>,
    /// S: how stale an answer may be.
    pub source_lag: TimeDelta,
    /// It is the whole catalogue, read to its end, and nothing speaks against it.
    pub complete: bool,
    /// Rows in the answer, bad ones included.
    pub fetched: i64,
    /// Status, date, length and hash of the answer.
    pub evidence: Value,
    /// Why everything was pulled though only changes were asked for.
    pub fallback_reason: Option<String>,
    /// New watermark of the incremental pull.
    pub watermark: Option<DateTime<Utc>>,
}

/// How far an answer is believed.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How far it may differ from the register.
    pub limits: Limits,
    /// Accepted snapshots in a row that must miss a premise before it is deleted.
    pub delete_confirmations: i32,
    /// Least time by PPB's clock between two answers that count as two: one glitch, or one cached
    /// answer, must not count twice.
    pub confirmation_gap: TimeDelta,
    /// Tell what would happen and change nothing.
    pub dry_run: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            delete_confirmations: 2,
            confirmation_gap: TimeDelta::minutes(5),
            dry_run: false,
        }
    }
}

/// How an applied answer left its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Where its rows went.
    pub counts: RunCounts,
    /// Why the run is held and its deletions wait for approval.
    pub held: Option<String>,
}

/// Rows on their way into the register.
pub struct Stage {
    run_id: Uuid,
    client: Object,
    writer: Pin<Box<BinaryCopyInWriter>>,
    tally: Tally,
    quarantined: Vec<Quarantined>,
}

/// What was counted while rows were staged.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: i64,
    any_modified: bool,
    nulls: [i64; WATCHED.len()],
}

/// A row that could not be read.
struct Quarantined {
    premise_id: Option<i64>,
    errors: Value,
    raw: String,
}

/// Column types of the `COPY`.
const COLUMNS: [Type; 7] =
    [Type::INT8, Type::INT8, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::BYTEA, Type::TEXT, Type::TEXT];

impl Store {
    /// Opens an empty stage for a run, on a connection of its own.
    pub async fn stage(&self, run_id: Uuid) -> Result<Stage, StoreError> {
        let client = self.writer().await?;
        client.batch_execute(CREATE).await.map_err(|e| StoreError::from_postgres("create the stage", e))?;
        let sink: CopyInSink<bytes::Bytes> =
            client.copy_in(COPY).await.map_err(|e| StoreError::from_postgres("begin to stage", e))?;
        let writer = Box::pin(BinaryCopyInWriter::new(sink, &COLUMNS));
        Ok(Stage { run_id, client, writer, tally: Tally::default(), quarantined: Vec::new() })
    }
}

impl Stage {
    /// Adds a row. Buffered; waits only when the connection's buffer is full.
    pub async fn push(&mut self, observation: &Observation) -> Result<(), StoreError> {
        let Some(content) = &observation.content else { return Ok(()) };
        self.tally.rows += 1;
        self.tally.any_modified |= observation.modified_at.is_some();
        for (count, null) in self.tally.nulls.iter_mut().zip(content.nulls) {
            *count += i64::from(null);
        }
        let premise_id = observation.premise_id.get();
        let hash = content.hash.as_slice();
        let values: [&(dyn ToSql + Sync); 7] = [
            &self.tally.rows,
            &premise_id,
            &observation.rank.effective_at,
            &observation.modified_at,
            &hash,
            &content.document,
            &observation.raw,
        ];
        self.writer.as_mut().write(&values).await.map_err(|e| StoreError::from_postgres("stage rows", e))
    }

    /// Keeps a row that could not be read, with the reasons. The caller bounds their number.
    pub fn quarantine(&mut self, premise_id: Option<PremiseId>, errors: &[FieldError], raw: &str) {
        let errors = serde_json::to_value(errors).unwrap_or_default();
        // Postgres keeps no NUL in a text.
        let raw = raw.replace('\0', "\u{fffd}");
        self.quarantined.push(Quarantined { premise_id: premise_id.map(PremiseId::get), errors, raw });
    }

    /// Applies what was staged: rows, deletions, changes, floor, watermark and the end of the run
    /// commit together, or nothing does. An answer that is not believed is
    /// [`StoreError::AnswerRefused`].
    pub async fn apply(self, answer: &Answer, policy: &Policy) -> Result<Applied, StoreError> {
        let Self { run_id, mut client, mut writer, tally, quarantined } = self;
        writer.as_mut().finish().await.map_err(|e| StoreError::from_postgres("end the staging", e))?;
        drop(writer);
        let transaction =
            client.transaction().await.map_err(|e| StoreError::from_postgres("apply a pull", e))?;
        let applying = Applying {
            transaction: &transaction,
            run_id,
            answer,
            policy,
            tally: &tally,
            quarantined: &quarantined,
        };
        let applied = applying.run().await?;
        transaction.commit().await.map_err(|e| StoreError::from_postgres("commit a pull", e))?;
        Ok(applied)
    }
}
