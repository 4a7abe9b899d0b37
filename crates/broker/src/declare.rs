//! Makes the topology exist on the broker.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, ExchangeKind};

use crate::config::BrokerConfig;
use crate::error::LinkError;
use crate::link::{Link, answered};
use crate::topology::{Argument, ExchangeType, Topology, topology};

/// Declares everything of an installation over a connection of its own. Repeating it is harmless;
/// a queue that exists with other arguments is an error.
pub async fn declare(config: &BrokerConfig) -> Result<(), LinkError> {
    declare_topology(config, &topology(&config.topology_options())).await
}

/// The same for a topology of the caller's, for instance a part of an installation's.
pub async fn declare_topology(config: &BrokerConfig, topology: &Topology) -> Result<(), LinkError> {
    let link = Link::open(config, "declare").await?;
    let declared = answered(declare_on(&link.channel().await?, topology)).await;
    link.close().await;
    declared
}

pub(crate) async fn declare_on(channel: &Channel, topology: &Topology) -> Result<(), LinkError> {
    for exchange in &topology.exchanges {
        let kind = match exchange.kind {
            ExchangeType::Topic => ExchangeKind::Topic,
            ExchangeType::Direct => ExchangeKind::Direct,
        };
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.name.as_str().into(), kind, options, FieldTable::default()).await?;
    }
    for queue in &topology.queues {
        let mut arguments = FieldTable::default();
        for (name, value) in &queue.arguments {
            arguments.insert((*name).into(), amqp(value));
        }
        channel.queue_declare(queue.name.as_str().into(), QueueDeclareOptions::durable(), arguments).await?;
    }
    for binding in &topology.bindings {
        channel
            .queue_bind(
                binding.queue.as_str().into(),
                binding.exchange.as_str().into(),
                binding.key.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(())
}

fn amqp(value: &Argument) -> AMQPValue {
    match value {
        Argument::Number(number) => AMQPValue::LongLongInt(i64::from(*number)),
        Argument::Text(text) => AMQPValue::LongString(LongString::from(text.as_str())),
    }
}
