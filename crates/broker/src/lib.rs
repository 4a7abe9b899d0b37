//! AMQP for every service: topology as data, a publisher that confirms, a consumer that decides
//! retry, dead letter and acknowledgement.
//!
//! Invariants:
//! * No other crate names `lapin`, and only this crate acknowledges a message.
//! * A publish is either [`Confirmed`] or a typed [`PublishError`], always within its deadline.
//!   A message the broker returned as unroutable is a failure even when it was acknowledged.
//! * A retry or a dead letter is confirmed by the broker before the original is acknowledged, so
//!   a crash in between duplicates a message and never loses one (at-least-once).
//! * A lost connection is a state, not an error: publisher and consumer reconnect for ever.
//!
//! Limits: one consumer handles one batch at a time; run several for concurrency. `lapin` logs
//! returned messages with their bodies, so a process must switch its target
//! `lapin::returned_messages` off.

mod backoff;
mod config;
mod consumer;
mod dead_letter;
mod declare;
mod definitions;
mod delivery;
mod error;
mod headers;
mod ladder;
mod link;
mod message;
mod publisher;
mod queues;
mod state;
mod topology;

pub use config::{BrokerConfig, BrokerUrl, InvalidBrokerUrl};
pub use consumer::{Consumer, ConsumerOptions, Handler, Outcome, Pause, Verdict};
pub use dead_letter::{ATTEMPTS_EXHAUSTED, DeadLetter};
pub use declare::{declare, declare_topology};
pub use delivery::Delivery;
pub use error::{Disposition, LinkError, PublishError};
pub use message::{Outgoing, Route};
pub use publisher::{Confirmed, Publisher};
pub use queues::{Wait, WorkQueue};
pub use state::{NotReady, Readiness, State};
pub use topology::{Argument, Binding, Exchange, ExchangeType, Queue, Topology, TopologyOptions, topology};
