//! From the text of a row to an observation, in batches, with the tally that says how good the answer is.
//!
//! Runs on the parser's thread: normalising and hashing is most of the work of a pull, and batches keep the
//! cost of crossing threads away from single rows.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use premise_domain::{
    FieldError, PremiseId, catalogue,
    normalise::{Normalised, normalise},
    observation::{MAX_FUTURE, Observation},
    source_row::SourceRow,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::error::AnswerError;

/// Rows before the share of unusable ones is judged; a short answer is judged at its end.
const JUDGED_FROM: u64 = 10_000;

/// One row in this many may be unusable.
const INVALID_SHARE: u64 = 20;

/// What is kept of the text of an unusable row, in bytes.
const KEPT_BYTES: usize = 8 * 1024;

/// A row of the answer.
#[derive(Debug)]
pub enum Row {
    /// It says something.
    Good(Observation),
    /// It is unusable.
    Bad(BadRow),
}

/// An unusable row.
#[derive(Debug)]
pub struct BadRow {
    /// Its key, where at least that could be read.
    pub premise_id: Option<PremiseId>,
    /// All that is wrong with it.
    pub errors: Vec<FieldError>,
    /// Its text, at most 8 KiB of it.
    pub raw: String,
}

/// What rows are judged by.
#[derive(Debug, Clone)]
pub struct RowRules {
    /// The run.
    pub run_id: Uuid,
    /// r: source time that the answer reflects at least.
    pub reflects_at: DateTime<Utc>,
    /// S: how stale an answer may be.
    pub source_lag: TimeDelta,
    /// The answer is to hold only what changed since then.
    pub since: Option<DateTime<Utc>>,
    /// Rows in a batch.
    pub batch_rows: usize,
    /// Most unusable rows.
    pub max_quarantined: usize,
}

/// What the rows of an answer add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// All rows.
    pub rows: u64,
    /// Unusable ones.
    pub invalid: u64,
    /// Unusable ones without even a key.
    pub without_key: u64,
    /// Rows whose `lastModified` has no zone and was read as Nairobi time.
    pub naive_stamps: u64,
    /// Rows whose `lastModified` lies in the future and was passed over.
    pub future_stamps: u64,
    /// The latest believable `lastModified`.
    pub last_modified: Option<DateTime<Utc>>,
    /// What is wrong with the first unusable row; names fields, no values.
    pub first_errors: Option<String>,
}

impl Tally {
    fn too_many_invalid(&self) -> AnswerError {
        let first = self.first_errors.clone().unwrap_or_default();
        AnswerError::TooManyInvalid { invalid: self.invalid, rows: self.rows, first }
    }
}

/// Takes rows one after the other and sends them on in batches.
#[derive(Debug)]
pub struct Assembler {
    rules: RowRules,
    batches: mpsc::Sender<Vec<Row>>,
    batch: Vec<Row>,
    tally: Tally,
}

impl Assembler {
    /// Sends to `batches`. Must not be used on a runtime's own thread.
    pub fn new(rules: RowRules, batches: mpsc::Sender<Vec<Row>>) -> Self {
        let batch = Vec::with_capacity(rules.batch_rows);
        Self { rules, batches, batch, tally: Tally::default() }
    }

    /// Takes the text of a row.
    pub fn take(&mut self, raw: &str) -> Result<(), AnswerError> {
        self.tally.rows += 1;
        let row = match catalogue::read_row(raw) {
            Ok(row) => self.good(&row, raw)?,
            Err(errors) => self.bad(errors, raw)?,
        };
        self.batch.push(row);
        if self.batch.len() >= self.rules.batch_rows { self.send() } else { Ok(()) }
    }

    /// Sends the rest and judges the whole.
    pub fn finish(mut self) -> Result<Tally, AnswerError> {
        if self.tally.invalid * INVALID_SHARE > self.tally.rows {
            return Err(self.tally.too_many_invalid());
        }
        self.send()?;
        Ok(self.tally)
    }

    fn send(&mut self) -> Result<(), AnswerError> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(self.rules.batch_rows));
        self.batches.blocking_send(batch).map_err(|_| AnswerError::Unwanted)
    }

    fn good(&mut self, row: &Normalised, raw: &str) -> Result<Row, AnswerError> {
        let rules = &self.rules;
        let modified_at = row.last_modified.map(|time| time.at);
        if let Some(since) = rules.since {
            honours(since, modified_at)?;
        }
        let believable = modified_at.filter(|at| *at - rules.reflects_at <= MAX_FUTURE);
        self.tally.naive_stamps += u64::from(row.last_modified.is_some_and(|time| time.naive));
        self.tally.future_stamps += u64::from(believable.is_none() && modified_at.is_some());
        self.tally.last_modified = self.tally.last_modified.max(believable);
        Ok(Row::Good(Observation::of_row(row, raw, rules.reflects_at, rules.source_lag, rules.run_id)))
    }

    fn bad(&mut self, errors: Vec<FieldError>, raw: &str) -> Result<Row, AnswerError> {
        let premise_id = key_of(raw);
        self.tally.invalid += 1;
        self.tally.without_key += u64::from(premise_id.is_none());
        self.tally.first_errors.get_or_insert_with(|| FieldError::join(&errors));
        let limit = u64::try_from(self.rules.max_quarantined).unwrap_or(u64::MAX);
        let share_is_known = self.tally.rows >= JUDGED_FROM;
        if self.tally.invalid > limit
            || (share_is_known && self.tally.invalid * INVALID_SHARE > self.tally.rows * 4)
        {
            return Err(self.tally.too_many_invalid());
        }
        let end = raw.floor_char_boundary(KEPT_BYTES);
        Ok(Row::Bad(BadRow { premise_id, errors, raw: raw[..end].to_owned() }))
    }
}

/// The key alone: a row that is wrong elsewhere still says which premise it is about.
fn key_of(raw: &str) -> Option<PremiseId> {
    let row = SourceRow::parse(raw)?;
    let key = SourceRow { premiseid: row.premiseid, ..SourceRow::default() };
    normalise(&key).ok().map(|row| row.premise_id)
}

/// Whether a row may be in an answer to `updatedSince`; PPB's stamps may be whole seconds.
fn honours(since: DateTime<Utc>, modified_at: Option<DateTime<Utc>>) -> Result<(), AnswerError> {
    let second = |at: DateTime<Utc>| at.duration_trunc(TimeDelta::seconds(1)).unwrap_or(at);
    match modified_at {
        None => Err(AnswerError::FilterIgnored("its rows have no lastModified")),
        Some(at) if second(at) < second(since) => {
            Err(AnswerError::FilterIgnored("it sends rows that are older than what was asked for"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
