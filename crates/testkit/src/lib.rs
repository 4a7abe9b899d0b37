//! What every test of this workspace needs: a database and a queue prefix of its own, real processes
//! that can be killed, and waiting for a condition without guessing how long it takes.
//!
//! The servers come from `cargo xtask test`, which says where they are in three variables; a test run
//! without them panics with that command. Nothing is mocked: Postgres, `RabbitMQ` and the service
//! processes are the real ones.
//!
//! Invariants:
//! * Tests share the servers but no database and no queue, so they run in parallel.
//! * A process started here ends with the test, also when the test is killed.

mod broker;
mod database;
pub mod model;
mod process;
mod runtime;
mod wait;

pub use broker::QueuePrefix;
pub use database::TestDatabase;
pub use process::{ServiceCommand, ServiceProcess, bin, free_port};
pub use tokio_postgres::Client as SqlClient;
pub use wait::{wait_for, wait_until};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}
