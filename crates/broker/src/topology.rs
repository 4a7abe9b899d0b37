//! Exchanges, queues and bindings as data.
//!
//! The same data is declared at run time, rendered as `RabbitMQ` definitions for a broker operator, and
//! compared in tests. A changed argument needs a new version suffix in the queue's name: `RabbitMQ`
//! refuses to redeclare a queue with other arguments.
//!
//! Every queue is a quorum queue. At-least-once dead lettering needs `reject-publish` overflow
//! (`RabbitMQ` 3.10 or later).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::queues::{Wait, WorkQueue};

/// Direct exchange of everything that services send to services.
pub(crate) const INBOUND: &str = "premise.inbound";

/// Topic exchange of changes, for subscribers outside.
pub(crate) const CHANGES: &str = "premise.changes";

/// Redeliveries after which the broker itself moves a message to the dead letters. Only a message
/// that kills the process gets there: attempts end after three. Explicit because `RabbitMQ` 4 would
/// count to 20 and a queue without dead letters would then drop the message.
const DELIVERY_LIMIT: u32 = 1_000;

/// For the queues that have no dead letters: never, in practice.
const DELIVERY_LIMIT_OF_LAST_RESORT: u32 = 1_000_000_000;

/// What differs between installations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyOptions {
    /// Put before every name.
    pub prefix: String,
    /// Messages in the webhook queue above which publishes are refused.
    pub max_queue_length: u32,
}

/// All that must exist on the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// Durable exchanges.
    pub exchanges: Vec<Exchange>,
    /// Durable queues.
    pub queues: Vec<Queue>,
    /// Bindings from exchanges to queues.
    pub bindings: Vec<Binding>,
}

/// A durable exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Full name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeType,
}

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeType {
    /// By equal routing key.
    Direct,
    /// By pattern.
    Topic,
}

/// A durable queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Full name.
    pub name: String,
    /// Optional arguments by name.
    pub arguments: BTreeMap<&'static str, Argument>,
}

/// Value of a queue argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    /// A number.
    Number(u32),
    /// A text.
    Text(String),
}

/// A binding of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// Full name of the exchange.
    pub exchange: String,
    /// Full name of the queue.
    pub queue: String,
    /// Routing key.
    pub key: String,
}

/// The topology of an installation.
pub fn topology(options: &TopologyOptions) -> Topology {
    let inbound = full(options, INBOUND);
    let mut queues = Vec::new();
    for work in WorkQueue::ALL {
        queues.push((work.name(), work_arguments(work, options)));
        for wait in work.waits() {
            queues.push((wait.queue, wait_arguments(wait, work, options)));
        }
    }
    Topology {
        exchanges: vec![
            Exchange { name: inbound.clone(), kind: ExchangeType::Direct },
            Exchange { name: full(options, CHANGES), kind: ExchangeType::Topic },
        ],
        bindings: queues
            .iter()
            .map(|(name, _)| Binding {
                exchange: inbound.clone(),
                queue: full(options, name),
                key: (*name).to_owned(),
            })
            .collect(),
        queues: queues
            .into_iter()
            .map(|(name, arguments)| Queue { name: full(options, name), arguments })
            .collect(),
    }
}

pub(crate) fn full(options: &TopologyOptions, name: &str) -> String {
    format!("{}{name}", options.prefix)
}

type Arguments = BTreeMap<&'static str, Argument>;

fn quorum() -> Arguments {
    BTreeMap::from([
        ("x-queue-type", Argument::Text("quorum".into())),
        ("x-overflow", Argument::Text("reject-publish".into())),
    ])
}

fn dead_letters_to(arguments: &mut Arguments, key: &str, options: &TopologyOptions) {
    arguments.extend([
        ("x-dead-letter-exchange", Argument::Text(full(options, INBOUND))),
        ("x-dead-letter-routing-key", Argument::Text(key.into())),
        ("x-dead-letter-strategy", Argument::Text("at-least-once".into())),
    ]);
}

fn work_arguments(work: WorkQueue, options: &TopologyOptions) -> Arguments {
    let mut arguments = quorum();
    if work == WorkQueue::Webhooks {
        arguments.insert("x-max-length", Argument::Number(options.max_queue_length));
    }
    let limit = match work.dead_letters() {
        Some(dead_letters) => {
            dead_letters_to(&mut arguments, dead_letters.name(), options);
            DELIVERY_LIMIT
        }
        None => DELIVERY_LIMIT_OF_LAST_RESORT,
    };
    arguments.insert("x-delivery-limit", Argument::Number(limit));
    arguments
}

fn wait_arguments(wait: &Wait, work: WorkQueue, options: &TopologyOptions) -> Arguments {
    let mut arguments = quorum();
    dead_letters_to(&mut arguments, work.name(), options);
    // Each message carries its own expiration, delay plus jitter; this bounds one that does not.
    let longest = wait.delay.saturating_add(wait.jitter).as_millis();
    arguments.insert("x-message-ttl", Argument::Number(u32::try_from(longest).unwrap_or(u32::MAX)));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Topology {
        topology(&TopologyOptions { prefix: "t.".into(), max_queue_length: 7 })
    }

    fn argument<'a>(topology: &'a Topology, queue: &str, name: &str) -> Option<&'a Argument> {
        topology.queues.iter().find(|q| q.name == queue).unwrap().arguments.get(name)
    }

    #[test]
    fn names_are_those_of_the_contract() {
        let topology = topology(&TopologyOptions { prefix: String::new(), max_queue_length: 7 });
        let queues: Vec<_> = topology.queues.iter().map(|q| q.name.as_str()).collect();
        for name in [
            "premise.webhooks.v1",
            "premise.webhooks.v1.wait.2s",
            "premise.webhooks.v1.wait.4s",
            "premise.webhooks.v1.dlq",
            "premise.sync-runs.v1",
        ] {
            assert!(queues.contains(&name), "{name} in {queues:?}");
        }
        let exchanges: Vec<_> = topology.exchanges.iter().map(|e| (e.name.as_str(), e.kind)).collect();
        let expected = [("premise.inbound", ExchangeType::Direct), ("premise.changes", ExchangeType::Topic)];
        assert_eq!(exchanges, expected);
    }

    #[test]
    fn every_queue_is_bound_once_and_dead_letters_to_a_bound_key() {
        let topology = sample();
        let keys: Vec<_> = topology.bindings.iter().map(|b| b.key.as_str()).collect();
        for queue in &topology.queues {
            assert_eq!(topology.bindings.iter().filter(|b| b.queue == queue.name).count(), 1);
            assert_eq!(queue.arguments["x-queue-type"], Argument::Text("quorum".into()));
            if let Some(Argument::Text(key)) = queue.arguments.get("x-dead-letter-routing-key") {
                assert!(keys.contains(&key.as_str()), "{key}");
                assert_eq!(queue.arguments["x-dead-letter-strategy"], Argument::Text("at-least-once".into()));
                assert_eq!(queue.arguments["x-overflow"], Argument::Text("reject-publish".into()));
            }
        }
    }

    #[test]
    fn waits_return_to_their_work_queue() {
        let topology = sample();
        for (queue, ttl) in
            [("t.premise.webhooks.v1.wait.2s", 2_500), ("t.premise.webhooks.v1.wait.4s", 5_000)]
        {
            assert_eq!(argument(&topology, queue, "x-message-ttl"), Some(&Argument::Number(ttl)));
            assert_eq!(
                argument(&topology, queue, "x-dead-letter-routing-key"),
                Some(&Argument::Text("premise.webhooks.v1".into()))
            );
        }
    }
}
