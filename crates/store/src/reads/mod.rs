//! Everything that is read for people and other systems. One file per subject; functions take a
//! pooled connection and return typed values, never shaped JSON.
//!
//! Limits:
//! * Nothing here writes.
//! * Instants and the Kenyan day are arguments, so an answer can be tested and repeated.
//! * What needs more than one statement reads them all from one snapshot.

use diesel::QueryResult;

use crate::StoreError;

pub mod changes;
pub mod dead_letters;
pub mod feed;
pub mod filter_options;
pub mod lag;
pub mod premise_filter;
pub mod premise_row;
pub mod premises;
pub mod stats;
pub mod webhook_stats;

mod search;
mod sort;

/// Names the read in its error.
fn named<T>(context: &'static str, result: QueryResult<T>) -> Result<T, StoreError> {
    result.map_err(|error| StoreError::from_diesel(context, error))
}

/// Rows to pass over for a page; pages begin at 1, and 0 is read as 1.
fn offset(page: u32, limit: u32) -> i64 {
    i64::from(page.saturating_sub(1)) * i64::from(limit)
}

/// A value to compare with. Postgres keeps no NUL in a text and refuses one in a parameter; put so,
/// the value just equals nothing.
fn comparable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
