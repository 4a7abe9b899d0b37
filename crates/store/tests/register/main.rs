//! The write side of the store against real Postgres, each test with a database of its own.

#![expect(clippy::unwrap_used, reason = "a test fails where it expected something else")]

mod deletions;
mod feed;
mod histories;
mod local_fields;
mod runs;
mod schedule;
mod snapshots;
mod support;
mod webhooks;
