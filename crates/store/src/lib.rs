//! The register in Postgres: schema, the one apply statement, runs, the inbox and read queries.
//!
//! Invariants:
//! * Every change to a premise goes through [`apply`](self) — one event or a million rows — and
//!   commits together with its change records and its inbox or run row, or not at all.
//! * No other crate speaks SQL.
//! * No per-row round trip: events travel as arrays, rows of a pull by `COPY`.
//!
//! The write path speaks to Postgres through `tokio-postgres` (`COPY` and one long statement need
//! it); runs and reads go through diesel. See `docs/adr/`.

mod apply;
pub mod audit_reason;
mod connect;
mod dead_letters;
mod error;
pub mod local_fields;
mod migrate;
pub mod pull_history;
pub mod reads;
pub mod replays;
pub mod runs;
pub mod schedule;
mod schema;
mod snapshot;
mod tombstones;
mod transact;
mod webhooks;

pub use connect::{Connection, Store};
pub use dead_letters::{DeadLetterItem, Discard, discard};
pub use error::{Disposition, StoreError};
pub use migrate::migrate;
pub use snapshot::{Answer, Applied, Approval, Policy, Stage};
pub use webhooks::{ReplayVerdict, Unreadable, WebhookItem, WebhookOutcome, read_envelope};
