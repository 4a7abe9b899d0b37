//! The real `ppb-sim` process on free ports: every route, feature and fault, and a webhook
//! receiver that checks signatures with a computation of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod catalogue;
mod control;
mod faults;
mod feed;
mod process;
mod receiver;
mod webhooks;
