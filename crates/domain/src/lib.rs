//! What premise-sync means, without doing anything: the wire types PPB speaks, the premise as the
//! register keeps it, and the order in which observations of it supersede each other.
//!
//! Invariants:
//! * Pure. No I/O, no clock, no randomness, no environment: instants and ids are arguments.
//! * A rank is a function of the message alone, never of when it arrived or was applied.
//! * Every instant is floored to microseconds, the resolution Postgres keeps.

pub mod acceptance;
pub mod catalogue;
pub mod county;
pub mod envelope;
pub mod gln;
pub mod license;
pub mod normalise;
pub mod observation;
pub mod premise;
pub mod premise_id;
pub mod rank;
pub mod signature;
pub mod source_row;
pub mod source_time;
pub mod standard_webhooks;
pub mod sync_run;
pub mod vocabulary;
pub mod webhook;

mod field_error;

pub use field_error::FieldError;
pub use premise_id::PremiseId;
