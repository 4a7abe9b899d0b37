//! The whole service over HTTP, on a real Postgres and a real broker.
//!
//! Tests have two threads: migrating blocks the one it runs on.

mod access;
mod approval;
mod changes;
mod dead_letters;
mod dry_run;
mod faults;
mod local_fields;
mod reads;
mod replays;
mod runs;
mod support;
