//! The write side of the store against real Postgres, each test with a database of its own.

mod runs;
mod snapshots;
mod support;
mod webhooks;
