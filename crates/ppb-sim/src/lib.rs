//! A stand-in for PPB, for development and tests: the premise catalogue in both authentication
//! flows, webhooks, a change feed, every fault known of the real one, and a control API.
//!
//! Invariants:
//! * The catalogue is a function of seed and number; only changes are kept in memory.
//! * The same seed and the same requests give the same data and the same faults.
//! * All people and premises are made up, but for the one premise of the seed document.
//! * It binds loopback addresses unless told otherwise, and contacts only the webhook receiver.

pub mod access;
pub mod answer;
pub mod body;
pub mod catalogue;
pub mod change_log;
pub mod churn;
pub mod control;
pub mod counters;
pub mod dice;
pub mod document;
pub mod event;
pub mod fault_params;
pub mod faults;
pub mod features;
pub mod feed;
pub mod generator;
pub mod geography;
pub mod names;
pub mod options;
pub mod people;
pub mod premise;
pub mod register;
pub mod row;
pub mod seed_premise;
pub mod server;
pub mod simulator;
pub mod state;
pub mod timestamp;
pub mod webhooks;

mod json;
mod merge;
mod page;
mod problem;
mod webhook_client;
mod webhook_plan;
