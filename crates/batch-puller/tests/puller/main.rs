//! The puller as a real process between a simulated PPB, a real broker and a real register.

#![expect(clippy::unwrap_used, reason = "a test fails where it expected something else")]

mod faults;
mod lifecycle;
mod modes;
mod queue;
mod scheduled;
mod size;
mod support;
