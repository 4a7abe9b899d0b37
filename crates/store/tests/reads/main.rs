//! Reads of a real register, filled by the real write path wherever one exists.

#![expect(clippy::unwrap_used, reason = "a test fails where it expected something else")]

mod changes;
mod dead_letters;
mod lists;
mod numbers;
mod plans;
mod schema;
mod search;
mod support;
mod webhooks;
