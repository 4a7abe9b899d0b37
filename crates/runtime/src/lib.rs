//! One process, whatever it serves: settings, telemetry, probes, signals and an orderly end.
//!
//! Every binary of premise-sync is [`main`] plus a list of [`Service`]s. The runtime knows no service by type;
//! it only binds the listeners, mounts the routes, reports readiness truthfully and drains in this order:
//! readiness false → the public listener stops accepting and requests in hand finish → every service's
//! [`Service::run`] returns → exit 0. A service that ends by itself, or panics, ends the process with a failing
//! code, so that whoever supervises it sees the fault. SIGHUP asks every service to [`Service::reload`] what it
//! can change while it runs.
//!
//! Limits: Unix signals only; one public and one admin listener a process; no global state but the log
//! subscriber and the TLS provider, both installed by [`main`] alone.

mod admin;
mod cli;
mod http;
mod metrics;
pub mod problem;
mod process;
mod program;
mod secret;
mod service;
pub mod settings;
mod shutdown;
mod telemetry;
mod tls;

pub use metrics::registry;
pub use process::{Listeners, Process, ProcessError, Running};
pub use program::{CommandFuture, Program, main};
pub use secret::Secret;
pub use service::{Routes, Service};
pub use settings::{ConfigError, Profile, Settings, Source};
pub use shutdown::{Guard, Shutdown};
pub use tls::install_ring;
