//! What the broker's tests share: a queue prefix of their own on the test broker, a second
//! connection to look behind the scenes, and a proxy that cuts and stalls.
#![expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests: each test binary includes this and uses its own part"
)]

pub mod proxy;
pub mod rig;

use std::time::Duration;

use lapin::options::{
    BasicAckOptions, BasicGetOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use premise_broker::{BrokerConfig, Outgoing, Route, WorkQueue, topology};

/// Long enough for a busy two-core machine, short enough to fail a test.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn broker_url() -> String {
    std::env::var("PREMISE_TEST_BROKER_URL").expect("run `cargo xtask test`")
}

/// A corner of the test broker.
pub struct Bed {
    pub config: BrokerConfig,
    connection: Connection,
    pub channel: Channel,
}

impl Bed {
    /// Declares the topology under a fresh prefix.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let mut config = BrokerConfig {
            url: broker_url().parse().unwrap(),
            queue_prefix: format!("t-{}.", uuid::Uuid::new_v4().simple()),
            confirm_deadline_ms: 2_000,
            ..BrokerConfig::default()
        };
        change(&mut config);
        premise_broker::declare(&config).await.unwrap();
        let connection = Connection::connect(&broker_url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { config, connection, channel }
    }

    /// The same corner, reached through the proxy.
    pub fn through(&self, proxy: &proxy::Proxy) -> BrokerConfig {
        BrokerConfig { url: proxy.url(&broker_url()).parse().unwrap(), ..self.config.clone() }
    }

    pub fn name(&self, queue: &str) -> String {
        format!("{}{queue}", self.config.queue_prefix)
    }

    /// Messages ready in a queue, unacknowledged ones not counted.
    pub async fn depth(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = self.name(queue);
        self.channel
            .queue_declare(name.as_str().into(), options, FieldTable::default())
            .await
            .unwrap()
            .message_count()
    }

    /// Waits until a queue holds that many ready messages.
    pub async fn wait_for_depth(&self, queue: &str, wanted: u32) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let depth = self.depth(queue).await;
            if depth == wanted {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{queue} holds {depth}, not {wanted}");
            // RabbitMQ has no event for a queue's depth.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Takes a message out of a queue, waiting for it.
    pub async fn take(&self, queue: &str) -> lapin::message::Delivery {
        let name = self.name(queue);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let got = self.channel.basic_get(name.as_str().into(), BasicGetOptions::default()).await.unwrap();
            if let Some(message) = got {
                message.delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
                return message.delivery;
            }
            assert!(tokio::time::Instant::now() < deadline, "nothing in {queue}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn unbind_webhooks(&self) {
        let (queue, exchange) = (self.name(WorkQueue::Webhooks.name()), self.name("premise.inbound"));
        let key = WorkQueue::Webhooks.name();
        self.channel
            .queue_unbind(queue.as_str().into(), exchange.as_str().into(), key.into(), FieldTable::default())
            .await
            .unwrap();
    }

    pub async fn delete_queue(&self, queue: &str) {
        let name = self.name(queue);
        self.channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }

    pub async fn delete_exchange(&self, exchange: &str) {
        let name = self.name(exchange);
        self.channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    }

    /// Leaves nothing behind on the broker.
    pub async fn clean(self) {
        let topology = topology(&self.config.topology_options());
        for queue in topology.queues {
            self.channel
                .queue_delete(queue.name.as_str().into(), QueueDeleteOptions::default())
                .await
                .unwrap();
        }
        for exchange in topology.exchanges {
            self.channel
                .exchange_delete(exchange.name.as_str().into(), ExchangeDeleteOptions::default())
                .await
                .unwrap();
        }
        self.connection.close(200, "OK".into()).await.unwrap();
    }
}

pub fn webhook(n: usize) -> Outgoing {
    Outgoing::json(Route::to(WorkQueue::Webhooks), format!("{{\"n\":{n}}}"))
}

pub fn sync_run(n: usize) -> Outgoing {
    Outgoing::json(Route::to(WorkQueue::SyncRuns), format!("{{\"n\":{n}}}"))
}

/// Fails a test that would hang.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited too long: {what}"))
}
