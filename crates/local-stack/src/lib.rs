//! Private Postgres and `RabbitMQ` for development and tests: finds or installs the servers, runs
//! them on free loopback ports as an unprivileged user, and leaves nothing behind.
//!
//! Invariants:
//! * Every process is started through a [guard], so none outlives its owner, however that ends.
//! * The system's own servers, their data and their ports are never touched.

mod error;
pub mod guard;
mod identity;
mod process;
mod user;

pub use error::Error;
pub use guard::{GuardSpec, StopSignal};
pub use identity::ProcessId;
pub use process::{Guard, Launch, Process};
pub use user::RunAs;
