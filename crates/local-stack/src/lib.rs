//! Private Postgres and `RabbitMQ` for development and tests: finds or installs the servers, runs
//! them on free loopback ports as an unprivileged user, and leaves nothing behind.
//!
//! Invariants:
//! * Every process is started through a [guard], so none outlives its owner, however that ends.
//! * The system's own servers, their data and their ports are never touched.
//! * A stack knows only its own state folder, so any number of stacks run side by side.

mod compose;
mod error;
mod find;
pub mod guard;
mod identity;
mod install;
mod interrupts;
mod log_tail;
mod place;
mod ports;
mod postgres;
mod process;
mod rabbitmq;
mod ready;
mod secret;
mod servers;
mod supervise;
mod user;

pub use error::Error;
pub use guard::{GuardSpec, Output, StopSignal};
pub use identity::ProcessId;
pub use interrupts::Interrupts;
pub use place::{Place, write_private};
pub use ports::{free_port, is_free};
pub use process::{Guard, Launch, Process};
pub use ready::Ready;
pub use secret::random_hex;
pub use servers::{Durability, Sources, Urls};
pub use supervise::{Event, Supervisor, Unit};
pub use user::RunAs;
